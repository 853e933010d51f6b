"""Text as scrapers leave it: renderings of a segmented page, for training and for measuring plain-text cleaners.

A page that lost its HTML comes as one text node a line, as block lines, wrapped at a column, as Markdown, with blank
lines or without, cleaned in part, or with a date glued to its first line. A text model must work on all of them, so
it is trained on all of them. Which rendering a page gets is drawn with a seed of its own, so the same pages always
give the same texts.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from cleaner.page import Lines

__all__ = ["RENDERINGS", "partly_cleaned", "transplant"]

Labels = npt.NDArray[np.bool_]


def _visible(lines: Lines, rng: random.Random) -> str:
    """Block lines, as in WET records."""
    return "\n".join(lines.texts)


def _paragraphs(lines: Lines, rng: random.Random) -> str:
    """A blank line between all blocks."""
    return "\n\n".join(lines.texts)


def _grouped(lines: Lines, rng: random.Random) -> str:
    """Blank lines where the element around the lines changes, as `innerText` has them."""
    out: list[str] = []
    element = lines.element.tolist() if lines.element is not None else list(range(len(lines)))
    for i, text in enumerate(lines.texts):
        if i and element[i] != element[i - 1] and lines.tags[i] not in ("li", "oli", "td", "tr"):
            out.append("")
        out.append(text)
    return "\n".join(out)


def _wrapped(width: int, gap: str) -> Callable[[Lines, random.Random], str]:
    def render(lines: Lines, rng: random.Random) -> str:
        """Hard-wrapped at a column."""
        return gap.join("\n".join(textwrap.wrap(text, width, break_long_words=False) or [text]) for text in lines.texts)

    return render


def _nodes(lines: Lines, rng: random.Random) -> str:
    """One text node a line: links inside a line stand on lines of their own."""
    if lines.markup is None:
        return _visible(lines, rng)
    out: list[str] = []
    for markup in lines.markup:
        at = 0
        while True:
            start = markup.find("[", at)
            middle = markup.find("](", start) if start >= 0 else -1
            stop = markup.find(")", middle) if middle >= 0 else -1
            if stop < 0:
                out.append(markup[at:])
                break
            out += [markup[at:start], markup[start + 1 : middle]]
            at = stop + 1
    return "\n".join(text.strip() for text in out if text.strip())


def _markdown(lines: Lines, rng: random.Random) -> str:
    """Headings, bullets, quotes, links and tables marked as a Markdown scraper marks them."""
    out: list[str] = []
    texts = lines.markup if lines.markup is not None else lines.texts
    for text, tag, level in zip(texts, lines.tags, lines.level.tolist(), strict=True):
        if tag in ("li", "oli"):
            mark = "1. " if tag == "oli" else rng.choice(("- ", "* "))
            out.append("  " * max(level - 1, 0) + mark + text)
        elif tag[0] == "h" and tag[1:].isdigit():
            out += ["", "#" * int(tag[1:]) + " " + text, ""]
        elif tag == "blockquote":
            out += ["> " + text, ""]
        elif tag == "tr":
            out.append("| " + text.replace("\t", " | ") + " |")
        else:
            out += [text, ""]
    return "\n".join(out)


def _indented(lines: Lines, rng: random.Random) -> str:
    """Tabs and stray spaces, deeper for lists."""
    out: list[str] = []
    for text, level in zip(lines.texts, lines.level.tolist(), strict=True):
        out.append(("\t" if rng.random() < 0.5 else "    ") * min(level, 3) + text + " " * rng.choice((0, 0, 1, 3)))
        out += [rng.choice(("", " \t"))] * rng.choice((0, 0, 0, 1, 2))
    return "\n".join(out)


def _glued(lines: Lines, rng: random.Random) -> str:
    """A date or an id before the first line, an address after the last."""
    day = f"{rng.randint(2003, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    first = rng.choice((day, str(rng.randint(10**5, 10**9)), f"{day}T0{rng.randint(0, 9)}:15:00Z"))
    return f"{first}{rng.choice((' ', chr(9), ''))}" + rng.choice(("\n", "\n\n")).join(lines.texts)


RENDERINGS: dict[str, Callable[[Lines, random.Random], str]] = {
    "visible": _visible,
    "paragraphs": _paragraphs,
    "grouped": _grouped,
    "wrapped 72": _wrapped(72, "\n\n"),
    "wrapped 80": _wrapped(80, "\n"),
    "nodes": _nodes,
    "markdown": _markdown,
    "indented": _indented,
    "glued": _glued,
}


def _runs(main: Labels, wanted: bool) -> list[tuple[int, int]]:
    """Ranges of neighbouring lines that are all main content, or all junk."""
    out: list[tuple[int, int]] = []
    for i, value in enumerate(main.tolist()):
        if value == wanted:
            if out and out[-1][1] == i:
                out[-1] = (out[-1][0], i + 1)
            else:
                out.append((i, i + 1))
    return out


def partly_cleaned(lines: Lines, main: Labels, rng: random.Random) -> str:
    """The main content with a few junk lines left near it, as an extractor leaves them."""
    inside = np.flatnonzero(main)
    if not len(inside):
        return ""
    keep = main.copy()
    near = [i for i in range(max(inside[0] - 6, 0), min(inside[-1] + 12, len(main))) if not main[i]]
    between = [i for i in near if inside[0] < i < inside[-1]]
    for i in rng.sample(near, min(len(near), rng.randint(1, 4))) + [i for i in between if rng.random() < 0.4]:
        keep[i] = True
    gap = rng.choice(("\n", "\n\n"))
    return gap.join(lines.texts[i] for i in np.flatnonzero(keep))


def transplant(lines: Lines, main: Labels, donors: Sequence[tuple[Lines, Labels]], rng: random.Random) -> str:
    """The main content of one page with junk of others between its lines, above it and in a tail below it."""
    body = [lines.texts[i] for i in np.flatnonzero(main)]
    if not body:
        return ""
    junk: list[list[str]] = []
    for other, labels in donors:
        junk += [other.texts[a:b] for a, b in _runs(labels, False)]
    if not junk:
        return "\n".join(body)
    short = [run for run in junk if len(run) <= 3] or junk
    out: list[str] = []
    for _ in range(rng.randint(0, 2)):
        out += rng.choice(junk)[-rng.randint(1, 25) :]
    rate = rng.choice((0.0, 0.05, 0.1, 0.2))
    for i, text in enumerate(body):
        if i and rng.random() < rate:
            out += rng.choice(short)[: rng.randint(1, 3)]
        out.append(text)
    for _ in range(rng.randint(0, 3)):
        run = rng.choice(junk)
        start = rng.randrange(len(run))
        out += run[start : start + rng.randint(1, 60)]
    return rng.choice(("\n", "\n\n")).join(out)
