"""A model begun from another: it takes on what labelled pages say beside it, and nothing where they say nothing new."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from cli_support import main_text, run, story, toy_model, with_network

from cleaner.adaptation import adapt
from cleaner.errors import BadLabels, BadModel
from cleaner.evaluation import score_page
from cleaner.features import Columns, compute
from cleaner.labelled import LabelledPage
from cleaner.model import Model
from cleaner.page import Kind, Page
from cleaner.pipeline import Cleaner
from cleaner.segmentation import segment

NOTICE = (
    "The editors remind all readers of story {} that comments are those of their authors alone, and of nobody else."
)
BASE = toy_model(1.5)


def page(number: int, kind: Kind = Kind.HTML) -> Page:
    """A story below which stands a notice that `BASE`, which keeps all long lines, takes for main content."""
    notice = NOTICE.format(number)
    if kind is Kind.TEXT:
        return Page(f"Home\nNews\n{main_text(number)}\nMore\n{notice}\n", kind, id=f"{number}.txt")
    html = story(number).replace("</body>", f"<div class=note><p>{notice}</p></div></body>")
    return Page(html, kind, id=f"{number}.html")


def labelled(
    count: int = 40, hosts: int = 8, kind: Kind = Kind.HTML, *, with_notice: bool = False
) -> list[LabelledPage]:
    """Pages whose golds are without the notice, or with it."""
    return [
        LabelledPage(
            page(n, kind), main_text(n) + ("\n" + NOTICE.format(n) if with_notice else ""), f"host{n % hosts}.example"
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_the_labels_say_beside_the_model_is_learnt(kind: Kind) -> None:
    training = adapt(labelled(kind=kind), BASE)
    new = page(1000, kind)
    assert NOTICE.format(1000) in Cleaner(BASE).clean(new).text
    assert Cleaner(Model.from_bytes(training.model.to_bytes())).clean(new).text.endswith(main_text(1000))
    summary = training.summaries()[str(kind)]
    assert summary["before"].f1 < 0.9 < 0.99 < summary["after"].f1
    assert training.model.about["trees_added"][str(kind)] > 0
    assert training.model.about["adapted_from"]["fingerprint"] == BASE.fingerprint


def test_where_the_model_is_right_nothing_is_added() -> None:
    training = adapt(labelled(with_notice=True), toy_model())
    assert training.model.about["trees_added"] == {"html": 0}
    assert training.scores == training.before
    new = [segment(page(n)) for n in (1000, 1001)]
    for kind in Kind:
        assert np.array_equal(training.model.head(kind).judge(new)[0], toy_model().head(kind).judge(new)[0])


def test_labels_that_follow_no_rule_add_nothing() -> None:
    items = labelled(with_notice=True)
    for n in range(0, len(items), 3):
        items[n] = LabelledPage(items[n].page, main_text(n).split("\n")[n % 2], items[n].host)
    training = adapt(items, toy_model())
    assert training.model.about["trees_added"] == {"html": 0}


def test_the_scores_are_those_of_the_base_and_of_the_trees_that_were_added() -> None:
    model = adapt(labelled(), BASE).model
    before, after = BASE.head(Kind.HTML), model.head(Kind.HTML)
    trees = model.about["trees_added"]["html"]
    assert len(before.tree) - 1 < len(after.tree) - 1 <= len(before.tree) - 1 + trees
    columns = Columns([segment(page(n)) for n in range(1000, 1010)], after.weights)
    matrix = compute(columns, after.features)
    added = after._replace(
        base=after.base - before.base,
        tree=after.tree[len(before.tree) - 1 :] - len(before.feature),
        leaf=after.leaf[len(before.leaf) - 1 :] - len(before.value),
        **{name: getattr(after, name)[len(before.feature) :] for name in ("feature", "threshold", "first", "past")},
        value=after.value[len(before.value) :],
    )
    start = columns.start
    assert np.allclose(after.scores(matrix, start), before.scores(matrix, start) + added.scores(matrix, start))


def test_a_base_with_a_network_is_judged_as_it_judges() -> None:
    heads = {kind: with_network(head, 300.0) for kind, head in toy_model(1.5).heads.items()}
    base = Model(heads)
    pages = labelled()
    before = adapt(pages, base).before[Kind.HTML]
    alone = [score_page(item, Cleaner(base).clean(item.page).text).f1 for item in pages]
    assert [score.f1 for score in before] == pytest.approx(alone)
    assert alone != pytest.approx([score_page(item, Cleaner(BASE).clean(item.page).text).f1 for item in pages])


def test_the_same_pages_seed_and_base_give_the_same_file() -> None:
    first, again = (adapt(labelled(), BASE).model.to_bytes() for _ in range(2))
    assert first == again
    assert adapt(labelled(), BASE, seed=1).model.to_bytes() != first


def test_whole_hosts_are_left_out_where_there_are_enough_of_them() -> None:
    assert "hosts left out" in adapt(labelled(hosts=5), BASE).as_text()
    few = adapt(labelled(hosts=1), BASE)
    assert "pages left out" in few.as_text()
    assert "pages left out" in few.details()
    assert few.summaries()["html"]["after"].f1 > 0.99


def test_a_kind_without_labels_stays_and_both_are_learnt_together() -> None:
    model = adapt(labelled(), BASE).model
    for name, array in BASE.head(Kind.TEXT)._asdict().items():
        assert np.array_equal(getattr(model.head(Kind.TEXT), name), array), name
    both = adapt([*labelled(), *labelled(kind=Kind.TEXT)], BASE).model
    assert set(both.about["trees_added"]) == {"html", "text"}
    assert len(both.head(Kind.TEXT).tree) > len(BASE.head(Kind.TEXT).tree)


def test_pages_of_one_kind_are_left_out_as_if_there_were_no_others() -> None:
    html = labelled(hosts=1)
    alone, beside = adapt(html, BASE), adapt([*html, *labelled(10, kind=Kind.TEXT)], BASE)
    assert alone.model.about["trees_added"]["html"] == beside.model.about["trees_added"]["html"] > 0
    assert "pages left out" in beside.as_text()
    assert "hosts left out" in beside.as_text()


def test_one_page_of_a_kind_or_an_empty_one_stops_nothing() -> None:
    for odd in (page(1, Kind.TEXT), Page("", Kind.TEXT, id="empty.txt")):
        training = adapt([*labelled(), LabelledPage(odd, main_text(1), "host0.example")], BASE)
        assert set(training.summaries()) == {"html"}
        assert training.model.about["trees_added"]["html"] > 0


def test_what_one_of_six_hosts_wants_is_not_sure() -> None:
    items = [
        LabelledPage(item.page, item.gold if n % 6 == 0 else f"{item.gold}\n{NOTICE.format(n)}", item.host)
        for n, item in enumerate(labelled(72, 6))
    ]
    for seed in range(3):
        assert adapt(items, toy_model(1.0), seed=seed).model.about["trees_added"] == {"html": 0}


@pytest.mark.parametrize("seed", [0, 2**31, 2**32 - 1])
def test_any_seed_will_do(seed: int) -> None:
    assert adapt(labelled(6, 2), BASE, seed=seed).model


def test_of_lines_that_may_stay_or_go_nothing_is_learnt() -> None:
    items = [
        LabelledPage(item.page, item.gold, item.host, optional="\n".join(segment(item.page).texts))
        for item in labelled()
    ]
    # What is in the gold counts all the same; the notice is not, and neither is anything else that goes.
    adapt(items, BASE)
    nothing = [LabelledPage(item.page, "nowhere", item.host, optional=item.optional) for item in items]
    assert adapt(nothing, BASE).model.about["trees_added"] == {"html": 0}


def test_too_few_pages_and_a_kind_that_the_base_does_not_know() -> None:
    for few in ([], labelled(1), labelled(1) * 3):
        with pytest.raises(BadLabels, match="too few labelled pages"):
            adapt(few, BASE)
    with pytest.raises(BadModel, match="not text"):
        adapt(labelled(kind=Kind.TEXT), Model({Kind.HTML: BASE.head(Kind.HTML)}))


def test_the_command_adapts_and_tells_what_it_did(tmp_path: Path) -> None:
    BASE.save(tmp_path / "base.model")
    for item in labelled(24, 3):
        folder = tmp_path / "pages" / item.host
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(item.page.id)).write_text(item.page.content)
        (folder / str(item.page.id).replace(".html", ".gold.txt")).write_text(item.gold)
    mine = tmp_path / "my.model"
    done = run("train", tmp_path / "pages", "--adapt", "-o", mine, "--model", tmp_path / "base.model", timeout=120)
    assert done.returncode == 0, done.stderr
    assert b"pages left out" in done.stdout
    assert re.search(rb"html: \d+ trees added, for pages of the same sites", done.stderr)
    assert Model.load(mine).about["adapted_from"]["fingerprint"] == BASE.fingerprint
    missing = run("train", tmp_path / "pages", "--adapt", "-o", mine, "--model", tmp_path / "no.model")
    assert missing.returncode != 0
    assert b"cannot be read" in missing.stderr
