"""The network with rounds: its slopes are those of its loss, and it learns what only the lines around tell."""

from __future__ import annotations

import numpy as np
import pytest

from cleaner import network_fitting
from cleaner.network import LEVELS, STEP
from cleaner.network_fitting import Plan, fit_network

FEATURES = 4


def pages(rng: np.random.Generator, count: int, lines: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps of pages of different sizes, where each begins, and how long it is."""
    size = rng.integers(1, lines, size=count)
    steps = np.clip(np.rint(rng.normal(scale=STEP, size=(size.sum(), FEATURES))), -LEVELS, LEVELS).astype(np.int8)
    return steps, np.cumsum(size) - size, size


@pytest.mark.parametrize(("rounds", "dropout"), [(0, 0), (1, 0), (2, 0), (2, 0.3)])
def test_slopes_are_those_of_the_loss(rounds: int, dropout: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_fitting, "BATCH", 1)
    rng = np.random.default_rng(2)
    plan = Plan(units=5, summary=2, rounds=rounds, rate=0.1, epochs=1, dropout=dropout)
    learnt = [part + rng.normal(scale=0.2, size=part.shape).astype(np.float32)
              for part in network_fitting._begin(FEATURES, plan, rng)]  # fmt: skip
    start, lines = np.array([0, 1, 4, 22]), 130
    inputs = rng.normal(size=(lines, FEATURES)).astype(np.float32)
    labels, counts = rng.integers(0, 2, lines), rng.random(lines).astype(np.float32)

    some = network_fitting._some(lines, learnt, plan, rng) if dropout else None

    def loss() -> float:
        left = inputs if some is None else inputs * some[0]
        odds = network_fitting._forward(learnt, left, start, plan, some).odds.astype(np.float64)
        return float((counts * (np.logaddexp(0, odds) - labels * odds)).sum())

    slopes = network_fitting._slopes(learnt, inputs, labels, counts, start, plan, some)
    for part, slope in zip(learnt, slopes, strict=True):
        assert part.shape == slope.shape
        direction = rng.normal(size=part.shape).astype(np.float32)
        kept = part.copy()
        sides = []
        for sign in (1, -1):
            part[...] = kept + np.float32(sign * 1e-4) * direction
            sides.append(loss())
        part[...] = kept
        expected = float((slope * direction).sum())
        assert (sides[0] - sides[1]) / 2e-4 == pytest.approx(expected, rel=0.05, abs=0.05)


def test_every_page_is_gone_through_once_and_of_a_long_one_a_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_fitting, "STRETCH", 10)
    monkeypatch.setattr(network_fitting, "BATCH", 40)
    size = np.array([3, 10, 25, 1, 7, 100] * 5)
    start = np.cumsum(size) - size
    page = np.repeat(np.arange(len(size)), size)
    batches = network_fitting._batches(start, size, np.random.default_rng(0))
    counts = np.zeros(len(size))
    for batch in batches:
        assert len(batch.rows) < 40 + 2 * 10
        for rows, each in zip(
            np.split(batch.rows, batch.start[1:]), np.split(batch.counts, batch.start[1:]), strict=True
        ):
            assert (np.diff(rows) == 1).all()
            assert len(set(page[rows])) == 1
            counts[page[rows[0]]] += each.sum()
    assert counts == pytest.approx(size)
    assert len(np.unique(np.concatenate([batch.rows for batch in batches]))) == np.minimum(size, 10).sum()


def test_what_stands_far_above_and_the_page_as_a_whole_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_fitting, "BATCH", 256)
    monkeypatch.setattr(network_fitting, "WARM_UP", 10)
    rng = np.random.default_rng(2)
    steps, start, size = pages(rng, 300, 40)
    page = np.repeat(np.arange(len(size)), size)
    above = np.arange(len(steps)) - 12  # further than single lines are told of
    seen = (above >= start[page]) & (steps[np.maximum(above, 0), 0] > STEP / 2)
    main = np.add.reduceat(steps[:, 1].astype(np.int64), start)[page] > 0
    labels = (seen ^ main).astype(np.int64)
    right = {}
    for rounds in (0, 2):
        plan = Plan(units=24, summary=8, rounds=rounds, rate=1e-2, epochs=60)
        net, base = fit_network(steps, labels, np.ones(len(steps)), start, size, plan, 0)
        flat = np.zeros(FEATURES, dtype=np.float32)
        net = net._replace(mean=flat, scale=np.full(FEATURES, STEP, dtype=np.float32))
        net.check()
        odds = net.scores(steps.astype(np.float32) / np.float32(STEP), start) + base
        right[rounds] = ((odds > 0) == labels).mean()
    assert right[2] > 0.85
    assert right[0] < 0.7


def test_a_page_that_counts_nothing_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_fitting, "BATCH", 64)
    steps, start, size = pages(np.random.default_rng(3), 40, 20)
    page = np.repeat(np.arange(len(size)), size)
    labels = (steps[:, 0] > 0).astype(np.int64)
    weight = np.where(page % 2, 0.0, 1.0)
    plan = Plan(units=6, summary=2, rounds=1, rate=1e-2, epochs=2)
    turned = np.where(page % 2, 1 - labels, labels)
    one, other = (fit_network(steps, which, weight, start, size, plan, 0)[0] for which in (labels, turned))
    assert (one.weight == other.weight).all()
    assert (one.rounds[0].weight == other.rounds[0].weight).all()
