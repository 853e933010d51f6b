"""The plain-text task: clean pages that have lost their HTML, in every rendering that old scrapers left.

    python benchmarks/text.py score CORPUS/check                              # the shipped model and the line rules
    python benchmarks/text.py score CORPUS/train fixtures --folds --on wcxb   # models that have not seen the host
    python benchmarks/text.py pages CORPUS/check -o task.jsonl                # the pages, for a cleaner of your own
    python benchmarks/text.py score CORPUS/check --entry mine=answers.jsonl   # and its answers beside the others

`docs/benchmarks.md` describes the task. trafilatura (the ``bench`` extra) gets the original HTML.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rapidfuzz.distance import LCSseq
from text_peers import TEXT_PEERS

from cleaner.evaluation import trafilatura_text, word_scores
from cleaner.labelled import LabelledPage, align, read_labelled
from cleaner.model import Model
from cleaner.page import Kind, Lines
from cleaner.pipeline import Cleaner
from cleaner.renderings import COMPOSED, CONVERSIONS, RENDERINGS, Labels, rendered
from cleaner.segmentation import segment
from cleaner.segmentation.marks import read_links
from cleaner.tokens import tokenize
from cleaner.training import fold_heads, folds_of, make_dataset

Extract = Callable[[str], str]
WHOLE = (*RENDERINGS, *CONVERSIONS)
NAMES = (*WHOLE, *COMPOSED)
KEEP_ALL, PERFECT, CLEANER, HTML = "keep all", "perfect lines", "cleaner", "trafilatura on the HTML"


def say(message: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{message}", err=True, nl=False)


@dataclass(frozen=True)
class Task:
    """One page to clean: a labelled page as text, how it was rendered, and the HTML page it was made from."""

    item: LabelledPage
    rendering: str
    source: LabelledPage

    @property
    def key(self) -> str:
        return f"{self.item.dataset} {self.item.page.id} {self.rendering}"

    @property
    def lines(self) -> list[str]:
        return stripped(self.item.page.content)


def tasks(items: Sequence[LabelledPage], names: Sequence[str], seed: int, progress: bool = True) -> Iterator[Task]:
    """Every page in every rendering; a page's draws depend on the seed, its id and the rendering only."""
    cuts: list[tuple[Lines, Labels]] = []
    for number, item in enumerate(items):
        say(f"reading page {number} of {len(items)}")
        lines = segment(item.page, links=True)
        main = align(tokenize(lines.texts), item.gold) >= 0.5 if len(lines) else np.zeros(0, dtype=bool)
        cuts.append((lines, main))
    for number, item in enumerate(items):
        if progress:
            say(f"cleaning page {number} of {len(items)}")
        for name in names:
            rng = random.Random(f"{seed} {item.page.id} {name}")
            others = [j for j in range(len(items)) if items[j].host != item.host]
            donors = [cuts[j] for j in rng.sample(others, min(5, len(others)))]
            page = rendered(item, name, *cuts[number], donors, rng)
            if page.page.content.strip():
                yield Task(page, name, item)


def plain(text: str) -> str:
    """Text as it is scored: addresses of links are no words of a page, whoever kept them."""
    links = read_links(text)
    return text if links is None else links.plain


def plain_lines(text: str) -> list[str]:
    """The lines of a page that are not blank, as they are scored."""
    whole = text.splitlines()
    return [read for raw, read in zip(whole, plain("\n".join(whole)).split("\n"), strict=True) if raw.strip()]


def as_scored(page: Sequence[str], read: Sequence[str], answer: str) -> str:
    """An answer as it is scored: its lines as they ``read`` on the page, so that each reads alike in all answers."""
    if not set(page).issuperset(stripped(answer)):
        return plain(answer)
    return "\n".join(read[i] for i in np.flatnonzero(kept_lines(page, answer)))


def stripped(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := raw.strip())]


def kept_lines(page: Sequence[str], answer: str) -> Labels:
    """Which lines of a page stand in an answer, in order; a line of the answer that the page has not is none of it."""
    ids: dict[str, int] = {}
    ours = stripped(answer)
    numbered = [[ids.setdefault(line, len(ids)) for line in lines] for lines in (page, ours)]
    kept = np.ones(len(page), dtype=bool)
    kept[[op.src_pos for op in LCSseq.editops(*numbered) if op.tag == "delete"]] = False
    return kept


