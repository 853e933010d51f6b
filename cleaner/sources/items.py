"""An item: one page as a source gives it, not decoded yet; and reading bytes within a limit."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

from cleaner.errors import BadInput, PageTooLarge

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "MAX_BYTES", "Item", "KindHint", "SourceFormat", "SourceOptions", "bounded_gunzip", "describe", "left_of",
    "name_from_url", "open_binary", "printable", "read_bounded", "read_stream", "too_large", "unzstd",
]  # fmt: skip

# The largest page of Common Crawl is 1 MiB (it truncates there). Cleaning takes about 60 bytes of memory a byte.
MAX_BYTES: Final = 32_000_000
_GZIP_STEP: Final = 1 << 12

KindHint = Literal["auto", "html", "text"]
SourceFormat = Literal["auto", "page", "jsonl", "parquet", "warc", "wet", "zip", "urls"]


class SourceOptions(NamedTuple):
    """How to read sources.

    ``format`` overrides the file extension. ``text_field`` and ``url_field`` name the columns of JSONL and Parquet.
    ``max_bytes`` bounds a page, decompressed. ``timeout`` and ``delay`` are seconds: for one download, and between
    two downloads from one host. ``private_hosts`` lets a *list* of URLs reach addresses that are not on the public
    internet. ``exclude`` is a path that a folder walk leaves out (the output, when it stands inside the input).
    Of the first ``done`` pages of lists of URLs only the names are given: an earlier run has written them.
    """

    format: SourceFormat = "auto"
    text_field: str | None = None
    url_field: str | None = None
    max_bytes: int = MAX_BYTES
    timeout: float = 30.0
    delay: float = 5.0
    private_hosts: bool = False
    exclude: Path | None = None
    done: int = 0


class Item(NamedTuple):
    """One page of a source.

    ``id`` says which page it is in messages and records; ``name`` is what its output file is named after, and comes
    from outside: it is not a safe path. ``source`` is the file, folder or list that the page was in; ``site`` names
    the site of a page where that is known otherwise than by ``url``. The page is ``data``, or is still in the file
    ``path``, or is missing because of ``error``.
    """

    id: str
    name: str
    source: str
    url: str | None = None
    data: bytes | str | None = None
    path: Path | None = None
    charset: str | None = None
    kind: KindHint = "auto"
    language: str | None = None
    error: str | None = None
    site: str | None = None

    @property
    def size(self) -> int:
        """How much memory the item holds, roughly, in bytes."""
        return len(self.data) if self.data is not None else 200

    def load(self, max_bytes: int = MAX_BYTES) -> bytes | str:
        """The page. Raises ``BadInput`` if it cannot be read, ``PageTooLarge`` beyond ``max_bytes``."""
        if self.error is not None:
            raise BadInput(self.error)
        if self.data is not None:
            if len(self.data) > max_bytes:
                raise PageTooLarge(too_large(max_bytes))
            return self.data
        if self.path is None:
            raise BadInput("the source gave no page")
        return read_bounded(self.path, max_bytes)


def left_of(options: SourceOptions, given: int) -> SourceOptions:
    """The options for what follows the first ``given`` pages of a source: so many fewer of it are ``done``."""
    return options._replace(done=max(0, options.done - given)) if options.done else options


def too_large(max_bytes: int) -> str:
    """The message for a page over the limit."""
    return f"larger than {max_bytes:,} bytes; raise the limit with --max-size"


def describe(error: BaseException) -> str:
    """What went wrong, in a few words, for errors of the operating system and of decompressors."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, EOFError):
        return "truncated: the compressed data ends too early"
    from gzip import BadGzipFile

    if isinstance(error, BadGzipFile | zlib.error):
        return f"not valid gzip data ({error})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading, decompressed if it ends in ``.gz`` or ``.zst``.

    Raises ``BadInput`` for whatever goes wrong while it is open.
    """
    try:
        if path.suffix.lower() == ".gz":
            import gzip

            with gzip.open(path, "rb") as unzipped:
                yield cast(IO[bytes], unzipped)
        elif path.suffix.lower() == ".zst":
            with path.open("rb") as raw, unzstd(raw) as stream:
                yield stream
        else:
            with path.open("rb") as plain:
                yield plain
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(describe(error)) from error


def unzstd(raw: IO[bytes]) -> io.BufferedReader:
    """What a Zstandard stream holds, as a stream. Raises ``BadInput`` where zstandard is missing or the data broken."""
    return io.BufferedReader(_Unzstd(raw), 1 << 16)


class _Unzstd(io.RawIOBase):
    """Zstandard decompressed as a stream, all frames; a frame that ends too early is a ``BadInput``."""

    # zstd's own stream reader takes a truncated frame for a whole one. A kilobyte at a time, because one can unfold
    # to 32 MB in a bomb.
    _STEP: Final = 1024

    def __init__(self, raw: IO[bytes]) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise BadInput("reading .zst needs zstandard; install it with: pip install 'cleaner[zstd]'") from error
        self._zstandard = zstandard
        self._raw = raw
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = (self._frame.unused_data if self._frame is not None and self._frame.eof else b"") or self._raw.read(
                self._STEP
            )
            if not data:
                if self._frame is not None and not self._frame.eof:
                    raise BadInput(describe(EOFError()))
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._zstandard.ZstdDecompressor().decompressobj()
            try:
                self._ready = memoryview(self._frame.decompress(data))
            except self._zstandard.ZstdError as error:
                raise BadInput(f"not valid zstd data ({error})") from error
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The content of a file, decompressed by its extension; never more than ``max_bytes`` are held.

    A compressed file that ends too early is refused: half a page looks like a whole one.
    """
    with open_binary(path) as stream:
        return read_stream(stream, max_bytes)


