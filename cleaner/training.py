"""From labelled pages to a `Model`: boosted trees with scikit-learn, host-grouped folds, calibrated, reproducible.

Hosts are kept whole in one fold, so every out-of-fold probability is for a site that its trees have not seen; the
calibration and the reported figures are made from those only.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, cpu_count, delayed

from cleaner import __version__
from cleaner.calibration import PAGE_NUMBERS, Calibration, calibrated, log_odds, page_numbers
from cleaner.decision import decide
from cleaner.errors import BadLabels
from cleaner.evaluation import PageScore, Summary, confidence_bands, rank_correlation, score_page, summarize
from cleaner.features import Columns, HashedWeights, feature_matrix, feature_names
from cleaner.features.hashed import BUCKETS, TEXT_BUCKETS, structure_terms, wording_terms
from cleaner.fitting import Sample, draw, fit_heads
from cleaner.labelled import LabelledPage, align
from cleaner.model import Head, Model
from cleaner.page import Floats, Kind, Lines
from cleaner.pipeline import BATCH_PAGES, look_again, predict
from cleaner.renderings import COMPOSED, CONVERSIONS, OF_TEXT, RENDERINGS, rendered
from cleaner.segmentation import segment
from cleaner.tokens import Hashes, tokenize

__all__ = [
    "Dataset", "Fitted", "Training", "dataset_of", "fit_head", "fold_heads", "folds_of", "looked_again",
    "make_dataset", "score_lines", "share_drawn", "train", "training_facts",
]  # fmt: skip

Progress = Callable[[str], None]

# What was tried and what it gave is in docs/decisions.md.
# Trees are fitted on about this many lines of a longer page, drawn at random and weighed accordingly.
SAMPLE = 150
# The share of text pages that are learnt from as if in a language that was never seen: their words tell nothing.
FOREIGN = 0.3
# The share of pages that are learnt from in another rendering as well, and the lines of those that need not be:
# one page in thirteen, but a third of all lines.
OTHER_RENDERING, CONVERTED, LONG_PAGE = 0.6, 0.6, 600
FOLDS = 5
MARKED_WEIGHT = 3.0  # pages of which every line was marked: few, and like what the text model is for
KNOTS = 32
# In calibration a composed page (a transplant, the gold alone) counts for less than a page as scraped.
COMPOSED_COUNTS = 0.3
HOLD = 0.1  # how much a page's shift and slope are held to none, in pages
SCORED = ("as is", "visible")  # the renderings that a training report is made on


@dataclass(frozen=True)
class Dataset:
    """The lines of labelled pages of one kind, one row a line.

    ``share`` is the part of a line's words that the gold has, ``weight`` what the line counts in training,
    ``page_of`` its page; ``fold`` is the fold of each page, and ``rendering`` how its text was made (see
    `cleaner.renderings`; ``as is`` for a page of the dataset's own kind). ``hashes`` are equal for equal lines.
    """

    kind: Kind
    items: Sequence[LabelledPage]
    lines: Sequence[Lines]
    share: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    words: npt.NDArray[np.int64]
    hashes: Hashes
    page_of: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    rendering: Sequence[str]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """1 where at least half of a line's words are in the gold."""
        return (self.share >= 0.5).astype(np.int64)

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return int(self.fold.max()) + 1

    @property
    def fold_of_line(self) -> npt.NDArray[np.int64]:
        """The fold of each row."""
        return self.fold[self.page_of]

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """The first row of each page."""
        return self.starts_of(np.ones(len(self.fold), dtype=bool))

    def starts_of(self, pages: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Where each of some pages begins among the rows of those pages."""
        sizes = np.bincount(self.page_of, minlength=len(self.fold))[pages]
        return np.asarray(np.cumsum(sizes) - sizes, dtype=np.int64)

    def batches(self, pages: npt.NDArray[np.int64]) -> Iterator[tuple[list[Lines], npt.NDArray[np.int64]]]:
        """Pages in batches, each with the rows of its lines."""
        start = np.searchsorted(self.page_of, np.arange(len(self.lines) + 1))
        for low in range(0, len(pages), BATCH_PAGES):
            part = pages[low : low + BATCH_PAGES]
            yield [self.lines[i] for i in part], np.concatenate([np.arange(start[i], start[i + 1]) for i in part])


def make_dataset(
    items: Sequence[LabelledPage], kind: Kind, *, seed: int = 0, progress: Progress | None = None
) -> Dataset:
    """Segment and align labelled pages; HTML pages serve a text dataset in several renderings.

    Raises `BadLabels` when no page has a line.
    """
    fold = folds_of((item.host for item in items), seed)
    pairs = [(item, "as is") for item in items if item.page.kind is kind]
    if kind is Kind.TEXT:
        pairs += _rendered([item for item in items if item.page.kind is Kind.HTML or item.marked], fold, seed)
    return dataset_of(pairs, [fold[item.host] for item, _ in pairs], kind, progress=progress)


def dataset_of(
    pairs: Sequence[tuple[LabelledPage, str]], folds: Sequence[int], kind: Kind, *, progress: Progress | None = None
) -> Dataset:
    """Segment and align pages of one kind, each with the name of its rendering and its fold.

    Raises `BadLabels` when no page has a line.
    """
    kept: list[LabelledPage] = []
    lines: list[Lines] = []
    share: list[npt.NDArray[np.float64]] = []
    weight: list[npt.NDArray[np.float64]] = []
    words: list[npt.NDArray[np.int64]] = []
    hashes: list[Hashes] = []
    rendering: list[str] = []
    fold: list[int] = []
    for number, (item, how) in enumerate(pairs):
        if progress and number % 100 == 0:
            progress(f"{kind}: aligning page {number} of {len(pairs)}")
        cut = segment(item.page)
        if not len(cut):
            continue
        tokens = tokenize(cut.plain)
        kept.append(item)
        lines.append(cut)
        rendering.append(how)
        fold.append(folds[number])
        found = align(tokens, item.gold)
        share.append(_once(cut.texts, found) if kind is Kind.TEXT else found)
        words.append(tokens.words)
        hashes.append(tokens.line_hashes())
        weight.append(_weights(item, tokens.words))
        if item.optional:
            weight[-1][(align(tokens, item.optional) >= 0.5) & (found < 0.5)] = 0
    if not lines:
        raise BadLabels(f"no labelled {kind} page has any text")
    return Dataset(
        kind=kind,
        items=kept,
        lines=lines,
        share=np.concatenate(share),
        weight=np.concatenate(weight),
        words=np.concatenate(words),
        hashes=np.concatenate(hashes),
        page_of=np.repeat(np.arange(len(lines)), [len(cut) for cut in lines]),
        fold=np.array(fold, dtype=np.int64),
        rendering=rendering,
    )


def _rendered(items: Sequence[LabelledPage], fold: Mapping[str, int], seed: int) -> list[tuple[LabelledPage, str]]:
    """HTML pages as text: each as its visible lines, in one of the other renderings, and in all composed ones.

    Marked pages too, without what is optional there. A composed page takes its junk from pages of its own fold only,
    so that folds stay apart.
    """
    rng = random.Random(seed)
    items = [_without_optional(item) if item.marked else item for item in items]
    segmented = [segment(item.page, links=True) for item in items]
    main = [
        align(tokenize(cut.texts), item.gold) >= 0.5 if len(cut) else np.zeros(0, dtype=bool)
        for cut, item in zip(segmented, items, strict=True)
    ]
    peers: dict[int, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        peers[fold[item.host]].append(i)
    others = [name for name in RENDERINGS if name != "visible"]
    out: list[tuple[LabelledPage, str]] = []
    for i, (item, cut) in enumerate(zip(items, segmented, strict=True)):
        donors = [(segmented[j], main[j]) for j in _donors(i, items, peers[fold[item.host]], rng)]
        if item.marked:
            names = [rng.choice(OF_TEXT), *COMPOSED, *_more(item)]
        else:
            other = rng.choice(others) if rng.random() < OTHER_RENDERING and len(cut) <= LONG_PAGE else None
            converted = rng.choice(tuple(CONVERSIONS)) if rng.random() < CONVERTED and len(cut) <= LONG_PAGE else None
            names = [name for name in ("visible", other, converted, *COMPOSED, *_more(item)) if name]
        out += [(rendered(item, name, cut, main[i], donors, rng), name) for name in names]
    return out


def _without_optional(item: LabelledPage) -> LabelledPage:
    """A marked page without the lines that are optional there."""
    optional = set(item.optional.splitlines())
    text = "\n".join(line for line in item.page.content.splitlines() if line.strip() not in optional)
    return replace(item, page=item.page._replace(content=text), optional="")


def _donors(i: int, items: Sequence[LabelledPage], near: Sequence[int], rng: random.Random) -> list[int]:
    """The pages that give their junk to page ``i``: five of its fold, or itself and four more of its language.

    Two of them are marked ones where there are any: they have the junk that golds have least of.
    """
    alike = [j for j in near if j != i and (items[j].language or "en") == (items[i].language or "en")]
    marked = [j for j in alike if items[j].marked]
    some = rng.sample(marked, min(2, len(marked)))
    if items[i].language in (None, "en"):
        return some + rng.sample(near, min(5 - len(some), len(near)))
    return [i, *some, *rng.sample(alike, min(4 - len(some), len(alike)))]


def _more(item: LabelledPage) -> tuple[str, ...]:
    """Further transplants: of stories shorter than the junk, and of pages in languages that few pages are in."""
    return ("short transplant",) if item.language in (None, "en") else ("transplant", *["short transplant"] * 3)


def _once(texts: Sequence[str], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of a line that stands twice in a row the first is the one that the gold has."""
    out = share.copy()
    for i in range(1, len(texts)):
        if texts[i] == texts[i - 1] and out[i] > out[i - 1]:
            out[i], out[i - 1] = out[i - 1], out[i]
    return out


def _weights(item: LabelledPage, words: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Long lines weigh more (the measure counts words), long pages less (it is a mean over pages)."""
    weight = np.sqrt(np.minimum(words, 100) + 1.0)
    weight *= item.weight / np.sqrt(weight.sum())
    if item.marked:
        weight *= MARKED_WEIGHT
    return weight


def folds_of(hosts: Iterable[str], seed: int = 0) -> dict[str, int]:
    """The fold of each host, so that a host is never in two. Fewer hosts than folds give a fold a host.

    Hosts are dealt out in the order of a hash of their names: the folds do not depend on the order of the pages.
    """
    names = sorted(set(hosts), key=lambda host: hashlib.sha256(f"{seed} {host}".encode()).digest())
    count = min(FOLDS, len(names))
    if count < 2:
        raise BadLabels("labelled pages of at least two hosts are needed, to test on sites the model has not seen")
    return {host: rank % count for rank, host in enumerate(names)}


def _terms(
    data: Dataset, pages: npt.NDArray[np.int64], make: Callable[[Columns], tuple[npt.NDArray[np.int64], ...]]
) -> Any:
    """The hashed terms of the lines of some pages as a sparse matrix, each row scaled by the root of its terms."""
    from scipy.sparse import csr_matrix, diags

    buckets = TEXT_BUCKETS if data.kind is Kind.TEXT else BUCKETS
    blocks = []
    for batch, rows in data.batches(pages):
        lines, found = make(Columns(batch))
        block = csr_matrix((np.ones(len(lines), dtype=np.float32), (lines, found)), shape=(len(rows), buckets))
        count = np.bincount(lines, minlength=len(rows))
        blocks.append(diags((1 / np.sqrt(np.maximum(count, 1))).astype(np.float32)) @ block)
    from scipy.sparse import vstack

    return vstack(blocks, format="csr")


def _fit_linear(terms: Any, labels: npt.NDArray[np.int64], weight: npt.NDArray[np.float64], seed: int) -> Any:
    """The weights of a logistic regression over hashed terms, one a bucket."""
    from sklearn.linear_model import SGDClassifier

    if labels.min() == labels.max():
        raise BadLabels("every line has the same label: both main content and junk are needed")
    model = SGDClassifier(loss="log_loss", max_iter=8, tol=None, alpha=1e-5, average=True, random_state=seed)
    # Averaging costs a pass over all weights for every line: buckets that never occur are left out and stay 0.
    used = np.unique(terms.indices)
    model.fit(terms[:, used], labels, sample_weight=weight / weight.mean())
    weights = np.zeros(terms.shape[1])
    weights[used] = np.clip(model.coef_[0], -1000, 1000)
    # As the model file holds them, so that training and prediction see the same numbers.
    return weights.astype(np.float16).astype(np.float32)


def learn_words(data: Dataset, *, seed: int = 0, progress: Progress | None = None) -> list[HashedWeights]:
    """What class names and phrases tell: for each fold weights learnt without it, and last those learnt from all."""
    order = np.arange(len(data.lines))
    makers = [wording_terms] if data.kind is Kind.TEXT else [wording_terms, structure_terms]
    fold = data.fold_of_line
    numbers = [*range(data.folds), -1]
    found = []
    for make in makers:
        if progress:
            progress(f"{data.kind}: learning from {'class names' if make is structure_terms else 'phrases'}")
        terms = _terms(data, order, make)
        run = Parallel(n_jobs=min(len(numbers), cpu_count()), prefer="threads")
        found.append(
            run(
                delayed(_fit_linear)(terms[rows], data.labels[rows], data.weight[rows], seed)
                for rows in (np.flatnonzero(fold != number) for number in numbers)
            )
        )
    none = np.zeros(0, dtype=np.float32)
    return [HashedWeights(found[1][i] if len(found) > 1 else none, found[0][i]) for i in range(len(numbers))]


def make_matrix(data: Dataset, features: Sequence[str], words: Sequence[HashedWeights]) -> npt.NDArray[np.float32]:
    """The features of every line, those learnt from words by the weights that have not seen the line's host."""
    matrix = np.empty((len(data.page_of), len(features)), dtype=np.float32)
    for number in range(data.folds):
        for batch, rows in data.batches(np.flatnonzero(data.fold == number)):
            matrix[rows] = feature_matrix(batch, features, words[number])
    return matrix


def _foreign(
    data: Dataset, matrix: npt.NDArray[np.float32], words: Sequence[HashedWeights], seed: int
) -> npt.NDArray[np.float32]:
    """The matrix with some of the text pages as they would be if their language were one never learnt from.

    There the weights of words are those of other words that fell into the same buckets, so for these pages the weights
    are shuffled. The trees learn to do without words where these tell little (docs/decisions.md). HTML stays as it is.
    """
    if data.kind is not Kind.TEXT:
        return matrix
    rng = np.random.default_rng(seed)
    chosen = rng.random(len(data.lines)) < FOREIGN
    out = matrix.copy()
    features = feature_names(data.kind)
    for number in range(data.folds):
        shuffled = words[number]._replace(wording=rng.permutation(words[number].wording))
        for batch, rows in data.batches(np.flatnonzero((data.fold == number) & chosen)):
            out[rows] = feature_matrix(batch, features, shuffled)
    return out


def share_drawn(data: Dataset) -> npt.NDArray[np.float64]:
    """The chance of each line to be drawn, so that about `SAMPLE` lines of a page are: shape (lines,), above 0 to 1."""
    share: npt.NDArray[np.float64] = np.minimum(1.0, SAMPLE / np.bincount(data.page_of))[data.page_of]
    return share


def make_sample(
    data: Dataset, matrix: npt.NDArray[np.float32], words: Sequence[HashedWeights], *, seed: int = 0
) -> Sample:
    """About `SAMPLE` lines of each page, of longer pages with more weight; pages of text in part as if foreign.

    A page of a thousand lines tells hardly more than one of a hundred, and most lines are on such pages.
    """
    share = share_drawn(data)
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(share)) < share)
    learnt = _foreign(data, matrix, words, seed)
    return draw(rows, share, learnt, data.labels, data.weight, data.fold_of_line, data.page_of)


def make_matrices(
    data: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> tuple[list[HashedWeights], npt.NDArray[np.float32], Sample]:
    """What is learnt from words, the features of every line by it, and the lines to fit on (see `make_sample`)."""
    words = learn_words(data, seed=seed, progress=progress)
    matrix = make_matrix(data, feature_names(data.kind), words)
    return words, matrix, make_sample(data, matrix, words, seed=seed)


def out_of_fold(
    data: Dataset, matrix: npt.NDArray[np.float32], heads: Iterable[Head], *, progress: Progress | None = None
) -> Floats:
    """The probability of each line by the trees that have not seen its host, shape (lines,), not yet calibrated.

    ``heads`` are one for each fold, fitted without it; they judge ``matrix``.
    """
    fold = data.fold_of_line
    out = np.zeros(len(fold), dtype=np.float32)
    for number, head in enumerate(heads):
        if progress:
            progress(f"{data.kind}: fold {number + 1} of {data.folds} done")
        test = fold == number
        out[test] = head.predict(matrix[test], data.starts_of(data.fold == number))
    return out


def calibration(probabilities: Floats, data: Dataset, pages: npt.NDArray[np.bool_] | None = None) -> Calibration:
    """Learnt from out-of-fold probabilities, of all pages or some: each page's shift and slope, then isotonic knots."""
    from sklearn.isotonic import IsotonicRegression

    chosen = np.ones(len(data.fold), dtype=bool) if pages is None else pages
    rows = chosen[data.page_of]
    raw, words, share = probabilities[rows], data.words[rows], data.share[rows]
    start = data.starts_of(chosen)
    counts = np.where(np.isin(data.rendering, list(COMPOSED)), COMPOSED_COUNTS, 1.0)[data.page_of[rows]]
    page = _fit_pages(raw, words, start, share, data.weight[rows] * counts)
    p = calibrated(raw, words, start, page).astype(np.float64)
    iso = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    iso.fit(p, share, sample_weight=(np.sqrt(words) + 1e-6) * counts)
    # Means over equal shares of the lines' range in log-odds, so that the ends are as fine as the middle.
    grid = 1 / (1 + np.exp(-np.linspace(-6, 6, KNOTS - 2)))
    knots = np.concatenate([[0.0], grid, [1.0]])
    value = np.maximum.accumulate(np.clip(iso.predict(knots), 1e-4, 1))
    # Isotonic steps are flat; a slight slope keeps the order of the lines.
    value = np.clip(0.98 * value + 0.02 * knots, 0, 1)
    return Calibration(page, knots.astype(np.float32), value.astype(np.float32))


def _fit_pages(
    probabilities: Floats,
    words: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    share: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """The weights of `cleaner.calibration.calibrated`: logistic regression, held to no change where pages are few."""
    from scipy.optimize import minimize

    numbers = page_numbers(probabilities, words, start)
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0) + 1e-6
    by_page = np.concatenate([np.ones((len(start), 1)), (numbers - mean) / spread], axis=1)
    odds = log_odds(probabilities)
    sizes = np.diff(start, append=len(odds))
    page = np.repeat(np.arange(len(start)), sizes)
    none = np.zeros((2, PAGE_NUMBERS + 1))
    none[1, 0] = 1  # a slope of 1 for every page
    w = weight / weight.sum()
    hold = HOLD / len(start)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        b = flat.reshape(2, -1)
        shift, slope = np.einsum("pk,wk->wp", by_page, b)
        z = shift[page] + slope[page] * odds
        wrong = w * (1 / (1 + np.exp(-z)) - share)
        value = (w * (np.logaddexp(0, z) - share * z)).sum() + hold * ((b - none) ** 2).sum()
        by_row = np.stack([np.add.reduceat(wrong, start), np.add.reduceat(wrong * odds, start)])
        return float(value), (np.einsum("wp,pk->wk", by_row, by_page) + 2 * hold * (b - none)).ravel()

    b = minimize(loss, none.ravel(), jac=True, method="L-BFGS-B").x.reshape(2, -1)
    # For numbers as they are: the means go into the constant.
    plain = b[:, 1:] / spread
    return (
        np.concatenate([b[:, :1] - (plain * mean).sum(axis=1, keepdims=True), plain], axis=1).ravel().astype(np.float32)
    )


class Fitted(NamedTuple):
    """What was learnt from a dataset, and what it says of hosts that it has not seen.

    ``head`` is fitted on all of it and calibrated by the folds. ``unseen`` are the heads of the folds, each fitted
    without one and calibrated by the others, and ``probabilities`` what those say of their fold's lines, shape
    (lines,): what an unseen host gets. Both are empty where the folds were not fitted.
    """

    head: Head
    unseen: list[Head]
    probabilities: Floats


def fit_head(data: Dataset, *, seed: int = 0, calibrated: bool = True, progress: Progress | None = None) -> Fitted:
    """Learn a head from a dataset: one fit on all of it, and one for each fold.

    Without ``calibrated`` the folds are not fitted: one fit instead of six, and a slightly worse cut.
    """
    words, matrix, sample = make_matrices(data, seed=seed, progress=progress)
    if progress:
        progress(f"{data.kind}: trees")
    # The trees over all lines take longest: they begin first, and no core waits for them at the end.
    fits = fit_heads(sample, data.kind, (-1, *range(data.folds if calibrated else 0)), seed=seed)
    head = _with_words(next(fits), words[-1])
    if not calibrated:
        return Fitted(head, [], np.zeros(0, dtype=np.float32))
    heads, raw = _folds(data, matrix, words, fits, progress)
    unseen, probabilities = _cross_calibrated(data, heads, raw)
    return Fitted(head._replace(**calibration(raw, data)._asdict()), unseen, probabilities)


def fold_heads(data: Dataset, *, seed: int = 0, progress: Progress | None = None) -> tuple[list[Head], Floats]:
    """`Fitted.unseen` and `Fitted.probabilities`, without the fit on all of the dataset."""
    words, matrix, sample = make_matrices(data, seed=seed, progress=progress)
    fits = fit_heads(sample, data.kind, range(data.folds), seed=seed)
    return _cross_calibrated(data, *_folds(data, matrix, words, fits, progress))


def _with_words(head: Head, words: HashedWeights) -> Head:
    return head._replace(structure=words.structure.astype(np.float16), wording=words.wording.astype(np.float16))


def _folds(
    data: Dataset,
    matrix: npt.NDArray[np.float32],
    words: Sequence[HashedWeights],
    fits: Iterable[Head],
    progress: Progress | None,
) -> tuple[list[Head], Floats]:
    """The heads of the folds, with the words each has learnt, and what they say of their own fold."""
    heads: list[Head] = []

    def collected() -> Iterator[Head]:
        for number, head in enumerate(fits):
            heads.append(_with_words(head, words[number]))
            yield heads[-1]

    return heads, out_of_fold(data, matrix, collected(), progress=progress)


def _cross_calibrated(data: Dataset, heads: Sequence[Head], probabilities: Floats) -> tuple[list[Head], Floats]:
    """The heads of the folds and their out-of-fold probabilities, each calibrated by the other folds."""
    unseen: list[Head] = []
    out = np.zeros_like(probabilities)
    for number, head in enumerate(heads):
        unseen.append(head._replace(**calibration(probabilities, data, data.fold != number)._asdict()))
        rows = data.fold_of_line == number
        out[rows] = unseen[-1].calibrate(probabilities[rows], data.words[rows], data.starts_of(data.fold == number))
    return unseen, out


def looked_again(data: Dataset, probabilities: Floats, text_heads: Sequence[Head]) -> Floats:
    """What `pipeline.look_again` makes of calibrated probabilities of HTML lines.

    ``text_heads`` judge the pages of a fold each: those that have not seen it.
    """
    out = probabilities.copy()
    none = np.zeros(0, dtype=np.uint64)
    for number, head in enumerate(text_heads):
        model = Model({Kind.TEXT: head})
        for batch, rows in data.batches(np.flatnonzero(data.fold == number)):
            ends = np.cumsum([len(lines) for lines in batch])[:-1]
            columns = (np.split(column[rows], ends) for column in (probabilities, data.words))
            found = [(p, words, none, none) for p, words in zip(*columns, strict=True)]
            out[rows] = np.concatenate([p for p, *_ in look_again(model, batch, found)])
    return out


def score_lines(data: Dataset, probabilities: Floats, renderings: Sequence[str] | None = SCORED) -> list[PageScore]:
    """Decide every page of a dataset by given probabilities, and score it.

    Pages of other renderings are left out (None: of none), and a text page's score names its ``rendering``.
    """
    bounds = np.flatnonzero(np.diff(data.page_of)) + 1
    columns = (np.split(column, bounds) for column in (probabilities, data.words, data.hashes))
    parts = zip(data.items, data.lines, data.rendering, *columns, strict=True)
    scores = []
    for item, lines, rendering, p, w, h in parts:
        if renderings is None or rendering in renderings:
            kept, confidence = decide(p, w, hashes=h)
            text = "\n".join(lines.texts[i] for i in np.flatnonzero(kept))
            score = score_page(item, text, confidence)
            if data.kind is Kind.TEXT:
                score = replace(score, groups={**score.groups, "rendering": rendering})
            scores.append(score)
    return scores


@dataclass(frozen=True)
class Training:
    """What a training gave: the model, and for each kind the scores on hosts that the trees had not seen.

    The summaries are over pages as they are and, of text, their visible lines; ``scores`` has every rendering.
    ``left_out`` is what the trees had not seen of a kind, ``hosts`` or ``pages``; whole hosts where it says nothing.
    """

    model: Model
    scores: Mapping[Kind, Sequence[PageScore]]
    before: Mapping[Kind, Sequence[PageScore]] = field(default_factory=dict)
    left_out: Mapping[Kind, str] = field(default_factory=dict)

    def _left_out(self, kind: str) -> str:
        return f"{self.left_out.get(Kind(kind), 'hosts')} left out"

    def summaries(self) -> dict[str, dict[str, Summary]]:
        """For each kind ``after`` (this training, out of fold) and, where compared, ``before``."""
        out = {}
        for kind, rows in self.scores.items():
            out[str(kind)] = {"after": summarize(_plain(rows))}
            if kind in self.before:
                out[str(kind)]["before"] = summarize(self.before[kind])
        return out

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: the summaries, and the word F1 out of fold of each group of pages."""
        out: dict[str, Any] = {}
        for kind, row in self.summaries().items():
            rows = self.scores[Kind(kind)]
            out[kind] = {
                **{name: s.as_dict() for name, s in row.items()},
                "left_out": self.left_out.get(Kind(kind), "hosts"),
                "groups": {name: {"pages": n, "f1": round(f1, 4)} for name, n, f1 in _groups(rows)},
                "confidence_rank_correlation": {
                    name: round(rank_correlation([s.confidence or 0.0 for s in part], [s.f1 for s in part]), 4)
                    for name, part in _by_dataset(_plain(rows)).items()
                },
                "confidence_bands": {
                    name: [{"from": low, "pages": n, "f1": round(f1, 4)} for low, n, f1 in confidence_bands(part)]
                    for name, part in _by_dataset(_plain(rows)).items()
                },
            }
        return out

    def details(self) -> str:
        """The word F1 on what was left out by data set, page type and rendering, and the confidence's worth."""
        lines = []
        for kind, row in self.as_dict().items():
            lines.append(f"{kind}, {self._left_out(kind)}: pages, word F1")
            lines += [f"  {name:44} {group['pages']:5}  {group['f1']:.4f}" for name, group in row["groups"].items()]
            for name, value in row["confidence_rank_correlation"].items():
                lines.append(f"  {name + ': confidence against word F1, rank correlation':52} {value:.3f}")
                lines += [
                    f"    confidence {band['from']:.1f}-{band['from'] + 0.1:.1f} {band['pages']:7}  {band['f1']:.3f}"
                    for band in row["confidence_bands"][name]
                ]
        return "\n".join(lines)

    def as_text(self) -> str:
        """The before/after table: the given model against this training on hosts (or pages) left out of it."""
        lines = [f"{'kind':6} {'pages':>5}  {'word F1 before':<22} {'word F1 after':<38} {'change':>7}"]
        for kind, row in self.summaries().items():
            after, before = row["after"], row.get("before")
            shown = f"{before.f1:.4f} ({before.low:.3f}-{before.high:.3f})" if before else "-"
            change = f"{after.f1 - before.f1:+.4f}" if before else ""
            now = f"{after.f1:.4f} ({after.low:.3f}-{after.high:.3f}, {self._left_out(kind)})"
            lines.append(f"{kind:6} {after.pages:5}  {shown:<22} {now:<38} {change:>7}")
        return "\n".join(lines)


def _plain(rows: Sequence[PageScore]) -> list[PageScore]:
    return [row for row in rows if row.groups.get("rendering", SCORED[0]) in SCORED]


def _by_dataset(rows: Sequence[PageScore]) -> dict[str, list[PageScore]]:
    out: dict[str, list[PageScore]] = defaultdict(list)
    for row in rows:
        out[row.groups.get("dataset", "?")].append(row)
    return dict(sorted(out.items()))


def _groups(rows: Sequence[PageScore]) -> Iterator[tuple[str, int, float]]:
    """Pages and mean word F1 of each data set, its page types and its renderings (and the articles of those)."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        name, page_type = row.groups.get("dataset", "?"), row.groups.get("page_type")
        rendering = row.groups.get("rendering", SCORED[0])
        if rendering in SCORED:
            found[name].append(row.f1)
            if page_type:
                found[f"{name}/{page_type}"].append(row.f1)
        if "rendering" in row.groups:
            found[f"{name}, {rendering}"].append(row.f1)
            if page_type == "article":
                found[f"{name}/article, {rendering}"].append(row.f1)
    for name in sorted(found):
        yield name, len(found[name]), sum(found[name]) / len(found[name])


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
    file on the same kind of processor. Raises `BadLabels` when there are too few pages or hosts.
    """
    if not items:
        raise BadLabels("no labelled pages")
    fold = folds_of((item.host for item in items), seed)
    if len({fold[item.host] for item in items if item.page.kind is Kind.HTML}) == 1:
        raise BadLabels("labelled html pages of more hosts are needed, to test on sites the model has not seen")
    fitted: dict[Kind, Fitted] = {}
    scores: dict[Kind, list[PageScore]] = {}
    before: dict[Kind, list[PageScore]] = {}
    # Text first: a page of HTML in doubt is judged by both, and its dataset need not wait in memory.
    for kind in (Kind.TEXT, Kind.HTML):
        if kind is Kind.HTML and not any(item.page.kind is Kind.HTML for item in items):
            continue
        data = make_dataset(items, kind, seed=seed, progress=progress)
        fitted[kind] = fit_head(data, seed=seed, progress=progress)
        probabilities = fitted[kind].probabilities
        if kind is Kind.HTML:
            probabilities = looked_again(data, probabilities, fitted[Kind.TEXT].unseen)
        scores[kind] = score_lines(data, probabilities, None)
        if compare_with is not None and kind in compare_with.heads:
            before[kind] = score_lines(data, _predict_all(compare_with, data))
    heads = {kind: fitted[kind].head for kind in Kind if kind in fitted}
    scores = {kind: scores[kind] for kind in heads}
    return Training(Model(heads, {**training_facts(items, scores, seed), **(about or {})}), scores, before)


def training_facts(
    items: Sequence[LabelledPage], scores: Mapping[Kind, Sequence[PageScore]], seed: int
) -> dict[str, Any]:
    """What a model file tells of its training."""
    digest = hashlib.sha256()
    for item in items:
        for part in (item.page.content, item.gold, item.optional, f"{item.weight:g}"):
            digest.update(part.encode("utf-8", "replace") + b"\0")
    return {
        "made_by": f"cleaner {__version__}",
        "pages": len(items),
        "hosts": len({item.host for item in items}),
        "data_sha256": digest.hexdigest(),
        "seed": seed,
        "word_f1_out_of_fold": {
            str(kind): round(summarize(_plain(rows), bootstrap=0).f1, 4) for kind, rows in scores.items()
        },
    }


def _predict_all(model: Model, data: Dataset) -> Floats:
    batches = data.batches(np.arange(len(data.lines)))
    return np.concatenate([p for batch, _ in batches for p, *_ in predict(model, batch)])
