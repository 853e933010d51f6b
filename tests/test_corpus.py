"""The shipped model on real pages that it was not trained on; runs where the labelled corpus is."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from cleaner import Cleaner
from cleaner.conversions import CONVERSIONS
from cleaner.evaluation import evaluate
from cleaner.labelled import as_text, read_labelled

CORPUS = Path(os.environ.get("CORPUS") or Path(__file__).parent.parent.parent / "shared" / "corpus")
SETS = ("cleaneval_final", "cleanportaleval", "daniel_waddle", "krdwrd_canola", "zh_finance_wwwxmu")
PAGES = 40  # of each set, spread over it: a test, not a benchmark

pytestmark = pytest.mark.skipif(not (CORPUS / "check").is_dir(), reason="the labelled corpus is not here (set CORPUS)")


@pytest.mark.parametrize("name", SETS)
def test_html_is_not_behind_trafilatura(name: str) -> None:
    items = read_labelled(CORPUS / "check" / f"{name}.jsonl.gz")
    report = evaluate(items[:: max(len(items) // PAGES, 1)], Cleaner(), bootstrap=0)
    assert report.summaries["cleaner"].f1 > report.summaries["trafilatura"].f1


@pytest.mark.parametrize("name", SETS)
def test_text_is_better_than_keeping_all(name: str) -> None:
    items = read_labelled(CORPUS / "check" / f"{name}.jsonl.gz")
    pages = [as_text(item) for item in items[:: max(len(items) // PAGES, 1)]]
    report = evaluate(pages, Cleaner(), bootstrap=0)
    assert report.summaries["cleaner"].f1 > report.summaries["keep all lines"].f1


@pytest.mark.parametrize("way", list(CONVERSIONS))
def test_every_page_can_be_written_as_a_converter_does(way: str) -> None:
    for items in (read_labelled(CORPUS / "train" / "fundus.jsonl.gz"), read_labelled(CORPUS / "check")):
        for item in items[::4]:
            assert CONVERSIONS[way](item.page.content, random.Random(0), item.page.url).strip(), item.page.id
