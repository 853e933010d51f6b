"""HTML as converters write it as text: Markdown in its dialects, and the dumps of text browsers.

Converters do not know which text a reader sees: they write the alternative texts of pictures, the options of menus and
what is hidden, and each has its own way to mark a link. Training on one way teaches that way, so each page is written
in a way of its own, drawn by the generator that is handed in.
"""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from cleaner.segmentation.walk import INLINE

__all__ = ["CONVERSIONS", "to_dump", "to_markdown"]

_SKIPPED = frozenset(
    "script style template svg head title meta link base iframe object embed canvas audio video".split()
)
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_BOLD, _ITALIC = frozenset(("b", "strong")), frozenset(("i", "em", "cite"))
_SPECIAL = re.compile(r"([\\`*_\[\]])")
_ROW = 400  # characters: a row of a table that is longer is layout
_DEEPEST = 8  # levels of lists that are told apart


class _Way(NamedTuple):
    """How one converter writes: what of a page, and with which marks."""

    link: str = ""  # what stands before the label and behind it, its title in quotes; empty: links are not marked
    absolute: bool = False
    image: str = ""
    bold: str = ""
    italic: str = ""
    heading: str = "plain"  # plain, hashes, underlined, capitals
    bullets: tuple[str, ...] = ("- ",)
    numbers: str = "{}. "
    indent: str = "  "  # of an inner list
    quote: str = ""
    rule: str = ""
    row: str = "tabs"  # tabs, pipes, cells
    margin: str = ""
    width: int = 0
    apart: bool = True  # a blank line between blocks
    controls: bool = False
    noscript: bool = False
    escapes: bool = False
    references: bool = False


def to_markdown(html: str, rng: random.Random, url: str | None = None) -> str:
    """A page as some converter to Markdown writes it."""
    linked = rng.random() < 0.8
    pictured = linked and rng.random() < 0.8
    return _written(
        html,
        _Way(
            link=rng.choice(("[{label}]({url})",) * 4 + ('[{label}]({url} "{label}")',)) if linked else "",
            absolute=rng.random() < 0.6,
            image=rng.choice(("![{alt}]({url})", "![{alt}]({url})", "![Image {n}: {alt}]({url})")) if pictured else "",
            bold="**" if rng.random() < 0.9 else "",
            italic=rng.choice(("_", "*", "")),
            heading=rng.choice(("hashes", "hashes", "hashes", "underlined")),
            bullets=rng.choice((("* ",), ("- ",), ("*   ",), ("  * ",), ("* ", "+ ", "- "))),
            indent=rng.choice(("  ", "    ")),
            quote="> ",
            rule=rng.choice(("* * *", "---")),
            row=rng.choice(("pipes", "pipes", "cells")),
            width=78 if rng.random() < 0.2 else 0,
            controls=rng.random() < 0.5,
            noscript=rng.random() < 0.5,
            escapes=rng.random() < 0.5,
        ),
        url,
    )


def to_dump(html: str, rng: random.Random, url: str | None = None) -> str:
    """A page as a text browser dumps it, or a converter for mails writes it: often wrapped, links marked or not."""
    link = rng.choice(("", "", "", "[{n}]{label}", "{label} [{url}]", "{label} <{url}>", "{label} ({url})"))
    return _written(
        html,
        _Way(
            link=link,
            absolute=link != "" and rng.random() < 0.5,
            image=rng.choice(
                ("", "", "{alt}", "[{alt}]", "[{file}]", "{alt} [{url}]" if "{url}" in link else "[IMAGE]")
            ),
            heading=rng.choice(("plain", "plain", "capitals")),
            bullets=rng.choice((("* ",), ("  * ", "  + ", "  o "), (" * ",), ("- ",), ("• ",))),
            numbers=rng.choice(("{}. ", " {}. ")),
            indent=rng.choice(("  ", "   ", "     ")),
            quote=rng.choice(("", "> ", "     ")),
            rule=rng.choice(("", "_" * 68, "-" * 40)),
            row=rng.choice(("tabs", "cells", "columns")),
            margin=rng.choice(("", "", "   ")),
            width=rng.choice((0, 72, 78, 80, 80, 100)),
            apart=rng.random() < 0.75,
            controls=rng.random() < 0.5,
            noscript=rng.random() < 0.5,
            references=rng.random() < 0.7,
        ),
        url,
    )


