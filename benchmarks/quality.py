"""Quality figures: host-grouped folds, sets left out of training, and the shipped model beside its peers.

    python benchmarks/quality.py folds CORPUS/train fixtures --on wcxb --peers
    python benchmarks/quality.py holdout CORPUS/train fixtures --leave-out fundus --leave-out newspaper_tests
    python benchmarks/quality.py peers CORPUS/check
    python benchmarks/quality.py worst CORPUS/train --on wcxb --pages 20

Every table is made in one run over the same pages; CPU is one process's. The peers need the ``bench`` extra.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from text_peers import TEXT_PEERS, Extract

from cleaner.evaluation import PageScore, Report, evaluate, score_page, trafilatura_text
from cleaner.labelled import LabelledPage, as_text, read_labelled
from cleaner.model import Model
from cleaner.page import Kind
from cleaner.pipeline import Cleaner
from cleaner.segmentation import segment
from cleaner.training import cross_calibrated, fit_head, make_dataset, score_lines


def say(message: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{message}", err=True, nl=False)


def html_peers() -> dict[str, Extract]:
    """The extractors that take HTML; imports happen here, so that a missing one is named at once."""
    import justext
    import trafilatura
    from boilerpy3.extractors import ArticleExtractor
    from lxml import html as lxml_html
    from readability import Document
    from resiliparse.extract.html2text import extract_plain_text

    def plain(fragment: str) -> str:
        tree = lxml_html.fromstring(fragment) if fragment.strip() else None
        return "" if tree is None else "\n".join(text.strip() for text in tree.itertext() if text.strip())

    stoplists = frozenset(
        word for name in ("English", "German", "French", "Spanish") for word in justext.get_stoplist(name)
    )

    def jus(html: str) -> str:
        return "\n".join(p.text for p in justext.justext(html.encode(), stoplists) if not p.is_boilerplate)

    def newspaper(html: str) -> str:
        from newspaper import Article

        article = Article("https://example.org/")
        article.download(input_html=html)
        article.parse()
        return str(article.text)

    return {
        "trafilatura": trafilatura_text,
        "trafilatura fast": lambda html: trafilatura.extract(html, fast=True) or "",
        "trafilatura precision": lambda html: trafilatura.extract(html, favor_precision=True) or "",
        "trafilatura recall": lambda html: trafilatura.extract(html, favor_recall=True) or "",
        "readability-lxml": lambda html: plain(Document(html).summary()),
        "resiliparse": lambda html: extract_plain_text(html, main_content=True, alt_texts=False, links=False),
        "jusText": jus,
        "boilerpy3": lambda html: ArticleExtractor().get_content(html),
        "newspaper4k": newspaper,
    }


def run_peers(items: Sequence[LabelledPage], peers: dict[str, Extract], report: Report) -> Report:
    """Add each peer's scores to a report; a page on which a peer fails counts as empty output."""
    scores: dict[str, Sequence[PageScore]] = dict(report.scores)
    seconds = dict(report.seconds)
    for name, extract in peers.items():
        rows, spent, failures = [], 0.0, 0
        for number, item in enumerate(items):
            say(f"{name}: {number} of {len(items)}")
            start = time.process_time()
            try:
                text = extract(item.page.content)
            except Exception:  # whatever a peer raises is its result for this page, and is counted
                text, failures = "", failures + 1
            spent += time.process_time() - start
            rows.append(score_page(item, text))
        label = f"{name} ({failures} failed)" if failures else name
        scores[label], seconds[label] = rows, spent
    return Report(scores, seconds, report.bootstrap, report.seed)


