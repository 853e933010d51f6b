"""The cut of a page, against trying all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.decision import BETA, Favor, decide

# Few distinct values on purpose: ties are the hard part.
PROBABILITY = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.floats(0, 1, width=32))
PAGES = st.lists(st.tuples(PROBABILITY, st.integers(0, 60)), max_size=12)


def arrays(page: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([p for p, _ in page], dtype=np.float32),
        np.array([w for _, w in page], dtype=np.int64),
    )


def f_measure(kept: np.ndarray, p: np.ndarray, w: np.ndarray, beta: float) -> float:
    """The expected F-measure of a cut, as DESIGN gives it: the words kept against the words expected in the gold."""
    p, w = p.astype(np.float64), w.astype(np.float64)
    below = beta**2 * (w * p).sum() + w[kept].sum()
    return float((1 + beta**2) * (w * p)[kept].sum() / below) if below else 0.0


@given(PAGES, st.sampled_from(list(BETA)))
def test_no_prefix_by_probability_is_better(page: list[tuple[float, int]], favor: Favor) -> None:
    p, w = arrays(page)
    kept, confidence = decide(p, w, favor)
    assert kept.shape == p.shape
    assert kept.dtype == bool
    assert 0 <= confidence <= 1
    cuts = [p >= bound for bound in sorted(set(p.tolist()))]
    order = np.argsort(-p, kind="stable")
    for size in range(len(p) + 1):  # cuts inside a tie too: none of them may win
        inside = np.zeros(len(p), dtype=bool)
        inside[order[:size]] = True
        cuts.append(inside)
    best = max((f_measure(cut, p, w, BETA[favor]) for cut in cuts), default=0.0)
    assert f_measure(kept, p, w, BETA[favor]) == pytest.approx(best, abs=1e-9)
    assert confidence == pytest.approx(f_measure(kept, p, w, 1.0), abs=1e-9)


@given(PAGES)
def test_what_is_kept_is_never_less_likely_than_what_is_dropped(page: list[tuple[float, int]]) -> None:
    p, w = arrays(page)
    kept, _ = decide(p, w)
    if kept.any() and not kept.all():
        assert p[kept].min() > p[~kept].max()


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
    assert [int(decide(p, w, favor)[0].sum()) for favor in ("precision", "balanced", "recall")] == [1, 2, 4]


def test_a_worked_example() -> None:
    # Words expected in the gold: 9 + 5 + 1 = 15. Keeping the first two: 2·14 / (20 + 15) = 0.8; the first alone:
    # 2·9 / 25 = 0.72; all three: 2·15 / 45 = 0.67.
    kept, confidence = decide(np.array([0.1, 0.9, 0.5], dtype=np.float32), np.array([10, 10, 10]))
    assert kept.tolist() == [False, True, True]
    assert confidence == pytest.approx(0.8)


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
