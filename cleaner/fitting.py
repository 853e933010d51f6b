"""From the features of lines to a `Head` that is not yet calibrated: boosted trees and a small network beside them.

Both are scikit-learn's, which is not needed where a model is only used.
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
from cleaner.model import Head, pack_trees
from cleaner.network import STEP, Network, neighbours, quantized, rounded
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
    """How the network of a kind is learnt: how many lines above and below it sees, its units, its ``alpha``, and its
    rounds: at which rate all lines are gone through, and how often.
    """

    reach: int
    units: int
    alpha: float
    rounds: tuple[tuple[float, int], ...]


# HTML has fewer lines to learn from: there a network of the same freedom learns its hosts by heart.
NETWORK = {
    Kind.HTML: _Plan(1, 32, 4.0, ((1e-3, 2), (2e-4, 1))),
    Kind.TEXT: _Plan(2, 64, 0.1, ((2e-3, 4), (5e-4, 3), (1e-4, 3))),
}
NETWORK_SHARE = 0.4  # of the log-odds; the trees have the rest


class Sample(NamedTuple):
    """What is fitted on: features, labels, weights and folds of lines, one row a line.

    ``inputs`` are the features of the line and its neighbours as `cleaner.network` takes them, or nothing where the
    lines are too few for a network; ``mean`` and ``scale`` made them so.
    """

    matrix: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    fold: npt.NDArray[np.int64]
    inputs: npt.NDArray[np.int8]
    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]


def draw(
    rows: npt.NDArray[np.int64],
    kind: Kind,
    matrix: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    fold: npt.NDArray[np.int64],
    page: npt.NDArray[np.int64],
) -> Sample:
    """The sample of some lines of all: ``page`` and the others are of every line, for a line's neighbours count too."""
    width = matrix.shape[1]
    mean = scale = np.zeros(width, dtype=np.float32)
    inputs = np.zeros((len(rows), 0), dtype=np.int8)
    if len(rows) >= FEW_LINES:
        mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
        # Some columns at a time: a standard deviation takes a copy of all that it is of, in double precision.
        parts = (matrix[:, low : low + 16] for low in range(0, width, 16))
        spread = np.concatenate([part.std(axis=0, dtype=np.float64) for part in parts])
        scale = (STEP / (spread + 1e-6)).astype(np.float32)
        reach = NETWORK[kind].reach
        small = np.empty(matrix.shape, dtype=np.int8)
        for low in range(0, len(matrix), 1 << 14):  # as float32 it would be four times the memory
            small[low : low + (1 << 14)] = quantized(matrix[low : low + (1 << 14)], mean, scale)
        inputs = np.zeros((len(rows), (2 * reach + 1) * width), dtype=np.int8)
        for near in range(2 * reach + 1):
            there = neighbours(rows, page, near - reach)
            here = there >= 0
            inputs[here, near * width : (near + 1) * width] = small[there[here]]
    return Sample(matrix[rows], labels[rows], weight[rows], fold[rows], inputs, mean, scale)


def fit_heads(sample: Sample, kind: Kind, without: Iterable[int], *, seed: int = 0) -> Iterator[Head]:
    """A head from a sample without each of these folds (-1: from all of it), in their order, not yet calibrated.

    They are fitted side by side in processes of one thread each, as many as there are cores and memory for, which also
    keeps the result the same on any number of cores.
    """
    folds = list(without)
    # Workers share one copy of the sample. Trees take its features in double precision, a network its inputs in single.
    shared = sample.matrix.nbytes + sample.inputs.nbytes
    room = (_memory() - shared) // (max(3 * sample.matrix.nbytes, 4 * sample.inputs.nbytes) + 1)
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
        if few:
            return head
        inputs = np.empty((len(rows), sample.inputs.shape[1]), dtype=np.float32)
        for low in range(0, len(rows), 1 << 14):  # a copy of all as they are would be a fourth more
            inputs[low : low + (1 << 14)] = sample.inputs[rows[low : low + (1 << 14)]]
        inputs /= STEP
        return _joined(head, *_network(inputs, labels, weight, sample.mean, sample.scale, kind, seed))


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


def _network(
    inputs: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    mean: npt.NDArray[np.float32],
    scale: npt.NDArray[np.float32],
    kind: Kind,
    seed: int,
) -> tuple[Network, float]:
    """A network with one hidden layer, and the log-odds that it begins from."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    plan = NETWORK[kind]
    # Each round goes on where the one before ended; how many there are is fixed, so nothing converges.
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
        for rate, rounds in plan.rounds:
            learnt.set_params(learning_rate_init=rate, max_iter=rounds)
            learnt.fit(inputs, labels, sample_weight=weight)
    (first, second), (bias, base) = learnt.coefs_, learnt.intercepts_
    whole, step = rounded(first.reshape(2 * plan.reach + 1, len(mean), -1).astype(np.float64))
    net = Network(
        mean, scale, whole.astype(np.float32), step / np.float32(STEP), bias.astype(np.float32),
        second[:, 0].astype(np.float32),
    )  # fmt: skip
    return net, float(base[0])


def _batch(lines: int) -> int:
    """About 512 lines; the last batch has several too: scikit-learn divides by their weights, of which some are 0."""
    return next(size for size in range(512, 1024) if lines % size == 0 or lines % size >= 8)


def _joined(head: Head, net: Network, base: float) -> Head:
    """Trees and a network, each with its share of the log-odds."""
    trees = 1 - NETWORK_SHARE
    return head._replace(
        base=trees * head.base + NETWORK_SHARE * base,
        value=(trees * head.value).astype(np.float32),
        net_mean=net.mean, net_scale=net.scale, net_weight=net.weight.astype(np.int16).ravel(), net_unit=net.unit,
        net_bias=net.bias, net_out=(NETWORK_SHARE * net.out).astype(np.float32),
    )  # fmt: skip
