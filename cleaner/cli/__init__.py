"""The ``cleaner`` command: parses and calls. What each option does is in ``docs/cli.md``.

Nothing but click is imported until a command runs: ``cleaner --help`` must not wait for numpy.
"""

from cleaner.cli.app import app, main

__all__ = ["app", "main"]
