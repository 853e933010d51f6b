"""What the command says on standard error: errors, progress, the summary."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from cleaner.batch.run import Summary
    from cleaner.batch.work import Result

__all__ = ["Progress", "say"]

SHOWN_ERRORS: Final = 20  # of a batch; all of them are in its error report


def say(message: str, *, name: bool = True) -> None:
    """One line on standard error."""
    click.echo(("cleaner: " if name else "") + " ".join(message.split()), err=True)


class Progress:
    """One line that is rewritten, at a terminal only; errors above it; the summary at the end."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.shown = sys.stderr is not None and sys.stderr.isatty() and not quiet
        self.errors = 0
        self.drawn = 0.0
        self.total: int | None = None  # pages in the input, where that is known
        self.counted = False  # whether a first pass came before
        self.phase: str | None = None
        self.first = (0, 0.0)  # pages and time when the phase's first result came

    def note(self, message: str) -> None:
        """Replaces the line."""
        if self.shown:
            click.echo(f"\r\033[K{message}", nl=False, err=True)

    def clear(self) -> None:
        """Takes the line away."""
        self.note("")

    def on_counted(self, pages: int) -> None:
        """From time to time, how far the first pass over sites is."""
        self._draw("looking for lines that recur: ", pages)
        self.counted = True

    def on_failure(self, result: Result, *, more: str = "more pages failed") -> None:
        """Shows a failure; after the first ones, once, that there are ``more``."""
        self.errors += 1
        if self.errors <= SHOWN_ERRORS:
            self.clear()
            say(f"{result.id}: {result.error}")
        elif self.errors == SHOWN_ERRORS + 1:
            self.clear()
            say(more)

    def on_result(self, result: Result, summary: Summary) -> None:
        """Shows a failure, and from time to time how far the batch is."""
        if result.error is not None:
            self.on_failure(result, more="more pages failed; all of them are in the error report")
        self._draw("writing: " if self.counted else "", summary.pages, summary.failed)

    def _draw(self, phase: str, pages: int, failed: int = 0) -> None:
        now = time.monotonic()
        if phase != self.phase:
            self.phase, self.first, self.drawn = phase, (pages, now), 0.0
        if not self.shown or now - self.drawn <= 0.2:
            return
        self.drawn = now
        shown = f"{phase}{pages:,}" + (f" of {self.total:,}" if self.total is not None else "") + " pages"
        first, since = self.first
        if now - since > 1 and pages > first:  # before that, a rate says nothing of the time that is left
            rate = (pages - first) / (now - since)
            shown += f", {rate:,.0f}/s"
            if self.total is not None:
                shown += f", {_duration(max(0, self.total - pages) / rate)} left"
        self.note(shown + (f", {failed:,} failed" if failed else ""))

    def finish(self, summary: Summary) -> None:
        """Sums up, as one line of JSON."""
        self.clear()
        if not self.quiet:
            click.echo(json.dumps(summary.as_dict()), err=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
