"""The word lists as arrays, for a quick start: ``python -m cleaner.lexicon.build`` after a list was changed.

A test holds that the file is that of the lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cleaner.lexicon import CUES, TABLES, folder, languages, phrases
from cleaner.tokens import hash_words, spread, tokenize

__all__ = ["arrays", "write"]


def arrays() -> list[npt.NDArray[Any]]:
    """The arrays in the order of the file.

    Of stop words their hashes, rising, the group of languages of each, and the languages of each group as bits; of cue
    phrases their lengths in words, their hashes, rising for each length, and their classes as bits; and the first 16
    bits of the hashes of the words that phrases begin with.
    """
    lists = [(folder() / "stopwords" / f"{x}.txt").read_text(encoding="utf-8").splitlines() for x in languages()]
    hashes, single = hash_words([word for words in lists for word in words])
    bits = np.repeat(np.left_shift(np.uint64(1), np.arange(len(lists), dtype=np.uint64)), [len(x) for x in lists])
    words, where = np.unique(hashes, return_inverse=True)
    spoken = np.zeros(len(words), dtype=np.uint64)
    np.bitwise_or.at(spoken, where, bits[single])
    groups, group = np.unique(spoken, return_inverse=True)

    files = sorted((folder() / "cues").glob("*.tsv"))
    rows = [(name, text) for file in files for name, texts in phrases(file.stem).items() for text in texts]
    tokens = tokenize([text for _, text in rows])
    keys = np.stack([tokens.words.astype(np.uint64), tokens.line_hashes()])
    cues, which = np.unique(keys, axis=1, return_inverse=True)
    classes = np.zeros(cues.shape[1], dtype=np.uint16)
    np.bitwise_or.at(classes, which.ravel(), np.array([1 << CUES.index(name) for name, _ in rows], dtype=np.uint16))
    first_words = np.unique(spread(tokens.hashes[tokens.first[:-1]]) >> np.uint64(48)).astype(np.uint16)
    return [words, group.astype(np.int32), groups, cues[0].astype(np.uint8), cues[1], classes, first_words]


def write(path: str = TABLES) -> None:
    """Write the file that `cleaner.lexicon` reads."""
    with open(path, "wb") as file:
        for array in arrays():
            np.save(file, array, allow_pickle=False)


if __name__ == "__main__":
    write()