CONVERSIONS = {"converted": to_markdown, "dumped": to_dump}


def _written(html: str, way: _Way, url: str | None) -> str:
    tree = LexborHTMLParser(html)
    writer = _Writer(way, url or "")
    if tree.root is not None:
        for node, entered in _steps(tree.root, way):
            (writer.enter if entered else writer.leave)(node)
    writer.flush()
    return writer.text()


def _name(node: Any) -> str:
    return node.tag or "-"  # processing instructions have none


def _steps(root: Any, way: _Way) -> Iterator[tuple[Any, bool]]:
    """Each node twice, when it begins and when it ends, without recursion; nothing of what no converter writes."""
    stack = []
    node = root
    while True:
        skipped = node.tag in _SKIPPED or (node.tag == "noscript" and not way.noscript)
        if not way.controls and node.tag in ("select", "option", "textarea", "button"):
            skipped = True
        if not skipped:
            yield node, True
            child = node.first_child
            if child is not None:
                stack.append(node)
                node = child
                continue
            yield node, False
        while node.next is None and stack:
            node = stack.pop()
            yield node, False
        if not stack:
            return
        node = node.next


class _Writer:
    """The page so far: blocks of text, each with what stands before its first line and before its others."""

    def __init__(self, way: _Way, url: str) -> None:
        self.way, self.url = way, url
        self.blocks: list[tuple[str, str, str, str]] = []  # tag, first prefix, other prefixes, text
        self.pieces: list[str] = []
        self.links: list[str] = []  # the addresses of those around
        self.addresses: list[str] = []
        self.lists: list[list[Any]] = []  # of each list around: its name, its last number
        self.quotes = self.images = self.pre = 0
        self.mark = ""  # of an item that has had no text yet
        self.tag = "p"

    def address(self, value: str) -> str:
        try:
            return urljoin(self.url, value) if self.way.absolute else value
        except ValueError:
            return value

    def enter(self, node: Any) -> None:
        tag = _name(node)
        way = self.way
        if tag == "-text":
            text = node.text_content or ""
            if not self.pre:
                text = re.sub(r"\s+", " ", text)
                text = _SPECIAL.sub(r"\\\1", text) if way.escapes else text
            self.pieces.append(text)
        elif tag in _BOLD:
            self.pieces.append(way.bold)
        elif tag in _ITALIC:
            self.pieces.append(way.italic)
        elif tag == "a":
            href = node.attributes.get("href") or ""
            self.links.append(href)
            if way.link and href:
                self.addresses.append(self.address(href))
                self.pieces.append(way.link.partition("{label}")[0].format(n=len(self.addresses)))
        elif tag == "img":
            self._image(node)
        elif tag == "input":
            if way.controls and node.attributes.get("type") in ("submit", "button"):
                self.pieces.append(f" {node.attributes.get('value') or ''} ")
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "hr":
            self.flush()
            if way.rule:
                self.blocks.append(("hr", "", "", way.rule))
        elif tag in ("td", "th"):
            if way.row == "cells":
                self.flush()
            else:
                self.pieces.append("\t")
        elif tag == "option":
            self.pieces.append(" ")
        elif tag not in INLINE and not tag.startswith("-"):
            self._open(tag, node)

    def _open(self, tag: str, node: Any) -> None:
        self.flush()
        if tag in _LISTS:
            start = node.attributes.get("start") or ""
            self.lists.append([tag, int(start) - 1 if start.isdecimal() and len(start) < 6 else 0])
        elif tag == "li":
            around: list[Any] = self.lists[-1] if self.lists else ["ul", 0]
            around[1] += 1
            depth = min(len(self.lists), _DEEPEST)
            if around[0] == "ol":
                self.mark = self.way.numbers.format(around[1])
            else:
                self.mark = self.way.bullets[(depth - 1) % len(self.way.bullets)]
        elif tag == "blockquote":
            self.quotes += 1
        elif tag == "pre":
            self.pre += 1
        self.tag = tag

    def leave(self, node: Any) -> None:
        tag = _name(node)
        way = self.way
        if tag in _BOLD:
            self.pieces.append(way.bold)
        elif tag in _ITALIC:
            self.pieces.append(way.italic)
        elif tag == "a" and self.links:
            href = self.links.pop()
            if way.link and href:
                after = way.link.partition("{label}")[2]
                title = " ".join((node.attributes.get("title") or "").split())[:80]
                if not title:
                    after = after.replace(' "{label}"', "")
                self.pieces.append(after.format(label=title.replace('"', "'"), url=self.address(href)))
        elif tag not in INLINE and not tag.startswith("-") and tag not in ("td", "th", "img", "br", "hr", "option"):
            self.flush()
            if tag in _LISTS and self.lists:
                self.lists.pop()
            elif tag == "blockquote":
                self.quotes -= 1
            elif tag == "pre":
                self.pre -= 1
            self.tag = "p"

    def _image(self, node: Any) -> None:
        source = node.attributes.get("src") or node.attributes.get("data-src") or ""
        alt = " ".join((node.attributes.get("alt") or "").split())
        if not self.way.image or not source or source.startswith("data:"):
            return
        self.images += 1
        file = source.rsplit("/", 1)[-1][:60]
        if not alt and "{url}" not in self.way.image and "{file}" not in self.way.image:
            return
        self.pieces.append(self.way.image.format(alt=alt, url=self.address(source), n=self.images, file=file))

    def flush(self) -> None:
        """What stands in the buffer becomes a block."""
        raw = "".join(self.pieces)
        self.pieces.clear()
        way, tag = self.way, self.tag
        if self.pre:
            text = raw.strip("\n")
        else:
            lines = (line.strip(" ") for line in re.sub(r"[^\S\n\t]+", " ", raw).split("\n"))
            text = "\n".join(line for line in lines if line.strip())
            if tag == "tr":
                text = self._row(text)
            else:
                text = text.replace("\t", " ").strip()
        if not text.strip() or not text.strip(way.bold + way.italic + " "):
            return
        depth = min(len(self.lists), _DEEPEST)
        outer = way.margin + way.quote * min(self.quotes, _DEEPEST)
        if depth:
            outer += way.indent * (depth - 1)
        first, others = outer + self.mark, outer + " " * len(self.mark)
        if not self.mark and depth:
            first = others = outer + "  "
        self.mark = ""
        if tag[:1] == "h" and tag[1:].isdecimal():
            level = int(tag[1:])
            text = " ".join(text.split())
            if way.heading == "hashes":
                first += "#" * level + " "
            elif way.heading == "capitals":
                text = text.upper()
            elif way.heading == "underlined":
                text += "\n" + ("=" if level == 1 else "-") * min(len(text), 70) if level < 3 else ""
                first += "" if level < 3 else "#" * level + " "
        if self.pre and way.heading in ("hashes", "underlined") and not outer:
            text = f"```\n{text}\n```"
        self.blocks.append((tag, first, others, text))

    def _row(self, text: str) -> str:
        cells = [" ".join(cell.split()) for cell in text.split("\t")]
        cells = cells[1:] if cells and not cells[0] else cells
        if self.way.row == "pipes" and len(cells) > 1 and len(text) <= _ROW:
            return "| " + " | ".join(cells) + " |"
        if self.way.row == "columns" and len(text) <= _ROW:
            return "".join(cell.ljust(max(12, len(cell) + 2)) for cell in cells).rstrip()
        return ("\t" if self.way.row == "tabs" else "\n").join(cell for cell in cells if cell)

    def text(self) -> str:
        """The whole page, wrapped if its converter wraps."""
        way = self.way
        out: list[str] = []
        last = ""
        for tag, first, others, text in self.blocks:
            close = tag == last and tag in ("li", "tr", "dt", "dd")
            if way.apart and out and not close:
                out.append("")
            wraps = way.width and tag not in ("pre", "tr")
            lines = text.split("\n")
            for i, line in enumerate(lines):
                lead = others if i else first
                if wraps and len(line) + len(lead) > way.width:
                    out += textwrap.wrap(
                        line, way.width, initial_indent=lead, subsequent_indent=others,
                        break_long_words=False, break_on_hyphens=False,
                    )  # fmt: skip
                else:
                    out.append(lead + line)
            last = tag
        if way.references and "{n}" in way.link and self.addresses:
            out += ["", "References", ""]
            out += [f"{number:4}. {address}" for number, address in enumerate(self.addresses, 1)]
        return "\n".join(out)
