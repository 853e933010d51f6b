"""What is done to a page before the parse: cases whose parse would take quadratic time are cut short."""

from __future__ import annotations

import re

__all__ = ["MAX_ATTRIBUTES", "flatten", "trim"]

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
_ATTRIBUTE = r"""(?:[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]{0,100000}+"|'[^']{0,100000}+'|(?!["'])[^\s>]++))?+)"""
_MANY = f"{_ATTRIBUTE}{{{MAX_ATTRIBUTES + 1}}}"
_KEPT = f"{_ATTRIBUTE}{{{MAX_ATTRIBUTES}}}+"
_ALL = f"{_ATTRIBUTE}*+"
# What looks like a tag may be code or a comment, so nothing that ends one is taken for part of an attribute.
_ENDS = ("</", "--")


def trim(html: str) -> str:
    """Drop the attributes of an element beyond the first ``MAX_ATTRIBUTES``; linear in the page.

    Ordinary pages are returned as they are. Not seen are tags that hide a ``>``, ``</`` or ``--`` in every kilobyte of
    their attributes.
    """
    parts: list[str] = []
    at = done = 0
    ends = [-1] * len(_ENDS)  # where each comes next, looked for once
    while at + _STEP <= len(html):
        if html.find(">", at, at + _STEP) >= 0:
            at += _STEP
            continue
        # The tag begins anywhere in the stretch without an end that this kilobyte is part of.
        start, end = html.rfind(">", done, at) + 1, html.find(">", at)
        at = end if end >= 0 else len(html)
        first = html.find("<", max(done, start), at)
        opens = re.compile(_OPENS).search(html, first, at) if first >= 0 else None
        if opens is None or re.compile(_MANY).match(html, opens.end()) is None:
            continue
        for i, mark in enumerate(_ENDS):
            if ends[i] < opens.end():
                found = html.find(mark, opens.end())
                ends[i] = found if found >= 0 else len(html)
        kept = re.compile(_KEPT).match(html, opens.end(), min(ends))
        every = re.compile(_ALL).match(html, opens.end(), min(ends))
        stop = every.end() if every is not None else opens.end()
        at = max(at, stop)
        if kept is not None and kept.end() < stop:
            parts.append(html[done : kept.end()])
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
