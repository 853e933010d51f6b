"""Many pages: worker processes, input order, resuming, one record for every failure.

A batch with evidence from the other pages of a site takes two passes: `count_sites`, then `run_batch` with the counts.
"""

from cleaner.batch.counting import count_sites
from cleaner.batch.plan import Format, Plan, make_plan, render, write_file
from cleaner.batch.run import Summary, run_batch
from cleaner.batch.sinks import FolderSink, RowsSink, Sink, StreamSink, row_format
from cleaner.batch.work import Settings, clean_item, make_cleaner

__all__ = [
    "FolderSink", "Format", "Plan", "RowsSink", "Settings", "Sink", "StreamSink", "Summary", "clean_item",
    "count_sites", "make_cleaner", "make_plan", "render", "row_format", "run_batch", "write_file",
]  # fmt: skip
