"""The walk over lexbor's tree: its nodes in document order, without recursion, to lines and block elements.

This is the dearest stage of a page, three times the parse. Reading the nodes is a quarter of it, the rest are Python's
own steps, half of them for block elements.
"""

from __future__ import annotations

import re
from functools import cache, cached_property, lru_cache
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from cleaner.page import UNSEEN, Elements, Ints, Kind, Lines

__all__ = ["NAMES", "walk"]

# Never text that a reader sees as prose: code for the browser, form state, replaced content.
SKIPPED = frozenset(
    "script style template svg object embed canvas datalist audio video noframes applet head title meta "
    "link base area annotation annotation-xml".split()
)
SKIPPED_CONTROLS = frozenset(("select", "option", "textarea"))
# Elements that do not break a line (HTML Living Standard: phrasing content), plus old presentational ones and formulas.
INLINE = frozenset(
    "abbr acronym bdi bdo big blink cite code data del dfn em font i img ins kbd label map mark nobr output q rb rp rt "
    "ruby s samp small span strike sub sup time tt u var wbr "
    "math maction menclose merror mfenced mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtext munder munderover semantics".split()
)
_FORMULA = frozenset(("mfrac", "mtr", "mtd"))  # phrases as well, whose parts must not run into each other
HEADINGS = {f"h{i}": i for i in range(1, 7)}
LISTS = frozenset(("ul", "ol", "menu"))
# Inside the second a plain block, one of the first, only groups text.
TRANSPARENT = frozenset(("p", "div", "section", "span", "center", "form"))
KEEPS_TAG = frozenset(("li", "oli", "blockquote", "dd", "dt", "td", "th", "figcaption", "pre", *HEADINGS))
# What the walk does with a node, by its name. Elements that lexbor knows and this does not are blocks as well; those of
# unknown names, which pages define as they like, go on with a line that has begun if they hold a few words, and are
# blocks elsewhere.
TEXT, BLOCK, PHRASE, LINK, BOLD, SKIP, IMAGE, FRAME, BREAK, INPUT, CONTROL, FORMULA, UNKNOWN = range(13)
_BLOCKS = "div p ul ol li td tr tbody table section article header footer nav aside main form button figure".split()
_ROLES = {
    **dict.fromkeys((*_BLOCKS, *KEEPS_TAG), BLOCK),
    **dict.fromkeys(INLINE, PHRASE),
    **dict.fromkeys(_FORMULA, FORMULA),
    **dict.fromkeys(SKIPPED, SKIP),
    **dict.fromkeys(SKIPPED_CONTROLS, CONTROL),
    "a": LINK,
    "b": BOLD,
    "strong": BOLD,
    "-text": TEXT,
    "-comment": SKIP,
    "img": IMAGE,
    "iframe": FRAME,
    "br": BREAK,
    "hr": BREAK,
    "input": INPUT,
}
# A row of cells that hold one short run of text each is a data row and becomes one line; anything else is layout.
MAX_CELL = 200
_DIGITS = b"0123456789"
# Attributes other than classes that say what an element is for, or hide it.
_TELLING = frozenset(("id", "role", "itemprop", "hidden", "aria-hidden", "style"))
# Attributes of an <a> that is a place, not a link: old pages leave it open, and it goes on through their paragraphs.
_PLACE = frozenset(("name", "id", "title", "href"))
# Of elements in code that hold the number of a line only.
_LINE_NUMBER = r"(?i)\blnt?\b|\bln-|\bline[-_]?n(?:o|um)|hljs-ln"
# Attributes that give the numbers of lists and the spans of cells; ``reversed`` alone has no value, and stands for 1.
_NUMBERS = frozenset(("start", "value", "reversed", "rowspan", "colspan"))
_NUMBERED = frozenset(("ol", "li", "td", "th"))
_NUMBER = r"[ \t\n\f\r]*+([+-]?[0-9]{1,9})(?![0-9])"
# What an element may be called.
NAMES = frozenset(name for name in _ROLES if name[0] != "-")
# Where a link begins in the pieces of a line's markup.
_OPEN = "\x02"
# An address within Markdown's brackets; line ends and tabs are no part of one (URL Standard, 4.4).
_TARGET = str.maketrans({" ": "%20", ")": "%29", "\t": None, "\n": None, "\r": None})


