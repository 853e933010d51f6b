"""The cut of a page, against trying all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.decision import COPY_WORDS, SPREAD, decide

# Few distinct values on purpose: ties are the hard part.
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.floats(0, 1, width=32))
PAGES = st.lists(st.tuples(PROBABILITY, st.integers(0, 60)), max_size=12)


def arrays(page: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([p for p, _ in page], dtype=np.float32),
        np.array([w for _, w in page], dtype=np.int64),
    )


def f_measure(kept: np.ndarray, p: np.ndarray, w: np.ndarray, beta: float = 1.0) -> float:
    """The expected F-measure of a cut: a mean over states of the page that move the odds of all lines together."""
    total = 0.0
    # A fine grid of the normal distribution instead of the few points that the code takes.
    shifts = np.linspace(-6, 6, 601)
    weights = np.exp(-(shifts**2) / 2) / np.exp(-(shifts**2) / 2).sum()
    p, w = p.astype(np.float64), w.astype(np.float64)
    sharper = math.sqrt(1 + math.pi * SPREAD**2 / 8)
    with np.errstate(divide="ignore"):
        odds = sharper * (np.log(p) - np.log1p(-p))
    for shift, weight in zip(shifts, weights, strict=True):
        state = 1 / (1 + np.exp(-(odds + SPREAD * shift)))
        below = beta**2 * (w * state).sum() + w[kept].sum()
        total += weight * ((1 + beta**2) * (w * state)[kept].sum() / below if below else 0.0)
    return total


@given(PAGES)
@settings(deadline=None)
def test_no_prefix_by_probability_is_better(page: list[tuple[float, int]]) -> None:
    p, w = arrays(page)
    kept, confidence = decide(p, w)
    assert kept.shape == p.shape
    assert kept.dtype == bool
    assert 0 <= confidence <= 1
    cuts = [p >= bound for bound in sorted(set(p.tolist()))]
    best = max((f_measure(cut, p, w) for cut in cuts), default=0.0)
    # Seven points of the distribution are not all of it: the cut may miss the best one by a trifle.
    assert f_measure(kept, p, w) >= best - 0.01
    assert confidence == pytest.approx(f_measure(kept, p, w), abs=0.02)


@given(PAGES)
def test_what_is_kept_is_never_less_likely_than_what_is_dropped(page: list[tuple[float, int]]) -> None:
    p, w = arrays(page)
    kept, _ = decide(p, w)
    kept = kept & (w > 0)  # a line without words may follow its neighbours
    if kept.any() and not kept.all():
        assert p[kept].min() > p[~kept & (w > 0)].max(initial=-1)


@given(PAGES)
def test_precision_keeps_a_part_of_balanced_and_that_a_part_of_recall(page: list[tuple[float, int]]) -> None:
    p, w = arrays(page)
    precision, balanced, recall = (decide(p, w, favor)[0] for favor in ("precision", "balanced", "recall"))
    words = [int(w[kept].sum()) for kept in (precision, balanced, recall)]
    assert words == sorted(words)
    # Lines without words cost nothing, so only lines with words are held to it.
    assert not (precision & ~balanced & (w > 0)).any()
    assert not (balanced & ~recall & (w > 0)).any()


def test_favor_moves_the_cut() -> None:
    p = np.array([0.95, 0.6, 0.35, 0.2, 0.05], dtype=np.float32)
    w = np.array([20, 20, 20, 20, 20])
    assert [int(decide(p, w, favor)[0].sum()) for favor in ("precision", "balanced", "recall")] == [1, 2, 3]


def test_a_list_that_may_be_all_or_nothing_is_one_bet() -> None:
    # Two sure lines and sixty titles at 0.25. Line by line the titles would pay: 2·(19 + 150) / (620 + 169) = 0.43
    # against 2·19 / (20 + 169) = 0.20 without them. But they are in the gold together, or not at all.
    kept, confidence = decide(np.array([0.97] * 2 + [0.25] * 60, dtype=np.float32), np.array([10] * 62))
    assert kept.tolist() == [True] * 2 + [False] * 60
    assert confidence < 0.5


def test_two_certain_lines_and_a_doubtful_one() -> None:
    kept, confidence = decide(np.array([0.1, 0.99, 0.98], dtype=np.float32), np.array([10, 10, 10]))
    assert kept.tolist() == [False, True, True]
    assert confidence == pytest.approx(0.95, abs=0.03)


def copies(p: list[float], words: int = COPY_WORDS) -> list[bool]:
    """What is kept of copies of one line, between a line that is certain and one that is not."""
    n = len(p)
    hashes = np.array([1, *[7] * n, 2], dtype=np.uint64)
    probabilities = np.array([1.0, *p, 0.001], dtype=np.float32)
    return decide(probabilities, np.array([200, *[words] * n, 50]), "balanced", hashes)[0].tolist()[1:-1]


def test_the_second_copy_of_a_doubtful_line_goes() -> None:
    assert copies([0.7, 0.7]) == [True, False]
    assert copies([0.6, 0.8]) == [False, True]  # the likelier one stays, wherever it stands


def test_copies_that_are_both_likely_stay() -> None:
    assert copies([0.95, 0.95]) == [True, True]
    assert copies([0.99, 0.98, 0.99]) == [True, True, True]


def test_short_lines_may_stand_twice() -> None:
    assert copies([0.7, 0.7], words=COPY_WORDS - 1) == [True, True]


@given(PAGES, st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_copies_never_add_a_line(page: list[tuple[float, int]], keys: list[int]) -> None:
    p, w = arrays(page)
    hashes = np.array(keys[: len(p)], dtype=np.uint64)
    reference = decide(p, w, "balanced", np.arange(len(p), dtype=np.uint64))
    assert reference[0].tolist() == decide(p, w)[0].tolist()
    kept, confidence = decide(p, w, "balanced", hashes)
    assert 0 <= confidence <= 1
    for key in set(hashes.tolist()):  # of equal lines the likelier ones are kept
        same = hashes == key
        long = same & (w >= COPY_WORDS)
        if kept[long].any() and not kept[long].all():
            assert p[long & kept].min() >= p[long & ~kept].max()


def test_lines_without_words_stay_between_lines_that_stay() -> None:
    p = np.array([0.01, 0.9, 0.01, 0.01, 0.9, 0.01, 0.02, 0.01], dtype=np.float32)
    w = np.array([0, 20, 0, 0, 20, 0, 20, 0])
    assert np.flatnonzero(decide(p, w)[0]).tolist() == [1, 2, 3, 4]


def test_words_count_not_lines() -> None:
    p = np.array([0.9, 0.3, 0.3, 0.3], dtype=np.float32)
    assert decide(p, np.array([300, 1, 1, 1]))[0].tolist() == [True, False, False, False]
    assert decide(p, np.array([1, 100, 100, 100]))[0].all()


def test_lines_of_the_same_probability_share_their_fate() -> None:
    kept, _ = decide(np.array([0.7, 0.2, 0.7, 0.7], dtype=np.float32), np.array([1, 50, 30, 2]))
    assert kept[0] == kept[2] == kept[3]


@pytest.mark.parametrize(
    ("p", "w"),
    [
        ([], []),
        ([0.0, 0.0], [5, 7]),
        ([0.9, 1.0], [0, 0]),
    ],
)
def test_nothing_to_expect_keeps_nothing(p: list[float], w: list[int]) -> None:
    kept, confidence = decide(np.array(p, dtype=np.float32), np.array(w, dtype=np.int64))
    assert not kept.any()
    assert confidence == 0


def test_a_certain_page_is_kept_whole_with_confidence_one() -> None:
    kept, confidence = decide(np.ones(3, dtype=np.float32), np.array([4, 5, 6]))
    assert kept.all()
    assert confidence == 1
