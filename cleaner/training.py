"""From labelled pages to a `Model`: boosted trees with scikit-learn, host-grouped folds, calibrated, reproducible.

Hosts are kept whole in one fold, so every out-of-fold probability is for a site that its trees have not seen; the
calibration and the reported figures are made from those only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cleaner import __version__
from cleaner.decision import decide
from cleaner.errors import BadLabels
from cleaner.evaluation import PageScore, Summary, score_page, summarize
from cleaner.features import feature_matrix, feature_names
from cleaner.labelled import LabelledPage, align, as_text
from cleaner.model import Head, Model, pack_trees
from cleaner.page import Floats, Kind, Lines
from cleaner.pipeline import predict
from cleaner.segmentation import segment
from cleaner.tokens import tokenize

__all__ = ["Dataset", "Training", "fit_head", "make_dataset", "out_of_fold", "train"]

Progress = Callable[[str], None]

# What was tried and what it gave is in docs/decisions.md.
TREES = 150
PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}
FOLDS = 5
SILVER_WEIGHT = 0.5  # golds that another tool drafted
EITHER_WAY_WEIGHT = 0.1  # lines that golds disagree about: titles, bylines, captions
KNOTS = 32


@dataclass(frozen=True)
class Dataset:
    """The lines of labelled pages of one kind as arrays: one row a line, ``page_of`` its page."""

    kind: Kind
    items: Sequence[LabelledPage]
    lines: Sequence[Lines]
    features: tuple[str, ...]
    matrix: npt.NDArray[np.float32]
    share: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    words: npt.NDArray[np.int64]
    page_of: npt.NDArray[np.int64]
    hosts: npt.NDArray[np.str_]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """1 where at least half of a line's words are in the gold."""
        return (self.share >= 0.5).astype(np.int64)


def make_dataset(
    items: Sequence[LabelledPage], kind: Kind, features: Sequence[str] | None = None, progress: Progress | None = None
) -> Dataset:
    """Segment, featurize and align labelled pages; HTML pages serve a text dataset as their visible text.

    Raises `BadLabels` when no page has a line.
    """
    names = tuple(features or feature_names(kind))
    chosen = [item for item in items if item.page.kind is kind or kind is Kind.TEXT]
    if kind is Kind.TEXT:
        chosen = [as_text(item) for item in chosen]
    kept: list[LabelledPage] = []
    lines: list[Lines] = []
    share: list[npt.NDArray[np.float64]] = []
    weight: list[npt.NDArray[np.float64]] = []
    words: list[npt.NDArray[np.int64]] = []
    for number, item in enumerate(chosen):
        if progress and number % 100 == 0:
            progress(f"{kind}: aligning page {number} of {len(chosen)}")
        cut = segment(item.page)
        if not len(cut):
            continue
        tokens = tokenize(cut.texts)
        kept.append(item)
        lines.append(cut)
        share.append(align(tokens, item.gold))
        words.append(tokens.words)
        weight.append(_weights(item, cut, tokens.words))
    if not lines:
        raise BadLabels(f"no labelled {kind} page has any text")
    blocks = []
    for low in range(0, len(lines), 32):
        blocks.append(np.ascontiguousarray(feature_matrix(lines[low : low + 32], names)))
    return Dataset(
        kind=kind,
        items=kept,
        lines=lines,
        features=names,
        matrix=np.concatenate(blocks),
        share=np.concatenate(share),
        weight=np.concatenate(weight),
        words=np.concatenate(words),
        page_of=np.repeat(np.arange(len(lines)), [len(cut) for cut in lines]),
        hosts=np.array([item.host for item in kept]),
    )


