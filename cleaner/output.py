"""A cleaned page as text, as Markdown, as a JSON record, and its metadata.

Text pages come out as they stood, in every format: their own marks are their structure. Only an HTML page, whose
lines know their tags, is *written* as Markdown.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from urllib.parse import urljoin

from cleaner.page import CleanedPage, Kind, Line

__all__ = [
    "Metadata", "as_explained", "as_explained_text", "as_markdown", "as_record", "as_text", "dropped_lines",
    "front_matter", "language", "metadata",
]  # fmt: skip

# What would be read as mark-up in the middle of a line (CommonMark 0.31, sections 2.4 and 6). A bracket matters only
# where a target follows, an underscore only at the edge of a word, an ampersand only in an entity.
_INLINE: Final = re.compile(
    r"[`*]|\\(?=[!-/:-@\[-`{-~])|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w{1,31};)|\[(?=[^\[\]]*\][(\[:])|~(?=~)"
)
_BLOCK: Final = re.compile(r"^(?:(#{1,6})(?=\s|$)|([-+])(?=\s|$)|(>)|(=+|-{2,})(?=\s*$)|(\d{1,9})([.)])(?=\s|$)|(~~~))")
_LINK: Final = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]*)\)")
_BRACKET: Final = re.compile(r"(?<!\\)[\[\]]")
_FENCES: Final = re.compile(r"`{3,}")
_LANG: Final = re.compile(r"<html\b[^>]{0,1000}?\slang\s*=\s*[\"']?\s*([A-Za-z]{2,3})(?![A-Za-z])", re.I)
# Schemes that a reader can follow; `javascript:` and `data:` are not for a document that others will render.
_FOLLOWED: Final = re.compile(r"(?:https?|ftp|mailto|tel):|(?![A-Za-z][A-Za-z0-9+.-]*:)", re.I)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a page says about itself; ``None`` where it says nothing. ``date`` is ISO 8601 (``2024-05-31``)."""

    title: str | None = None
    author: str | None = None
    date: str | None = None
    site_name: str | None = None
    language: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The fields by name, for JSON."""
        return {
            "title": self.title, "author": self.author, "date": self.date, "site_name": self.site_name,
            "language": self.language,
        }  # fmt: skip


def as_text(page: CleanedPage) -> str:
    """The main content as plain text, without a newline at the end."""
    return page.text


def as_markdown(page: CleanedPage, *, links: bool = False) -> str:
    """The main content as CommonMark with tables (GFM); without a newline at the end.

    Rows of one table, lines of one ``<pre>`` and items of one list stay together. The first kept row of a table is
    its header, because Markdown knows no table without one. ``links`` writes the links of lines that know them
    (``Cleaner(links=True)``), relative ones made absolute by the page's URL.
    """
    if page.page.kind is Kind.TEXT:
        return page.text
    writer = _Markdown(page.page.url if links else None, links)
    for block in _blocks(page.lines):
        writer.write(block)
    return "\n".join(writer.out).strip("\n")


def front_matter(meta: Metadata) -> str:
    """Metadata as the block that text and Markdown files begin with (YAML, its strings quoted as in JSON)."""
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in meta.as_dict().items() if value]
    return f"---\n{''.join(rows)}---\n\n"


def as_record(
    page: CleanedPage, *, text: str | None = None, source: str | None = None, keep_dropped: bool = False,
    meta: Metadata | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The page as a JSON object; ``docs/cli.md`` documents its fields. ``text`` replaces the plain text if given."""
    kept, dropped = page.counts
    record: dict[str, Any] = {
        "id": page.page.id,
        "url": page.page.url,
        "source": source,
        "text": page.text if text is None else text,
        "confidence": round(float(page.confidence), 4),
        "kind": str(page.page.kind),
        "markdown": page.page.markdown,
        "encoding": page.page.encoding,
        "replaced": page.page.replaced,
        "language": (meta.language if meta else None) or language(page),
        "kept": kept,
        "dropped": dropped,
        "error": None,
    }
    if meta is not None:
        record["metadata"] = meta.as_dict()
    if keep_dropped:
        record["dropped_lines"] = dropped_lines(page)
    return record


