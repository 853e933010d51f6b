"""HTML to lines: one walk over lexbor's tree, without recursion.

The tree is HTML5's, so text after ``</html>``, unclosed tables and tag soup stand where a browser would show them.
The walk costs three to four times the parse, nearly all of it Python's own steps: about 2 µs a node.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from cleaner.page import Elements, Ints, Kind, Lines, Page

__all__ = ["flatten", "segment_html", "trim"]

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
# Inside the second a plain block, one of the first, only groups text.
TRANSPARENT = frozenset(("p", "div", "section", "span", "center", "form"))
KEEPS_TAG = frozenset(("li", "oli", "blockquote", "dd", "dt", "td", "th", "figcaption", "pre", *HEADINGS))
COUNTED = frozenset(("pre", "ul", "ol", "menu", "noscript", "tr"))  # what follows depends on being inside one
# What the walk does with a node, by its name. Elements of all other names are blocks as well.
TEXT, BLOCK, PHRASE, IMAGE, BREAK, SKIP = range(6)
_BLOCKS = "div p ul ol li td tr tbody table section article header footer nav aside main form button figure".split()
_ROLES = {
    **dict.fromkeys((*_BLOCKS, *KEEPS_TAG), BLOCK),
    **dict.fromkeys(INLINE, PHRASE),
    **dict.fromkeys(SKIPPED, SKIP),
    "-text": TEXT,
    "img": IMAGE,
    "br": BREAK,
    "hr": BREAK,
    "input": BREAK,
}
# A row of cells that hold one short run of text each is a data row and becomes one line; anything else is layout.
MAX_CELL = 200

VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# Many a page never closes these, and the parser does it at the next: they do not nest but through other elements.
CLOSED_BY_THE_NEXT = frozenset("p li dt dd td th tr tbody thead tfoot option optgroup".split())
_NOT_NESTED = VOID | CLOSED_BY_THE_NEXT
# HTML5 parsing checks the open elements for each start tag, so the cost of a nest grows with the square of its
# depth: a million nested <div> would take hours. Browsers stop nesting at 512; tags beyond that carry no evidence.
MAX_DEPTH = 512
# Below this many tags even the worst nest parses in a fraction of a second, and the count below is not worth its cost.
MANY_TAGS = 20_000
# The patterns below, which few pages need, are text: `re` compiles each when it is first used, and keeps it.
# Possessive, and only looked for before the last ``>``: so each tag is read once, however the page is written.
_TAG = r"<(/?)([a-zA-Z][^\s/>]*+)[^>]*+>"
_CAN_NEST = 4000
# Each attribute is compared with those before it: 1,000 take lexbor 3 ms, 100,000 over a minute. A tag of many is
# looked for where this many characters hold no ``>``: shorter tags cannot hold enough of them to matter.
MAX_ATTRIBUTES = 256
_STEP = 1024
_OPENS = r"<[a-zA-Z][^\s/>]*+"
_MANY = (
    r"""(?:[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]{0,100000}+"|'[^']{0,100000}+'|(?!["'])[^\s>]++))?+)"""
    f"{{{MAX_ATTRIBUTES + 1}}}"
)
# What looks like a tag may be code or a comment, so nothing that ends one is taken for part of an attribute.
_IN = r"(?!</|--)"
_ATTRIBUTE = (
    rf"""[\s/]*+{_IN}[^\s/>](?:{_IN}[^\s/>=])*+(?:\s*+=\s*+(?:"(?:{_IN}[^"]){{0,100000}}+"|'(?:{_IN}[^']){{0,100000}}+'"""
    rf"""|(?!["'])(?:{_IN}[^\s>])++))?+"""
)
_IFRAME = r"(?i:</?iframe\b[^>]*>)"
_SWALLOWS = r"(?i:</?(?:iframe|noembed|noframes|textarea|title|xmp|plaintext)\b[^>]*>)"
_DIGITS = b"0123456789"


