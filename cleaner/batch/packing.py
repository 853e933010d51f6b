"""A judged page as bytes: what its output still needs, and nothing that only the model looks at."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, Final, NamedTuple

import numpy as np

from cleaner.output import Metadata, language, metadata
from cleaner.page import Elements, Kind, Lines, Page
from cleaner.pipeline import Judged
from cleaner.sources import Item

__all__ = ["Unpacked", "pack", "unpack"]

_SIZES: Final = struct.Struct("<III")  # bytes of the header, lines, elements
_LINE_COLUMNS: Final = ("<f4", "<u4", "<u8", "<u8", "<i4", "<i4", "<u4", "<i4")
_ELEMENT_COLUMNS: Final = ("<i4", "<i4")
_NONE: Final = np.zeros(0, dtype=np.int32)


class Unpacked(NamedTuple):
    """A judged page without its content, and what the content said: language, metadata if they were asked for."""

    judged: Judged
    language: str | None
    meta: Metadata | None


def pack(judged: Judged, *, places: bool, with_metadata: bool) -> bytes:
    """About 9 KB for a page of 340 KB. ``places`` (lists, tables, code around the lines) are for Markdown."""
    page, lines = judged.page, judged.lines
    elements = lines.elements if places else None
    head = {
        "kind": page.kind, "encoding": page.encoding, "replaced": page.replaced, "markdown": page.markdown,
        "language": language(page), "meta": metadata(page) if with_metadata else None,
        "tags": lines.tags, "base": lines.base, "markup": lines.markup,
        "plain": lines.plain if lines.plain != lines.texts else None,
        "elements": [tag for tag, _ in elements.signatures] if elements is not None else None,
        "numbers": list(elements.numbers.items()) if elements is not None else [],
    }  # fmt: skip
    columns: list[Any] = [
        judged.probabilities, judged.words, judged.hashes,
        judged.templates ^ judged.hashes,  # mostly 0: few lines hold a digit
        lines.level, lines.blank_before, np.fromiter(map(len, lines.texts), dtype=np.uint32, count=len(lines)),
        lines.element if lines.element is not None else np.zeros(len(lines), dtype=np.int32),
    ]  # fmt: skip
    columns += [elements.parent, elements.signature] if elements is not None else [_NONE, _NONE]
    header = json.dumps(head).encode()
    kinds = (*_LINE_COLUMNS, *_ELEMENT_COLUMNS)
    return zlib.compress(
        b"".join((
            _SIZES.pack(len(header), len(lines), len(columns[-1])),
            header,
            *(column.astype(kind).tobytes() for column, kind in zip(columns, kinds, strict=True)),
            "".join(lines.texts).encode("utf-8", "surrogatepass"),
        )),
        1,
    )  # fmt: skip


def unpack(data: bytes, item: Item) -> Unpacked:
    """The page of an item that `pack` made. Raises ``ValueError`` or ``zlib.error`` for bytes that it did not make."""
    raw = zlib.decompress(data)
    size, rows, parents = _SIZES.unpack_from(raw)
    at = _SIZES.size + size
    head = json.loads(raw[_SIZES.size : at])
    columns: list[Any] = []
    for kind, count in [*((kind, rows) for kind in _LINE_COLUMNS), *((kind, parents) for kind in _ELEMENT_COLUMNS)]:
        columns.append(np.frombuffer(raw, dtype=kind, count=count, offset=at))
        at += columns[-1].nbytes
    probabilities, words, hashes, templates, level, blank_before, sizes, element, parent, signature = columns
    text = raw[at:].decode("utf-8", "surrogatepass")
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    page = Page(
        "", Kind(head["kind"]), item.url, item.id, head["encoding"], head["replaced"], head["markdown"], item.site
    )
    lines = Lines(
        page.kind,
        [text[start:end] for start, end in zip([0, *ends], ends, strict=False)],
        head["tags"],
        link_chars=_NONE, link_count=_NONE, bold_chars=_NONE, level=level, blank_before=blank_before,
        elements=_elements(parent, signature, head) if head["elements"] is not None else None,
        element=element, markup=head["markup"], plain=head["plain"], base=head["base"],
    )  # fmt: skip
    return Unpacked(
        Judged(page, lines, probabilities, words.astype(np.int64), hashes, templates ^ hashes),
        head["language"],
        Metadata(*head["meta"]) if head["meta"] is not None else None,
    )


def _elements(parent: Any, signature: Any, head: dict[str, Any]) -> Elements:
    return Elements(
        parent, signature, first=_NONE, last=_NONE, images=_NONE, controls=_NONE, hidden=_NONE, depth=_NONE,
        children=_NONE, path=_NONE, signatures=[(tag, "") for tag in head["elements"]], numbers=dict(head["numbers"]),
    )  # fmt: skip
