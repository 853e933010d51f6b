"""The network beside the trees: what it computes, that it is exact, and that what a file holds cannot break it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import network
from cleaner.errors import BadModel
from cleaner.network import (
    AROUND,
    LEVELS,
    STEP,
    STRETCHES,
    TOLD,
    Network,
    Round,
    neighbours,
    quantized,
    rounded,
    stretches,
)

FEATURES, UNITS = 5, 3


def made(seed: int = 0, near: int = 3, features: int = FEATURES, units: int = UNITS, rounds: int = 2) -> Network:
    rng = np.random.default_rng(seed)
    weight, step = rounded(rng.normal(size=(near, features, units)))
    numbers = (rng.normal(size=n).astype(np.float32) for n in (features, units, units))
    mean, bias, out = numbers
    scale = rng.uniform(1, STEP, size=features).astype(np.float32)
    return Network(
        mean, scale, weight.astype(np.float32), step, bias, out, tuple(told(rng, units) for _ in range(rounds))
    )


def told(rng: np.random.Generator, units: int, width: int = 2) -> Round:
    summary, step = rounded(rng.normal(size=(1, units, width)))
    weight, unit = rounded(rng.normal(size=(1, units + width * TOLD, units)))
    level = rng.uniform(5, 20, size=units).astype(np.float32)
    bias = rng.normal(size=units).astype(np.float32)
    return Round(level, summary[0].astype(np.float32), step / 4, weight[0].astype(np.float32), unit, bias)


def plainly(net: Network, matrix: np.ndarray, start: np.ndarray) -> list[float]:
    """The same, line by line: sums in double precision, which is exact, and all else in single precision."""
    page = np.repeat(np.arange(len(start)), np.diff(start, append=len(matrix)))
    reach = len(net.weight) // 2
    levels = quantized(matrix, net.mean, net.scale).astype(np.float64)
    values = np.zeros((len(matrix), len(net.bias)))
    for row in range(len(matrix)):
        for near in range(len(net.weight)):
            there = row + near - reach
            if 0 <= there < len(matrix) and page[there] == page[row]:
                values[row] += levels[there] @ net.weight[near].astype(np.float64)
    values = np.maximum(values.astype(np.float32) * net.unit + net.bias, 0)
    for each in net.rounds:
        steps = np.clip(np.rint(values * each.level), 0, LEVELS).astype(np.float64)
        sums = (steps @ each.summary.astype(np.float64)).astype(np.float32)
        summary = np.clip(np.rint(sums * each.step), -LEVELS, LEVELS).astype(np.float64)
        more = np.zeros_like(values)
        for row in range(len(matrix)):
            beside = [
                summary[there] if 0 <= there < len(matrix) and page[there] == page[row] else np.zeros(len(each.step))
                for there in (row + offset for offset in AROUND)
            ]
            for low, high in STRETCHES:
                far = [i for i in range(row + low, row + high) if 0 <= i < len(matrix) and page[i] == page[row]]
                beside.append(np.rint(summary[far].mean(axis=0)) if far else np.zeros(len(each.step)))
            mean = np.rint(summary[page == page[row]].mean(axis=0))
            inputs = np.concatenate([steps[row], *beside, mean])
            total = (inputs @ each.weight.astype(np.float64)).astype(np.float32)
            more[row] = np.maximum(total * each.unit + each.bias, 0)
        values += more
    return [float(row.astype(np.float64) @ net.out.astype(np.float64)) for row in values]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 5, 9]),
    st.lists(st.integers(1, 9) | st.integers(1, 120), min_size=1, max_size=9),
    st.sampled_from([1, 2, 7, 512]),
    st.sampled_from([0, 1, 2]),
)
def test_scores_are_those_of_a_plain_sum(seed: int, near: int, lines: list[int], rows: int, rounds: int) -> None:
    net = made(seed, near, rounds=rounds)
    start = np.cumsum([0, *lines[:-1]])
    matrix = np.random.default_rng(seed).normal(scale=3, size=(sum(lines), FEATURES)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_ROWS", rows)  # pages that begin in one block and end in another
        found = net.scores(matrix, start)
    assert found == pytest.approx(plainly(net, matrix, start), abs=1e-3)
    assert (found * 65536 == np.rint(found * 65536)).all()  # so that the units' order cannot matter
    alone = [net.scores(part, np.array([0])) for part in np.split(matrix, start[1:])]
    assert found.tolist() == np.concatenate(alone).tolist()


def test_a_page_has_the_same_scores_to_the_bit_in_any_company() -> None:
    net = made(1, 5, 180, 64)
    lines = np.random.default_rng(2).integers(1, 90, size=60)
    start = np.cumsum(lines) - lines
    matrix = np.random.default_rng(3).normal(scale=2, size=(lines.sum(), 180)).astype(np.float32)
    together = net.scores(matrix, start)
    for first in range(0, 60, 7):
        low, high = start[first], (start[first] + lines[first : first + 7].sum())
        assert (net.scores(matrix[low:high], start[first : first + 7] - low) == together[low:high]).all()
    for page in range(60):
        rows = slice(start[page], start[page] + lines[page])
        assert (net.scores(matrix[rows], np.array([0])) == together[rows]).all()


def test_what_is_not_a_number_stays_on_its_page() -> None:
    matrix = np.ones((4, FEATURES), dtype=np.float32)
    good = made().scores(matrix, np.array([0, 2]))
    matrix[2:] = np.nan
    assert made().scores(matrix, np.array([0, 2]))[:2].tolist() == good[:2].tolist()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_fitted_network_says_what_scikit_learn_says() -> None:
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(600, FEATURES)).astype(np.float32)
    page = np.repeat(np.arange(60), 10)
    above = neighbours(np.arange(600), page, -1)
    labels = ((matrix[:, 0] + np.where(above >= 0, matrix[above, 1], 0)) > 0).astype(int)
    mean, scale = matrix.mean(axis=0), STEP / matrix.std(axis=0)
    levels = quantized(matrix, mean, scale)
    inputs = np.concatenate(
        [np.where((found := neighbours(np.arange(600), page, near)) >= 0, levels[found].T, 0).T for near in (-1, 0, 1)],
        axis=1,
    )
    with threadpool_limits(1):
        learnt = MLPClassifier((16,), random_state=0, max_iter=300).fit(inputs / STEP, labels)
        expected = learnt.predict_proba(inputs / STEP)[:, 1]
    (first, second), (bias, base) = learnt.coefs_, learnt.intercepts_
    weight, step = rounded(first.reshape(3, FEATURES, 16))
    net = Network(
        mean, scale, weight.astype(np.float32), step / np.float32(STEP), bias.astype(np.float32),
        second[:, 0].astype(np.float32),
    )  # fmt: skip
    odds = net.scores(matrix, np.arange(0, 600, 10)) + base[0]
    assert np.abs(1 / (1 + np.exp(-odds)) - expected).max() < 2e-3
    assert ((odds > 0) == labels).mean() > 0.95


def test_a_line_is_told_of_lines_near_and_far_and_of_its_page() -> None:
    net = made(4, near=1, units=8)
    net = net._replace(bias=net.bias + 3, rounds=tuple(each._replace(bias=each.bias + 3) for each in net.rounds))
    matrix = np.random.default_rng(5).normal(size=(80, FEATURES)).astype(np.float32)
    before = net.scores(matrix, np.array([0, 60]))
    matrix[20] += 5
    changed = np.flatnonzero(net.scores(matrix, np.array([0, 60])) != before)
    assert {16, 20, 24, 45} <= set(changed.tolist())
    assert changed.max() < 60
    alone = net._replace(rounds=())
    matrix[20] -= 5
    before = alone.scores(matrix, np.array([0, 60]))
    matrix[20] += 5
    assert np.flatnonzero(alone.scores(matrix, np.array([0, 60])) != before).tolist() == [20]


def test_stretches_end_where_the_page_does() -> None:
    start, lines = np.array([0, 3, 103]), 104
    low, high = stretches(start, lines)
    page = np.repeat([0, 1, 2], [3, 100, 1])[:, None]
    assert (low >= start[page]).all()
    assert (low <= high).all()
    assert (high <= np.append(start[1:], lines)[page]).all()
    assert list(zip(low[53].tolist(), high[53].tolist(), strict=True)) == [
        (3, 29), (29, 45), (45, 49), (58, 62), (62, 78), (78, 103),
    ]  # fmt: skip
    assert (high - low)[3].tolist() == [0, 0, 0, 4, 16, 56]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1.0, 1e6]), st.sampled_from([1, 3, 400]))
def test_rounded_weights_can_be_added_exactly(seed: int, size: float, features: int) -> None:
    weight = np.random.default_rng(seed).normal(scale=size, size=(3, features, 4))
    weight[:, :, 3] = 0  # a unit that learnt nothing
    whole, step = rounded(weight)
    assert (LEVELS * np.abs(whole.astype(np.int64)).sum(axis=(0, 1)) < 1 << 24).all()
    assert np.abs(whole * step - weight).max() <= step.max() * 0.51
    assert (whole[:, :, 3] == 0).all()


def test_the_furthest_values_are_cut() -> None:
    far = np.array([[-1e30, 1e30, 0.0]], dtype=np.float32)
    zero, one = np.zeros(3, dtype=np.float32), np.full(3, STEP, dtype=np.float32)
    assert quantized(far, zero, one).tolist() == [[-LEVELS, LEVELS, 0]]


def with_round(net: Network, **changed: np.ndarray) -> Network:
    return net._replace(rounds=(net.rounds[0], net.rounds[1]._replace(**changed)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: net._replace(weight=net.weight[:2]), "do not fit"),
        (lambda net: net._replace(weight=np.concatenate([net.weight] * 5)), "do not fit"),
        (lambda net: net._replace(weight=net.weight * 2), "added exactly"),
        (lambda net: net._replace(bias=net.bias + 1e5), "factors are out of range"),
        (lambda net: net._replace(out=net.out * 1e9), "factors are out of range"),
        (lambda net: net._replace(mean=net.mean - 1e5), "factors are out of range"),
        (lambda net: net._replace(unit=net.unit * 1e12), "factors are out of range"),
        (lambda net: made(units=2000), "do not fit"),
        (lambda net: net._replace(scale=-net.scale), "scales are out of range"),
        (lambda net: net._replace(scale=net.scale * 1e12), "scales are out of range"),
        (lambda net: net._replace(rounds=net.rounds * 5), "do not fit"),
        (lambda net: with_round(net, weight=net.rounds[1].weight * 2), "added exactly"),
        (lambda net: with_round(net, bias=net.bias + 1e5), "factors are out of range"),
        (lambda net: with_round(net, unit=net.unit * 1e12), "factors are out of range"),
        (lambda net: with_round(net, level=-net.rounds[1].level), "scales are out of range"),
        (lambda net: with_round(net, summary=net.rounds[1].summary * 2), "added exactly"),
        (lambda net: with_round(net, step=-net.rounds[1].step), "scales are out of range"),
        (lambda net: with_round(net, level=net.rounds[1].level * 1e12), "scales are out of range"),
    ],
)
def test_numbers_that_would_not_add_up_are_refused(change: Callable[[Network], Network], message: str) -> None:
    made().check()
    with pytest.raises(BadModel, match=message):
        change(made()).check()
