"""The nouns that pass between the stages.

A *line* is this project's unit of judgement: what boilerpipe calls a text block and jusText a paragraph. On an
HTML page it is a run of text that no block element or ``<br>`` interrupts (a table row of short cells is one line);
on a page whose HTML is gone it is a non-blank line, or several that belong together: a hard-wrapped paragraph.

None of these is a data class: making one takes ten times as long as a named tuple, and every start waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["UNSEEN", "CleanedPage", "Elements", "Kind", "Line", "Lines", "Page"]

# Characters that nobody sees: a line of nothing else is blank.
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"

Ints: TypeAlias = "npt.NDArray[np.int32]"
Floats: TypeAlias = "npt.NDArray[np.float32]"


class Kind(StrEnum):
    """What a page is made of: HTML, or text that has lost its HTML (plain or Markdown)."""

    HTML = "html"
    TEXT = "text"


class Page(NamedTuple):
    """One decoded page.

    ``encoding`` and ``replaced`` tell how bytes became ``content`` (``None`` and 0 when it came as ``str``);
    ``id`` is whatever the source calls the page (a path, a record id), for messages and records; ``site`` names the
    pages that it is one of, where that is not the host of ``url`` (see `cleaner.sites`).
    """

    content: str
    kind: Kind
    url: str | None = None
    id: str | None = None
    encoding: str | None = None
    replaced: int = 0
    markdown: bool = False
    site: str | None = None


class Elements(NamedTuple):
    """The block elements of a page, in document order, as parallel arrays.

    The lines of element ``e`` are ``first[e]:last[e]``: contiguous, so any sum over an element is a difference of
    two prefix sums. ``parent[0]`` is 0 (the root is its own parent). ``signature`` indexes ``signatures``, the
    distinct ``(tag, class/id/role words)`` strings of the page; elements whose tags and classes are the same from the
    root down share a ``path``. ``images`` and ``controls`` count what is inside, ``children`` the block elements
    right below; ``hidden`` is 1 where the mark-up hides the element or one around it. ``numbers`` has the numbers that
    few elements give, by the attribute's name: where a list starts, an item's value, the spans of a cell.
    """

    parent: Ints
    signature: Ints
    first: Ints
    last: Ints
    images: Ints
    controls: Ints
    hidden: Ints
    depth: Ints
    children: Ints
    path: Ints
    signatures: list[tuple[str, str]]
    numbers: dict[int, dict[str, int]]


class Lines:
    """The lines of one page with the evidence that the features need.

    All arrays have one entry a line. ``plain`` is what a reader sees of each line, and what it is judged by: for text
    without the addresses of links and the marks of Markdown, for HTML the line itself. ``tags`` names the innermost
    block element (for text: what the mark-up of a Markdown line says, else ``p``). ``link_chars`` counts characters of
    ``plain`` inside links, ``blank_before`` the blank lines above a line of a text page, or of code. ``elements`` and
    ``element`` are set for HTML only: without HTML the containers are unknown, not empty. ``base`` is the address that
    an HTML page gives for its links, if any.
    """

    __slots__ = (
        "base", "blank_before", "bold_chars", "element", "elements", "inline", "kind", "level", "link_chars",
        "link_count", "markdown", "markup", "noscript", "plain", "tags", "texts", "title",
    )  # fmt: skip

    def __init__(
        self, kind: Kind, texts: list[str], tags: list[str], link_chars: Ints, link_count: Ints, bold_chars: Ints,
        level: Ints, blank_before: Ints, title: str = "", elements: Elements | None = None, element: Ints | None = None,
        inline: Ints | None = None, noscript: Ints | None = None, markup: list[str] | None = None,
        markdown: bool = False, plain: list[str] | None = None, base: str = "",
    ) -> None:  # fmt: skip
        self.kind: Final = kind
        self.texts: Final = texts
        self.plain: Final = texts if plain is None else plain
        self.tags: Final = tags
        self.link_chars: Final = link_chars
        self.link_count: Final = link_count
        self.bold_chars: Final = bold_chars
        self.level: Final = level
        self.blank_before: Final = blank_before
        self.title: Final = title
        self.elements: Final = elements
        self.element: Final = element
        self.inline: Final = inline
        self.noscript: Final = noscript
        self.markup: Final = markup
        self.markdown: Final = markdown
        self.base: Final = base

    def __len__(self) -> int:
        return len(self.texts)


class Line(NamedTuple):
    """One judged line: its text, the probability that it is main content, and whether it was kept.

    Of lines of a text page that were judged as one, each stands for itself, with the same probability.
    ``tag`` and ``level`` (heading or list depth) tell the output how to write it; ``markup`` is the text with its
    links as Markdown where that was asked for.
    """

    text: str
    probability: float
    kept: bool
    tag: str = "p"
    level: int = 0
    blank_before: int = 0
    markup: str | None = None


class CleanedPage:
    """A page after the decision.

    ``text`` is the kept lines; ``confidence`` is the expected word F1 of the cut, in 0..1 (0 for a page without
    text); ``lines`` has every line, kept or not, in page order and is built when first asked for.
    """

    def __init__(
        self, page: Page, confidence: float, segmented: Lines, probabilities: Floats, kept: npt.NDArray[np.bool_]
    ) -> None:
        self.page: Final = page
        self.confidence: Final = confidence
        self.segmented: Final = segmented
        self.probabilities: Final = probabilities
        self.kept: Final = kept

    def __repr__(self) -> str:
        return f"CleanedPage(page={self.page!r}, confidence={self.confidence!r})"

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Every line of the page with its probability; about a microsecond a line, on first use."""
        seg = self.segmented
        markup: list[str | None] = list(seg.markup) if seg.markup is not None else [None] * len(seg)
        rows = zip(
            seg.texts,
            self.probabilities.tolist(),
            self.kept.tolist(),
            seg.tags,
            seg.level.tolist(),
            seg.blank_before.tolist(),
            markup,
            strict=True,
        )
        lines = [Line(*row) for row in rows]
        if self.page.kind is Kind.TEXT:
            lines = [part for line in lines for part in _parted(line)]
        return tuple(lines)

    @property
    def counts(self) -> tuple[int, int]:
        """How many of the page's lines were kept, and how many dropped; as many as ``lines`` has."""
        size = np.ones(len(self.kept), dtype=np.int64)
        if self.page.kind is Kind.TEXT:
            parts = [sum(map(bool, text.split("\n"))) if "\n" in text else 1 for text in self.segmented.texts]
            size = np.array(parts, dtype=np.int64)  # an empty list would be of floats
        kept = int(size[self.kept].sum())
        return kept, int(size.sum()) - kept

    @cached_property
    def text(self) -> str:
        """The main content as plain text.

        HTML lines are joined by a newline, with the blank lines that code has. Lines of a text page stand as they
        stood, with the blank line between paragraphs where one stood.
        """
        texts = self.segmented.texts
        keep = np.flatnonzero(self.kept).tolist()
        if not self.segmented.blank_before.any():
            return "\n".join(texts[i] for i in keep)
        blank = self.segmented.blank_before.tolist()
        block = self.segmented.element.tolist() if self.segmented.element is not None else [0] * len(texts)
        out: list[str] = []
        last = -1
        for i in keep:
            gap = max(blank[last + 1 : i + 1]) if last >= 0 and block[last] == block[i] else 0
            # Code keeps all its blank lines, paragraphs one.
            out.append("\n" * (gap if self.segmented.element is not None else min(gap, 1)) + texts[i])
            last = i
        return "\n".join(out)


def _parted(line: Line) -> Iterator[Line]:
    """The lines of a text page that were judged as one."""
    blank = line.blank_before
    for text in line.text.split("\n"):
        if text:
            yield line._replace(text=text, blank_before=blank)
        blank = 0 if text else 1