def trim(html: str) -> str:
    """Drop the attributes of an element beyond the first ``MAX_ATTRIBUTES``; linear in the page.

    Ordinary pages are returned as they are, at 0.2 ms for 250 KB. Not seen are tags that hide a ``>``, ``</`` or ``--``
    in every kilobyte of their attributes.
    """
    parts: list[str] = []
    at = done = 0
    while at + _STEP <= len(html):
        if html.find(">", at, at + _STEP) >= 0:
            at += _STEP
            continue
        # The tag begins anywhere in the stretch without an end that this kilobyte is part of.
        start, end = html.rfind(">", done, at) + 1, html.find(">", at)
        at = end if end >= 0 else len(html)
        opens = re.compile(_OPENS).search(html, max(done, start), at)
        if opens is None or re.compile(_MANY).match(html, opens.end()) is None:
            continue
        kept = stop = opens.end()
        count = 0
        pattern = re.compile(_ATTRIBUTE)
        while (attribute := pattern.match(html, stop)) is not None:
            count += 1
            stop = attribute.end()
            if count == MAX_ATTRIBUTES:
                kept = stop
        at = max(at, stop)
        if count > MAX_ATTRIBUTES:
            parts.append(html[done:kept])
            done = stop
    return "".join(parts) + html[done:] if parts else html


def flatten(html: str) -> str:
    """Drop the tags (never the text) of elements nested deeper than ``MAX_DEPTH``; linear in the page.

    Most pages are returned as they are: only one with thousands more opening than closing tags, or nested so deep
    by a plain count of tags, is rewritten.
    """
    if html.count("<") < MANY_TAGS:
        return html
    depth = deepest = 0
    for match in re.compile(_TAG).finditer(html, 0, html.rfind(">") + 1):
        if match[2].lower() in _NOT_NESTED:
            continue
        if match[1]:
            depth -= depth > 0
        else:
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
    for match in re.compile(_TAG).finditer(html, 0, html.rfind(">") + 1):
        name = match[2].lower()
        if name in _NOT_NESTED:
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


