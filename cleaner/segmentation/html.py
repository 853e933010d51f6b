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
_IFRAME = r"(?i:</?iframe\b[^>]*>)"
_SWALLOWS = r"(?i:</?(?:iframe|noembed|noframes|textarea|title|xmp|plaintext)\b[^>]*>)"
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
    lines = _segment(flatten(trim(page.content)), links)
    if not len(lines) and re.search(_SWALLOWS, page.content):
        # <title/> or <textarea> without an end takes the whole page for its text: then the tag goes instead.
        lines = _segment(flatten(trim(re.sub(_SWALLOWS, " ", page.content))), links)
    return lines


def _segment(html: str, links: bool) -> Lines:
    parser = LexborHTMLParser(html)
    filled = any(frame.child is not None for frame in parser.tags("iframe"))
    if filled and html.count("<iframe") > html.count("</iframe"):
        # Saved pages leave an iframe open: all that follows is then its text. There the iframe tags go.
        parser = LexborHTMLParser(re.sub(_IFRAME, " ", html))
    title, base = _head(parser)
    return walk(parser.root, title, links, base)
