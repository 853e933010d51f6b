"""Stop words and cue phrases as data: which words a language leans on, and which phrases announce boilerplate.

The files and where they come from are described in ``SOURCES.md`` beside them. All languages are looked up at once:
a page need not say which language it is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cleaner.tokens import Hashes, hash_words, spread, tokenize

__all__ = ["CUES", "Cues", "StopWords", "cues", "languages", "stop_words"]

# The kinds of boilerplate that a cue phrase may announce; a file of another class is a mistake.
CUES = ("ad", "share", "related", "legal", "subscribe", "comment", "nav", "byline", "shop", "original")


@dataclass(frozen=True, slots=True)
class StopWords:
    """Sorted word hashes, and for each the languages it belongs to: bit ``i`` is ``languages()[i]``.

    Words of the same languages share an entry of ``groups``; ``group`` tells which it is for each word, and ``slots``
    where to find a word: at its first bits or, where that place is taken, at the next free one after it.
    """

    hashes: Hashes
    languages: npt.NDArray[np.uint64]
    group: npt.NDArray[np.int32]
    groups: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.int32]

    def find(self, words: Hashes) -> npt.NDArray[np.int32]:
        """The place of each word in ``hashes``; -1 for a word that is in no list."""
        size = len(self.slots)
        at = (spread(words) >> np.uint64(65 - size.bit_length())).astype(np.int64)
        row = self.slots.take(at)
        left = np.flatnonzero(row >= 0)
        left = left[self.hashes.take(row[left]) != words[left]]
        while len(left):
            at[left] = (at[left] + 1) % size
            row[left] = self.slots[at[left]]
            left = left[row[left] >= 0]
            left = left[self.hashes[row[left]] != words[left]]
        return row

    def look_up(self, words: Hashes) -> npt.NDArray[np.uint64]:
        """The languages of each word as bits; 0 for a word that is in no list."""
        row = self.find(words)
        return np.where(row >= 0, self.languages[row], np.uint64(0))


def _slots(keys: Hashes) -> npt.NDArray[np.int32]:
    """An open hash table of the places of sorted keys, a fifth to a tenth full."""
    size = 1 << (5 * len(keys)).bit_length()
    slots = np.full(size, -1, dtype=np.int32)
    at = (spread(keys) >> np.uint64(65 - size.bit_length())).astype(np.int64)
    left = np.arange(len(keys), dtype=np.int32)
    while len(left):
        free = left[slots[at[left]] < 0]
        slots[at[free]] = free  # of several that want the same place one has it now
        left = left[slots[at[left]] != left]
        at[left] = (at[left] + 1) % size
    return slots


@dataclass(frozen=True, slots=True)
class Cues:
    """For each phrase length in words: sorted phrase hashes and the classes of each phrase, bit ``i`` = ``CUES[i]``.

    ``starts`` tells by the first 16 bits of a word's hash, once `spread`, whether a phrase may begin with it.
    """

    by_length: dict[int, tuple[Hashes, npt.NDArray[np.uint16]]]
    starts: npt.NDArray[np.bool_]

    def may_start(self, words: Hashes) -> npt.NDArray[np.int64]:
        """The places of the words that may begin a phrase: all that do, and a few that do not."""
        return np.flatnonzero(self.starts.take((spread(words) >> np.uint64(48)).astype(np.int64)))


def _read(folder: str, suffix: str) -> dict[str, list[str]]:
    found = sorted((Path(__file__).parent / folder).glob(f"*{suffix}"))
    return {file.stem: file.read_text(encoding="utf-8").splitlines() for file in found}


@cache
def languages() -> tuple[str, ...]:
    """The ISO 639-1 codes of the stop word lists, in the order of their bits."""
    return tuple(_read("stopwords", ".txt"))


@cache
def stop_words() -> StopWords:
    """All stop words of all languages; read once, about 10 ms."""
    lists = list(_read("stopwords", ".txt").values())
    hashes, single = hash_words([word for words in lists for word in words])
    bits = np.repeat(np.left_shift(np.uint64(1), np.arange(len(lists), dtype=np.uint64)), [len(x) for x in lists])
    keys, where = np.unique(hashes, return_inverse=True)
    merged = np.zeros(len(keys), dtype=np.uint64)
    np.bitwise_or.at(merged, where, bits[single])
    groups, group = np.unique(merged, return_inverse=True)
    return StopWords(keys, merged, group.astype(np.int32), groups, _slots(keys))


@cache
def cues() -> Cues:
    """All cue phrases of all languages; read once, about 10 ms."""
    phrases: list[str] = []
    classes: list[int] = []
    for rows in _read("cues", ".tsv").values():
        for row in rows:
            name, _, phrase = row.partition("\t")
            phrases.append(phrase)
            classes.append(1 << CUES.index(name))
    tokens = tokenize(phrases)
    hashes, lengths = tokens.line_hashes(), tokens.words
    starts = np.zeros(1 << 16, dtype=bool)
    starts[spread(tokens.hashes[tokens.first[:-1]]) >> np.uint64(48)] = True
    bits = np.array(classes, dtype=np.uint16)
    by_length: dict[int, tuple[Hashes, npt.NDArray[np.uint16]]] = {}
    for k in range(1, 7):
        chosen = lengths == k
        keys, where = np.unique(hashes[chosen], return_inverse=True)
        merged = np.zeros(len(keys), dtype=np.uint16)
        np.bitwise_or.at(merged, where, bits[chosen])
        by_length[k] = (keys, merged)
    return Cues(by_length, starts)
