"""The command as a whole: its help, its errors, its exit codes."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence

import click

from cleaner import __version__
from cleaner.cli.cleaning import clean, explain
from cleaner.cli.options import CLOSED_PIPE, FAILED, INTERRUPTED, OK, TERMINATED, USAGE
from cleaner.cli.terminal import say
from cleaner.errors import BadUsage, CleanerError

__all__ = ["app", "main"]


class _Commands(click.Group):
    """Imports the commands that clean no page when another than those that do, or all, are asked for."""

    def _rest(self) -> None:
        from cleaner.cli.learning import check, evaluate, info, train
        from cleaner.cli.sites import sites

        for command in (sites, train, evaluate, check, info):
            self.add_command(command)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            self._rest()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._rest()
        return super().list_commands(ctx)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cleaner")
def app() -> None:
    """Take the boilerplate off web pages, with their HTML or without it.

    \b
    Examples:
      curl -s https://example.org/story | cleaner clean
      cleaner clean story.html
      cleaner clean scraped/ -o clean/ --jobs 8
      cleaner clean crawl.warc.gz -o clean.jsonl
      cleaner explain story.html
      cleaner train fixtures/ -o my.model

    Exit codes: 0 all is well, 1 a page (or the whole command) failed, 2 wrong usage, 130 interrupted.
    """


app.add_command(clean)
app.add_command(explain)


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command and ends the process with its exit code."""
    code = _run(sys.argv[1:] if args is None else args)
    gc.freeze()  # the process ends: Python need not look for garbage twice more, which costs a page's time
    sys.exit(code)


def _run(args: Sequence[str]) -> int:
    # A start makes 25,000 objects that all stay: looking through them for garbage every 700 is in vain.
    gc.set_threshold(50_000, 10, 10)
    # numpy's linear algebra is not used, and starting its threads takes a quarter of a cold start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # SIGTERM ends like Ctrl-C: workers are stopped, files closed, the journal kept.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    _mend_output()
    try:
        # Not app.main(): that prints an empty line of its own on Ctrl-C.
        with app.make_context("cleaner", list(args)) as ctx:
            app.invoke(ctx)
        sys.stdout.flush()
        return OK
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BadUsage as error:
        say(str(error))
        return USAGE
    except CleanerError as error:
        say(str(error))
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        say("interrupted" + ("; what is done is kept, and --resume goes on from there" if _resumes(args) else ""))
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        _drop_output()
        return CLOSED_PIPE
    except OSError as error:
        # Files that are read or written say so themselves: this is standard output, on a disk that is full.
        _drop_output()
        say(f"{error.filename or 'standard output'}: {(error.strerror or str(error)).lower()}")
        return FAILED


def _mend_output() -> None:
    """Standard output that takes all it is given, or says why it does not.

    Unbuffered (PYTHONUNBUFFERED), Python's is the bare file: what a full disk or a closed pipe does not take is lost
    without a word. Where it is closed, the next file that is opened would take its place.
    """
    if sys.stdout is None:
        while (handle := os.open(os.devnull, os.O_RDONLY)) < 1:
            pass  # standard input was closed as well
        sys.stdout = os.fdopen(handle, "w", encoding="utf-8")
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and isinstance(out.buffer, io.RawIOBase):
        encoding, errors = out.encoding, out.errors
        out = sys.stdout = io.TextIOWrapper(io.BufferedWriter(out.detach()), encoding=encoding, errors=errors)
    if isinstance(out, io.TextIOWrapper):
        # Half a character, or one that a terminal lacks, is no reason to stop; files and pipes get UTF-8, all of them.
        out.reconfigure(encoding=out.encoding if out.isatty() else "utf-8", errors="replace")


def _resumes(args: Sequence[str]) -> bool:
    """Whether the command that is asked for has ``--resume``, and writes to a place where that finds something."""
    command = app.commands.get(args[0]) if args else None
    if command is None or all(parameter.name != "resume" for parameter in command.params):
        return False
    return "--output" in args or any(arg.startswith(("-o", "--output=")) for arg in args)


def _drop_output() -> None:
    """The interpreter must not complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
