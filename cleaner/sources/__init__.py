"""Where pages come from: files, folders, archives, tables, crawls, the web, standard input.

Every source is a generator of :class:`Item`, streamed and in a fixed order. A source that fails does not raise: what
is wrong with it is an item of its own, so that one bad file costs a batch one row.
"""

from typing import TYPE_CHECKING, Any

from cleaner.sources.items import MAX_BYTES, Item, SourceOptions
from cleaner.sources.reading import (
    can_be_read_twice,
    count_others,
    count_pages,
    is_url,
    is_whole_source,
    open_source,
    open_sources,
)

if TYPE_CHECKING:
    from cleaner.sources.web import fetch

__all__ = [
    "MAX_BYTES", "Item", "SourceOptions", "can_be_read_twice", "count_others", "count_pages", "fetch", "is_url",
    "is_whole_source", "open_source", "open_sources",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Downloading brings threads, queues and logging along: only who asks for it waits for them.
    if name == "fetch":
        from cleaner.sources.web import fetch

        return fetch
    raise AttributeError(f"module 'cleaner.sources' has no attribute {name!r}")