def dropped_lines(page: CleanedPage) -> list[dict[str, Any]]:
    """What was dropped: number of the line in the page (from 0), its probability and its text."""
    return [
        {"line": number, "probability": round(line.probability, 4), "text": line.text}
        for number, line in enumerate(page.lines)
        if not line.kept
    ]


def as_explained(page: CleanedPage) -> dict[str, Any]:
    """Every line of the page with its probability and whether it was kept, as a JSON object."""
    return {
        "kind": str(page.page.kind),
        "markdown": page.page.markdown,
        "encoding": page.page.encoding,
        "confidence": round(float(page.confidence), 4),
        "lines": [
            {
                "line": number,
                "probability": round(line.probability, 4),
                "kept": line.kept,
                "tag": line.tag,
                "text": line.text,
            }
            for number, line in enumerate(page.lines)
        ],
    }


def as_explained_text(page: CleanedPage) -> str:
    """The same for the eye: the kind first, then probability, ``+`` for kept, and the text of each line."""
    kind = f"{page.page.kind} (Markdown)" if page.page.markdown else str(page.page.kind)
    encoding = f", {page.page.encoding}" if page.page.encoding else ""
    count, dropped = page.counts
    kept = f"kept {count} of {count + dropped} lines"
    rows = [f"# kind: {kind}{encoding}, confidence {page.confidence:.2f}, {kept}"]
    for line in page.lines:
        # Control characters of a hostile page are not for a terminal.
        text = "".join(char if char.isprintable() else " " for char in line.text)
        rows.append(f"{line.probability:.3f} {'+' if line.kept else '-'} {text}")
    return "\n".join(rows)


def language(page: CleanedPage) -> str | None:
    """The language that the page's ``<html lang>`` declares (``"en"``), or ``None``: it is read, never guessed."""
    if page.page.kind is Kind.TEXT:
        return None
    found = _LANG.search(page.page.content[:65_536])
    return found[1].lower() if found else None


def metadata(page: CleanedPage) -> Metadata:
    """Title, author, date, site name and language, by trafilatura (tens of milliseconds a page).

    A page without HTML has no metadata; nor has one that trafilatura cannot read.
    """
    if page.page.kind is Kind.TEXT or not page.page.content.strip():
        return Metadata()
    from trafilatura.metadata import extract_metadata

    try:
        found = extract_metadata(page.page.content, default_url=page.page.url)
    except Exception:  # a third party's parser on hostile input: missing metadata must not cost the page its text
        return Metadata(language=language(page))
    if found is None:
        return Metadata(language=language(page))
    return Metadata(found.title, found.author, found.date, found.sitename, found.language or language(page))


def _blocks(lines: tuple[Line, ...]) -> list[tuple[str, list[Line]]]:
    """Kept lines in runs that belong together: ``(tag, lines)``, with ``oli`` and ``li`` both as ``li``.

    Rows with a dropped line of another kind between them are of two tables, likewise lines of code.
    """
    numbered: list[tuple[tuple[str, int], Line]] = []
    run = 0
    last = ""
    for line in lines:
        tag = "li" if line.tag == "oli" else line.tag
        if tag != last or tag not in ("pre", "tr", "li", "blockquote"):
            run += 1
        last = tag
        if line.kept:
            numbered.append(((tag, run), line))
    return [(key[0], [line for _, line in group]) for key, group in groupby(numbered, key=lambda pair: pair[0])]


