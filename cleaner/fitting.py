"""From the features of lines to a `Head` that is not yet calibrated: boosted trees and a small network beside them.

The trees are scikit-learn's, and the network of HTML; it is not needed where a model is only used.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, cpu_count, delayed

from cleaner.errors import BadLabels
from cleaner.features import feature_names
from cleaner.model import Head, pack_network, pack_trees
from cleaner.network import STEP, Network, neighbours, quantized, rounded
from cleaner.network_fitting import Plan, fit_network
from cleaner.page import Kind

__all__ = ["Sample", "draw", "fit_heads"]

# What was tried and what it gave is in docs/decisions.md.
# A small set is learnt in a minute, by fewer trees that each learn more; more of them only learn it by heart.
FEW_LINES = 50_000
FEW: dict[str, Any] = {"max_iter": 36, "learning_rate": 0.17, "max_leaf_nodes": 31}
# Without mark-up a line is told by more of what stands around it: larger trees.
MUCH: dict[Kind, dict[str, Any]] = {
    Kind.HTML: {"max_iter": 100, "learning_rate": 0.11, "max_leaf_nodes": 63},
    Kind.TEXT: {"max_iter": 110, "learning_rate": 0.1, "max_leaf_nodes": 127},
}
PARAMETERS: dict[str, Any] = {
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "max_bins": 63,
    "early_stopping": False,
}


class _Plan(NamedTuple):
    """How the network of a kind is learnt that has no rounds: how many lines above and below it sees, its units, its
    ``alpha``, and at which rates all lines are gone through, and how often at each.
    """

    reach: int
    units: int
    alpha: float
    rates: tuple[tuple[float, int], ...]


# HTML has fewer lines to learn from: there a network of the same freedom learns its hosts by heart.
NETWORK: dict[Kind, _Plan | Plan] = {
    Kind.HTML: _Plan(1, 32, 4.0, ((1e-3, 2), (2e-4, 1))),
    Kind.TEXT: Plan(units=64, summary=16, rounds=3, rate=2e-3, epochs=8, dropout=0.15),
}
NETWORK_SHARE = 0.4  # of the log-odds; the trees have the rest


class Around(NamedTuple):
    """What a network is fitted on: all lines, for what stands around a line counts whether it is drawn or not.

    ``steps`` are their features as `cleaner.network` takes them, which ``mean`` and ``scale`` made so; ``rows`` are the
    lines that were drawn; ``page`` is the page of each line, rising.
    """

    steps: npt.NDArray[np.int8]
    labels: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    fold: npt.NDArray[np.int64]
    page: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]


class Sample(NamedTuple):
    """What is fitted on: features, labels, weights and folds of the lines that were drawn, one row a line.

    ``around`` is there where the lines are enough for a network.
    """

    matrix: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    fold: npt.NDArray[np.int64]
    around: Around | None


def draw(
    rows: npt.NDArray[np.int64],
    share: npt.NDArray[np.float64],
    matrix: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    fold: npt.NDArray[np.int64],
    page: npt.NDArray[np.int64],
) -> Sample:
    """The sample of some lines of all; ``share`` was the chance of each line to be drawn, the rest is of every line."""
    around = None
    if len(rows) >= FEW_LINES:
        mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
        # Some columns at a time: a standard deviation takes a copy of all that it is of, in double precision.
        parts = (matrix[:, low : low + 16] for low in range(0, matrix.shape[1], 16))
        spread = np.concatenate([part.std(axis=0, dtype=np.float64) for part in parts])
        scale = (STEP / (spread + 1e-6)).astype(np.float32)
        steps = np.empty(matrix.shape, dtype=np.int8)
        for low in range(0, len(matrix), 1 << 14):  # as float32 it would be four times the memory
            steps[low : low + (1 << 14)] = quantized(matrix[low : low + (1 << 14)], mean, scale)
        around = Around(steps, labels, weight, fold, page, rows, mean, scale)
    return Sample(matrix[rows], labels[rows], (weight / share)[rows], fold[rows], around)


def fit_heads(sample: Sample, kind: Kind, without: Iterable[int], *, seed: int = 0) -> Iterator[Head]:
    """A head from a sample without each of these folds (-1: from all of it), in their order, not yet calibrated.

    They are fitted side by side in processes of one thread each, as many as there are cores and memory for, which also
    keeps the result the same on any number of cores.
    """
    folds = list(without)
    # Workers share one copy of the sample; trees take its features in double precision, beside bins.
    shared = sample.matrix.nbytes + (sample.around.steps.nbytes if sample.around else 0)
    room = (_memory() - shared) // (3 * sample.matrix.nbytes + 1)
    run = Parallel(n_jobs=max(1, min(len(folds), cpu_count(), room)), return_as="generator")
    heads: Iterator[Head] = run(delayed(_fit)(sample, kind, seed, fold) for fold in folds)
    return heads


def _memory() -> int:
    """Nine tenths of the memory that is free, in bytes; three quarters of all, or a great deal, where no one says."""
    try:
        rows = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(row.split()[1]) for row in rows if row.startswith("MemAvailable:")) * 1024 * 9 // 10
    except (OSError, StopIteration, ValueError):  # not on every system
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
    except (AttributeError, ValueError, OSError):  # not on every system
        return 1 << 62


def _fit(sample: Sample, kind: Kind, seed: int, without: int = -1) -> Head:
    """Trees, and where the sample has inputs for one a network, over a sample or all of its folds but one."""
    from threadpoolctl import threadpool_limits

    rows = np.flatnonzero(sample.fold != without)
    labels, weight = sample.labels[rows], sample.weight[rows]
    weight = weight / weight.mean()
    if labels.min() == labels.max():
        raise BadLabels("every line has the same label: both main content and junk are needed")
    # Two threads gain little and, where another process has the cores, lose an order of magnitude to spinning.
    few = len(sample.labels) < FEW_LINES  # all of them: a fold is fitted like the whole
    with threadpool_limits(1):
        head = _boosted(sample.matrix[rows], labels, weight, FEW if few else MUCH[kind], kind, seed)
        if sample.around is None:
            return head
        return _joined(head, sample.around, *_network(sample.around, weight, kind, seed, without))


def _network(
    around: Around, weight: npt.NDArray[np.float64], kind: Kind, seed: int, without: int
) -> tuple[Network, float]:
    """A network and the log-odds that it begins from; ``weight`` is of the drawn lines that are learnt from."""
    plan = NETWORK[kind]
    if isinstance(plan, _Plan):
        rows = around.rows[around.fold[around.rows] != without]
        return _without_rounds(_beside(around, rows, plan.reach), around.labels[rows], weight, plan, seed)
    first = np.flatnonzero(np.diff(around.page, prepend=-1))
    size = np.diff(first, append=len(around.page))
    learnt = around.fold[first] != without
    return fit_network(around.steps, around.labels, around.weight, first[learnt], size[learnt], plan, seed)


def _beside(around: Around, rows: npt.NDArray[np.int64], reach: int) -> npt.NDArray[np.float32]:
    """The features of some lines and their neighbours, from above downwards, in standard deviations."""
    width = around.steps.shape[1]
    out = np.zeros((len(rows), (2 * reach + 1) * width), dtype=np.float32)
    for near in range(2 * reach + 1):
        there = neighbours(rows, around.page, near - reach)
        here = there >= 0
        out[here, near * width : (near + 1) * width] = around.steps[there[here]]
    out /= STEP
    return out


def _boosted(
    matrix: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    more: dict[str, Any],
    kind: Kind,
    seed: int,
) -> Head:
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(random_state=seed, **{**PARAMETERS, **more})
    trees.fit(matrix, labels, sample_weight=weight)
    packed = []
    base = float(np.ravel(trees._baseline_prediction)[0])
    for (predictor,) in trees._predictors:  # the only way to the trees: scikit-learn has no public one
        nodes = predictor.nodes
        if len(nodes) > 1:
            packed.append(
                [
                    (-1 if leaf else int(f), float(t), int(left), int(right), float(v))
                    for leaf, f, t, left, right, v in zip(
                        nodes["is_leaf"], nodes["feature_idx"], nodes["num_threshold"], nodes["left"], nodes["right"],
                        nodes["value"], strict=True,
                    )
                ]
            )  # fmt: skip
        else:
            base += float(nodes["value"][0])
    if not packed:
        raise BadLabels(f"{len(labels)} lines are too few to learn from: label more pages")
    identity = np.array([0.0, 1.0], dtype=np.float32)
    return Head(features=feature_names(kind), base=base, knot_in=identity, knot_out=identity, **pack_trees(packed))


def _without_rounds(
    inputs: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    plan: _Plan,
    seed: int,
) -> tuple[Network, float]:
    """A network with one hidden layer, by scikit-learn, and the log-odds that it begins from."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    # Each rate goes on where the one before ended; how long each is kept is fixed, so nothing converges.
    learnt = MLPClassifier(
        (plan.units,),
        alpha=plan.alpha,
        batch_size=_batch(len(inputs)),
        random_state=seed,
        warm_start=True,
        tol=0.0,
        n_iter_no_change=1000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for rate, times in plan.rates:
            learnt.set_params(learning_rate_init=rate, max_iter=times)
            learnt.fit(inputs, labels, sample_weight=weight)
    (first, second), (bias, base) = learnt.coefs_, learnt.intercepts_
    whole, step = rounded(first.reshape(2 * plan.reach + 1, -1, plan.units).astype(np.float64))
    none = np.zeros(0, dtype=np.float32)
    net = Network(
        none, none, whole.astype(np.float32), step / np.float32(STEP), bias.astype(np.float32),
        second[:, 0].astype(np.float32),
    )  # fmt: skip
    return net, float(base[0])


def _batch(lines: int) -> int:
    """About 512 lines; the last batch has several too: scikit-learn divides by their weights, of which some are 0."""
    return next(size for size in range(512, 1024) if lines % size == 0 or lines % size >= 8)


def _joined(head: Head, around: Around, net: Network, base: float) -> Head:
    """Trees and a network, each with its share of the log-odds."""
    trees = 1 - NETWORK_SHARE
    return head._replace(
        base=trees * head.base + NETWORK_SHARE * base,
        value=(trees * head.value).astype(np.float32),
        **pack_network(net._replace(mean=around.mean, scale=around.scale, out=NETWORK_SHARE * net.out)),
    )
