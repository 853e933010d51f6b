"""A page's shift and slope: order kept, pages apart, learnt where there is something to learn."""

from __future__ import annotations

import numpy as np
import pytest

from cleaner.calibration import PAGE_NUMBERS, PAGE_WEIGHTS, calibrated, log_odds, page_numbers
from cleaner.page import Floats
from cleaner.training import _fit_pages

NO_CHANGE = np.zeros(PAGE_WEIGHTS, dtype=np.float32)
NO_CHANGE[PAGE_NUMBERS + 1] = 1


def some_pages(seed: int, count: int = 6) -> tuple[Floats, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, size=count)
    n = int(sizes.sum())
    return rng.beta(0.4, 0.4, n).astype(np.float32), rng.integers(0, 60, n), np.cumsum(sizes) - sizes


def test_without_weights_and_without_lines_nothing_changes() -> None:
    p, words, start = some_pages(0)
    assert calibrated(p, words, start, np.zeros(0, dtype=np.float32)) is p
    none = np.zeros(0, dtype=np.float32)
    empty = np.zeros(0, dtype=np.int64)
    assert len(calibrated(none, empty, empty, NO_CHANGE)) == 0


def test_a_slope_of_one_and_no_shift_are_no_change() -> None:
    p, words, start = some_pages(1)
    assert np.abs(calibrated(p, words, start, NO_CHANGE) - np.clip(p, 1e-4, 1 - 1e-4)).max() < 1e-6


def test_a_shift_moves_the_log_odds_of_all_lines() -> None:
    p, words, start = some_pages(2)
    weights = NO_CHANGE.copy()
    weights[0] = -1.5
    moved = log_odds(calibrated(p, words, start, weights)) - log_odds(p)
    inside = (p > 0.01) & (p < 0.99)
    assert np.abs(moved[inside] + 1.5).max() < 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_weights_the_order_within_a_page_stays(seed: int) -> None:
    p, words, start = some_pages(seed)
    weights = np.random.default_rng(seed + 100).normal(0, 3, PAGE_WEIGHTS).astype(np.float32)
    moved = calibrated(p, words, start, weights)
    assert np.isfinite(moved).all() and (moved >= 0).all() and (moved <= 1).all()
    for before, after in zip(np.split(p, start[1:]), np.split(moved, start[1:]), strict=True):
        assert (np.diff(after[np.argsort(before, kind="stable")]) >= 0).all()


def test_pages_do_not_depend_on_each_other() -> None:
    p, words, start = some_pages(3)
    weights = np.random.default_rng(4).normal(0, 1, PAGE_WEIGHTS).astype(np.float32)
    together = calibrated(p, words, start, weights)
    zero = np.zeros(1, dtype=np.int64)
    alone = [
        calibrated(q, w, zero, weights) for q, w in zip(np.split(p, start[1:]), np.split(words, start[1:]), strict=True)
    ]
    assert np.abs(together - np.concatenate(alone)).max() < 1e-6


def test_the_numbers_of_a_page() -> None:
    p = np.array([0.95, 0.5, 0.05, 0.05], dtype=np.float32)
    mean, lines, out_of_it, share, sure, between = page_numbers(
        p, np.array([10, 10, 10, 10]), np.zeros(1, dtype=np.int64)
    )[0]
    assert mean == pytest.approx(np.log(0.3875 / 0.6125), abs=1e-5)
    assert (lines, out_of_it, share) == pytest.approx((np.log(5), np.log(3), 0.5))
    assert (sure, between) == pytest.approx((0.95 / 1.55, 0.25), abs=1e-5)


def test_lines_without_words_are_no_division_by_zero() -> None:
    numbers = page_numbers(np.array([0.0, 1.0], dtype=np.float32), np.zeros(2, dtype=np.int64), np.array([0, 1]))
    assert np.isfinite(numbers).all()


def test_what_pages_have_in_common_is_learnt() -> None:
    """Doubtful lines are out on pages that are sure of the rest, in on pages of doubt: no one curve fits both."""
    rng = np.random.default_rng(6)
    p, share, sizes = [], [], []
    for number in range(400):
        n = 30
        doubtful = number % 2 == 0
        q = rng.uniform(0.3, 0.7, n) if doubtful else np.where(rng.random(n) < 0.3, 0.5, rng.choice([0.02, 0.98], n))
        truth = q if not doubtful else np.clip(q + 0.3, 0, 1)
        truth = np.where((q > 0.2) & (q < 0.8) & (not doubtful), 0.1, truth)
        p.append(q)
        share.append((rng.random(n) < truth).astype(float))
        sizes.append(n)
    start = np.cumsum(sizes) - sizes
    raw = np.concatenate(p).astype(np.float32)
    gold = np.concatenate(share)
    words = np.full(len(raw), 10)
    weights = _fit_pages(raw, words, start, gold, np.ones(len(raw)))
    moved = calibrated(raw, words, start, weights)

    def loss(q: Floats) -> float:
        q = np.clip(q, 1e-4, 1 - 1e-4)
        return float(-(gold * np.log(q) + (1 - gold) * np.log(1 - q)).mean())

    assert loss(moved) < 0.9 * loss(raw)
    doubt = np.repeat(np.arange(400) % 2 == 0, 30)
    middle = np.abs(raw - 0.5) < 0.05
    assert moved[middle & doubt].mean() > 0.65 and moved[middle & ~doubt].mean() < 0.3


def test_of_few_pages_little_is_learnt() -> None:
    p, words, start = some_pages(7, count=2)
    weights = _fit_pages(p, words, start, np.round(p).astype(float), np.ones(len(p)))
    assert np.isfinite(weights).all() and np.abs(weights).max() < 1e3
