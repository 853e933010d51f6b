"""Pages that are rows: JSON lines and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from cleaner.errors import BadInput
from cleaner.sources.items import Item, SourceOptions, describe, open_binary, printable

__all__ = ["read_jsonl", "read_parquet"]

# Where public data sets keep the page, likeliest first (Common Crawl derivatives, C4, RedPajama, WCXB).
TEXT_FIELDS: Final = ("html", "text", "content", "raw_content", "body")
URL_FIELDS: Final = ("url", "source_url", "link")
PARQUET_ROWS: Final = 64  # rows held at once; pages of a megabyte each are common


def read_jsonl(path: Path | IO[bytes], label: str, options: SourceOptions) -> Iterator[Item]:
    """One item a line. A line that is not a JSON object, or has no page, is an item with an error."""
    stem = _stem(label)
    try:
        if isinstance(path, Path):
            with open_binary(path) as stream:
                yield from _jsonl_items(stream, label, stem, options)
        else:
            yield from _jsonl_items(path, label, stem, options)
    except BadInput as error:
        yield Item(label, label, label, error=str(error))


def _jsonl_items(stream: IO[bytes], label: str, stem: str, options: SourceOptions) -> Iterator[Item]:
    # A page in JSON is larger than the page: quotes and line ends take two bytes, other characters up to twelve.
    limit = 2 * options.max_bytes + 65_536
    number = 0
    while line := stream.readline(limit + 1):
        number += 1
        at = f"{label}:{number}"
        if len(line) > limit:
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 20)
            message = f"line {number} is longer than {limit:,} bytes; raise the limit with --max-size"
            yield Item(at, at, label, error=message)
            continue
        if not line.strip():
            continue
        try:
            row = _read_row(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        except (ValueError, RecursionError) as error:
            yield Item(at, at, label, error=f"line {number} is not JSON ({_first_line(error)})")
            continue
        if not isinstance(row, dict):
            yield Item(at, at, label, error=f"line {number} is not a JSON object")
            continue
        yield _row_item(row, at, f"{stem}/{number:07d}", label, options)


def _read_row(line: bytes) -> Any:
    """A line of JSON. Where it is not UTF-8, its texts that are not stay bytes, for their encoding to be found."""
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError:
        row = json.loads(line.decode(errors="surrogateescape"))
        return {key: _as_it_was(value) for key, value in row.items()} if isinstance(row, dict) else row


def _as_it_was(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        try:
            return value.encode(errors="surrogateescape")
        except UnicodeEncodeError:  # half a character, written as an escape
            return value.encode(errors="replace")
    return value


def read_parquet(path: Path, label: str, options: SourceOptions) -> Iterator[Item]:
    """One item a row, read in small batches of the needed columns."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        message = "reading Parquet needs pyarrow; install it with: pip install 'cleaner[parquet]'"
        yield Item(label, label, label, error=message)
        return
    stem = _stem(label)
    number = 0
    try:
        with pq.ParquetFile(path) as table:
            names = table.schema_arrow.names
            text = _pick(names, options.text_field, TEXT_FIELDS)
            if text is None:
                wanted = options.text_field or " or ".join(TEXT_FIELDS)
                have = ", ".join(printable(name) for name in names[:20])
                raise BadInput(f"no column {wanted}; it has {have}. Name the column with --text-field")
            url = _pick(names, options.url_field, URL_FIELDS)
            if options.url_field and url is None:
                raise BadInput(f"no column {options.url_field}; name the column with --url-field")
            others = () if options.text_field else TEXT_FIELDS  # of several columns each row fills one, perhaps
            texts = [text, *(name for name in others if name in names and _holds_text(table.schema_arrow.field(name)))]
            columns = [name for name in dict.fromkeys((*texts, url, "id", "language", "host")) if name in names]
            for batch in table.iter_batches(batch_size=PARQUET_ROWS, columns=columns):
                for row in _rows(batch):
                    at = f"{label}:{number}"
                    yield _row_item(row, at, f"{stem}/{number:07d}", label, options)
                    number += 1
    except (pa.ArrowException, OSError, BadInput, ValueError) as error:
        own = isinstance(error, BadInput | OSError) and not isinstance(error, pa.ArrowException)
        message = describe(error) if own else f"not a readable Parquet file ({_first_line(error)})"
        yield Item(f"{label}:{number}" if number else label, label, label, error=message)


def _holds_text(column: Any) -> bool:
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return any(is_one(kind) for is_one in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _rows(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow batch; a string that is not UTF-8 stays bytes, to be decoded as those of a file are."""
    for values in zip(*(_values(column) for column in batch.columns), strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def _values(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        # The strings of a dictionary have to be laid out before they can be taken as bytes.
        plain = column.dictionary_decode() if hasattr(column, "dictionary_decode") else column
        values = [_text(value) for value in plain.cast("large_binary").to_pylist()]
    return values


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return value


def _row_item(row: Mapping[str, Any], at: str, name: str, label: str, options: SourceOptions) -> Item:
    filled = [name for name in TEXT_FIELDS if isinstance(row.get(name), str | bytes) and row[name]]
    field = _pick(filled if filled and not options.text_field else row, options.text_field, TEXT_FIELDS)
    identity = row.get("id")
    item_id = printable(str(identity)) if isinstance(identity, str | int) and not isinstance(identity, bool) else at
    url_field = _pick(row, options.url_field, URL_FIELDS)
    url = row.get(url_field) if url_field else None
    url = url if isinstance(url, str) and url else None
    if field is None:
        wanted = options.text_field or " or ".join(TEXT_FIELDS)
        error = f"no field {wanted}; name the field with --text-field"
        return Item(item_id, name, label, url=url, error=error if item_id == at else f"{error} ({at})")
    value = row[field]
    if value is None:
        value = ""
    if not isinstance(value, str | bytes):
        return Item(item_id, name, label, url=url, error=f"field {field} holds {type(value).__name__}, not text")
    language, host = row.get("language"), row.get("host")
    return Item(
        item_id, name, label, url=url, data=value, language=language if isinstance(language, str) else None,
        site=_site(host),
    )  # fmt: skip


def _site(host: Any) -> str | None:
    """The site that a row's ``host`` names, written as that of an address is."""
    if not isinstance(host, str) or not host:
        return None
    from cleaner.sites import site_of  # brings numpy along

    return site_of(f"//{host}") or host


def _pick(names: Iterable[str], asked: str | None, usual: tuple[str, ...]) -> str | None:
    have = set(names)
    return next((name for name in ((asked,) if asked else usual) if name in have), None)


def _stem(label: str) -> str:
    return Path(label).name.split(".")[0] or "rows"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