class _Context(NamedTuple):
    """What the blocks around a text say about its line; it depends on their names only, and few of them differ."""

    tag: str
    level: int
    lists: int  # how many it is in, and whether the innermost is ordered
    ordered: bool
    in_pre: bool
    in_noscript: int
    is_row: bool


_OUTERMOST = _Context("body", 0, 0, False, False, 0, False)


@lru_cache(4096)
def _inside(outer: _Context, tag: str) -> _Context:
    _, _, lists, ordered, in_pre, in_noscript, _ = outer
    is_row = tag == "tr"
    if tag in LISTS:
        lists, ordered = lists + 1, tag == "ol"
    elif tag == "pre":
        in_pre = True
    elif tag == "noscript":
        in_noscript = 1
    if tag in TRANSPARENT:
        if outer.tag in KEEPS_TAG:  # in <li><p> the outer one says what the line is
            tag = outer.tag
    elif tag == "li" and ordered:
        tag = "oli"
    return _Context(tag, HEADINGS.get(tag, 0) or lists, lists, ordered, in_pre, in_noscript, is_row)


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
        self.parted: dict[int, int] = {}  # lines of code below blank ones, and how many
        self.counting: list[int] = []  # lines of code that are nothing but 1, 2, 3 and so on
        # One entry for each block element; the root stands for the document.
        self.e_parent = [0]
        self.e_signature = [0]
        self.e_path = [0]
        self.e_first = [0]
        self.e_last = [0]
        # Few elements hold images or controls, fewer are hidden.
        self.images: dict[int, int] = {}
        self.controls: dict[int, int] = {}
        self.hidden: list[tuple[int, int]] = []
        self.numbers: dict[int, dict[str, int]] = {}
        self.swallowed: set[str] = set()  # names of elements without content that have tags for their text
        self.signatures = {("html", ""): 0}
        self.kinds = {("html", b""): 0}
        self.depths = [1]  # of the elements of each path
        self.known: dict[tuple[str, ...], tuple[int, int]] = {}

    def classify(self, tag: str, classes: str, extra: str) -> tuple[int, int]:
        """The signature of a block, and its kind: its tag and its classes without numbers."""
        signature = self.signatures.setdefault((tag, classes + extra), len(self.signatures))
        return signature, self.kinds.setdefault((tag, classes.encode().translate(None, _DIGITS)), len(self.kinds))

    def run(self, root: Any) -> None:  # one long loop on purpose: it is the hot path
        texts, tags, level, markup = self.texts, self.tags, self.level, self.markup
        link_chars_of, link_count_of, bold_chars_of = self.link_chars, self.link_count, self.bold_chars
        element_of, inline_of, noscript_of = self.element, self.inline, self.noscript
        e_parent, e_signature, e_path = self.e_parent, self.e_signature, self.e_path
        e_first, e_last = self.e_first, self.e_last
        signatures, known, links = self.signatures, self.known, self.links
        named = dict(_numbered())  # a tag's number costs a quarter of its name
        paths = {(0, 0): 0}
        contexts, depths = [_OUTERMOST], self.depths  # of each path

        pieces: list[str] = []
        marked: list[str] = []
        link_chars = link_count = bold_chars = 0
        line_inline = -1
        denominators: set[int] = set()
        gap = blanks = 0  # the block of code whose last line has blank ones below, and how many
        in_link = in_bold = 0
        images = controls = 0
        current = path = 0  # element and its path
        hidden = 0  # the outermost element around it that is hidden
        context = _OUTERMOST
        in_pre = False
        inline = -1  # signature of the innermost inline element
        href = ""

        def flush() -> None:
            nonlocal link_chars, link_count, bold_chars, line_inline, gap, blanks
            open_link = links and bool(in_link) and bool(href)
            if open_link:
                _close_link(marked, href)
            raw = pieces[0] if len(pieces) == 1 else "".join(pieces)
            pieces.clear()
            if in_pre:
                text = raw.strip("\n").rstrip()
            elif raw.isprintable() and "  " not in raw:  # of all white space only the blank is printable
                text = raw.strip(" ")
            else:
                text = " ".join(raw.split())
                if text and text[0] in UNSEEN and not text.strip(UNSEEN + " "):
                    text = ""
            if text:
                if in_pre:
                    if gap == current:
                        self.parted[len(texts)] = blanks
                    gap = blanks = 0
                    if text[0].isdigit() and _counts(text):
                        self.counting.append(len(texts))
                size = len(text)
                texts.append(text)
                tags.append(context.tag)
                level.append(context.level)
                link_chars_of.append(link_chars if link_chars < size else size)
                link_count_of.append(link_count)
                bold_chars_of.append(bold_chars if bold_chars < size else size)
                element_of.append(current)
                inline_of.append(line_inline)
                noscript_of.append(context.in_noscript)
                if links:
                    markup.append("".join(marked) if in_pre else " ".join("".join(marked).split()))
            if links:
                marked.clear()
                if open_link:  # it goes on in the next line
                    pieces.append("")
                    marked.append(_OPEN)
            link_chars = link_count = bold_chars = 0
            line_inline = -1

        # The stack holds, for every open node, what it is and what to restore when it is left.
        stack: list[tuple[Any, int, int, Any, int]] = []
        push, pop = stack.append, stack.pop
        node = root
        while True:
            tag_id = node.tag_id
            if tag_id in named:
                tag, role = named[tag_id]
            else:
                tag, role = _named(node)
                if role == UNKNOWN:
                    begun = any(piece and not piece.isspace() for piece in pieces)
                    if begun and node.first_child is None:
                        role = SKIP  # an icon
                    else:
                        role = PHRASE if begun and _is_phrase(node) else BLOCK
                elif role == FORMULA:
                    role = PHRASE
                    if tag == "mfrac":
                        if not (node.attributes.get("linethickness") or "1").startswith("0"):  # a binomial has no bar
                            denominators |= _denominator(node)
                    elif pieces:
                        pieces.append(" ")
                        if links:
                            marked.append(" ")
                else:
                    named[tag_id] = tag, role
            if role == TEXT:
                # Not the blanks between two blocks, which are more than half of all text nodes.
                if pieces or not node.is_empty_text_node or in_pre:
                    text = node.text_content
                    blank = text.isspace()
                    if text and (not blank or pieces or in_pre):
                        if in_pre and not in_link and "\n\n" in text:
                            *parts, text = re.split(r"\n(\n+)", text)
                            for part, more in zip(parts[::2], parts[1::2], strict=True):
                                pieces.append(part)
                                if links:
                                    marked.append(part)
                                flush()
                                if texts and element_of[-1] == current:
                                    gap, blanks = current, len(more)
                            blank = text.isspace()
                        pieces.append(text)
                        if links:
                            marked.append(text)
                        if not blank:
                            if in_link:
                                link_chars += len(text.strip())
                                link_count = link_count or 1  # a link around several blocks is in each of their lines
                            if in_bold:
                                bold_chars += len(text.strip())
                            if line_inline < 0:
                                line_inline = inline
            elif role == BLOCK:
                if pieces:
                    flush()
                else:
                    link_count = 0
                attributes = node.attributes
                classes = extra = ""
                hides = False
                if attributes:
                    classes = attributes.get("class") or ""
                    if (len(attributes) > 1 or not classes) and not _TELLING.isdisjoint(attributes):
                        extra = _extra(attributes)
                        hides = not hidden and _hides(attributes)
                    if tag in _NUMBERED and not _NUMBERS.isdisjoint(attributes):
                        self.numbers[len(e_parent)] = _numbers(attributes)
                key = (tag, classes, extra) if extra else (tag, classes)
                if key in known:
                    signature, kind = known[key]
                else:
                    signature, kind = known[key] = self.classify(tag, classes, extra)
                step = path, kind
                if step in paths:
                    own_path = paths[step]
                else:
                    own_path = paths[step] = len(contexts)
                    contexts.append(_inside(context, tag))
                    depths.append(depths[path] + 1 if current else 1)
                lines = len(texts)
                number = len(e_parent)
                e_parent.append(current)
                e_signature.append(signature)
                e_path.append(own_path)
                e_first.append(lines)
                e_last.append(lines)
                if tag == "button":
                    controls += 1
                child = node.first_child
                if child is not None:
                    push((node, BLOCK, inline, images, controls))
                    if hides:
                        hidden = number
                    current, path, inline = number, own_path, -1
                    context = contexts[path]
                    in_pre = context.in_pre
                    node = child
                    continue
                if hides:
                    self.hidden.append((number, number + 1))
            elif role <= BOLD:
                child = node.first_child
                attributes = node.attributes if child is not None else None
                if child is not None and not (
                    attributes and (in_pre or "aria-hidden" in attributes) and _is_aside(node, attributes, in_pre)
                ):
                    if denominators and node.mem_id in denominators:
                        pieces.append("/")
                        if links:
                            marked.append("/")
                    if role == LINK and attributes and not attributes.get("href") and _PLACE.issuperset(attributes):
                        role = PHRASE
                    if role == PHRASE:
                        push((node, PHRASE, inline, None, 0))
                    elif role == LINK:
                        push((node, LINK, inline, href, 0))
                        in_link += 1
                        link_count += 1
                        href = attributes.get("href") or ""
                        if links and href:
                            pieces.append("")  # or nothing would be flushed
                            marked.append(_OPEN)
                    else:
                        push((node, BOLD, inline, None, 0))
                        in_bold += 1
                    if attributes:
                        words = attributes.get("class") or ""
                        if (len(attributes) > 1 or not words) and not _TELLING.isdisjoint(attributes):
                            words += _extra(attributes)
                        key = tag, words
                        if key in signatures:
                            inline = signatures[key]
                        else:
                            inline = signatures[key] = len(signatures)
                    node = child
                    continue
            elif role == SKIP:
                pass
            elif role == IMAGE:
                images += 1
            elif role == FRAME:
                if node.first_child is not None:
                    self.swallowed.add(tag)
            else:
                if tag == "textarea" and "</" in (node.text() or ""):
                    self.swallowed.add(tag)
                if role != CONTROL:
                    if in_pre and tag == "br":
                        pieces.append("\n")
                        if links:
                            marked.append("\n")
                    elif pieces:
                        flush()
                    else:
                        link_count = 0
                if role != BREAK:
                    controls += 1
            # nothing below: go on to the right, or up until something is to the right
            following = node.next
            while following is None and stack:
                node, role, inline, kept, kept_controls = pop()
                if role == BLOCK:
                    if pieces:
                        flush()
                    else:
                        link_count = 0
                    lines = e_last[current] = len(texts)
                    if context.is_row and lines - e_first[current] > 1:
                        self.join_row(e_first[current], current)
                    if images != kept or controls != kept_controls:
                        self.images[current] = images - kept
                        self.controls[current] = controls - kept_controls
                    if current == hidden:
                        self.hidden.append((current, len(e_parent)))
                        hidden = 0
                    current = e_parent[current]
                    path = e_path[current]
                    context = contexts[path]
                    in_pre = context.in_pre
                elif role == LINK:
                    in_link -= 1
                    if links and href:
                        _close_link(marked, href)
                    href = kept
                elif role == BOLD:
                    in_bold -= 1
                following = node.next
            if following is None:
                break
            node = following
        if pieces:
            flush()
        e_last[0] = len(texts)
        self.images[0], self.controls[0] = images, controls
        gutters = [line for line in self.counting if self.is_gutter(line)]
        if gutters:
            self.drop(gutters)

    def join_row(self, first: int, row: int) -> None:
        """Make one line of a data row: every cell one short line, no block inside a cell."""
        elements, texts = self.element[first:], self.texts[first:]
        parents = self.e_parent
        seen = set(elements)
        if len(seen) != len(elements) or any(parents[e] != row for e in elements):
            return
        if any(len(text) > MAX_CELL for text in texts):
            return
        at = {e: i for i, e in enumerate(elements)}
        # A cell without text keeps its place, or the cells after it would move to the left.
        cells = [at.get(e, -1) for e in range(row + 1, len(parents)) if parents[e] == row]
        self.texts[first:] = ["\t".join(texts[i] if i >= 0 else "" for i in cells)]
        if self.links:
            markup = self.markup[first:]
            self.markup[first:] = ["\t".join(markup[i] if i >= 0 else "" for i in cells)]
        self.tags[first:] = ["tr"]
        self.level[first:] = [0]
        for column in (self.link_chars, self.link_count, self.bold_chars):
            column[first:] = [sum(column[first:])]
        self.element[first:] = [row]
        del self.inline[first + 1 :]
        del self.noscript[first + 1 :]
        while self.counting and self.counting[-1] >= first:
            self.counting.pop()
        end = len(self.texts)
        for e in range(row, len(parents)):
            self.e_first[e] = min(self.e_first[e], end)
            self.e_last[e] = end

    def is_gutter(self, line: int) -> bool:
        """Whether a block of 1, 2, 3 and so on numbers the lines of the code in the next cell of its row."""
        number, code = line, line + 1
        if code == len(self.texts) or self.tags[code] != "pre" or _counts(self.texts[code]):
            return False
        if number and self.element[number - 1] == self.element[number]:
            return False
        row = self.row_of(self.element[number])
        if not row or row != self.row_of(self.element[code]):
            return False
        end = code
        while end < len(self.texts) and self.element[end] == self.element[code]:
            end += 1
        fewest = sum(part.count("\n") + 1 for part in self.texts[code:end])
        blanks = sum(self.parted.get(line, 0) for line in range(code + 1, end))
        return fewest <= self.texts[number].count("\n") + 1 <= fewest + blanks

    @cached_property
    def names(self) -> list[str]:
        """The tag of each signature, when all have been met."""
        return [tag for tag, _ in self.signatures]

    def row_of(self, element: int) -> int:
        """The row of the cell around an element, 0 where there is none near."""
        for _ in range(_NEAR):
            if self.names[self.e_signature[element]] in ("td", "th"):
                return self.e_parent[element]
            element = self.e_parent[element]
        return 0

    def drop(self, lines: list[int]) -> None:
        """Take lines out of all columns."""
        kept = np.ones(len(self.texts), dtype=bool)
        kept[lines] = False
        columns: list[list[Any]] = [
            self.texts, self.tags, self.level, self.link_chars, self.link_count, self.bold_chars, self.element,
            self.inline, self.noscript, *([self.markup] if self.links else []),
        ]  # fmt: skip
        for column in columns:
            column[:] = compress(column, kept)
        before = np.concatenate([[0], np.cumsum(kept)])
        for ends in (self.e_first, self.e_last):
            ends[:] = before[ends].tolist()
        self.parted = {int(before[line]): count for line, count in self.parted.items()}

    def lines(self, title: str, base: str) -> Lines:
        parents, path = _ints(self.e_parent), _ints(self.e_path)
        depth = _ints(self.depths)[path]
        depth[0] = 0  # the root, which has the path of <html>
        hidden = np.zeros(len(parents), dtype=np.int32)
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
            blank_before=_sparse(self.parted, len(self.texts)),
            title=title,
            base=base,
            elements=Elements(
                parent=parents,
                signature=_ints(self.e_signature),
                first=_ints(self.e_first),
                last=_ints(self.e_last),
                images=_sparse(self.images, len(parents)),
                controls=_sparse(self.controls, len(parents)),
                hidden=hidden,
                depth=depth,
                children=np.bincount(parents[1:], minlength=len(parents)).astype(np.int32),
                path=path,
                signatures=list(self.signatures),
                numbers=self.numbers,
            ),
            element=_ints(self.element),
            inline=_ints(self.inline),
            noscript=_ints(self.noscript),
            markup=self.markup if self.links else None,
        )


