"""The benchmark scripts: peers that hang or crash, public layouts, classes of error, stored predictions."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_support import MORE, PROSE, cleaned, main_text, story, toy_model
from click import ClickException
from click.testing import CliRunner
from moody_peers import load_broken, load_moody

from cleaner.errors import BadInput, BadLabels
from cleaner.labelled import LabelledPage, read_labelled
from cleaner.page import CleanedPage, Kind, Page
from cleaner.pipeline import Cleaner
from cleaner.training import make_dataset

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from converters import converters  # noqa: E402
from converters import main as convert  # noqa: E402
from layouts import read_pages, write_answers  # noqa: E402
from losses import wrong_lines  # noqa: E402
from peers import HTML_PEERS, run_peer, run_peers, with_peers  # noqa: E402
from predictions import load_predictions, save_predictions  # noqa: E402
from quality import main  # noqa: E402
from scrapes import compare, read_page  # noqa: E402
from scrapes import main as scrapes  # noqa: E402
from tables import class_table, examples, page_listing, report_table  # noqa: E402

from cleaner.evaluation import Report, score_page  # noqa: E402


def page(content: str = "<p>x", gold: str = "x", name: str = "p", **more: str) -> LabelledPage:
    return LabelledPage(Page(content, Kind.HTML, id=name), gold, "h", **more)  # type: ignore[arg-type]


# -- peers --------------------------------------------------------------------------------------------------------


def test_a_peer_that_fails_hangs_or_crashes_is_counted_and_the_run_goes_on() -> None:
    names = ["one", "raise", "loop", "two", "exit", "segfault", "three"]
    items = [page(name, gold=f"{name} en", language="en") for name in names]
    answers = run_peer(items, load_moody, cpu_limit=0.5)
    assert answers.texts == ["one en", None, None, "two en", None, None, "three en"]
    assert answers.errors[1] == "ValueError: not | this page"
    assert answers.errors[2] == "over 0.5 s of CPU"
    assert answers.errors[4] == "crashed, exit code 3"
    assert answers.errors[5].startswith("crashed")
    assert answers.seconds >= 0.5

    report = with_peers(Report({}, {}), items, {"moody": answers})
    found = report.summaries["moody"]
    assert (found.pages, found.failed, found.empty, found.exact) == (7, 4, 4, 3 / 7)
    assert "| moody | 7 |" in report_table(report, [])


def test_a_peer_that_sleeps_is_not_waited_for() -> None:
    answers = run_peer([page("sleep")], load_moody, wall_limit=1)
    assert (answers.texts, answers.errors) == ([None], {0: "no answer in 1 s"})


def test_a_peer_that_does_not_start_ends_the_run_with_a_message() -> None:
    with pytest.raises(RuntimeError, match="bench"):
        run_peers([page()], {"broken": load_broken})


def test_peers_side_by_side_give_what_they_give_one_by_one() -> None:
    items = [page("one", language="de"), page("raise"), page("two")]
    loads = {"a": load_moody, "b": load_moody}
    both, single = run_peers(items, loads, jobs=2), run_peers(items, loads)
    assert [both[name].texts for name in loads] == [single[name].texts for name in loads]
    assert both["b"].texts == ["one de", None, "two None"]


TORN = (
    "<html><head><title>Fog</title></head><body><article><p>A har<b>bour</b> that <a href=/x>the fog</a> has covered, "
    f"and {PROSE} {MORE}</p><p>Second&nbsp;paragraph. {PROSE}</p><ul><li>alpha</li><li>beta</li></ul><p>{PROSE}</p>"
    f"<p>{PROSE} {MORE}</p></article></body></html>"
)


@pytest.mark.parametrize("name", HTML_PEERS)
def test_real_peers_neither_glue_nor_tear_words(name: str) -> None:
    module = {"readability-lxml": "readability", "newspaper4k": "newspaper"}.get(name, name.split()[0].lower())
    pytest.importorskip(module)
    text = HTML_PEERS[name]()(TORN, "en")
    assert "A harbour that the fog has covered" in " ".join(text.split())
    assert "bay.Second" not in text and "alphabeta" not in text


# -- public layouts -----------------------------------------------------------------------------------------------


def make_wcxb(clone: Path) -> None:
    for split, keys in (("dev", ["0001", "0002"]), ("test", ["0001"])):
        (clone / split / "ground-truth").mkdir(parents=True)
        (clone / split / "html").mkdir()
        for number, key in enumerate(keys):
            row = {
                "schema_version": "2.0",
                "url": f"https://www.site{number}.example/x",
                "file_id": key,
                "_internal": {"page_type": {"primary": "category" if number else "forum", "tags": []}},
                "ground_truth": {"title": "T", "main_content": main_text(number), "with": [], "without": []},
            }
            (clone / split / "ground-truth" / f"{key}.json").write_text(json.dumps(row))
            (clone / split / "html" / f"{key}.html.gz").write_bytes(gzip.compress(story(number).encode()))


def make_articles(clone: Path) -> None:
    (clone / "html").mkdir(parents=True)
    keys = ["0a" * 32, "1b" * 32]
    gold = {key: {"articleBody": main_text(n), "url": f"http://m.x{n}.example/a"} for n, key in enumerate(keys)}
    del gold[keys[1]]["url"]
    (clone / "ground-truth.json").write_text(json.dumps(gold))
    for number, key in enumerate(keys):
        (clone / "html" / f"{key}.html.gz").write_bytes(gzip.compress(story(number).encode()))


def test_wcxb_clone_is_read_and_answered(tmp_path: Path) -> None:
    make_wcxb(tmp_path)
    items = read_pages([tmp_path])
    assert [item.page.id for item in items] == ["dev/0001", "dev/0002", "test/0001"]
    assert [item.page_type for item in items] == ["forum", "collection", "forum"]
    assert [item.host for item in items] == ["site0.example", "site1.example", "site0.example"]
    assert items[1].gold == main_text(1) and "Ferry number 1" in items[1].page.content
    assert [item.page.id for item in read_pages([tmp_path / "test"])] == ["test/0001"]

    written = write_answers(tmp_path, {item.page.id or "": item.gold for item in items})
    assert [path.name for path in written] == ["cleaner-dev.json", "cleaner-test.json"]
    # What evaluate.py --results reads: its ids are the stems of the ground truth's files.
    assert json.loads(written[0].read_text()) == {"0001": main_text(0), "0002": main_text(1)}


def test_article_extraction_benchmark_clone_is_read_and_answered(tmp_path: Path) -> None:
    make_articles(tmp_path)
    items = read_pages([tmp_path])
    assert [item.host for item in items] == ["x0.example", "1b" * 32]
    assert {item.dataset for item in items} == {"article-extraction-benchmark"}
    (path,) = write_answers(tmp_path, {item.page.id or "": item.gold for item in items})
    assert path == tmp_path / "output" / "cleaner.json"
    # What its evaluate.py asks for: the same keys as the ground truth, and a text under articleBody.
    truth, answers = json.loads((tmp_path / "ground-truth.json").read_text()), json.loads(path.read_text())
    assert truth.keys() == answers.keys()
    assert all(answers[key]["articleBody"] == truth[key]["articleBody"] for key in truth)


@pytest.mark.parametrize("make", [make_wcxb, make_articles])
def test_predict_writes_the_cleaners_answers_into_a_clone(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "clone")
    toy_model().save(tmp_path / "toy.model")
    result = CliRunner().invoke(main, ["predict", str(tmp_path / "clone"), "--model", str(tmp_path / "toy.model")])
    assert result.exit_code == 0, result.output
    first = json.loads(Path(result.output.split()[0]).read_text())
    texts = [row if isinstance(row, str) else row["articleBody"] for row in first.values()]
    assert texts == [main_text(0), main_text(1)]


def test_an_incomplete_clone_is_named(tmp_path: Path) -> None:
    make_articles(tmp_path)
    next((tmp_path / "html").iterdir()).unlink()
    with pytest.raises(BadLabels, match=r"html\.gz.*complete"):
        read_pages([tmp_path])
    with pytest.raises(BadInput, match="neither"):
        write_answers(tmp_path / "html", {})


# -- classes of error ---------------------------------------------------------------------------------------------

LEAD = "<title>Late ferry in the fog</title><main><p>The ferry left the harbour late because of the fog over the bay."
GOLD = "The ferry left the harbour late because of the fog over the bay."
EXTRA = "I was on that boat and they handed out soup to every one of us, which was kind of them in the end."
KEPT_CLASSES = [
    ("comment thread", f"<div class=comment-list><article><p>{EXTRA}</article></div>"),
    ("another article", f"<article><p>{EXTRA}</article>"),
    ("related or teasers", f"<div id=relatedPosts><p>{EXTRA}</div>"),
    ("hidden element", f"<div style='display:none'><p>{EXTRA}</div>"),
    ("copy of a kept line", f"<aside><p>{GOLD}</aside>"),
    ("navigation", "<ul class=main-menu><li>All boats of the islands</ul>"),
    ("legal or company", "<footer>Ferries of the north since 1902</footer>"),
    ("title", "<h1>Late ferry in the fog</h1>"),
    ("caption or credit", "<figure><figcaption>Boats at rest in a bay</figcaption></figure>"),
    ("share or advertisement", "<p>Advertisement"),
    ("heading", "<h2>All boats go north again</h2>"),
    ("links, nothing known", "<p><a href=/x>All boats go north again</a>"),
    ("short line after it", "<p>All boats go north again"),
    ("prose after it", f"<p>{EXTRA}"),
    ("prose after it, in its container", f"<div><p>{GOLD}</p><p>{EXTRA}</p></div>"),
    ("table after it", "<table><tr><td>Boat<td>Hour</table>"),
]


@pytest.mark.parametrize(("kind", "html"), KEPT_CLASSES)
def test_classes_of_what_was_kept_wrongly(kind: str, html: str) -> None:
    gold = f"{GOLD}\n{GOLD}" if "container" in kind else GOLD
    item = page(f"{LEAD}</main>{html}", gold)
    score, wrongs = wrong_lines(item, cleaned(item.page.content))
    assert [(wrong.side, wrong.kind) for wrong in wrongs] == [("kept", kind)]
    assert wrongs[0].loss == pytest.approx(1 - score.f1)


LOST_CLASSES = [
    ("heading", "<h2>All boats go north again</h2>"),
    ("list items", "<ul><li>All boats go north again</ul>"),
    ("table", "<table><tr><td>All boats go<td>north again</table>"),
    ("code", "<pre>All boats go north again</pre>"),
    ("quote", "<blockquote>All boats go north again</blockquote>"),
    ("linked lines", "<p><a href=/x>All boats go north again</a>"),
    ("hidden element", "<div hidden><p>All boats go north again</div>"),
    ("in noscript", "<noscript><p>All boats go north again</noscript>"),
    ("comment or post", "<div class=comments><p>All boats go north again</div>"),
    ("in shop", "<div class=price-box><p>All boats go north again</div>"),
    ("short line after it", "<p>All boats go north again"),
    (
        "in JSON-LD only",
        '<script type="application/ld+json">{"a": "All boats\\n<b>go<\\/b> north again"}</script>',
    ),
    ("in another script only", "<script>x = {t: 'All boats go north again'}</script>"),
    ("elsewhere in the HTML", "<meta name=description content='All boats go north again'>"),
    ("on the page, in another order or cut", "<p>All boats go north</p><p>again"),
    ("not in the HTML", ""),
]


@pytest.mark.parametrize(("kind", "html"), LOST_CLASSES)
def test_classes_of_what_was_lost(kind: str, html: str) -> None:
    gold = f"{GOLD}\nAll boats go north again"
    if "order" in kind:
        html, gold = "<p>Three boats go north</p><p>All boats go north again", f"All boats go north again\n{GOLD}"
        item = page(f"{html}<p>{GOLD}", "All boats go north again\n" + GOLD + "\nThree boats go north")
        result = cleaned(item.page.content, drop="Three boats go north")
    else:
        item = page(f"{LEAD}</main>{html}", gold)
        result = cleaned(item.page.content)
        result.kept[1:] = False
    score, wrongs = wrong_lines(item, result)
    assert {wrong.kind for wrong in wrongs} == {kind}
    assert {wrong.side for wrong in wrongs} == {"lost"}
    assert sum(wrong.loss for wrong in wrongs) == pytest.approx(1 - score.f1)


def test_a_page_of_which_nothing_was_kept_is_one_class() -> None:
    item = page(f"{LEAD}<h2>All boats go north again</h2>", f"{GOLD}\nAll boats go north again")
    result = cleaned(item.page.content)
    result.kept[:] = False
    assert {wrong.kind for wrong in wrong_lines(item, result)[1]} == {"nothing of the page kept"}


def test_the_losses_of_a_page_add_up_to_its_loss() -> None:
    items = read_labelled(ROOT / "fixtures", kind=Kind.HTML)
    total = 0.0
    for item in items:
        for p in (0.0, 1.0):
            lines = cleaned(item.page.content).segmented
            kept = np.arange(len(lines)) % 3 == p
            score, wrongs = wrong_lines(item, CleanedPage(item.page, 0.5, lines, kept.astype(np.float32), kept))
            assert sum(wrong.loss for wrong in wrongs) == pytest.approx(1 - score.f1, abs=1e-6)
            assert all(wrong.loss >= 0 for wrong in wrongs)
            total += 1 - score.f1
    assert total > 1


def test_tables_of_classes() -> None:
    item = page(f"{LEAD}</main><div class=comments><p>{EXTRA}</div>", GOLD, page_type="article")
    right = page(LEAD, GOLD, name="q", page_type="forum")
    judged = [wrong_lines(each, cleaned(each.page.content)) for each in (item, right)]
    points = 100 * (1 - judged[0][0].f1)
    assert f"| kept: comment thread | 100.0% | {points / 2:.2f} | 1 | 1 |" in class_table(judged)
    assert f"| kept: comment thread | {points:.2f} | 0.00 |" in class_table(judged, "page_type")
    assert EXTRA[:50] in examples(judged, 5, 2)
    assert "[comment thread]" in page_listing(*judged[0])


# -- stored predictions, and the command --------------------------------------------------------------------------


def test_stored_predictions_give_the_same_pages_and_notice_other_lines(tmp_path: Path) -> None:
    items = [LabelledPage(Page(story(n), Kind.HTML, id=str(n)), main_text(n), f"h{n}", dataset="d") for n in range(3)]
    data = make_dataset(items, Kind.HTML)
    pages = list(Cleaner(toy_model()).clean_many(item.page for item in data.items))
    save_predictions(tmp_path / "p.npz", data, np.concatenate([each.probabilities for each in pages]))
    found = list(load_predictions(tmp_path / "p.npz", items[1:]))
    assert [item.page.id for item, _ in found] == ["1", "2"]
    assert [each.text for _, each in found] == [main_text(1), main_text(2)]
    assert found[0][1].confidence == pytest.approx(pages[1].confidence)
    other = LabelledPage(Page(story(7), Kind.HTML, id="1"), "x", "h", dataset="d")
    with pytest.raises(BadInput, match="folds --save"):
        list(load_predictions(tmp_path / "p.npz", [other]))


def test_the_peers_command_writes_tables_json_and_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    make_wcxb(tmp_path / "clone")
    toy_model().save(tmp_path / "toy.model")
    args = ["peers", str(tmp_path / "clone"), "--model", str(tmp_path / "toy.model"), "--only", "trafilatura"]
    args += ["--json", str(tmp_path / "r.json"), "--plot", str(tmp_path / "r.png")]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    rows = {line.split("|")[1].strip(): line for line in result.output.splitlines() if line.startswith("|")}
    assert {"cleaner", "keep all", "trafilatura", "forum", "collection", "wcxb", "en"} <= set(rows)
    assert "| 3 | 1.0000" in rows["cleaner"]
    stored = json.loads((tmp_path / "r.json").read_text())
    assert stored["overall"]["cleaner"]["exact"] == 1
    assert set(stored["by_dataset"]["wcxb"]) == {"cleaner", "keep all", "trafilatura"}
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(main, [*args, "--only", "nobody"]).exit_code == 2


def test_the_worst_command_lists_lines_and_classes(tmp_path: Path) -> None:
    make_wcxb(tmp_path / "clone")
    path = tmp_path / "clone" / "dev" / "html" / "0001.html.gz"
    path.write_bytes(gzip.compress(story(0).replace("</body>", f"<div class=comments><p>{EXTRA}</div>").encode()))
    toy_model().save(tmp_path / "toy.model")
    args = ["worst", str(tmp_path / "clone"), "--model", str(tmp_path / "toy.model"), "--pages", "1", "--examples", "1"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    assert "| kept: comment thread | 100.0% |" in result.output
    assert "== dev/0001 forum" in result.output
    assert result.output.rstrip().endswith(f"[comment thread] {EXTRA}")


def test_failures_are_scored_as_empty_output() -> None:
    assert score_page(page(gold="a b c d"), "", failed=True).f1 == 0


# -- scrapes, line by line ----------------------------------------------------------------------------------------


def test_a_cleaner_is_held_against_the_marks_of_a_page(tmp_path: Path) -> None:
    path = tmp_path / "en-1.txt"
    path.write_text(
        "- Home\n? A headline\n\n+ One two three.\n- More\n+ One two three.\n+ Four.\n- Home\n", encoding="utf-8"
    )
    text, rows = read_page(path)
    assert text.splitlines() == ["Home", "A headline", "", "One two three.", "More", "One two three.", "Four.", "Home"]
    perfect = compare(rows, "One two three.\n\nOne two three.\nFour.")
    assert perfect == compare(rows, "A headline\nOne two three.\nOne two three.\nFour.") == (1.0, [], [])
    assert compare(rows, text) == (14 / 17, [], ["Home", "More", "Home"])
    assert compare(rows, "Home\nFour.\nNot of the page") == (2 / 9, ["One two three."] * 2, ["Home"])
    assert compare(rows, "").f1 == 0
    path.write_text("+ One\nTwo\n", encoding="utf-8")
    with pytest.raises(ClickException, match=r"en-1\.txt:2: a line begins with"):
        read_page(path)


def test_scrapes_are_marked_and_the_command_counts_them() -> None:
    done = CliRunner().invoke(scrapes, ["score"], catch_exceptions=False)
    assert done.exit_code == 0
    for name, count, table in zip(
        ("mixed", "ordinary", "tricky"), (40, 52, 93), done.stdout.split("\n\n"), strict=False
    ):
        paths = sorted((ROOT / "benchmarks" / "scrapes" / name).rglob("*.marked.txt"))
        pages = [read_page(path)[1] for path in paths]
        assert len(pages) == count
        for lines in pages:
            assert {"+", "-"} <= {line.mark for line in lines}
        rows = {cells[1].strip(): cells for row in table.splitlines() if len(cells := row.split("|")) > 5}
        assert name in rows
        story, other = (sum(line.mark == mark for page in pages for line in page) for mark in "+-")
        assert rows["keep all"][4].split() == ["0", "of", str(story)]
        assert rows["keep all"][5].split() == [str(other), "of", str(other)]
        assert float(rows["cleaner"][3]) > float(rows["C4 rules"][3]) + 0.05
        assert float(rows["cleaner"][3]) > float(rows["keep all"][3]) + 0.05


def test_what_real_converters_write_is_scored_by_converter(tmp_path: Path) -> None:
    pytest.importorskip("resiliparse", reason="the bench extra brings it")
    (tmp_path / "a.html").write_text(story(1))
    (tmp_path / "a.gold.txt").write_text(main_text(1))
    toy_model().save(tmp_path / "toy.model")
    done = CliRunner().invoke(convert, [str(tmp_path), "--model", str(tmp_path / "toy.model")], catch_exceptions=False)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.output.splitlines()]
    assert [row[0] for row in rows] == ["word F1", "---", *(name for name, _ in converters()), "mean"]
    assert rows[0][3:5] == ["cleaner", "keep all"]
    of = dict(zip((row[0] for row in rows), rows, strict=True))["resiliparse, whole page"]
    assert of[1:3] == ["1", "0"]
    assert [float(value) for value in of[4:5]] != [1.0], of
    assert float(of[-1]) > 0.9, of
