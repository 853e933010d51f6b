"""From what the trees say of a line to a probability, by what they say of its whole page.

Trees that have learnt from one collection of pages are too sure of one page and not sure enough of another: of a page
where nearly every line is either in or out, the few in between are mostly out; of a product page they are mostly in.
So each page gets a shift and a slope for its lines' log-odds, both linear in six numbers about the page (Platt scaling,
Platt 1999, with a page's evidence); then isotonic knots as before. Within a page the order of the lines stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from cleaner.page import Floats

__all__ = ["PAGE_NUMBERS", "PAGE_WEIGHTS", "Calibration", "calibrated", "log_odds", "page_numbers", "probability"]

PAGE_NUMBERS: Final = 6
PAGE_WEIGHTS: Final = 2 * (PAGE_NUMBERS + 1)  # shift and slope, each a constant and one weight a number
# Beyond these odds trees are as sure as they ever are; a page's slope would only magnify chance.
_EDGE: Final = 1e-4
# A page stranger than any that was learnt from must not turn the order of its lines around.
_LEAST_SLOPE: Final = 0.2


def log_odds(probabilities: Floats) -> npt.NDArray[np.float64]:
    """The log-odds of probabilities, cut at one in ten thousand."""
    p = np.clip(probabilities.astype(np.float64), _EDGE, 1 - _EDGE)
    out: npt.NDArray[np.float64] = np.log(p / (1 - p))
    return out


def probability(odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The probabilities of log-odds; beyond thirty they are as good as sure."""
    out: npt.NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return out


def page_numbers(
    probabilities: Floats, words: npt.NDArray[np.int64], start: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """What the trees say of each page: shape (pages, 6); ``start`` is the first line of each page, rising from 0.

    The log-odds of the mean probability of its words; log of its lines, of those below 0.1, and their share; of the
    expected words of content the share in lines above 0.9; of all words the share in lines that are neither.
    """
    p = probabilities.astype(np.float64)
    lines = np.diff(start, append=len(p)).astype(np.float64)
    weight = words + 0.1  # lines without a word count a little, and a page of them is no division by zero
    total = np.add.reduceat(weight, start)
    content = np.add.reduceat(weight * p, start)
    mean = np.clip(content / total, 1e-3, 1 - 1e-3)
    out_of_it = np.add.reduceat((p < 0.1).astype(np.float64), start)
    sure = np.add.reduceat(weight * p * (p > 0.9), start) / np.maximum(content, 1e-6)
    between = np.add.reduceat(weight * ((p > 0.15) & (p < 0.85)), start) / total
    columns = np.log(mean / (1 - mean)), np.log1p(lines), np.log1p(out_of_it), out_of_it / lines, sure, between
    return np.stack(columns, axis=1)


def calibrated(
    probabilities: Floats,
    words: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
) -> Floats:
    """Probabilities of lines moved by their page's shift and slope: shape (lines,), order within a page kept.

    ``weights`` are those of the shift, then those of the slope, the constant first (`PAGE_WEIGHTS` in all); without
    any the probabilities stay as they are. Pages do not depend on each other.
    """
    if not len(weights) or not len(probabilities):
        return probabilities
    numbers = page_numbers(probabilities, words, start)
    by_page = np.concatenate([np.ones((len(start), 1)), numbers], axis=1)
    # Not `@`: so small a product is dearer in the linear algebra library's threads than in itself.
    shift, slope = np.einsum("pk,wk->wp", by_page, weights.astype(np.float64).reshape(2, -1))
    page = np.repeat(np.arange(len(start)), np.diff(start, append=len(probabilities)))
    odds = shift[page] + np.maximum(slope, _LEAST_SLOPE)[page] * log_odds(probabilities)
    return probability(odds).astype(np.float32)


class Calibration(NamedTuple):
    """What turns the trees' probabilities into shares of gold words: the weights of `calibrated`, then knots."""

    page: npt.NDArray[np.float32]
    knot_in: npt.NDArray[np.float32]
    knot_out: npt.NDArray[np.float32]

    def apply(self, probabilities: Floats, words: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> Floats:
        """The calibrated probabilities of the lines of some pages: shape (lines,), 0..1.

        ``words`` of each line, and the first line of each page, rising from 0.
        """
        moved = calibrated(probabilities, words, start, self.page)
        return np.interp(moved, self.knot_in, self.knot_out).astype(np.float32)