def line_f1(page: Sequence[str], main: Labels, answer: str) -> float | None:
    """F1 of the kept lines against the main ones; None where the answer has lines that the page has not."""
    if not set(page).issuperset(stripped(answer)):
        return None
    kept = kept_lines(page, answer)
    total = int(kept.sum() + main.sum())
    return 2 * int((kept & main).sum()) / total if total else 1.0


class Scores:
    """Scores by rendering and cleaner, for words, for lines, and words kept of clean articles."""

    def __init__(self) -> None:
        self.words: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.lines: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.articles: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.kept: dict[str, list[float]] = defaultdict(list)

    def add(self, task: Task, answers: dict[str, str], html: str | None) -> None:
        page, read = task.lines, plain_lines(task.item.page.content)
        main = align(tokenize(read), task.item.gold) >= 0.5
        answers = {KEEP_ALL: task.item.page.content, **answers}
        answers[PERFECT] = "\n".join(line for line, wanted in zip(page, main, strict=True) if wanted)
        if html is not None:
            answers[HTML] = html
        for name, answer in answers.items():
            f1, _, recall = word_scores(as_scored(page, read, answer), task.item.gold)
            self.words[task.rendering][name].append(f1)
            if task.item.page_type == "article":
                self.articles[task.rendering][name].append(f1)
            if name != HTML and (score := line_f1(page, main, answer)) is not None:
                self.lines[task.rendering][name].append(score)
            if task.rendering == "clean article":
                self.kept[name].append(recall)

    def as_markdown(self) -> str:
        out = [table("word F1", self.words), "", table("line F1", self.lines)]
        if self.articles:
            out += ["", table("word F1, article pages", self.articles)]
        partly = self.words.get("partly cleaned")
        if partly:
            start = float(np.mean(partly[KEEP_ALL]))
            out += ["", "| partly cleaned | of the distance to 1 | of the distance to perfect lines |", "|---|---|---|"]
            for name, values in partly.items():
                if name not in (KEEP_ALL, PERFECT):
                    gain, room = float(np.mean(values)) - start, float(np.mean(partly[PERFECT])) - start
                    out.append(f"| {name} | {gain / max(1 - start, 1e-9):.2f} | {gain / max(room, 1e-9):.2f} |")
        if self.kept:
            out += ["", "| clean article | words kept |", "|---|---|"]
            out += [f"| {name} | {np.mean(values):.4f} |" for name, values in self.kept.items() if name != HTML]
        return "\n".join(out)


def table(title: str, scores: dict[str, dict[str, list[float]]]) -> str:
    """Rows are renderings, columns cleaners; the mean over renderings weighs each alike."""
    names = list(dict.fromkeys(name for row in scores.values() for name in row))
    out = [f"| {title} | pages | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    means: dict[str, list[float]] = defaultdict(list)
    for rendering in (name for name in NAMES if name in scores):
        row = scores[rendering]
        cells = []
        for name in names:
            mean = float(np.mean(row[name])) if row.get(name) else None
            cells.append("" if mean is None else f"{mean:.4f}")
            if mean is not None and rendering in WHOLE:
                means[name].append(mean)
        out.append(f"| {rendering} | {max(map(len, row.values()))} | {' | '.join(cells)} |")
    cells = [f"{np.mean(means[name]):.4f}" if means[name] else "" for name in names]
    out.append(f"| mean over whole pages | | {' | '.join(cells)} |")
    return "\n".join(out)


def load_entry(entry: str) -> tuple[str, Extract | dict[str, str]]:
    """``name=module:function`` (text to text) or ``name=answers.jsonl`` (rows of ``key`` and ``text``)."""
    name, _, where = entry.partition("=")
    if not where:
        raise click.UsageError(f"--entry {entry}: write NAME=module:function or NAME=answers.jsonl")
    path = Path(where)
    if path.is_file():
        rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines() if row.strip()]
        return name, {row["key"]: row["text"] for row in rows}
    module, _, function = where.partition(":")
    sys.path.insert(0, ".")
    try:
        found: Extract = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(
            f"--entry {entry}: neither a file nor a function that can be imported ({error})"
        ) from None
    return name, found


