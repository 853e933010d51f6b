"""From labelled pages to a model: repeatable, honest about hosts, and clear when the pages are not enough."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from cli_support import toy_model, with_network

from cleaner.errors import BadLabels
from cleaner.features import feature_names
from cleaner.labelled import LabelledPage
from cleaner.model import Model
from cleaner.page import Kind, Page
from cleaner.pipeline import Cleaner, predict
from cleaner.training import (
    SAMPLE,
    Training,
    fit_head,
    fold_heads,
    learn_words,
    looked_again,
    make_dataset,
    make_matrix,
    make_sample,
    out_of_fold,
    train,
)

JUNK = (
    "Home",
    "Advertisement",
    "Share this story",
    "Recent Videos",
    "Sign up for our newsletter",
    "All rights reserved",
)


def item(number: int, host: str, kind: Kind, *, all_junk: bool = False) -> LabelledPage:
    """A page whose lines the trees can tell apart: long sentences and short junk."""
    body = [
        f"Sentence {i} of story {number}, which goes on for a while, tells of the harbour and ends with a full stop."
        for i in range(8)
    ]
    lines = [*JUNK[:3], *body, *JUNK[3:], f"Video number {number}", f"Story {number + 1}"]
    if kind is Kind.TEXT:
        content = "\n".join(lines)
    else:
        content = "<html><body>" + "".join(f"<p class={'b' if x in body else 'j'}>{x}</p>" for x in lines)
    gold = "A gold text that is nowhere on its page at all" if all_junk else "\n".join(body)
    return LabelledPage(Page(content, kind, id=f"{host}/{number}.{kind}"), gold, host)


def items(kinds: tuple[Kind, ...] = (Kind.TEXT,), hosts: int = 3, pages: int = 6, **more: bool) -> list[LabelledPage]:
    return [
        item(100 * h + i, f"host{h}.example", kind, **more)
        for h in range(hosts)
        for i in range(pages)
        for kind in kinds
    ]


def marked(number: int, host: str) -> LabelledPage:
    """The text of `item` with a headline that is neither, every line marked."""
    story = item(number, host, Kind.TEXT)
    content = f"The headline of story {number}\n{story.page.content}"
    page = story.page._replace(content=content)
    return replace(story, page=page, optional=f"The headline of story {number}", marked=True, language="en")


def test_nothing_is_learnt_from_optional_lines_and_marked_pages_are_composed_too() -> None:
    data = make_dataset([marked(i, f"h{i % 3}") for i in range(9)], Kind.TEXT)
    texts = [text for lines in data.lines for text in lines.texts]
    asis = np.array([name == "as is" for name in data.rendering])
    headline = np.array([text.startswith("The headline") for text in texts])
    assert (data.weight[headline] == 0).all()
    assert (data.weight[~headline] > 0).all()
    assert not (headline & ~asis[data.page_of]).any(), "composed pages have none"
    assert {"transplant", "short transplant", "clean article", "partly cleaned"} <= set(data.rendering)


@pytest.fixture(scope="module")
def text_training() -> Training:
    return train(items())


def test_the_same_pages_and_seed_give_the_same_file(text_training: Training) -> None:
    assert train(items()).model.to_bytes() == text_training.model.to_bytes()


def test_other_pages_give_another_digest(text_training: Training) -> None:
    other = items()
    other[0] = item(999, "host0.example", Kind.TEXT)
    model = train(other).model
    assert model.about["data_sha256"] != text_training.model.about["data_sha256"]


def test_the_model_tells_what_it_is_made_of(text_training: Training) -> None:
    about = text_training.model.about
    assert (about["pages"], about["hosts"], about["seed"]) == (18, 3, 0)
    assert about["word_f1_out_of_fold"]["text"] > 0.9
    json.dumps(text_training.model.info(), allow_nan=False)


def test_text_pages_alone_make_a_text_model(text_training: Training) -> None:
    assert set(text_training.model.heads) == {Kind.TEXT}
    page = item(5, "new.example", Kind.TEXT)
    cleaned = Cleaner(text_training.model).clean(page.page)
    assert cleaned.text.split("\n") == page.gold.split("\n")
    assert 0.8 < cleaned.confidence <= 1


def test_html_pages_alone_make_both_models() -> None:
    training = train(items((Kind.HTML,)))
    assert set(training.model.heads) == {Kind.HTML, Kind.TEXT}
    for kind in Kind:
        page = item(5, "new.example", kind)
        assert Cleaner(training.model).clean(page.page).text.split("\n") == page.gold.split("\n")


def test_the_report_compares_before_and_after(text_training: Training) -> None:
    again = train(items(), compare_with=text_training.model)
    assert set(again.summaries()["text"]) == {"before", "after"}
    shown = again.as_text()
    assert "before" in shown
    assert f"{again.summaries()['text']['after'].f1:.4f}" in shown
    json.dumps(again.as_dict(), allow_nan=False)
    assert "before" not in text_training.summaries()["text"]


def test_a_saved_model_of_real_pages_serves_both_kinds(
    small_training: Training, small_items: list[LabelledPage]
) -> None:
    model = Model.from_bytes(small_training.model.to_bytes())
    assert set(model.heads) == set(Kind)
    cleaner = Cleaner(model)
    for kind in Kind:
        scores = [score for score in small_training.scores[kind] if score.groups["kind"] == kind]
        assert scores
        page = next(i.page for i in small_items if i.page.kind is kind)
        cleaned = cleaner.clean(page)
        assert cleaned.text
        assert 0 < cleaned.confidence <= 1
        assert sum(cleaned.counts) == len(cleaned.lines) >= len(cleaned.segmented)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_host_is_never_in_two_folds(kind: Kind) -> None:
    labelled = [item(i, f"host{i % 7}.example", which) for i in range(21) for which in Kind]
    data = make_dataset(labelled, kind)
    folds: dict[str, set[int]] = {}
    for page, fold in zip(data.items, data.fold.tolist(), strict=True):
        folds.setdefault(page.host, set()).add(fold)
    assert all(len(found) == 1 for found in folds.values())
    assert len({fold for found in folds.values() for fold in found}) > 1
    backwards = make_dataset(labelled[::-1], kind)
    for page, fold in zip(backwards.items, backwards.fold.tolist(), strict=True):
        assert folds[page.host] == {fold}, "folds do not depend on the order of the pages"


def test_a_dataset_has_a_row_a_line() -> None:
    data = make_dataset(items(hosts=2, pages=2), Kind.TEXT)
    n = sum(map(len, data.lines))
    assert data.share.shape == data.weight.shape == data.words.shape == data.page_of.shape == (n,)
    assert (data.weight > 0).all()
    assert np.isfinite(data.weight).all()
    assert (data.labels == (data.share >= 0.5)).all()
    assert data.labels.sum() == 8 * 4


def test_some_text_pages_are_learnt_from_as_if_in_another_language() -> None:
    for kind in Kind:
        data = make_dataset(items((kind,), hosts=4, pages=10), kind)
        features = feature_names(kind)
        words = learn_words(data)
        matrix = make_matrix(data, features, words)
        foreign = make_sample(data, matrix, words).matrix
        changed = (foreign != matrix).any(axis=1)
        pages = np.unique(data.page_of[changed])
        if kind is Kind.HTML:
            assert not len(pages)
            continue
        assert 0.1 < len(pages) / len(data.lines) < 0.5
        columns = [name for i, name in enumerate(features) if (foreign != matrix)[:, i].any()]
        assert "wording" in columns
        assert all("wording" in name or name == "lead above" for name in columns)
        assert (make_sample(data, matrix, words).matrix == foreign).all()


def test_of_a_long_page_some_lines_are_learnt_from_that_stand_for_all() -> None:
    pages = items(hosts=2, pages=2)
    story = "\n".join(f"The council met on day {i} and voted on the plan for a bridge." for i in range(1, 2001))
    page = pages[0].page._replace(content=story + "\nMore from this site\nShare\nPrint")
    data = make_dataset([replace(pages[0], page=page, gold=story), *pages[1:]], Kind.TEXT)
    words = learn_words(data)
    sample = make_sample(data, make_matrix(data, feature_names(Kind.TEXT), words), words)
    count = np.bincount(data.page_of)
    short = count[count <= SAMPLE].sum()
    assert count.max() > 2000
    assert abs(len(sample.labels) - short - SAMPLE) < 75
    assert sample.weight.sum() == pytest.approx(data.weight.sum(), rel=0.15)
    assert set(sample.fold) == {0, 1}


def test_out_of_fold_a_page_is_judged_without_its_neighbours_in_the_dataset() -> None:
    data = make_dataset(items(hosts=3, pages=3), Kind.TEXT)
    words = learn_words(data)
    matrix = make_matrix(data, feature_names(Kind.TEXT), words)
    head = with_network(toy_model().head(Kind.TEXT))
    found = out_of_fold(data, matrix, [head] * data.folds)
    pages = np.split(matrix, data.starts[1:])
    alone = np.concatenate([head.predict(page, np.array([0])) for page in pages])
    assert found.tolist() == alone.tolist()
    assert (head.predict(matrix, np.array([0])) != alone).any()  # as one long page it would be another matter


def test_folds_are_judged_as_pages_are_by_heads_that_have_not_seen_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = items((Kind.HTML,), hosts=4, pages=3)
    html, text = (make_dataset(pages, kind) for kind in Kind)
    of_html, of_text = fit_head(html), fold_heads(text)
    monkeypatch.setattr("cleaner.pipeline.DOUBT", -1.0)  # every page is in doubt
    found = looked_again(html, of_html.probabilities, of_text[0])
    assert (found != of_html.probabilities).any()
    for number, heads in enumerate(zip(of_html.unseen, of_text[0], strict=True)):
        model = Model(dict(zip(Kind, heads, strict=True)))
        for batch, rows in html.batches(np.flatnonzero(html.fold == number)):
            as_a_page = np.concatenate([p for p, *_ in predict(model, batch)])
            np.testing.assert_array_equal(found[rows], as_a_page)
    everyone = Model({Kind.HTML: of_html.head, Kind.TEXT: fit_head(text, calibrated=False).head})
    cleaned = [page.probabilities for page in Cleaner(everyone).clean_many(item.page for item in html.items)]
    assert (np.concatenate(cleaned) != found).any()  # a head that has seen the page says otherwise


def test_a_page_counts_what_its_weight_says() -> None:
    plain = items(hosts=2, pages=1)
    light = [replace(page, weight=0.5) for page in plain]
    expected = make_dataset(plain, Kind.TEXT).weight.sum() / 2
    assert make_dataset(light, Kind.TEXT).weight.sum() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ([], "no labelled pages"),
        (items(hosts=1), "at least two hosts"),
        (items() + items((Kind.HTML,), hosts=1), "labelled html pages of more hosts"),
        (items(all_junk=True), "same label"),
        (items(hosts=2, pages=1), "too few"),
        ([LabelledPage(Page("", Kind.TEXT), "x", f"h{i}") for i in range(4)], "no labelled text page"),
    ],
    ids=["none", "one host", "one host of html", "all junk", "too few lines", "empty pages"],
)
def test_pages_that_are_not_enough_are_refused(pages: list[LabelledPage], message: str) -> None:
    with pytest.raises(BadLabels, match=message):
        train(pages)
