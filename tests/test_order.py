"""What comes out stands in page order, once, and whole: on the fixtures and on pages made of nested blocks."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from cli_support import cleaned
from hypothesis import given
from hypothesis import strategies as st

from cleaner.labelled import read_labelled
from cleaner.output import as_markdown, as_text
from cleaner.page import CleanedPage, Kind
from cleaner.pipeline import Cleaner

FIXTURES = Path(__file__).parent.parent / "fixtures"
MARK = re.compile(r"w\d+")


class Words:
    """Words that occur once: w1, w2, …, in the order in which they are drawn."""

    def __init__(self) -> None:
        self.count = 0

    def some(self, number: int) -> str:
        self.count += number
        return " ".join(f"w{self.count - number + i + 1}" for i in range(number))


# A page is a tree of these; a leaf is the number of its words.
SHAPE = st.recursive(
    st.integers(1, 4),
    lambda inner: st.one_of(
        st.tuples(
            st.sampled_from(["div", "p", "ul", "ol", "blockquote", "section", "dl", "h2", "a", "b", "td", "noscript"]),
            st.lists(inner, min_size=1, max_size=4),
        ),
        st.tuples(st.just("table"), st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3)),
        st.tuples(st.sampled_from(["pre", "br", "lines"]), st.lists(st.integers(1, 3), min_size=1, max_size=4)),
    ),
    max_leaves=20,
)


def write(shape: object, words: Words) -> str:
    """The HTML of a tree, its words in order of the source. Tags may be nested as no author should: it is parsed."""
    if isinstance(shape, int):
        return words.some(shape) + " "
    tag, inner = shape  # type: ignore[misc]
    if tag == "table":
        rows = ("".join(f"<td>{write(cell, words)}</td>" for cell in row) for row in inner)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
    if tag == "pre":
        return f"<pre>{f'{chr(10)}{chr(10)}'.join(write(part, words) for part in inner)}</pre>"
    if tag in ("br", "lines"):
        return "<br>".join(write(part, words) for part in inner)
    parts = [write(part, words) for part in inner]
    item = {"ul": "li", "ol": "li", "dl": "dd"}.get(tag)
    return f"<{tag}>{''.join(f'<{item}>{part}</{item}>' if item else part for part in parts)}</{tag}>"


def keeping(page: CleanedPage, kept: list[bool]) -> CleanedPage:
    chosen = np.array([kept[i % len(kept)] for i in range(len(page.segmented))], dtype=np.bool_)
    return CleanedPage(page.page, 0.5, page.segmented, chosen.astype(np.float32), chosen)


@given(st.lists(SHAPE, min_size=1, max_size=6), st.lists(st.booleans(), min_size=1, max_size=7))
def test_every_kept_word_comes_out_once_and_in_page_order(shapes: list[object], kept: list[bool]) -> None:
    words = Words()
    page = cleaned(f"<body>{''.join(write(shape, words) for shape in shapes)}</body>")
    # Where a table is inside a link or a heading, HTML itself moves text; what stands on the page is what was parsed.
    on_page = MARK.findall("\n".join(page.segmented.texts))
    assert sorted(on_page) == sorted(f"w{i + 1}" for i in range(words.count))
    part = keeping(page, kept)
    wanted = MARK.findall("\n".join(line.text for line in part.lines if line.kept))
    assert MARK.findall(as_text(part)) == wanted
    assert MARK.findall(as_markdown(part)) == wanted
    order = {word: place for place, word in enumerate(on_page)}
    assert [order[word] for word in wanted] == sorted(order[word] for word in wanted)


@given(st.lists(SHAPE, min_size=1, max_size=6))
def test_links_change_no_words(shapes: list[object]) -> None:
    html = f"<body>{''.join(write(shape, Words()) for shape in shapes)}</body>".replace(
        "<a>", "<a href='https://x.example/'>"
    )
    assert MARK.findall(as_markdown(cleaned(html, links=True), links=True)) == MARK.findall(as_text(cleaned(html)))


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir() if path.is_dir()))
def test_fixtures_come_out_in_order_and_nothing_twice(name: str) -> None:
    items = read_labelled(FIXTURES / name)
    for item, page in zip(items, Cleaner().clean_many(item.page for item in items), strict=True):
        lines = [text for text, keep in zip(page.segmented.texts, page.kept, strict=True) if keep]
        text = as_text(page)
        assert [line for line in text.split("\n") if line] == [row for line in lines for row in line.split("\n") if row]
        # A line that stands once on the page comes out once.
        once = {line for line, count in Counter(page.segmented.texts).items() if count == 1}
        assert all(count == 1 for line, count in Counter(lines).items() if line in once), item.page.id
        if item.page.kind is Kind.HTML:
            plain = re.compile(r"[^\W\d_]+")
            assert plain.findall(as_markdown(page)) == plain.findall(text), item.page.id


# -- whole blocks -------------------------------------------------------------------------------------------------

WHOLE = [
    # A list item of several paragraphs, of lines, and with a list inside.
    ("<ul><li><p>a</p><p>b</p><li>c<br>d<ul><li>e</ul>f</ul><p>g", "- a\n\n  b\n- c\n\n  d\n  - e\n\n  f\n\ng"),
    # Numbers are the page's, also after a block that Markdown cannot put inside.
    ("<ol><li>a<pre>x = 1</pre><li>b</ol>", "1. a\n\n```\nx = 1\n```\n\n2. b"),
    ("<ol><li>a</ol><ol><li>b</ol>", "1. a\n\n1. b"),
    # Code keeps its blank lines and its indentation; two blocks stay two.
    ("<pre>if a:\n    b\n\n    c</pre><pre>d</pre>", "```\nif a:\n    b\n\n    c\n```\n\n```\nd\n```"),
    ("<pre><div>a</div><div>  b</div></pre>", "```\na\n  b\n```"),
    # An empty cell keeps its place, a row of one cell or of long ones its table.
    (
        "<table><tr><th>A<th>B<th>C<tr><td>1<td><td>3<tr><td><td>2<td>3</table>",
        "| A | B | C |\n| --- | --- | --- |\n| 1 |  | 3 |\n|  | 2 | 3 |",
    ),
    (
        "<table><tr><th colspan=2>All<tr><td>1<td>2<tr><td><td>4</table>",
        "| All |  |\n| --- | --- |\n| 1 | 2 |\n|  | 4 |",
    ),
    ("<table><tr><td><p>1<td><p>2<tr><td><p>3<td><p>4</table>", "| 1 | 2 |\n| --- | --- |\n| 3 | 4 |"),
    # A table for the layout is none.
    ("<table><tr><td><p>a</p><p>b</p><td>c<tr><td><p>d</p><p>e</p></table>", "a\n\nb\n\nc\n\nd\n\ne"),
    ("<blockquote>a</blockquote><blockquote>b<p>c</blockquote>", "> a\n\n> b\n>\n> c"),
    ("<p>a</p><h2>b</h2><h3>c</h3><p>d</p>", "a\n\n## b\n\n### c\n\nd"),
]


@pytest.mark.parametrize(("html", "markdown"), WHOLE)
def test_blocks_stay_whole(html: str, markdown: str) -> None:
    assert as_markdown(cleaned(html)) == markdown


def test_a_table_with_a_long_cell_is_one_table() -> None:
    long = "long " * 60
    html = f"<table><tr><td>a<td>b<tr><td>c<td>d<tr><td>e<td>{long}</table>"
    assert as_markdown(cleaned(html)).splitlines()[-1] == f"| e | {long.strip()} |"


def test_lines_dropped_from_a_list_do_not_part_it() -> None:
    html = "<ol><li>a<li>menu<li>c</ol>"
    assert as_markdown(cleaned(html, drop="menu")) == "1. a\n3. c"


def test_plain_text_keeps_rows_items_and_code() -> None:
    html = "<ul><li>a<li>b</ul><table><tr><td>1<td><td>3</table><pre>x\n  y</pre>"
    assert as_text(cleaned(html)) == "a\nb\n1\t\t3\nx\n  y"
