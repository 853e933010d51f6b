"""Text without HTML to lines: one line per non-blank line, Markdown read as evidence and left as it is."""

from __future__ import annotations

import re

import numpy as np

from cleaner.page import Kind, Lines, Page

__all__ = ["LINK", "URL", "segment_text"]

# [label](target), the label without a nested bracket; images count as links of their own.
LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(([^()\s]{0,2000}(?:\([^()\s]*\)[^()\s]*)?)(?:\s+\"[^\"\n]*\")?\)")
URL = re.compile(r"(?:https?://|www\.)[^\s<>\])\"']+", re.I)
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1")
_BULLET = re.compile(r"\s*(?:[-*+•·▪►‣◦–]|\(?\d{1,3}[.)])\s+(?=\S)")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+\S")
_BREAK = re.compile(r"\r\n?|[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def segment_text(page: Page) -> Lines:
    """Cut text into its non-blank lines; an empty text gives none. Lines keep their indentation and marks."""
    texts: list[str] = []
    tags: list[str] = []
    blank_before: list[int] = []
    links: list[int] = []
    link_chars: list[int] = []
    bold_chars: list[int] = []
    level: list[int] = []
    blank = 0
    fenced = False
    for raw in _BREAK.split(page.content):
        text = raw.rstrip()
        if not text or text.isspace():
            blank += 1
            continue
        texts.append(text)
        blank_before.append(blank)
        blank = 0
        count = chars = bold = depth = 0
        tag = "p"
        if "](" in text:
            for match in LINK.finditer(text):
                count += 1
                chars += len(match[0])
            rest = LINK.sub("", text) if count else text
        else:
            rest = text
        if "://" in rest or "www." in rest:
            for match in URL.finditer(rest):
                count += 1
                chars += len(match[0])
        if "**" in text or "__" in text:
            bold = sum(len(match[2]) for match in _BOLD.finditer(text))
        first = text.lstrip()[0]
        if text.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            tag = "pre"
        elif fenced:
            tag = "pre"
        elif first == "#" and (heading := _HEADING.match(text)):
            depth = len(heading[1])
            tag = f"h{depth}"
        elif first == ">":
            tag = "blockquote"
        elif first == "|":
            tag = "tr"
        elif not first.isalpha() and _BULLET.match(text):
            tag = "oli" if first.isdigit() else "li"
            depth = 1 + (len(text) - len(text.lstrip())) // 2
        tags.append(tag)
        level.append(depth)
        links.append(count)
        link_chars.append(min(chars, len(text)))
        bold_chars.append(bold)

    def ints(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.array(values, dtype=np.int32)

    return Lines(
        kind=Kind.TEXT,
        texts=texts,
        tags=tags,
        link_chars=ints(link_chars),
        link_count=ints(links),
        bold_chars=ints(bold_chars),
        level=ints(level),
        blank_before=ints(blank_before),
        markdown=page.markdown,
    )
