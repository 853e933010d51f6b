"""Text without HTML to lines, Markdown read as evidence and left as it is.

A line is a non-blank line, or lines that belong together and are judged as one: a paragraph that was hard-wrapped at
a column, a sentence that a line end or a blank line broke, a fenced block of code. Such a line's text holds its line
ends as they stood.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cleaner.page import UNSEEN, Kind, Lines, Page
from cleaner.segmentation.marks import BOLD, plain_line, read_links

__all__ = ["LINK", "URL", "segment_text"]

# [label](target), the label without a nested bracket; images count as links of their own.
LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(([^()\s]{0,2000}(?:\([^()\s]*\)[^()\s]*)?)(?:\s+\"[^\"\n]*\")?\)")
URL = re.compile(r"(?:https?://|www\.)[^\s<>\])\"']+", re.I)
_BULLET = re.compile(r"\s*(?:[-*+•·▪►‣◦–]|\(?\d{1,3}[.)])\s+(?=\S)")
_UNDERLINE = re.compile(r"={3,}|-{3,}")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+\S")
# What opens a block of code (CommonMark 0.31, section 4.5): of backticks, none may follow in the line. In text that is
# no Markdown tildes underline headings.
_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
# A line that such a line may continue.
_FLOWS = ("p", "li", "oli", "blockquote")
_NARROWEST, _WIDEST = 40, 160  # columns at which text is wrapped
# Characters of a line before its sentence is said to go on, and of the rest if no end mark ends it: below these,
# labels and menus in lower case.
_SHORT, _LONG = 25, 40
_END = frozenset(".!?…。！？｡؟۔।॥።։")
_CLOSING = "\"'“”’»«›‹」』）)]*_ "


def segment_text(page: Page) -> Lines:
    """Cut text into its lines; an empty text gives none. Lines keep their indentation and marks."""
    raws: list[str] = []
    plains: list[str] = []
    marks: list[str] = []
    firsts: list[str] = []  # the first character of each line
    gaps: list[int] = []
    places: list[tuple[int, int]] = []  # of each line in the plain page
    gap = 0
    blocks: list[tuple[int, int]] = []  # lines that are one: fenced code with its fences, a heading with its underline
    fence, opened = "", 0
    whole = page.content.splitlines()
    links = read_links("\n".join(whole))
    at = 0
    last_fence = {mark: _last_fence(whole, mark) if mark * 3 in page.content else -1 for mark in "`~"}
    is_front = page.markdown and whole[:1] == ["---"]  # what stands there is data, and its end underlines nothing
    for number, (raw, plain) in enumerate(zip(whole, links.plain.split("\n") if links else whole, strict=True)):
        start, at = at, at + len(plain) + 1
        text = raw.rstrip()
        if not text or (text[0] in UNSEEN and not text.strip(UNSEEN + " \t")):
            gap += 1
            continue
        raws.append(text)
        plains.append(plain.rstrip() if links else text)
        gaps.append(gap)
        places.append((start, at - 1))
        gap = 0
        first = text[0]
        if first.isspace():
            first = text.lstrip()[0]
        firsts.append(first)
        tag = "p"
        if first.isalpha() and not fence:
            pass
        elif is_front and number and text == "---":
            is_front = False
        elif page.markdown and not gaps[-1] and first in "=-" and _UNDERLINE.fullmatch(text) and marks[-1:] == ["p"]:
            marks[-1] = "h1" if first == "=" else "h2"
            tag = "hr"
            blocks.append((len(raws) - 2, len(raws)))
            plains[-1] = ""
        elif fence:
            tag = "pre"
            if text.strip().strip(fence[0]) == "" and fence in text:
                blocks.append((opened, len(raws)))
                fence = ""
        elif (
            (first == "`" or (first == "~" and page.markdown))
            and number < last_fence[first]
            and (begins := _FENCE.match(text))
        ):
            tag = "pre"
            fence, opened = begins[1], len(raws) - 1
        elif first == "#" and (heading := _HEADING.match(text)):
            tag = f"h{len(heading[1])}"
        elif first == ">":
            tag = "blockquote"
        elif first == "|":
            tag = "tr"
        elif _BULLET.match(text):
            tag = "oli" if first.isdigit() else "li"
        marks.append(tag)

    texts: list[str] = []
    read: list[str] = []
    tags: list[str] = []
    blank_before: list[int] = []
    link_count: list[int] = []
    link_chars: list[int] = []
    bold_chars: list[int] = []
    level: list[int] = []
    has_addresses = "://" in page.content or "www." in page.content
    has_bold = "**" in page.content or "__" in page.content
    for start, stop in pairwise(_starts(raws, firsts, marks, gaps, blocks)):
        text, plain, tag = raws[start], plains[start], marks[start]
        if stop - start > 1:
            # Code keeps its blank lines; a page of nothing but them is no reason to write a million.
            most = len(raws) if tag == "pre" else 1
            for i in range(start + 1, stop):
                ends = "\n" * (min(gaps[i], most) + 1)
                text += ends + raws[i]
                plain += ends + plains[i]
        count = chars = bold = depth = 0
        if links:
            begin, end = places[start][0], places[stop - 1][1]
            count = int(links.begun[end + 1] - links.begun[begin])
            chars = int(links.chars[end] - links.chars[begin])
        if has_addresses and ("://" in plain or "www." in plain):
            for i in range(start, stop):
                for match in URL.finditer(plains[i]):
                    begin = places[i][0] + match.start()
                    if links is None or links.chars[begin] == links.chars[begin + len(match[0])]:  # no label
                        count += 1
                        chars += len(match[0])
        if has_bold and ("**" in plain or "__" in plain):
            bold = sum(len(match[1] or match[2]) for match in BOLD.finditer(plain))
        if page.markdown:
            plain = plain_line(plain, tag)
        texts.append(text)
        read.append(plain)
        tags.append(tag)
        blank_before.append(gaps[start])
        if tag in ("li", "oli"):
            depth = 1 + (len(text) - len(text.lstrip())) // 2
        elif tag[0] == "h":
            depth = int(tag[1])
        level.append(depth)
        link_count.append(count)
        link_chars.append(min(chars, len(plain)))
        bold_chars.append(bold)

    def ints(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.array(values, dtype=np.int32)

    return Lines(
        kind=Kind.TEXT,
        texts=texts,
        plain=read,
        tags=tags,
        link_chars=ints(link_chars),
        link_count=ints(link_count),
        bold_chars=ints(bold_chars),
        level=ints(level),
        blank_before=ints(blank_before),
        markdown=page.markdown,
    )


def _last_fence(lines: Sequence[str], mark: str) -> int:
    """The last line that may end a block of code: one that opens it further down makes none."""
    fence = mark * 3
    for i in range(len(lines) - 1, -1, -1):
        if fence in lines[i] and not lines[i].strip().strip(mark):
            return i
    return -1


def _starts(
    texts: Sequence[str], firsts: Sequence[str], tags: Sequence[str], gaps: Sequence[int],
    blocks: Sequence[tuple[int, int]],
) -> list[int]:  # fmt: skip
    """Where each line of the page begins among its non-blank lines, and their number last.

    A fence that is never closed makes no block: it may be no fence, and the rest of the page would hang on it.
    """
    if not texts:
        return [0]
    flows = [tag == "p" and above in _FLOWS for above, tag in pairwise(tags)]
    needs = _needs(texts, flows, gaps)
    width = _wrap_width(texts, needs)
    parted = sum(map(bool, gaps[1:])) * 10 >= len(gaps)  # paragraphs are told by blank lines
    starts = [0]
    for i, (flow, need) in enumerate(zip(flows, needs, strict=True), 1):
        if not flow:
            joined = False
        elif len(texts[i - 1]) <= width < need:
            above, text = texts[i - 1], texts[i]
            joined = _indent(text) <= _text_begins(above, tags[i - 1]) + 1 and (
                parted or not _ended(above) or firsts[i].islower()
            )
        else:
            near = gaps[i] <= 2 and len(texts[i - 1]) >= _SHORT
            joined = near and firsts[i].islower() and _goes_on(texts[i - 1], texts[i])
        if not joined:
            starts.append(i)
    if blocks:
        inside = {i for start, stop in blocks for i in range(start + 1, stop)}
        starts = [i for i in starts if i not in inside]
    return [*starts, len(texts)]


def _needs(texts: Sequence[str], flows: Sequence[bool], gaps: Sequence[int]) -> list[int]:
    """For each line but the last the width that the next one's first word would have needed; 0 at a blank line."""
    out = [0] * len(flows)
    sizes = list(map(len, texts))
    for i, flow in enumerate(flows):
        if flow and _NARROWEST - 25 < sizes[i] <= _WIDEST and not gaps[i + 1]:
            text = texts[i + 1]
            first = text[: max(0, text.find(" "))]
            if not first or not first.isprintable():  # asked first, for to part a line costs three times as much
                first = text.split(None, 1)[0]
            # A run of ideographs is no word: it could have been cut anywhere.
            out[i] = sizes[i] + 1 + (len(first) if first[0] < "\u2e80" else 1)
    return out


