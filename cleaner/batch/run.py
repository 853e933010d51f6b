"""One run over many pages, from items to a finished output."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cleaner.batch.counting import chunked
from cleaner.batch.sinks import Journal, Sink
from cleaner.batch.spool import Spool
from cleaner.batch.work import Job, Result, Settings
from cleaner.errors import BadInput, BadOutput
from cleaner.sites import SiteCounts
from cleaner.sources import Item

if TYPE_CHECKING:
    from cleaner.batch.pool import Pool

__all__ = ["TIME_LIMIT", "Summary", "run_batch"]

TIME_LIMIT: Final = 60.0  # seconds a page; ordinary pages take milliseconds, the largest allowed one about ten seconds
CHECKPOINT_SECONDS: Final = 1.0
_CHANGED: Final = "the input has changed since the run that is to be continued; start anew with --overwrite"


@dataclass(slots=True)
class Summary:
    """What a batch did: pages in, cleaned, of those without any main content, failed; and how fast, this time.

    The time is that of both passes, where there are two.
    """

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
    items: Iterable[Item] | Callable[[int], Iterable[Item]],
    settings: Settings,
    sink: Sink,
    *,
    jobs: int = 1,
    time_limit: float = TIME_LIMIT,
    resume: bool = False,
    overwrite: bool = False,
    strict: bool = False,
    run: dict[str, Any] | None = None,
    sites: Callable[[Pool, Spool], SiteCounts] | None = None,
    on_result: Callable[[Result, Summary], None] | None = None,
) -> Summary:
    """Cleans every item into ``sink``, in ``jobs`` processes beside this one; one result an item, in input order.

    ``items`` may be a function: it is told how many of the first an earlier run has written, which need only be named.
    ``run`` is what the caller knows to decide the bytes besides ``settings`` (the model's fingerprint, the inputs):
    ``resume`` goes on only where all of it is the same. ``strict`` stops at the first failure and leaves the output
    unfinished. ``sites`` gives the counts that are evidence for the pages (`count_sites`, `SiteCounts.load`); they
    are asked for when the output is known to be writable, and kept beside it until the run is finished. If it leaves
    judged pages in the spool that it is given beside the workers, those are written and ``items`` are not looked at.
    Raises ``BadOutput``; an interrupted run keeps its journal.
    """
    summary = Summary()
    identity = {**settings.as_dict(), **(run or {})}
    try:
        journal = sink.open(identity, resume=resume, overwrite=overwrite)
        if journal.counts:
            summary = Summary(**journal.counts, resumed_at=journal.counts["pages"])
        if journal.finished:
            return summary
        from cleaner.batch.pool import Pool  # multiprocessing is not for those who clean one page

        with closing(Pool(jobs, time_limit)) as pool, _counted(sites, journal, sink, pool) as (counts, spool):
            job: Job = "clean"
            if spool is not None and spool.pages:
                job, items = "settle", spool.items()
            settings = settings._replace(sites=counts)
            pending = iter(items(journal.done) if callable(items) else items)
            if journal.done:
                _skip(pending, journal, sink)
            results = _last(pool.run(job, chunked(pending), settings), pool)
            _write(results, sink, journal, summary, strict, on_result)
    finally:
        sink.close()
    return summary


def _write(
    results: Generator[list[Result], None, None],
    sink: Sink,
    journal: Journal,
    summary: Summary,
    strict: bool,
    on_result: Callable[[Result, Summary], None] | None,
) -> None:
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
                    return
        journal.ids = ids.hex()
        sink.finish(journal)
    finally:
        results.close()


@contextmanager
def _counted(
    sites: Callable[[Pool, Spool], SiteCounts] | None, journal: Journal, sink: Sink, pool: Pool
) -> Iterator[tuple[Path | None, Spool | None]]:
    """Where the counts of the sites lie: those of the run that is continued, or new ones, with pages judged by the way.

    A run that is continued has its counts, but no spool: that went with the process. Its pages are read again.
    """
    if sites is None:
        yield None, None
        return
    with (
        tempfile.TemporaryDirectory(prefix="cleaner-sites-") as folder,
        closing(Spool(sink.sites.parent if sink.sites is not None else None)) as spool,
    ):
        path = sink.sites or Path(folder) / "sites.npy"
        if not (journal.sites and path.exists()):
            counts = sites(pool, spool)
            if journal.sites and journal.sites != counts.fingerprint:
                raise BadOutput(_CHANGED)
            journal.sites = counts.fingerprint
            try:
                counts.store(path)
            except OSError as error:
                raise BadOutput(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error
            sink.checkpoint(journal)
        elif SiteCounts.attach(path).fingerprint != journal.sites:
            raise BadInput(f"{path}: not the counts that the run began with; start anew with --overwrite")
        yield path, spool


def _last(results: Iterator[list[Result]], pool: Pool) -> Generator[list[Result], None, None]:
    """The results of the last pass. The workers end with it: they have mapped the counts, which are removed next."""
    try:
        yield from results
    finally:
        pool.close()


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
        raise BadOutput(_CHANGED)


def _chained(ids: bytes, item_id: str) -> bytes:
    return hashlib.blake2b(ids + item_id.encode("utf-8", "replace"), digest_size=16).digest()
