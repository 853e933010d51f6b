"""A page to its lines, with the evidence that the features need."""

from __future__ import annotations

import re

from cleaner.page import Kind, Lines, Page
from cleaner.segmentation.html import segment_html
from cleaner.segmentation.walk import NAMES

__all__ = ["detect_kind", "has_markup", "segment"]

# Patterns that few pages need stand here as text: `re` compiles them when they are first used, and keeps them.

# Element names that are hardly ever written in angle brackets by someone who does not mean HTML.
_HTML = (
    r"<(?:!doctype\s+html|html|head|body|div|p|span|table|tr|td|ul|ol|li|a\s+[a-z]|article|section|h[1-6]|br|script|"
    r"style|meta|title|img\s|font|center|form|main|nav|footer|header|blockquote|pre|noscript)\b[^<>]{0,2000}>"
)
_CLOSE = r"</[a-z][a-z0-9]*\s*>"
_DECLARATION = r"<!--|<!doctype\b|<\?xml\b"
# Blanks within the line only: what spans blank lines takes quadratic time on a page of them.
_MARKDOWN = r"^(?:#{1,6}[ \t]+\S|[-*+][ \t]+\S|>\s|```|[ \t]*\|.*\|[ \t\r]*$)|\*\*\S"
# A comment is never tried again at another length (``?>``), or many of them would take exponential time.
_DOCUMENT = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:(?><!--.*?-->)\s*)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_SAMPLE = 200_000
# Neither an address (``<https://…>``, ``<a@b.example>``) nor what programs write in angle brackets and end at once.
_ANY_TAG = r"""<(/?)([a-zA-Z][\w-]*+)(?=[\s/>])(?:[^<>"']|"[^"]*"|'[^']*')*+>"""
_HIDDEN = r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\b|\Z)|<[?!][^<>]*>|`[^`\n]*`"
_BLANK = r"\n[ \t\r]*\n"
# Elements that must be closed, so that what stands in them can be told.
_CONTAINERS = frozenset(
    "article aside blockquote body center details div dl figure footer form header main nav ol pre section select "
    "table ul".split()
)


def detect_kind(text: str) -> tuple[Kind, bool]:
    """Tell HTML from text, and for text whether it is Markdown: ``(kind, markdown)``.

    A document that begins like HTML is HTML. Otherwise tags must be common: a text that quotes a tag or two, or shows
    HTML inside a Markdown code fence, stays text. So does a Markdown page with some HTML, as the head of a README has.
    """
    if _DOCUMENT.match(text[:5000]):
        return Kind.HTML, False
    sample = text[:_SAMPLE]
    if "<" in sample:
        unfenced = re.sub(r"```.*?(?:```|\Z)", "", sample, flags=re.S) if "```" in sample else sample
        tags = len(re.findall(_HTML, unfenced, re.I)) + len(re.findall(_CLOSE, unfenced, re.I))
        filled = sum(1 for line in unfenced.splitlines() if line.strip())
        common = tags >= 2 and (tags >= 0.2 * filled or unfenced.lstrip()[:1] == "<")
        if common and not (_mostly_loose(unfenced) and _is_markdown(sample)):
            return Kind.HTML, False
    return Kind.TEXT, _is_markdown(sample)


def _is_markdown(sample: str) -> bool:
    from cleaner.segmentation.text import LINK  # only text pages wait for its patterns

    return len(LINK.findall(sample)) + len(re.findall(_MARKDOWN, sample, re.M)) >= 2


def has_markup(text: str) -> bool:
    """Whether a text holds any HTML element that is known by name, an end tag, a comment or a declaration."""
    if "<" not in text:
        return False
    if re.search(_CLOSE, text, re.I) or re.search(_DECLARATION, text, re.I):
        return True
    return any(match[2].lower() in NAMES for match in re.finditer(_ANY_TAG, text))


def _mostly_loose(sample: str) -> bool:
    """Whether more than half of the text is in paragraphs, parted by blank lines, with no tag and no element around."""
    every = loose = depth = 0
    for paragraph in re.split(_BLANK, re.sub(_HIDDEN, "", sample, flags=re.I | re.S)):
        size = len(paragraph.strip())
        tags = list(re.finditer(_ANY_TAG, paragraph)) if "<" in paragraph else []
        if not tags and not depth:
            loose += size
        every += size - sum(len(tag[0]) for tag in tags)
        for tag in tags:
            if tag[2].lower() in _CONTAINERS:
                depth = max(0, depth - 1) if tag[1] else depth + 1
    return loose > 0.5 * every


def segment(page: Page, *, links: bool = False) -> Lines:
    """Cut a page into lines, by its kind. ``links`` (HTML only) also keeps each line as Markdown with links."""
    if page.kind is Kind.HTML:
        return segment_html(page, links=links)
    from cleaner.segmentation.text import segment_text

    return segment_text(page)
