"""Worker processes under supervision: one that hangs or dies costs the page that did it, nothing else.

joblib's loky gives the processes (started fresh, without running the caller's main module again); its executor gives
up as a whole when one worker dies and cannot stop a task, so dispatch is done here, over a pipe to each worker. A
chunk whose worker died or ran out of time is given out again page by page, which tells the page at fault.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, Final

from cleaner.batch.work import Job, Result, Settings, failure, start_job
from cleaner.errors import CleanerError
from cleaner.sources import Item

__all__ = ["Pool"]

# Finished chunks that wait for an earlier one: enough for the others to work on while one page runs out its time.
MAX_AHEAD: Final = 64
MAX_AHEAD_BYTES: Final = 64_000_000
START_TRIES: Final = 3
START_SECONDS: Final = 120.0
ATTEMPTS: Final = 2  # for a single page whose worker died: the first death may have had another cause


@dataclass(slots=True)
class _Task:
    number: int  # of the chunk
    first: int  # index of the first item in its chunk
    items: list[Item]
    attempts: int = 0


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: connection.Connection
    task: _Task | None = None
    ready: bool = False
    deadline: float = 0.0


@dataclass(slots=True)
class _Chunk:
    results: list[Result | None]
    missing: int
    size: int = field(default=0)


class Pool:
    """``jobs`` processes, started when there is work, that stay for the next pass; to be closed.

    A page that takes longer than ``time_limit`` seconds, or ends its worker, gets a failure as its result.
    """

    def __init__(self, jobs: int, time_limit: float) -> None:
        self.work: tuple[Job, Settings] = ("clean", Settings())
        self.jobs = jobs
        self.time_limit = time_limit
        self.workers: list[_Worker] = []
        self.again: deque[_Task] = deque()
        self.open: dict[int, _Chunk] = {}
        self.failed_starts = 0

    def run(self, job: Job, items: Iterable[list[Item]], settings: Settings) -> Generator[list[Result], None, None]:
        """The results of each chunk of items that ``job`` is done for, in the order of the chunks.

        Raises ``CleanerError`` if workers cannot be started at all. Once it was not run to its end, the pool is only to
        be closed.
        """
        self.work = job, settings
        chunks = iter(items)
        following = next(chunks, None)
        given = written = 0
        while following is not None or self.open:
            while len(self.workers) < self.jobs and (following is not None or self.again):
                self.workers.append(self._start())
            for worker in [w for w in self.workers if w.ready and w.task is None]:
                if self.again:
                    self._give(worker, self.again.popleft())
                elif following is not None and not self._is_far_ahead(given - written):
                    self.open[given] = _Chunk([None] * len(following), len(following))
                    self._give(worker, _Task(given, 0, following))
                    given += 1
                    following = next(chunks, None)
            self._wait()
            while written in self.open and not self.open[written].missing:
                done = self.open.pop(written)
                written += 1
                yield [result for result in done.results if result is not None]

    def _is_far_ahead(self, ahead: int) -> bool:
        return ahead >= MAX_AHEAD or sum(chunk.size for chunk in self.open.values()) > MAX_AHEAD_BYTES

    def _start(self) -> _Worker:
        from joblib.externals.loky.backend import get_context

        context = get_context("loky")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.work), daemon=True)
        with _uninterrupted():
            process.start()
        theirs.close()
        return _Worker(process, ours, deadline=time.monotonic() + START_SECONDS)

    def _give(self, worker: _Worker, task: _Task) -> None:
        worker.task = task
        worker.deadline = time.monotonic() + self.time_limit
        try:
            worker.pipe.send((self.work, task.items))
        except OSError:
            self._lost(worker)

    def _wait(self) -> None:
        """Waits until a worker has something to say, ends, or is out of time."""
        busy = [worker for worker in self.workers if worker.task is not None or not worker.ready]
        if not busy:
            return
        patience = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
        heard = set(connection.wait([worker.pipe for worker in busy], timeout=min(patience, 3600.0)))
        now = time.monotonic()
        for worker in busy:
            if worker.pipe in heard:
                try:
                    self._take(worker, worker.pipe.recv())
                except (EOFError, OSError):
                    self._lost(worker)
            elif now >= worker.deadline:
                self._late(worker)

    def _take(self, worker: _Worker, message: Any) -> None:
        if isinstance(message, CleanerError):  # the model cannot be loaded: no worker will ever work
            raise message
        if message == "ready":
            worker.ready = True
            self.failed_starts = 0
            return
        task = worker.task
        worker.task = None
        if task is None:
            return
        self._put(task, message)

    def _put(self, task: _Task, results: list[Result]) -> None:
        chunk = self.open[task.number]
        for index, result in enumerate(results, task.first):
            chunk.results[index] = result
            chunk.size += len(result.payload) + len(result.dropped or b"")
        chunk.missing -= len(results)

    def _lost(self, worker: _Worker) -> None:
        task, ready = worker.task, worker.ready
        code = self._end(worker)
        if not ready:
            self.failed_starts += 1
            if self.failed_starts >= START_TRIES:
                raise CleanerError(f"the worker processes cannot start ({_death(code)})")
        if task is not None:
            task.attempts += 1
            self._retry(task, f"the worker that cleaned it died ({_death(code)})", last=task.attempts >= ATTEMPTS)

    def _late(self, worker: _Worker) -> None:
        task = worker.task
        self._end(worker)
        if task is None:
            raise CleanerError(f"a worker process did not start within {START_SECONDS:g} seconds")
        self._retry(task, f"not done within {self.time_limit:g} seconds; raise the limit with --time-limit", last=True)

    def _retry(self, task: _Task, message: str, *, last: bool) -> None:
        if len(task.items) > 1:
            self.again.extend(_Task(task.number, task.first + i, [item]) for i, item in enumerate(task.items))
        elif last:
            self._put(task, [failure(task.items[0], message)])
        else:
            self.again.append(task)

    def _end(self, worker: _Worker) -> int | None:
        self.workers.remove(worker)
        worker.pipe.close()
        worker.process.join(0.2)  # one that died by itself still tells how
        if worker.process.exitcode is None:
            _kill(worker.process)
        code: int | None = worker.process.exitcode
        return code

    def close(self) -> None:
        """Ends the processes, whatever they are at."""
        for worker in self.workers:
            worker.pipe.close()
            _kill(worker.process)
        self.workers.clear()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """What starts here inherits a blocked Ctrl-C: a worker that is still importing would print where it was."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as loky_tracker

    resource_tracker.ensure_running()  # both let Ctrl-C through again when they start a process of their own
    loky_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(process: Any) -> None:
    # loky's processes have no kill(), and SIGTERM is not enough for one that hangs in C code.
    with suppress(ProcessLookupError):
        if hasattr(signal, "SIGKILL"):
            os.kill(process.pid, signal.SIGKILL)
        else:
            process.terminate()
    process.join(5)


def _death(code: int | None) -> str:
    if code is None:
        return "unknown cause"
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


def _serve(pipe: connection.Connection, first: tuple[Job, Settings]) -> None:
    """The life of a worker: chunks in, results out, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    sys.stdin = None  # it belongs to the parent
    _die_with_parent()
    try:
        wanted = present = first
        work = start_job(*present)
        pipe.send("ready")
        while True:
            wanted, items = pipe.recv()
            if wanted != present:
                work, present = start_job(*wanted), wanted
            pipe.send(work(items))
    except CleanerError as error:
        pipe.send(error)
    except (EOFError, OSError):
        return


def _die_with_parent() -> None:
    """On Linux: a worker that hangs in a page must not outlive a parent that was killed."""
    if sys.platform == "linux":
        import ctypes

        set_death_signal = 1  # PR_SET_PDEATHSIG in <linux/prctl.h>
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
