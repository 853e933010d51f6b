"""HTML to lines.

The tree is HTML5's, so text after ``</html>``, unclosed tables and tag soup stand where a browser would show them.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from cleaner.page import Lines, Page
from cleaner.segmentation.repair import flatten, trim
from cleaner.segmentation.walk import walk

__all__ = ["segment_html"]

# Text, for `re` compiles the patterns that few pages need when it is first asked for them, and keeps them.
_SWALLOWING = ("iframe", "noembed", "noframes", "textarea", "title", "xmp", "plaintext")
_SWALLOWS = rf"(?i:</?(?:{'|'.join(_SWALLOWING)})\b[^>]*>)"
_CLOSES_ITSELF = (
    r"<(script|style|title|textarea|iframe|noframes|object|canvas|video|audio|applet)\b"
    r"((?:[^<>\"'/]|/(?!>)|\"[^\"]{0,2000}\"|'[^']{0,2000}')*+)/>"
)
_PROLOG = 200  # characters within which a document says that it is XML
_LONGEST = 1000  # characters of an address that all links of the page are written with


def _head(parser: LexborHTMLParser) -> tuple[str, str]:
    """The page's own title, and the address that its links are relative to, if it gives one."""
    title = base = ""
    head = parser.head
    node = head.child if head is not None else None
    while node is not None:
        tag = node.tag
        if tag == "title" and not title:
            title = node.text() or ""
        elif tag == "meta":
            attributes = node.attributes
            if (attributes.get("property") or attributes.get("name") or "").lower() == "og:title":
                title = attributes.get("content") or title
        elif tag == "base" and not base:
            base = (node.attributes.get("href") or "").strip()[:_LONGEST]
        node = node.next
    return " ".join(title.split()), base


def segment_html(page: Page, *, links: bool = False) -> Lines:
    """Cut an HTML page into lines.

    With ``links`` each line also gets ``markup``, its text with Markdown links. An empty or text-free page gives no
    lines. Raises nothing on bad mark-up.
    """
    html = page.content
    if "<?xml" in html[:_PROLOG]:
        html = re.sub(_CLOSES_ITSELF, r"<\1\2></\1>", html)  # as XML has it; HTML knows no such thing
    html = flatten(trim(html))
    lines, swallowed = _segment(html, links)
    # Saved pages leave a frame open, and all that follows is then its text. There such tags go.
    for name in sorted(swallowed):
        if html.count(f"<{name}") > html.count(f"</{name}"):
            html = re.sub(rf"(?i:</?{name}\b[^>]*>)", " ", html)
            lines, _ = _segment(html, links)
    if not len(lines) and _has_swallowed(html):
        # <title/> or <textarea> without an end takes the whole page for its text: then the tag goes instead.
        lines, _ = _segment(re.sub(_SWALLOWS, " ", html), links)
    return lines


def _has_swallowed(html: str) -> bool:
    """Whether the text of an element that can have no other content has tags in it."""
    if not re.search(_SWALLOWS, html):
        return False
    parser = LexborHTMLParser(html)
    return any("</" in (node.text() or "") for name in _SWALLOWING for node in parser.tags(name))


def _segment(html: str, links: bool) -> tuple[Lines, set[str]]:
    parser = LexborHTMLParser(html)
    title, base = _head(parser)
    return walk(parser.root, title, links, base)