class _Markdown:
    """Writes blocks; ``out`` is the lines of the document so far."""

    def __init__(self, base: str | None, links: bool) -> None:
        self.base = base
        self.links = links
        self.out: list[str] = []

    def write(self, block: tuple[str, list[Line]]) -> None:
        tag, lines = block
        if tag == "pre":
            self._code(lines)
        elif tag == "tr" and any("\t" in line.text for line in lines):
            self._table(lines)
        elif tag == "li":
            self._list(lines)
        else:
            for line in lines:
                self._paragraph(tag, line)
        self.out.append("")

    def _paragraph(self, tag: str, line: Line) -> None:
        text = self._inline(line)
        if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            self.out.append(f"{'#' * int(tag[1])} {text}")
        elif tag == "blockquote":
            if self.out and self.out[-1].startswith(">"):
                self.out.append(">")
            self.out.append("> " + _guard(text))
        else:
            if self.out and self.out[-1]:
                self.out.append("")
            self.out.append(f"**{text}**" if tag == "dt" else _guard(text))

    def _code(self, lines: list[Line]) -> None:
        code = "\n".join(line.text for line in lines)
        longest = max((len(run) for run in _FENCES.findall(code)), default=2)
        fence = "`" * (longest + 1)
        self.out += [fence, code, fence]

    def _table(self, lines: list[Line]) -> None:
        rows = [[cell.strip().replace("|", "\\|") for cell in self._inline(line).split("\t")] for line in lines]
        width = max(len(row) for row in rows)
        header, *body = ([*row, *[""] * (width - len(row))] for row in rows)
        self.out.append(f"| {' | '.join(header)} |")
        self.out.append(f"|{' --- |' * width}")
        self.out += [f"| {' | '.join(row)} |" for row in body]

    def _list(self, lines: list[Line]) -> None:
        # One entry per open level: its indent, whether it is ordered, and the last number. A level that is missing
        # (its parent was dropped) is not indented: four spaces more than the parent's text would be code.
        levels: list[tuple[int, str, int]] = []
        depths: list[int] = []
        for line in lines:
            depth = max(1, line.level)
            while depths and depths[-1] > depth:
                depths.pop()
                levels.pop()
            if not depths or depths[-1] < depth:
                indent = levels[-1][0] + len(_marker(levels[-1])) if levels else 0
                depths.append(depth)
                levels.append((indent, line.tag, 0))
            indent, tag, number = levels[-1]
            if tag != line.tag:
                number = 0
                if len(levels) == 1:
                    self.out.append("")
            levels[-1] = (indent, line.tag, number + 1)
            self.out.append(" " * indent + _marker(levels[-1]) + _guard(self._inline(line)))

    def _inline(self, line: Line) -> str:
        if not self.links or line.markup is None:
            return _escape(_flat(line.text))
        markup = _flat(line.markup)
        out: list[str] = []
        end = 0
        for match in _LINK.finditer(markup):
            out.append(_escape(markup[end : match.start()]))
            out.append(self._link(match[1], match[2]))
            end = match.end()
        out.append(_escape(markup[end:]))
        return "".join(out)

    def _link(self, label: str, target: str) -> str:
        try:
            target = urljoin(self.base, target) if self.base else target
        except ValueError:  # a hostile href such as "http://[": keep what it says
            target = ""
        if not target or not _FOLLOWED.match(target):
            return _escape(label)
        text = _BRACKET.sub(r"\\\g<0>", _escape(label))
        return f"[{text}]({target.replace('(', '%28').replace('<', '%3C')})"


def _flat(text: str) -> str:
    """A line inside ``<pre>`` may hold newlines; outside a fence they would start new blocks."""
    return text.replace("\r", " ").replace("\n", " ") if "\n" in text or "\r" in text else text


def _marker(level: tuple[int, str, int]) -> str:
    return f"{max(level[2], 1)}. " if level[1] == "oli" else "- "


def _escape(text: str) -> str:
    """Escapes what Markdown would read as mark-up in the middle of a line."""
    return _INLINE.sub(r"\\\g<0>", text)


def _guard(text: str) -> str:
    """Escapes what Markdown would read as the mark of a heading, a list, a quote or a rule at a line's start."""
    found = _BLOCK.match(text)
    if not found:
        return text
    if found[5]:
        return f"{found[5]}\\{text[len(found[5]) :]}"
    return "\\" + text
