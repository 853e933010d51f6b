"""Gold texts to line labels, the readers of labelled pages, and the checker that names what is wrong and where."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.errors import BadInput, BadLabels
from cleaner.labelled import align, as_text, check_labelled, read_labelled
from cleaner.page import Kind, Page
from cleaner.segmentation import segment
from cleaner.tokens import tokenize

FIRST = "The ferry to the northern islands left the harbour an hour late because of the fog."
SECOND = "Nobody on board complained, since the cook had opened the kitchen early."
THIRD = "The captain said that the fog would be gone by the morning of the next day."
GOLD = "\n".join((FIRST, SECOND, THIRD))


def shares(lines: list[str], gold: str) -> list[float]:
    return [round(float(value), 2) for value in align(tokenize(lines), gold)]


def labels(lines: list[str], gold: str) -> list[int]:
    return [int(value >= 0.5) for value in shares(lines, gold)]


# -- alignment ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([FIRST, SECOND, THIRD], [1, 1, 1]),
        (["Home", FIRST, "Advertisement", SECOND, "Share this story", THIRD, "© 2024"], [0, 1, 0, 1, 0, 1, 0]),
        ([FIRST, SECOND, THIRD, "More stories", FIRST], [1, 1, 1, 0, 0]),  # a teaser of the story below it
        ([SECOND, FIRST, SECOND, THIRD], [0, 1, 1, 1]),  # one above it, out of order
        ([FIRST[:40], FIRST[40:] + " " + SECOND, THIRD], [1, 1, 1]),  # other lines than the gold's
        ([f"{FIRST} {SECOND} {THIRD}"], [1]),
        (GOLD.replace(",", "").upper().split("\n"), [1, 1, 1]),  # only words count
        (
            ["of the day", "in fog", "Home", "said", FIRST, "the", SECOND, THIRD],
            [0, 0, 0, 0, 1, 0, 1, 1],
        ),
        (["", "—", FIRST, "***"], [0, 0, 1, 0]),
        (["Read more: the captain said nothing at all to our reporter", FIRST, SECOND, THIRD], [0, 1, 1, 1]),
    ],
    ids=[
        "as it is",
        "junk between",
        "teaser below",
        "teaser above",
        "cut otherwise",
        "one line",
        "case and marks",
        "short junk with words of the gold",
        "no words",
        "a run of three in junk",
    ],
)
def test_labels(lines: list[str], expected: list[int]) -> None:
    assert labels(lines, GOLD) == expected


@pytest.mark.parametrize(("junk", "true"), [("The fog", FIRST), ("The captain", THIRD)])
def test_two_words_of_the_gold_are_no_label(junk: str, true: str) -> None:
    assert labels([junk, "Advertisement", true], GOLD) == [0, 0, 1]


def test_a_sentence_twice_in_the_gold_is_labelled_twice() -> None:
    lines = [FIRST, "Advertisement", SECOND, FIRST]
    assert labels(lines, f"{FIRST}\n{SECOND}\n{FIRST}") == [1, 0, 1, 1]


def test_a_caption_that_stands_twice_is_labelled_once() -> None:
    caption = "A boat in the fog (photo)"
    assert sum(labels([caption, caption, FIRST], f"{caption}\n{FIRST}")) == 2


def test_short_true_lines_are_found() -> None:
    assert labels(["Menu", "200 g flour", "salt", "2 eggs", "Print"], "200 g flour\nsalt\n2 eggs") == [0, 1, 1, 1, 0]


def test_chinese() -> None:
    body = ["由于大雾笼罩了整个海湾，渡轮晚了一个小时。", "船上没有人抱怨，因为厨师很早就打开了厨房。"]
    lines = ["首页", body[0], "广告", body[1], "相关新闻：大雾来了", "版权所有"]
    assert labels(lines, "".join(body)) == [0, 1, 0, 1, 0, 0]


def test_part_of_a_line() -> None:
    found = shares([f"Published today by our own reporter in the north {SECOND}"], SECOND)
    assert 0.5 < found[0] < 1


@pytest.mark.parametrize(("lines", "gold"), [([], GOLD), ([FIRST], ""), ([FIRST], "—\n \n"), (["—"], GOLD), ([], "")])
def test_nothing_to_align(lines: list[str], gold: str) -> None:
    assert shares(lines, gold) == [0.0] * len(lines)


@given(st.lists(st.text("ab c中\n", max_size=12), max_size=8), st.text("ab c中\n", max_size=60))
def test_shares_are_shares(lines: list[str], gold: str) -> None:
    found = align(tokenize(lines), gold)
    assert found.shape == (len(lines),)
    assert ((found >= 0) & (found <= 1)).all()
    # Never more words matched than either side has.
    assert round(float((found * tokenize(lines).words).sum())) <= int(tokenize([gold]).words.sum())


@given(st.lists(st.text("abcde ", min_size=1, max_size=20), min_size=1, max_size=8))
def test_a_page_that_is_its_gold_is_found_whole(lines: list[str]) -> None:
    tokens = tokenize(lines)
    assert (align(tokens, "\n".join(lines)) == (tokens.words > 0)).all()


def test_labels_survive_another_segmentation() -> None:
    page = f"<nav><a href=/>Home</a></nav><p>{FIRST}<br>{SECOND}</p><div>Share</div><p>{THIRD}</p>"
    lines = segment(Page(page, Kind.HTML))
    assert labels(lines.texts, GOLD.replace("\n", " ")) == [0, 1, 1, 0, 1]


# -- reading ------------------------------------------------------------------------------------------------------


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def rows(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_read_a_folder(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "a.example/site.toml": 'host = "a.example"\nlanguage = "en"\npage_type = "article"\n'
            '[pages.two]\nlanguage = "de"\npage_type = "forum"\n',
            "a.example/one.html": f"<p>{FIRST}</p>",
            "a.example/one.txt": f"Home\n{FIRST}",
            "a.example/one.gold.txt": FIRST,
            "a.example/two.txt": SECOND,
            "a.example/two.gold.txt": SECOND,
            "a.example/two.either.txt": "A headline\nBy somebody\n",
            "b.example/three.md": f"# Title\n\n[Home](/)\n\n{THIRD}",
            "b.example/three.gold.txt": THIRD,
        },
    )
    items = read_labelled(tmp_path)
    assert [(Path(i.page.id or "").name, i.page.kind.value, i.host, i.language, i.page_type) for i in items] == [
        ("one.html", "html", "a.example", "en", "article"),
        ("one.txt", "text", "a.example", "en", "article"),
        ("two.txt", "text", "a.example", "de", "forum"),
        ("three.md", "text", "b.example", None, None),
    ]
    assert [item.page.markdown for item in items] == [False, False, False, True]
    assert [item.gold for item in items] == [FIRST, FIRST, SECOND, THIRD]
    assert [item.optional.splitlines() for item in items] == [[], [], ["A headline", "By somebody"], []]
    assert [item.page.kind for item in read_labelled(tmp_path, kind=Kind.HTML)] == [Kind.HTML]
    assert check_labelled(tmp_path) == []


MARKS = f"- Home\n? A headline\n\n+ {FIRST}\n- Advertisement\n+ {SECOND}\n"


def test_read_marked_pages(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "en/site.toml": 'language = "en"\n[pages.two]\nhost = "b.example"\n',
            "en/one.marked.txt": MARKS,
            "en/two.marked.txt": f"+ {THIRD}\n- [Home](/) | [News](/n)\n",
        },
    )
    one, two = read_labelled(tmp_path)
    assert one.page.content.splitlines() == ["Home", "A headline", "", FIRST, "Advertisement", SECOND]
    assert (one.gold, one.optional, one.marked) == (f"{FIRST}\n{SECOND}", "A headline", True)
    assert (one.host, one.language, one.page.kind) == ("en/one", "en", Kind.TEXT)
    assert (two.gold, two.optional, two.host) == (THIRD, "", "b.example")
    (alone,) = read_labelled(tmp_path / "en" / "one.marked.txt")
    assert (alone.gold, alone.host, alone.page) == (one.gold, one.host, one.page)
    assert check_labelled(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("+ One\nTwo\n", "x.marked.txt:2: error: a line begins with '+ '"),
        ("*  One\n", "x.marked.txt:1: error: a line begins with"),
        ("- One\n", "no line is marked '+'"),
        ("\n", "no text"),
    ],
)
def test_what_is_wrong_with_a_marked_page_is_said(tmp_path: Path, content: str, said: str) -> None:
    put(tmp_path, {"x.marked.txt": content})
    for path in (tmp_path, tmp_path / "x.marked.txt"):
        (finding,) = check_labelled(path)
        assert said in str(finding)
        assert finding.severity == "error"


ROW = {"id": "x1", "html": f"<p>{FIRST}</p>", "gold": FIRST, "host": "h.example", "lang": "en", "page_type": "article"}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_read_json_lines(tmp_path: Path, name: str) -> None:
    content = rows(ROW, {"text": SECOND, "gold": SECOND, "dataset": "d", "gold_by": "tool output, checked"}) + "\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    for source in (path, str(path), [path], tmp_path):
        one, two = read_labelled(source)
        assert (one.page.kind, one.page.id, one.host, one.language, one.page_type) == (
            Kind.HTML, "x1", "h.example", "en", "article",
        )  # fmt: skip
        assert (two.page.kind, two.page.id, two.dataset, two.weight) == (Kind.TEXT, f"{path}:2", "d", 0.5)
        assert two.host
        assert one.weight == 1


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        "3",
        "null",
        '"x"',
        '{"gold": "x"}',
        '{"html": "x"}',
        '{"text": 3, "gold": "x"}',
        '{"text": "x", "gold": null}',
        '{"text": "x", "gold": ["x"]}',
        '{"text": "x", "gold": "x", "lang": ["en"]}',
        '{"text": "x", "gold": "x", "url": 3}',
        "[" * 100_000,
        "NaN",
        "\x00",
    ],
    ids=lambda row: row[:30],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(rows(ROW) + "\n" + row + "\n")
    with pytest.raises(BadLabels) as error:
        read_labelled(path)
    assert str(error.value).startswith(f"{path}:3: ")
    (finding,) = check_labelled(path)
    assert f"{path}:3" in str(finding)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"\xff\xfe\x00"),
        ("a.jsonl.gz", b"not gzip"),
        ("a.jsonl.gz", gzip.compress(rows(ROW).encode() * 50)[:-20]),
        ("a.jsonl.gz", gzip.compress(rows(ROW).encode())[:20] + b"\x13\x37" * 40),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadLabels, match=name):
        read_labelled(tmp_path / name)


def test_what_is_not_there(tmp_path: Path) -> None:
    for read in (read_labelled, check_labelled):
        with pytest.raises(BadInput, match="no such file or folder"):
            read(tmp_path / "none")
    with pytest.raises(BadLabels, match=r"story\.html"):
        read_labelled(tmp_path)


@pytest.mark.parametrize("content", ["host = ", "pages = 3", '[pages]\nstory = "x"', "pages = [1]"])
def test_a_bad_site_file_is_named(tmp_path: Path, content: str) -> None:
    put(tmp_path, {"s/site.toml": content, "s/story.txt": FIRST, "s/story.gold.txt": FIRST})
    with pytest.raises(BadLabels, match=r"site\.toml"):
        read_labelled(tmp_path)
    assert "site.toml" in str(check_labelled(tmp_path)[-1])


def test_as_text_throws_the_html_away() -> None:
    (item,) = read_labelled_from(ROW | {"html": f"<ul><li>Home</ul><p>{FIRST}</p>"})
    plain = as_text(item)
    assert plain.page.kind is Kind.TEXT
    assert plain.page.content == f"Home\n{FIRST}"
    assert (plain.gold, plain.host) == (item.gold, item.host)
    assert as_text(plain) is plain


def read_labelled_from(*values: Any) -> list[Any]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text(rows(*values))
        return read_labelled(path)


# -- the checker --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"s/lone.html": FIRST}, [("s/lone.html", None, "without its gold")]),
        ({"s/lone.gold.txt": FIRST}, [("s/lone.gold.txt", None, "without its page")]),
        ({"s/lone.either.txt": FIRST}, [("s/lone.either.txt", None, "belongs to no gold")]),
        ({"s/e.html": "<p></p>", "s/e.gold.txt": FIRST}, [("s/e.html", None, "no text")]),
        ({"s/e.txt": "\n \n", "s/e.gold.txt": FIRST}, [("s/e.txt", None, "no text")]),
        ({"s/e.txt": FIRST, "s/e.gold.txt": " \n"}, [("s/e.gold.txt", None, "gold is empty")]),
        (
            {"s/g.txt": f"{FIRST}\n{THIRD}", "s/g.gold.txt": f"{FIRST}\n\n{SECOND}\n{THIRD}"},
            [("s/g.gold.txt", 3, "not found")],
        ),
        (
            {"s/a.txt": FIRST, "s/a.gold.txt": FIRST, "t/b.txt": FIRST + "\n", "t/b.gold.txt": FIRST},
            [("t/b.txt", None, "the same page as")],
        ),
    ],
    ids=[
        "no gold",
        "no page",
        "either of nothing",
        "empty page",
        "blank page",
        "empty gold",
        "not on its page",
        "twice",
    ],
)
def test_each_fault_is_found_where_it_is(
    tmp_path: Path, files: dict[str, str], expected: list[tuple[str, int | None, str]]
) -> None:
    put(tmp_path, {"ok/fine.txt": SECOND + "\nHome", "ok/fine.gold.txt": SECOND, **files})
    found = check_labelled(tmp_path)
    assert len(found) == len(expected)
    for finding, (name, line, message) in zip(found, expected, strict=True):
        assert finding.path == str(tmp_path / name)
        assert message in finding.message
        assert finding.severity == "error"
        if line is not None:
            assert finding.line == line
            assert str(finding).startswith(f"{tmp_path / name}:{line}: error: ")


def test_gold_lines_in_another_order_than_the_page_are_found(tmp_path: Path) -> None:
    put(tmp_path, {"s/o.txt": f"{FIRST}\n{SECOND}", "s/o.gold.txt": f"{SECOND}\n{FIRST}"})
    (finding,) = check_labelled(tmp_path)
    assert finding.path == str(tmp_path / "s/o.gold.txt")
    assert "in this order" in finding.message


def test_a_folder_of_pages_without_gold_names_each(tmp_path: Path) -> None:
    put(tmp_path, {"a.html": FIRST, "b.txt": FIRST})
    messages = [str(finding) for finding in check_labelled(tmp_path)]
    assert any("a.html" in message for message in messages)
    assert any("b.txt" in message for message in messages)


def test_the_fixtures_of_the_repository_are_read() -> None:
    items = read_labelled(Path(__file__).parent.parent / "fixtures")
    assert len(items) >= 60
    sites: dict[str, set[str]] = {}
    for item in items:
        sites.setdefault(item.host, set()).add(Path(item.page.id or "").stem)
    assert len([site for site, pages in sites.items() if len(pages) >= 4]) >= 12
    assert len({item.language for item in items}) >= 5
    kept = np.mean([align(tokenize(segment(item.page).texts), item.gold).any() for item in items])
    assert kept == 1


def test_rows_of_one_site_have_one_host(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    urls = ["https://www.Example.org/a", "http://example.org/b"]
    path.write_text("".join(json.dumps({"html": "<p>x", "gold": "x", "url": url}) + "\n" for url in urls))
    hosts = ["www.example.ORG", "example.org", "example.org.", "example.org:8080", "www."]
    with path.open("a") as rows:
        rows.writelines(json.dumps({"html": "<p>x", "gold": "x", "host": host}) + "\n" for host in hosts)
    assert [item.host for item in read_labelled(path)] == ["example.org"] * 6 + ["www."]
    put(tmp_path / "sites", {"www.Example.org/a.html": "<p>x", "www.Example.org/a.gold.txt": "x"})
    put(tmp_path / "sites", {"b/b.html": "<p>x", "b/b.gold.txt": "x", "b/site.toml": 'host = "Example.org"'})
    assert {item.host for item in read_labelled(tmp_path / "sites")} == {"example.org"}


def test_every_line_without_a_mark_is_found(tmp_path: Path) -> None:
    put(tmp_path, {"a.marked.txt": "+ Good.\nbad\n- Junk\nworse\n", "b/c.marked.txt": "+ Good.\n* no mark\n"})
    found = [(finding.path, finding.line) for finding in check_labelled(tmp_path)]
    assert found == [(str(tmp_path / "a.marked.txt"), 2), (str(tmp_path / "a.marked.txt"), 4),
                     (str(tmp_path / "b/c.marked.txt"), 2)]  # fmt: skip
    assert [finding.line for finding in check_labelled(tmp_path / "b/c.marked.txt")] == [2]


def test_a_site_file_says_what_a_page_counts(tmp_path: Path) -> None:
    site = "weight = 0.25\n[pages]\nb = { weight = 2 }\n"
    put(tmp_path, {"s/site.toml": site, "s/a.txt": FIRST, "s/a.gold.txt": FIRST, "s/b.marked.txt": f"+ {SECOND}"})
    assert [item.weight for item in read_labelled(tmp_path)] == [0.25, 2]


@pytest.mark.parametrize("weight", ["0", "-1", "true", '"much"', "nan", "1e9"])
def test_a_weight_that_is_none_is_named(tmp_path: Path, weight: str) -> None:
    put(tmp_path, {"s/site.toml": f"weight = {weight}\n", "s/a.txt": FIRST, "s/a.gold.txt": FIRST})
    with pytest.raises(BadLabels, match=r"site\.toml: 'weight' must be a number above 0"):
        read_labelled(tmp_path)


def test_a_line_without_a_mark_hides_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, {"a.marked.txt": "bad\n", "b.txt": "", "b.gold.txt": FIRST})
    assert [Path(finding.path).name for finding in check_labelled(tmp_path)] == ["a.marked.txt", "b.txt"]


def labelled_folder(folder: Path, **more: str) -> Path:
    for name, content in {"a.html": f"<p>{FIRST}</p><p>Home</p>", "a.gold.txt": FIRST, **more}.items():
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    "content", ['page_type = ["a", "b"]', "language = 5", "language = 2024-01-01", "[pages.a]\nhost = {a = 1}"]
)
def test_a_site_file_with_a_fact_that_is_no_string_is_named(tmp_path: Path, content: str) -> None:
    labelled_folder(tmp_path, **{"site.toml": content})
    with pytest.raises(BadLabels, match=r"site\.toml: '(page_type|language|host)' must be a string"):
        read_labelled(tmp_path)
    (finding,) = check_labelled(tmp_path)
    assert "must be a string" in finding.message


def test_a_gold_that_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    labelled_folder(tmp_path, **{"b.html": f"<p>{SECOND}</p>", "b.gold.txt": "", "c.html": f"<p>{THIRD}</p>"})
    (tmp_path / "c.gold.txt").symlink_to(tmp_path / "gone.txt")
    (tmp_path / "d.gold.txt").mkdir()
    found = {(Path(finding.path).name, finding.message) for finding in check_labelled(tmp_path)}
    assert found == {
        ("b.gold.txt", "the gold is empty"),
        ("c.gold.txt", "cannot be read: no such file or directory"),
        ("d.gold.txt", "cannot be read: is a directory"),
    }


def test_a_page_beside_its_marked_copy_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text(f"{FIRST}\nHome\n")
    (tmp_path / "story.marked.txt").write_text(f"+ {FIRST}\n- Home\n")
    assert check_labelled(tmp_path) == []


def test_rows_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": GOLD, "gold": GOLD}) + "\n", encoding="utf-8-sig")
    assert [item.gold for item in read_labelled(path)] == [GOLD]
