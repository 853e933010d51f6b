"""A small network beside the trees of a head: one hidden layer over what a line and its nearest neighbours look like.

Trees ask one feature after the other; a hidden unit weighs all of them at once, of the lines above and below as well.
The two err in different places, so the mean of their log-odds is better than either, of text more than of HTML
(`docs/decisions.md` has the figures).

The features are brought to one scale and rounded to whole numbers of seven bits, the weights to whole numbers small
enough that every sum stays below 2^24. Single precision then adds them exactly, so that neither the linear algebra
library nor the other pages of a batch can change a page's last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from cleaner.errors import BadModel

if TYPE_CHECKING:
    import numpy.typing as npt

    from cleaner.page import Floats

__all__ = ["LEVELS", "STEP", "Network", "neighbours", "quantized", "rounded"]

LEVELS: Final = 127  # a feature becomes a whole number from -LEVELS to LEVELS
STEP: Final = 32.0  # of which so many are one standard deviation
_EXACT: Final = 1 << 24  # single precision holds whole numbers up to here
_GRID: Final = 65536.0  # what the units add is rounded to such parts, so that their order does not matter either
_MOST_NEAR: Final = 9
_MOST_UNITS: Final = 1024
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


def neighbours(rows: npt.NDArray[np.int64], page: npt.NDArray[np.int64], offset: int) -> npt.NDArray[np.int64]:
    """The line that stands ``offset`` lines further down on the same page, for each of some lines; -1 where none does.

    ``page`` is the page of every line, rising.
    """
    there = np.clip(rows + offset, 0, len(page) - 1)
    return np.where((there == rows + offset) & (page[there] == page[rows]), there, -1)


class Network(NamedTuple):
    """What a head's network knows: ``weight[near, feature, unit]``, whole numbers; ``mean`` and ``scale`` a feature;
    ``unit`` (the size of one step of its weights), ``bias`` and ``out`` (what it adds to the log-odds) a unit.

    ``near`` counts the lines from above downwards; the middle one is the line itself.
    """

    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    unit: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    out: npt.NDArray[np.float32]

    def scores(self, matrix: Floats, start: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """What the units add to the log-odds of each row: shape (n,); ``start`` is the first row of each page."""
        n, reach = len(matrix), len(self.weight) // 2
        out = np.empty(n, dtype=np.float64)
        page = np.repeat(np.arange(len(start)), np.diff(start, append=n))
        size = max(1, _PRODUCT // (self.weight.shape[1] * self.weight.shape[2]))
        for low in range(0, n, _ROWS):
            high = min(low + _ROWS, n)
            first, last = max(0, low - reach), min(n, high + reach)  # neighbours of another block
            inputs = np.zeros((-(-(last - first) // size) * size, matrix.shape[1]), dtype=np.float32)
            inputs[: last - first] = quantized(matrix[first:last], self.mean, self.scale)
            products = inputs.reshape(-1, 1, size, matrix.shape[1]) @ self.weight
            by_place = products.swapaxes(0, 1).reshape(len(self.weight), len(inputs), -1)
            total = by_place[reach, low - first : high - first].copy()
            for away in (*range(-reach, 0), *range(1, reach + 1)):
                here = slice(max(low, -away), max(low, -away, min(high, n - away)))
                there = slice(here.start + away, here.stop + away)
                seen = by_place[reach + away, there.start - first : there.stop - first]
                same = (page[there] == page[here])[:, None]
                total[here.start - low : here.stop - low] += np.where(same, seen, np.float32(0))
            total *= self.unit
            total += self.bias
            np.maximum(total, 0, out=total)
            total *= self.out * np.float32(_GRID)
            np.rint(total, out=total)
            out[low:high] = total.sum(axis=1, dtype=np.float64) / _GRID
        return out

    def check(self) -> None:
        """Raise `BadModel` where a sum would not be exact or not a number, whatever matrix is scored."""
        near, _, units = self.weight.shape
        if near % 2 == 0 or near > _MOST_NEAR or units > _MOST_UNITS:
            raise BadModel("the network's weights do not fit its units")
        if (LEVELS * np.abs(self.weight).sum(axis=(0, 1), dtype=np.float64) >= _EXACT).any():
            raise BadModel("the network's weights are too large to be added exactly")
        if any((np.abs(part) > _MOST).any() for part in (self.mean, self.unit, self.bias, self.out)):
            raise BadModel("the network's factors are out of range")
        if (self.scale < 0).any() or (self.scale > 1e9).any():
            raise BadModel("the network's scales are out of range")


def rounded(weight: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Weights of shape (near, features, units) as whole numbers, as fine as can be added exactly, and a step's size."""
    total = np.abs(weight).sum(axis=(0, 1)) + 1e-12
    inputs = weight.shape[0] * weight.shape[1]
    # Rounding adds at most a half for each input.
    finest = np.minimum((_EXACT - 1) / LEVELS - inputs, 32767 * total / np.abs(weight).max(axis=(0, 1), initial=1e-12))
    step = total / finest
    return np.rint(weight / step).astype(np.int16), step.astype(np.float32)
