"""``cleaner train``, ``evaluate``, ``check`` and ``info``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cleaner import __version__
from cleaner.cli.options import FAILED, FAVOR, KINDS, MODEL, OK, QUIET, check_writable, named, with_options
from cleaner.cli.terminal import Progress, say

__all__ = ["check", "evaluate", "info", "train"]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--output", required=True, metavar="FILE", help="The model file to write.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Seed of folds, trees and network."
)
@click.option("--kind", type=KINDS, default="auto", show_default=True, help="Learn from pages of one kind only.")
@click.option(
    "--adapt",
    is_flag=True,
    help="Begin from the present model and add to it, instead of from nothing: for your own few pages.",
)
@click.option("--model", metavar="FILE", help="The present model, to compare with or adapt; else the shipped one.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--details", is_flag=True, help="Also print the figures of each data set, page type and rendering.")
@QUIET
def train(
    paths: tuple[str, ...],
    output: str,
    seed: int,
    kind: str,
    adapt: bool,
    model: str | None,
    as_json: bool,
    details: bool,
    quiet: bool,
) -> None:
    """Train a model on labelled pages (story.html with story.gold.txt) and compare it with the present one.

    Text can be marked line by line instead: story.marked.txt, with + (story), - (junk) or ? (either) and a blank before
    each line. The report is made on hosts (or pages) that were left out of the training. The model serves `clean
    --model FILE`.

    A model learnt from a hundred pages alone knows little of other sites. With --adapt the present model stays, and
    what your pages say beside it is added: ten pages can be enough. Nothing is added where pages left out gain nothing.

    \b
    Examples:
      cleaner train my-pages/ --adapt -o my.model
      cleaner train fixtures/ -o my.model
      cleaner train fixtures/ more-pages.jsonl.gz -o my.model --json
    """
    from cleaner.errors import BadModel
    from cleaner.model import Model, shipped_model
    from cleaner.page import Kind
    from cleaner.training import train as train_on

    check_writable(output)
    items = _labelled(paths, kind)
    try:
        present = Model.load(model) if model is not None else shipped_model()
    except BadModel as error:
        if model is not None or adapt:
            raise
        present = None
        say(f"nothing to compare with: {error}")
    progress = Progress(quiet)
    if adapt and present is not None:
        from cleaner.adaptation import adapt as adapt_to

        training = adapt_to(items, present, seed=seed, progress=progress.note)
    else:
        training = train_on(items, seed=seed, compare_with=present, progress=progress.note)
    progress.clear()
    _written(output, training.model.save)
    click.echo(json.dumps(training.as_dict(), indent=2) if as_json else training.as_text())
    if details and not as_json:
        click.echo(training.details())
    if not quiet:
        summaries = training.summaries()
        for name in sorted({str(item.page.kind) for item in items} - set(summaries)):
            click.echo(f"{name}: too few pages to learn from, so nothing was added", err=True)
        for name, row in summaries.items():
            if adapt:
                trees = training.model.about["trees_added"][name]
                done = f"{trees} trees added" if trees else "no sure gain on pages left out, so nothing was added"
                if trees and training.left_out.get(Kind(name)) == "pages":
                    done += ", for pages of the same sites; for others label pages of five sites or more"
                click.echo(f"{name}: {done}", err=True)
            elif "before" in row and row["after"].f1 < row["before"].f1:
                click.echo(f"{name}: the present model does better; --adapt begins from it", err=True)
        click.echo(f"wrote {output}", err=True)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@with_options(MODEL, FAVOR)
@click.option("--kind", type=KINDS, default="auto", show_default=True, help="Measure on pages of one kind only.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--plot", metavar="FILE", help="Draw the distribution of word F1 (PNG, SVG or PDF).")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Also measure trafilatura on the same pages.")
@click.option(
    "--bootstrap", type=click.IntRange(min=0), default=1000, show_default=True, help="Resamples for the intervals."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the resampling.")
@QUIET
def evaluate(
    paths: tuple[str, ...], model: str | None, favor: Any, kind: str, as_json: bool, plot: str | None, peers: bool,
    bootstrap: int, seed: int, quiet: bool,
) -> None:  # fmt: skip
    """Measure a model on labelled pages: word F1, shingle F1, per site, language and page type.

    \b
    Examples:
      cleaner evaluate fixtures/
      cleaner evaluate fixtures/ --model my.model --kind text --json
      cleaner evaluate fixtures/ --plot f1.png
    """
    from cleaner.evaluation import check_picture
    from cleaner.evaluation import evaluate as evaluate_on
    from cleaner.pipeline import Cleaner

    if plot:
        check_writable(plot)
        check_picture(plot)
    items = _labelled(paths, kind)
    progress = Progress(quiet)
    cleaner = Cleaner(model, favor)
    report = evaluate_on(items, cleaner, peers=peers, bootstrap=bootstrap, seed=seed, progress=progress.note)
    progress.clear()
    click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2) if as_json else report.as_text())
    if plot:
        _written(plot, report.plot)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON lines.")
@click.pass_context
def check(ctx: click.Context, paths: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong with labelled pages: a missing partner, a gold that is not on its page, a duplicate.

    Prints one finding a line, with file and line. Exit code 1 if one of them is an error.

    \b
    Examples:
      cleaner check fixtures/
      cleaner check fixtures/ --json | jq .path
    """
    from cleaner.labelled import check_labelled
    from cleaner.sources.items import printable

    findings = [finding for path in named(paths) for finding in check_labelled(path)]
    for finding in findings:
        if as_json:
            row = {
                "path": finding.path, "line": finding.line, "severity": finding.severity, "message": finding.message,
            }  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(printable(str(finding)))
    errors = sum(finding.severity == "error" for finding in findings)
    say(f"{errors} errors, {len(findings) - errors} warnings", name=False)
    ctx.exit(FAILED if errors else OK)


@click.command()
@MODEL
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def info(model: str | None, as_json: bool) -> None:
    """Show versions and what is in a model: its fingerprint, features, training data and figures.

    \b
    Examples:
      cleaner info
      cleaner info --model my.model --json | jq -r .fingerprint
    """
    from cleaner.model import Model, shipped_model

    facts = {"cleaner": __version__, "model": model or "shipped"}
    facts.update((Model.load(model) if model is not None else shipped_model()).info())
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{key:<{width}}  {shown}")


def _labelled(paths: tuple[str, ...], kind: str) -> list[Any]:
    from cleaner.errors import BadLabels
    from cleaner.labelled import read_labelled
    from cleaner.page import Kind

    items = read_labelled(named(paths), kind=None if kind == "auto" else Kind(kind))
    if not items:
        raise BadLabels(f"no labelled pages of kind {kind}" if kind != "auto" else "no labelled pages")
    return items


def _written(path: str, write: Callable[[Path], None]) -> None:
    from cleaner.errors import BadOutput

    try:
        write(Path(path))
    except (OSError, ValueError) as error:  # ValueError: a picture format that matplotlib does not know
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadOutput(f"{path}: cannot be written: {reason}") from error