def walk(root: Any, title: str, links: bool, base: str) -> tuple[Lines, set[str]]:
    """The lines below ``root``, a node or None; ``base`` is the address that the page gives for its links.

    Also the names of elements that may have swallowed what follows them: all of it is then the text of a frame or a
    field.
    """
    found = _Walk(links)
    if root is not None:
        found.run(root)
    return found.lines(title, base), found.swallowed


def _named(node: Any) -> tuple[str, int]:
    """A node's name, and what the walk does with it."""
    name = node.tag or ""
    if name in _ROLES:
        return name, _ROLES[name]
    # Comments and doctypes have names that begin with a hyphen.
    if not name[:1].isalpha():
        return name, SKIP
    if node.tag_id < _OWN_NUMBERS:
        return name, BLOCK
    return name, PHRASE if name.startswith("mjx-") else UNKNOWN  # MathJax's, of which a formula has dozens


def _is_phrase(node: Any, deeper: int = 2) -> bool:
    """Whether an element has text in it, and nothing that is no part of a line."""
    child = node.first_child
    has_text = False
    for _ in range(_FEW):
        if child is None:
            return has_text
        name, role = _named(child)
        if role == TEXT:
            has_text = has_text or not child.is_empty_text_node
        elif BLOCK < role <= BOLD:
            has_text = has_text or child.first_child is not None
        elif role == UNKNOWN and ":" in name and deeper and _is_phrase(child, deeper - 1):
            has_text = True  # a word processor's names of places have names of cities in them
        elif role not in (SKIP, IMAGE, FRAME):
            return False
        child = child.next
    return False


