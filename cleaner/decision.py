"""From probabilities to kept lines, and how sure the page is.

A fixed threshold is the wrong cut for most pages. With calibrated probabilities the word F1 of any cut can be
expected beforehand, and the best cut by probability is found by trying all of them: sort, add up, take the maximum
(Jansche 2007; Ye et al. 2012, "Optimizing F-measure: a tale of two approaches").
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from cleaner.page import Floats

__all__ = ["BETA", "Favor", "decide"]

Favor = Literal["balanced", "precision", "recall"]
# The weight of recall against precision in the F-measure that the cut maximises (van Rijsbergen's beta).
BETA: dict[Favor, float] = {"balanced": 1.0, "precision": 0.5, "recall": 2.0}


def decide(
    probabilities: Floats, words: npt.NDArray[np.int64], favor: Favor = "balanced"
) -> tuple[npt.NDArray[np.bool_], float]:
    """Choose the lines to keep: ``(kept, confidence)``, the first of shape (lines,), the second 0..1.

    ``confidence`` is the expected word F1 of the chosen cut, whatever is favoured. A page without words keeps
    nothing, with confidence 0. Costs one sort of the lines.
    """
    n = len(probabilities)
    kept = np.zeros(n, dtype=bool)
    p = probabilities.astype(np.float64)
    w = words.astype(np.float64)
    expected = float((w * p).sum())
    if not n or expected <= 0:
        return kept, 0.0
    order = np.argsort(-p, kind="stable")
    true = np.cumsum((w * p)[order])
    size = np.cumsum(w[order])
    square = BETA[favor] ** 2
    best = int(np.argmax((1 + square) * true / np.maximum(square * expected + size, 1e-12)))
    # Lines of the same probability share their fate: the cut never falls between equals.
    kept = p >= p[order[best]]
    chosen = float((w * p)[kept].sum())
    confidence = 2 * chosen / (float(w[kept].sum()) + expected)
    return kept, min(confidence, 1.0)
