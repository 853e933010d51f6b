"""HTML pages as the texts that scrapers leave: nothing is lost, nothing invented, and draws repeat."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cleaner.labelled import LabelledPage
from cleaner.page import Kind, Lines, Page
from cleaner.renderings import COMPOSED, RENDERINGS, Labels, clean_article, partly_cleaned, rendered, transplant
from cleaner.segmentation import segment

BODY = [
    "The ferry left an hour late because of the fog, and nobody minded much, for the bar was open.",
    "At the pier a dog waited that belonged to none of the passengers, and it came aboard all the same.",
    "It has crossed every day since, the captain said, and it has never once paid for the passage home.",
]
HTML = (
    "<title>Dog crosses the sound alone and unpaid</title><nav><a href=/>Home</a><a href=/news>News</a></nav>"
    "<h1>Dog takes ferry</h1>"
    + "".join(f"<p>{text}</p>" for text in BODY)
    + "<ul><li>One <a href='https://x.example/1'>link</a> here</li><li>Two</li></ul><p>Share this</p>"
    "<p>Bridge over the sound closes for repairs</p><p>Copyright of this paper and of all that it "
    "holds is with the paper and may not be taken away by anyone.</p>"
)


@pytest.fixture(scope="module")
def lines() -> Lines:
    return segment(Page(HTML, Kind.HTML), links=True)


@pytest.fixture(scope="module")
def main(lines: Lines) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([text in BODY for text in lines.texts])


def words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text).split()


@pytest.mark.parametrize("name", list(RENDERINGS))
def test_every_rendering_has_the_words_of_the_page_in_order(name: str, lines: Lines) -> None:
    text = RENDERINGS[name](lines, random.Random(1))
    left = iter(words(text))
    # A date glued to the first word is part of it, and links that touch are one word only in the visible lines.
    for word in (word for line in lines.texts[1:] for word in words(line)):
        assert any(found == word for found in left), word


def test_renderings_are_what_they_say(lines: Lines) -> None:
    def render(name: str) -> list[str]:
        return RENDERINGS[name](lines, random.Random(1)).split("\n")

    assert render("visible") == lines.texts
    assert render("paragraphs")[1::2] == [""] * (len(lines) - 1)
    for width in (72, 80):
        assert max(map(len, render(f"wrapped {width}"))) <= width
    assert "link" in render("nodes")
    assert "# Dog takes ferry" in render("markdown")
    assert any(line.endswith("One [link](https://x.example/1) here") for line in render("markdown"))
    assert "One link here Two" in render("joined")
    assert render("glued")[0] != lines.texts[0]
    assert render("glued")[0].endswith(lines.texts[0])


def test_broken_sentences_are_whole_again_after_segmentation(lines: Lines) -> None:
    text = RENDERINGS["broken"](lines, random.Random(2))
    assert text.count("\n\n") > len(lines) - 1
    joined = [" ".join(line.split()) for line in segment(Page(text, Kind.TEXT)).texts]
    assert all(text in joined for text in BODY)
    assert any(text not in RENDERINGS["broken"](lines, random.Random(2)) for text in BODY)


def test_partly_cleaned_keeps_the_body_and_a_little_junk(
    lines: Lines, main: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    counts = set()
    for seed in range(20):
        found = [
            " ".join(t.split())
            for t in segment(Page(partly_cleaned(lines, main, random.Random(seed)), Kind.TEXT)).texts
        ]
        assert [text for text in found if text in BODY] == BODY
        counts.add(len(found) - len(BODY))
    assert min(counts) >= 1
    assert max(counts) < len(lines) - len(BODY)


def test_transplant_puts_the_junk_of_others_around_the_body(
    lines: Lines, main: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    other = segment(
        Page("<p>Night bus returns to the upper hills at last</p><p>Most read</p><p>Follow us</p>", Kind.HTML)
    )
    junk = np.zeros(len(other), dtype=bool)
    all_of_them = ""
    for seed in range(40):
        text, gold = transplant(lines, main, [(other, junk)], random.Random(seed), "https://ferry.example/dog")
        assert gold.split("\n") == BODY
        found = [" ".join(line.split()) for line in segment(Page(text, Kind.TEXT)).texts]
        assert [x for x, y in zip(found, ["", *found], strict=False) if x in BODY and x != y] == BODY
        assert "Share this" not in text
        all_of_them += text + "\n"
    assert "NIGHT BUS RETURNS TO THE UPPER HILLS AT LAST" in all_of_them
    assert "https://ferry.example/dog" in all_of_them
    assert f"{BODY[0]}\n{BODY[0]}\n" in all_of_them or f"{BODY[1]}\n{BODY[1]}\n" in all_of_them


def test_a_composed_page_has_only_the_pointers_that_are_put_into_it() -> None:
    note, own = "Note: the bar closes at ten", "Related stories: The dog that never learnt to swim at all"
    body = [*BODY[:2], own, note, BODY[2]]
    lines = segment(Page("".join(f"<p>{text}</p>" for text in body), Kind.HTML))
    other = segment(Page("<p>Night bus returns to the upper hills</p><p>Terms</p><p>About us</p>", Kind.HTML))
    donors = [(other, np.zeros(len(other), dtype=bool))]
    item = LabelledPage(Page("", Kind.HTML), "\n".join(body), "ferry.example")
    everything = np.ones(len(lines), dtype=bool)
    found = ""
    for seed in range(600):
        for name in ("transplant", "clean article"):
            page = rendered(item, name, lines, everything, donors, random.Random(seed))
            assert page.gold.split("\n") == [*BODY[:2], note, BODY[2]]
            assert own not in page.page.content
            found += page.page.content.lower() + "\n"
    for pointer in (": night bus returns", "| night bus returns", "](https://www.example.com/"):
        assert pointer in found
    assert own in rendered(item, "visible", lines, everything, donors, random.Random(0)).gold


def test_one_label_may_stand_between_all_paragraphs(
    lines: Lines, main: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    other = segment(Page("<p>Most read</p><p>Follow us</p><p>Night bus returns to the hills at last</p>", Kind.HTML))
    donors = [(other, np.zeros(len(other), dtype=bool))]
    often = 0
    for seed in range(300):
        text, _ = transplant(lines, main, donors, random.Random(seed), language="en")
        found = segment(Page(text, Kind.TEXT)).texts
        if BODY[0] in found and BODY[-1] in found:
            between = found[found.index(BODY[0]) : len(found) - found[::-1].index(BODY[-1])]
            rest = [line for line in between if line not in BODY]
            often += len(rest) == len(BODY) - 1 and len(set(rest)) == 1
    assert often >= 10  # by chance, where every label is drawn for itself, it is none


def test_lists_and_headings_of_others_may_be_part_of_a_story(
    lines: Lines, main: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    page = Page("<nav>Home</nav><h2>What they brought</h2><p>x</p><ul><li>A rope</li><li>Two oars</li></ul>", Kind.HTML)
    other = segment(page)
    wanted = np.array([text not in ("Home", "x") for text in other.texts])
    golds = {transplant(lines, main, [(other, wanted)], random.Random(seed))[1] for seed in range(60)}
    assert "\n".join(BODY) in golds
    inserted = {line for gold in golds for line in gold.split("\n")} - set(BODY)
    assert {"A rope", "Two oars"} <= inserted
    assert {line.lower() for line in inserted} <= {"a rope", "two oars", "what they brought"}
    for gold in golds:
        assert gold.startswith(BODY[0])
        assert gold.endswith(BODY[2])


def test_a_page_without_main_content_gives_no_text(lines: Lines) -> None:
    none = np.zeros(len(lines), dtype=bool)
    assert partly_cleaned(lines, none, random.Random(0)) == ""
    assert transplant(lines, none, [(lines, none)], random.Random(0)) == ("", "")
    assert clean_article("\n \n", random.Random(0)) == ""


@pytest.mark.parametrize("name", [*RENDERINGS, *COMPOSED])
def test_the_same_seed_gives_the_same_text(
    name: str, lines: Lines, main: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    item = LabelledPage(
        Page(HTML, Kind.HTML, url="https://ferry.example/dog", id="dog"), "\n".join(BODY), "ferry.example"
    )
    pages = [rendered(item, name, lines, main, [(lines, main)], random.Random(7)) for _ in range(2)]
    assert pages[0] == pages[1]
    assert (pages[0].page.kind, pages[0].page.markdown) == (Kind.TEXT, name == "markdown")
    assert item.gold.startswith(pages[0].gold)
    assert pages[0].gold == item.gold or name == "short transplant"


def test_junk_that_is_nothing_but_colons_spoils_no_transplant(lines: Lines, main: Labels) -> None:
    other = segment(Page("<title>A page of its own</title><p>:::</p><p>::::</p>", Kind.HTML), links=True)
    for seed in range(200):
        text, _ = transplant(lines, main, [(other, np.zeros(len(other), dtype=bool))], random.Random(seed), None)
        assert BODY[0] in text or BODY[0][:20] in text
