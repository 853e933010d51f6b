"""Clean what real converters make of the labelled pages: Markdown and dumps in dialects that no training has drawn.

    python benchmarks/converters.py CORPUS/check --pages 250

The model learns from the dialects of `cleaner/conversions.py`; these are the converters that people use, each with its
own: html2text, markdownify, inscriptis, html-text, Beautiful Soup, resiliparse, and lynx and w3m where they are
installed. Whatever is missing is left out. ``pip install html2text markdownify inscriptis html-text`` brings the rest.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import click
import numpy as np
from text import CLEANER, KEEP_ALL, PERFECT, as_scored, chosen, plain_lines, say, stripped
from text_peers import TEXT_PEERS

from cleaner.evaluation import word_scores
from cleaner.labelled import align
from cleaner.pipeline import Cleaner
from cleaner.tokens import tokenize

Convert = Callable[[str, str], str]
TEXT_BROWSERS = {
    "lynx": "lynx -dump -stdin -nolist -assume_charset=utf-8 -display_charset=utf-8 -force_html",
    "lynx, numbered links": "lynx -dump -stdin -assume_charset=utf-8 -display_charset=utf-8 -force_html",
    "w3m": "w3m -dump -T text/html -I utf-8 -O utf-8 -cols 100",
}


def _html2text(html: str, url: str, *, width: int = 0, bare: bool = False) -> str:
    import html2text

    writer = html2text.HTML2Text(baseurl=url, bodywidth=width)
    writer.ignore_links = writer.ignore_images = bare
    return str(writer.handle(html))


def _markdownify(html: str, url: str) -> str:
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(html, "lxml")
    for element in soup(["script", "style", "noscript"]):
        element.decompose()
    return str(MarkdownConverter(heading_style="ATX").convert_soup(soup))


def _soup(html: str, url: str, *, separator: str, strip: bool) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "lxml")
    for element in soup(["script", "style"]):
        element.decompose()
    return str(soup.get_text(separator, strip=strip))


def _inscriptis(html: str, url: str) -> str:
    from inscriptis import get_text

    return str(get_text(html))


def _html_text(html: str, url: str) -> str:
    import html_text

    return str(html_text.extract_text(html))


def _resiliparse(html: str, url: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, main_content=False))


def _browser(html: str, url: str, *, command: list[str]) -> str:
    done = subprocess.run(command, input=html.encode("utf-8", "replace"), capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8", "replace")


def converters() -> Iterator[tuple[str, Convert]]:
    """The converters that are installed, by name."""
    libraries: list[tuple[str, str, Any]] = [
        ("html2text", "html2text", _html2text),
        ("html2text", "html2text, wrapped", partial(_html2text, width=78)),
        ("html2text", "html2text, no links", partial(_html2text, bare=True)),
        ("markdownify", "markdownify", _markdownify),
        ("inscriptis", "inscriptis", _inscriptis),
        ("html_text", "html-text", _html_text),
        ("bs4", "Beautiful Soup, a node a line", partial(_soup, separator="\n", strip=True)),
        ("bs4", "Beautiful Soup, raw", partial(_soup, separator="", strip=False)),
        ("resiliparse", "resiliparse, whole page", _resiliparse),
    ]
    yield from ((name, convert) for module, name, convert in libraries if find_spec(module))
    for name, command in TEXT_BROWSERS.items():
        if shutil.which(command.split()[0]):
            yield name, partial(_browser, command=command.split())


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--on", multiple=True, help="Only these data sets.")
@click.option("--pages", type=click.IntRange(min=1), help="A sample of this many pages.")
@click.option("--seed", default=0, show_default=True)
@click.option("--model", help="Model file; without it, the shipped one.")
def main(paths: tuple[str, ...], on: tuple[str, ...], pages: int | None, seed: int, model: str | None) -> None:
    """Word F1 of the cleaner and of the line rules, by converter."""
    warnings.simplefilter("ignore")  # Beautiful Soup's, about pages that say they are XML
    cleaner = Cleaner(model)
    items = chosen(paths, on, pages, seed)
    cleaners: dict[str, Callable[[str], str]] = {
        CLEANER: lambda text: cleaner.clean(text, kind="text").text, KEEP_ALL: lambda text: text, **TEXT_PEERS,
    }  # fmt: skip
    names = [*cleaners, PERFECT]
    click.echo(f"| word F1 | pages | failed | {' | '.join(names)} |\n|---|---|---|{'---|' * len(names)}")
    means: dict[str, list[float]] = defaultdict(list)
    for name, convert in converters():
        scores: dict[str, list[float]] = defaultdict(list)
        failed = 0
        for number, item in enumerate(items):
            say(f"{name}: page {number} of {len(items)}")
            try:
                text = convert(item.page.content, item.page.url or "")
            except Exception:  # another's converter may raise anything
                failed += 1
                continue
            lines, read = stripped(text), plain_lines(text)
            main_lines = align(tokenize(read), item.gold) >= 0.5
            answers = {who: clean(text) for who, clean in cleaners.items()}
            answers[PERFECT] = "\n".join(x for x, wanted in zip(lines, main_lines, strict=True) if wanted)
            for who, answer in answers.items():
                scores[who].append(word_scores(as_scored(lines, read, answer), item.gold)[0])
        say("")
        for who in names:
            means[who].append(float(np.mean(scores[who])))
        click.echo(
            f"| {name} | {len(items) - failed} | {failed} | {' | '.join(f'{means[who][-1]:.4f}' for who in names)} |"
        )
    click.echo(f"| mean | | | {' | '.join(f'{np.mean(means[who]):.4f}' for who in names)} |")


if __name__ == "__main__":
    main()
