"""Marked-up text as a reader sees it: the addresses go, the words and the lines stay."""

from __future__ import annotations

import random
import time

import pytest

from cleaner.batch.packing import pack, unpack
from cleaner.page import Kind, Lines, Page
from cleaner.pipeline import Cleaner, make_page
from cleaner.segmentation import segment
from cleaner.segmentation.marks import read_links
from cleaner.sources import Item


def marked(content: str) -> Lines:
    return segment(Page(content, Kind.TEXT, markdown=True))


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("See [a _b_ **c**](https://x.example/y_z).", "See a b c."),
        ("[![alt](a.png)](https://x.example)", "alt"),
        ("![](https://x.example/pictures/dog.jpg)", "dog.jpg"),
        (r"[x](javascript:void\(0\);) and \[1\] and [ref][1]", "x and [1] and [ref][1]"),
        ("[a](<with blanks.html> 'title') b", "a b"),
        ("## A heading", "A heading"),
        ("> > quoted", "quoted"),
        ("* **An** item", "An item"),
        ("12. An item", "12. An item"),
        ("| a | **b** |", "a\tb"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("not a link (at all) [here]", "not a link (at all) [here]"),
        ("`[label](x.html)` is code, **粗体**文字 is not", "`[label](x.html)` is code, 粗体文字 is not"),
        ("x = handlers[i](event) and 2**3**4 or MY__VAR__NAME", "x = handlers[i](event) and 2**3**4 or MY__VAR__NAME"),
        (r"| a \| b | c |", "a | b\tc"),
    ],
)
def test_a_line_as_it_is_read(line: str, plain: str) -> None:
    lines = marked(line)
    assert (lines.texts, lines.plain) == ([line], [plain])


def test_a_link_over_several_lines_is_in_each_of_them() -> None:
    lines = marked("[ ![](card.png)\n\nNight bus returns\n\nIt runs from Friday. ](/bus)\n\nNo link.")
    assert lines.plain == [" card.png", "Night bus returns", "It runs from Friday.", "No link."]
    assert [n > 0 for n in lines.link_chars.tolist()] == [True, True, True, False]
    assert lines.link_count.tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize(
    "link",
    ["{} [https://x.example/{}]", "{} [/{}]", "{} <https://x.example/{}>", "{} (https://x.example/{})", "[{1}]{0}"],
)
def test_addresses_behind_labels_and_numbers_before_them_are_read_as_links(link: str) -> None:
    menu = "   ".join(link.format(word, number) for number, word in enumerate(("Home", "News", "Sport", "Work"), 1))
    story = f"The council votes on Friday for {link.format('a bridge', 5)} over the river, and nobody minds."
    references = "\n1. https://x.example/a" if link.startswith("[{1}]") else ""
    lines = segment(Page(f"{menu}\n{story}\n{references}", Kind.TEXT))
    assert [" ".join(line.split()) for line in lines.plain[:2]] == [
        "Home News Sport Work", "The council votes on Friday for a bridge over the river, and nobody minds."
    ]  # fmt: skip
    assert lines.link_count.tolist()[:2] == [4, 1]
    assert lines.link_chars[0] >= 0.6 * len(lines.plain[0])
    assert 0 < lines.link_chars[1] < 0.5 * len(lines.plain[1])


def test_a_few_addresses_in_brackets_are_the_text_s_own() -> None:
    assert read_links("See the list [https://x.example/a] and the note [2]below.") is None


@pytest.mark.parametrize(
    "line",
    ["[b]Bold[/b] and [i]not[/i], said she", "北京市[1]是，[2]也是", "[1]In the beginning [2]there was",
     "See [#12] and [#13] [?]", "Use <b>bold</b> for it"],
)  # fmt: skip
def test_brackets_that_are_no_links(line: str) -> None:
    assert read_links("\n\n".join([line] * 5)) is None


def test_bold_that_a_column_broke_is_read() -> None:
    lines = marked("The council said that **it would not have\nthe bridge** before the spring of next year, if at all.")
    assert lines.bold_chars.tolist() == [28]
    assert "*" not in lines.plain[0]


@pytest.mark.parametrize(
    "piece", [" ", "\n", "](a\\)", "日 [/b]", "[/]", "aa)[/]", "[](x)", "[a](x ", "![", "| a", "**a", "_a "]
)
def test_the_time_grows_as_the_page_does(piece: str) -> None:
    def spent(size: int) -> float:
        page = Page("[a](" + piece * (size // len(piece)) + "|\n[1]\n# b\n[c](d)\n", Kind.TEXT, markdown=True)
        start = time.process_time()
        segment(page)
        return time.process_time() - start

    spent(1000)
    assert spent(400_000) < 40 * max(spent(40_000), 0.01)  # what is quadratic takes a hundred times as long


def test_a_heading_and_its_underline_are_one_line() -> None:
    lines = marked("# One\n\nNight bus returns\n=================\n\nIt runs.\n\n---\n\nMore\n----\n")
    assert lines.texts == ["# One", "Night bus returns\n=================", "It runs.", "---", "More\n----"]
    assert lines.tags == ["h1", "h1", "p", "p", "h2"]


def test_no_mark_adds_a_line_or_takes_one() -> None:
    rng = random.Random(4)
    pieces = ["[", "]", "](", ")", "![", "\n", "\n\n", "a", "b c", "(", "\\", "*", "**", "_", "http://x.y/z", "<", ">",
              '"', "[1]", "[/a]", "|", "# ", "- ", "---", "===", "```", "\r\n", "\u2028"]  # fmt: skip
    for _ in range(3000):
        content = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 60)))
        for page in (Page(content, Kind.TEXT, markdown=True), Page(content, Kind.TEXT)):
            lines = segment(page)
            for text, plain, chars in zip(lines.texts, lines.plain, lines.link_chars.tolist(), strict=True):
                assert text.count("\n") == plain.count("\n"), content
                assert 0 <= chars <= len(plain), content


def test_a_stored_page_counts_for_its_site_as_the_page_did(small_model: object) -> None:
    content = (
        "# Bus\n\n" + "[Night bus](/bus/1) returns to the upper hills,\nand it [runs](/runs) from Friday on.\n" * 3
    )
    judged = next(Cleaner(small_model).judge_many([make_page(content, kind="text")]))  # type: ignore[arg-type]
    stored = unpack(pack(judged, places=False, with_metadata=False), Item("a", "a", None)).judged
    for one, other in zip(judged.rows(), stored.rows(), strict=True):
        assert one.tolist() == other.tolist()
