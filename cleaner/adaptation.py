"""A model begun from another one: what a few labelled pages say beside it, not instead of it.

A model learnt from thirty pages alone knows their sites and little else. Here the present model's log-odds are where
boosting begins, and a few small trees are added for what it gets wrong on these pages: LogitBoost (Friedman, Hastie and
Tibshirani 2000, "Additive logistic regression") with Newton steps in the leaves. How many trees is asked of pages that
were left out: where they gain nothing that chance would not give too, none is added and the model stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, cpu_count, delayed

from cleaner.calibration import probability
from cleaner.errors import BadLabels
from cleaner.evaluation import PageScore
from cleaner.features import feature_matrix
from cleaner.labelled import LabelledPage
from cleaner.model import Head, Model, pack_trees
from cleaner.page import Kind
from cleaner.segmentation import segment
from cleaner.training import (
    FOLDS,
    Dataset,
    Training,
    dataset_of,
    folds_of,
    looked_again,
    score_lines,
    share_drawn,
    training_facts,
)

__all__ = ["adapt"]

Progress = Callable[[str], None]

# What was tried and what it gave is in docs/decisions.md.
STEPS: Final = 80
RATE: Final = 0.1
LEAVES: Final = 8
LEAST_LINES: Final = 20  # in a leaf
HOLD: Final = 5.0  # added to a leaf's second derivative: a leaf of few lines moves little
STEEPEST: Final = 4.0  # of a line's working response, as the authors of LogitBoost advise
TREE_FEATURES: Final = 0.3
MOST_LINES: Final = 50_000  # drawn from more: these trees look at every value, which takes seconds each beyond that
SURE: Final = 0.85  # that the gain on what was left out is none of chance's; word F1 must rise as well


class _Tree(NamedTuple):
    """A fitted tree of scikit-learn's, and the log-odds that each of its nodes adds."""

    nodes: Any
    value: npt.NDArray[np.float64]

    def __call__(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = self.value[self.nodes.apply(matrix)]
        return found

    def packed(self) -> list[tuple[int, float, int, int, float]]:
        """The tree as `pack_trees` takes it."""
        tree = self.nodes.tree_
        columns = (tree.feature, tree.threshold, tree.children_left, tree.children_right, self.value)
        nodes = zip(*(column.tolist() for column in columns), strict=True)
        return [
            (-1 if left < 0 else feature, bound, left, right, value) for feature, bound, left, right, value in nodes
        ]


class _Lines(NamedTuple):
    """What is learnt from: a row a line, with what the model at hand says of it."""

    matrix: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]


