"""Crawls: WARC (responses) and WET (text conversions), framed by FastWARC.

FastWARC stops at the first broken record. Here the reader looks for the next record and goes on, so that one bad
block of a crawl costs the pages in that block.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import IO, Any, Final, cast

from cleaner.errors import BadInput
from cleaner.sources.items import (
    Item,
    SourceOptions,
    bounded_gunzip,
    describe,
    name_from_url,
    open_binary,
    printable,
    too_large,
)

__all__ = ["read_warc"]

PAGE_TYPES: Final = frozenset(("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml", ""))
_GZIP_MEMBER: Final = re.compile(rb"\x1f\x8b\x08")
_PLAIN_RECORD: Final = re.compile(rb"(?<=\n)WARC/\d\.\d\r\n|\AWARC/\d\.\d\r\n")
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,15})[ \t]*\r?$", re.I | re.M)
_STEP: Final = 1 << 20
_BROTLI_STEP: Final = 64  # bytes, because these can unfold to 40 MB in a bomb


def read_warc(path: Path | IO[bytes], label: str, options: SourceOptions) -> Iterator[Item]:
    """One item for each response or conversion record that holds a page; one with an error for each broken record."""
    try:
        import fastwarc  # noqa: F401
    except ImportError:
        message = "reading WARC and WET needs FastWARC; install it with: pip install 'cleaner[warc]'"
        yield Item(label, label, label, error=message)
        return
    try:
        if not isinstance(path, Path):
            yield from _records(cast(IO[bytes], _Forward(path)), label, options, seekable=False)
        elif path.suffix.lower() == ".zst":
            with open_binary(path) as stream:
                yield from _records(cast(IO[bytes], _Forward(stream)), label, options, seekable=False)
        else:
            with path.open("rb") as stream:
                yield from _records(stream, label, options, seekable=True)
    except (OSError, BadInput) as error:
        yield Item(label, label, label, error=describe(error))


def _records(stream: IO[bytes], label: str, options: SourceOptions, *, seekable: bool) -> Iterator[Item]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    wanted = WarcRecordType.response | WarcRecordType.conversion
    start = 0  # where this reading began
    known = False
    while True:
        # All types are asked for, so that the position of the last good record is known when one is broken.
        records: Any = None
        last = -1  # where the last sound record begins
        shift: int | None = None
        told = False  # a record with an error has its row already when the reading breaks behind it
        while True:
            try:
                if records is None:
                    records = iter(ArchiveIterator(stream, parse_http=False, record_types=WarcRecordType.any_type))
                record = next(records)
                if shift is None:
                    # Some releases of FastWARC count from where the reading began, some from the file's beginning.
                    shift = start - record.stream_pos if start else 0
                last = record.stream_pos + shift
                known = known or bool(record.record_type & WarcRecordType.any_type)
                item = _item(record, label, last, options) if record.record_type & wanted else None
                told = item is not None and item.error is not None
            except StopIteration:
                if not known and start == 0:
                    yield Item(label, label, label, error="no WARC record in this file")
                elif last >= 0 and seekable and not told and (left := _left_over(stream, last)):
                    message = f"truncated: {left:,} bytes after the last whole record are no record"
                    yield Item(f"{label}@{last}+", f"{last}-rest", label, error=message)
                return
            except (KeyboardInterrupt, SystemExit, GeneratorExit):
                raise
            except BaseException as error:  # OSError as a rule, and Rust's panics, which are no `Exception`
                broken = error
                break
            if item is not None:
                yield item
        at = max(last, start)
        if last < 0 and start == 0 and not _begins_like_warc(stream, seekable):
            yield Item(label, label, label, error="not a WARC file")
            return
        following = _next_record(stream, at + 1, seekable)
        # The broken record itself, where its beginning is sound: read once more, it may say which page it was.
        again = following is not None and last >= 0 and following == _member_end(stream, at)
        if not told and not again:
            message = f"broken record after byte {at} skipped ({_short(broken)})"
            yield Item(f"{label}@{at}", f"{at}", label, error=message)
        if following is None:
            return
        start = following
        stream.seek(start)


class _Forward:
    """A pipe for FastWARC, which asks any stream for its position and wants to seek, if only forward."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        target = offset if whence == 0 else self._at + offset
        if whence == 2 or target < self._at:
            raise OSError("a pipe cannot be read backwards")
        while self._at < target and self.read(min(_STEP, target - self._at)):
            pass
        return self._at


