"""Trees and a network beside them, fitted to lines of which is known what decides them."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cleaner import fitting, network_fitting
from cleaner.features import feature_names
from cleaner.fitting import Sample, draw
from cleaner.model import Head, Model, pack_network
from cleaner.network import Network
from cleaner.page import Kind

LINES, PAGE = 4000, 20
NO_NETWORK = Network(*[np.zeros(0, dtype=np.float32)] * 6)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "FEW_LINES", 500)
    monkeypatch.setattr(fitting, "MUCH", {kind: {"max_iter": 5, "max_leaf_nodes": 8} for kind in Kind})


def lines(kind: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, page and label of lines that are content where the first feature of the line above says so."""
    width = len(feature_names(kind))
    matrix = np.zeros((LINES, width), dtype=np.float32)  # most features tell nothing at all
    matrix[:, :3] = np.random.default_rng(3).normal(size=(LINES, 3))
    page = np.arange(LINES) // PAGE
    labels = np.zeros(LINES, dtype=np.int64)
    labels[1:] = (matrix[:-1, 0] > 0) & (page[1:] == page[:-1])
    return matrix, page, labels


def sample_of(kind: Kind, rows: np.ndarray) -> Sample:
    matrix, page, labels = lines(kind)
    return draw(rows, np.ones(LINES), matrix, labels, np.ones(LINES), page % 2, page)


def right(head: Head, kind: Kind) -> float:
    matrix, _, labels = lines(kind)
    return float(((head.scores(matrix, np.arange(0, LINES, PAGE)) > 0) == labels).mean())


def quick(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that learn these few lines: by scikit-learn without rounds, or with some."""
    if kind is Kind.HTML:
        plan = fitting.NETWORK[kind]._replace(rates=((1e-2, 30),), alpha=0.01)
    else:
        plan = fitting.NETWORK[kind]._replace(epochs=60, rate=1e-2)
        monkeypatch.setattr(network_fitting, "WARM_UP", 10)
    monkeypatch.setattr(fitting, "NETWORK", {kind: plan})


@pytest.mark.parametrize("kind", list(Kind))
def test_the_network_sees_the_lines_beside_a_line(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(kind, monkeypatch)
    # Half of the lines are drawn: their neighbours count whether they are drawn or not.
    head = fitting._fit(sample_of(kind, np.arange(0, LINES, 2)), kind, 0)
    without = head._replace(**pack_network(NO_NETWORK))
    assert right(head, kind) > 0.9
    assert right(without, kind) < 0.7
    assert Model.from_bytes(Model({kind: head}).to_bytes()).head(kind).net_out.tolist() == head.net_out.tolist()


@pytest.mark.parametrize("kind", list(Kind))
def test_trees_and_network_have_their_shares(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(kind, monkeypatch)
    matrix, _, _ = lines(kind)
    start = np.arange(0, LINES, PAGE)
    sample = sample_of(kind, np.arange(LINES))
    head = fitting._fit(sample, kind, 0)
    weight = sample.weight / sample.weight.mean()
    trees = fitting._boosted(sample.matrix, sample.labels, weight, fitting.MUCH[kind], kind, 0)
    around = sample.around
    assert around is not None
    with threadpool_limits(1):  # as there: more threads add up otherwise
        net, base = fitting._network(around, weight, kind, 0, -1)
    net = net._replace(mean=around.mean, scale=around.scale)
    share = fitting.NETWORK_SHARE
    expected = (1 - share) * trees.scores(matrix, start) + share * (net.scores(matrix, start) + base)
    assert np.abs(expected).max() > 0.1
    assert head.scores(matrix, start) == pytest.approx(expected, abs=2e-3)


def test_every_rate_counts_and_lines_of_no_weight_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sample_of(Kind.HTML, np.arange(LINES))
    plan = fitting.NETWORK[Kind.HTML]._replace(alpha=0.01)
    found = []
    for rates in (((1e-2, 20),), ((1e-2, 20), (1e-3, 5))):
        monkeypatch.setattr(fitting, "NETWORK", {Kind.HTML: plan._replace(rates=rates)})
        found.append(fitting._fit(sample, Kind.HTML, 0))
    assert (found[0].net_weight != found[1].net_weight).any()
    wrong = np.arange(LINES) % 2 == 1
    labels = np.where(wrong, 1 - sample.labels, sample.labels)
    assert sample.around is not None
    half = sample._replace(
        labels=labels, weight=np.where(wrong, 0.0, 1.0), around=sample.around._replace(labels=labels)
    )
    assert right(fitting._fit(half, Kind.HTML, 0), Kind.HTML) > 0.85


@pytest.mark.parametrize("lines", [512, 513, 520, 1025, 2049, 50_000])
def test_the_last_batch_has_several_lines(lines: int) -> None:
    size = fitting._batch(lines)
    assert 512 <= size < 540
    assert lines % size == 0 or lines % size >= 8


@pytest.mark.parametrize("kind", list(Kind))
def test_the_same_lines_and_seed_give_the_same_head(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(kind, monkeypatch)
    heads = [Model({kind: fitting._fit(sample_of(kind, np.arange(LINES)), kind, seed)}) for seed in (0, 0, 1)]
    first, again, other = (model.fingerprint for model in heads)
    assert first == again != other
    assert (heads[0].head(kind).net_weight != heads[2].head(kind).net_weight).any()


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_left_out_of_a_sample_is_not_learnt_from(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(kind, monkeypatch)
    sample = sample_of(kind, np.arange(0, LINES, 2))
    assert sample.around is not None
    turned = np.where(sample.around.fold == 1, 1 - sample.around.labels, sample.around.labels)
    wrong = sample._replace(
        labels=np.where(sample.fold == 1, 1 - sample.labels, sample.labels),
        around=sample.around._replace(labels=turned),
    )
    right, same = (fitting._fit(which, kind, 0, 1) for which in (sample, wrong))
    assert (right.value == same.value).all()
    assert (right.net_weight == same.net_weight).all()
    other = fitting._fit(wrong, kind, 0)
    assert (other.net_weight != right.net_weight).any()


def test_few_lines_have_trees_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "FEW_LINES", LINES + 1)
    head = fitting._fit(sample_of(Kind.TEXT, np.arange(LINES)), Kind.TEXT, 0)
    assert head.network is None
    assert len(head.tree) > 1
