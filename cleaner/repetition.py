"""How often a line, or its template, occurs in its page.

A template is a line with every word that holds a digit made equal, or only its first or last words: "Thumbnail for
the video titled …" sixty times over. Everything is counted by hash, for many pages at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cleaner.tokens import Hashes, Ints

__all__ = ["occurrences", "ranks", "within_page"]

_SALT = 0xD6E8FEB86659FD93


def within_page(hashes: Hashes, page_of: Ints) -> Hashes:
    """Hashes that are equal only within one page."""
    return hashes ^ ((page_of.astype(np.uint64) + np.uint64(1)) * np.uint64(_SALT))


def occurrences(hashes: Hashes, page_of: Ints) -> npt.NDArray[np.float64]:
    """For each line, how many lines of its page have its hash, itself included; hash 0 (no words) counts once."""
    if not len(hashes):
        return np.zeros(0)
    _, where, counts = np.unique(within_page(hashes, page_of), return_inverse=True, return_counts=True)
    return np.where(hashes == 0, 1, counts[where]).astype(np.float64)


def ranks(hashes: Hashes, page_of: Ints) -> npt.NDArray[np.float64]:
    """For each line, how many equal lines stand before it in its page: 0 for a first copy; hash 0 is always first."""
    n = len(hashes)
    if not n:
        return np.zeros(0)
    keys = within_page(hashes, page_of)
    order = np.argsort(keys, kind="stable")
    fresh = np.ones(n, dtype=bool)
    fresh[1:] = keys[order][1:] != keys[order][:-1]
    start = np.maximum.accumulate(np.where(fresh, np.arange(n), 0))
    out = np.empty(n)
    out[order] = np.arange(n) - start
    return np.where(hashes == 0, 0.0, out)
