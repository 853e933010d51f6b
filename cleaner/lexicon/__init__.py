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

from cleaner.tokens import Hashes, hash_words, phrase_hash

__all__ = ["CUES", "Cues", "StopWords", "cues", "languages", "stop_words"]

# The kinds of boilerplate that a cue phrase may announce; a file of another class is a mistake.
CUES = ("ad", "share", "related", "legal", "subscribe", "comment", "nav", "byline", "shop", "original")


@dataclass(frozen=True, slots=True)
class StopWords:
    """Sorted word hashes, and for each the languages it belongs to: bit ``i`` is ``languages()[i]``."""

    hashes: Hashes
    languages: npt.NDArray[np.uint64]

    def look_up(self, words: Hashes) -> npt.NDArray[np.uint64]:
        """The languages of each word as bits; 0 for a word that is in no list."""
        if not len(self.hashes):
            return np.zeros(len(words), dtype=np.uint64)
        at = np.minimum(np.searchsorted(self.hashes, words), len(self.hashes) - 1)
        return np.where(self.hashes[at] == words, self.languages[at], np.uint64(0))


@dataclass(frozen=True, slots=True)
class Cues:
    """For each phrase length in words: sorted phrase hashes and the classes of each phrase, bit ``i`` = ``CUES[i]``."""

    by_length: dict[int, tuple[Hashes, npt.NDArray[np.uint16]]]


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
    return StopWords(keys, merged)


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
    hashes, lengths = phrase_hash(phrases)
    bits = np.array(classes, dtype=np.uint16)
    by_length: dict[int, tuple[Hashes, npt.NDArray[np.uint16]]] = {}
    for k in range(1, 7):
        chosen = lengths == k
        keys, where = np.unique(hashes[chosen], return_inverse=True)
        merged = np.zeros(len(keys), dtype=np.uint16)
        np.bitwise_or.at(merged, where, bits[chosen])
        by_length[k] = (keys, merged)
    return Cues(by_length)
