"""Long and rough runs of `cleaner clean`: scaling, memory, kills, hostile files.

    python benchmarks/soak.py jobs CORPUS/train --pages 3000
    python benchmarks/soak.py loop CORPUS/train --pages 600
    python benchmarks/soak.py memory CORPUS/train --pages 100000
    python benchmarks/soak.py kill --runs 200
    python benchmarks/soak.py mixed

Each command says what it measured and ends with exit code 1 where a result is wrong. Pages are labelled ones, linked
under many names where more are asked for than there are; `kill` and `mixed` make their own. Needs Linux.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from cleaner.labelled import read_labelled
from cleaner.page import Kind
from cleaner.pipeline import Cleaner

COMMAND = [sys.executable, "-m", "cleaner", "clean"]


@contextmanager
def workspace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cleaner-soak-") as folder:
        yield Path(folder)


def fail(message: str) -> None:
    raise click.ClickException(message)


def links(folder: Path, paths: tuple[str, ...], count: int, largest: int) -> int:
    """``count`` HTML files of real pages in ``folder``, in subfolders; pages are linked again when they run out."""
    pages = [item.page.content for item in read_labelled(paths) if item.page.kind is Kind.HTML]
    pages = [page for page in pages if len(page) <= largest]
    (folder / "in").mkdir()
    (folder / "pages").mkdir()
    for number, page in enumerate(pages[:count]):
        (folder / "pages" / str(number)).write_text(page, encoding="utf-8", errors="replace")
    for number in range(count):
        below = folder / "in" / f"{number // 1000:03d}"
        below.mkdir(exist_ok=True)
        os.link(folder / "pages" / str(number % len(pages)), below / f"{number:06d}.html")
    return min(count, len(pages))


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(args: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a run, workers included."""
    before, start = children_cpu(), time.perf_counter()
    done = subprocess.run([*COMMAND, *args], capture_output=True)
    wall = time.perf_counter() - start
    if done.returncode:
        fail(done.stderr.decode())
    return wall, children_cpu() - before


@click.group()
def main() -> None:
    """Long and rough runs."""


PATHS = click.argument("paths", nargs=-1, required=True)
LARGEST = click.option(
    "--largest", default=10_000_000, show_default=True, help="Only pages up to this many characters."
)


@main.command()
@PATHS
@click.option("--pages", default=3000, show_default=True)
@LARGEST
@click.option("--rounds", default=2, show_default=True)
@click.option("--sites/--no-sites", default=True, show_default=True)
def jobs(paths: tuple[str, ...], pages: int, largest: int, rounds: int, sites: bool) -> None:
    """Wall time with 2 workers against 1, by turns; and CPU, which tells what a busy machine hides."""
    with workspace() as folder:
        distinct = links(folder, paths, pages, largest)
        best = {1: (float("inf"), 0.0), 2: (float("inf"), 0.0)}
        for _ in range(rounds):
            for count in best:
                args = [str(folder / "in"), "-o", str(folder / "out"), "--jobs", str(count), "--overwrite"]
                best[count] = min(best[count], timed([*args, "--sites" if sites else "--no-sites"]))
        click.echo(f"{pages} pages ({distinct} distinct), best of {rounds} by turns")
        for count, (wall, cpu) in best.items():
            click.echo(f"--jobs {count}: {pages / wall:7.1f} pages/s, wall {wall:.1f} s, CPU {cpu:.1f} s")
        click.echo(f"2 jobs against 1: {best[1][0] / best[2][0]:.2f} x; CPU {best[2][1] / best[1][1]:.2f} x")


