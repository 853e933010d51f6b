"""What a reader sees of marked-up text: labels without the addresses of their links, words without their marks.

Links are found over the whole page, for their labels go over line ends: converters write a teaser's picture, headline
and text as one link of many lines. Everything else is a matter of one line. Line ends stay where they are, so that the
lines of the plain page are those of the page.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["BOLD", "Links", "plain_line", "read_links"]

BOLD = re.compile(r"(?<!\d)\*\*(?=\S)(.{1,300}?)(?<=\S)\*\*(?!\d)|(?<!\w)__(?=\S)(.{1,300}?)(?<=\S)__(?!\w)", re.S)
# The target of a link or an image, with its title: ``](address "title")`` (CommonMark 0.31, section 6.3). What has been
# matched is never given back (``*+``), or blanks alone would take hours; for the same reason it holds no other ``](``.
_BLANKS = r"[ \t]*+\n?+[ \t]*+"
_TARGET = (
    rf"\]\({_BLANKS}(?P<target><[^<>\n]{{0,2000}}>|(?:[^()\s\\\]]|\](?!\()|\\.|\([^()\s]{{0,500}}\)){{0,2000}}+)"
    rf"(?:{_BLANKS}(?:\"[^\"]{{0,1000}}\"|'[^']{{0,1000}}'))?+{_BLANKS}\)"
)
_TOKEN = re.compile(rf"`[^`\n]{{1,300}}`|\\[\[\]\\]|!?\[|{_TARGET}|\]")
_LOOKS = re.compile(r"[/.:#?]")
_LONGEST = 4000  # characters of a label: what is longer is a bracket that was never closed
# Other converters write the address behind the label, in brackets, or a number before it: ``label [address]``,
# ``[12]label``. Where the label begins or ends is not said: at a mark, or after a few words. ``[/b]`` that follows its
# word at once is another language's end tag, and ``[#12]`` a number.
_ADDRESS = re.compile(
    r"\[(?:https?://|www\.|mailto:|\.{1,2}/|[\w./-]{1,200}\.(?:html?|php|aspx?|jsp)\b"
    r"|(?<=\s\[)(?:/|#(?=[A-Za-z_])|\?(?=\w+=)))[^\s\[\]]{0,2000}\]"
    r"|<(?:https?://|www\.|mailto:|(?<=\s<)\.{0,2}/)[^\s<>]{0,2000}>|\((?:https?://|www\.)[^\s()]{0,2000}\)"
)
# Not in scripts without blanks, where there is no telling a note's number from a link's.
_NUMBER = re.compile(r"(?<!\w)\[[1-9]\d{0,3}\](?=[^\W_\u2e80-\U0003ffff]|[\"“'(])")
_LISTED = re.compile(r"^[ \t]*\d{1,4}\.[ \t]+(?:https?:|file:|mailto:|/)", re.M)
_WORD = r"[^\s.,;:!?\[\]<>()|]"
_BEFORE = re.compile(rf"(?<!{_WORD})(?:{_WORD}++[ \t]++){{0,4}}{_WORD}++[.!?]?\Z")
_AFTER = re.compile(r"[^\s\[\]]+(?:[ \t]+[^\s\[\]]+){0,4}")
_OPENING = (
    "[http", "[www.", "[mailto:", "[/", "[.", "[#", "[?", ".htm", ".php", ".asp", ".jsp", "<http", "<www.", "<mailto:",
    "</", "<.", "(http", "(www.",
)  # fmt: skip
_ENOUGH = 5  # of them: fewer are remarks of the text's own
_EMPHASIS = re.compile(r"(?<![\w*\\])([*_])(?=[^\s*_])([^*_]{1,300}?)(?<=\S)\1(?![\w*])")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_PREFIX = re.compile(r"[ \t]*(?:(?:>[ \t]?)+|#{1,6}[ \t]+|[-*+][ \t]+)")
_CELLS = re.compile(r"(?<!\\)\|")

_Cut = tuple[int, int, str]  # from, to, and what stands there instead
_Span = tuple[int, int]


class Links(NamedTuple):
    """A page without its links' addresses: before each character of it, how much is label, and how many links begin."""

    plain: str
    chars: npt.NDArray[np.int32]
    begun: npt.NDArray[np.int32]


def read_links(content: str) -> Links | None:
    """A page with its links read, in any of the ways in which converters write them; None where it has none.

    An image reads as a link does: by its alternative text, or by the name of its file where it has none. What stands in
    inline code is no link. Takes a time that grows as the page does.
    """
    cuts, labels = _marked(content) if "](" in content else ([], [])
    if not cuts:
        for find in (_behind, _numbered):
            cuts, labels = find(content)
            if len(labels) >= _ENOUGH:
                break
        else:
            return None
    return _without(content, sorted(cuts), labels)