def adapt(
    items: Sequence[LabelledPage],
    base: Model,
    *,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Training:
    """``base`` with what labelled pages say beside it: trees added to the head of each kind that there are pages of.

    The report compares both on pages that were left out: whole hosts where there are five or more, else pages. As these
    pages also tell how many trees to add, what it says of new ones is a little too good. A kind of which there are
    fewer than two pages stays as it is. The same pages, seed and base give the same file. Raises `BadLabels` where
    that is so of both kinds, `BadModel` for a kind that the base does not know.
    """
    heads = dict(base.heads)
    added: dict[str, int] = {}
    left_out: dict[Kind, str] = {}
    after: dict[Kind, list[PageScore]] = {}
    before: dict[Kind, list[PageScore]] = {}
    for kind in (Kind.TEXT, Kind.HTML):  # HTML in doubt is judged by the part for text as it will be
        chosen = [item for item in items if item.page.kind is kind and len(segment(item.page))]
        if not any(item.gold.strip() for item in chosen):
            continue
        hosts = [item.host for item in chosen]
        by_page = len(set(hosts)) < FOLDS
        # A page that is there twice is in one fold.
        names = [_digest(item) for item in chosen] if by_page else hosts
        if len(set(names)) < 2:
            continue
        head = base.head(kind)
        if progress:
            progress(f"{kind}: aligning {len(chosen)} pages")
        fold = folds_of(names, seed)
        data = dataset_of([(item, "as is") for item in chosen], [fold[name] for name in names], kind)
        unit = np.unique(names, return_inverse=True)[1]
        matrix = np.empty((len(data.page_of), len(head.features)), dtype=np.float32)
        for batch, rows in data.batches(np.arange(len(data.lines))):
            matrix[rows] = feature_matrix(batch, head.features, head.weights)
        lines = _Lines(matrix, data.labels, data.weight, head.scores(matrix, data.starts))
        trees, unseen = _learn(lines, data, unit, seed, progress)
        before[kind] = _scored(base.heads, data, lines.scores)
        without, after[kind] = (_scored(heads, data, scores) for scores in (lines.scores, unseen))
        if sum(score.f1 for score in after[kind]) <= sum(score.f1 for score in without):
            trees, after[kind] = [], without
        heads[kind], added[str(kind)] = _joined(head, trees), len(trees)
        left_out[kind] = "pages" if by_page else "hosts"
    if not after:
        raise BadLabels(
            "too few labelled pages: at least two of a kind are needed, with a gold, to test on one of them"
        )
    before, after = ({kind: rows[kind] for kind in Kind if kind in rows} for rows in (before, after))
    facts = {
        **training_facts(items, after, seed),
        "trees_added": added,
        "adapted_from": {"fingerprint": base.fingerprint, **base.about},
    }
    model = Model(heads, {**facts, **(about or {})})
    return Training(Model.from_bytes(model.to_bytes()), after, before, left_out)


def _digest(item: LabelledPage) -> str:
    return hashlib.sha256(item.page.content.encode("utf-8", "replace")).hexdigest()


def _learn(
    lines: _Lines, data: Dataset, unit: npt.NDArray[np.int64], seed: int, progress: Progress | None
) -> tuple[list[_Tree], npt.NDArray[np.float64]]:
    """The trees to add, and the log-odds of each line with those that have not seen its page's fold."""
    share = share_drawn(data)
    share *= min(1.0, MOST_LINES / share.sum())
    drawn = np.random.default_rng(seed).random(len(share)) < share
    sample = _Lines(lines.matrix[drawn], lines.labels[drawn], (lines.weight / share)[drawn], lines.scores[drawn])
    fold = data.fold_of_line[drawn]
    folds = [-1, *np.unique(fold).tolist()]
    if progress:
        progress(f"{data.kind}: trees beside those of the model")
    fits = Parallel(n_jobs=min(len(folds), cpu_count()))(
        delayed(_boost)(_Lines(*(column[fold != number] for column in sample)), seed) for number in folds
    )
    # The log-odds of every line after each step, by the trees that have not seen its fold.
    path = np.repeat(lines.scores[None, :], STEPS + 1, axis=0)
    for number, trees in zip(folds[1:], fits[1:], strict=True):
        test = np.flatnonzero(data.fold_of_line == number)
        for step, tree in enumerate(trees, 1):
            path[step:, test] += tree(lines.matrix[test])
    steps = _steps(path, data, unit)
    return fits[0][:steps], path[min(steps, len(path) - 1)]


def _steps(path: npt.NDArray[np.float64], data: Dataset, unit: npt.NDArray[np.int64]) -> int:
    """How many trees give the least loss on pages left out; 0 where chance could give what they gain.

    ``unit`` is what each page was left out with, its host or itself: pages of one host err together, so a host is one
    observation of Student's t.
    """
    from scipy.stats import t

    start = data.starts
    weight = data.weight + 1e-9  # a page of which every line may stay or go
    loss = np.logaddexp(0, path) - data.labels * path
    by_page = np.add.reduceat(loss * weight, start, axis=1) / np.add.reduceat(weight, start)
    best = int(by_page.mean(axis=1).argmin())
    gain = np.bincount(unit, weights=by_page[0] - by_page[best]) / np.bincount(unit)
    enough = t.ppf(SURE, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return best if gain.mean() > enough else 0


def _boost(lines: _Lines, seed: int) -> list[_Tree]:
    """Trees fitted one after the other to what the model, with those before, gets wrong of some lines."""
    from sklearn.tree import DecisionTreeRegressor

    matrix, labels, weight, scores = lines
    if not weight.any():  # all pages of the kind are in the fold that is left out, or all lines may stay or go
        return []
    weight = weight / weight.mean()
    odds = scores.copy()
    trees: list[_Tree] = []
    for step in range(STEPS):
        p = probability(odds)
        curve = p * (1 - p)
        response = np.clip((labels - p) / np.maximum(curve, 1e-9), -STEEPEST, STEEPEST)
        nodes = DecisionTreeRegressor(
            max_leaf_nodes=LEAVES,
            min_samples_leaf=LEAST_LINES,
            max_features=TREE_FEATURES,
            random_state=(seed + step) % 2**32,
        ).fit(matrix, response, sample_weight=weight * curve + 1e-9)
        leaf, size = nodes.apply(matrix), nodes.tree_.node_count
        pull = np.bincount(leaf, weights=weight * (labels - p), minlength=size)
        value = RATE * pull / (np.bincount(leaf, weights=weight * curve, minlength=size) + HOLD)
        trees.append(_Tree(nodes, value))
        odds += value[leaf]
    return trees


def _joined(head: Head, trees: Sequence[_Tree]) -> Head:
    """The head with more trees; a tree of one leaf is a part of the base score."""
    grown = [tree.packed() for tree in trees if tree.nodes.tree_.node_count > 1]
    base = head.base + sum(float(tree.value[0]) for tree in trees if tree.nodes.tree_.node_count == 1)
    if not grown:
        return head._replace(base=base)
    more: dict[str, Any] = {**pack_trees(grown)}
    for name in ("tree", "leaf"):
        have: npt.NDArray[np.int32] = getattr(head, name)
        more[name] = np.concatenate([have, have[-1] + more[name][1:]])
    for name in ("feature", "threshold", "first", "past", "value"):
        more[name] = np.concatenate([getattr(head, name), more[name]])
    return head._replace(base=base, **more)


def _scored(heads: Mapping[Kind, Head], data: Dataset, scores: npt.NDArray[np.float64]) -> list[PageScore]:
    """Pages decided by given log-odds: calibrated as their head does, those of HTML in doubt judged as text too."""
    probabilities = heads[data.kind].calibrate(probability(scores).astype(np.float32), data.words, data.starts)
    if data.kind is Kind.HTML and Kind.TEXT in heads:
        probabilities = looked_again(data, probabilities, [heads[Kind.TEXT]] * data.folds)
    return score_lines(data, probabilities)