def chosen(paths: Sequence[str], on: Sequence[str], pages: int | None, seed: int) -> list[LabelledPage]:
    items = [item for item in read_labelled(paths) if item.page.kind is Kind.HTML and (not on or item.dataset in on)]
    if pages is not None and pages < len(items):
        kept = sorted(random.Random(seed).sample(range(len(items)), pages))
        items = [items[i] for i in kept]
    if not items:
        raise click.UsageError("no labelled HTML pages there")
    return items


@click.group()
def main() -> None:
    """The plain-text task."""


PATHS = click.argument("paths", nargs=-1, required=True)
ON = click.option("--on", multiple=True, help="Only these data sets.")
PAGES = click.option("--pages", type=click.IntRange(min=1), help="A sample of this many pages.")
RENDERING = click.option("--rendering", multiple=True, type=click.Choice(NAMES), help="Only these renderings.")
SEED = click.option("--seed", default=0, show_default=True)


@main.command("pages")
@PATHS
@ON
@PAGES
@RENDERING
@SEED
@click.option("-o", "--output", required=True, metavar="FILE.jsonl")
def write_pages(
    paths: tuple[str, ...], on: tuple[str, ...], pages: int | None, rendering: tuple[str, ...], seed: int, output: str
) -> None:
    """Write the pages of the task: rows of ``key``, ``rendering`` and ``text``."""
    with Path(output).open("w", encoding="utf-8") as file:
        for task in tasks(chosen(paths, on, pages, seed), rendering or NAMES, seed):
            row = {"key": task.key, "rendering": task.rendering, "text": task.item.page.content}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    say("")


@main.command()
@PATHS
@ON
@PAGES
@RENDERING
@SEED
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--folds", is_flag=True, help="Train five models on PATHS; each page is cleaned by the one without it.")
@click.option("--entry", multiple=True, metavar="NAME=…", help="Another cleaner: module:function, or its answers.")
@click.option("--html/--no-html", default=True, show_default=True, help="trafilatura on the original HTML.")
@click.option("--json", "as_json", metavar="FILE", help="Also write the mean of every cell as JSON.")
def score(
    paths: tuple[str, ...],
    on: tuple[str, ...],
    pages: int | None,
    rendering: tuple[str, ...],
    seed: int,
    model: str | None,
    folds: bool,
    entry: tuple[str, ...],
    html: bool,
    as_json: str | None,
) -> None:
    """Clean every page in every rendering by every cleaner, and print the tables."""
    entries = dict(map(load_entry, entry))
    items = chosen(paths, on, pages, seed)
    if folds:
        known = read_labelled(paths)
        fold = folds_of((item.host for item in known), seed)
        data = make_dataset(known, Kind.TEXT, seed=seed, progress=say)
        cleaners = [Cleaner(Model({Kind.TEXT: head})) for head in fold_heads(data, seed=seed, progress=say)[0]]
    else:
        fold = defaultdict(int)
        cleaners = [Cleaner(model)]
    scores = Scores()
    of_html: dict[int, str] = {}
    for task in tasks(items, rendering or NAMES, seed):
        content = task.item.page.content
        answers = {CLEANER: cleaners[fold[task.item.host]].clean(task.item.page).text}
        answers |= {name: extract(content) for name, extract in TEXT_PEERS.items()}
        for name, found in entries.items():
            answers[name] = found.get(task.key, "") if isinstance(found, dict) else found(content)
        if html and id(task.source) not in of_html:
            of_html[id(task.source)] = trafilatura_text(task.source.page.content)
        scores.add(task, answers, of_html.get(id(task.source)))
    say("")
    click.echo(scores.as_markdown())
    if as_json:
        parts = {"word_f1": scores.words, "line_f1": scores.lines, "word_f1_articles": scores.articles}
        means = {
            part: {
                how: {name: round(float(np.mean(v)), 4) for name, v in row.items() if v} for how, row in rows.items()
            }
            for part, rows in parts.items()
        }
        Path(as_json).write_text(json.dumps(means, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