@main.command()
@PATHS
@click.option("--pages", default=600, show_default=True)
@LARGEST
def loop(paths: tuple[str, ...], pages: int, largest: int) -> None:
    """CPU of a batch with one worker, parent included, against a loop over Cleaner().clean in one process."""
    with workspace() as folder:
        links(folder, paths, pages, largest)
        files = sorted((folder / "in").rglob("*.html"))
        cleaner = Cleaner()
        (folder / "loop").mkdir()
        cleaner.clean(files[0].read_bytes())
        start = time.process_time()
        for file in files:
            (folder / "loop" / file.name).write_text(cleaner.clean(file.read_bytes()).text, encoding="utf-8")
        alone = time.process_time() - start
        one = timed([str(files[0]), "-o", str(folder / "one"), "--no-sites"])[1]  # imports, model, worker
        results = {
            name: timed([str(folder / "in"), "-o", str(folder / name), option])[1] - one
            for name, option in (("one pass", "--no-sites"), ("two passes", "--sites"))
        }
        click.echo(f"{pages} pages, CPU: loop over Cleaner().clean {1000 * alone / pages:.2f} ms/page")
        for name, cpu in results.items():
            click.echo(f"batch, {name}: {1000 * cpu / pages:.2f} ms/page, the loop costs {alone / cpu:.2f} x that")


