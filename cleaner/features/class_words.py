"""What the class, id and role words of elements say, learnt once a word and looked up by row after that.

Pages bring about two hundred words each that no page before had, so the patterns run over all new words of a batch
at once, and most of them only over the runs of letters in those words, of which there are few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from cleaner.tokens import Hashes, Ints, hash_strings

__all__ = ["ClassWords"]

MAX_CHARS = 400  # characters of an element's words looked at: utility-class frameworks write hundreds
_SETS = re.compile(r"\[[^]]*\]")
_MAX_ROWS = 100_000  # about 10 MB; then all is forgotten
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_RUNS = re.compile(r"[a-z]{2,}|\n")
_LETTERS = re.compile(r"[^\W\d_]{2,}|\n")


class ClassWords:
    """A growing table of words: the groups that each belongs to, and the hashes of its parts.

    ``groups`` are patterns of what a word may contain: alternatives made of the letters a to z and hyphens only, so
    that one without a hyphen is found by looking at runs of letters. Bit ``i`` of a word's ``bits`` is group ``i``. A
    word's parts are its runs of two and more letters, camel case taken apart.
    """

    def __init__(self, groups: Iterable[str]) -> None:
        self._inside: list[tuple[int, re.Pattern[str]]] = []
        self._across: list[tuple[int, re.Pattern[str]]] = []
        for i, pattern in enumerate(groups):
            for hyphen, found in ((False, self._inside), (True, self._across)):
                chosen = [part for part in _alternatives(pattern) if ("-" in _SETS.sub("", part)) is hyphen]
                if chosen:
                    found.append((i, re.compile("|".join(chosen))))
        self._hash_of: dict[str, int] = {}
        self._forget()

    def _forget(self) -> None:
        self._row: dict[str, int] = {}
        self._run_bits: dict[str, int] = {}
        self._hash_of.clear()
        self._bits = np.zeros(0, dtype=np.int64)
        self._first = np.zeros(1, dtype=np.int64)
        self._parts = np.zeros(0, dtype=np.uint64)

    def look_up(self, signatures: Sequence[tuple[str, str]]) -> tuple[Ints, Hashes, Ints]:
        """For each ``(tag, words)``: ``(bits, hashes, bounds)``.

        ``hashes[bounds[i]:bounds[i + 1]]`` are those of the tag and of all parts of the words of signature ``i``.
        """
        # No class word has a blank, so the blank marks a tag.
        split = [(" " + tag, *words[:MAX_CHARS].split()) for tag, words in signatures]
        words = list(chain.from_iterable(split))
        if len(self._row) > _MAX_ROWS:
            self._forget()
        known = self._row
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            self._learn(new)
        rows = np.fromiter(map(known.__getitem__, words), dtype=np.int64, count=len(words))
        sizes = np.fromiter(map(len, split), dtype=np.int64, count=len(split))
        start = np.cumsum(sizes) - sizes
        if not len(split):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64), np.zeros(1, dtype=np.int64)
        bits = np.bitwise_or.reduceat(self._bits[rows], start)
        first = self._first[rows]
        count = self._first[rows + 1] - first
        ends = np.cumsum(count)
        hashes = self._parts[np.repeat(first - ends + count, count) + np.arange(int(ends[-1]))]
        return bits, hashes, np.append(0, ends[np.append(start[1:], len(rows)) - 1])

    def _learn(self, new: list[str]) -> None:
        tags = [word for word in new if word[0] == " "]
        words = [word for word in new if word[0] != " "]
        # Most words are all lower case, and asking that is ten times as fast as taking camel case apart.
        plain = [word if word.islower() else _CAMEL.sub("-", word).lower() for word in words]
        text = "".join([f"{word}\n" for word in plain])
        runs = _RUNS.findall(text)
        bits = self._bits_of(runs, text)
        parts = runs if text.isascii() else _LETTERS.findall(text)
        ends = np.array([i for i, part in enumerate(parts) if part == "\n"], dtype=np.int64)
        hashes = self._hashes_of([tag[1:] for tag in tags] + [part for part in parts if part != "\n"])
        sizes = np.concatenate([np.ones(len(tags), dtype=np.int64), np.diff(ends, prepend=-1) - 1])
        added = tags + words
        self._row.update(zip(added, range(len(self._row), len(self._row) + len(added)), strict=True))
        self._bits = np.concatenate([self._bits, np.zeros(len(tags), dtype=np.int64), bits])
        self._first = np.append(self._first, len(self._parts) + np.cumsum(sizes))
        self._parts = np.append(self._parts, hashes)

    def _bits_of(self, runs: list[str], text: str) -> Ints:
        """The groups of each word of a text of words, one a line; ``runs`` are its runs of letters and line ends."""
        known = self._run_bits
        fresh = [run for run in dict.fromkeys(runs) if run not in known]
        known.update(zip(fresh, _found(self._inside, fresh).tolist(), strict=True))
        bits: list[int] = []
        word_bits = 0
        for run in runs:
            if run == "\n":
                bits.append(word_bits)
                word_bits = 0
            else:
                word_bits |= known[run]
        if not bits:
            return np.zeros(0, dtype=np.int64)
        return np.array(bits, dtype=np.int64) | _found(self._across, text.split("\n")[:-1])

    def _hashes_of(self, parts: list[str]) -> Hashes:
        known = self._hash_of
        fresh = [part for part in dict.fromkeys(parts) if part not in known]
        known.update(zip(fresh, hash_strings(fresh).tolist(), strict=True))
        return np.fromiter(map(known.__getitem__, parts), dtype=np.uint64, count=len(parts))


def _alternatives(pattern: str) -> list[str]:
    """What stands between the bars of a pattern, not those inside brackets."""
    parts, depth = [""], 0
    for char in pattern:
        depth += (char == "(") - (char == ")")
        if char == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _found(patterns: list[tuple[int, re.Pattern[str]]], texts: list[str]) -> Ints:
    """The bits of the patterns that each text holds, all texts at once, parted by line ends as they are no letters."""
    bits: Ints = np.zeros(len(texts), dtype=np.int64)
    joined = "\n".join(texts)
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
    for i, pattern in patterns:
        at = [match.start() for match in pattern.finditer(joined)]
        if at:
            bits[np.searchsorted(ends, at, side="right")] |= 1 << i
    return bits
