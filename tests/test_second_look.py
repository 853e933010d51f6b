"""HTML in doubt is judged a second time, as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_support import story, toy_model

from cleaner import Cleaner
from cleaner.calibration import log_odds
from cleaner.model import Model, shipped_model
from cleaner.page import Kind, Page
from cleaner.pipeline import BATCH_CHARS, BATCH_LINES, SECOND_LOOK_LINES, TEXT_SHARE, _stretches, predict
from cleaner.segmentation import segment

SHORT = Path(__file__).parent.parent / "benchmarks" / "short"  # a sentence or two among teasers


def lines(html: str) -> object:
    return segment(Page(html, Kind.HTML))


def only_html(model: Model) -> Model:
    return Model({Kind.HTML: model.heads[Kind.HTML]})


def test_a_page_in_doubt_is_judged_by_both_parts_and_a_sure_one_by_its_own() -> None:
    both = Model({Kind.HTML: toy_model(0.1).heads[Kind.HTML], Kind.TEXT: toy_model(6.0).heads[Kind.TEXT]})
    ((mixed, *_),) = predict(both, [lines(story())])  # type: ignore[list-item]
    ((alone, *_),) = predict(only_html(both), [lines(story())])  # type: ignore[list-item]
    expected = (1 - TEXT_SHARE) * log_odds(alone) + TEXT_SHARE * np.where(alone > 0.5, 6.0, -6.0)
    np.testing.assert_allclose(log_odds(mixed), expected, atol=1e-4)
    sure = Model({Kind.HTML: toy_model(6.0).heads[Kind.HTML], Kind.TEXT: toy_model(0.1).heads[Kind.TEXT]})
    ((kept, *_),) = predict(sure, [lines(story())])  # type: ignore[list-item]
    ((same, *_),) = predict(only_html(sure), [lines(story())])  # type: ignore[list-item]
    assert np.array_equal(kept, same)
    long = lines(
        story() + "<p>A line of many words that stands below the story, again and again.</p>" * SECOND_LOOK_LINES
    )
    ((kept, *_),) = predict(both, [long])  # type: ignore[list-item]
    ((same, *_),) = predict(only_html(both), [long])  # type: ignore[list-item]
    assert np.array_equal(kept, same)


def test_a_second_look_does_not_depend_on_the_batch() -> None:
    pages = [story(), "", "A text that is no HTML at all, in a line of its own."]
    pages += [path.read_text() for path in sorted(SHORT.glob("*/*.html"))]
    cleaner, other = Cleaner(), Cleaner(only_html(shipped_model()))
    looked = 0
    for page, one in zip(pages, cleaner.clean_many(pages), strict=True):
        alone = cleaner.clean(page)
        assert np.array_equal(alone.probabilities, one.probabilities)
        assert alone.confidence == one.confidence
        if one.page.kind is Kind.HTML:
            looked += not np.array_equal(other.clean(page).probabilities, one.probabilities)
    assert 3 <= looked < len(pages) - 2


@pytest.mark.parametrize("source", [None, 5, ["<p>"]])
def test_what_is_no_page_is_named(source: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(source).__name__}"):
        Cleaner().clean(source)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=f"not {type(source).__name__}"):
        list(Cleaner().clean_many([story(), source]))  # type: ignore[list-item]


def test_a_batch_is_judged_in_stretches_that_the_memory_is_meant_for() -> None:
    assert list(_stretches([])) == []
    assert list(_stretches([(5, 50)] * 70)) == [(0, 32), (32, 64), (64, 70)]
    assert list(_stretches([(BATCH_LINES, 1), (1, 1), (1, 1)])) == [(0, 1), (1, 3)]
    assert list(_stretches([(1, 1), (9, 2 * BATCH_CHARS), (1, 1)])) == [(0, 1), (1, 2), (2, 3)]