@main.command()
@PATHS
@click.option("--pages", default=20_000, show_default=True)
@LARGEST
@click.option("--jobs", default=2, show_default=True)
@click.option("--sites/--no-sites", default=True, show_default=True)
def memory(paths: tuple[str, ...], pages: int, largest: int, jobs: int, sites: bool) -> None:
    """Resident memory of the parent and of each worker over a long run."""
    with workspace() as folder:
        distinct = links(folder, paths, pages, largest)
        args = [str(folder / "in"), "-o", str(folder / "out.jsonl"), "--jobs", str(jobs), "--quiet"]
        parent = subprocess.Popen([*COMMAND, *args, "--sites" if sites else "--no-sites"], stderr=subprocess.PIPE)
        peak: dict[str, float] = {"parent": 0, "worker": 0}
        rows: list[tuple[float, float, float]] = []
        while parent.poll() is None:
            time.sleep(1)
            own, workers = resident(parent.pid), [resident(pid) for pid in workers_of(parent.pid)]
            peak = {"parent": max(peak["parent"], own), "worker": max([peak["worker"], *workers])}
            rows.append((spooled(parent.pid), own, max(workers, default=0)))
        if parent.returncode:
            fail(parent.stderr.read().decode() if parent.stderr else "the run failed")
        lines = sum(1 for _ in (folder / "out.jsonl").open("rb"))
        if lines != pages:
            fail(f"{lines} rows for {pages} pages")
        click.echo(f"{pages:,} pages ({distinct:,} distinct), {jobs} workers")
        click.echo("| part of the run | parent, MB | largest worker, MB | between the passes, MB |\n|---|---|---|---|")
        for part in range(0, 101, 10):
            held, own, worker = rows[(len(rows) - 1) * part // 100]
            click.echo(f"| {part} % | {own:.0f} | {worker:.0f} | {held:.0f} |")
        click.echo(f"| peak | {peak['parent']:.0f} | {peak['worker']:.0f} | {max(row[0] for row in rows):.0f} |")


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def spooled(pid: int) -> float:
    """Size in MB of the files that a process has open and that have no name."""
    size = 0
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found = link.stat()
                size += found.st_size if stat.S_ISREG(found.st_mode) and found.st_nlink == 0 else 0
    return size / 1e6


def workers_of(pid: int) -> list[int]:
    try:
        found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return [child for child in found if b"tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]
    except OSError:
        return []


# Killed runs

WORDS = (
    "harbour ferry captain island winter bakery violin garden bridge letter market orchard window railway barn organ"
).split()


def story(number: int) -> str:
    """A small made-up page of its own words."""
    rng = random.Random(number)
    paragraphs = [" ".join(rng.choices(WORDS, k=rng.randint(12, 40))).capitalize() + "." for _ in range(5)]
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    menu = "<ul><li><a href=/>Home</a></li><li><a href=/news>News</a></li><li><a href=/more>Read more</a></li></ul>"
    return f"<html><head><title>Story {number}</title></head><body>{menu}<h1>Story</h1>{body}{menu}</body></html>"


FORMS = {
    "folder": ["out"], "jsonl": ["out.jsonl"], "shards": ["out.jsonl.gz", "--shard-size", "70"],
    "parquet": ["out.parquet"],
}  # fmt: skip


@main.command()
@click.option("--runs", default=200, show_default=True)
@click.option("--pages", default=1500, show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--model", help="Model file; without it, the shipped one.")
def kill(runs: int, pages: int, jobs: int, seed: int, model: str | None) -> None:
    """Runs killed with SIGKILL at random moments, resumed, killed again, and compared with an undisturbed run."""
    rng = random.Random(seed)
    with workspace() as folder:
        source = folder / "in.jsonl"
        with source.open("w") as stream:
            for number in range(pages):
                row = {"id": f"p{number}", "url": f"https://site{number % 7}.example/{number}", "html": story(number)}
                stream.write(json.dumps(row if number % 50 else {"id": f"p{number}"}) + "\n")
        more = ["--jobs", str(jobs), "--quiet", *(["--model", model] if model else [])]
        whole: dict[str, dict[str, bytes]] = {}
        seconds: dict[str, float] = {}
        for form, (name, *options) in FORMS.items():
            start = time.perf_counter()
            subprocess.run([*COMMAND, source, "-o", folder / form / name, *options, *more], stderr=subprocess.DEVNULL)
            seconds[form], whole[form] = time.perf_counter() - start, tree(folder / form)
            if sum(content.count(b"\n") for content in whole["jsonl"].values()) != pages if form == "jsonl" else False:
                fail("the undisturbed run lost pages")
        kills = 0
        by_phase: Counter[str] = Counter()
        for run in range(runs):
            form = list(FORMS)[run % len(FORMS)]
            name, *options = FORMS[form]
            cut = folder / f"cut{run}"
            args = [*COMMAND, str(source), "-o", str(cut / name), *options, *more]
            killed = 0
            while True:
                # The first kill must hit; a run that was quicker than its executioner is begun anew.
                delay = rng.uniform(0.2, 0.98) * seconds[form] * (1 if killed == 0 else rng.uniform(0.5, 1.5))
                again = ["--resume"] if killed else []
                if killed and rng.random() < 0.6:
                    delay = 600.0
                start = time.perf_counter()
                done = wait_or_kill([*args, *again], delay)
                if done is None:
                    killed += 1
                    by_phase[phase(cut, form, name)] += 1
                elif killed == 0:
                    seconds[form] = time.perf_counter() - start  # the machine is faster than it was
                    shutil.rmtree(cut)
                else:
                    break
            kills += killed
            if (found := tree(cut)) != whole[form]:
                keys = sorted(found.keys() | whole[form].keys())
                differ = [key for key in keys if found.get(key) != whole[form].get(key)]
                said = done.stderr.decode(errors="replace")[-300:]
                fail(f"run {run} ({form}), killed {killed} times: {len(differ)} files differ: {differ[:3]}; {said}")
            shutil.rmtree(cut)
            if sys.stderr.isatty() or run % 20 == 19:
                click.echo(f"{run + 1} runs, {kills} kills", err=True)
        where = ", ".join(f"{count} {name}" for name, count in sorted(by_phase.items()))
        click.echo(f"{runs} runs of {pages} pages, {kills} kills ({where}): {runs} x the same bytes")


def wait_or_kill(args: list[str], delay: float) -> subprocess.CompletedProcess[bytes] | None:
    """What a run said that ended within ``delay`` seconds; else it is killed, without its workers: None."""
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return None
    return subprocess.CompletedProcess(args, process.returncode, b"", said)


def phase(cut: Path, form: str, name: str) -> str:
    """How far a killed run had come, by its journal."""
    journal = cut / name / ".cleaner-journal.json" if form == "folder" else cut / f".{name}.journal.json"
    if not journal.exists():
        return "before the journal"
    state = json.loads(journal.read_text())
    if not state["sites"]:
        return "in the first pass"
    return "at the end" if state["finished"] else "amid the pages" if state["done"] else "before the first checkpoint"


def tree(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder but the journal, which stays."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("journal.json")
    }


# Hostile files


def hostile(folder: Path, number: int) -> None:
    """Writes one file of which nothing good can come, of a kind that ``number`` chooses."""
    name = folder / f"bad{number:04d}"
    kind = number % 16
    html = story(number)
    if kind == 0:
        name.with_suffix(".html").write_bytes(b"")
    elif kind == 1:
        name.with_suffix(".html").write_bytes(random.Random(number).randbytes(5000))
    elif kind == 2:
        name.with_suffix(".html.gz").write_bytes(gzip.compress(html.encode())[:-20])
    elif kind == 3:
        bomb = gzip.compress(b"<p>" * 2_000_000, 9)
        name.with_suffix(".html.gz").write_bytes(bomb)
    elif kind == 4:
        name.with_suffix(".html").symlink_to(folder / "gone.html")
    elif kind == 5:
        name.with_suffix(".html").symlink_to("/etc/hostname")
    elif kind == 6:
        name.with_suffix(".html").symlink_to(name.with_suffix(".html"))
    elif kind == 7:
        name.with_suffix(".html.gz").write_bytes(html.encode())
    elif kind == 8:
        name.with_suffix(".jsonl").write_text("{not json\n")
    elif kind == 9:
        name.with_suffix(".parquet").write_bytes(b"PAR1" + b"\xff" * 200 + b"PAR1")
    elif kind == 10:
        head = b"WARC/1.0\r\nContent-Length: 99999999\r\n" + b"WARC-Type: response\r\n" * (number // 16 % 2)
        name.with_suffix(".warc").write_bytes(head + b"\r\nHTTP/1.1 200 OK\r\n\r\n" + html.encode())
    elif kind == 11:
        name.with_suffix(".zip").write_bytes(b"PK\x03\x04" + b"\x00" * 100)
    elif kind == 12:
        name.with_suffix(".html").write_text("<p>" + "x" * 5_000_000)  # over the size limit of this run
    elif kind == 13:
        name.with_suffix(".html").write_text("<html><body>" + "<div>" * 3000 + "</body></html>")  # no text
    elif kind == 14:
        name.with_suffix(".html").write_text("<script>while(1){}</script><style>p{}</style><!-- " + "-" * 999)
    elif number == 15:
        # lexbor looks through the attributes of a tag for each one that it adds: minutes for this page.
        attributes = " ".join(f"a{i}=1" for i in range(200_000))
        name.with_suffix(".html").write_text(f"<html><body><p {attributes}></p></body></html>")
    else:
        (folder / ("n" * 200 + f"{number}\n.html")).write_bytes(b"\x00" * 100)


@main.command()
@click.option("--good", default=1000, show_default=True)
@click.option("--bad", default=200, show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--time-limit", default=10.0, show_default=True)
@click.option("--model", help="Model file; without it, the shipped one.")
def mixed(good: int, bad: int, jobs: int, time_limit: float, model: str | None) -> None:
    """A folder of good and hostile files: the good come out right, the others as rows with an error, or empty."""
    with workspace() as folder:
        (folder / "in").mkdir()
        for number in range(good):
            (folder / "in" / f"good{number:04d}.html").write_text(story(number))
        for number in range(bad):
            hostile(folder / "in", number)
        more = ["--jobs", str(jobs), "--max-size", "4MB", "--time-limit", str(time_limit), "--no-sites"]
        more += ["--model", model] if model else []
        done = subprocess.run([*COMMAND, folder / "in", "-o", folder / "out.jsonl", *more], capture_output=True)
        rows = [json.loads(line) for line in (folder / "out.jsonl").open()]
        expected = Cleaner(model).clean_many(story(number) for number in range(good))
        right = {f"good{number:04d}.html": page.text for number, page in enumerate(expected)}
        found = {Path(row["id"]).name: row for row in rows}
        wrong = [name for name, text in right.items() if name not in found or found[name]["text"] != text]
        others = [row for row in rows if Path(row["id"]).name not in right]
        errors = sum(row["error"] is not None for row in others)
        silent = [row["id"] for row in others if row["error"] is None and row["text"]]
        for message, count in Counter((row["error"] or "empty").split(":")[0][:60] for row in others).most_common():
            click.echo(f"{count:5} {message}")
        click.echo(
            f"{good} good: {good - len(wrong)} right; {bad} hostile: {errors} errors, {len(others) - errors} empty; "
            f"exit code {done.returncode}"
        )
        if wrong or silent or len(others) != bad or done.returncode != (1 if errors else 0):
            fail(f"wrong: {wrong[:5]}, {silent[:5]}, {len(others)} rows; {done.stderr.decode()[-500:]}")


if __name__ == "__main__":
    main()
