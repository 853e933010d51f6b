"""Counting equal lines of a page, against counting them one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cleaner.repetition import occurrences, ranks, within_page
from cleaner.tokens import tokenize

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=40).map(sorted)


@given(ROWS)
def test_occurrences_and_ranks_are_counts_within_the_page(rows: list[tuple[int, int]]) -> None:
    page_of = np.array([page for page, _ in rows], dtype=np.int64)
    hashes = np.array([value for _, value in rows], dtype=np.uint64)
    total = Counter(rows)
    seen: Counter[tuple[int, int]] = Counter()
    for i, row in enumerate(rows):
        lone = row[1] == 0  # lines without words are not copies of each other
        assert occurrences(hashes, page_of)[i] == (1 if lone else total[row])
        assert ranks(hashes, page_of)[i] == (0 if lone else seen[row])
        seen[row] += 1


def test_nothing_at_all() -> None:
    none, nowhere = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    assert len(occurrences(none, nowhere)) == len(ranks(none, nowhere)) == 0


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20, unique=True), st.integers(0, 1000))
def test_within_page_tells_pages_apart_and_nothing_else(hashes: list[int], page: int) -> None:
    values = np.array(hashes, dtype=np.uint64)
    here = within_page(values, np.full(len(values), page))
    there = within_page(values, np.full(len(values), page + 1))
    assert len(set(here.tolist())) == len(hashes)
    assert not (here == there).any()


def test_templates_of_a_video_list() -> None:
    lines = [f"Thumbnail for the video titled number {i}" for i in range(20)] + ["A line of its own", "©", "—"]
    tokens = tokenize(lines)
    page_of = np.zeros(len(lines), dtype=np.int64)
    assert occurrences(tokens.line_hashes(), page_of).tolist() == [1] * 23
    assert occurrences(tokens.line_hashes(template=True), page_of).tolist() == [20] * 20 + [1, 1, 1]
    assert occurrences(tokens.line_hashes(head=2), page_of).tolist() == [20] * 20 + [1, 1, 1]
    assert ranks(tokens.line_hashes(template=True), page_of)[:3].tolist() == [0, 1, 2]
