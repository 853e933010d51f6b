"""HTML to lines: one walk over lexbor's tree, without recursion.

The tree is HTML5's, so text after ``</html>``, unclosed tables and tag soup stand where a browser would show them.
The walk costs about as much as the parse (1.5 ms against 1.4 ms for a page of 250 KB).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from cleaner.page import Elements, Kind, Lines, Page

__all__ = ["flatten", "segment_html"]

# Never text that a reader sees as prose: code for the browser, form state, replaced content.
SKIPPED = frozenset(
    "script style template svg iframe object embed canvas select option datalist textarea audio video map "
    "noframes applet head title meta link base".split()
)
# Elements that do not break a line (HTML Living Standard: phrasing content), plus old presentational ones.
INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark math nobr q rb rp rt ruby "
    "s samp small span strike strong sub sup time tt u var wbr mi mo mn mrow msup msub mtext".split()
)
BOLD = frozenset(("b", "strong"))
CONTROLS = frozenset(("input", "button", "select", "textarea", "option"))
HEADINGS = {f"h{i}": i for i in range(1, 7)}
CELLS = frozenset(("td", "th"))
# A row of cells that hold one short run of text each is a data row and becomes one line; anything else is layout.
MAX_CELL = 200

VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# HTML5 parsing checks the open elements for each start tag, so the cost of a nest grows with the square of its
# depth: a million nested <div> would take hours. Browsers stop nesting at 512; tags beyond that carry no evidence.
MAX_DEPTH = 512
# Below this many tags even the worst nest parses in a fraction of a second, and the count below is not worth its cost.
MANY_TAGS = 20_000
# Possessive, and only looked for before the last ``>``: so each tag is read once, however the page is written.
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)[^>]*+>")
_CAN_NEST = 4000
_IFRAME = re.compile(r"</?iframe\b[^>]*>", re.I)
_SWALLOWS = re.compile(r"</?(?:iframe|noembed|noframes|textarea|title|xmp|plaintext)\b[^>]*>", re.I)
_DIGITS = re.compile(r"\d+")


def flatten(html: str) -> str:
    """Drop the tags (never the text) of elements nested deeper than ``MAX_DEPTH``; linear in the page.

    Most pages are returned as they are: only one with thousands more opening than closing tags, or nested so deep
    by a plain count of tags, is rewritten.
    """
    if html.count("<") < MANY_TAGS:
        return html
    depth = deepest = 0
    for match in _TAG.finditer(html, 0, html.rfind(">") + 1):
        if match[1]:
            depth -= depth > 0
        elif match[2].lower() not in VOID:
            depth += 1
            if depth > deepest:
                deepest = depth
    if deepest < _CAN_NEST:
        return html
    return _flattened(html)


def _flattened(html: str) -> str:
    stack: list[str] = []
    dropped: dict[str, int] = {}
    out: list[str] = []
    at = 0
    for match in _TAG.finditer(html, 0, html.rfind(">") + 1):
        name = match[2].lower()
        if name in VOID:
            continue
        drop = False
        if match[1]:
            if dropped.get(name, 0) > 0:
                dropped[name] -= 1
                drop = True
            elif stack and stack[-1] == name:
                stack.pop()
        elif len(stack) >= MAX_DEPTH:
            dropped[name] = dropped.get(name, 0) + 1
            drop = True
        else:
            stack.append(name)
        if drop:
            out.append(html[at : match.start()])
            out.append(" ")
            at = match.end()
    out.append(html[at:])
    return "".join(out)


def _head(parser: LexborHTMLParser) -> tuple[str, str]:
    """The page's own title and description, wherever they stand: ``(title, description)``."""
    title = description = ""
    head = parser.head
    node = head.child if head is not None else None
    while node is not None:
        tag = node.tag
        if tag == "title" and not title:
            title = node.text() or ""
        elif tag == "meta":
            attributes = node.attributes
            name = (attributes.get("property") or attributes.get("name") or "").lower()
            if name == "og:title":
                title = attributes.get("content") or title
            elif name in ("description", "og:description") and not description:
                description = attributes.get("content") or ""
        node = node.next
    return " ".join(title.split()), " ".join(description.split())


