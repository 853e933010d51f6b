"""Shapes of the lines as they follow each other: runs, alternating lines, copies, and the stretch that holds the body.

Each function takes the columns of a batch and gives one or more numbers a line, shape (n,), by array operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cleaner.features.columns import PROSE_WORDS
from cleaner.repetition import by_value, within_page
from cleaner.tokens import mixed

if TYPE_CHECKING:
    import numpy.typing as npt

    from cleaner.features.columns import Columns

__all__ = [
    "body",
    "copy_distance",
    "lowest_above",
    "lowest_since_prose",
    "neighbour_code",
    "overlap",
    "period",
    "run_mean",
    "running_minimum",
]

Array: TypeAlias = "npt.NDArray[np.float64]"
# What a line that is not prose takes off the body's words: a heading or a caption does not end the body, a menu does.
# About the mean length of a line of prose in the training pages, halved.
_NOT_PROSE = 12.0
_TITLE_WORDS = 50


def run_mean(c: Columns, name: str) -> Array:
    """The mean of a column over the line's run of short lines, or of lines that are not short."""
    run = c.run_of(c.column("short").astype(np.int64))
    total = np.bincount(run, weights=c.column(name))
    return np.asarray((total / np.bincount(run))[run], dtype=np.float64)


def period(c: Columns, step: int, radius: int = 8) -> Array:
    """How many lines around have the shape of the line ``step`` below them: titles and durations by turns."""
    shape = np.minimum(c.tokens.words, 4) * 256 + c.tokens.tail.astype(np.int64) * 16 + c.tokens.head
    far = np.minimum(c.row + step, c.n - 1)
    same = (shape == shape[far]) & (c.row + step < c.high)
    plain = np.zeros(c.n, dtype=bool)  # lines that are all alike have every period
    plain[:-1] = (shape[1:] == shape[:-1]) & (c.page_of[1:] == c.page_of[:-1])
    total = np.zeros(c.n + 1)
    np.cumsum(same & ~plain, out=total[1:])
    out: Array = total[np.minimum(c.row + radius + 1, c.high)] - total[np.maximum(c.row - radius, c.low)]
    return out


def copy_distance(c: Columns) -> tuple[Array, Array]:
    """Lines back to the last copy of the line, and on to the next; 1000 where there is none."""
    hashes = c.tokens.line_hashes()
    order, fresh = by_value(within_page(hashes, c.page_of))
    same = ~fresh[1:] & (hashes[order[1:]] != 0)
    gap = np.where(same, np.diff(order), 1000).astype(np.float64)
    back, on = np.full(c.n, 1000.0), np.full(c.n, 1000.0)
    back[order[1:]] = gap
    on[order[:-1]] = gap
    return back, on


def overlap(c: Columns) -> tuple[Array, Array]:
    """The share of the line's words that the line above has, and the line below: a caption and its copy.

    Only for lines of at most 50 words: longer ones are neither captions nor titles, and have most of the words.
    """
    words = c.tokens.words
    short = np.repeat(words <= _TITLE_WORDS, words)
    line = np.repeat(c.row, words)[short]
    # Both are mixed, and from ranges apart: the hash of a single letter is as small a number as that of a line.
    hashes = mixed(c.tokens.hashes[short])
    salt = mixed(~np.arange(c.n + 2, dtype=np.uint64))

    def keys(shift: int) -> npt.NDArray[np.uint64]:
        return np.asarray(hashes ^ salt[line + (shift + 1)])

    own = np.sort(keys(0))
    # Most words of other lines are none of the line's: their first bits tell, and only the rest is looked for.
    drop = np.uint64(64 - 3 - len(own).bit_length())
    begun = np.zeros(1 << (64 - int(drop)), dtype=bool)
    begun[own >> drop] = True

    def share(shift: int) -> Array:
        if not len(own):
            return np.zeros(c.n)
        wanted = keys(shift)
        some = np.flatnonzero(begun[wanted >> drop])
        wanted = wanted[some]
        hit = some[own[np.minimum(np.searchsorted(own, wanted), len(own) - 1)] == wanted]
        inside = (c.row + shift >= c.low) & (c.row + shift < c.high)
        found = np.bincount(line[hit], minlength=c.n) / np.maximum(words, 1)
        return np.where(inside, found, 0.0)

    return share(-1), share(1)


def body(c: Columns) -> tuple[Array, Array]:
    """Where the body is: 1 inside it, and the signed number of lines to it (0 inside, negative above).

    The body is the stretch of lines with the largest sum of words of prose, less a fixed number for each other line
    (the maximum subsequence of Pasternack and Roth 2009, "Extracting article text from the web with maximum
    subsequence segmentation").
    """
    value = np.where(c.column("prose") > 0, np.minimum(c.column("words"), 60), -_NOT_PROSE)
    total = np.zeros(c.n + 1)
    np.cumsum(value, out=total[1:])
    # Each page is pushed below the one before it, so that a running minimum begins anew with it.
    step = float(np.abs(value).sum()) + 1
    before = total[:-1] - c.page_of * step
    lowest = np.minimum.accumulate(before)
    at = np.maximum.accumulate(np.where(before == lowest, c.row, -1))
    gain = total[1:] - c.page_of * step - lowest
    best = np.maximum.reduceat(gain, c.start)
    order = np.where(gain == best[c.page_of], c.row, c.n)
    stop = np.minimum.reduceat(order, c.start)
    first, last = at[stop][c.page_of], stop[c.page_of]
    away = np.where(c.row < first, c.row - first, np.maximum(c.row - last, 0)).astype(np.float64)
    some: Any = (best > 0)[c.page_of]
    return np.where(some & (away == 0), 1.0, 0.0), np.where(some, np.sign(away) * np.log1p(np.abs(away)), 0.0)


def running_minimum(values: Array, fresh: npt.NDArray[np.bool_], step: float) -> Array:
    """The least of the values up to each place, beginning anew where ``fresh``; they differ by less than ``step``."""
    part = np.cumsum(fresh) * step
    out: Array = np.minimum.accumulate(values - part) + part
    return out


def lowest_since_prose(c: Columns, values: Array) -> Array:
    """The lowest value from the last line of prose on, that line left out: what a label said holds for its list."""
    prose = c.column("prose") > 0
    fresh = prose | (c.row == c.low)
    step = float(np.abs(values).max()) * 2 + 1
    # The line of prose itself says nothing of what follows.
    return np.where(prose, values, running_minimum(np.where(prose, step / 2, values), fresh, step))


def lowest_above(c: Columns, reach: int) -> Array:
    """The lowest wording of the short lines among the ``reach`` above, 0 where none is below that."""
    value = np.where(c.column("words") <= PROSE_WORDS, np.minimum(c.column("wording"), 0.0), 0.0)
    # Minima over stretches that double in length; the last step overlaps.
    size = 1
    while size < reach:
        step = min(size, reach - size)
        at = np.maximum(c.row - step, 0)
        value = np.where(c.row - step >= c.low, np.minimum(value, value[at]), value)
        size += step
    above = np.maximum(c.row - 1, 0)
    return np.where(c.row > c.low, value[above], 0.0)


def neighbour_code(c: Columns, codes: npt.NDArray[np.uint8], offset: int) -> Array:
    """A character class of the line ``offset`` below; -1 beyond the page."""
    at = c.row + offset
    inside = (at >= c.low) & (at < c.high)
    return np.where(inside, codes[np.clip(at, 0, c.n - 1)].astype(np.float64), -1.0)