def _title(parser: LexborHTMLParser) -> str:
    """The page's own title."""
    title = ""
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
        node = node.next
    return " ".join(title.split())


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
    title = _title(parser)
    walk = _Walk(links)
    root = parser.root
    if root is not None:
        walk.run(root)
    return walk.lines(title)


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
        # One entry for each block element; the root stands for the document.
        self.e_parent = [0]
        self.e_signature = [0]
        self.e_path = [0]
        self.e_first = [0]
        self.e_last = [0]
        self.e_depth = [0]
        # Few elements hold images or controls, fewer are hidden.
        self.images: dict[int, int] = {}
        self.controls: dict[int, int] = {}
        self.hidden: list[tuple[int, int]] = []
        self.signatures = {("html", ""): 0}
        self.paths = {(0, 0): 0}
        self.kinds = {("html", b""): 0}
        self.known: dict[tuple[str, str, str], tuple[int, int]] = {}

    def classify(self, tag: str, classes: str, extra: str) -> tuple[int, int]:
        """The signature of an element, and its kind: its tag and its classes without numbers."""
        key = (tag, classes, extra)
        found = self.known.get(key)
        if found is None:
            signature = self.signatures.setdefault((tag, classes + extra), len(self.signatures))
            kind = self.kinds.setdefault((tag, classes.encode().translate(None, _DIGITS)), len(self.kinds))
            found = self.known[key] = signature, kind
        return found

    def run(self, root: Any) -> None:  # one long loop on purpose: it is the hot path
        texts, tags, level = self.texts, self.tags, self.level
        e_parent, e_signature, e_path = self.e_parent, self.e_signature, self.e_path
        e_first, e_last, e_depth = self.e_first, self.e_last, self.e_depth
        link_chars_of, link_count_of, bold_chars_of = self.link_chars, self.link_count, self.bold_chars
        paths, known, classify, links = self.paths, self.known, self.classify, self.links
        # A tag's number costs a quarter of its name; which number a name has may change with the document.
        named: dict[int, tuple[str, int]] = {}

        pieces: list[str] = []
        marked: list[str] = []
        link_chars = link_count = bold_chars = 0
        line_inline = -1
        in_link = in_bold = in_noscript = in_pre = 0
        images = controls = 0
        list_depth = 0
        ordered: list[bool] = []
        current = 0  # element
        path = 0  # its path
        hidden = 0  # the outermost element around it that is hidden
        tag_of = "body"
        inline = -1  # signature of the innermost inline element
        href = ""

        def flush() -> None:
            nonlocal link_chars, link_count, bold_chars, line_inline
            open_link = links and bool(in_link) and bool(href)
            if open_link:
                _close_link(marked, href)
            raw = pieces[0] if len(pieces) == 1 else "".join(pieces)
            pieces.clear()
            text = raw.strip("\n").rstrip() if in_pre else " ".join(raw.split())
            if text:
                size = len(text)
                texts.append(text)
                tags.append(tag_of)
                level.append(HEADINGS.get(tag_of, 0) or list_depth)
                link_chars_of.append(link_chars if link_chars < size else size)
                link_count_of.append(link_count)
                bold_chars_of.append(bold_chars if bold_chars < size else size)
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

        # The stack holds, for every open node, what to restore when it is left; of an inline element no line's tag.
        stack: list[tuple[Any, str, str | None, int, Any, int]] = []
        node = root
        while True:
            tag_id = node.tag_id
            try:
                tag, role = named[tag_id]
            except KeyError:
                tag, role = named[tag_id] = _named(node)
            if role == TEXT:
                # Not the blanks between two blocks, which are half of all text nodes.
                text = node.text_content if pieces or in_pre or not node.is_empty_text_node else ""
                if text and (pieces or in_pre or not text.isspace()):
                    if in_pre and not in_link and "\n\n" in text:
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
                    if (line_inline < 0 or in_link or in_bold) and not text.isspace():
                        if in_link:
                            link_chars += len(text.strip())
                            link_count = link_count or 1  # a link around several blocks is in each of their lines
                        if in_bold:
                            bold_chars += len(text.strip())
                        if line_inline < 0:
                            line_inline = inline
            else:
                if role == BLOCK:
                    if pieces or marked:
                        flush()
                    else:
                        link_count = 0
                    attributes = node.attributes
                    classes = extra = ""
                    hides = False
                    if attributes:
                        classes = attributes.get("class") or ""
                        if len(attributes) > 1 or not classes:
                            known_as = attributes.get("id")
                            does = attributes.get("role") or attributes.get("itemprop")
                            if known_as or does:
                                extra = _extra(known_as, does)
                            hides = not hidden and _hides(attributes)
                    signature, kind = known.get((tag, classes, extra)) or classify(tag, classes, extra)
                    own_path = paths.get((path, kind))
                    if own_path is None:
                        own_path = paths[path, kind] = len(paths)
                    lines = len(texts)
                    number = len(e_parent)
                    e_parent.append(current)
                    e_signature.append(signature)
                    e_path.append(own_path)
                    e_first.append(lines)
                    e_last.append(lines)
                    e_depth.append(e_depth[current] + 1)
                    if tag == "button":
                        controls += 1
                    child = node.child
                    if child is not None:
                        stack.append((node, tag, tag_of, inline, images, controls))
                        if hides:
                            hidden = number
                        current, path, inline = number, own_path, -1
                        if tag in TRANSPARENT:
                            if tag_of not in KEEPS_TAG:  # in <li><p> the outer one says what the line is
                                tag_of = tag
                        elif tag == "li":
                            tag_of = "oli" if ordered and ordered[-1] else "li"
                        else:
                            tag_of = tag
                            if tag in COUNTED:
                                if tag == "pre":
                                    in_pre += 1
                                elif tag == "noscript":
                                    in_noscript += 1
                                elif tag != "tr":
                                    list_depth += 1
                                    ordered.append(tag == "ol")
                        node = child
                        continue
                    if hides:
                        self.hidden.append((number, number + 1))
                elif role == PHRASE:
                    child = node.child
                    if child is not None:
                        stack.append((node, tag, None, inline, href, 0))
                        attributes = node.attributes
                        if attributes:
                            classes = attributes.get("class") or ""
                            known_as = attributes.get("id")
                            does = attributes.get("role") or attributes.get("itemprop")
                            extra = _extra(known_as, does) if known_as or does else ""
                            inline = (known.get((tag, classes, extra)) or classify(tag, classes, extra))[0]
                        if tag == "a":
                            in_link += 1
                            link_count += 1
                            href = attributes.get("href") or ""
                            if links and href:
                                marked.append("\x02")
                        elif tag in BOLD:
                            in_bold += 1
                        node = child
                        continue
                elif role == IMAGE:
                    images += 1
                elif role == BREAK:
                    if tag == "br" and in_pre:
                        pieces.append("\n")
                        if links:
                            marked.append("\n")
                    elif pieces or marked:
                        flush()
                    else:
                        link_count = 0
                if tag in CONTROLS and role != BLOCK:
                    controls += 1
            # nothing below: go on to the right, or up until something is to the right
            following = node.next
            while following is None and stack:
                node, tag, outer, inline, kept, kept_controls = stack.pop()
                if outer is None:
                    if tag == "a":
                        in_link -= 1
                        if links and href:
                            _close_link(marked, href)
                    elif tag in BOLD:
                        in_bold -= 1
                    href = kept
                else:
                    if pieces or marked:
                        flush()
                    else:
                        link_count = 0
                    lines = e_last[current] = len(texts)
                    if images != kept or controls != kept_controls:
                        self.images[current] = images - kept
                        self.controls[current] = controls - kept_controls
                    if current == hidden:
                        self.hidden.append((current, len(e_parent)))
                        hidden = 0
                    if tag in COUNTED:
                        if tag == "pre":
                            in_pre -= 1
                        elif tag == "noscript":
                            in_noscript -= 1
                        elif tag != "tr":
                            list_depth -= 1
                            ordered.pop()
                        elif lines - e_first[current] > 1:
                            self.join_row(e_first[current], current)
                    current, tag_of = e_parent[current], outer
                    path = e_path[current]
                following = node.next
            if following is None:
                break
            node = following
        if pieces or marked:
            flush()
        e_last[0] = len(texts)
        self.images[0], self.controls[0] = images, controls

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

    def lines(self, title: str) -> Lines:
        n, elements = len(self.texts), len(self.e_parent)
        parent = _ints(self.e_parent)
        hidden = np.zeros(elements, dtype=np.int32)
        for start, stop in self.hidden:
            hidden[start:stop] = 1
        return Lines(
            kind=Kind.HTML,
            texts=self.texts,
            tags=self.tags,
            link_chars=_ints(self.link_chars),
            link_count=_ints(self.link_count),
            bold_chars=_ints(self.bold_chars),
            level=_ints(self.level),
            blank_before=np.zeros(n, dtype=np.int32),
            title=title,
            elements=Elements(
                parent=parent,
                signature=_ints(self.e_signature),
                first=_ints(self.e_first),
                last=_ints(self.e_last),
                images=_sparse(self.images, elements),
                controls=_sparse(self.controls, elements),
                hidden=hidden,
                depth=_ints(self.e_depth),
                children=np.bincount(parent[1:], minlength=elements).astype(np.int32),
                path=_ints(self.e_path),
                signatures=list(self.signatures),
            ),
            element=_ints(self.element),
            inline=_ints(self.inline),
            noscript=_ints(self.noscript),
            markup=self.markup if self.links else None,
        )


