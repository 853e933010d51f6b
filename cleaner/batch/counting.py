"""The first of two passes: every page judged, and on how many pages of its site each line occurs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

import numpy as np

from cleaner.batch.spool import Spool
from cleaner.batch.work import Result, Settings
from cleaner.sites import SiteCounter, SiteCounts
from cleaner.sources import Item

if TYPE_CHECKING:
    from cleaner.batch.pool import Pool

__all__ = ["chunked", "count_sites"]

# Prediction over 32 pages at once costs a fifth of one at a time; fixed, so that results do not depend on `jobs`.
CHUNK_ITEMS: Final = 32
CHUNK_BYTES: Final = 4_000_000


def count_sites(
    items: Iterable[Item],
    settings: Settings,
    pool: Pool,
    *,
    on_page: Callable[[int], None] | None = None,
    on_failure: Callable[[Result], None] | None = None,
    spool: Spool | None = None,
) -> SiteCounts:
    """Counts the lines of all pages by site; the same counts for any number of processes.

    With a ``spool`` every page is also judged and kept there, one that fails with its error, so that what is dear is
    done once; without one, such a page only adds nothing, and ``on_failure`` is told of it. ``on_page`` is told the
    number of pages so far. Costs most of cleaning them either way. Raises ``BadOutput`` when there is no room for
    temporary files.
    """
    counter = SiteCounter()
    given: deque[Item] = deque()  # items whose results are to come, without their data
    if spool is not None:
        items = _noted(items, given)
    results = pool.run("count" if spool is None else "judge", chunked(items), settings)
    with closing(counter), closing(results):
        done = 0
        for chunk in results:
            for result in chunk:
                done += 1
                if result.keys:
                    counter.add(np.frombuffer(result.keys, dtype=np.uint64))
                if spool is not None:
                    spool.add(given.popleft(), result)
                if on_failure is not None and result.error is not None:
                    on_failure(result)
                if on_page is not None:
                    on_page(done)
        return counter.counts()


def _noted(items: Iterable[Item], given: deque[Item]) -> Iterator[Item]:
    for item in items:
        given.append(item._replace(data=None))
        yield item


def chunked(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in lists of a fixed size, fewer where they are large."""
    chunk: list[Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += item.size
        if len(chunk) >= CHUNK_ITEMS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
