"""A page to its lines, with the evidence that the features need."""

from __future__ import annotations

import re

from cleaner.page import Kind, Lines, Page
from cleaner.segmentation.html import segment_html

__all__ = ["detect_kind", "segment"]

# Patterns that few pages need stand here as text: `re` compiles them when they are first used, and keeps them.

# Element names that are hardly ever written in angle brackets by someone who does not mean HTML.
_HTML = (
    r"<(?:!doctype\s+html|html|head|body|div|p|span|table|tr|td|ul|ol|li|a\s+[a-z]|article|section|h[1-6]|br|script|"
    r"style|meta|title|img\s|font|center|form|main|nav|footer|header|blockquote|pre|noscript)\b[^<>]{0,2000}>"
)
_CLOSE = r"</[a-z][a-z0-9]*\s*>"
# Blanks within the line only: what spans blank lines takes quadratic time on a page of them.
_MARKDOWN = r"^(?:#{1,6}[ \t]+\S|[-*+][ \t]+\S|>\s|```|[ \t]*\|.*\|[ \t\r]*$)|\*\*\S"
# A comment is never tried again at another length (``?>``), or many of them would take exponential time.
_DOCUMENT = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:(?><!--.*?-->)\s*)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_SAMPLE = 200_000


def detect_kind(text: str) -> tuple[Kind, bool]:
    """Tell HTML from text, and for text whether it is Markdown: ``(kind, markdown)``.

    A document that begins like HTML is HTML. Otherwise tags must be common: a text that quotes a tag or two, or
    shows HTML inside a Markdown code fence, stays text.
    """
    if _DOCUMENT.match(text[:5000]):
        return Kind.HTML, False
    sample = text[:_SAMPLE]
    if "<" in sample:
        unfenced = re.sub(r"```.*?(?:```|\Z)", "", sample, flags=re.S) if "```" in sample else sample
        tags = len(re.findall(_HTML, unfenced, re.I)) + len(re.findall(_CLOSE, unfenced, re.I))
        filled = sum(1 for line in unfenced.splitlines() if line.strip())
        if tags >= 2 and (tags >= 0.2 * filled or unfenced.lstrip()[:1] == "<"):
            return Kind.HTML, False
    from cleaner.segmentation.text import LINK  # only text pages wait for its patterns

    marks = len(LINK.findall(sample)) + len(re.findall(_MARKDOWN, sample, re.M))
    return Kind.TEXT, marks >= 2


def segment(page: Page, *, links: bool = False) -> Lines:
    """Cut a page into lines, by its kind. ``links`` (HTML only) also keeps each line as Markdown with links."""
    if page.kind is Kind.HTML:
        return segment_html(page, links=links)
    from cleaner.segmentation.text import segment_text

    return segment_text(page)