def read_stream(stream: IO[bytes], max_bytes: int) -> bytes:
    """What is left of a stream. Raises ``PageTooLarge`` as soon as that is more than ``max_bytes``."""
    pieces: list[bytes] = []
    left = max_bytes + 1
    while left > 0 and (piece := stream.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    if left <= 0:
        raise PageTooLarge(too_large(max_bytes))
    return b"".join(pieces)


def bounded_gunzip(data: bytes, max_bytes: int, *, wbits: int = 47) -> bytes:
    """Decompresses gzip or zlib data (all members). Raises ``BadInput`` if broken, ``PageTooLarge`` if a bomb."""
    out = bytearray()
    view = memoryview(data)
    at = 0
    while at < len(data):
        # A piece at a time: what follows a member is copied by zlib, and there may be a hundred thousand members.
        unzip = zlib.decompressobj(wbits)
        while not unzip.eof and at < len(data):
            piece = view[at : at + _GZIP_STEP]
            try:
                out += unzip.decompress(piece, max_bytes + 1 - len(out))
            except zlib.error as error:
                raise BadInput(describe(error)) from error
            if len(out) > max_bytes:
                raise PageTooLarge(too_large(max_bytes))
            at += len(piece) - len(unzip.unused_data)
        if not unzip.eof:
            raise BadInput(describe(EOFError()))
        at = _padding_end(data, at)
    return bytes(out)


def _padding_end(data: bytes, at: int) -> int:
    while at < len(data) and not data[at]:
        zeros = data[at : at + _GZIP_STEP]
        at += len(zeros) - len(zeros.lstrip(b"\0"))
    return at


def printable(name: str) -> str:
    """A name that can be encoded and stands on one line: undecodable bytes and control characters become ``?``."""
    clean = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char.isprintable() else "?" for char in clean)


def name_from_url(url: str) -> str:
    """A relative name after a URL: ``host/path``, with a short hash where there is a query."""
    from urllib.parse import unquote, urlsplit  # a page from standard input does without

    try:
        parts = urlsplit(url)
        host = parts.hostname or "page"
    except ValueError:
        return f"page-{_short_hash(url)}"
    path = unquote(parts.path, errors="replace").strip("/") or "index"
    return f"{host}/{path}" + (f"-{_short_hash(parts.query)}" if parts.query else "")


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()