def _is_aside(node: Any, attributes: dict[str, Any], in_pre: bool) -> bool:
    """Whether an inline element is no part of its line's text: a formula drawn beside its MathML, a line's number."""
    if attributes.get("aria-hidden") == "true":
        beside = (node.prev, node.next)
        return any(other is not None and (other.first_child or other).tag == "math" for other in beside)
    if not in_pre:
        return False
    style = (attributes.get("style") or "").replace(" ", "")
    if "user-select:none" not in style and not re.search(_LINE_NUMBER, attributes.get("class") or ""):
        return False
    return bool((node.text() or "").strip().isdecimal())


def _denominator(fraction: Any) -> set[int]:
    """The number of the second element in a fraction, as a set."""
    child = fraction.first_child
    seen = 0
    for _ in range(_FEW):
        if child is None:
            break
        seen += _named(child)[1] not in (TEXT, SKIP)
        if seen == 2:
            return {child.mem_id}
        child = child.next
    return set()


@cache
def _numbered() -> dict[int, tuple[str, int]]:
    """Names and roles by number, for the tags that lexbor itself knows; a document numbers the others as it likes."""
    parser = LexborHTMLParser("<body>text<!-- comment -->")
    body = parser.body
    nodes = [*body.iter(include_text=True)] if body is not None else []
    nodes += [parser.create_node(name) for name in _ROLES if name[0] != "-"]
    return {node.tag_id: _named(node) for node in nodes if node.tag_id < _OWN_NUMBERS}