def table(report: Report, by: Iterable[str]) -> str:
    """A report as Markdown: overall, then a table for each grouping."""
    out = [
        "| | pages | word F1 (95 %) | precision | recall | shingle F1 | empty | CPU ms/page |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, s in report.summaries.items():
        ms = f"{1000 * report.seconds[name] / max(s.pages, 1):.1f}" if name in report.seconds else ""
        out.append(
            f"| {name} | {s.pages} | {s.f1:.4f} ({s.low:.3f}-{s.high:.3f}) | {s.precision:.3f} | {s.recall:.3f} "
            f"| {s.shingle_f1:.4f} | {s.empty} | {ms} |"
        )
    for name in by:
        groups = report.grouped(name)
        out += [
            "",
            f"| word F1 by {name} | pages | " + " | ".join(report.scores) + " |",
            "|---|" + "---|" * (1 + len(report.scores)),
        ]
        for group, row in groups.items():
            cells = " | ".join(f"{row[peer].f1:.4f}" if peer in row else "" for peer in report.scores)
            out.append(f"| {group} | {max(s.pages for s in row.values())} | {cells} |")
    return "\n".join(out)


def finish(report: Report, by: Iterable[str], as_json: str | None) -> None:
    say("")
    click.echo(table(report, by))
    click.echo(f"\nrank correlation of confidence and word F1: {report.correlation():.3f}")
    click.echo(calibration_table(next(iter(report.scores.values()))))
    if as_json:
        Path(as_json).write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def calibration_table(rows: Sequence[PageScore]) -> str:
    """Bands of confidence with the mean true word F1 of their pages."""
    bands: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if row.confidence is not None:
            bands[min(int(row.confidence * 10), 9) / 10].append(row.f1)
    cells = [f"| {low:.1f}-{low + 0.1:.1f} | {len(v)} | {sum(v) / len(v):.3f} |" for low, v in sorted(bands.items())]
    return "\n".join(["", "| confidence | pages | true word F1 |", "|---|---|---|", *cells])


@click.group()
def main() -> None:
    """Quality figures of the cleaner and its peers."""


JSON = click.option("--json", "as_json", metavar="FILE", help="Also write everything as JSON.")
PATHS = click.argument("paths", nargs=-1, required=True)


@main.command()
@PATHS
@click.option("--on", default="wcxb", show_default=True, help="The data set that is scored; all of them train.")
@click.option("--kind", type=click.Choice(["html", "text"]), default="html", show_default=True)
@click.option("--peers", is_flag=True, help="Also trafilatura on the same pages (HTML).")
@click.option("--seed", default=0, show_default=True)
@JSON
def folds(paths: tuple[str, ...], on: str, kind: str, peers: bool, seed: int, as_json: str | None) -> None:
    """Host-grouped 5-fold figures: every page is scored by a model that has not seen its host."""
    items = read_labelled(paths)
    data = make_dataset(items, Kind(kind), seed=seed, progress=say)
    _, probabilities = fit_head(data, seed=seed, progress=say)
    calibrated = cross_calibrated(data, probabilities)
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
        report = run_peers(chosen, {"trafilatura": trafilatura_text}, report)
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
    head, _ = fit_head(data, seed=seed, calibrated=not quick, progress=say)
    cleaner = Cleaner(Model({Kind(kind): head}))
    click.echo(f"trained on {len(known)} pages; {shared} of the {len(test)} test pages are of hosts it has seen\n")
    pages = [as_text(item) for item in test] if kind == "text" else test
    finish(evaluate(pages, cleaner, progress=say), ["dataset"], as_json)


@main.command()
@PATHS
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--kind", type=click.Choice(["html", "text"]), default="html", show_default=True)
@click.option("--only", multiple=True, help="Only these peers.")
@click.option("--plot", help="Draw the distribution of word F1.")
@JSON
def peers(
    paths: tuple[str, ...], model: str | None, kind: str, only: tuple[str, ...], plot: str | None, as_json: str | None
) -> None:
    """A model beside its peers on pages that it was not trained on."""
    items = [item for item in read_labelled(paths) if item.page.kind is Kind.HTML]
    if kind == "text":
        items = [as_text(item) for item in items]
    report = evaluate(items, Cleaner(model), peers=False)
    kept_all = [score_page(item, "\n".join(segment(item.page).texts)) for item in items]
    report = Report({**report.scores, "keep all": kept_all}, {**report.seconds}, report.bootstrap, report.seed)
    chosen = TEXT_PEERS if kind == "text" else html_peers()
    chosen = {name: extract for name, extract in chosen.items() if not only or name in only}
    report = run_peers(items, chosen, report)
    finish(report, ["dataset", "page_type", "language"], as_json)
    if plot:
        report.plot(plot)


@main.command()
@PATHS
@click.option("--on", help="Only this data set.")
@click.option("--pages", default=20, show_default=True)
@click.option("--model", help="Model file; without it, the shipped one.")
@click.option("--page-type", help="Only this page type.")
def worst(paths: tuple[str, ...], on: str | None, pages: int, model: str | None, page_type: str | None) -> None:
    """The worst pages with what was lost (-) and what was kept wrongly (+), line by line."""
    from cleaner.labelled import align
    from cleaner.tokens import tokenize

    items = [item for item in read_labelled(paths) if on in (None, item.dataset)]
    items = [item for item in items if page_type in (None, item.page_type)]
    rows = []
    for item, page in zip(items, Cleaner(model).clean_many(item.page for item in items), strict=True):
        rows.append((score_page(item, page.text, page.confidence), item, page))
    rows.sort(key=lambda row: row[0].f1)
    for score, item, page in rows[:pages]:
        click.echo(
            f"\n== {score.page} {item.page_type or ''} {item.page.url or ''}\n   F1 {score.f1:.3f} "
            f"precision {score.precision:.3f} recall {score.recall:.3f} confidence {page.confidence:.3f}"
        )
        shares = align(tokenize(page.segmented.texts), item.gold)
        for line, share in zip(page.lines, shares, strict=True):
            if line.kept != (share >= 0.5) and line.text:
                click.echo(f"{'+' if line.kept else '-'} {line.probability:.2f} {line.tag:10} {line.text[:140]}")


if __name__ == "__main__":
    main()
