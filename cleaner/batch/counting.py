"""The first of two passes: on how many pages of its site each line occurs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Final

import numpy as np

from cleaner.batch.work import Settings
from cleaner.sites import SiteCounter, SiteCounts
from cleaner.sources import Item

__all__ = ["chunked", "count_sites"]

# Prediction over 32 pages at once costs a fifth of one at a time; fixed, so that results do not depend on `jobs`.
CHUNK_ITEMS: Final = 32
CHUNK_BYTES: Final = 4_000_000


def count_sites(
    items: Iterable[Item],
    settings: Settings,
    *,
    jobs: int,
    time_limit: float,
    on_page: Callable[[int], None] | None = None,
) -> SiteCounts:
    """Counts the lines of all pages by site; the same counts for any number of ``jobs``.

    A page that cannot be read or takes too long adds nothing: why is told when it is cleaned. ``on_page`` is told the
    number of pages so far. Costs about as much as cleaning them. Raises ``BadOutput`` when there is no room
    for temporary files.
    """
    from cleaner.batch.pool import run_chunks

    counter = SiteCounter()
    with (
        closing(counter),
        closing(run_chunks("count", chunked(items), settings, jobs=jobs, time_limit=time_limit)) as results,
    ):
        done = 0
        for chunk in results:
            for result in chunk:
                done += 1
                if result.error is None and result.payload:
                    counter.add(np.frombuffer(result.payload, dtype=np.uint64))
                if on_page is not None:
                    on_page(done)
        return counter.counts()


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
