"""Stop words and cue phrases as data: which words a language leans on, and which phrases announce boilerplate.

The files and where they come from are described in ``SOURCES.md`` beside them. All languages are looked up at once:
a page need not say which language it is in.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cleaner.tokens import Hashes, spread

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = [
    "ADDRESS", "CUES", "JUNK_CUES", "Cues", "StopWords", "cues", "folder", "languages", "phrases", "stop_words",
]  # fmt: skip

# The kinds of boilerplate that a cue phrase may announce; a file of another class is a mistake.
JUNK_CUES = ("ad", "share", "related", "legal", "subscribe", "comment", "nav", "byline", "shop", "original")
# Words that speak to the reader or for the site ("your", "we", "sign up") announce nothing by themselves.
ADDRESS = "address"
CUES = (*JUNK_CUES, ADDRESS)
MAX_PHRASE = 6  # words
TABLES = os.path.join(os.path.dirname(__file__), "tables.npy")  # several arrays, one after the other


class StopWords(NamedTuple):
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


class Cues(NamedTuple):
    """For each phrase length in words: sorted phrase hashes and the classes of each phrase, bit ``i`` = ``CUES[i]``.

    ``starts`` tells by the first 16 bits of a word's hash, once `spread`, whether a phrase may begin with it.
    """

    by_length: dict[int, tuple[Hashes, npt.NDArray[np.uint16]]]
    starts: npt.NDArray[np.bool_]

    def find(self, length: int, hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
        """Which of some hashes of runs of ``length`` words are phrases: their places, and the classes of each."""
        known, classes = self.by_length[length]
        if not len(known):
            return np.zeros(0, dtype=np.int64), classes
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        hit = np.flatnonzero(known[at] == hashes)
        return hit, classes[at[hit]]

    def may_start(self, words: Hashes) -> npt.NDArray[np.int64]:
        """The places of the words that may begin a phrase: all that do, and a few that do not."""
        return np.flatnonzero(self.starts.take((spread(words) >> np.uint64(48)).astype(np.int64)))


def folder() -> Path:
    """Where the lists lie."""
    from pathlib import Path

    return Path(TABLES).parent


@cache
def languages() -> tuple[str, ...]:
    """The ISO 639-1 codes of the stop word lists, in the order of their bits."""
    return tuple(sorted(file.stem for file in (folder() / "stopwords").glob("*.txt")))


@cache
def _tables() -> tuple[StopWords, Cues]:
    """The lists as arrays; `cleaner.lexicon.build` made the file, which is read fifty times as fast as the lists."""
    with open(TABLES, "rb") as file:
        hashes, group, groups, lengths, phrases, classes, first_words = (
            np.load(file, allow_pickle=False) for _ in range(7)
        )
    starts = np.zeros(1 << 16, dtype=bool)
    starts[first_words] = True
    by_length = {k: (phrases[lengths == k], classes[lengths == k]) for k in range(1, MAX_PHRASE + 1)}
    return StopWords(hashes, groups[group], group, groups, _slots(hashes)), Cues(by_length, starts)


@cache
def phrases(language: str) -> dict[str, list[str]]:
    """The cue phrases of a language by class, in lower case; English ones where there is no list for it."""
    known = {file.stem: file for file in (folder() / "cues").glob("*.tsv")}  # what a page calls its language is no path
    rows = known.get(language, known["en"]).read_text(encoding="utf-8").splitlines()
    found: dict[str, list[str]] = {name: [] for name in CUES}
    for name, _, phrase in (row.partition("\t") for row in rows):
        found[name].append(phrase)
    return found


def stop_words() -> StopWords:
    """All stop words of all languages; read once."""
    return _tables()[0]


def cues() -> Cues:
    """All cue phrases of all languages; read once."""
    return _tables()[1]
