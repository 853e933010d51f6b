"""What the class, id and role words of elements say, learnt once a word and looked up by row after that.

Pages bring about two hundred words each that no page before had, so all new words of a batch are searched at once,
and for most terms only the runs of letters in those words, of which there are few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np

from cleaner.tokens import Hashes, Ints, hash_strings

__all__ = ["ClassWords"]

MAX_CHARS = 400  # characters of an element's words looked at: utility-class frameworks write hundreds
_MAX_ROWS = 100_000  # about 10 MB; then all is forgotten
_TAG = "\0"  # no character of an HTML tree
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LETTERS = re.compile(rf"[^\W\d_]{{2,}}|{_TAG}")
# The same for ASCII, four times as fast: blanks for what is no letter, then a split. Runs of one letter are no parts.
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ASCII_RUNS = bytes(code if chr(code) in _LOWER + _TAG else 32 for code in range(256))


class ClassWords:
    """A growing table of words: the groups that each belongs to, and the hashes of its parts.

    ``groups`` name what a word may contain: the letters a to z and hyphens, where ``|`` stands for anything but a
    letter and ``!x`` for anything but an x. What has no hyphen is found by looking at runs of letters. Bit ``i`` of a
    word's ``bits`` is group ``i``. A word's parts are its runs of two and more letters, camel case taken apart.
    """

    def __init__(self, groups: Iterable[str]) -> None:
        terms = [_Term(term, 1 << i) for i, group in enumerate(groups) for term in group.split()]
        self._inside = [term for term in terms if "-" not in term.text]
        self._across = [term for term in terms if "-" in term.text]
        self._forget()

    def _forget(self) -> None:
        # Of each word its bits, and where its parts begin; a tag is a word with a mark before it.
        self._row: dict[str, int] = {}
        self._is_tag = np.zeros(0, dtype=bool)
        self._bits = np.zeros(0, dtype=np.int64)
        self._first = np.zeros(1, dtype=np.int64)
        self._parts = np.zeros(0, dtype=np.uint64)
        # Of each run of letters its bits and its hash; run 0 is the mark at the end of a word.
        self._run: dict[str, int] = {_TAG: 0, **dict.fromkeys(_LOWER, -1)}
        self._run_bits = np.zeros(1, dtype=np.int64)
        self._run_hash = np.zeros(1, dtype=np.uint64)

    def look_up(self, signatures: Sequence[tuple[str, str]]) -> tuple[Ints, Hashes, Ints]:
        """For each ``(tag, words)``: ``(bits, hashes, bounds)``.

        ``hashes[bounds[i]:bounds[i + 1]]`` are those of the tag and of all parts of the words of signature ``i``.
        """
        if not signatures:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64), np.zeros(1, dtype=np.int64)
        if len(self._row) > _MAX_ROWS:
            self._forget()
        # One string and one split for all of them: no attribute can hold the mark.
        words = " ".join([f"{_TAG}{tag} {words[:MAX_CHARS]}" for tag, words in signatures]).split()
        rows = np.fromiter(map(self._row.get, words, repeat(-1)), dtype=np.int64, count=len(words))
        unknown = np.flatnonzero(rows < 0)
        if len(unknown):
            new = [words[i] for i in unknown.tolist()]
            self._learn(dict.fromkeys(new))
            rows[unknown] = list(map(self._row.__getitem__, new))
        start = np.flatnonzero(self._is_tag[rows])
        first = self._first[rows]
        count = self._first[rows + 1] - first
        ends = np.cumsum(count)
        hashes = self._parts[np.repeat(first - ends + count, count) + np.arange(int(ends[-1]))]
        bounds = np.append(0, ends[np.append(start[1:], len(rows)) - 1])
        return np.bitwise_or.reduceat(self._bits[rows], start), hashes, bounds

    def _learn(self, new: Iterable[str]) -> None:
        tags = [word for word in new if word[0] == _TAG]
        words = [word for word in new if word[0] != _TAG]
        words.sort(key=str.isascii)  # the few others first
        # Most words are all lower case, and asking that is ten times as fast as taking camel case apart.
        plain = [word if word.islower() else _CAMEL.sub("-", word).lower() for word in words]
        others = len(words) - sum(map(str.isascii, words))
        other, text = ("".join([f"{word} {_TAG} " for word in part]) for part in (plain[:others], plain[others:]))
        runs = self._runs(_LETTERS.findall(other) + text.encode().translate(_ASCII_RUNS).decode().split())
        ends = np.flatnonzero(runs == 0)
        bits = _found(self._across, plain)
        if len(ends):
            bits |= np.bitwise_or.reduceat(self._run_bits[runs], np.append(0, ends[:-1] + 1))
        sizes = np.concatenate([np.ones(len(tags), dtype=np.int64), np.diff(ends, prepend=-1) - 1])
        self._row.update(zip(tags + words, range(len(self._row), len(self._row) + len(sizes)), strict=True))
        self._is_tag = np.append(self._is_tag, np.arange(len(sizes)) < len(tags))
        self._bits = np.concatenate([self._bits, np.zeros(len(tags), dtype=np.int64), bits])
        self._first = np.append(self._first, len(self._parts) + np.cumsum(sizes))
        tag_hashes = hash_strings([tag[1:] for tag in tags])
        self._parts = np.concatenate([self._parts, tag_hashes, self._run_hash[runs[runs > 0]]])

    def _runs(self, runs: list[str]) -> Ints:
        """The number of each run of letters, single letters left out; new ones are matched and hashed first."""
        known = self._run
        new = list(set(runs).difference(known))
        known.update(zip(new, range(len(self._run_bits), len(self._run_bits) + len(new)), strict=True))
        self._run_bits = np.append(self._run_bits, _found(self._inside, new))
        self._run_hash = np.append(self._run_hash, hash_strings(new))
        found = np.fromiter(map(known.__getitem__, runs), dtype=np.int64, count=len(runs))
        return found[found >= 0]


class _Term:
    """One text to look for: ``text`` with line ends for what is no letter, and a letter that must not follow."""

    __slots__ = ("bit", "text", "unless", "where")

    def __init__(self, term: str, bit: int) -> None:
        text, _, self.unless = term.partition("!")
        self.text = text.replace("|", "\n")
        self.where = int(text[0] == "|")  # its first letter
        self.bit = bit


def _found(terms: list[_Term], texts: list[str]) -> Ints:
    """The bits of the terms that each text holds, all texts at once, parted by line ends as they are no letters."""
    bits: Ints = np.zeros(len(texts), dtype=np.int64)
    joined = "\n" + "\n".join(texts) + "\n"
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
    for term in terms:
        text, unless, hits = term.text, term.unless, []
        at = joined.find(text)
        while at >= 0:
            if not unless or joined[at + len(text)] != unless:
                hits.append(at + term.where - 1)
            at = joined.find(text, at + 1)
        if hits:
            bits[np.searchsorted(ends, hits, side="right")] |= term.bit
    return bits
