"""Quality figures: host-grouped folds, sets left out of training, and the shipped model beside its peers.

    python benchmarks/quality.py peers CORPUS/check
    python benchmarks/quality.py folds CORPUS/train fixtures --on wcxb --peers --save folds.npz
    python benchmarks/quality.py holdout CORPUS/train fixtures --leave-out fundus --leave-out newspaper_tests
    python benchmarks/quality.py worst CORPUS/train --from folds.npz --on wcxb --pages 20
    python benchmarks/quality.py predict CLONE

Every table is made in one run over the same pages; CPU is one process's. The peers need the ``bench`` extra. Besides
the project's own layouts, clones of WCXB and of article-extraction-benchmark are read as they are.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from layouts import read_pages, write_answers
from losses import wrong_lines
from peers import HTML_PEERS, Answers, run_peers, with_peers
from predictions import load_predictions, save_predictions
from tables import calibration_table, class_table, examples, page_listing, report_table
from text_peers import TEXT_PEERS, Extract

from cleaner.evaluation import Report, evaluate, score_page
from cleaner.labelled import LabelledPage, as_text, read_labelled
from cleaner.model import Model
from cleaner.page import CleanedPage, Kind
from cleaner.pipeline import Cleaner
from cleaner.segmentation import segment
from cleaner.training import fit_head, fold_heads, make_dataset, score_lines


def say(message: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{message}", err=True, nl=False)


def finish(report: Report, by: Iterable[str], as_json: str | None) -> None:
    say("")
    click.echo(report_table(report, by))
    click.echo(f"\nrank correlation of confidence and word F1: {report.correlation():.3f}\n")
    click.echo(calibration_table(next(iter(report.scores.values()))))
    if as_json:
        Path(as_json).write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@click.group()
def main() -> None:
    """Quality figures of the cleaner and its peers."""


JSON = click.option("--json", "as_json", metavar="FILE", help="Also write everything as JSON.")
PATHS = click.argument("paths", nargs=-1, required=True)
JOBS = click.option("--jobs", default=1, show_default=True, help="Peers that run side by side, a process each.")


@main.command()
@PATHS
@click.option("--on", default="wcxb", show_default=True, help="The data set that is scored; all of them train.")
@click.option("--kind", type=click.Choice(["html", "text"]), default="html", show_default=True)
@click.option("--peers", is_flag=True, help="Also trafilatura on the same pages (HTML).")
@click.option("--seed", default=0, show_default=True)
@click.option("--save", metavar="FILE.npz", help="Keep every line's calibrated out-of-fold probability (HTML).")
@JSON
def folds(
    paths: tuple[str, ...], on: str, kind: str, peers: bool, seed: int, save: str | None, as_json: str | None
) -> None:
    """Host-grouped 5-fold figures: every page is scored by a model that has not seen its host."""
    if save and kind == "text":
        raise click.UsageError("--save keeps HTML pages: a page has several renderings as text")
    items = read_labelled(paths)
    data = make_dataset(items, Kind(kind), seed=seed, progress=say)
    _, calibrated = fold_heads(data, seed=seed, progress=say)
    if save:
        save_predictions(Path(save), data, calibrated)
    names = sorted(set(data.rendering))
    report = Report(
        {"cleaner (5-fold)": [s for s in score_lines(data, calibrated) if s.groups.get("dataset") == on]},
        {},
        1000,
        seed,
    )
    if kind == "text":
        click.echo("| rendering | pages | word F1 | articles |\n|---|---|---|---|")
        for name in names:
            rows = [s for s in score_lines(data, calibrated, [name]) if s.groups.get("dataset") == on]
            articles = [s.f1 for s in rows if s.groups.get("page_type") == "article"]
            if rows:
                mean = sum(s.f1 for s in rows) / len(rows)
                click.echo(f"| {name} | {len(rows)} | {mean:.4f} | {sum(articles) / max(len(articles), 1):.4f} |")
    if peers and kind == "html":
        chosen = [item for item in data.items if item.dataset == on]
        only = {"trafilatura": HTML_PEERS["trafilatura"]}
        report = with_peers(report, chosen, run_peers(chosen, only, progress=say))
    finish(report, ["page_type"], as_json)


@main.command()
@PATHS
@click.option("--leave-out", multiple=True, required=True, help="Data sets that are scored and never trained on.")
@click.option("--kind", type=click.Choice(["html", "text"]), default="html", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--quick", is_flag=True, help="Without calibration: one fit instead of six.")
@JSON
def holdout(
    paths: tuple[str, ...], leave_out: tuple[str, ...], kind: str, seed: int, quick: bool, as_json: str | None
) -> None:
    """Train on all sets but some, score on those, beside trafilatura."""
    items = read_labelled(paths)
    known = [item for item in items if item.dataset not in leave_out]
    hosts = {item.host for item in known}
    test = [item for item in items if item.dataset in leave_out and item.page.kind is Kind.HTML]
    shared = sum(item.host in hosts for item in test)
    if kind == "html":
        known = [item for item in known if item.page.kind is Kind.HTML]
    data = make_dataset(known, Kind(kind), seed=seed, progress=say)
    head = fit_head(data, seed=seed, calibrated=not quick, progress=say).head
    cleaner = Cleaner(Model({Kind(kind): head}))
    click.echo(f"trained on {len(known)} pages; {shared} of the {len(test)} test pages are of hosts it has seen\n")
    pages = [as_text(item) for item in test] if kind == "text" else test
    finish(evaluate(pages, cleaner, progress=say), ["dataset"], as_json)


def text_answers(items: list[LabelledPage], extract: Extract) -> Answers:
    """A rule for lines needs no process of its own."""
    start = time.process_time()
    texts: list[str | None] = [extract(item.page.content) for item in items]
    return Answers(texts, seconds=time.process_time() - start)


@main.command()
@PATHS
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--kind", type=click.Choice(["html", "text"]), default="html", show_default=True)
@click.option("--only", multiple=True, help="Only these peers.")
@click.option("--plot", metavar="FILE", help="Draw the distribution of word F1.")
@JOBS
@JSON
def peers(
    paths: tuple[str, ...],
    model: str | None,
    kind: str,
    only: tuple[str, ...],
    plot: str | None,
    jobs: int,
    as_json: str | None,
) -> None:
    """A model beside its peers on pages that it was not trained on."""
    known = TEXT_PEERS if kind == "text" else HTML_PEERS
    if unknown := set(only) - set(known):
        raise click.UsageError(f"no peer {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    items = read_pages(paths)
    if kind == "text":
        items = [as_text(item) for item in items]
    report = evaluate(items, Cleaner(model), peers=False)
    kept_all = [score_page(item, "\n".join(segment(item.page).texts)) for item in items]
    report = Report({**report.scores, "keep all": kept_all}, {**report.seconds}, report.bootstrap, report.seed)
    names = [name for name in known if not only or name in only]
    if kind == "text":
        answers = {name: text_answers(items, TEXT_PEERS[name]) for name in names}
    else:
        answers = run_peers(items, {name: HTML_PEERS[name] for name in names}, jobs=jobs, progress=say)
    finish(with_peers(report, items, answers), ["dataset", "page_type", "language"], as_json)
    failed = [(name, number, error) for name in names for number, error in answers[name].errors.items()]
    if failed:
        click.echo("\n| failed | page | why |\n|---|---|---|")
        for name, number, error in failed:
            click.echo(f"| {name} | {items[number].page.id} | {error.splitlines()[0].replace('|', ' ')} |")
    if plot:
        with_peers(report, items, answers).plot(plot)


@main.command()
@click.argument("clone", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", help="Model file; without it, the shipped one.")
def predict(clone: Path, model: str | None) -> None:
    """Write the cleaner's answers where the own evaluate.py of a clone of WCXB or of article-extraction-benchmark
    reads them."""
    items = read_pages([clone])
    pages = Cleaner(model).clean_many(item.page for item in items)
    texts = {item.page.id or "": page.text for item, page in zip(items, pages, strict=True)}
    for path in write_answers(clone, texts):
        click.echo(path)


@main.command()
@PATHS
@click.option("--on", multiple=True, help="Only these data sets.")
@click.option("--pages", default=20, show_default=True, help="How many of the worst pages to list line by line.")
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--from", "stored", metavar="FILE.npz", help="Out-of-fold probabilities that 'folds --save' wrote.")
@click.option("--page-type", help="Only this page type.")
@click.option("--examples", "shown", default=0, show_default=True, help="For the top classes, this many pages each.")
@click.option("--top", default=30, show_default=True, help="Classes in the tables by set and page type.")
def worst(
    paths: tuple[str, ...],
    on: tuple[str, ...],
    pages: int,
    model: str | None,
    stored: str | None,
    page_type: str | None,
    shown: int,
    top: int,
) -> None:
    """The worst pages with what was lost (-) and kept wrongly (+), line by line, and all errors by class."""
    items = [item for item in read_pages(paths) if not on or item.dataset in on]
    items = [item for item in items if page_type in (None, item.page_type)]
    cleaned: Iterator[tuple[LabelledPage, CleanedPage]]
    if stored:
        cleaned = load_predictions(Path(stored), items)
    else:
        cleaned = zip(items, Cleaner(model).clean_many(item.page for item in items), strict=True)
    rows = []
    for number, (item, page) in enumerate(cleaned):
        say(f"page {number} of {len(items)}")
        rows.append((*wrong_lines(item, page), item))
    say("")
    judged = [(score, wrong) for score, wrong, _ in rows]
    mean = sum(score.f1 for score, _ in judged) / max(len(judged), 1)
    click.echo(f"{len(rows)} pages, mean word F1 {mean:.4f}\n")
    click.echo(class_table(judged))
    for by in ("dataset", "page_type"):
        click.echo("\n" + class_table(judged, by, top))
    if shown:
        click.echo(examples(judged, top, shown))
    for score, wrong, item in sorted(rows, key=lambda row: row[0].f1)[:pages]:
        click.echo(f"\n== {score.page} {item.page_type or ''} {item.page.url or ''}")
        click.echo(page_listing(score, wrong))


if __name__ == "__main__":
    main()
