"""Pages to lines, on pages small enough to see through."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.page import Elements, Kind, Lines, Page
from cleaner.segmentation import detect_kind, segment
from cleaner.segmentation.repair import MAX_ATTRIBUTES, trim


def html(content: str, *, links: bool = False) -> Lines:
    lines = segment(Page(content, Kind.HTML), links=links)
    check(lines)
    return lines


def text(content: str) -> Lines:
    lines = segment(Page(content, Kind.TEXT))
    check(lines)
    return lines


def elements(lines: Lines) -> Elements:
    assert lines.elements is not None
    return lines.elements


def tag_of(lines: Lines, element: int) -> str:
    return elements(lines).signatures[elements(lines).signature[element]][0]


def check(lines: Lines) -> None:
    """Everything that the features rely on."""
    n = len(lines)
    for column in (lines.link_chars, lines.link_count, lines.bold_chars, lines.level, lines.blank_before):
        assert column.shape == (n,)
        assert column.dtype == np.int32
        assert (column >= 0).all()
    assert len(lines.tags) == n
    assert all(line and not line.isspace() for line in lines.texts)
    sizes = np.array([len(line) for line in lines.texts], dtype=np.int64)
    assert (lines.link_chars <= sizes).all()
    assert (lines.bold_chars <= sizes).all()
    assert lines.markup is None or len(lines.markup) == n
    if lines.kind is Kind.TEXT:
        assert lines.elements is lines.element is lines.inline is lines.noscript is None
        return
    e = elements(lines)
    assert lines.element is not None
    assert lines.inline is not None
    assert lines.noscript is not None
    m = len(e.parent)
    assert m >= 1
    for column in (
        e.signature, e.first, e.last, e.images, e.controls, e.hidden, e.depth, e.children, e.path, e.parent,
    ):  # fmt: skip
        assert column.shape == (m,)
        assert (column >= 0).all()
    assert len(lines.element) == len(lines.inline) == len(lines.noscript) == n
    assert e.parent[0] == 0
    assert (e.parent[1:] < np.arange(1, m)).all()
    assert (e.signature < len(e.signatures)).all()
    assert len(set(e.signatures)) == len(e.signatures)
    assert (lines.inline >= -1).all()
    assert (lines.inline < len(e.signatures)).all()
    assert set(lines.noscript.tolist()) <= {0, 1}
    assert set(e.hidden.tolist()) <= {0, 1}
    # An element's lines are one range, inside its parent's, and a line is in the range of its own element.
    assert (e.first <= e.last).all()
    assert (e.last <= n).all()
    assert (e.first[0], e.last[0]) == (0, n)
    assert (e.first[1:] >= e.first[e.parent[1:]]).all()
    assert (e.last[1:] <= e.last[e.parent[1:]]).all()
    assert (e.hidden[1:] >= e.hidden[e.parent[1:]]).all()
    inner = np.flatnonzero(e.parent)  # element 0 only stands for the root; nothing is counted on it
    assert (e.images[inner] <= e.images[e.parent[inner]]).all()
    assert (e.controls[inner] <= e.controls[e.parent[inner]]).all()
    assert (e.depth[1:] == e.depth[e.parent[1:]] + 1).all()
    assert (e.children == np.bincount(e.parent[1:], minlength=m)).all()
    if n:
        assert (lines.element < m).all()
        assert (e.first[lines.element] <= np.arange(n)).all()
        assert (np.arange(n) < e.last[lines.element]).all()


# -- HTML ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("", []),
        ("   \n ", []),
        ("bare", ["bare"]),
        ("<p>One <b>bold</b>\n   word</p>tail", ["One bold word", "tail"]),
        ("<div>First.<br>Second.<br/><br>Third.</div>", ["First.", "Second.", "Third."]),
        ("<p>a<p>b<div>c<p>d</div>e", ["a", "b", "c", "d", "e"]),
        ("<p>over<span>lapping</span> <i>in</i>line</p>", ["overlapping inline"]),
        ("<h1>Head</h1><hr>x<hr>y", ["Head", "x", "y"]),
        ("<p>&amp; &lt;p&gt; &eacute; &#x4e2d; &nbsp;</p>", ["& <p> é 中"]),
        ("<p>co<!-- not shown -->py<!-- <p>nor this --></p>", ["copy"]),
        ("<svg><![CDATA[inside]]></svg><p>a<![CDATA[ x ]]>b</p>", ["ab"]),
        ("<html><body><p>in</p></body></html>after<p>more</p>", ["in", "after", "more"]),
        ("<p>kept</p><script>var x='<p>no</p>'</script><style>p{}</style><template><p>no</p></template>", ["kept"]),
        ("<select><option>one</select><textarea>form</textarea><p>x</p>", ["x"]),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", ["a", "b", "c"]),
        ("<dl><dt>Term<dd>What it means</dl>", ["Term", "What it means"]),
        ("<a href=x><div>in a link</div></a>", ["in a link"]),
        ("<p>a<button>press</button>b</p>", ["a", "press", "b"]),
        ("<custom-tag>known to nobody</custom-tag><p>x", ["known to nobody", "x"]),
        (
            "<p>See the <x-tip term=a>sand <b>filter</b></x-tip> and <st1:place>London</st1:place>.",
            ["See the sand filter and London."],
        ),
        (
            "<p>See <x-card><p>a block</p></x-card> and <x-list><x-item>a</x-item><x-item>b</x-item></x-list>",
            ["See", "a block", "and", "a", "b"],
        ),
        (
            "<p>to <a:p><a:q>York</a:q>, <a:r>UK</a:r></a:p> by <x-u><!-- --><a href=u>Bob</a></x-u>",
            ["to York, UK by Bob"],
        ),
        ("<p><math><mtable><mtr><mtd>1</mtd><mtd>0</mtd></mtr><mtr><mtd>2</mtd></mtr></mtable></math>", ["1 0 2"]),
        ("<x-a>one</x-a><x-a>two</x-a>", ["one", "two"]),
        (
            "<p>Let <math><semantics><mrow><mi>f</mi><mo>=</mo><mfrac><mi>a</mi><msqrt><mi>b</mi></msqrt></mfrac>"
            "</mrow><annotation encoding='application/x-tex'>f=\\frac</annotation></semantics></math> be given.</p>",
            ["Let f=a/b be given."],
        ),
        ("<title>not a line</title><p>a line</p>", ["a line"]),
        ("<p>\0a\0</p>", ["a"]),
    ],
)
def test_html_lines(page: str, expected: list[str]) -> None:
    assert html(page).texts == expected


def test_text_outside_the_expected_places_is_kept_in_order() -> None:
    lines = html("<table><tr><td>one<td>two<tr><td>three<table><tr><td>four</table>five")
    assert " ".join(lines.texts).split() == ["one", "two", "three", "four", "five"]
    unclosed = html("<div><table><tr><td><p>Some text<p>More text<div>and the rest of the page")
    assert unclosed.texts == ["Some text", "More text", "and the rest of the page"]


def test_a_data_row_is_one_line() -> None:
    lines = html("<table><tr><th>Team<th>Points<tr><td>Lions<td>12</table><p>x")
    assert lines.texts == ["Team\tPoints", "Lions\t12", "x"]
    assert lines.tags == ["tr", "tr", "p"]
    assert lines.element is not None
    assert tag_of(lines, lines.element[0]) == "tr"


def test_link_characters_of_a_row_are_those_of_its_cells() -> None:
    lines = html("<table><tr><td><a href=a>abc</a><td>de<td><a href=b>f</a></table>")
    assert lines.texts == ["abc\tde\tf"]
    assert (lines.link_chars[0], lines.link_count[0]) == (4, 2)


@pytest.mark.parametrize(
    "cell",
    ["<p>a</p><p>b</p>", "one<br>two", "<div>block</div>", "word " * 60],
    ids=["paragraphs", "breaks", "block", "long"],
)
def test_a_layout_row_is_not_one_line(cell: str) -> None:
    lines = html(f"<table><tr><td>menu</td><td>{cell}</td></tr></table>")
    assert lines.texts[0] == "menu"
    assert "tr" not in lines.tags


def test_nested_lists_know_their_level_and_order() -> None:
    lines = html("<p>x</p><ul><li>a<ol><li>b<ul><li>c</li></ul></ol><li>d</ul><h3>y</h3>")
    rows = list(zip(lines.texts, lines.tags, lines.level.tolist(), strict=True))
    assert rows == [("x", "p", 0), ("a", "li", 1), ("b", "oli", 2), ("c", "li", 3), ("d", "li", 1), ("y", "h3", 3)]


def test_a_paragraph_inside_says_what_is_around_it() -> None:
    lines = html("<ol><li><p>item</p></ol><blockquote><p>quote</p></blockquote><h2><div>head</div></h2><td>x")
    assert lines.tags[:3] == ["oli", "blockquote", "h2"]


def test_pre_keeps_its_lines_and_parts_at_blank_ones() -> None:
    lines = html("<pre>\ndef f():\n    return 1\n\n\nprint(f())\n</pre><p>after</p>")
    assert lines.texts == ["def f():\n    return 1", "print(f())", "after"]
    assert lines.tags == ["pre", "pre", "p"]
    assert lines.blank_before.tolist() == [0, 2, 0]
    assert html("<pre>a<br>b</pre>").texts == ["a\nb"]


def test_only_what_stands_in_one_block_of_code_is_parted_by_a_blank_line() -> None:
    lines = html("<p>x</p><pre>\n\na\n\n\n\nb\n\n</pre><p>y</p><pre>c</pre><pre>d</pre>")
    assert list(zip(lines.texts, lines.blank_before.tolist(), strict=True)) == [
        ("x", 0), ("a", 0), ("b", 3), ("y", 0), ("c", 0), ("d", 0),
    ]  # fmt: skip


CODE = "import os\n\n\ndef f():\n    return 1"


@pytest.mark.parametrize(
    "gutter",
    [
        "<td class=gutter><pre>1\n2\n3\n4\n5\n</pre></td>",
        "<td><pre><span>1</span><br><span>2</span><br><span>3</span><br><span>4</span><br><span>5</span><br></pre></td>",
        "<td><pre><code><span>7\n</span><span>8\n</span><span>9\n</span><span>10\n</span><span>11\n</span></code></pre></td>",
    ],
    ids=["text", "breaks", "spans"],
)
def test_the_numbers_beside_code_are_no_line(gutter: str) -> None:
    page = f"<p>a</p><table><tr>{gutter}<td><pre>{CODE}</pre></td></tr></table><p>z</p>"
    lines = html(page, links=True)
    assert lines.texts == ["a", "import os", "def f():\n    return 1", "z"]
    assert lines.blank_before.tolist() == [0, 0, 2, 0]
    assert lines.texts == html(page).texts


@pytest.mark.parametrize(
    "page",
    [
        "<pre>1\n2\n3</pre><p>is what it prints.</p>",
        "<pre>1\n2\n3\n4\n5</pre><pre>print(x)</pre>",
        "<pre>1\n2</pre><pre>a\nb\nc\nd\ne\nf</pre>",
        "<pre>2\n4</pre><pre>a\nb</pre>",
        "<pre>7\n8</pre><pre>15\n56</pre>",
        "<table><tr><td><pre>1\n2</pre></td><td><pre>1\n2</pre></td></tr></table>",
        "<table><tr><td><pre>1\n2</pre></td></tr><tr><td><pre>a\nb</pre></td></tr></table>",
        "<pre>1\n2</pre>",
    ],
)
def test_numbers_that_are_content_stay(page: str) -> None:
    assert html(page).texts[0] in re.sub("<.*?>", "@", page)
    assert html(page).texts[0][0].isdigit()


def test_a_row_of_numbers_within_code_is_a_row() -> None:
    page = "<pre><table><tr><td>x</td><td>1\n2</td></tr></table></pre><p>Prose.</p><pre>one line</pre>"
    assert html(page).texts == ["x\t1\n2", "Prose.", "one line"]


def test_many_gutters_cost_no_more_than_other_lines() -> None:
    lines = html("<table><tr><td><pre>1\n2</pre></td><td><pre>a\nb</pre></td></tr></table>" * 5_000)
    assert lines.texts == ["a\nb"] * 5_000


@pytest.mark.parametrize(
    "page",
    [
        "<p><a href=x> <x-t>one</x-t> two</a></p>",
        "<a href=x><div>t</div> <x-t>a</x-t> b</a>",
        "<pre> <x-t>a</x-t> b</pre>",
        "<p>a <mfrac><mi>1</mi><mi>2</mi></mfrac> <a href=x><mfrac><mi>1</mi><mi>2</mi></mfrac></a>",
    ],
)
def test_links_that_are_asked_for_part_no_line(page: str) -> None:
    assert html(page).texts == html(page, links=True).texts


def test_the_address_that_a_page_gives_for_its_links() -> None:
    head = "<head><base href=' https://cdn.example/docs/ '><base href='/no'></head>"
    assert html(head + "<p>x").base == "https://cdn.example/docs/"
    assert html("<p>x").base == ""
    assert len(html(f"<head><base href='http://x/{'a' * 20_000}'></head><p>x").base) == 1000


def test_posts_in_noscript_are_lines_with_evidence() -> None:
    lines = html("<body><p>a</p><noscript><div class=post><p>A post.</p></div></noscript><p>b</p>")
    assert lines.texts == ["a", "A post.", "b"]
    assert lines.noscript is not None
    assert lines.noscript.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "mark", ["hidden", "aria-hidden=true", 'style="display:none"', 'style="color:red; display: none"']
)
def test_hidden_is_evidence_not_a_reason_to_drop(mark: str) -> None:
    lines = html(f"<div {mark}><section><p>unseen</p></section></div><p>seen</p>")
    assert lines.texts == ["unseen", "seen"]
    assert lines.element is not None
    assert elements(lines).hidden[lines.element].tolist() == [1, 0]


def test_links_bold_and_where_they_stand() -> None:
    lines = html(
        "<p>See <a href=/x>the <b>full</b> list</a> or <a href=/y>this</a>.</p><p><strong>All</strong> else</p>"
    )
    assert lines.link_chars.tolist() == [len("the") + len("full") + len("list") + len("this"), 0]
    assert lines.link_count.tolist() == [2, 0]
    assert lines.bold_chars.tolist() == [4, 3]


def test_a_link_around_blocks_links_them_all() -> None:
    lines = html("<a href=x><h3>Title</h3><p>Teaser</p></a><p>own</p>")
    assert lines.link_chars.tolist() == [5, 6, 0]


def test_markup_has_links_as_markdown() -> None:
    page = "<p>See <a href='/a b(1)'>the <i>list</i></a>, <a>no target</a>, <a href=/e></a>end</p><p>x</p>"
    lines = html(page, links=True)
    assert lines.markup == ["See [the list](/a%20b(1%29), no target, end", "x"]
    assert html(page).markup is None
    row = html("<table><tr><td><a href=u>a</a><td>b</table>", links=True)
    assert row.markup == ["[a](u)\tb"]


def test_markup_of_a_link_over_several_lines_links_each() -> None:
    lines = html("<p>a <a href=u>b<br>c</a> d</p><a href=v><div>e</div>f</a><p>g</p>", links=True)
    assert lines.texts == ["a b", "c d", "e", "f", "g"]
    assert lines.markup == ["a [b](u)", "[c](u) d", "[e](v)", "[f](v)", "g"]


def test_elements_signatures_and_paths() -> None:
    lines = html(
        "<main id=m><div class='card n1'><p>a</p><p>b</p></div><div class='card n2'><p>c</p></div>"
        "<div class=other><p>d</p></div></main><p itemprop=name>e</p>"
    )
    e = elements(lines)
    assert lines.element is not None
    signatures = [(tag, words.strip()) for tag, words in e.signatures]
    assert ("main", "m") in signatures
    assert ("p", "name") in signatures
    path = e.path[lines.element].tolist()
    assert path[0] == path[1] == path[2], "numbers in a class do not tell templates apart"
    assert len(set(path)) == 3
    main = signatures.index(("main", "m"))
    at = int(np.flatnonzero(e.signature == main)[0])
    assert (e.first[at], e.last[at], e.children[at]) == (0, 4, 3)


def test_images_and_controls_are_counted_by_element() -> None:
    lines = html("<div><img><p>a <img></p><input><button>b</button></div><p>c</p>")
    e = elements(lines)
    div = next(i for i in range(len(e.parent)) if tag_of(lines, i) == "div")
    assert (e.images[div], e.controls[div]) == (2, 2)


def test_title() -> None:
    lines = html("<head><title> A\n title </title><meta property=og:title content=' Better  one'></head><p>x")
    assert lines.title == "Better one"
    assert html("<title>Plain</title>x").title == "Plain"


@pytest.mark.parametrize("tag", ["div", "b", "span", "blockquote", "ul><li", "font", "em"])
def test_fifty_thousand_nested_tags(tag: str) -> None:
    lines = html(f"<p>before</p>{f'<{tag}>' * 50_000}deep inside{f'</{tag}>' * 50_000}<p>after it</p>")
    assert " ".join(" ".join(lines.texts).split()) == "before deep inside after it"


@pytest.mark.parametrize(
    ("around", "item"), [("ul", "<li>item"), ("div", "<p>item"), ("table", "<tr><td>item"), ("ol", "<li><p>item")]
)
def test_many_items_that_never_end_stay_apart(around: str, item: str) -> None:
    assert html(f"<{around}>{item * 20_000}</{around}>").texts == ["item"] * 20_000


def test_a_million_div() -> None:
    lines = html("start " + "<div>" * 1_000_000 + "the text")
    assert lines.texts == ["start", "the text"]


def test_many_tags_that_never_end_are_read_once() -> None:
    # These took hours: the tags of a page with many `<` are counted, and each was tried against the whole rest.
    assert html("<a" * 100_000).texts == []
    assert html("text " + "<p " * 100_000).texts == ["text"]
    assert len(html("<p>a</p>" * 30_000 + "</" * 50_000)) >= 30_000


@pytest.mark.parametrize(
    "junk", ["\0" * 1000, "<" * 1000, "\ud800<p>\udfff", "<p>" + "\U0010ffff" * 9, "&#x110000;&#0;"]
)
def test_junk_raises_nothing(junk: str) -> None:
    html(junk)


BLOCKS = (
    "p",
    "div",
    "ul",
    "li",
    "table",
    "tr",
    "td",
    "blockquote",
    "section",
    "h2",
    "pre",
    "noscript",
    "main",
    "dl",
    "dd",
)
INLINES = ("a href=x", "b", "span class=c1", "em", "code", "strong id=q")


@st.composite
def fragments(draw: st.DrawFn) -> str:
    """Tag soup of many shapes whose every visible word is one of a kind: w0, w1, w2, …"""
    out: list[str] = []
    number = 0
    opened: list[str] = []
    for _ in range(draw(st.integers(0, 40))):
        what = draw(
            st.sampled_from(("word", "word", "open", "open", "close", "inline", "void", "comment", "stray", "space"))
        )
        if what == "word":
            out.append(f" w{number} ")
            number += 1
        elif what in ("open", "inline"):
            tag = draw(st.sampled_from(BLOCKS if what == "open" else INLINES))
            opened.append(tag.split()[0])
            out.append(f"<{tag}>")
        elif what == "close" and opened:
            out.append(f"</{opened.pop(draw(st.integers(0, len(opened) - 1)))}>")
        elif what == "stray":
            out.append(
                draw(st.sampled_from(("</div>", "</p>", "</body></html>", "</table>", "</nothing>", "<>", "</ >")))
            )
        elif what == "void":
            out.append(draw(st.sampled_from(("<br>", "<hr>", "<img alt=x>", "<input>", "<wbr>"))))
        elif what == "comment":
            out.append(draw(st.sampled_from(("<!-- c -->", "<!---->", "<script>s</script>", "<style>s</style>"))))
        else:
            out.append("\n\n")
    return "".join(out)


@settings(max_examples=400)
@given(fragments(), st.booleans())
def test_every_visible_word_is_in_one_line_in_page_order(page: str, links: bool) -> None:
    lines = html(page, links=links)
    found = re.findall(r"w\d+", " ".join(lines.texts))
    assert sorted(found) == sorted(set(re.findall(r"w\d+", page)))
    # A browser moves text that stands in a table but in no cell before the table, so order is that of the tree.
    if "<t" not in page:
        assert found == re.findall(r"w\d+", page)
    if links:
        assert lines.markup is not None
        assert re.findall(r"w\d+", " ".join(lines.markup)) == found
        assert not any("\x02" in line for line in lines.markup)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text_as_html_raises_nothing(page: str) -> None:
    html(page)


@given(
    st.lists(
        st.sampled_from("< > / ! - \" ' = & ; a p div table td li br a\x00 \x0c </ <!-- --> <![CDATA[ ]]> x".split(" "))
    )
)
def test_random_mark_up_raises_nothing(pieces: list[str]) -> None:
    html("".join(pieces), links=True)


# -- text ---------------------------------------------------------------------------------------------------------


def test_text_lines_are_the_lines_that_are_not_blank() -> None:
    lines = text("One.\n\n  Two, indented.\n \t\n\n\nThree.")
    assert lines.texts == ["One.", "  Two, indented.", "Three."]
    assert lines.blank_before.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_any_line_separator_parts_lines(end: str) -> None:
    lines = text(f"a{end}b{end}{end}c")
    assert lines.texts == ["a", "b", "c"]
    assert lines.blank_before.tolist() == [0, 0, 1]


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\n\r\x0b\x85\u2028 *#_[]()`|-1.")), max_size=200))
def test_text_lines_stand_as_they_stood(page: str) -> None:
    lines = text(page)
    expected = [line.rstrip() for line in page.splitlines()]
    parts = [part for line in lines.texts for part in line.split("\n") if part]
    assert parts == [line for line in expected if line and not line.isspace()]


WRAPPED = (
    "The boats lay on the mud until the tide came back, and the men who\nhad mended nets all morning "
    "put them away. Nobody had seen the heron,\nwhich stood behind the wall."
)
SECOND = (
    "On the way home a boy said that he had heard it, and was told that a\nheron makes no sound "
    "worth hearing. He said that this was what he had\nheard."
)


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_hard_wrapped_paragraph_is_one_line(gap: str) -> None:
    page = gap.join(["Advertisement", WRAPPED, "Share this", SECOND, "Mud and Tide"])
    assert text(page).texts == ["Advertisement", WRAPPED, "Share this", SECOND, "Mud and Tide"]


def test_a_paragraph_that_is_indented_begins_anew() -> None:
    page = "\n".join("    " + paragraph for paragraph in (WRAPPED, SECOND, WRAPPED))
    assert [line.split()[0] for line in text(page).texts] == ["The", "On", "The"]


@pytest.mark.parametrize("gap", ["\n", "\n\n", "\n\n\n"])
def test_a_sentence_that_runs_on_is_one_line(gap: str) -> None:
    first, second = (
        "The sexton keeps a list of everything that was left in",
        "the pews since 1911. Umbrellas lead it by far.",
    )
    lines = text(f"Lost\n\n{first}{gap}{second}")
    assert [line.split("\n")[0] for line in lines.texts] == ["Lost", first]
    assert lines.texts[1].split() == f"{first} {second}".split()


@pytest.mark.parametrize(
    "page",
    [
        "The sexton keeps a list of everything that was left there.\nthe pews lead it by far, umbrellas are second.",
        "The sexton keeps a list of everything that was left there\n\nby Ann Lee",
        "home\nnews and weather\nsport\nabout the harbour and its boats",
        "Rain until noon in all valleys of the county\n- then sun, and no wind at all until the evening.",
        "# The sexton keeps a list of everything that was\nleft in the pews, beginning with the year 1911.",
        "A long line of words that never ends, but goes on\n\n\n\nand on, for four lines of nothing in between.",
        "\n".join(f"Headline number {i} about the council and its bins" for i in range(20)),
        "从前有一条河，河边住着一个老渔夫，他每天清晨都去打鱼\n后来河水干了，渔夫就在河床上种起了西瓜，生意比打鱼还好",
    ],
)
def test_lines_that_stand_for_themselves(page: str) -> None:
    assert text(page).texts == [line for line in page.split("\n") if line]


def test_links_over_a_wrapped_line_are_links() -> None:
    page = "It was told in a long letter that nobody had opened, [which the\ncouncil](https://c.example/a) kept."
    lines = text(page)
    assert lines.texts == [page]
    assert lines.link_count.tolist() == [1]


@pytest.mark.parametrize(
    ("line", "tag", "level"),
    [
        ("plain prose", "p", 0),
        ("# Title", "h1", 1),
        ("### Third", "h3", 3),
        ("#hashtag", "p", 0),
        ("- item", "li", 1),
        ("    * item", "li", 3),
        ("• item", "li", 1),
        ("12. item", "oli", 1),
        ("(3) item", "p", 1),
        ("2019 was a year", "p", 0),
        ("-5 degrees", "p", 0),
        ("> said", "blockquote", 0),
        ("| a | b |", "tr", 0),
    ],
)
def test_marks_of_a_text_line(line: str, tag: str, level: int) -> None:
    lines = text(line)
    if line.startswith("(3)"):
        assert lines.tags[0] in ("li", "oli")
        return
    assert (lines.tags[0], int(lines.level[0])) == (tag, level)


def test_fences() -> None:
    code = "```python\n# not a heading\n\n\n- nor a list\n~~~\n```"
    lines = segment(Page(f"say:\n{code}\n# Heading\n~~~\nx\n~~~", Kind.TEXT, markdown=True))
    assert lines.texts == ["say:", code, "# Heading", "~~~\nx\n~~~"]
    assert lines.tags == ["p", "pre", "h1", "pre"]


def test_code_in_a_line_of_its_own_opens_no_block() -> None:
    lines = text("Install it:\n\n```pip install ferry```\n\nThen start it.\n\n```ferry --now```\n\nThat is all.")
    assert len(lines) == 5
    assert "pre" not in lines.tags


def test_a_block_of_code_ends_at_a_fence_that_is_as_long_and_says_nothing_else() -> None:
    code = "````\n```\nx\n``` not yet\n````"
    assert text(f"say:\n{code}\nmore").texts == ["say:", code, "more"]


def test_tildes_underline_headings_where_nothing_else_is_markdown() -> None:
    page = "The harbour\n~~~~~~~~~~~\nThe ferry is late.\n\nFog\n~~~\nIt came at noon.\n\nNews\n~~~~\nMore"
    lines = segment(Page(page, Kind.TEXT))
    assert "pre" not in lines.tags
    assert len(lines) == 11 - 2


def test_a_fence_that_is_never_closed_is_no_block() -> None:
    lines = text("```\nx\n```\nsay:\n```\n# code?\nmore")
    assert lines.texts == ["```\nx\n```", "say:", "```", "# code?", "more"]
    assert lines.tags == ["pre", "p", "p", "h1", "p"]  # what stands below it is no code


@pytest.mark.parametrize(
    ("line", "count", "chars"),
    [
        ("no links (at all) [here]", 0, 0),
        ("[said](#)", 1, 4),
        ("He [said](#) so", 1, 4),
        ("[a](b) and [c](d)", 2, 2),
        ("![image](x.png)", 1, 5),
        ("![](a/photo.png)", 1, 9),
        ("[wiki](https://en.example/A_(b))", 1, 4),
        ('[t](u "a title")', 1, 1),
        ("https://example.org/a?b=c", 1, 25),
        ("see www.example.org.", 1, 16),
        ("<https://example.org>", 1, 19),
        ("[](empty)", 1, 0),
        ("[https://x.example/a](https://x.example/a)", 1, 19),
    ],
)
def test_links_of_a_text_line(line: str, count: int, chars: int) -> None:
    lines = text(line)
    assert lines.texts == [line]
    assert (int(lines.link_count[0]), int(lines.link_chars[0])) == (count, chars)


def test_bold_of_a_text_line() -> None:
    assert text("**Name:** value\n__x__ y\n2 ** 3 ** 4\nsnake__case").bold_chars.tolist() == [5, 1, 0, 0]


# -- which kind ---------------------------------------------------------------------------------------------------

PROSE = "The ferry left an hour late because of the fog, and nobody minded much.\n"


@pytest.mark.parametrize(
    ("page", "kind", "markdown"),
    [
        ("", Kind.TEXT, False),
        ("  \n", Kind.TEXT, False),
        ("<!DOCTYPE html><html><body><p>x</p></body></html>", Kind.HTML, False),
        ("\ufeff <html><p>x", Kind.HTML, False),
        ("<?xml version='1.0'?>\n<!-- made by x -->\n<!-- and y --><html xmlns='a'><body/>", Kind.HTML, False),
        ("<body>x", Kind.HTML, False),
        ("<div><p>One paragraph.</p><p>Another.</p></div>", Kind.HTML, False),
        ("Text first, then <b>tags</b>.<br>\n<p>More.</p><p>And more.</p>", Kind.HTML, False),
        (PROSE * 5, Kind.TEXT, False),
        (PROSE * 8 + "Use the <b> tag for bold.\n" + PROSE * 8, Kind.TEXT, False),
        (PROSE * 8 + "Write <p>text</p> for a paragraph.\n" + PROSE * 8, Kind.TEXT, False),
        ("a < b and b > c, so a <= c\n" * 3, Kind.TEXT, False),
        ("# Guide\n\nWrite this:\n\n```html\n<div>\n<p>Hello</p>\n</div>\n```\n\n- then\n- that\n", Kind.TEXT, True),
        ("# Title\n\nSome [link](https://example.org) text.\n", Kind.TEXT, True),
        ("- one\n- two\n", Kind.TEXT, True),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", Kind.TEXT, True),
        ("> quoted\n\n**bold** words\n", Kind.TEXT, True),
        ('{"a": [1, 2, {"b": "text"}], "c": null}', Kind.TEXT, False),
        ("def f(x: list[int]) -> None:\n    if x < 3 and x > 1:\n        return\n", Kind.TEXT, False),
        ("#include <stdio.h>\nint main(void) { return 0; }\n", Kind.TEXT, False),
        ("Dear <name>,\nplease write to <address@example.org>.\n", Kind.TEXT, False),
        ("由于大雾，渡轮晚了一个小时。\n船上没有人抱怨。", Kind.TEXT, False),
        ('<p align="center">\n\n# Ferry\n\n' + f"<https://a.example>\n\n{PROSE}\n\n- one\n" * 3, Kind.TEXT, True),
        (f"<!-- begin -->\n\n# Ferry\n\n- one\n\n{PROSE}\n\n<br>\n<br>\n", Kind.TEXT, True),
        ("<title>T</title>\n<h1>T</h1>\n" + (PROSE + "written by\nhand.<P>\n") * 3, Kind.HTML, False),
        ("<h1>A</h1>\n" + (PROSE + "<br><br>\n") * 4, Kind.HTML, False),
        (PROSE + '<div class="x">\n' + PROSE * 4 + "</div>\n<p>\nend\n</p>", Kind.HTML, False),
        (f"<h2>A</h2>\n\n{PROSE}\n{PROSE}\n<img src=a>\n\n{PROSE}<a href=x>b</a>", Kind.HTML, False),
        ("<?xml version='1.0'?>\n<rss><channel><title>T</title>\n<item></item></channel></rss>", Kind.HTML, False),
        ("<script>\n" + "var x = 1;\n" * 40 + "</script>\n<div>\n" + PROSE * 3 + "</div>", Kind.HTML, False),
        ("<p>" + PROSE * 2 + "<p>" + PROSE * 2, Kind.HTML, False),
        ('<img src="a.png"><br>\n<a href="x">a</a>', Kind.HTML, False),
    ],
)
def test_which_kind(page: str, kind: Kind, markdown: bool) -> None:
    assert detect_kind(page) == (kind, markdown)


@pytest.mark.parametrize(
    "page",
    [
        "<!---->" * 700 + "x",
        "<!-- a -->" * 400,
        "\n" * 200_000,
        "\r\n" * 100_000,
        "|" * 100_000,
        "|\n" * 100_000,
        ("|" + " " * 900 + "\n") * 200,
        "# \n" * 70_000,
        "- " * 100_000,
        "[](" * 60_000,
        "[a](b" + " " * 100_000,
        "<p " * 60_000,
        "</a " * 50_000,
        "```" * 60_000,
        "*" * 200_000,
        "<?xml" + " " * 5000,
        "<p>" * 60_000,
        '<p "' + "'" * 200_000,
        "<p>" + "<a '" * 50_000,
        "<p></p><!--" * 20_000,
        "<p></p><script>" * 20_000,
    ],
    ids=lambda page: f"{page[:6]!r}",
)
def test_which_kind_of_hostile_pages_is_told_at_once(page: str) -> None:
    # Some of these took minutes to years; a page of them now takes some milliseconds, which no assert can hold down.
    detect_kind(page)
    segment(Page(page[:50_000], Kind.TEXT))


@given(st.text(max_size=200))
def test_which_kind_raises_nothing(page: str) -> None:
    kind, markdown = detect_kind(page)
    assert kind in Kind
    assert not (markdown and kind is Kind.HTML)


@pytest.mark.parametrize("attribute", ['a{}=">"', 'a{} = "x y"', "a{}", "a{}=x", "a{}='>'"])
def test_only_attributes_beyond_the_first_many_are_dropped(attribute: str) -> None:
    def tag(count: int) -> str:
        many = " ".join(attribute.format(i) for i in range(count))
        return f'<p>above</p>\n<div class="main" {many} {"b" * 3000}>in it</div><p class="x">below</p>'

    assert trim(tag(MAX_ATTRIBUTES - 2)) == tag(MAX_ATTRIBUTES - 2)
    if ">" in attribute:
        return  # a tag that looks short is not looked at
    short = trim(tag(5 * MAX_ATTRIBUTES))
    assert short == tag(MAX_ATTRIBUTES - 1).replace(" " + "b" * 3000, "")
    assert segment(Page(short, Kind.HTML)).texts == ["above", "in it", "below"]


def test_a_page_may_begin_with_a_tag_of_many_attributes() -> None:
    page = "<p " + " ".join(f"a{i}" for i in range(5000)) + ">text"
    assert len(trim(page)) < 5 * MAX_ATTRIBUTES
    assert segment(Page(page, Kind.HTML)).texts == ["text"]


@pytest.mark.parametrize(
    "before", ["", "<p>", "<p>" + "word " * 700, "<p>1 <2 ", "<script>i<n; " + "x=1; " * 600 + "</script>"]
)
@pytest.mark.parametrize("tag", ["<div ", "<div = ", "<div class=main ", "<div/", '<div a="b"c '])
def test_many_attributes_are_dropped_wherever_they_stand(before: str, tag: str) -> None:
    many = " ".join(f"a{i}" for i in range(20_000))
    assert len(trim(f"{before}{tag}{many}>in it")) < len(before) + 3000
    assert len(trim(f"{before}{tag}{many}")) < len(before) + 3000


@pytest.mark.parametrize(
    "begin, end", [("<script>for (i<n; ", "</script>"), ("<!-- a <b ", " -->"), ("<!-- <b x=' ", "-->")]
)
def test_code_that_looks_like_a_tag_costs_no_text(begin: str, end: str) -> None:
    code = begin + "word " * 5000 + end
    assert segment(Page(f"<p>above</p>{code}<p>below</p>", Kind.HTML)).texts == ["above", "below"]


@pytest.mark.parametrize("before", ["", "é中" * 2000, "\U0001f600" * 999, "\ud800" * 2000])
def test_many_attributes_are_found_behind_any_characters(before: str) -> None:
    page = f"<p>{before}</p><div {' '.join(f'a{i}' for i in range(2000))}>in it</div>"
    assert len(trim(page)) < len(before) + 3000


@pytest.mark.parametrize("value", ['"</b>"', "'--'", '"--', "</b"])
def test_what_may_end_code_ends_the_attributes(value: str) -> None:
    few, many = (" ".join(f"a{i}" for i in range(n)) for n in (200, 2000))
    page = f"<div {few} b={value} {many}>in it"
    assert trim(page) == page


def test_text_of_a_line_has_one_blank_between_words() -> None:
    page = "<p> a  b </p><p>c\xa0d</p><p> e f </p><p>g<b> </b>h</p><p>i\u2003\u3000j</p><p>k\x1cl</p><p>\u200bm  n</p>"
    assert html(page).texts == ["a b", "c d", "e f", "g h", "i j", "k l", "\u200bm n"]


def test_what_blocks_around_say_about_a_line() -> None:
    page = (
        "<body><noscript><ol><li><div>a</div><ul><li>b<h3>c</h3></ul><p>d</ol><pre>e<p>f\n\ng</p></pre></noscript><p>h"
    )
    lines = html(page)
    assert lines.noscript is not None
    rows = list(zip(lines.texts, lines.tags, lines.level.tolist(), lines.noscript.tolist(), strict=True))
    assert rows == [
        ("a", "oli", 1, 1), ("b", "li", 2, 1), ("c", "h3", 3, 1), ("d", "oli", 1, 1), ("e", "pre", 0, 1),
        ("f", "pre", 0, 1), ("g", "pre", 0, 1), ("h", "p", 0, 0),
    ]  # fmt: skip


def test_root_and_html_share_a_path_but_not_a_depth() -> None:
    for page in ("<p>a", "<html class=b><p>a"):
        assert elements(html(page)).depth.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "page",
    [
        "<title>Just a moment...</title><script>go()</script>",
        "<title>My App</title><div id=root></div>",
        "<body><form><textarea>Tell us</textarea></form>",
        "<title>Photo 12</title><img src=a.jpg>",
        "<iframe src=a></iframe><title>x</title>",
    ],
)
def test_a_page_without_text_has_no_line(page: str) -> None:
    assert html(page).texts == []


@pytest.mark.parametrize("name", ["textarea", "iframe"])
def test_a_field_or_frame_left_open_does_not_swallow_the_page(name: str) -> None:
    lines = html(f"<p>above</p><{name} class=x>Say <p>first</p><div>second</div>")
    assert lines.texts == ["above", "Say", "first", "second"]
    closed = html(f"<p>above</p><{name}><b>code</b></{name}><p>first</p>")
    assert closed.texts == ["above", "first"]


def test_a_place_is_no_link() -> None:
    for anchor in ("<a name=top>", '<a id="x"/>', "<a name=a title=b>"):
        assert html(f"{anchor}<p>a story of the ferry</p>").link_count.tolist() == [0]
    for anchor in ("<a>", "<a class=button>", "<a href=x name=y>", "<a onclick=go()>"):
        assert html(f"{anchor}a story of the ferry</a>").link_count.tolist() == [1]


def test_a_paragraph_that_nobody_sees_is_no_line() -> None:
    assert html("<p>a</p><p>&#8203;</p><p>&shy; &#xfeff;</p><p>b&#8203;c</p>").texts == ["a", "b\u200bc"]
    lines = text("a\n\u200b\nb\n\u00ad \u2060\n\nc")
    assert lines.texts == ["a", "b", "c"]
    assert lines.blank_before.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "number",
    [
        '<span class="linenos">{}</span>', '<span class=lineno>{} </span>', '<span class=lnt>{}\n</span>',
        '<span style="white-space:pre;-webkit-user-select:none;user-select:none;width:2em">{}</span>',
        '<a class="hljs-ln-n">{}</a>', '<td class=rust></td><span class="line-number">{}</span>',
    ],
)  # fmt: skip
def test_numbers_of_lines_are_no_code(number: str) -> None:
    code = "".join(number.format(i) + line + "\n" for i, line in enumerate(("import os", "x = <b>1</b>", "go()"), 1))
    assert "".join(html(f"<pre>{code}</pre>").texts).replace("\n", "") == "import osx = 1go()"
    assert html("<pre><span class=mi>12</span> <span class=line>7</span></pre>").texts == ["12 7"]
    assert html("<p>in <span class=lineno>12</span> days</p>").texts == ["in 12 days"]


def test_a_formula_is_read_once() -> None:
    math = "<math><mi>E</mi><mo>=</mo><mi>m</mi></math>"
    seen = '<span aria-hidden="true">E=m</span>'
    katex = f"<span class=katex><span class=katex-mathml>{math}</span>{seen}</span>"
    assert html(f"<p>So {katex} holds.</p>").texts == ["So E=m holds."]
    mathjax = f"<span class=MathJax>{seen.replace('span', 'nobr')}<span role=presentation>{math}</span></span>"
    assert html(f"<p>So {mathjax} holds.</p>").texts == ["So E=m holds."]
    drawn = "<mjx-math aria-hidden=true><mjx-mi><mjx-c></mjx-c></mjx-mi></mjx-math>"
    drawn = f"<mjx-container>{drawn}<mjx-mml>{math}</mjx-mml></mjx-container>"
    assert html(f"<p>So {drawn} holds <b>here</b>.</p>").texts == ["So E=m holds here."]
    assert html('<p>So <span aria-hidden="true">it</span> <i>holds</i>.</p>').texts == ["So it holds."]


def test_an_icon_does_not_cut_its_sentence() -> None:
    assert html("<p>Click the <ion-icon name=x></ion-icon> sign.</p>").texts == ["Click the sign."]
    assert html("<x-a></x-a>one<p>two</p><x-b></x-b>").texts == ["one", "two"]


def test_elements_of_xml_may_close_themselves() -> None:
    head = '<head><script src="a/b.js?x=>" /><title/></head>'
    page = f"<?xml version='1.0'?><html>{head}<body><iframe src='x'/><p>a</p></body></html>"
    assert html(page).texts == ["a"]
    assert html("<p>a</p><canvas/><p>b</p>").texts == ["a"]  # as browsers read HTML


def test_what_a_map_holds_is_seen() -> None:
    assert html("<map name=m><area href=x><a href=y>one</a> two</map><p>three</p>").texts == ["one two", "three"]


def test_front_matter_is_no_heading() -> None:
    lines = segment(Page("---\ntitle: x\ndate: y\n---\nstory\n\nhead\n---\n", Kind.TEXT, markdown=True))
    assert lines.tags == ["p", "p", "p", "p", "p", "h2"]


def test_addresses_have_no_line_ends() -> None:
    assert html("<p><a href='http://x.example/a\n \tb'>label</a></p>", links=True).markup == [
        "[label](http://x.example/a%20b)"
    ]
