"""The measures, on examples that are counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cleaner.evaluation import (
    PageScore,
    Report,
    confidence_bands,
    evaluate,
    rank_correlation,
    score_page,
    summarize,
    word_scores,
    words_of,
)
from cleaner.labelled import LabelledPage
from cleaner.model import Model
from cleaner.page import Kind, Page
from cleaner.pipeline import Cleaner

# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("One, two; THREE!", ["one", "two", "three"]),
        ("x_1 3.5 don't", ["x_1", "3", "5", "don", "t"]),
        ("中文 abc字。", ["中", "文", "abc", "字"]),
        ("カナとkana", ["カ", "ナ", "と", "kana"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("\U00020000a", ["\U00020000", "a"]),
        ("— … !", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "gold", "f1", "precision", "recall"),
    [
        ("a b c", "a b c", 1, 1, 1),
        ("A, b. C!", "a b c", 1, 1, 1),
        ("a b c d", "a b", 2 / 3, 0.5, 1),
        ("a", "a b c d", 0.4, 1, 0.25),
        ("a a a", "a", 0.5, 1 / 3, 1),  # multisets: one of the three is right
        ("a a b", "a a c", 2 / 3, 2 / 3, 2 / 3),
        ("b a", "a b", 1, 1, 1),  # order does not matter
        ("x y", "a b", 0, 0, 0),
        ("", "a b", 0, 0, 0),
        ("a b", "", 0, 0, 0),
        ("", "", 1, 1, 1),
        ("—", "…", 1, 1, 1),  # no words on either side
        ("中文字", "中文", 0.8, 2 / 3, 1),
    ],
)
def test_word_scores(text: str, gold: str, f1: float, precision: float, recall: float) -> None:
    assert word_scores(text, gold) == pytest.approx((f1, precision, recall))


def page(gold: str, *, host: str = "h", kind: Kind = Kind.TEXT, content: str = "x", **more: str) -> LabelledPage:
    return LabelledPage(Page(content, kind, id="p"), gold, host, **more)  # type: ignore[arg-type]


def test_shingles_are_runs_of_four_words() -> None:
    # Kept: abcd bcde cdef; gold: abcd bcde. Two of three, and both.
    score = score_page(page("a b c d e"), "a b c d e f")
    assert score.shingle_precision == pytest.approx(2 / 3)
    assert score.shingle_recall == 1
    # Few words are one shingle of their own.
    assert score_page(page("a b c"), "a b c").shingle_recall == 1
    assert score_page(page("a b c"), "a b").shingle_recall == 0


def test_sides_without_words_have_no_shingle_measure() -> None:
    none = score_page(page("a b c d"), "")
    assert (none.shingle_precision, none.shingle_recall, none.empty) == (None, 0, True)
    extra = score_page(page(""), "a b c d")
    assert (extra.shingle_precision, extra.shingle_recall, extra.empty) == (0, None, False)


def test_lines_that_are_optional_count_for_nothing() -> None:
    item = page("a b c d", optional="A headline\nby x")
    assert score_page(item, "A headline\na b c d").exact
    assert score_page(item, "a b c d\n  by x ").exact
    assert not score_page(item, "A headline and more\na b c d").exact
    assert score_page(item, "A headline\nby x").empty


def test_groups_of_a_page() -> None:
    score = score_page(page("a", host="site", language="de", page_type="forum"), "a", 0.7)
    assert score.groups == {"kind": "text", "site": "site", "language": "de", "page_type": "forum"}
    assert (score.host, score.confidence, score.page) == ("site", 0.7, "p")


# -- means --------------------------------------------------------------------------------------------------------


def score(
    f1: float, host: str = "h", precision: float | None = 1, recall: float | None = 1, **more: float
) -> PageScore:
    return PageScore("p", host, {"site": host, "kind": "text"}, f1, f1, f1, precision, recall, **more)


def test_summary_by_hand() -> None:
    found = summarize([score(1, precision=1, recall=0.5), score(0.5, precision=None, recall=0), score(0, recall=None)])
    assert (found.pages, found.f1, found.precision, found.recall) == (3, 0.5, 0.5, 0.5)
    # Mean precision 1 over the two with output, mean recall 0.25 over the two with gold; F1 of the means.
    assert found.shingle_f1 == pytest.approx(2 * 1 * 0.25 / 1.25)


def test_one_host_has_no_interval() -> None:
    found = summarize([score(0.2), score(0.8)])
    assert found.low == found.high == found.f1 == 0.5


def test_the_interval_is_seeded_and_drawn_over_hosts() -> None:
    rows = [score(i / 20, host=f"h{i % 10}") for i in range(20)]
    first, again, other = summarize(rows), summarize(rows), summarize(rows, seed=1)
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert first.low < first.f1 < first.high
    assert first.f1 == other.f1
    # The same pages as ten hosts of two equal pages: hosts vary as before, though there are twice the pages.
    alike = [score((i % 10) / 10, host=f"h{i % 10}") for i in range(20)]
    single = [score(i / 10, host=f"h{i}") for i in range(10)]
    assert (summarize(alike).low, summarize(alike).high) == pytest.approx(
        (summarize(single).low, summarize(single).high)
    )


def test_nothing_to_summarize() -> None:
    found = summarize([])
    assert (found.pages, found.f1, found.shingle_f1) == (0, 0, 0)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1),
        ([1, 2, 3], [1, 4, 1000], 1),
        ([1, 2, 3], [3, 2, 1], -1),
        ([1, 2, 3, 4], [1, 2, 4, 3], 0.8),
        ([1, 1, 2], [1, 1, 2], 1),
        ([1, 2, 2], [1, 1, 2], 0.5),
        ([1, 1], [1, 2], 0),
        ([1], [1], 0),
        ([], [], 0),
    ],
)
def test_rank_correlation(a: list[float], b: list[float], expected: float) -> None:
    assert rank_correlation(a, b) == pytest.approx(expected)


# -- the report ---------------------------------------------------------------------------------------------------


def test_report_groups_and_correlation() -> None:
    rows = [score(f, host=h, confidence=c) for f, h, c in ((0.2, "a", 0.1), (0.4, "a", 0.3), (0.9, "b", 0.8))]
    report = Report({"cleaner": rows, "peer": [score(0.5, "a")]}, {"cleaner": 0.3, "peer": 0.1})
    assert report.correlation() == pytest.approx(1)
    by_site = report.grouped("site")
    assert list(by_site) == ["a", "b"]
    assert by_site["a"]["cleaner"].f1 == pytest.approx(0.3)
    assert "peer" not in by_site["b"]
    assert json.loads(json.dumps(report.as_dict(), allow_nan=False))["overall"]["peer"]["f1"] == 0.5
    shown = report.as_text()
    assert "0.5000" in shown
    assert "rank correlation: 1.000" in shown
    assert "confidence 0.8-0.9     1 pages, word F1 0.900" in shown
    assert report.as_dict()["confidence_bands"][0] == {"from": 0.1, "pages": 1, "f1": 0.2}


def test_bands_of_confidence() -> None:
    rows = [score(f, confidence=c) for f, c in ((0.1, 0.0), (0.5, 0.55), (0.7, 0.5), (0.9, 0.99), (1.0, 1.0))]
    rows.append(score(0.3))  # a peer is never sure of anything
    assert confidence_bands(rows) == [(0.0, 1, 0.1), (0.5, 2, pytest.approx(0.6)), (0.9, 2, pytest.approx(0.95))]
    assert confidence_bands([]) == []


STORY = (
    "<html><body><nav><a href=/>Home</a></nav><article>"
    + "".join(
        f"<p>Sentence {i} tells of the ferry, which left the harbour an hour late because of fog.</p>" for i in range(6)
    )
    + "</article></body></html>"
)


def test_evaluate_scores_peers_on_the_same_pages(small_model: Model) -> None:
    gold = "\n".join(
        f"Sentence {i} tells of the ferry, which left the harbour an hour late because of fog." for i in range(6)
    )
    items = [
        page(gold, host="a", kind=Kind.HTML, content=STORY),
        page(gold, host="b", content="Home\n" + gold),
        page("", host="c", content=""),
    ]
    report = evaluate(items, Cleaner(small_model))
    assert list(report.scores) == ["cleaner", "keep all lines", "trafilatura"]
    assert [len(rows) for rows in report.scores.values()] == [3, 3, 1]
    kept = report.scores["keep all lines"]
    assert kept[0].recall == kept[1].recall == 1
    assert kept[0].precision == pytest.approx(90 / 91, abs=0.005)
    assert (report.scores["cleaner"][2].f1, report.scores["cleaner"][2].confidence) == (1, 0)
    assert report.scores["trafilatura"][0].f1 > 0.9
    assert list(evaluate(items, Cleaner(small_model), peers=False).scores) == ["cleaner"]
    assert [s.f1 for s in evaluate(items, Cleaner(small_model), peers=False).scores["cleaner"]] == [
        s.f1 for s in report.scores["cleaner"]
    ]


def test_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = Report({"cleaner": [score(0.5), score(1)]}, {"cleaner": 0.1})
    report.plot(tmp_path / "f1.png")
    assert (tmp_path / "f1.png").read_bytes().startswith(b"\x89PNG")