def segment_html(page: Page, *, links: bool = False) -> Lines:
    """Cut an HTML page into lines.

    With ``links`` each line also gets ``markup``, its text with Markdown links. An empty or text-free page gives no
    lines. Raises nothing on bad mark-up.
    """
    lines = _segment(flatten(_without_open_iframes(page.content)), links)
    if not len(lines) and _SWALLOWS.search(page.content):
        # <title/> or <textarea> without an end takes the whole page for its text: then the tag goes instead.
        lines = _segment(flatten(_SWALLOWS.sub(" ", page.content)), links)
    return lines


def _segment(html: str, links: bool) -> Lines:
    parser = LexborHTMLParser(html)
    title, description = _head(parser)
    walk = _Walk(links)
    root = parser.root
    if root is not None:
        walk.run(root)
    return walk.lines(title, description)


def _without_open_iframes(html: str) -> str:
    """Drop the iframe tags of a page that leaves one open, as saved pages do: all after it would be its text."""
    if html.count("<iframe") <= html.count("</iframe"):
        return html
    return _IFRAME.sub(" ", html)


class _Walk:
    """The state of one walk; attributes are the columns being filled."""

    def __init__(self, links: bool) -> None:
        self.links = links
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.level: list[int] = []
        self.link_chars: list[int] = []
        self.link_count: list[int] = []
        self.bold_chars: list[int] = []
        self.element: list[int] = []
        self.inline: list[int] = []
        self.noscript: list[int] = []
        self.markup: list[str] = []
        self.e_parent: list[int] = []
        self.e_signature: list[int] = []
        self.e_first: list[int] = []
        self.e_last: list[int] = []
        self.e_images: list[int] = []
        self.e_controls: list[int] = []
        self.e_hidden: list[int] = []
        self.e_depth: list[int] = []
        self.e_children: list[int] = []
        self.e_path: list[int] = []
        self.signatures: dict[tuple[str, str], int] = {}
        self.paths: dict[tuple[int, str, str], int] = {}

    def signature(self, tag: str, attributes: dict[str, Any]) -> int:
        words = ""
        if attributes:
            words = attributes.get("class") or ""
            extra = attributes.get("id")
            if extra:
                words = f"{words} {extra}"
            extra = attributes.get("role") or attributes.get("itemprop")
            if extra:
                words = f"{words} {extra}"
        key = (tag, words)
        found = self.signatures.get(key)
        if found is None:
            found = self.signatures[key] = len(self.signatures)
        return found

    def path(self, parent: int, tag: str, attributes: dict[str, Any]) -> int:
        """Elements with the same tags and classes from the root down share a path; numbers in a class are ignored."""
        words = (attributes.get("class") or "") if attributes else ""
        key = (parent, tag, _DIGITS.sub("", words) if words else "")
        found = self.paths.get(key)
        if found is None:
            found = self.paths[key] = len(self.paths)
        return found

    def run(self, root: Any) -> None:  # one long loop on purpose: it is the hot path
        texts, tags, level = self.texts, self.tags, self.level
        e_parent, e_signature, e_first, e_last = self.e_parent, self.e_signature, self.e_first, self.e_last
        e_images, e_controls, e_hidden, e_depth = self.e_images, self.e_controls, self.e_hidden, self.e_depth
        e_children, e_path = self.e_children, self.e_path
        links = self.links

        pieces: list[str] = []
        marked: list[str] = []
        link_chars = link_count = bold_chars = 0
        line_inline = -1
        in_link = in_bold = in_noscript = in_pre = 0
        images = controls = 0
        list_depth = 0
        ordered: list[bool] = []
        current = 0  # element
        tag_of = "body"
        inline = -1  # signature of the innermost inline element
        href = ""

        def flush() -> None:
            nonlocal link_chars, link_count, bold_chars, line_inline
            open_link = links and bool(in_link) and bool(href)
            if open_link:
                _close_link(marked, href)
            raw = "".join(pieces)
            pieces.clear()
            if in_pre:
                text = raw.strip("\n").rstrip()
            else:
                text = " ".join(raw.split())
            if text and not text.isspace():
                texts.append(text)
                tags.append(tag_of)
                level.append(HEADINGS.get(tag_of, 0) or list_depth)
                self.link_chars.append(min(link_chars, len(text)))
                self.link_count.append(link_count)
                self.bold_chars.append(min(bold_chars, len(text)))
                self.element.append(current)
                self.inline.append(line_inline)
                self.noscript.append(1 if in_noscript else 0)
                if links:
                    self.markup.append("".join(marked) if in_pre else " ".join("".join(marked).split()))
            if links:
                marked.clear()
                if open_link:  # it goes on in the next line
                    marked.append("\x02")
            link_chars = link_count = bold_chars = 0
            line_inline = -1

        # The stack holds, for every open node, what to restore when it is left.
        stack: list[tuple[Any, int, Any]] = []
        of_inline, of_block = 0, 1
        e_parent.append(0)
        e_signature.append(self.signature("html", {}))
        e_first.append(0)
        e_last.append(0)
        e_images.append(0)
        e_controls.append(0)
        e_hidden.append(0)
        e_depth.append(0)
        e_children.append(0)
        e_path.append(0)
        self.paths[0, "html", ""] = 0
        node = root
        while True:
            tag = node.tag
            child = None
            if tag == "-text":
                text = node.text_content
                if text:
                    if in_pre and not in_link and ("\n\n" in text):
                        parts = text.split("\n\n")
                        for part in parts[:-1]:
                            pieces.append(part)
                            if links:
                                marked.append(part)
                            flush()
                        text = parts[-1]
                    pieces.append(text)
                    if links:
                        marked.append(text)
                    if not text.isspace():
                        if in_link:
                            link_chars += len(text.strip())
                            link_count = link_count or 1  # a link around several blocks is in each of their lines
                        if in_bold:
                            bold_chars += len(text.strip())
                        if line_inline < 0:
                            line_inline = inline
            elif tag in SKIPPED:
                if tag in CONTROLS:
                    controls += 1
            elif tag == "br":
                if in_pre:
                    pieces.append("\n")
                    if links:
                        marked.append("\n")
                else:
                    flush()
            elif tag in INLINE:
                if tag == "img":
                    images += 1
                else:
                    child = node.child
                    if child is not None:
                        attributes = node.attributes
                        stack.append((node, of_inline, (tag, inline, href)))
                        if attributes:
                            inline = self.signature(tag, attributes)
                        if tag == "a":
                            in_link += 1
                            link_count += 1
                            href = attributes.get("href") or "" if attributes else ""
                            if links and href:
                                marked.append("\x02")
                        elif tag in BOLD:
                            in_bold += 1
            elif tag is None or tag[0] == "-" or tag[0] == "!":
                pass  # a comment, a doctype, a CDATA section: no text, nothing below
            else:
                if tag in CONTROLS:
                    controls += 1
                flush()
                child = node.child
                if tag == "hr" or tag == "input":
                    child = None
                else:
                    attributes = node.attributes
                    number = len(e_parent)
                    stack.append((node, of_block, (current, tag_of, tag, len(texts), images, controls, number, inline)))
                    e_children[current] += 1
                    e_parent.append(current)
                    e_signature.append(self.signature(tag, attributes))
                    e_path.append(self.path(e_path[current], tag, attributes))
                    e_first.append(len(texts))
                    e_last.append(len(texts))
                    e_images.append(images)
                    e_controls.append(controls)
                    e_depth.append(e_depth[current] + 1)
                    e_children.append(0)
                    hidden = e_hidden[current]
                    if attributes and not hidden:
                        style = attributes.get("style")
                        if (
                            "hidden" in attributes
                            or attributes.get("aria-hidden") == "true"
                            or (style and ("display:none" in style or "display: none" in style))
                        ):
                            hidden = 1
                    e_hidden.append(hidden)
                    current = number
                    inline = -1
                    if tag == "li":
                        tag_of = "oli" if ordered and ordered[-1] else "li"
                    elif tag == "pre":
                        in_pre += 1
                        tag_of = "pre"
                    elif tag in TRANSPARENT and tag_of in KEEPS_TAG:
                        pass  # <li><p>, <blockquote><p>: the outer element says what the line is
                    else:
                        tag_of = tag
                        if tag == "ul" or tag == "ol" or tag == "menu":
                            list_depth += 1
                            ordered.append(tag == "ol")
                        elif tag == "noscript":
                            in_noscript += 1
                    if child is None:  # leave at once
                        entry = stack.pop()[2]
                        current, tag_of = entry[0], entry[1]
                        inline = entry[7]
                        if tag == "pre":
                            in_pre -= 1
                        elif tag == "ul" or tag == "ol" or tag == "menu":
                            list_depth -= 1
                            ordered.pop()
                        elif tag == "noscript":
                            in_noscript -= 1
                        e_images[number] = e_controls[number] = 0
            if child is not None:
                node = child
                continue
            # nothing below: go on to the right, or up until something is to the right
            while True:
                if not stack:
                    following = None
                    break
                following = node.next
                if following is not None:
                    break
                node, what, entry = stack.pop()
                if what == of_inline:
                    tag = entry[0]
                    if tag == "a":
                        in_link -= 1
                        if links and href:
                            _close_link(marked, href)
                    elif tag in BOLD:
                        in_bold -= 1
                    inline, href = entry[1], entry[2]
                elif what == of_block:
                    flush()
                    current, tag_of, tag, first, images_before, controls_before, number, inline = entry
                    e_last[number] = len(texts)
                    e_images[number] = images - images_before
                    e_controls[number] = controls - controls_before
                    if tag == "pre":
                        in_pre -= 1
                    elif tag == "ul" or tag == "ol" or tag == "menu":
                        list_depth -= 1
                        ordered.pop()
                    elif tag == "noscript":
                        in_noscript -= 1
                    elif tag == "tr" and len(texts) - first > 1:
                        self.join_row(first, number)
            if following is None:
                break
            node = following
        flush()
        e_last[0], e_images[0], e_controls[0] = len(texts), images, controls

    def join_row(self, first: int, row: int) -> None:
        """Make one line of a data row: every cell one short line, no block inside a cell."""
        elements = self.element[first:]
        parents = self.e_parent
        seen = set(elements)
        if len(seen) != len(elements) or any(parents[e] != row for e in elements):
            return
        if any(len(text) > MAX_CELL for text in self.texts[first:]):
            return
        at = {e: first + i for i, e in enumerate(elements)}
        # A cell without text keeps its place, or the cells after it would move to the left.
        cells = [at.get(e, -1) for e in range(row + 1, len(parents)) if parents[e] == row]
        self.texts[first:] = ["\t".join(self.texts[i] if i >= 0 else "" for i in cells)]
        if self.links:
            self.markup[first:] = ["\t".join(self.markup[i] if i >= 0 else "" for i in cells)]
        self.tags[first:] = ["tr"]
        self.level[first:] = [0]
        for column in (self.link_chars, self.link_count, self.bold_chars):
            column[first:] = [sum(column[first:])]
        self.element[first:] = [row]
        del self.inline[first + 1 :]
        del self.noscript[first + 1 :]
        end = len(self.texts)
        for e in range(row, len(parents)):
            self.e_first[e] = min(self.e_first[e], end)
            self.e_last[e] = end

    def lines(self, title: str, description: str) -> Lines:
        def ints(values: list[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
            return np.array(values, dtype=np.int32)

        n = len(self.texts)
        return Lines(
            kind=Kind.HTML,
            texts=self.texts,
            tags=self.tags,
            link_chars=ints(self.link_chars),
            link_count=ints(self.link_count),
            bold_chars=ints(self.bold_chars),
            level=ints(self.level),
            blank_before=np.zeros(n, dtype=np.int32),
            title=title,
            description=description,
            elements=Elements(
                parent=ints(self.e_parent),
                signature=ints(self.e_signature),
                first=ints(self.e_first),
                last=ints(self.e_last),
                images=ints(self.e_images),
                controls=ints(self.e_controls),
                hidden=ints(self.e_hidden),
                depth=ints(self.e_depth),
                children=ints(self.e_children),
                path=ints(self.e_path),
                signatures=list(self.signatures),
            ),
            element=ints(self.element),
            inline=ints(self.inline),
            noscript=ints(self.noscript),
            markup=self.markup if self.links else None,
        )


# Inside these a plain block only groups text.
TRANSPARENT = frozenset(("p", "div", "section", "span", "center", "form"))
KEEPS_TAG = frozenset(("li", "oli", "blockquote", "dd", "dt", "td", "th", "figcaption", "pre", *HEADINGS))


def _close_link(marked: list[str], href: str) -> None:
    """Turn the text since the last open mark into a Markdown link."""
    for i in range(len(marked) - 1, -1, -1):
        if marked[i] == "\x02":
            label = " ".join("".join(marked[i + 1 :]).split())
            marked[i:] = [f"[{label}]({href.strip().replace(' ', '%20').replace(')', '%29')})"] if label else []
            return
