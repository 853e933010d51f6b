"""Many pages: worker processes, input order, resuming, one record for every failure.

A batch with evidence from the other pages of a site takes two passes: `count_sites` judges every page into a spool and
counts its lines, then `run_batch` decides with the counts and writes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cleaner.batch.counting import count_sites
    from cleaner.batch.plan import Format, Plan, make_plan, render, write_file
    from cleaner.batch.run import Summary, run_batch
    from cleaner.batch.sinks import FolderSink, RowsSink, Sink, StreamSink, row_format
    from cleaner.batch.work import Settings, clean_item, make_cleaner

__all__ = [
    "FolderSink", "Format", "Plan", "RowsSink", "Settings", "Sink", "StreamSink", "Summary", "clean_item",
    "count_sites", "make_cleaner", "make_plan", "render", "row_format", "run_batch", "write_file",
]  # fmt: skip

_HOME = {
    "count_sites": "counting", "Format": "plan", "Plan": "plan", "make_plan": "plan", "render": "plan",
    "write_file": "plan", "Summary": "run", "run_batch": "run", "Settings": "work", "clean_item": "work",
    "make_cleaner": "work",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Names are handed on when asked for: a single page needs neither workers nor journals nor temporary folders.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"cleaner.batch.{_HOME.get(name, 'sinks')}"), name)
    raise AttributeError(f"module 'cleaner.batch' has no attribute {name!r}")
