"""Cleaned pages as Markdown and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_support import cleaned
from hypothesis import given
from hypothesis import strategies as st

from cleaner.labelled import read_marks
from cleaner.output import as_explained_text, as_markdown, as_marks, as_record, front_matter, language, metadata
from cleaner.page import CleanedPage, Kind, Page
from cleaner.segmentation import segment

MARKDOWN = [
    ("<h1>Title</h1><p>One.</p><h3>Part</h3><p>Two.</p>", "# Title\n\nOne.\n\n### Part\n\nTwo."),
    ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "- a\n- b\n  - c\n- d"),
    ("<ol><li>a<li>b<ol><li>c</ol><li>d</ol>", "1. a\n2. b\n   1. c\n3. d"),
    ("<ol><li>a<ul><li>c</ul><li>d</ol>", "1. a\n   - c\n2. d"),
    ("<blockquote><p>One.</p><p>Two.</p></blockquote><p>Out.</p>", "> One.\n>\n> Two.\n\nOut."),
    (
        "<table><tr><th>City<th>People<tr><td>Bergen<td>285,000<tr><td>a|b<td>*</table>",
        "| City | People |\n| --- | --- |\n| Bergen | 285,000 |\n| a\\|b | \\* |",
    ),
    ("<pre>def f():\n    return 1</pre><p>Text</p>", "```\ndef f():\n    return 1\n```\n\nText"),
    ("<pre>```\nx\n```</pre>", "````\n```\nx\n```\n````"),
    ("<dl><dt>Salt<dd>A pinch.</dl>", "**Salt**\n\nA pinch."),
    ("<p>one<br>two</p>", "one\n\ntwo"),
]


@pytest.mark.parametrize(("html", "markdown"), MARKDOWN)
def test_structure(html: str, markdown: str) -> None:
    assert as_markdown(cleaned(html)) == markdown


ESCAPED = [
    ("2 * 3 * 4", r"2 \* 3 \* 4"), ("snake_case and _this_", r"snake_case and \_this\_"),
    ("# not a heading", r"\# not a heading"),
    ("- not a list", r"\- not a list"), ("1. not a list", r"1\. not a list"), ("1984. A year.", r"1984\. A year."),
    ("> no quote", r"\> no quote"), ("[x](y)", r"\[x](y)"), ("[1] a note", "[1] a note"),
    ("a &lt;b&gt; c", r"a \<b> c"),
    ("AT&amp;T and &amp;amp;", r"AT&T and \&amp;"), ("`code`", r"\`code\`"), ("===", r"\==="), ("1 < 2", "1 < 2"),
    ("10.5 percent", "10.5 percent"), ("#hashtag", "#hashtag"), ("C:\\*", r"C:\\\*"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "markdown"), ESCAPED)
def test_marks_in_the_text_do_not_become_markdown(text: str, markdown: str) -> None:
    assert as_markdown(cleaned(f"<p>{text}</p>")) == markdown


def test_a_dropped_line_between_rows_ends_the_table() -> None:
    html = "<table><tr><td>a<td>b</table><p>ad</p><table><tr><td>c<td>d</table>"
    assert as_markdown(cleaned(html, drop="ad")).count("| --- |") == 2


BROKEN_CELLS = [
    (
        "<table><tr><th>Who<th>Where<tr><td>Ann<td>Main Street 1<br>12345 <b>Town</b><tr><td>Bo<td>here</table>",
        "| Who | Where |\n| --- | --- |\n| Ann | Main Street 1 12345 Town |\n| Bo | here |",
    ),
    (
        "<table><tr><th>Who<th>Where<tr><td>Ann<br>Lee<td><p>a<br>b<br>c</p><tr><td>-<td>d<br>e|f</table>",
        "| Who | Where |\n| --- | --- |\n| Ann Lee | a b c |\n| - | d e\\|f |",
    ),
    # A table of such rows alone is there for the layout, as are cells of several blocks,
    # of other lines or alone.
    ("<table><tr><td>Home<br>News<td>One.<br>Two.</table>", "Home\n\nNews\n\nOne.\n\nTwo."),
    (
        "<table><tr><th>A<th>B<tr><td>c<td>d<tr><td><p>e</p><p>f</p><td>g</table>",
        "| A | B |\n| --- | --- |\n| c | d |\n\ne\n\nf\n\ng",
    ),
    (
        "<table><tr><th>A<th>B<tr><td>c<td>d<tr><td>e<ul><li>f</ul>g<td>h</table>",
        "| A | B |\n| --- | --- |\n| c | d |\n\ne\n\n- f\n\ng\n\nh",
    ),
    (
        "<table><tr><th>A<th>B<tr><td>c<td>d<tr><td>e<br>f<td><ul><li>g</ul></table>",
        "| A | B |\n| --- | --- |\n| c | d |\n\ne\n\nf\n\n- g",
    ),
]


@pytest.mark.parametrize(("html", "markdown"), BROKEN_CELLS)
def test_a_line_break_in_a_cell_leaves_its_row_in_the_table(html: str, markdown: str) -> None:
    assert as_markdown(cleaned(html)) == markdown


NUMBERED = [
    ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
    ("<ol><li>a<li value=9>b<li>c<ol start=0><li>d</ol><li>e</ol>", "1. a\n9. b\n10. c\n    0. d\n11. e"),
    ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
    ("<ol reversed start=1><li>a<li>b<li>c</ol>", "1. a\n0. b\n0. c"),
    ("<ol start=x><li>a<li value=9999999999>b</ol>", "1. a\n2. b"),
    ("<ol start=999999999><li>a<li>b</ol>", "999999999. a\n999999999. b"),
]


@pytest.mark.parametrize(("html", "markdown"), NUMBERED)
def test_items_have_the_numbers_of_the_page(html: str, markdown: str) -> None:
    assert as_markdown(cleaned(html)) == markdown


SPANS = [
    (
        "<table><tr><th>Country<th>Year<th>Won<tr><td rowspan=2>Norway<td>1994<td>x<tr><td>1998<td>y"
        "<tr><td>a<td>b<td>c</table>",
        ["Norway | 1994 | x", " | 1998 | y", "a | b | c"],
    ),
    ("<table><tr><th>A<th>B<th>C<tr><td colspan=2>d<td>e<tr><td>f<td>g<td>h</table>", ["d |  | e", "f | g | h"]),
    ("<table><tr><th>A<th>B<tr><td rowspan=0>d<td>e<tr><td>f<tr><td>g</table>", ["d | e", " | f", " | g"]),
    (
        "<table><tr><th>A<th>B<tbody><tr><td rowspan=9>d<td>e<tr><td>f<tbody><tr><td>g<td>h</table>",
        ["d | e", " | f", "g | h"],
    ),
    ("<table><tr><th>A<th>B<tr><form><td>c<td>d</table>", ["c | d"]),
    ("<table><tr><th>A<th>B<tr><td><math><tr>c</tr></math><td>d</table>", ["c | ", " | d"]),
    ("<table><tr><th>A<th>B<tr><td rowspan=-1 colspan=0>d<td>e</table>", ["d | e"]),
]


@pytest.mark.parametrize(("html", "rows"), SPANS)
def test_cells_stand_under_their_header_beside_those_that_span(html: str, rows: list[str]) -> None:
    assert as_markdown(cleaned(html)).splitlines()[2:] == [f"| {row} |" for row in rows]


def test_a_hostile_span_makes_no_table_of_blanks() -> None:
    html = "<table><tr><th>A<th>B" + "<tr><td colspan=100000 rowspan=100000>c<td>d" * 200 + "</table>"
    assert len(as_markdown(cleaned(html))) < 200_000


def test_of_a_cell_with_line_breaks_only_what_was_kept_is_written() -> None:
    html = "<table><tr><th>A<th>B<tr><td>c<td>d<br>ad<br>e<tr><td>ad<td>f<br>g</table>"
    assert as_markdown(cleaned(html, drop="ad")) == "| A | B |\n| --- | --- |\n| c | d e |\n|  | f g |"


def test_a_cell_that_is_long_with_its_line_breaks_is_layout() -> None:
    html = f"<table><tr><td>a<td>b<tr><td>c<td>{'word ' * 30}<br>{'word ' * 30}</table>"
    assert as_markdown(cleaned(html)).count("|\n") == 2
    assert as_markdown(cleaned(html)).endswith("word")


def test_a_list_whose_parent_item_was_dropped_is_not_indented_into_code() -> None:
    assert as_markdown(cleaned("<ul><li>menu<ul><li>c<li>d</ul></ul>", drop="menu")) == "- c\n- d"


def test_links_on_request() -> None:
    html = (
        '<p>See <a href="/a_(b)">the [old] _page_</a> and <a href="javascript:alert(1)">this</a>, '
        'or <a href="https://e.example/x y">that</a> * 2.</p>'
    )
    page = cleaned(html, links=True, url="https://site.example/news/")
    assert as_markdown(page, links=True) == (
        r"See [the \[old\] \_page\_](https://site.example/a_%28b%29) and this, or [that](https://e.example/x%20y) \* 2."
    )
    assert "](" not in as_markdown(page)


def test_a_text_page_comes_out_as_it_stood() -> None:
    text = "# Title\n\n* one\n* two_three\n\n    indented [said](#)"
    assert as_markdown(cleaned(text, kind=Kind.TEXT, markdown=True)) == text


def test_an_empty_page_is_an_empty_document() -> None:
    assert as_markdown(cleaned("")) == ""
    assert as_record(cleaned(""))["confidence"] == 0


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_a_paragraph_of_any_text_stays_one_paragraph_with_its_words(text: str) -> None:
    page = cleaned(f"<p>{text.replace('&', '&amp;').replace('<', '&lt;')}</p>")
    markdown = as_markdown(page)
    assert "\n" not in markdown
    assert "".join(c for c in markdown if c.isalnum()) == "".join(c for c in page.text if c.isalnum())
    assert not markdown.startswith(("#  ", "# ", "- ", "+ ", "> ", "* ", "```", "~~~"))


def test_record_has_the_documented_fields_and_counts() -> None:
    page = cleaned("<html lang='de-AT'><p>Ein Satz.</p><p>ad</p>", drop="ad", url="https://x.example/")
    record = as_record(page, source="folder", keep_dropped=True)
    assert record == {
        "id": "test", "url": "https://x.example/", "source": "folder", "text": "Ein Satz.", "confidence": 0.9,
        "kind": "html", "markdown": False, "encoding": None, "replaced": 0, "language": "de", "kept": 1, "dropped": 1,
        "error": None,
        "dropped_lines": [{"line": 1, "probability": 0.0, "text": "ad"}],
    }  # fmt: skip
    json.dumps(record)


def test_code_keeps_its_blank_lines_in_text() -> None:
    page = cleaned("<p>Before.</p><pre>a\n\n\nb\n\nad\n\nc</pre><pre>d<hr>e</pre>", drop="ad")
    assert page.text == "Before.\na\n\n\nb\n\nc\nd\ne"
    assert as_markdown(page) == "Before.\n\n```\na\n\n\nb\n\nc\n```\n\n```\nd\ne\n```"


def test_blank_lines_of_code_that_is_dropped_go_with_it() -> None:
    assert cleaned("<p>x</p><pre>ad\n\nad</pre><p>y</p>", drop="ad").text == "x\ny"
    assert cleaned("<pre>a\n\nad</pre><p>y</p>", drop="ad").text == "a\ny"


def test_links_are_relative_to_the_address_that_the_page_gives() -> None:
    page = cleaned(
        "<head><base href='/docs/'></head><p><a href=vote.html>a</a> <a href=http://[>b</a></p>",
        url="https://x.example/a/b", links=True,
    )  # fmt: skip
    assert as_markdown(page, links=True) == "[a](https://x.example/docs/vote.html) b"


def test_code_with_blank_lines_is_counted_by_the_lines_it_has() -> None:
    content = "```\none = 1\n\n\n\ntwo = 2\n```\n"
    lines = segment(Page(content, Kind.TEXT, markdown=True))
    ones = np.ones(len(lines))
    page = CleanedPage(Page(content, Kind.TEXT), 0.9, lines, ones.astype(np.float32), ones.astype(bool))
    assert [line.text for line in page.lines] == ["```", "one = 1", "two = 2", "```"]
    assert page.counts == (4, 0)


def test_lines_that_were_judged_as_one_are_counted_and_stand_for_themselves() -> None:
    content = (
        "The list begins with everything that was left in\n\nthe pews since 1911. Umbrellas lead.\nAdvertisement\n"
    )
    lines = segment(Page(content, Kind.TEXT))
    kept = np.array([True, False])
    page = CleanedPage(Page(content, Kind.TEXT), 0.9, lines, np.array([0.9, 0.1], dtype=np.float32), kept)
    assert page.counts == (2, 1)
    assert [(line.text, line.kept, line.blank_before) for line in page.lines] == [
        ("The list begins with everything that was left in", True, 0),
        ("the pews since 1911. Umbrellas lead.", True, 1),
        ("Advertisement", False, 0),
    ]
    assert page.text == "The list begins with everything that was left in\n\nthe pews since 1911. Umbrellas lead."
    record = as_record(page, keep_dropped=True)
    assert (record["kept"], record["dropped"]) == (2, 1)
    assert record["dropped_lines"] == [{"line": 2, "probability": 0.1, "text": "Advertisement"}]


def test_metadata_by_trafilatura() -> None:
    html = (
        "<html lang=fr><head><title>Le bac - Le Port</title><meta property=og:title content='Le bac est en retard'>"
        "<meta name=author content='Anne Le Goff'><meta property=article:published_time content='2024-05-31T08:00:00Z'>"
        "<meta property=og:site_name content='Le Port'></head><body><article><h1>Le bac est en retard</h1>"
        "<p>Le bac a quitté le port.</p></article></body></html>"
    )
    meta = metadata(cleaned(html, url="https://port.example/bac").page)
    assert meta.as_dict() == {
        "title": "Le bac est en retard", "author": "Anne Le Goff", "date": "2024-05-31", "site_name": "Le Port",
        "language": "fr",
    }  # fmt: skip
    assert front_matter(meta).startswith('---\ntitle: "Le bac est en retard"\n')
    assert metadata(cleaned("just text", kind=Kind.TEXT).page).as_dict() == dict.fromkeys(meta.as_dict())
    assert front_matter(metadata(cleaned("just text", kind=Kind.TEXT).page)) == ""
    assert metadata(cleaned("<not really", url="::").page).title is None


def test_language_is_read_never_guessed() -> None:
    assert language(cleaned("<html lang='pt-BR'>").page) == "pt"
    assert language(cleaned("<html data-lang=xx><p>Ceci est du français.").page) is None


def test_explain_shows_mark_probability_and_kind_and_no_control_characters() -> None:
    shown = as_explained_text(cleaned("<p>keep \x1b[31m me</p><p>ad</p>", drop="ad"))
    first, kept, dropped = shown.splitlines()
    assert "html" in first
    assert kept.startswith("1.000 + keep") and "\x1b" not in kept
    assert dropped == "0.000 - ad"


def test_marks_are_a_marked_page_of_the_same_text() -> None:
    html = cleaned("<p>keep me</p><pre>keep\n  this</pre><p>ad</p>", drop="ad")
    assert as_marks(html) == "+ keep me\n+ keep\n+   this\n- ad"
    text = "Home\n\nOne line of a story that\ngoes on below it.\n  * An item\n"
    page = Page(text, Kind.TEXT)
    lines = segment(page)
    all_of_them = np.ones(len(lines), dtype=np.float32)
    draft = as_marks(CleanedPage(page, 1, lines, all_of_them, all_of_them > 0))
    again, marked = read_marks(draft, "draft")
    assert again == text.rstrip("\n")
    assert {line.mark for line in marked} == {"+"}