def _weights(item: LabelledPage, lines: Lines, words: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Long lines weigh more (the measure counts words), long pages less (it is a mean over pages)."""
    weight = np.sqrt(np.minimum(words, 100) + 1.0)
    weight /= np.sqrt(weight.sum())
    if item.silver:
        weight *= SILVER_WEIGHT
    return weight


def folds_of(hosts: npt.NDArray[np.str_], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each page; a host is never in two. Fewer hosts than folds give a fold a host."""
    from sklearn.model_selection import GroupKFold

    out = np.zeros(len(hosts), dtype=np.int64)
    count = min(folds, len(set(hosts.tolist())))
    if count < 2:
        raise BadLabels("labelled pages of at least two hosts are needed, to test on sites the model has not seen")
    split = GroupKFold(count, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(split.split(hosts, groups=hosts)):
        out[test] = number
    return out


def _fit(data: Dataset, rows: npt.NDArray[np.bool_] | None, seed: int) -> Head:
    """Boosted trees over some rows, packed, not yet calibrated."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    chosen = slice(None) if rows is None else rows
    labels, weight = data.labels[chosen], data.weight[chosen]
    if labels.min() == labels.max():
        raise BadLabels(f"every {data.kind} line has the same label: both main content and junk are needed")
    trees = HistGradientBoostingClassifier(max_iter=TREES, random_state=seed, **PARAMETERS)
    trees.fit(data.matrix[chosen], labels, sample_weight=weight / weight.mean())
    packed = []
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
    base = float(np.ravel(trees._baseline_prediction)[0])
    identity = np.array([0.0, 1.0], dtype=np.float32)
    return Head(data.features, base, **pack_trees(packed), knot_in=identity, knot_out=identity)


def out_of_fold(data: Dataset, *, seed: int = 0, progress: Progress | None = None) -> Floats:
    """The probability of each line by trees that have not seen its host, shape (lines,), not yet calibrated."""
    fold = folds_of(data.hosts, FOLDS, seed)[data.page_of]
    out = np.zeros(len(fold), dtype=np.float32)
    count = int(fold.max()) + 1
    for number in range(count):
        if progress:
            progress(f"{data.kind}: fold {number + 1} of {count}")
        test = fold == number
        out[test] = _fit(data, ~test, seed).predict(data.matrix[test])
    return out


def calibration(
    probabilities: Floats, data: Dataset, rows: npt.NDArray[np.bool_] | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Knots that turn out-of-fold probabilities into shares of gold words: isotonic regression, thinned out."""
    from sklearn.isotonic import IsotonicRegression

    chosen = slice(None) if rows is None else rows
    p = probabilities[chosen].astype(np.float64)
    iso = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    iso.fit(p, data.share[chosen], sample_weight=np.sqrt(data.words[chosen]) + 1e-6)
    # Means over equal shares of the lines' range in log-odds, so that the ends are as fine as the middle.
    grid = 1 / (1 + np.exp(-np.linspace(-6, 6, KNOTS - 2)))
    knots = np.concatenate([[0.0], grid, [1.0]])
    value = np.maximum.accumulate(np.clip(iso.predict(knots), 1e-4, 1))
    # Isotonic steps are flat; a slight slope keeps the order of the lines.
    value = np.clip(0.98 * value + 0.02 * knots, 0, 1)
    return knots.astype(np.float32), value.astype(np.float32)


def cross_calibrated(data: Dataset, probabilities: Floats, *, seed: int = 0) -> Floats:
    """Out-of-fold probabilities, each fold calibrated by the others: what an unseen host gets."""
    fold = folds_of(data.hosts, FOLDS, seed)[data.page_of]
    out = np.zeros_like(probabilities)
    for number in range(int(fold.max()) + 1):
        test = fold == number
        out[test] = np.interp(probabilities[test], *calibration(probabilities, data, ~test))
    return out


def fit_head(data: Dataset, probabilities: Floats, *, seed: int = 0) -> Head:
    """The final head: trees over all rows, calibrated by the out-of-fold ``probabilities``."""
    head = _fit(data, None, seed)
    knot_in, knot_out = calibration(probabilities, data)
    return Head(
        head.features, head.base, head.tree, head.feature, head.threshold, head.mask, head.leaf, head.value,
        knot_in, knot_out,
    )  # fmt: skip


def score_lines(data: Dataset, probabilities: Floats) -> list[PageScore]:
    """Decide every page of a dataset by given probabilities, and score it."""
    bounds = np.flatnonzero(np.diff(data.page_of)) + 1
    scores = []
    for item, lines, p, w in zip(
        data.items, data.lines, np.split(probabilities, bounds), np.split(data.words, bounds), strict=True
    ):
        kept, confidence = decide(p, w)
        text = "\n".join(lines.texts[i] for i in np.flatnonzero(kept))
        scores.append(score_page(item, text, confidence))
    return scores


@dataclass(frozen=True)
class Training:
    """What a training gave: the model, and for each kind the scores on hosts that the trees had not seen."""

    model: Model
    scores: Mapping[Kind, Sequence[PageScore]]
    before: Mapping[Kind, Sequence[PageScore]] = field(default_factory=dict)

    def summaries(self) -> dict[str, dict[str, Summary]]:
        """For each kind ``after`` (this training, out of fold) and, where compared, ``before``."""
        out = {}
        for kind, rows in self.scores.items():
            out[str(kind)] = {"after": summarize(rows)}
            if kind in self.before:
                out[str(kind)]["before"] = summarize(self.before[kind])
        return out

    def as_dict(self) -> dict[str, Any]:
        return {kind: {name: s.as_dict() for name, s in row.items()} for kind, row in self.summaries().items()}

    def as_text(self) -> str:
        """The before/after table: the given model against this training on hosts left out of it."""
        lines = [f"{'kind':6} {'pages':>5}  {'word F1 before':<22} {'word F1 after (hosts left out)':<32} {'change':>7}"]
        for kind, row in self.summaries().items():
            after, before = row["after"], row.get("before")
            shown = f"{before.f1:.4f} ({before.low:.3f}-{before.high:.3f})" if before else "-"
            change = f"{after.f1 - before.f1:+.4f}" if before else ""
            lines.append(
                f"{kind:6} {after.pages:5}  {shown:<22} {after.f1:.4f} ({after.low:.3f}-{after.high:.3f}){'':12} {change:>7}"
            )
        return "\n".join(lines)


def train(
    items: Sequence[LabelledPage],
    *,
    seed: int = 0,
    compare_with: Model | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Training:
    """Train a model on labelled pages, one head for HTML (where there are HTML pages) and one for text.

    With ``compare_with`` that model is scored on the same pages. The same pages, seed and versions give the same
    file. Raises `BadLabels` when there are too few pages or hosts.
    """
    if not items:
        raise BadLabels("no labelled pages")
    heads: dict[Kind, Head] = {}
    scores: dict[Kind, list[PageScore]] = {}
    before: dict[Kind, list[PageScore]] = {}
    for kind in Kind:
        if kind is Kind.HTML and not any(item.page.kind is Kind.HTML for item in items):
            continue
        data = make_dataset(items, kind, progress=progress)
        probabilities = out_of_fold(data, seed=seed, progress=progress)
        scores[kind] = score_lines(data, cross_calibrated(data, probabilities, seed=seed))
        if compare_with is not None and kind in compare_with.heads:
            before[kind] = score_lines(data, np.concatenate(_predict_all(compare_with, data)))
        if progress:
            progress(f"{kind}: final trees")
        heads[kind] = fit_head(data, probabilities, seed=seed)
    digest = hashlib.sha256()
    for item in items:
        digest.update(item.page.content.encode("utf-8", "replace") + b"\0" + item.gold.encode("utf-8", "replace"))
    facts = {
        "made_by": f"cleaner {__version__}",
        "pages": len(items),
        "hosts": len({item.host for item in items}),
        "data_sha256": digest.hexdigest(),
        "seed": seed,
        "word_f1_out_of_fold": {str(kind): round(summarize(rows, bootstrap=0).f1, 4) for kind, rows in scores.items()},
        **(about or {}),
    }
    return Training(Model(heads, facts), scores, before)


def _predict_all(model: Model, data: Dataset) -> list[Floats]:
    out: list[Floats] = []
    for low in range(0, len(data.lines), 32):
        out += predict(model, data.lines[low : low + 32])
    return out


