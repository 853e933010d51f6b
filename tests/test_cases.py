"""Cases as data, with the shipped model: what must be kept, what must be dropped, and what is known to go wrong.

``drop.toml`` and ``text_drop.toml`` have pages with junk that must go, ``keep.toml`` and ``text_keep.toml`` pages with
true lines that look like junk, ``known_failures.toml`` cases that fail today: each must go on failing, or be moved to
where it belongs. A case has a ``name``, a ``kind``, the ``page``, and the lines that ``must_keep`` and ``must_drop``;
in every case each line named must be a line of the page, word for word.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cleaner.page import Kind, Page
from cleaner.pipeline import Cleaner
from cleaner.segmentation import segment

FOLDER = Path(__file__).parent / "cases"
ROOT = Path(__file__).parent.parent
MODEL = ROOT / "models" / "cleaner.model"
shipped = pytest.mark.skipif(not MODEL.is_file(), reason="models/cleaner.model is not there: train it (see models/)")


def read(name: str) -> list[dict[str, Any]]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))["case"]


CASES = {
    "keep": read("keep") + read("text_keep"),
    "drop": read("drop") + read("text_drop"),
    "known_failures": read("known_failures"),
}
ALL = [case for cases in CASES.values() for case in cases]


def called(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.fixture(scope="module")
def cleaner() -> Cleaner:
    return Cleaner()


def judge(case: dict[str, Any], cleaner: Cleaner) -> None:
    page = cleaner.clean(Page(case["page"], Kind(case["kind"])))
    # By place, not by text: a line that stands twice may be kept once.
    kept = [line.text.strip() for line in page.lines if line.kept]
    shown = "\n".join(f"{'+' if line.kept else '-'} {line.probability:.2f} {line.text}" for line in page.lines)
    lost = [line for line in case.get("must_keep", ()) if line not in kept]
    left = [line for line in case.get("must_drop", ()) if line in kept]
    twice = [line for line in case.get("must_keep_once", ()) if kept.count(line) != 1]
    assert not lost, f"lost {lost} of\n{shown}"
    assert not left, f"left {left} in\n{shown}"
    assert not twice, f"not kept just once {twice} of\n{shown}"


@shipped
@pytest.mark.parametrize("case", CASES["keep"], ids=called)
def test_true_lines_that_look_like_junk_are_kept(case: dict[str, Any], cleaner: Cleaner) -> None:
    judge(case, cleaner)


@shipped
@pytest.mark.parametrize("case", CASES["drop"], ids=called)
def test_junk_is_dropped(case: dict[str, Any], cleaner: Cleaner) -> None:
    judge(case, cleaner)


@shipped
@pytest.mark.parametrize("case", CASES["known_failures"], ids=called)
@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="known; when it passes, move the case to where it belongs"
)
def test_known_failures_still_fail(case: dict[str, Any], cleaner: Cleaner) -> None:
    judge(case, cleaner)


@pytest.mark.parametrize("case", ALL, ids=called)
def test_a_case_is_well_made(case: dict[str, Any]) -> None:
    assert set(case) <= {"name", "kind", "page", "must_keep", "must_drop", "must_keep_once"}
    texts = segment(Page(case["page"], Kind(case["kind"]))).texts
    lines = [line.strip() for text in texts for line in ([text] if case["kind"] == "html" else text.split("\n"))]
    named = [*case.get("must_keep", ()), *case.get("must_drop", ()), *case.get("must_keep_once", ())]
    assert named
    for line in named:
        assert line in lines, f"{line!r} is not a line of the page"
    assert not set(case.get("must_keep", ())) & set(case.get("must_drop", ()))


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({called(case) for case in ALL}) == len(ALL) >= 25
    assert CASES["keep"]
    assert CASES["drop"]
