"""What a page costs, and whether that grew: CPU time of one process (of cold commands also wall time), as ratios to
others on the same pages.

    python benchmarks/speed.py run CORPUS/train/wcxb.jsonl.gz -o benchmarks/speed.json
    python benchmarks/speed.py compare benchmarks/speed.json new.json

The machine may be shared, so only ratios between figures of one run mean something. Everything takes turns, a batch of
pages at a time, so that a busy minute falls on all alike.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from selectolax.lexbor import LexborHTMLParser

from cleaner.decision import decide
from cleaner.decoding import decode
from cleaner.features import Columns, compute
from cleaner.labelled import LabelledPage, as_text, read_labelled
from cleaner.page import CleanedPage, Kind, Page
from cleaner.pipeline import Cleaner, look_again
from cleaner.segmentation import segment
from cleaner.tokens import tokenize

BATCH = 32
STAGES = ("decode", "parse", "walk", "tokenise", "features", "predict", "look again", "decide", "write")
SIZES = (("below 50 KB", 0, 50_000), ("50 to 200 KB", 50_000, 200_000), ("200 to 500 KB", 200_000, 500_000),
         ("above 500 KB", 500_000, 1 << 40))  # fmt: skip
PARAGRAPH = (
    '<div class="row item-{0}"><h3><a href="/story/{0}">The ferry of day {0}</a></h3><p>It left an hour late, because '
    "of the fog that covered the bay, said the harbour master, and {0} people waited.</p><ul><li><a href=/a>Home</a>"
    "<li>Share</ul></div>\n"
)
GREW = 1.1


def clock() -> float:
    return time.process_time()


def spent(run: Callable[[], object]) -> float:
    start = clock()
    run()
    return clock() - start


def stages(cleaner: Cleaner, pages: Sequence[Page]) -> np.ndarray:
    """CPU seconds of each page, shape (pages, stages); what a batch does at once is shared out by lines."""
    out = np.zeros((len(pages), len(STAGES)))
    lines = []
    for row, page in zip(out, pages, strict=True):
        raw = page.content.encode("utf-8", "replace")
        row[0] = spent(lambda raw=raw: decode(raw))
        row[1] = spent(lambda page=page: LexborHTMLParser(page.content))
        start = clock()
        lines.append(segment(page))
        row[2] = clock() - start - row[1]
    sizes = np.array([len(page) for page in lines])
    filled = [page for page in lines if len(page)]
    if not filled:
        return out
    share = sizes / sizes.sum()
    head = cleaner.model.head(filled[0].kind)
    out[:, 3] = share * spent(lambda: tokenize([text for page in filled for text in page.plain]))
    start = clock()
    columns = Columns(filled, head.weights)
    matrix = compute(columns, head.features)
    out[:, 4] = share * (clock() - start) - out[:, 3]
    start = clock()
    scores = head.calibrate(head.predict(matrix, columns.start), columns.tokens.words, columns.start)
    out[:, 5] = share * (clock() - start)
    bounds = np.cumsum(sizes)[:-1]
    tokens = columns.tokens
    parts = [scores, tokens.words, tokens.line_hashes(), tokens.line_hashes(template=True)]
    found = list(zip(*(np.split(part, bounds) for part in parts), strict=True))
    start = clock()
    again = look_again(cleaner.model, lines, found)
    cost = clock() - start
    doubtful = np.array([one is not other for one, other in zip(found, again, strict=True)])
    out[:, 6] = cost * (doubtful * sizes / (doubtful @ sizes) if doubtful.any() else share)
    for row, page, segmented, (p, w, *_) in zip(out, pages, lines, again, strict=True):
        start = clock()
        kept, confidence = decide(p, w)
        row[7] = clock() - start
        row[8] = spent(CleanedPage(page, confidence, segmented, p, kept).text.encode)
    return out


def batch_ms(cleaner: Cleaner, pages: Sequence[Page]) -> float:
    return spent(lambda: [page.text for page in cleaner.clean_many(pages)])


def peers() -> dict[str, Callable[[str], object]]:
    import trafilatura

    found: dict[str, Callable[[str], object]] = {
        "trafilatura": trafilatura.extract,
        "trafilatura fast": lambda html: trafilatura.extract(html, fast=True),
        "lexbor parse": LexborHTMLParser,
    }
    try:
        from resiliparse.extract.html2text import extract_plain_text
    except ImportError:
        return found
    return {**found, "resiliparse": lambda html: extract_plain_text(html, main_content=True)}


def per_page(cleaner: Cleaner, items: Sequence[LabelledPage], say: Callable[[str], None]) -> dict[str, object]:
    """The profile, the ratios to the peers, and both by page size."""
    others = peers()
    for item in items[:5]:  # imports, tables and caches are not a page's cost
        cleaner.clean(item.page)
        cleaner.clean(as_text(item).page)
        for run in others.values():
            run(item.page.content)
    html = text = 0.0
    profile, theirs = [], {name: [] for name in others}
    for low in range(0, len(items), BATCH):
        chosen = items[low : low + BATCH]
        pages = [item.page for item in chosen]
        texts = [as_text(item).page for item in chosen]
        html += batch_ms(cleaner, pages)
        text += batch_ms(cleaner, texts)
        for name, run in others.items():
            theirs[name] += [spent(lambda run=run, page=page: run(page.content)) for page in pages]
        profile.append(stages(cleaner, pages))
    cost = 1000 * np.concatenate(profile)
    ours, size = cost.sum(axis=1) - cost[:, 0], np.array([len(item.page.content) for item in items])
    mean = 1000 * html / len(items)
    say(f"{len(items)} pages of {size.mean() / 1000:.0f} KB; cleaner, HTML, in batches: {mean:.2f} ms a page\n")
    say(f"{'stage':12}{'mean':>8}{'median':>8}{'95 %':>8}  ms a page")
    for name, column in zip(STAGES, cost.T, strict=True):
        say(f"{name:12}{column.mean():8.2f}{np.median(column):8.2f}{np.percentile(column, 95):8.2f}")
    ratios = {"text page / HTML page": text / html}
    say(f"\n{'against':18}{'ms':>8}{'mean':>8}{'median':>8}")
    for name, values in theirs.items():
        ms = 1000 * np.array(values)
        ratios[f"HTML page / {name}, mean"] = mean / ms.mean()
        ratios[f"HTML page / {name}, median"] = float(np.median(ours) / np.median(ms))
        say(f"{name:18}{ms.mean():8.2f}{mean / ms.mean():7.2f}x{np.median(ours) / np.median(ms):7.2f}x")
    say(f"a text page costs {text / html:.2f} of its HTML page\n")
    parse = 1000 * np.array(theirs["lexbor parse"])
    for name, low, high in SIZES:
        some = (size >= low) & (size < high)
        if some.any():
            say(f"{name:14}{some.sum():6} pages {ours[some].mean():8.2f} ms {ours[some].sum() / parse[some].sum():6.2f}"
                " x the parse")  # fmt: skip
    found = {name: float(value) for name, value in zip(STAGES, cost.mean(axis=0), strict=True)}
    return {"pages": len(items), "kilobytes": float(size.mean() / 1000), "ratios": ratios, "stages, ms": found}


def growth(cleaner: Cleaner, say: Callable[[str], None]) -> dict[str, float]:
    """CPU per megabyte and per line as a page grows, against a page of 100 KB or 1,000 lines; 1 is linear."""
    ratios: dict[str, float] = {}
    per = {}
    say("\nsize of a page      ms     ms a MB")
    for size in (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000):
        page, number = "", size // len(PARAGRAPH)
        page = "<body>" + "".join(PARAGRAPH.format(i) for i in range(number))
        ms = 1000 * min(spent(lambda page=page: cleaner.clean(page, kind="html")) for _ in range(3))
        per[size] = ms / len(page) * 1e6
        say(f"{len(page) / 1000:9,.0f} KB {ms:10.1f} {per[size]:10.1f}")
    for size in (1_000_000, 20_000_000):
        ratios[f"a MB of a page of {size / 1e6:.0f} MB / of 100 KB"] = per[size] / per[100_000]
    for kind in ("html", "text"):
        for lines in (10, 100, 1000, 10_000, 100_000):
            page = "\n".join(
                f"<p>Line {i} of a page, said the harbour master."[3 * (kind == "text") :] for i in range(lines)
            )
            us = 1e6 * min(spent(lambda page=page, kind=kind: cleaner.clean(page, kind=kind)) for _ in range(3)) / lines
            per[lines] = us
            say(f"{lines:9,} lines of {kind} {us:10.1f} us a line")
        ratios[f"a line of {kind} of 100,000 / of 1,000"] = per[100_000] / per[1000]
    return ratios


def cold(page: str, say: Callable[[str], None], turns: int = 15) -> dict[str, float]:
    """Wall time and CPU of cold commands on one page from standard input, the best of several by turns."""
    folder = Path(sys.executable).parent
    commands = {
        "cleaner": [str(folder / "cleaner"), "clean"],
        "trafilatura": [str(folder / "trafilatura")],
        "cleaner --help": [str(folder / "cleaner"), "--help"],
        "bare import": [sys.executable, "-c", "import numpy, click, selectolax.lexbor; print('done')"],
    }
    # What is installed has been compiled, and so is what is run from a checkout after its first run.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for command in commands.values():
        subprocess.run(command, check=True, input=page.encode(), capture_output=True, env=env)
    wall = dict.fromkeys(commands, float("inf"))
    cpu = wall.copy()
    for _ in range(turns):
        for name, command in commands.items():
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(command, check=True, input=page.encode(), capture_output=True, env=env)
            wall[name] = min(wall[name], time.perf_counter() - start)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu[name] = min(cpu[name], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            if not done.stdout.strip():
                raise click.ClickException(f"{name} wrote nothing: not a comparison")
    say(f"\ncold, page of {len(page) / 1000:.0f} KB    wall     CPU  ms")
    for name in commands:
        say(f"{name:24}{1000 * wall[name]:7.0f} {1000 * cpu[name]:7.0f}")
    return {
        "cold command / trafilatura": wall["cleaner"] / wall["trafilatura"],
        "cold command / trafilatura, CPU": cpu["cleaner"] / cpu["trafilatura"],
    }


@click.group()
def main() -> None:
    """What a page costs, and whether that grew."""


@main.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--pages", default=1000, show_default=True)
@click.option("--cold/--no-cold", "with_cold", default=True, show_default=True, help="Also time the commands.")
@click.option("--growth/--no-growth", "with_growth", default=True, show_default=True, help="Also time growing pages.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the ratios there, as JSON.")
def run(paths: tuple[str, ...], pages: int, with_cold: bool, with_growth: bool, output: Path | None) -> None:
    """Print the cost of a page, by stage and against the peers."""
    items = [item for item in read_labelled(paths) if item.page.kind is Kind.HTML][:pages]
    if not items:
        raise click.ClickException("no HTML pages there")
    cleaner = Cleaner()
    found = per_page(cleaner, items, click.echo)
    ratios = found["ratios"]
    assert isinstance(ratios, dict)
    if with_growth:
        ratios.update(growth(cleaner, click.echo))
    if with_cold:
        ratios.update(cold(items[0].page.content, click.echo))
    if output is not None:
        rounded = json.loads(json.dumps(found), parse_float=lambda number: round(float(number), 3))
        output.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


@main.command()
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
def compare(old: Path, new: Path) -> None:
    """Say which ratios grew by more than a tenth; exit code 1 if any did."""
    before, after = (json.loads(path.read_text(encoding="utf-8"))["ratios"] for path in (old, new))
    grew = [name for name in before if name in after and after[name] > GREW * before[name]]
    for name in grew:
        click.echo(f"{name}: {before[name]:.2f} -> {after[name]:.2f}")
    for name in sorted(before.keys() - after.keys()):
        click.echo(f"{name}: not measured in {new}")
    if not grew:
        click.echo("nothing grew by more than a tenth")
    sys.exit(bool(grew))


if __name__ == "__main__":
    main()
