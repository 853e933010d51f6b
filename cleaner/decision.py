"""From probabilities to kept lines, and how sure the page is.

A fixed threshold is the wrong cut for most pages. With calibrated probabilities the word F1 of any cut can be
expected beforehand, and the best cut by probability is found by trying all of them: sort, add up, take the maximum
(Jansche 2007; Ye et al. 2012, "Optimizing F-measure: a tale of two approaches").

The lines of a page are not wrong one by one: where the model is unsure of a list, it is unsure of all its lines for
the same reason, and all are in the gold or none. So the expectation is taken over a few states of the page, in each
of which the log-odds of all lines are moved by the same amount. With independent lines sixty titles at 0.25 are kept
beside two sure lines, since a fourth of their words is a safe gain; here they are one bet, and it loses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from cleaner.page import Floats
from cleaner.tokens import Hashes

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["BETA", "Favor", "decide"]

Favor = Literal["balanced", "precision", "recall"]
# The weight of recall against precision in the F-measure that the cut maximises (van Rijsbergen's beta).
BETA: dict[Favor, float] = {"balanced": 1.0, "precision": 0.5, "recall": 2.0}

# What the lines of a page have in common, in log-odds (one standard deviation); docs/decisions.md has the figures.
SPREAD = 2.0
# States of the page and their weights: Gauss and Hermite's seven points for a normal distribution.
_POINTS = (3.750439717725742, 2.366759410734541, 1.154405394739968)
_SHARES = (5.48268855972216e-4, 3.07571239675864e-2, 2.40123178605013e-1)
_STATE = SPREAD * np.array([*_POINTS, 0.0, *(-x for x in _POINTS)])[:, None]
_SHARE = np.array([*_SHARES, 16 / 35, *_SHARES])
# A line's own probability stays what it was, up to the usual approximation of the logistic by the normal curve
# (MacKay 1992, "The evidence framework applied to classification networks").
_SHARPER = math.sqrt(1 + math.pi * SPREAD**2 / 8)
# A line of fewer words may stand twice by right: a refrain, an answer, a unit, a table's cell.
COPY_WORDS = 6


def decide(
    probabilities: Floats,
    words: npt.NDArray[np.int64],
    favor: Favor = "balanced",
    hashes: Hashes | None = None,
) -> tuple[npt.NDArray[np.bool_], float]:
    """Choose the lines to keep: ``(kept, confidence)``, the first of shape (lines,), the second 0..1.

    ``confidence`` is the expected word F1 of the chosen cut, whatever is favoured. With ``hashes``, equal for equal
    lines, a line that stands twice is kept twice only where both are likely (`_of_copies`). A page without words keeps
    nothing, with confidence 0. Costs a sort of the lines and some twenty passes over them.
    """
    n = len(probabilities)
    kept = np.zeros(n, dtype=bool)
    p = probabilities.astype(np.float64)
    w = words.astype(np.float64)
    if hashes is not None:
        p = _of_copies(p, w, hashes)
    if not n or float((w * p).sum()) <= 0:
        return kept, 0.0
    order = np.argsort(-p, kind="stable")
    sorted_p = p[order]
    with np.errstate(divide="ignore"):  # 0 and 1 stay what they are in every state
        odds = np.log(sorted_p) - np.log1p(-sorted_p)
    size = np.cumsum(w[order])
    true = np.cumsum(w[order] / (1 + np.exp(-(_SHARPER * odds + _STATE))), axis=1)
    expected = true[:, -1:]

    def f_measure(beta: float) -> npt.NDArray[np.float64]:
        out: npt.NDArray[np.float64] = _SHARE @ ((1 + beta**2) * true / np.maximum(beta**2 * expected + size, 1e-12))
        return out

    balanced = f_measure(1.0)
    best = int(np.argmax(balanced))
    # What precision keeps is a part of the balanced cut, and that a part of what recall keeps.
    if favor == "precision":
        best = int(np.argmax(f_measure(BETA[favor])[: best + 1]))
    elif favor == "recall":
        best += int(np.argmax(f_measure(BETA[favor])[best:]))
    # Lines of the same probability share their fate: the cut never falls between equals.
    kept = p >= sorted_p[best]
    confidence = min(float(balanced[int(kept.sum()) - 1]), 1.0)
    return kept | _between(kept, words), confidence


def _between(kept: npt.NDArray[np.bool_], words: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Lines without words (a brace, a table's rule, ``* * *``) whose neighbours with words are both kept.

    What such a line is cannot be read from it, and no measure of words misses it; the reader of a program does.
    """
    silent = np.flatnonzero(words == 0)
    worded = np.flatnonzero(words)
    place = np.searchsorted(worded, silent)
    inside = (place > 0) & (place < len(worded))
    silent, place = silent[inside], place[inside]
    out = np.zeros(len(kept), dtype=bool)
    out[silent[kept[worded[place - 1]] & kept[worded[place]]]] = True
    return out


def _of_copies(p: npt.NDArray[np.float64], words: npt.NDArray[np.float64], hashes: Hashes) -> npt.NDArray[np.float64]:
    """The probability that a line is in the gold *beside* its likelier copies: shape (lines,), never above ``p``.

    Where the same line stands ``k`` times, the gold has at least ``k`` of them with a probability of no less than
    ``sum(p) - (k - 1)`` (Boole and Fréchet). So two copies at 0.6 are one line at 0.6 and one at 0.2: a second,
    hidden article, or a caption printed twice. Quotes in a forum, likely both times, stay.
    """
    long = np.flatnonzero(words >= COPY_WORDS)
    keys, group, count = np.unique(hashes[long], return_inverse=True, return_counts=True)
    if len(keys) == len(long):
        return p
    repeated = count[group] > 1
    rows, group = long[repeated], group[repeated]
    order = np.lexsort((-p[rows], group))  # the likelier copy first, of equals the one that stands first
    rows, group = rows[order], group[order]
    first = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    size = np.diff(first, append=len(rows))
    total = np.cumsum(p[rows])
    before = np.repeat(total[first] - p[rows[first]], size)
    place = np.arange(len(rows)) - np.repeat(first, size)
    out = p.copy()
    out[rows] = np.minimum(p[rows], np.maximum(total - before - place, 0))
    return out
