"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cleaner.errors import BadOutput, BadUsage

if TYPE_CHECKING:
    from cleaner.sources import SourceOptions

__all__ = [
    "DELAY", "FAVOR", "FROM", "JOBS", "KIND", "KINDS", "MAX_SIZE", "MODEL", "PRIVATE_HOSTS", "QUIET", "SITES_FROM",
    "TEXT_FIELD", "TIMEOUT", "TIME_LIMIT", "URL", "URL_FIELD", "Seconds", "Size", "check_writable", "named",
    "source_options", "targets", "with_options",
]  # fmt: skip

OK, FAILED, USAGE, INTERRUPTED, CLOSED_PIPE, TERMINATED = 0, 1, 2, 130, 141, 143

MOST_SECONDS = 1_000_000
KINDS = click.Choice(["auto", "html", "text"])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Size(click.types.IntParamType):
    """A number of bytes: ``1000``, ``500K``, ``32MB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip().upper().removesuffix("B")
        factor = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}.get(text[-1:], 1)
        try:
            size = int(float(text if factor == 1 else text[:-1]) * factor)
        except (ValueError, OverflowError):
            size = 0
        if size <= 0:
            self.fail(f"{value!r} is not a size; write 500K or 32MB", param, ctx)
        return size


class Seconds(click.FloatRange):
    """A time in seconds, of at most eleven days: what counts them elsewhere takes no more than 24."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if not found <= MOST_SECONDS:  # nor is nan
            self.fail(f"{value} is not a number of seconds up to {MOST_SECONDS:,}", param, ctx)
        return found


def with_options(*decorators: Decorator) -> Decorator:
    """Several option decorators as one."""

    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return wrap


MODEL = click.option("--model", metavar="FILE", help="Model file; without it, the one that comes with the package.")
FAVOR = click.option(
    "--favor", type=click.Choice(["balanced", "precision", "recall"]), default="balanced", show_default=True,
    help="Drop more (precision) or keep more (recall).",
)  # fmt: skip
KIND = click.option("--kind", type=KINDS, default="auto", show_default=True, help="What the pages are made of.")
URL = click.option("--url", metavar="URL", help="Address of the page, for one that comes from a file or a pipe.")
MAX_SIZE = click.option(
    "--max-size", type=Size(), default="32MB", show_default=True, help="Refuse pages larger than this, decompressed."
)
TIMEOUT = click.option(
    "--fetch-timeout", type=Seconds(min=1), default=30.0, show_default=True, help="Seconds for one download."
)
JOBS = click.option(
    "--jobs", type=click.IntRange(min=0), default=1, show_default=True, help="Worker processes; 0 is one a core."
)
FROM = click.option(
    "--from", "from_", type=click.Choice(["auto", "page", "jsonl", "parquet", "warc", "wet", "zip", "urls"]),
    default="auto", show_default=True, help="What the input files are, where their names do not tell.",
)  # fmt: skip
TEXT_FIELD = click.option(
    "--text-field", metavar="NAME", help="Field or column of JSONL and Parquet input that holds the page."
)
URL_FIELD = click.option(
    "--url-field", metavar="NAME", help="Field or column of JSONL and Parquet input that holds the address."
)
TIME_LIMIT = click.option(
    "--time-limit", type=Seconds(min=0, min_open=True), default=60.0, show_default=True,
    help="Seconds a page of a batch may take.",
)  # fmt: skip
DELAY = click.option(
    "--delay", type=Seconds(min=0), default=5.0, show_default=True,
    help="Seconds between two downloads of a list of URLs from one host.",
)  # fmt: skip
PRIVATE_HOSTS = click.option(
    "--private-hosts", is_flag=True, help="Let a list of URLs reach hosts off the public internet."
)
SITES_FROM = click.option(
    "--sites-from", metavar="FILE", help="Use the counts of repeated lines that `cleaner sites build` made."
)
QUIET = click.option("--quiet", is_flag=True, help="No progress, no summary; errors only.")


def named(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths as they are. Raises ``BadUsage`` for an empty one, which would be the folder one is in."""
    if "" in paths:
        raise BadUsage("an empty name names no file; is a variable of the shell not set?")
    return paths


def targets(ctx: click.Context, paths: tuple[str, ...]) -> tuple[str, ...]:
    """What to read: standard input if nothing is named, unless that is a terminal, where a person waits for help."""
    if named(paths):
        if paths.count("-") > 1:
            raise BadUsage("standard input (-) can be read once only")
        return paths
    if sys.stdin is None or sys.stdin.isatty():
        click.echo(ctx.get_help())
        ctx.exit(USAGE)
    return ("-",)


def check_writable(path: str) -> None:
    """Raises ``BadOutput`` before the long work, not after it."""
    from pathlib import Path

    parent = Path(path).parent
    if Path(path).is_dir():
        raise BadOutput(f"{path}: is a folder; name a file")
    if not parent.is_dir():
        raise BadOutput(f"{path}: the folder {parent} does not exist; create it first")
    if not os.access(parent, os.W_OK):
        raise BadOutput(f"{path}: the folder {parent} cannot be written to")


def source_options(
    *, max_size: int, fetch_timeout: float, from_: Any = "auto", text_field: str | None = None,
    url_field: str | None = None, delay: float = 0.0, private_hosts: bool = False, output: str | None = None,
) -> SourceOptions:  # fmt: skip
    """The options of a command as those of a source."""
    from cleaner.sources import SourceOptions

    options = SourceOptions(from_, text_field, url_field, max_size, fetch_timeout, delay, private_hosts)
    if not output:
        return options
    from pathlib import Path

    return options._replace(exclude=Path(output).resolve())