def _item(record: Any, label: str, at: int, options: SourceOptions) -> Item | None:
    """The page in a record, or ``None`` for one that is no page (an image, a redirect, a 404)."""
    headers = record.headers
    url = headers.get("WARC-Target-URI")
    url = printable(url.strip("<> ")) if url else None
    item_id = printable(headers.get("WARC-Record-ID") or f"{label}@{at}").strip("<>")
    name = name_from_url(url) if url else f"{at}"
    length = int(headers.get("Content-Length", -1))
    if length < 0:
        return Item(item_id, name, label, url=url, error="truncated record: its header does not tell its length")
    # Headers and chunk sizes come on top of a page of the largest size; more than twice is read by nobody.
    if length > 2 * options.max_bytes + 65_536:
        return Item(item_id, name, label, url=url, error=too_large(options.max_bytes))
    block: bytes = record.reader.read()
    if len(block) < length:
        return Item(item_id, name, label, url=url, error=f"truncated record: {len(block):,} of {length:,} bytes")
    language = (headers.get("WARC-Identified-Content-Language") or "").split(",")[0] or None
    if not block.startswith(b"HTTP/"):
        kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if kind not in PAGE_TYPES:
            return None
        # A conversion record is UTF-8 by the format's definition, and text whatever it shows.
        return Item(
            item_id, name, label, url=url, data=block, charset="utf-8", language=language,
            kind="text" if kind == "text/plain" else "auto",
        )  # fmt: skip
    head, _, body = block.partition(b"\r\n\r\n")
    status_line, _, fields = head.partition(b"\r\n")
    status = status_line.split()[1:2]
    if status != [b"200"] and status != [b"203"]:
        return None
    http = Message()
    for field in fields.split(b"\r\n"):
        key, _, value = field.decode("latin-1").partition(":")
        http[key.strip() or "x-empty"] = value.strip().replace("\r", " ").replace("\n", " ")
    content_type = (http.get("Content-Type") or "").partition(";")[0].strip().lower()
    if content_type not in PAGE_TYPES:
        return None
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", http.get("Content-Type") or "", re.I)
    try:
        body = _decoded_body(body, http, options.max_bytes)
    except BadInput as error:
        return Item(item_id, name, label, url=url, error=str(error))
    return Item(
        item_id, name, label, url=url, data=body, charset=charset[1] if charset else None, language=language,
        kind="html" if "html" in content_type else "auto",
    )  # fmt: skip


def _decoded_body(body: bytes, http: Message, max_bytes: int) -> bytes:
    """The body without transfer and content encodings; crawlers often undo them and leave the header standing."""
    if "chunked" in (http.get("Transfer-Encoding") or "").lower():
        body = _dechunked(body)
    encoding = (http.get("Content-Encoding") or "").strip().lower()
    if encoding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        return bounded_gunzip(body, max_bytes)
    if encoding == "deflate":
        for wbits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
            try:
                return bounded_gunzip(body, max_bytes, wbits=wbits)
            except BadInput as error:
                if "limit" in str(error):
                    raise
    if encoding == "br":
        return _unbrotli(body, max_bytes)
    return body


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    try:
        import brotli  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise BadInput("compressed with brotli; install it with: pip install brotli") from error
    unzip = brotli.Decompressor()
    out = bytearray()
    try:
        for at in range(0, len(body), _BROTLI_STEP):
            out += unzip.process(body[at : at + _BROTLI_STEP])
            if len(out) > max_bytes:
                raise BadInput(too_large(max_bytes))
        if not unzip.is_finished():
            return body
    except brotli.error:
        return body  # already undone by the crawler
    return bytes(out)


def _dechunked(body: bytes) -> bytes:
    """The chunks put together; the body as it is where the first one is none, as crawlers undo chunks as well."""
    out: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + 32)
        size = _CHUNK_SIZE.fullmatch(body[at : max(end, at)])
        if end < 0 or not size:
            return body if not out else b"".join(out)
        length = int(size[1], 16)
        if length == 0:
            return b"".join(out) if out or not body[end:].strip() else body
        at = end + 2 + length
        if not out and body[at : at + 2] != b"\r\n":
            return body
        out.append(body[end + 2 : at])
        at += 2


def _begins_like_warc(stream: IO[bytes], seekable: bool) -> bool:
    if not seekable:
        return True
    stream.seek(0)
    head = stream.read(16)
    return head.startswith(b"WARC/") or head.startswith(b"\x1f\x8b")


def _next_record(stream: IO[bytes], at: int, seekable: bool) -> int | None:
    """Where the next record begins at or after byte ``at``; ``None`` at the end or where one cannot look back."""
    if not seekable:
        return None
    stream.seek(0)
    pattern = _GZIP_MEMBER if stream.read(2) == b"\x1f\x8b" else _PLAIN_RECORD
    overlap = 16
    while True:
        stream.seek(max(0, at - 1))  # the plain pattern looks at the line end before it
        window = stream.read(_STEP + overlap)
        for match in pattern.finditer(window):
            found = max(0, at - 1) + match.start()
            if found >= at and (pattern is _PLAIN_RECORD or _is_member(stream, found)):
                return found
        if len(window) < _STEP + overlap:
            return None
        at += _STEP


def _member_end(stream: IO[bytes], at: int) -> int:
    """Where the gzip member at byte ``at`` ends; -1 for what is none."""
    stream.seek(at)
    unzip = zlib.decompressobj(31)
    try:
        while not unzip.eof and (packed := stream.read(_STEP)):
            at += len(packed)
            while packed and not unzip.eof:
                unzip.decompress(packed, _STEP)
                packed = unzip.unconsumed_tail
    except zlib.error:
        return -1
    return at - len(unzip.unused_data) if unzip.eof else -1


def _left_over(stream: IO[bytes], last: int) -> int:
    """How many bytes stand behind the last record, which begins at byte ``last``; its own, if it has no end.

    A crawl that was cut in a record's header ends there without a word.
    """
    stream.seek(last)
    head = stream.read(_STEP)
    if head.startswith(b"\x1f\x8b"):
        end = _member_end(stream, last)
    else:
        fields, gap, _ = head.partition(b"\r\n\r\n")
        length = _LENGTH.search(fields)
        end = last + len(fields) + len(gap) + int(length[1]) if length and gap else -1
    stream.seek(end if end >= 0 else last)
    return len(stream.read(_STEP).strip(b"\r\n\0"))


def _is_member(stream: IO[bytes], at: int) -> bool:
    """Whether a whole gzip header and a WARC record stand at ``at``; the magic bytes alone also occur by chance."""
    stream.seek(at)
    try:
        return zlib.decompressobj(31).decompress(stream.read(512), 5) == b"WARC/"
    except zlib.error:
        return False


def _short(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
