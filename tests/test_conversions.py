"""Pages as converters write them: nothing that is seen is lost, and every way of marking is drawn."""

from __future__ import annotations

import random

import pytest

from cleaner.conversions import CONVERSIONS
from cleaner.page import Kind, Page
from cleaner.segmentation import segment

PAGE = """<title>No title</title><nav><a href=/>Home</a> <a href="/news?a=1">News</a></nav><h1>Dog takes ferry</h1><hr>
<p>The ferry left an <b>hour</b> late because of the <a href=fog.html title="Of fog">fog</a>, and nobody minded much,
for the <i>bar</i> was open.<br>It sailed.</p><img src=dog.jpg alt="A dog"><a href=/card><div><h2>Night bus</h2><p>It
runs again</p></div></a><ol start=3><li>Three<ul><li>Inner</li></ul></li><li>Four</li></ol><blockquote>Said
someone</blockquote><pre>a  b
c</pre><table><tr><td>Lions</td><td>12</td></tr></table><select><option>Choice</option></select>
<noscript>Unseen</noscript><script>var code;</script>"""
SEEN = (
    "Home News Dog takes ferry The ferry left an hour late because of the fog and nobody minded much for the bar was "
    "open It sailed Night bus It runs again Three Inner Four Said someone a b c Lions 12"
)


def words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text).casefold().split()


@pytest.mark.parametrize("name", list(CONVERSIONS))
def test_every_way_has_the_words_of_the_page_in_order(name: str) -> None:
    for seed in range(60):
        text = CONVERSIONS[name](PAGE, random.Random(seed), "https://ferry.example/dog/")
        assert text == CONVERSIONS[name](PAGE, random.Random(seed), "https://ferry.example/dog/")
        left = iter(words("\n".join(segment(Page(text, Kind.TEXT, markdown=name == "converted")).plain)))
        for word in words(SEEN):
            assert any(found == word for found in left), (seed, word, text)
        assert "code" not in text
        assert "No title" not in text


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("converted", ["# Dog takes ferry", "Dog takes ferry\n=", "[fog](fog.html)", "](https://ferry.example/dog/fog.html)",
                       '"Of fog")', "![A dog](", "![Image 1: A dog](", "**hour**", "_bar_", "* * *", "| Lions | 12 |",
                       "> Said", "3. Three", "```", "Choice", "Unseen"]),
        ("dumped", ["DOG TAKES FERRY", "[3]fog", "fog [fog.html]", "fog <", "fog (", "[dog.jpg]", "[A dog]",
                    "Lions\t12", "____", "• Inner", "   1. /", "   The ferry"]),
    ],
)  # fmt: skip
def test_all_ways_are_drawn(name: str, marks: list[str]) -> None:
    drawn = "\n\n".join(
        CONVERSIONS[name](PAGE, random.Random(seed), "https://ferry.example/dog/") for seed in range(300)
    )
    assert [mark for mark in marks if mark not in drawn] == []


@pytest.mark.parametrize("name", list(CONVERSIONS))
def test_odd_pages_are_written_too(name: str) -> None:
    for page in (
        "",
        "only text",
        "<ul>" * 5000 + "deep",
        "</a></ul></pre><li>x</li><td>y",
        '<ol start="x"><li>a',
        '<a href="http://[">b</a>',
        "<body><p>a<?php echo 1 ?>b</p><!-- c --></body>",
    ):
        for seed in range(8):
            CONVERSIONS[name](page, random.Random(seed), "https://ferry.example/")
