"""A cleaned HTML page as Markdown: headings, lists, tables, quotes and code, each whole.

Lines know their tags; which item, table or code block a line belongs to is read from the elements around it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Final
from urllib.parse import urljoin

from cleaner.page import CleanedPage, Kind, Line, Lines

__all__ = ["as_markdown"]

# What would be read as mark-up in the middle of a line (CommonMark 0.31, sections 2.4 and 6). A bracket matters only
# where a target follows, an underscore only at the edge of a word, an ampersand only in an entity.
_INLINE: Final = re.compile(
    r"[`*]|\\(?=[!-/:-@\[-`{-~])|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w{1,31};)|\[(?=[^\[\]]*\][(\[:])|~(?=~)"
)
_BLOCK: Final = re.compile(r"^(?:(#{1,6})(?=\s|$)|([-+])(?=\s|$)|(>)|(=+|-{2,})(?=\s*$)|(\d{1,9})([.)])(?=\s|$)|(~~~))")
_LINK: Final = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]*)\)")
_BRACKET: Final = re.compile(r"(?<!\\)[\[\]]")
_FENCES: Final = re.compile(r"`{3,}")
# Schemes that a reader can follow; `javascript:` and `data:` are not for a document that others will render.
_FOLLOWED: Final = re.compile(r"(?:https?|ftp|mailto|tel):|(?![A-Za-z][A-Za-z0-9+.-]*:)", re.I)


def as_markdown(page: CleanedPage, *, links: bool = False) -> str:
    """The main content as CommonMark with tables (GFM); without a newline at the end.

    Rows of one table, lines of one ``<pre>``, items of one list and lines of one item stay together, and numbered
    items have the numbers of the page. The first kept row of a table is its header, because Markdown knows no table
    without one. ``links`` writes the links of lines that know them
    (``Cleaner(links=True)``), relative ones made absolute by the page's URL.
    """
    if page.page.kind is Kind.TEXT:
        return page.text
    places = _Places(page.segmented)
    writer = _Markdown(places, _joined(page.page.url, page.segmented.base) or page.page.url if links else None, links)
    for tag, block in _blocks(page.lines, places):
        writer.write(tag, block)
    return "\n".join(writer.out).strip("\n")


# A kept line with its number in the page.
_Numbered = tuple[int, Line]
_LISTS: Final = frozenset(("ul", "ol", "menu"))
_ITEM: Final = frozenset(("li",))
_TABLE: Final = frozenset(("table",))
_ROW: Final = frozenset(("tr",))
_CELLS: Final = frozenset(("td", "th"))
_PRE: Final = frozenset(("pre",))
_QUOTE: Final = frozenset(("blockquote",))
_LONG_CELL: Final = 200  # as in segmentation
# Cells that span columns or rows move others no further than here: a hostile span must not make a table of blanks.
_SPANNED: Final = 64
_MAX_NUMBER: Final = 999_999_999  # of an item, CommonMark 0.31, section 5.2


class _Places:
    """Which list, item, table, row, cell, quote or code block each line of an HTML page stands in."""

    def __init__(self, lines: Lines) -> None:
        elements = lines.elements
        self.tags: list[str] = []
        self.parent: list[int] = []
        self.element: list[int] = [0] * len(lines)
        self.names, self.texts = lines.tags, lines.texts
        self._around: dict[tuple[frozenset[str], bool], list[int]] = {}
        self.numbers: dict[int, dict[str, int]] = {}
        if elements is not None and lines.element is not None:
            self.tags = [elements.signatures[i][0] for i in elements.signature.tolist()]
            self.parent = elements.parent.tolist()
            self.numbers = elements.numbers
            self.element = lines.element.tolist()

    def around(self, line: int, tags: frozenset[str], *, outermost: bool = False) -> int:
        """The innermost element with one of these tags around a line (or the outermost), 0 where there is none."""
        known = self._around.get((tags, outermost))
        if known is None:
            known = self._around[tags, outermost] = [0] * len(self.parent)
            for e in range(1, len(known)):  # parents come before their children
                above = known[self.parent[e]]
                known[e] = e if self.tags[e] in tags and not (outermost and above) else above
        return known[self.element[line]] if known else 0

    @cached_property
    def number_of(self) -> dict[int, int]:
        """The number of each item of a list, as a browser counts; those that Markdown cannot write are its nearest."""
        items = [e for e, tag in enumerate(self.tags) if tag in _ITEM]
        sizes = Counter(self.parent[e] for e in items)
        following: dict[int, int] = {}
        out = {}
        for e in items:
            around = self.parent[e]
            said = self.numbers.get(around, {})
            backward = "reversed" in said
            number = following.get(around, said.get("start", sizes[around] if backward else 1))
            number = self.numbers.get(e, {}).get("value", number)
            following[around] = number - 1 if backward else number + 1
            out[e] = min(max(number, 0), _MAX_NUMBER)
        return out

    @cached_property
    def columns_of(self) -> dict[int, dict[int, int]]:
        """For each row its cells in order, each with its column, from 0; what spans cover is left free."""
        out: dict[int, dict[int, int]] = {}
        covered: dict[int, dict[int, int]] = {}  # for each group of rows: column to the last row that a cell covers
        row_number: Counter[int] = Counter()
        free: dict[int, int] = {}
        for e, tag in enumerate(self.tags):
            around = self.parent[e]
            if tag in _ROW:
                row_number[around] += 1
                out[e], free[e] = {}, 0
            elif around in out and tag not in _CELLS:  # an empty <form> between cells takes no column
                out[around][e] = free[around]
            elif around in out:
                group = self.parent[around]
                above, row, column = covered.setdefault(group, {}), row_number[group], free[around]
                while above.get(column, 0) >= row:
                    column += 1
                out[around][e] = column
                said = self.numbers.get(e, {})
                wide = max(1, min(said.get("colspan", 1), _SPANNED - column))
                high = said.get("rowspan", 1) or _MAX_NUMBER  # 0: down to the end of the group
                free[around] = column + wide
                if high > 1 and column < _SPANNED:
                    above.update(dict.fromkeys(range(column, column + wide), row + high - 1))
        return out

    @cached_property
    def table_of(self) -> dict[int, int]:
        """The table of each line that is a row of data, or a cell of a row beside such rows.

        Segmentation makes one line of a row of short cells without blocks in them; cells of other rows are lines of
        their own. A table in which such rows prevail is one of data, otherwise it is there for the layout. A row with
        several lines in a cell is written as one only where nothing but line breaks parts them, in short cells.
        """
        rows: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, tag in enumerate(self.names):
            if (tag == "tr" or tag in _CELLS) and (table := self.around(i, _TABLE)):
                rows[table, self.around(i, _ROW)].append(i)
        data: Counter[int] = Counter()
        whole = {}
        for (table, row), lines in rows.items():
            cells: dict[int, list[int]] = defaultdict(list)
            for i in lines:
                cells[self.around(i, _CELLS)].append(i)
            one_each = len(cells) == len(lines)
            short = all(sum(len(self.texts[i]) + 1 for i in cell) <= _LONG_CELL + 1 for cell in cells.values())
            # One cell of several lines is no row of data: forums have such cells beside each post.
            whole[row] = one_each or (short and len(cells) > 1 and all(map(self._only_broken, cells.values())))
            if self.names[lines[0]] == "tr" or (one_each and short and len(lines) > 1):
                data[table] += 1
            elif not (whole[row] and short):  # a row of one short cell, or with line breaks, speaks neither way
                data[table] -= 1
        return {
            i: table
            for (table, row), lines in rows.items()
            for i in lines
            if self.names[i] == "tr" or (data[table] > 0 and whole[row])
        }

    def _only_broken(self, cell: list[int]) -> bool:
        """Whether only line breaks part the lines of a cell: they are of one element, with no others among them."""
        first, last = cell[0], cell[-1]
        return last - first < len(cell) and all(self.element[i] == self.element[first] for i in cell)


def _blocks(lines: tuple[Line, ...], places: _Places) -> Iterator[tuple[str, list[_Numbered]]]:
    """Kept lines in runs that belong together: what the run is, and its lines."""

    def place(numbered: _Numbered) -> tuple[str, int]:
        i, line = numbered
        if line.tag in ("li", "oli"):
            return "li", places.around(i, _LISTS, outermost=True)
        if line.tag in ("pre", "blockquote"):
            return line.tag, places.around(i, _PRE if line.tag == "pre" else _QUOTE)
        if i in places.table_of:
            return "table", places.table_of[i]
        return "", 0

    kept = ((i, line) for i, line in enumerate(lines) if line.kept)
    for (tag, _), block in groupby(kept, key=place):
        yield tag, list(block)


class _Markdown:
    """Writes blocks; ``out`` is the lines of the document so far."""

    def __init__(self, places: _Places, base: str | None, links: bool) -> None:
        self.places = places
        self.base = base
        self.links = links
        self.out: list[str] = []

    def write(self, tag: str, block: list[_Numbered]) -> None:
        if tag == "pre":
            self._code(block)
        elif tag == "table":
            self._table(block)
        elif tag == "li":
            self._list(block)
        else:
            for _, line in block:
                self._paragraph(line.tag, line)
        self.out.append("")

    def _paragraph(self, tag: str, line: Line) -> None:
        text = self._inline(line)
        if self.out and self.out[-1]:
            self.out.append(">" if tag == "blockquote" else "")
        if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            self.out.append(f"{'#' * int(tag[1])} {text}")
        elif tag == "blockquote":
            self.out.append("> " + _guard(text))
        else:
            self.out.append(f"**{text}**" if tag == "dt" else _guard(text))

    def _code(self, block: list[_Numbered]) -> None:
        # Segmentation cuts code at its blank lines; other lines are elements of their own, as highlighters make.
        code = ""
        for _, line in block:
            code += ("\n" * (line.blank_before + 1) if code else "") + line.text
        longest = max((len(run) for run in _FENCES.findall(code)), default=2)
        fence = "`" * (longest + 1)
        self.out += [fence, code, fence]

    def _table(self, block: list[_Numbered]) -> None:
        rows: dict[int, list[str]] = {}
        for i, line in block:
            text = self._inline(line)
            row = self.places.around(i, _ROW)
            columns = self.places.columns_of.get(row, {})
            cells = rows.setdefault(row, [])
            if line.tag == "tr":
                pieces = text.split("\t")
                # A row in a formula has text of its own, and no cells.
                known = len(pieces) == len(columns)
                parts = list(zip(columns.values() if known else range(len(pieces)), pieces, strict=True))
            else:
                parts = [(columns.get(self.places.around(i, _CELLS), 0), text)]
            for column, part in parts:
                cells += [""] * (column + 1 - len(cells))
                cells[column] += f" {part}" if cells[column] else part  # a table knows no line breaks in a cell
        width = max(len(row) for row in rows.values())
        header, *body = (
            [cell.strip().replace("|", "\\|") for cell in row] + [""] * (width - len(row)) for row in rows.values()
        )
        self.out.append(f"| {' | '.join(header)} |")
        self.out.append(f"|{' --- |' * width}")
        self.out += [f"| {' | '.join(row)} |" for row in body]

    def _list(self, block: list[_Numbered]) -> None:
        # One entry per open level: its depth, its indent, its item and the item's mark. A level that is missing (its
        # parent was dropped) is not indented: four spaces more than the parent's text would be code.
        levels: list[tuple[int, int, int, str]] = []
        last_tag = ""
        for i, line in block:
            depth = max(1, line.level)
            item = self.places.around(i, _ITEM)
            while levels and levels[-1][0] > depth:
                levels.pop()
            text = _guard(self._inline(line))
            if levels and levels[-1][2] == item:  # a further paragraph of the same item
                _, indent, _, mark = levels[-1]
                self.out += ["", " " * (indent + len(mark)) + text]
                continue
            if levels and levels[-1][0] == depth:
                levels.pop()
                if not levels and line.tag != last_tag:
                    self.out.append("")
            mark = f"{self.places.number_of.get(item, 1)}. " if line.tag == "oli" else "- "
            indent = levels[-1][1] + len(levels[-1][3]) if levels else 0
            levels.append((depth, indent, item, mark))
            if len(levels) == 1:
                last_tag = line.tag
            self.out.append(" " * indent + mark + text)

    def _inline(self, line: Line) -> str:
        if not self.links or line.markup is None:
            return _escape(_flat(line.text))
        markup = _flat(line.markup)
        out: list[str] = []
        end = 0
        for match in _LINK.finditer(markup):
            out.append(_escape(markup[end : match.start()]))
            out.append(self._link(match[1], match[2]))
            end = match.end()
        out.append(_escape(markup[end:]))
        return "".join(out)

    def _link(self, label: str, target: str) -> str:
        target = _joined(self.base, target)
        if not target or not _FOLLOWED.match(target):
            return _escape(label)
        text = _BRACKET.sub(r"\\\g<0>", _escape(label))
        return f"[{text}]({target.replace('(', '%28').replace('<', '%3C')})"


def _joined(base: str | None, target: str) -> str:
    """An address as seen from another; none where one is hostile, such as ``http://[``."""
    try:
        return urljoin(base, target) if base else target
    except ValueError:
        return ""


def _flat(text: str) -> str:
    """A line inside ``<pre>`` may hold newlines; outside a fence they would start new blocks."""
    return text.replace("\r", " ").replace("\n", " ") if "\n" in text or "\r" in text else text


def _escape(text: str) -> str:
    """Escapes what Markdown would read as mark-up in the middle of a line."""
    return _INLINE.sub(r"\\\g<0>", text)


def _guard(text: str) -> str:
    """Escapes what Markdown would read as the mark of a heading, a list, a quote or a rule at a line's start."""
    found = _BLOCK.match(text)
    if not found:
        return text
    if found[5]:
        return f"{found[5]}\\{text[len(found[5]) :]}"
    return "\\" + text
