"""One run over many pages, from items to a finished output."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from cleaner.batch.sinks import Journal, Sink
from cleaner.batch.work import Result, Settings
from cleaner.errors import BadOutput
from cleaner.sources import Item

__all__ = ["CHUNK_ITEMS", "TIME_LIMIT", "Summary", "run_batch"]

# Prediction over 32 pages at once costs a fifth of one at a time; fixed, so that results do not depend on `jobs`.
CHUNK_ITEMS: Final = 32
CHUNK_BYTES: Final = 4_000_000
TIME_LIMIT: Final = 60.0  # seconds a page; ordinary pages take milliseconds, the largest allowed one about ten seconds
CHECKPOINT_SECONDS: Final = 1.0


@dataclass(slots=True)
class Summary:
    """What a batch did: pages in, cleaned, of those without any main content, failed; and how fast, this time."""

    pages: int = 0
    cleaned: int = 0
    empty: int = 0
    failed: int = 0
    resumed_at: int = 0
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic, repr=False)

    @property
    def rate(self) -> float:
        """Pages per second of this run, without those that an earlier one had done."""
        return (self.pages - self.resumed_at) / max(self.seconds, 1e-9)

    def add(self, result: Result) -> None:
        """Counts one result."""
        self.pages += 1
        self.failed += result.error is not None
        self.cleaned += result.error is None
        self.empty += result.error is None and result.empty
        self.seconds = time.monotonic() - self.started

    def counts(self) -> dict[str, int]:
        """What a resumed run starts from."""
        return {"pages": self.pages, "cleaned": self.cleaned, "empty": self.empty, "failed": self.failed}

    def as_dict(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        return {
            **self.counts(),
            "resumed_at": self.resumed_at,
            "seconds": round(self.seconds, 2),
            "pages_per_second": round(self.rate, 1),
        }


def run_batch(
    items: Iterable[Item],
    settings: Settings,
    sink: Sink,
    *,
    jobs: int = 1,
    time_limit: float = TIME_LIMIT,
    resume: bool = False,
    overwrite: bool = False,
    strict: bool = False,
    run: dict[str, Any] | None = None,
    on_result: Callable[[Result, Summary], None] | None = None,
) -> Summary:
    """Cleans every item into ``sink``, in ``jobs`` processes beside this one; one result an item, in input order.

    ``run`` is what the caller knows to decide the bytes besides ``settings`` (the model's fingerprint, the inputs):
    ``resume`` goes on only where all of it is the same. ``strict`` stops at the first failure and leaves the output
    unfinished. Raises ``BadOutput``; an interrupted run keeps its journal.
    """
    summary = Summary()
    identity = {**settings.as_dict(), **(run or {})}
    journal = sink.open(identity, resume=resume, overwrite=overwrite)
    if journal.counts:
        summary = Summary(**journal.counts, resumed_at=journal.counts["pages"])
    if journal.finished:
        return summary
    results = _results(items, journal, settings, sink, jobs, time_limit)
    saved = time.monotonic()
    ids = bytes.fromhex(journal.ids)
    try:
        for chunk in results:
            for result in chunk:
                wants_checkpoint = sink.write(result)
                summary.add(result)
                journal.done, journal.counts = summary.pages, summary.counts()
                ids = _chained(ids, result.id)
                if on_result is not None:
                    on_result(result, summary)
                if wants_checkpoint or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    journal.ids = ids.hex()
                    sink.checkpoint(journal)
                    saved = time.monotonic()
                if strict and result.error is not None:
                    return summary
        journal.ids = ids.hex()
        sink.finish(journal)
    finally:
        results.close()
        sink.close()
    return summary


def _results(
    items: Iterable[Item], journal: Journal, settings: Settings, sink: Sink, jobs: int, time_limit: float
) -> Generator[list[Result], None, None]:
    from cleaner.batch.pool import clean_chunks  # multiprocessing is not for those who clean one page

    pending = iter(items)
    if journal.done:
        _skip(pending, journal, sink)
    yield from clean_chunks(_chunks(pending), settings, jobs=jobs, time_limit=time_limit)


def _skip(items: Iterator[Item], journal: Journal, sink: Sink) -> None:
    """Passes over the items that are in the output already, and makes sure that they are the same ones."""
    ids = b""
    skipped = 0
    for item in items:
        ids = _chained(ids, item.id)
        sink.skip(item.name)
        skipped += 1
        if skipped == journal.done:
            break
    if skipped < journal.done or ids.hex() != journal.ids:
        raise BadOutput("the input has changed since the run that is to be continued; start anew with --overwrite")


def _chained(ids: bytes, item_id: str) -> bytes:
    return hashlib.blake2b(ids + item_id.encode("utf-8", "replace"), digest_size=16).digest()


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
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
