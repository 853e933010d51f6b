"""Repetition across a site: what it adds, and how the weights in `cleaner/sites.py` were learnt.

    python benchmarks/sites.py measure CORPUS/check/zh_finance_wwwxmu.jsonl.gz CORPUS/check/cleanportaleval.jsonl.gz
    python benchmarks/sites.py fit CORPUS/train fixtures --kind text

A page's evidence is always from the *other* pages of its site, and weights are judged on sites that they were not
learnt from. `fit` takes the time of a training.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import click
import numpy as np
import numpy.typing as npt

from cleaner.decision import decide
from cleaner.evaluation import score_page, word_scores
from cleaner.labelled import LabelledPage, as_text, read_labelled
from cleaner.page import Kind
from cleaner.pipeline import Cleaner
from cleaner.segmentation import segment
from cleaner.sites import WEIGHTS, Rows, SiteCounter, SiteCounts, evidence, page_keys, rows_of
from cleaner.tokens import tokenize

Array = npt.NDArray[np.float64]
SUBSETS = 2  # smaller groups drawn from each site of three pages or more, so that small sites are learnt from too
FOLDS = 10


def several(items: Sequence[LabelledPage]) -> dict[str, list[LabelledPage]]:
    """The sites of two pages or more; of a page that is there as HTML and as text, the first."""
    sites: dict[str, dict[str, LabelledPage]] = defaultdict(dict)
    for item in items:
        sites[item.host].setdefault(str(item.page.id).removesuffix(".html").removesuffix(".txt"), item)
    return {site: list(pages.values()) for site, pages in sorted(sites.items()) if len(pages) > 1}


def count(site: str, texts: Sequence[list[str]]) -> SiteCounts:
    counter = SiteCounter()
    for lines in texts:
        counter.add(page_keys(site, rows_of(lines)))
    return counter.counts()


@click.group()
def main() -> None:
    """Repetition across a site."""


@main.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--at-most", type=int, help="Only so many pages of each site, the first ones.")
@click.option("--by-site", is_flag=True, help="Also each site.")
def measure(paths: tuple[str, ...], model: str | None, at_most: int | None, by_site: bool) -> None:
    """Word F1 with and without the evidence, on sites of several pages, for HTML and for its visible lines."""
    plain = Cleaner(model)
    click.echo("| pages | | sites | pages | without | with | change | worse by 0.02 | better by 0.02 |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for path in paths:
        items = [item for item in read_labelled(path) if item.page.kind is Kind.HTML]
        for kind in Kind:
            rows: dict[str, list[tuple[float, float]]] = {}
            for site, pages in several(items).items():
                chosen = [as_text(item) if kind is Kind.TEXT else item for item in pages[:at_most]]
                counts = count(site, [segment(item.page).plain for item in chosen])
                scores = [
                    [score_page(item, page.text).f1 for item, page in zip(chosen, cleaned, strict=True)]
                    for cleaned in (
                        list(cleaner.clean_many(item.page._replace(site=site) for item in chosen))
                        for cleaner in (plain, Cleaner(plain.model, sites=counts))
                    )
                ]
                rows[site] = list(zip(*scores, strict=True))
            name = items[0].dataset if items else path
            table_row(name, kind, len(rows), [pair for pairs in rows.values() for pair in pairs])
            for site, pairs in rows.items() if by_site else ():
                table_row(f"{name}: {site}", kind, 1, pairs)


def table_row(name: str, kind: str, sites: int, pairs: Sequence[tuple[float, float]]) -> None:
    before, after = np.array(pairs).T
    click.echo(
        f"| {name} | {kind} | {sites} | {len(pairs)} | {before.mean():.4f} | {after.mean():.4f} "
        f"| {after.mean() - before.mean():+.4f} | {(after < before - 0.02).sum()} | {(after > before + 0.02).sum()} |"
    )


# Learning the weights


@dataclass(frozen=True, slots=True)
class Judged:
    """A page among some others of its site: its lines, probabilities out of fold, and the evidence."""

    site: str
    others: int
    texts: list[str]
    gold: str
    odds: Array
    found: Array
    share: Array
    words: npt.NDArray[np.int64]

    def f1(self, weights: Array) -> float:
        """The word F1 of the page when the evidence weighs so."""
        p = 1 / (1 + np.exp(-(self.odds + self.found @ weights)))
        kept, _ = decide(p.astype(np.float32), self.words)
        return word_scores("\n".join(self.texts[i] for i in np.flatnonzero(kept)), self.gold)[0]


@main.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(["html", "text"]), required=True)
@click.option("--others", default=0.4, show_default=True, help="The share of single-page sites that also train.")
@click.option("--seed", default=0, show_default=True)
def fit(paths: tuple[str, ...], kind: str, others: float, seed: int) -> None:
    """Learn the weights from sites of several pages, and judge them on sites left out."""
    from cleaner.training import fold_heads, make_dataset

    items = read_labelled(paths)
    rng = random.Random(seed)
    known = several(items)
    items = [item for item in items if item.host in known or rng.random() < others]
    data = make_dataset(items, Kind(kind), seed=seed)
    _, probabilities = fold_heads(data, seed=seed)
    bounds = np.flatnonzero(np.diff(data.page_of)) + 1
    parts = list(zip(*(np.split(array, bounds) for array in (probabilities, data.share, data.words)), strict=True))
    index = {id(item): i for i, item in enumerate(data.items) if data.rendering[i] in ("as is", "visible")}
    judged: list[Judged] = []
    for site, pages in several([data.items[i] for i in index.values()]).items():
        groups = [pages]
        if len(pages) > 2:
            groups += [rng.sample(pages, rng.randint(2, len(pages) - 1)) for _ in range(SUBSETS)]
        for group in groups:
            at = [index[id(item)] for item in group]
            counts = count(site, [data.lines[i].plain for i in at])
            for i in at:
                p, share, words = parts[i]
                tokens = tokenize(data.lines[i].plain)
                whole = Rows(tokens.words, tokens.line_hashes(), tokens.line_hashes(template=True), np.arange(len(p)))
                total, line, template = counts.others(site, whole)
                if total:
                    found = evidence(p, words, total, line, template)
                    p = np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6)
                    odds = np.log(p / (1 - p))
                    texts, gold = data.lines[i].texts, data.items[i].gold
                    judged.append(Judged(site, total, texts, gold, odds, found, share, words))
    report(judged, WEIGHTS[data.kind])


def report(judged: Sequence[Judged], present: tuple[float, ...]) -> None:
    """Print what the weights learnt from other sites give on each site, and those learnt from all."""
    sites = sorted({page.site for page in judged})
    fold = {site: number % FOLDS for number, site in enumerate(sites)}
    learnt = [learn([page for page in judged if fold[page.site] != number]) for number in range(min(FOLDS, len(sites)))]
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for page in judged:
        pair = (page.f1(np.zeros(3)), page.f1(learnt[fold[page.site]]))
        size = "1 other page" if page.others == 1 else "2 or 3 others" if page.others < 4 else "4 or more others"
        rows["all"].append(pair)
        rows[size].append(pair)
    click.echo("| pages | | sites | pages | without | with | change | worse by 0.02 | better by 0.02 |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for name, pairs in sorted(rows.items()):
        table_row(name, "", len(sites), pairs)
    click.echo(f"\nweights learnt from all: {np.round(learn(judged), 2).tolist()}; in use: {list(present)}")


def learn(judged: Sequence[Judged]) -> Array:
    """Logistic regression with the model's log-odds as offset; long lines weigh more, sites count by their root."""
    from scipy.optimize import minimize

    size = {site: sum(page.site == site for page in judged) for site in {page.site for page in judged}}
    weight = []
    for page in judged:
        root = np.sqrt(np.minimum(page.words, 100))
        weight.append(root / np.sqrt(max(root.sum(), 1.0) * size[page.site]))
    some = np.concatenate([page.found.any(axis=1) for page in judged])
    x = np.concatenate([page.found for page in judged])[some]
    odds = np.concatenate([page.odds for page in judged])[some]
    share = np.concatenate([page.share for page in judged])[some]
    w = np.concatenate(weight)[some]
    w /= w.sum()

    def loss(b: Array) -> tuple[float, Array]:
        z = odds + x @ b
        value = float((w * (np.logaddexp(0, z) - share * z)).sum() + 5e-4 * (b @ b))
        return value, x.T @ (w * (1 / (1 + np.exp(-z)) - share)) + 1e-3 * b

    found: Array = minimize(loss, np.zeros(3), jac=True, method="BFGS").x
    return found


if __name__ == "__main__":
    main()
