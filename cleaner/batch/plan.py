"""From what a user asked for to an output: which files, which format, one page or many."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Literal, NamedTuple

from cleaner.batch.work import Settings, to_record, to_text
from cleaner.errors import BadInput, BadOutput, BadUsage
from cleaner.page import CleanedPage
from cleaner.sources import Item, SourceOptions, is_url, is_whole_source

if TYPE_CHECKING:
    from pathlib import Path

    from cleaner.batch.sinks import Sink

__all__ = ["Format", "Plan", "make_plan", "render", "write_file"]

Format = Literal["text", "markdown", "json", "jsonl", "parquet"]
_PLACE = "--keep-dropped needs a place to write to: name a folder with -o, or use --format json"
_SHARDS = "--shard-size is for rows: name a file with -o that ends in .jsonl or .parquet"
_ENDINGS: dict[Format, str] = {"text": ".txt", "markdown": ".md", "json": ".json"}
_FORMATS: dict[str, Format] = {".txt": "text", ".md": "markdown", ".markdown": "markdown", ".json": "json"}


class Plan(NamedTuple):
    """Where results go and how they are written.

    ``sink`` is set for a batch. Without one, the few pages asked for go one by one to ``file``, or, without that, to
    standard output.
    """

    format: Format
    sink: Sink | None = None
    file: Path | None = None


def make_plan(
    targets: Sequence[str],
    options: SourceOptions,
    output: str | None,
    format: Format | None,
    *,
    shard_size: int | None = None,
    keep_dropped: bool = False,
    stdout: IO[bytes] | None = None,
) -> Plan:
    """Decides where results go. Raises ``BadUsage`` for options that do not go together."""
    pages = all(is_whole_source(target, options) for target in targets)
    if output is None:
        if shard_size is not None:
            raise BadUsage(_SHARDS)
        if format == "parquet":
            raise BadUsage("Parquet is not written to standard output; name a file with -o")
        if keep_dropped and format not in ("json", "jsonl"):
            raise BadUsage(_PLACE)
        if pages:
            return Plan(format or "text")
        if format == "jsonl" and stdout is not None:
            from cleaner.batch.sinks import StreamSink

            return Plan("jsonl", StreamSink(stdout))
        from cleaner.sources.files import is_pattern, matching

        for target in targets:
            if target == "-" or is_url(target):
                continue
            if is_pattern(target) and not any(map(os.path.isfile, matching(target))):
                raise BadInput(f"{target}: no file matches the pattern")
            if not is_pattern(target) and not os.path.lexists(target):
                raise BadInput(f"{target}: no such file or folder")
        raise BadUsage("the input holds many pages; name a folder or a .jsonl file with -o, or use --format jsonl")
    from pathlib import Path

    from cleaner.batch.sinks import FolderSink, RowsSink, row_format

    path = Path(output)
    if path.is_dir() and any(Path(target).is_dir() and path.samefile(target) for target in targets):
        raise BadUsage(f"{output} is what is read: name another folder to write to")
    ending = row_format(path)
    if shard_size is not None and ending is None:
        raise BadUsage(_SHARDS)
    if ending is not None and not path.is_dir():
        if format not in (None, "markdown", "parquet" if ending == ".parquet" else "jsonl"):
            raise BadUsage(f"{output} does not hold {format}: leave out --format, or name another OUT")
        return Plan("markdown" if format == "markdown" else "jsonl", RowsSink(path, shard_size))
    if format in ("jsonl", "parquet"):
        raise BadUsage(f"{format} rows go to one file: name one with -o that ends in .{format}")
    suffix = path.suffix.lower()
    if pages and len(targets) == 1 and suffix in _FORMATS and not path.is_dir() and not output.endswith(("/", os.sep)):
        chosen = format or _FORMATS[suffix]
        if keep_dropped and chosen != "json":
            raise BadUsage(_PLACE)
        return Plan(chosen, file=path)
    return Plan(format or "text", FolderSink(path, _ENDINGS[format or "text"]))


def render(page: CleanedPage, item: Item, settings: Settings, format: Format) -> str:
    """One page in the format that was asked for, as it is printed."""
    if format in ("text", "markdown"):
        return to_text(page, settings)
    record = to_record(page, item, settings)
    return json.dumps(record, ensure_ascii=False, indent=None if format == "jsonl" else 2) + "\n"


def write_file(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Writes a file whole or not at all. Raises ``BadOutput`` if it exists, or cannot be written."""
    if path.exists() and not overwrite:
        raise BadOutput(f"{path}: exists already; name another file or use --overwrite")
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise BadOutput(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error
