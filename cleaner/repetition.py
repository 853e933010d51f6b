"""How often a line, or its template, occurs in its page.

A template is a line with every word that holds a digit made equal, or only its first or last words: "Thumbnail for
the video titled …" sixty times over. Everything is counted by hash, for many pages at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleaner.tokens import Hashes, Ints, spread

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["by_value", "occurrences", "ranks", "within_page"]

_SALT = 0xD6E8FEB86659FD93


def within_page(hashes: Hashes, page_of: Ints) -> Hashes:
    """Hashes that are equal only within one page."""
    return hashes ^ ((page_of.astype(np.uint64) + np.uint64(1)) * np.uint64(_SALT))


def by_value(keys: Hashes) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Where equal keys stand: ``(order, fresh)``, an order that puts them side by side, and where the next one begins.

    Equal keys keep their order; different ones stand in that of `spread`. The place of a key is written over its
    lowest bits, so that numbers are sorted instead of places, five times as fast; of a million keys one pair in thirty
    batches is then taken for equal by mistake.
    """
    n = len(keys)
    mask = np.uint64((1 << n.bit_length()) - 1)
    packed = (spread(keys) & ~mask) | np.arange(n, dtype=np.uint64)
    packed.sort()
    values = packed & ~mask
    fresh = np.ones(n, dtype=bool)
    fresh[1:] = values[1:] != values[:-1]
    return (packed & mask).astype(np.int64), fresh


def occurrences(hashes: Hashes, page_of: Ints) -> npt.NDArray[np.float64]:
    """For each line, how many lines of its page have its hash, itself included; hash 0 (no words) counts once."""
    order, fresh = by_value(within_page(hashes, page_of))
    start = np.flatnonzero(fresh)
    sizes = np.diff(start, append=len(hashes))
    out = np.empty(len(hashes))
    out[order] = np.repeat(sizes, sizes)
    out[hashes == 0] = 1
    return out


def ranks(hashes: Hashes, page_of: Ints) -> npt.NDArray[np.float64]:
    """For each line, how many equal lines stand before it in its page: 0 for a first copy; hash 0 is always first."""
    order, fresh = by_value(within_page(hashes, page_of))
    start = np.flatnonzero(fresh)
    out = np.empty(len(hashes))
    out[order] = np.arange(len(hashes)) - np.repeat(start, np.diff(start, append=len(hashes)))
    out[hashes == 0] = 0
    return out
