"""Scraped pages line by line: which lines of the story are lost, and which others are kept.

    python benchmarks/scrapes.py score                        # the shipped model and the line rules
    python benchmarks/scrapes.py score --lines                # with every line that is judged wrongly
    python benchmarks/scrapes.py score FOLDER --entry mine=my_module:clean

The pages in ``benchmarks/scrapes`` were written for this purpose, by authors who had not seen the project: stories that
nobody wrote before, in the frames that sites in 34 languages put around theirs since 2004. ``ordinary`` are news pages
as most are; in ``tricky`` stories have lists, scores, quotes of a word, and junk comes in whole sentences: appeals,
authors, comments, teasers; ``mixed`` are 40 pages of all kinds by one author, written last. Each line begins with a
mark (`cleaner.labelled`). Never trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import click
from text import CLEANER, KEEP_ALL, kept_lines, load_entry
from text_peers import TEXT_PEERS

from cleaner.errors import BadLabels
from cleaner.evaluation import words_of
from cleaner.labelled import MARKED, MarkedLine, read_marks
from cleaner.pipeline import Cleaner

PAGES = Path(__file__).parent / "scrapes"


class Wrong(NamedTuple):
    """What a cleaner did to one page: word F1 over the marked lines, and the lines that it judged wrongly."""

    f1: float
    lost: list[str]
    kept: list[str]


def read_page(path: Path) -> tuple[str, list[MarkedLine]]:
    """The text of a marked page, and its lines that are not empty."""
    try:
        return read_marks(path.read_text(encoding="utf-8"), str(path))
    except BadLabels as error:
        raise click.ClickException(str(error)) from None


def compare(rows: list[MarkedLine], answer: str) -> Wrong:
    """The lines of an answer against the marks; a line that the page has not counts as none of it."""
    judged = list(zip(rows, kept_lines([row.text for row in rows], answer).tolist(), strict=True))
    right = [row.text for row, stays in judged if row.mark == "+" and stays]
    lost = [row.text for row, stays in judged if row.mark == "+" and not stays]
    kept = [row.text for row, stays in judged if row.mark == "-" and stays]
    a, b, c = (sum(len(words_of(text)) for text in texts) for texts in (right, lost, kept))
    return Wrong(2 * a / max(2 * a + b + c, 1), lost, kept)


Scores: TypeAlias = "dict[str, list[tuple[list[MarkedLine], Wrong]]]"


def table(first: str, scores: Scores) -> Iterator[str]:
    yield f"| {first} | pages | word F1 | story lines lost | other lines kept |"
    yield "|---|---|---|---|---|"
    for name, pages in scores.items():
        f1 = sum(wrong.f1 for _, wrong in pages) / len(pages)
        story, other = (sum(row.mark == mark for rows, _ in pages for row in rows) for mark in "+-")
        lost, kept = sum(len(wrong.lost) for _, wrong in pages), sum(len(wrong.kept) for _, wrong in pages)
        yield f"| {name} | {len(pages)} | {f1:.4f} | {lost} of {story} | {kept} of {other} |"


@click.group()
def main() -> None:
    """Scraped pages, line by line."""


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=PAGES)
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--entry", multiple=True, metavar="NAME=MODULE:FUNCTION", help="Another cleaner, from text to text.")
@click.option("--lines", is_flag=True, help="Also every line that the cleaner judges wrongly.")
def score(folder: Path, model: str | None, entry: tuple[str, ...], lines: bool) -> None:
    """Clean every marked page by every cleaner, and count."""
    paths = sorted(folder.rglob(f"*{MARKED}"))
    if not paths:
        raise click.ClickException(f"{folder}: no pages that end in {MARKED}")
    ours = Cleaner(model)
    cleaners: dict[str, Callable[[str], str]] = {
        CLEANER: lambda text: ours.clean(text, kind="text").text,
        KEEP_ALL: str,
        **TEXT_PEERS,
    }
    for name, function in map(load_entry, entry):
        if isinstance(function, dict):
            raise click.UsageError(f"--entry {name}: a function from text to text is wanted, not a file")
        cleaners[name] = function
    sets: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    languages: Scores = dict(sorted((path.parent.name, []) for path in paths))
    for path in paths:
        text, rows = read_page(path)
        language = path.parent.name
        part = sets[path.parent.parent.name]
        for name, clean in cleaners.items():
            scored = (rows, compare(rows, clean(text)))
            part[name].append(scored)
            if name == CLEANER:
                part[f"{name}, {'English' if language == 'en' else 'other languages'}"].append(scored)
                languages[language].append(scored)
                wrong = scored[1]
        if lines:
            click.echo(f"{path.name}: {wrong.f1:.3f}")
            for mark, texts in (("lost", wrong.lost), ("kept", wrong.kept)):
                for line in texts:
                    click.echo(f"    {mark}  {line[:140]}")
    for part_name, part in sorted(sets.items()):
        ours_first = dict(sorted(part.items(), key=lambda entry: not entry[0].startswith(CLEANER)))
        click.echo("\n".join([*table(part_name, ours_first), ""]))
    click.echo("\n".join(table("cleaner, by language", languages)))


if __name__ == "__main__":
    main()
