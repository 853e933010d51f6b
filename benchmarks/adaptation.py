"""What a few labelled pages of one's own give: `cleaner train --adapt` on sets that the model has never seen.

    python benchmarks/adaptation.py measure CORPUS/check --pages 10 --pages 40
    python benchmarks/adaptation.py measure CORPUS/check/cleanportaleval.jsonl.gz --same-site

Of each set some pages are labelled, drawn by host, and the pages of all other hosts are the test: for the model as it
is, adapted, and learnt from the labelled pages alone. With `--same-site` the labelled pages and the test are of one
site, for every site that has enough of them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

import click
import numpy as np

from cleaner.adaptation import adapt
from cleaner.evaluation import score_page
from cleaner.labelled import LabelledPage, as_text, read_labelled
from cleaner.model import Model, shipped_model
from cleaner.page import Kind
from cleaner.pipeline import Cleaner
from cleaner.training import train

LEAST_TEST = 10  # pages; a site or set that leaves fewer is not measured
MOST_TEST = 150


@click.group()
def main() -> None:
    """A model begun from another."""


@main.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--model", help="The model to adapt; without it, the shipped one.")
@click.option("--pages", multiple=True, type=click.IntRange(min=2), default=(10,), help="How many labelled pages.")
@click.option("--draws", default=3, show_default=True, help="How often they are drawn.")
@click.option("--kind", type=click.Choice(["html", "text"]), default="html", show_default=True)
@click.option("--same-site", is_flag=True, help="Labelled pages and test of one site.")
@click.option("--alone", is_flag=True, help="Also learn from the labelled pages alone (two hosts at least).")
def measure(
    paths: tuple[str, ...], model: str | None, pages: tuple[int, ...], draws: int, kind: str, same_site: bool,
    alone: bool,
) -> None:  # fmt: skip
    """Word F1 on pages that were not labelled: as it is, adapted, and learnt from the labelled ones alone."""
    base = Model.load(model) if model else shipped_model()
    sets: dict[str, list[LabelledPage]] = defaultdict(list)
    for item in read_labelled(paths, kind=Kind.HTML):
        sets[item.dataset or "?"].append(as_text(item) if kind == Kind.TEXT else item)
    unit = "sites" if same_site else "hosts"
    click.echo(
        f"| pages | labelled | {unit} | judgements | as it is | adapted | change | better / worse by 0.02 | alone |"
    )
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for name, items in sorted(sets.items()):
        for count in pages:
            rows: list[tuple[float, float, float]] = []
            sizes: list[int] = []
            used: set[str] = set()
            for draw in range(draws):
                for labelled, test in _splits(items, count, draw, same_site=same_site):
                    used.update(item.host for item in test)
                    sizes.append(len(labelled))
                    adapted = adapt(labelled, base, seed=draw).model
                    own = train(labelled, seed=draw).model if alone else base
                    rows += zip(*(_f1(each, test) for each in (base, adapted, own)), strict=True)
            if rows:
                _show(name, np.mean(sizes), len(used), np.array(rows), alone=alone)


def _splits(
    items: Sequence[LabelledPage], count: int, draw: int, *, same_site: bool
) -> Iterator[tuple[list[LabelledPage], list[LabelledPage]]]:
    """Labelled pages, ``count`` or a few more, and others to test on."""
    by_host: dict[str, list[LabelledPage]] = defaultdict(list)
    for item in items:
        by_host[item.host].append(item)
    rng = random.Random(draw)
    if same_site:
        for _, own in sorted(by_host.items()):
            mixed = rng.sample(own, len(own))
            if len(mixed) >= count + LEAST_TEST:
                yield mixed[:count], mixed[count:][:MOST_TEST]
        return
    labelled: list[LabelledPage] = []
    test: list[LabelledPage] = []
    for host in rng.sample(sorted(by_host), len(by_host)):
        (labelled if len(labelled) < count else test).extend(by_host[host])
    if len(test) >= LEAST_TEST:
        yield labelled, rng.sample(test, min(len(test), MOST_TEST))


def _f1(model: Model, items: Sequence[LabelledPage]) -> list[float]:
    cleaned = Cleaner(model).clean_many(item.page for item in items)
    return [score_page(item, page.text).f1 for item, page in zip(items, cleaned, strict=True)]


def _show(name: str, count: np.floating, units: int, rows: np.ndarray, *, alone: bool) -> None:
    before, after, own = rows.T
    better, worse = (after > before + 0.02).sum(), (after < before - 0.02).sum()
    click.echo(
        f"| {name} | {count:.0f} | {units} | {len(rows)} | {before.mean():.4f} | {after.mean():.4f} "
        f"| {(after - before).mean():+.4f} | {better} / {worse} | {f'{own.mean():.4f}' if alone else ''} |"
    )


if __name__ == "__main__":
    main()
