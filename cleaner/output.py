"""A cleaned page as text, as Markdown, as a JSON record, and its metadata.

Text pages come out as they stood, in every format: their own marks are their structure. Only an HTML page, whose
lines know their tags, is *written* as Markdown.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from cleaner.page import CleanedPage, Kind, Page

__all__ = [
    "Metadata", "as_explained", "as_explained_text", "as_markdown", "as_marks", "as_record", "as_text", "dropped_lines",
    "front_matter", "language", "metadata",
]  # fmt: skip

_LANG: Final = r"<html\b[^>]{0,1000}?\s(?:xml:)?lang\s*=\s*[\"']?\s*([A-Za-z]{2,3})(?![A-Za-z])"

_JOINERS: Final = "\u00ad\u200b\u200c\u200d\u2060"  # a soft hyphen, and what joins or parts letters unseen


class Metadata(NamedTuple):
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
    """The main content as Markdown, as `cleaner.markdown` writes it; without a newline at the end."""
    from cleaner.markdown import as_markdown as written  # patterns that plain text does without

    return written(page, links=links)


def front_matter(meta: Metadata) -> str:
    """Metadata as the block that text and Markdown files begin with (YAML, its strings quoted as in JSON), if any."""
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in meta.as_dict().items() if value]
    return f"---\n{''.join(rows)}---\n\n" if rows else ""


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
        "language": (meta.language if meta else None) or language(page.page),
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
        # Control characters of a hostile page are not for a terminal; what joins letters belongs to their words.
        text = "".join(char if char.isprintable() or char in _JOINERS else " " for char in line.text)
        rows.append(f"{line.probability:.3f} {'+' if line.kept else '-'} {text}")
    return "\n".join(rows)


def as_marks(page: CleanedPage) -> str:
    """The page as a marked page (`cleaner.labelled`): ``+`` before each line that was kept, ``-`` before the others.

    A draft of labels: whoever corrects its marks can train on it. An HTML page becomes the text of its lines.
    """
    rows: list[str] = []
    for line in page.lines:
        if line.blank_before and rows:
            rows.append("")
        rows += [f"{'+' if line.kept else '-'} {text}" for text in line.text.splitlines() if text.strip()]
    return "\n".join(rows)


def language(page: Page) -> str | None:
    """The language that the page's ``<html lang>`` declares (``"en"``), or ``None``: it is read, never guessed."""
    if page.kind is Kind.TEXT:
        return None
    found = re.search(_LANG, page.content[:65_536], re.I)
    return found[1].lower() if found else None


def metadata(page: Page) -> Metadata:
    """Title, author, date, site name and language, by trafilatura (tens of milliseconds a page).

    A page without HTML has no metadata; nor has one that trafilatura cannot read.
    """
    if page.kind is Kind.TEXT or not page.content.strip():
        return Metadata()
    from trafilatura.metadata import extract_metadata

    try:
        found = extract_metadata(page.content, default_url=page.url)
    except Exception:  # a third party's parser on hostile input: missing metadata must not cost the page its text
        return Metadata(language=language(page))
    if found is None:
        return Metadata(language=language(page))
    return Metadata(found.title, found.author, found.date, found.sitename, found.language or language(page))
