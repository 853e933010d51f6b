"""A small network beside the trees of a head: what a line looks like, then what the lines around it were found to be.

Trees ask one feature after the other, of one line; a hidden unit weighs all features of a line at once. In each round
that follows, a line's units are told a summary of the units of the four lines above and the four below, the mean of
those further away, in three stretches on either side that are longer the further they are, and the mean of the page: a
convolution over the lines of a page (Bai, Kolter, Koltun 2018, "An empirical evaluation of generic convolutional and
recurrent networks for sequence modeling"; for boilerplate Vogels et al. 2018, "Web2Text") that sees far things
coarsely. Trees and network err in different places, so the mean of their log-odds is better than either
(`docs/decisions.md` has the figures).

What goes into a sum is rounded to whole numbers of seven bits, the weights to whole numbers small enough that every
sum stays below 2^24. Single precision then adds them exactly, so that neither the linear algebra library nor the other
pages of a batch can change a page's last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from cleaner.errors import BadModel

if TYPE_CHECKING:
    import numpy.typing as npt

    from cleaner.page import Floats

__all__ = [
    "AROUND", "LEVELS", "STEP", "STRETCHES", "TOLD", "Network", "Round", "Rows", "neighbours", "quantized", "rounded",
    "stretches",
]  # fmt: skip

Rows: TypeAlias = "npt.NDArray[np.int64]"

LEVELS: Final = 127  # a feature becomes a whole number from -LEVELS to LEVELS
STEP: Final = 32.0  # of which so many are one standard deviation
AROUND: Final = (*range(-4, 0), *range(1, 5))  # the lines that a round tells a line of
STRETCHES: Final = ((-80, -24), (-24, -8), (-8, -4), (5, 9), (9, 25), (25, 81))  # and those of whose mean it is told
TOLD: Final = len(AROUND) + len(STRETCHES) + 1  # and of the page
_EXACT: Final = 1 << 24  # single precision holds whole numbers up to here
_GRID: Final = 65536.0  # what the units add is rounded to such parts, so that their order does not matter either
_MOST_NEAR: Final = 9
_MOST_UNITS: Final = 1024
_MOST_ROUNDS: Final = 8
_MOST: Final = 1e4  # of any factor in a file: far above what is learnt, and no product overflows
# Rows scored at once, and the size of a product (rows x features x units) that the linear algebra library
# does not share out among threads, which cost ten times what they save.
_ROWS, _PRODUCT = 512, 1 << 18


def quantized(matrix: Floats, mean: Floats, scale: Floats) -> Floats:
    """Features as whole numbers from -127 to 127: shape as given; ``mean`` and ``scale`` are one a feature."""
    out = matrix - mean
    out *= scale
    np.rint(out, out=out)
    np.clip(out, -LEVELS, LEVELS, out=out)
    return out


def neighbours(rows: Rows, page: Rows, offset: int) -> Rows:
    """The line that stands ``offset`` lines further down on the same page, for each of some lines; -1 where none does.

    ``page`` is the page of every line, rising.
    """
    there = np.clip(rows + offset, 0, len(page) - 1)
    return np.where((there == rows + offset) & (page[there] == page[rows]), there, -1)


def stretches(start: Rows, lines: int) -> tuple[Rows, Rows]:
    """Where each of `STRETCHES` begins and ends, seen from each line and within its page: shapes (lines, stretches).

    ``start`` is the first line of each page. A stretch may have no line.
    """
    size = np.diff(start, append=lines)
    first, past = (np.repeat(ends, size)[:, None] for ends in (start, start + size))
    line = np.arange(lines)[:, None]
    low, high = (np.clip(line + ends, first, past) for ends in np.array(STRETCHES).T)
    return low, high


class Round(NamedTuple):
    """One round: ``summary[unit, number]`` and ``weight[input, unit]``, whole numbers; ``level`` (steps of an input for
    each of a unit's value), ``step`` (steps of an input for each of a summary's sum), ``unit`` (the size of one step of
    the weights) and ``bias`` a unit.

    The inputs are a line's own units, then the summary of each line of `AROUND`, then its mean over each of
    `STRETCHES` and over the page.
    """

    level: npt.NDArray[np.float32]
    summary: npt.NDArray[np.float32]
    step: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    unit: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


class Network(NamedTuple):
    """What a head's network knows: ``weight[near, feature, unit]``, whole numbers; ``mean`` and ``scale`` a feature;
    ``unit`` (the size of one step of its weights), ``bias`` and ``out`` (what it adds to the log-odds) a unit.

    ``near`` counts the lines from above downwards; the middle one is the line itself. What each round finds is added
    to the units.
    """

    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    unit: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    out: npt.NDArray[np.float32]
    rounds: tuple[Round, ...] = ()

    def scores(self, matrix: Floats, start: Rows) -> npt.NDArray[np.float64]:
        """What the units add to the log-odds of each row: shape (n,); ``start`` is the first row of each page."""
        page = np.repeat(np.arange(len(start)), np.diff(start, append=len(matrix)))
        units = self._first(matrix, page)
        if self.rounds:
            low, high = stretches(start, len(matrix))
            for each in self.rounds:
                _tell(each, units, start, page, low, high)
        units *= self.out * np.float32(_GRID)
        np.rint(units, out=units)
        found: npt.NDArray[np.float64] = units.sum(axis=1, dtype=np.float64) / _GRID
        return found

    def _first(self, matrix: Floats, page: Rows) -> Floats:
        """The units of each row before any round, shape (n, units)."""
        n, reach = len(matrix), len(self.weight) // 2
        out = np.empty((n, len(self.unit)), dtype=np.float32)
        for low in range(0, n, _ROWS):
            high = min(low + _ROWS, n)
            first, last = max(0, low - reach), min(n, high + reach)  # neighbours of another block
            by_place = _products(quantized(matrix[first:last], self.mean, self.scale), self.weight)
            total = by_place[reach, low - first : high - first].copy()
            for away in (*range(-reach, 0), *range(1, reach + 1)):
                here = slice(max(low, -away), max(low, -away, min(high, n - away)))
                there = slice(here.start + away, here.stop + away)
                seen = by_place[reach + away, there.start - first : there.stop - first]
                same = (page[there] == page[here])[:, None]
                total[here.start - low : here.stop - low] += np.where(same, seen, np.float32(0))
            out[low:high] = _units(total, self.unit, self.bias)
        return out

    def check(self) -> None:
        """Raise `BadModel` where a sum would not be exact or not a number, whatever matrix is scored."""
        near, _, units = self.weight.shape
        if near % 2 == 0 or near > _MOST_NEAR or units > _MOST_UNITS or len(self.rounds) > _MOST_ROUNDS:
            raise BadModel("the network's weights do not fit its units")
        weights = [self.weight, *(part[None] for each in self.rounds for part in (each.summary, each.weight))]
        if any((LEVELS * np.abs(weight).sum(axis=(0, 1), dtype=np.float64) >= _EXACT).any() for weight in weights):
            raise BadModel("the network's weights are too large to be added exactly")
        factors = [self.mean, self.unit, self.bias, self.out, *(part for r in self.rounds for part in (r.unit, r.bias))]
        if any((np.abs(part) > _MOST).any() for part in factors):
            raise BadModel("the network's factors are out of range")
        scales = [self.scale, *(part for each in self.rounds for part in (each.level, each.step))]
        if any((scale < 0).any() or (scale > 1e9).any() for scale in scales):
            raise BadModel("the network's scales are out of range")


def _tell(each: Round, units: Floats, start: Rows, page: Rows, low: Rows, high: Rows) -> None:
    """Add what a round finds to the units of each row, in place; ``low`` and ``high`` are their `stretches`."""
    n, own = units.shape
    width, near = len(each.step), AROUND[-1]
    size = _rows_at_once(each.weight)
    block = max(size, _ROWS // size * size)
    steps = np.empty((n, own), dtype=np.int8)  # as float32 all of them would be as much as the units
    summary = np.empty((n, width), dtype=np.int8)
    for at in range(0, n, block):
        rows = slice(at, at + block)
        found = _steps(units[rows], each.level)
        with np.errstate(invalid="ignore"):  # what is not a number is none of a step
            steps[rows] = found
            summary[rows] = _steps(_products(found, each.summary[None])[0], each.step)
    sums = np.zeros((n + 1, width), dtype=np.int32)  # of all lines above a line
    np.cumsum(summary, axis=0, out=sums[1:])
    mean = np.rint(np.diff(sums[np.append(start, n)], axis=0) / np.diff(start, append=n)[:, None]).astype(np.float32)
    # Lines that are not there lie between the pages, so that what stands above or below any line is one piece.
    place = np.arange(n) + near * (page + 1)
    spaced = np.zeros((n + near * (len(start) + 1), width), dtype=np.float32)
    spaced[place] = summary
    pieces = np.lib.stride_tricks.sliding_window_view(spaced.ravel(), near * width)[::width]
    inputs = np.zeros((min(block, -(-n // size) * size), len(each.weight)), dtype=np.float32)
    ends = np.cumsum([own, near * width, near * width, len(STRETCHES) * width]).tolist()
    for at in range(0, n, block):
        rows = slice(at, min(at + block, n))
        count = rows.stop - at
        mine, above, below, further, whole = np.split(inputs[:count], ends, axis=1)
        mine[:] = steps[rows]
        above[:] = pieces[place[rows] - near]
        below[:] = pieces[place[rows] + 1]
        further[:] = _means(sums, low[rows], high[rows])
        whole[:] = mean[page[rows]]
        found = _products(inputs[: -(-count // size) * size], each.weight[None])[0, :count]
        units[rows] += _units(found, each.unit, each.bias)


def _means(sums: npt.NDArray[np.int32], low: Rows, high: Rows) -> Floats:
    """The means of some stretches, whole numbers as all inputs are; ``sums[i]`` is of all lines above line ``i``."""
    total = sums.take(high, axis=0)
    total -= sums.take(low, axis=0)
    out: Floats = total.astype(np.float32)
    out /= np.maximum(high - low, 1).astype(np.float32)[:, :, None]
    return np.rint(out, out=out).reshape(len(low), -1)


def _steps(values: Floats, level: Floats) -> Floats:
    """Values as whole numbers from -127 to 127."""
    return quantized(values, np.zeros(len(level), dtype=np.float32), level)


def _units(total: Floats, unit: Floats, bias: Floats) -> Floats:
    """Units by the sums of their inputs, in place."""
    total *= unit
    total += bias
    return np.maximum(total, 0, out=total)


def _rows_at_once(weight: Floats) -> int:
    """How many rows are multiplied by weights of shape (inputs, units) in one product."""
    rows = max(1, _PRODUCT // weight.size)
    return rows - rows % 4 if rows > 4 else rows  # by fours, as processors multiply: 13 cost a fifth more a row than 12


def _products(inputs: Floats, weight: Floats) -> Floats:
    """Rows of inputs by weights of shape (near, inputs, units): shape (near, rows, units)."""
    rows, width = inputs.shape
    size = _rows_at_once(weight[0])
    padded = inputs
    if rows % size:
        padded = np.zeros((-(-rows // size) * size, width), dtype=np.float32)
        padded[:rows] = inputs
    products = padded.reshape(-1, 1, size, width) @ weight
    return products.swapaxes(0, 1).reshape(len(weight), len(padded), -1)[:, :rows]


def rounded(weight: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Weights of shape (near, features, units) as whole numbers, as fine as can be added exactly, and a step's size."""
    total = np.abs(weight).sum(axis=(0, 1)) + 1e-12
    inputs = weight.shape[0] * weight.shape[1]
    # Rounding adds at most a half for each input.
    finest = np.minimum((_EXACT - 1) / LEVELS - inputs, 32767 * total / np.abs(weight).max(axis=(0, 1), initial=1e-12))
    step = total / finest
    return np.rint(weight / step).astype(np.int16), step.astype(np.float32)