def _marked(content: str) -> tuple[list[_Cut], list[_Span]]:
    """``[label](address)``, a label with images or line ends in it too."""
    cuts: list[_Cut] = []
    labels: list[_Span] = []
    opened: list[_Span] = []
    for match in _TOKEN.finditer(content):
        token = match[0]
        if token[-1] == "[" and token[0] != "\\":
            opened.append(match.span())
        elif token[0] == "]" and opened:
            start, stop = opened.pop()
            if len(token) == 1 or match.start() - stop > _LONGEST:
                continue
            if start and content[start] == "[" and content[start - 1].isalnum() and not _LOOKS.search(match["target"]):
                continue  # ``handlers[i](event)``
            instead = "\n" * token.count("\n")
            if content[start] == "!" and not content[stop : match.start()].strip():
                instead = match["target"].strip("<>").rsplit("/", 1)[-1][:40] + instead
            cuts += [(start, stop, ""), (match.start(), match.end(), instead)]
            labels.append((stop, match.end()))
    return cuts, labels


def _behind(content: str) -> tuple[list[_Cut], list[_Span]]:
    """``label [address]``, ``label <address>``, ``label (address)``."""
    if not any(mark in content for mark in _OPENING):
        return [], []
    cuts: list[_Cut] = []
    labels: list[_Span] = []
    for match in _ADDRESS.finditer(content):
        start, stop = match.span()
        start -= start > 0 and content[start - 1].isspace()
        low = max(start - 200, cuts[-1][1] if cuts else 0, 0)
        low = max(low, content.rfind("\n", low, start) + 1)
        label = _BEFORE.search(content, low, start)
        if label or match[0][-1] == "]":  # without a label a picture's; in other brackets an address like any in a text
            cuts.append((start, stop, "\n" if content[start] == "\n" else ""))
            labels.append((label.start() if label else start, stop))
    return cuts, labels


def _numbered(content: str) -> tuple[list[_Cut], list[_Span]]:
    """``[12]label``, the addresses in a list at the end; without it they are verses, notes or paragraphs."""
    if "[2]" not in content or not _LISTED.search(content):
        return [], []
    cuts: list[_Cut] = []
    labels: list[_Span] = []
    for match in _NUMBER.finditer(content):
        label = _AFTER.match(content, match.end(), match.end() + 200)
        cuts.append((*match.span(), ""))
        labels.append((match.end(), label.end() if label else match.end()))
    return cuts, labels


def _without(content: str, cuts: list[_Cut], labels: list[_Span]) -> Links:
    pieces: list[str] = []
    at = shift = 0
    shifts: list[int] = []
    for start, stop, instead in cuts:
        pieces += [content[at:start], instead]
        at = stop
        shift += stop - start - len(instead)
        shifts.append(shift)
    pieces.append(content[at:])
    plain = "".join(pieces)
    # A place moves by what was taken out before it; labels begin and end where cuts do, or between cuts.
    ends = np.array([stop for _, stop, _ in cuts])
    moved = np.array([0, *shifts])

    def place(values: list[int]) -> npt.NDArray[np.int64]:
        old = np.array(values, dtype=np.int64)
        new: npt.NDArray[np.int64] = old - moved[np.searchsorted(ends, old, side="right")]
        return new

    first = place([start for start, _ in labels])
    last = place([stop for _, stop in labels])
    depth = np.bincount(first, minlength=len(plain) + 1) - np.bincount(last, minlength=len(plain) + 1)
    chars = np.zeros(len(plain) + 1, dtype=np.int32)
    np.cumsum(np.cumsum(depth[:-1]) > 0, out=chars[1:])
    begun = np.zeros(len(plain) + 2, dtype=np.int32)  # a link without a label begins at its line's end
    np.cumsum(np.bincount(first, minlength=len(plain) + 1), out=begun[1:])
    return Links(plain, chars, begun)


def plain_line(text: str, tag: str) -> str:
    """A line of Markdown, its links read already, without the marks of its block, of emphasis and of escapes."""
    if tag == "pre":
        return text
    if tag == "tr":
        return "\t".join(plain_line(cell.strip(), "p") for cell in _CELLS.split(text.strip().strip("|")))
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub(r"\2", BOLD.sub(lambda match: match[1] or match[2], text))
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    if tag != "p" and (prefix := _PREFIX.match(text)):
        return text[prefix.end() :]
    return text
