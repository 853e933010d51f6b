"""Where results go: a mirrored folder, rows in JSONL or Parquet (in shards if wanted), or a stream.

Nothing appears under its final name before it is whole: rows gather in a hidden part file that is renamed at the
end, files are written under a temporary name and renamed. A journal beside the output says how much of the input is
safely in it, so that a run that was killed goes on from there and ends with the same bytes.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import IO, Any, Final, Protocol

from cleaner.batch.locking import OutputLock
from cleaner.batch.names import Names
from cleaner.batch.work import Result
from cleaner.errors import BadOutput
from cleaner.sources.files import FOLDER_JOURNAL, rows_journal

__all__ = ["FolderSink", "Journal", "RowsSink", "Sink", "StreamSink", "check_packer", "row_format"]

JOURNAL_VERSION: Final = 1
COPY_BYTES: Final = 1 << 20
PARQUET_ROWS: Final = 1000  # rows a row group: small enough to hold, large enough to compress
_HINT: Final = "use --resume to go on, --overwrite to start anew"
_GONE: Final = "the run there was finished, but some of what it wrote is gone; start anew with --overwrite"
_ROW_ENDINGS: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


def row_format(path: str | Path) -> str | None:
    """The ending that makes a path an output of rows (``.jsonl``, ``.parquet``, …), or ``None``."""
    name = Path(path).name.lower()
    return next((ending for ending in _ROW_ENDINGS if name.endswith(ending)), None)


def check_packer(ending: str) -> None:
    """Raises ``BadOutput`` if the library that writes such files is missing: before the work, not after it."""
    try:
        if ending == ".parquet":
            import pyarrow.parquet  # noqa: F401
        elif ending.endswith(".zst"):
            import zstandard  # noqa: F401
    except ImportError as error:
        what = "Parquet needs pyarrow" if ending == ".parquet" else ".zst needs zstandard"
        extra = "parquet" if ending == ".parquet" else "zstd"
        raise BadOutput(f"writing {what}; install it with: pip install 'cleaner[{extra}]'") from error


@dataclass(slots=True)
class Journal:
    """How far a run is: ``done`` items of the input, whose ids hash to ``ids``, are in the output.

    ``shard``, ``rows`` and ``bytes`` say where in the output (of a finished folder ``rows`` is how many files it has);
    ``closing`` that a shard was being given its final name; ``counts`` is the summary so far; ``run`` is what decides
    the bytes, so that two runs are not mixed, and ``sites`` the fingerprint of the counts that are evidence in it.
    """

    run: dict[str, Any]
    done: int = 0
    ids: str = ""
    shard: int = 0
    rows: int = 0
    bytes: int = 0
    closing: bool = False
    finished: bool = False
    sites: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Writes the journal so that a reader finds the old one or the new one, never half of one."""
        content = json.dumps({"version": JOURNAL_VERSION, **asdict(self)}, indent=1)
        part = path.with_name(path.name + ".part")
        with part.open("w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Journal:
        """Reads a journal. Raises ``BadOutput`` if it is none."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("version") != JOURNAL_VERSION:
                raise ValueError("another version")
            journal = cls(**values)
            if not isinstance(journal.done, int) or not isinstance(journal.run, dict):
                raise ValueError("wrong types")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadOutput(f"{path}: not a journal of this version ({error}); start anew with --overwrite") from error
        return journal

    def check(self, run: dict[str, Any], path: Path) -> None:
        """Raises ``BadOutput`` if this journal belongs to a run with another model or other options."""
        for key in sorted(self.run.keys() | run.keys()):
            if self.run.get(key) != run.get(key):
                was, now = json.dumps(self.run.get(key)), json.dumps(run.get(key))
                raise BadOutput(
                    f"{path}: the run there had {key} = {_short(was)}, this one has {_short(now)}; "
                    "use the same model and options, or start anew with --overwrite"
                )


class Sink(Protocol):
    """What a batch needs of its output."""

    rows: bool  # whether results are JSON lines, or texts of files
    sites: Path | None  # where the counts of the sites are kept until the end

    def open(self, run: dict[str, Any], *, resume: bool, overwrite: bool) -> Journal:
        """Gets ready, and tells how much of the input is in the output already.

        Raises ``BadOutput``, also when another run is writing there. To be closed after failure, too.
        """

    def skip(self, name: str) -> None:
        """Takes note of an item that is in the output already."""

    def write(self, result: Result) -> bool:
        """Takes one result. ``True`` asks for a checkpoint before the next one."""

    def checkpoint(self, journal: Journal) -> None:
        """Makes sure that everything taken so far survives a kill."""

    def finish(self, journal: Journal) -> None:
        """Gives everything its final name."""

    def close(self) -> None:
        """Lets go of files, after success as after failure."""


class StreamSink:
    """JSON lines to an open stream, such as standard output; nothing to resume."""

    rows = True
    sites: Path | None = None

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def open(self, run: dict[str, Any], *, resume: bool, overwrite: bool) -> Journal:
        return Journal(run)

    def skip(self, name: str) -> None:
        pass

    def write(self, result: Result) -> bool:
        self._stream.write(result.payload)
        return False

    def checkpoint(self, journal: Journal) -> None:
        self._stream.flush()

    def finish(self, journal: Journal) -> None:
        self._stream.flush()

    def close(self) -> None:
        pass


class RowsSink:
    """One row a page in ``path``, whose ending tells the format; with ``shard_size`` in ``path-00000``, ``-00001``, …

    Rows gather as plain JSON lines and are packed (gzip, zstd, Parquet) when their file is full: only plain lines
    can be cut back to where a killed run was safe.
    """

    rows = True

    def __init__(self, path: Path, shard_size: int | None = None) -> None:
        ending = row_format(path)
        if ending is None:
            raise BadOutput(f"{path}: rows are written to {', '.join(_ROW_ENDINGS)}")
        self.path = path
        self.shard_size = shard_size
        self._ending = ending
        self._stem = path.name[: -len(ending)]
        self._spool = path.with_name(f".{path.name}.rows.part")
        self._journal_path = path.with_name(rows_journal(path.name))
        self.sites: Path | None = path.with_name(f".{path.name}.sites.npy")
        self._lock = OutputLock(path.with_name(f".{path.name}.lock"))
        self._stream: IO[bytes] | None = None
        self._shard = 0
        self._rows = 0

    def open(self, run: dict[str, Any], *, resume: bool, overwrite: bool) -> Journal:
        check_packer(self._ending)
        with _output_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            journal = Journal({**run, "shard_size": self.shard_size})
            existing = self._existing(self.shard_size)
            found = Journal.load(self._journal_path) if self._journal_path.exists() and not overwrite else None
            if found is not None and found.finished and not (resume and self._existing(found.run.get("shard_size"))):
                found = None  # its output was moved away, or is one that exists like any other
            if found is not None:
                if not resume:
                    raise BadOutput(f"{self.path}: an unfinished run is there; {_HINT}")
                found.check(journal.run, self.path)
                if found.finished:
                    if self.shard_size and len(existing) < found.shard:
                        raise BadOutput(f"{self.path}: {_GONE}")
                    return found
                journal = found
            elif existing and not overwrite:
                if resume:
                    raise BadOutput(f"{existing[0]}: exists already, and nothing tells of which run; use --overwrite")
                raise BadOutput(f"{existing[0]}: exists already; name another file or use --overwrite")
            else:
                self._spool.unlink(missing_ok=True)
                _remove(self.sites)
                if self.shard_size:  # shards of an earlier, longer run would mix with those of this one
                    for path in existing:
                        path.unlink()
                journal.save(self._journal_path)
            self._shard, self._rows = journal.shard, journal.rows
            if journal.closing:
                self._close_shard(journal)
                journal.save(self._journal_path)  # or rows that come now would be taken for that shard's
            self._stream = _cut_back(self._spool, journal.bytes)
        return journal

    def _existing(self, shard_size: int | None) -> list[Path]:
        if not shard_size:
            return [self.path] if self.path.exists() else []
        # Without a gap from the first: a file whose name ends in a date is none of them.
        shards = (self.path.with_name(f"{self._stem}-{number:05d}{self._ending}") for number in count())
        return list(takewhile(Path.exists, shards))

    def _final(self) -> Path:
        return self.path.with_name(f"{self._stem}-{self._shard:05d}{self._ending}") if self.shard_size else self.path

    def skip(self, name: str) -> None:
        pass

    def write(self, result: Result) -> bool:
        assert self._stream is not None
        with _output_errors(self.path):
            self._stream.write(result.payload)
        self._rows += 1
        return self._rows == self.shard_size

    def checkpoint(self, journal: Journal) -> None:
        assert self._stream is not None
        with _output_errors(self.path):
            self._save(journal, closing=self._rows == self.shard_size)
            if journal.closing:
                self._close_shard(journal)
                journal.save(self._journal_path)
                self._stream = self._spool.open("wb")

    def _save(self, journal: Journal, *, closing: bool) -> None:
        """First the rows, then the journal that counts them, must be safe."""
        assert self._stream is not None
        self._stream.flush()
        os.fsync(self._stream.fileno())
        journal.shard, journal.rows, journal.bytes = self._shard, self._rows, self._stream.tell()
        journal.closing = closing
        journal.save(self._journal_path)

    def finish(self, journal: Journal) -> None:
        with _output_errors(self.path):
            if self._rows or self._shard == 0:
                self._save(journal, closing=True)
                self._close_shard(journal)
            _remove(self.sites)
            self._spool.unlink(missing_ok=True)
            journal.finished = True
            journal.save(self._journal_path)  # it stays: --resume must know what this output was made of

    def _close_shard(self, journal: Journal) -> None:
        """Gives the rows their final name; also when a killed run was about to, or had just done so."""
        if self._stream is not None:
            self._stream.close()
        if self._spool.exists():
            self._pack()
        self._shard, self._rows = self._shard + 1, 0
        journal.shard, journal.rows, journal.bytes, journal.closing = self._shard, 0, 0, False

    def _pack(self) -> None:
        """Turns the part file into its final form, under its final name."""
        final = self._final()
        if self._ending == ".jsonl":
            self._spool.replace(final)
            return
        packed = final.with_name(f".{final.name}.part")
        if self._ending == ".parquet":
            _to_parquet(self._spool, packed)
        else:
            _compress(self._spool, packed, self._ending)
        packed.replace(final)

    def close(self) -> None:
        _let_go(self._stream)
        self._lock.release()


class FolderSink:
    """One file a page below ``folder``, named after the page's own name; failures in ``errors.jsonl`` there."""

    rows = False

    def __init__(self, folder: Path, ending: str) -> None:
        self.folder = folder
        self.rows = ending == ".json"
        self._ending = ending
        self._names = Names()
        self._journal_path = folder / FOLDER_JOURNAL
        self.sites: Path | None = folder / ".cleaner-sites.npy"
        self._errors_path = folder / ".errors.jsonl.part"
        self._report = folder / "errors.jsonl"
        self._lock = OutputLock(folder)
        self._errors: IO[bytes] | None = None
        self._real = folder
        self._made: set[Path] = set()

    def open(self, run: dict[str, Any], *, resume: bool, overwrite: bool) -> Journal:
        with _output_errors(self.folder):
            if self.folder.exists() and not self.folder.is_dir():
                endings = ", ".join(_ROW_ENDINGS)
                raise BadOutput(
                    f"{self.folder}: is a file; many pages go to a folder, or to a file of rows ({endings})"
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            self._real = self.folder.resolve()
            journal = Journal({**run, "ending": self._ending})
            if self._journal_path.exists() and not overwrite:
                found = Journal.load(self._journal_path)
                if not resume:
                    state = "a finished" if found.finished else "an unfinished"
                    raise BadOutput(f"{self.folder}: {state} run is there; {_HINT}")
                found.check(journal.run, self.folder)
                if found.finished:
                    if self._files() < max(found.rows, found.counts.get("cleaned", 0)):
                        raise BadOutput(f"{self.folder}: {_GONE}")
                    return found
                journal = found
            elif not overwrite and not all(self._is_begun(path.name) for path in self.folder.iterdir()):
                raise BadOutput(f"{self.folder}: the folder is not empty; name a new one or use --overwrite")
            else:
                self._errors_path.unlink(missing_ok=True)
                _remove(self.sites)
                self._report.unlink(missing_ok=True)
                journal.save(self._journal_path)
            if journal.bytes and not self._errors_path.exists() and self._report.exists():
                self._report.replace(self._errors_path)  # killed right after the report got its name
            self._errors = _cut_back(self._errors_path, journal.bytes)
        return journal

    def _files(self) -> int:
        """How many pages' files are there."""
        found = (name for _, _, names in os.walk(self.folder) for name in names if not name.startswith("."))
        return sum(name.endswith(self._ending) for name in found)

    def _is_begun(self, name: str) -> bool:
        """Whether a file is what a run leaves that was killed before its first journal was whole."""
        return name == f"{self._journal_path.name}.part"

    def skip(self, name: str) -> None:
        self._names.assign(name)

    def write(self, result: Result) -> bool:
        assert self._errors is not None
        name = self._names.assign(result.name)
        with _output_errors(self.folder):
            if result.error is not None:
                self._errors.write(result.payload)
                return False
            self._write_file(name + self._ending, result.payload)
            if result.dropped is not None:
                self._write_file(f"{name}.dropped.jsonl", result.dropped)
        return False

    def _write_file(self, name: str, content: bytes) -> None:
        path = self.folder / name
        parent = path.parent
        if parent not in self._made:
            parent.mkdir(parents=True, exist_ok=True)
            # A link that somebody left in the output folder must not carry a page out of it.
            if not parent.resolve().is_relative_to(self._real):
                raise BadOutput(f"{parent}: a link that leads out of the output folder; remove it")
            if len(self._made) > 10_000:
                self._made.clear()
            self._made.add(parent)
        # The temporary name is always the same, so that what a killed run leaves is replaced by the next one.
        part = parent / f".{path.name}.part"
        part.unlink(missing_ok=True)  # never write through a link that stands there
        part.write_bytes(content)
        part.replace(path)

    def checkpoint(self, journal: Journal) -> None:
        assert self._errors is not None
        with _output_errors(self.folder):
            self._errors.flush()
            os.fsync(self._errors.fileno())
            journal.bytes = self._errors.tell()
            journal.save(self._journal_path)

    def finish(self, journal: Journal) -> None:
        assert self._errors is not None
        with _output_errors(self.folder):
            self.checkpoint(journal)
            self._errors.close()
            if journal.bytes:
                self._errors_path.replace(self._report)
            else:
                self._errors_path.unlink()
            _remove(self.sites)
            journal.rows = self._files()  # with those of earlier runs: none of them may be gone when it is resumed
            journal.finished = True
            journal.save(self._journal_path)

    def close(self) -> None:
        _let_go(self._errors)
        self._lock.release()


def _cut_back(path: Path, size: int) -> IO[bytes]:
    """A part file, opened to go on after its first ``size`` bytes. Raises ``BadOutput`` if it does not have as many."""
    stream = path.open("ab")
    if stream.seek(0, os.SEEK_END) < size:  # truncating would fill it up with NULs
        stream.close()
        raise BadOutput(f"{path}: shorter than its journal says; start anew with --overwrite")
    stream.truncate(size)
    stream.seek(0, os.SEEK_END)
    return stream


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


def _let_go(stream: IO[bytes] | None) -> None:
    # What is not flushed by now is not in the journal either, and the error that led here is the one to report.
    with suppress(OSError):
        if stream is not None:
            stream.close()


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says (no space, no permission, not a folder) into ``BadOutput``."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        reason = (error.strerror or str(error)).lower()
        raise BadOutput(f"{where}: cannot be written: {reason}") from error


def _compress(source: Path, target: Path, ending: str) -> None:
    with source.open("rb") as plain, target.open("wb") as raw:
        if ending.endswith(".gz"):
            # No time and no name in the header: the same rows give the same bytes.
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
                shutil.copyfileobj(plain, packed, COPY_BYTES)
            return
        import zstandard

        zstandard.ZstdCompressor(level=9).copy_stream(plain, raw)


def _to_parquet(source: Path, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    dropped = pa.list_(pa.struct([("line", pa.int32()), ("probability", pa.float32()), ("text", pa.string())]))
    meta = pa.struct([(name, pa.string()) for name in ("title", "author", "date", "site_name", "language")])
    # All columns in every file, whatever the options: shards and runs can be read together.
    schema = pa.schema([
        ("id", pa.string()), ("url", pa.string()), ("source", pa.string()), ("text", pa.string()),
        ("confidence", pa.float32()), ("kind", pa.string()), ("markdown", pa.bool_()), ("encoding", pa.string()),
        ("replaced", pa.int32()), ("language", pa.string()), ("kept", pa.int32()), ("dropped", pa.int32()),
        ("error", pa.string()), ("metadata", meta), ("dropped_lines", dropped),
    ])  # fmt: skip
    with source.open("rb") as lines, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        while rows := [json.loads(line) for _, line in zip(range(PARQUET_ROWS), lines, strict=False)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