_FEW = 9  # children of an element that is part of a sentence
_NEAR = 6  # elements around code that are looked at for a cell
_OWN_NUMBERS = 1000  # those that lexbor gives to a name it does not know are addresses


def _ints(values: list[int]) -> Ints:
    return np.fromiter(values, dtype=np.int32, count=len(values))


def _sparse(values: dict[int, int], size: int) -> Ints:
    out = np.zeros(size, dtype=np.int32)
    out[list(values)] = list(values.values())
    return out


def _extra(attributes: dict[str, Any]) -> str:
    """What an element says about itself beside its classes, each word after a blank."""
    name = attributes.get("id")
    role = attributes.get("role") or attributes.get("itemprop")
    if role:
        return f" {name} {role}" if name else f" {role}"
    return f" {name}" if name else ""


def _numbers(attributes: dict[str, Any]) -> dict[str, int]:
    """The numbers among an element's attributes, as HTML reads them; at most nine digits."""
    found = {name: re.match(_NUMBER, attributes.get(name) or "") for name in _NUMBERS}
    numbers = {name: int(match[1]) for name, match in found.items() if match}
    return numbers | {"reversed": 1} if "reversed" in attributes else numbers


def _hides(attributes: dict[str, Any]) -> bool:
    style = attributes.get("style")
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(style and ("display:none" in style or "display: none" in style))
    )


def _counts(text: str) -> bool:
    """Whether there are several lines, and each is a whole number, one more than the line above."""
    numbers = text.split()
    if len(numbers) < 2 or len(numbers) != text.count("\n") + 1 or not all(map(str.isdecimal, numbers)):
        return False
    first = int(numbers[0][:9])
    return numbers == [str(first + i) for i in range(len(numbers))]


def _close_link(marked: list[str], href: str) -> None:
    """Turn the text since the last open mark into a Markdown link."""
    for i in range(len(marked) - 1, -1, -1):
        if marked[i] == _OPEN:
            label = " ".join("".join(marked[i + 1 :]).split())
            marked[i:] = [f"[{label}]({href.strip().translate(_TARGET)})"] if label else []
            return
