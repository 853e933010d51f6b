"""Cost figures, as ratios in one run over the same pages: CPU per page, cold command, growth with page size.

    python benchmarks/speed.py CORPUS/train/wcxb.jsonl.gz --pages 300

CPU time of one process; the machine may be shared, so only the ratios mean something.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from selectolax.lexbor import LexborHTMLParser

from cleaner.decision import decide
from cleaner.features import Columns, compute
from cleaner.labelled import as_text, read_labelled
from cleaner.page import Kind, Page
from cleaner.pipeline import Cleaner
from cleaner.segmentation import segment


def each(pages: list[str], run: Callable[[str], object]) -> np.ndarray:
    """CPU seconds of each page."""
    out = []
    for page in pages:
        start = time.process_time()
        run(page)
        out.append(time.process_time() - start)
    return np.array(out)


def batched(cleaner: Cleaner, pages: list[Page]) -> float:
    """Mean CPU milliseconds a page over one batch run."""
    start = time.process_time()
    for page in cleaner.clean_many(pages):
        _ = page.text
    return 1000 * (time.process_time() - start) / len(pages)


def stages(cleaner: Cleaner, pages: list[Page]) -> dict[str, float]:
    """Mean CPU milliseconds a page of each stage of a batch run."""
    spent = dict.fromkeys(("segment", "features", "predict", "decide"), 0.0)
    for low in range(0, len(pages), 32):
        t0 = time.process_time()
        lines = [page for page in map(segment, pages[low : low + 32]) if len(page)]
        t1 = time.process_time()
        head = cleaner.model.head(lines[0].kind)
        columns = Columns(lines, head.weights)
        matrix = compute(columns, head.features)
        t2 = time.process_time()
        scores = np.split(head.predict(matrix), np.cumsum([len(page) for page in lines])[:-1])
        t3 = time.process_time()
        bounds = np.cumsum([len(page) for page in lines])[:-1]
        for p, words in zip(scores, np.split(columns.tokens.words, bounds), strict=True):
            decide(p, words)
        t4 = time.process_time()
        for name, value in zip(spent, (t1 - t0, t2 - t1, t3 - t2, t4 - t3), strict=True):
            spent[name] += value
    return {name: 1000 * value / len(pages) for name, value in spent.items()}


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--pages", default=300, show_default=True)
@click.option("--cold/--no-cold", default=True, show_default=True, help="Also time the commands, wall clock.")
def main(paths: tuple[str, ...], pages: int, cold: bool) -> None:
    """Print the cost of a page, by stage and against the peers."""
    import trafilatura

    items = [item for item in read_labelled(paths) if item.page.kind is Kind.HTML][:pages]
    html = [item.page.content for item in items]
    cleaner = Cleaner()
    for page in html[:5]:  # imports, tables and caches are not a page's cost
        cleaner.clean(page)
        trafilatura.extract(page)
    ours = batched(cleaner, [item.page for item in items])
    text = batched(cleaner, [as_text(item).page for item in items])
    theirs = 1000 * each(html, trafilatura.extract).mean()
    parse = 1000 * each(html, LexborHTMLParser).mean()
    rows = [
        ("cleaner, HTML, batch", ours),
        ("cleaner, text, batch", text),
        ("trafilatura", theirs),
        ("lexbor parse", parse),
    ]
    try:
        from resiliparse.extract.html2text import extract_plain_text

        rows.append(("resiliparse", 1000 * each(html, lambda page: extract_plain_text(page, main_content=True)).mean()))
    except ImportError:
        pass
    click.echo(f"{len(html)} pages of {sum(map(len, html)) / len(html) / 1000:.0f} KB\n")
    for name, ms in rows:
        click.echo(f"{name:24} {ms:8.2f} ms/page   {ours / ms:6.2f} x (cleaner, HTML, against it)")
    for name, ms in stages(cleaner, [item.page for item in items]).items():
        click.echo(f"  stage {name:16} {ms:8.2f} ms/page")
    if cold:
        _cold(html[0])


def _cold(page: str) -> None:
    """Best wall time of five cold commands on one page, by turns."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page, encoding="utf-8")
        bin_folder = Path(sys.executable).parent
        commands = {
            "cleaner": [str(bin_folder / "cleaner"), "clean"],
            "trafilatura": [str(bin_folder / "trafilatura")],  # both read the page from standard input
        }
        best = dict.fromkeys(commands, float("inf"))
        for _ in range(5):
            for name, command in commands.items():
                with file.open("rb") as page_file:
                    start = time.perf_counter()
                    done = subprocess.run(command, check=True, stdin=page_file, capture_output=True)
                    best[name] = min(best[name], time.perf_counter() - start)
                if not done.stdout.strip():
                    raise click.ClickException(f"{name} wrote nothing: not a comparison")
    click.echo(f"\ncold command, wall: cleaner {best['cleaner']:.2f} s, trafilatura {best['trafilatura']:.2f} s, ")
    click.echo(f"ratio {best['cleaner'] / best['trafilatura']:.2f}")


if __name__ == "__main__":
    main()