def _named(node: Any) -> tuple[str, int]:
    """A node's name, and what the walk does with it."""
    name = node.tag or ""
    # Any other element is a block; comments and doctypes have names that begin with a hyphen.
    return name, _ROLES.get(name, BLOCK if name[:1].isalpha() else SKIP)


def _ints(values: list[int]) -> Ints:
    return np.fromiter(values, dtype=np.int32, count=len(values))


def _sparse(values: dict[int, int], size: int) -> Ints:
    out = np.zeros(size, dtype=np.int32)
    out[list(values)] = list(values.values())
    return out


def _extra(name: str | None, role: str | None) -> str:
    """What an element says about itself beside its classes, each word after a blank."""
    if role:
        return f" {name} {role}" if name else f" {role}"
    return f" {name}" if name else ""


def _hides(attributes: dict[str, Any]) -> bool:
    style = attributes.get("style")
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(style and ("display:none" in style or "display: none" in style))
    )


def _close_link(marked: list[str], href: str) -> None:
    """Turn the text since the last open mark into a Markdown link."""
    for i in range(len(marked) - 1, -1, -1):
        if marked[i] == "\x02":
            label = " ".join("".join(marked[i + 1 :]).split())
            marked[i:] = [f"[{label}]({href.strip().replace(' ', '%20').replace(')', '%29')})"] if label else []
            return
