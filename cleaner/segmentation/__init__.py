"""A page to its lines, with the evidence that the features need."""

from __future__ import annotations

import re

from cleaner.page import Kind, Lines, Page
from cleaner.segmentation.html import segment_html

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
_HIDDEN = r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\b|\Z)"
_ANY_TAG = r"""<(/?)([a-zA-Z][\w:-]*+)(?:[^<>"']|"[^"]*"|'[^']*')*+>"""
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_OPEN, _END, _ALONE = "\x01\x02\x03"


def detect_kind(text: str) -> tuple[Kind, bool]:
    """Tell HTML from text, and for text whether it is Markdown: ``(kind, markdown)``.

    A document that begins like HTML is HTML. Otherwise tags must be common, and most lines must be inside of elements
    or have a tag: a text that quotes a tag or two, that shows HTML inside a Markdown code fence or between its own
    lines, or a Markdown page with a head of HTML, stays text.
    """
    if _DOCUMENT.match(text[:5000]):
        return Kind.HTML, False
    sample = text[:_SAMPLE]
    if "<" in sample:
        unfenced = re.sub(r"```.*?(?:```|\Z)", "", sample, flags=re.S) if "```" in sample else sample
        tags = len(re.findall(_HTML, unfenced, re.I)) + len(re.findall(_CLOSE, unfenced, re.I))
        filled = sum(1 for line in unfenced.splitlines() if line.strip())
        if tags >= 2 and (tags >= 0.2 * filled or unfenced.lstrip()[:1] == "<") and not _mostly_loose(unfenced):
            return Kind.HTML, False
    from cleaner.segmentation.text import LINK  # only text pages wait for its patterns

    marks = len(LINK.findall(sample)) + len(re.findall(_MARKDOWN, sample, re.M))
    return Kind.TEXT, marks >= 2


def has_markup(text: str) -> bool:
    """Whether a text holds any HTML element that is known by name, an end tag, a comment or a declaration."""
    return "<" in text and any(re.search(pattern, text, re.I) for pattern in (_HTML, _CLOSE, _DECLARATION))


def _mostly_loose(sample: str) -> bool:
    """Whether more than half of the text is in lines that have no tag and stand in no element.

    An element is one whose tag begins a line: those in the midst of a line are as often talked about.
    """

    def sign(tag: re.Match[str]) -> str:
        alone = tag[2].lower() in _VOID or tag[0][-2] == "/"
        return (_END if tag[1] else _ALONE if alone else _OPEN) + "\n" * tag[0].count("\n")

    text = re.sub(_HIDDEN, _ALONE, sample, flags=re.I | re.S)
    every = loose = depth = 0
    for line in re.sub(_ANY_TAG, sign, text).splitlines():
        line = line.strip()
        opened, ended = line.count(_OPEN), line.count(_END)
        size = len(line) - opened - ended - line.count(_ALONE)
        every += size
        if not depth and size == len(line):
            loose += size
        if opened <= ended or line[0] in (_OPEN, _END, _ALONE):
            depth = max(0, depth + opened - ended)
    return loose > 0.5 * every


def segment(page: Page, *, links: bool = False) -> Lines:
    """Cut a page into lines, by its kind. ``links`` (HTML only) also keeps each line as Markdown with links."""
    if page.kind is Kind.HTML:
        return segment_html(page, links=links)
    from cleaner.segmentation.text import segment_text

    return segment_text(page)