def _wrap_width(texts: Sequence[str], needs: Sequence[int]) -> int:
    """The column at which a page's paragraphs were hard-wrapped; 0 if they were not.

    Greedy wrapping leaves a line that the next line's first word would not have fitted on, wherever a paragraph goes
    on; elsewhere few neighbours pass that test for any one width, and then the lines end and begin as sentences do.
    """
    need = np.array(needs, dtype=np.int64)
    if not need.any():
        return 0
    size = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))[:-1]
    pairs = np.flatnonzero(need)
    # Each pair speaks for the widths from its first line's size up to below what both would have needed.
    votes = np.bincount(size[pairs], minlength=_WIDEST + 2)[: _WIDEST + 2]
    votes = votes - np.bincount(np.minimum(need[pairs], _WIDEST + 1), minlength=_WIDEST + 2)
    votes = np.cumsum(votes)[_NARROWEST : _WIDEST + 1]
    width = _NARROWEST + int(np.argmax(votes))
    full = np.flatnonzero((size <= width) & (need > width)).tolist()
    unended = sum(not _ended(texts[i]) for i in full)
    small = sum(not texts[i + 1].lstrip()[0].isupper() for i in full)
    enough = max(3, int((2 * size[pairs] >= width).sum()) / 2)
    return width if len(full) >= enough and 2 * min(unended, small) >= len(full) else 0


def _ended(text: str) -> bool:
    return text.rstrip(_CLOSING)[-1:] in _END


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _text_begins(text: str, tag: str) -> int:
    """The column at which a line's text begins, behind the bullet of an item: what goes on in it stands there."""
    bullet = _BULLET.match(text) if tag in ("li", "oli") else None
    return bullet.end() if bullet else _indent(text)


def _goes_on(above: str, text: str) -> bool:
    """Whether a sentence runs on into a line in lower case: there is no end mark, and the line is no mere label."""
    last = above[-1]
    return (last.isalnum() or last in ",;-–—") and (len(text) >= _LONG or _ended(text))
