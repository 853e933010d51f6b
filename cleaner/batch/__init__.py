"""Many pages: worker processes, input order, resuming, one record for every failure.

The pages of a batch are judged one by one. Evidence from the other pages of a site belongs between reading and
cleaning (`work.clean_chunk`), where the items of a chunk are known and the order is fixed.
"""

from cleaner.batch.plan import Format, Plan, make_plan, render, write_file
from cleaner.batch.run import Summary, run_batch
from cleaner.batch.sinks import FolderSink, RowsSink, Sink, StreamSink, row_format
from cleaner.batch.work import Settings, clean_item, make_cleaner

__all__ = [
    "FolderSink", "Format", "Plan", "RowsSink", "Settings", "Sink", "StreamSink", "Summary", "clean_item",
    "make_cleaner", "make_plan", "render", "row_format", "run_batch", "write_file",
]  # fmt: skip
