"""Many pages: order, workers that hang or die, resuming, hostile names, and the same bytes every time."""

from __future__ import annotations

import errno
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest
from cli_support import environment, main_text, run, story, toy_model
from hypothesis import given
from hypothesis import strategies as st

from cleaner.batch import FolderSink, RowsSink, Settings, Summary, run_batch
from cleaner.batch.names import Names, safe_name
from cleaner.batch.work import Result
from cleaner.errors import BadModel, BadOutput
from cleaner.sources import Item, SourceOptions, open_source
from cleaner.sources.files import count_files

COUNT = 80


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "toy.model"
    toy_model().save(path)
    return str(path)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for number in range(COUNT):
        path = folder / f"site{number % 7}" / f"{number:04d}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(story(number))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Every visible file below a folder and its bytes; hidden ones must be the journal alone."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hidden = [name for name in files if Path(name).name.startswith(".")]
    assert len(hidden) <= 1 and all(name.endswith("journal.json") for name in hidden)
    return {name: data for name, data in files.items() if name not in hidden}


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def items(count: int) -> Iterator[Item]:
    for number in range(count):
        yield Item(f"p{number}", f"p{number}.html", "test", data=story(number))


def batch(found: Iterator[Item], sink: FolderSink | RowsSink, model: str, *, jobs: int = 2, **more: object) -> Summary:
    settings = Settings(model, rows=sink.rows)
    return run_batch(found, settings, sink, jobs=jobs, **more)  # type: ignore[arg-type]


# The result does not depend on how it was made


def test_a_folder_is_mirrored_with_the_same_bytes_for_any_number_of_jobs(
    pages: Path, tmp_path: Path, model: str
) -> None:
    trees = []
    for jobs in (1, 2):
        done = run("clean", pages, "-o", tmp_path / str(jobs), "--jobs", str(jobs), "--model", model)
        assert done.returncode == 0, done.stderr
        trees.append(tree(tmp_path / str(jobs)))
    assert len(trees[0]) == COUNT
    assert trees[0]["site3/0003.txt"].decode() == main_text(3) + "\n"
    assert trees[0] == trees[1]


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_rows_in_input_order_and_the_same_bytes(tmp_path: Path, model: str, ending: str) -> None:
    pytest.importorskip({".parquet": "pyarrow", ".jsonl.zst": "zstandard"}.get(ending, "json"))
    outputs = [tmp_path / f"{jobs}{ending}" for jobs in (1, 2)]
    for jobs, path in enumerate(outputs, 1):
        batch(items(100), RowsSink(path), model, jobs=jobs)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    again = list(open_source(str(outputs[0]), SourceOptions()))
    assert [item.id for item in again] == [f"p{n}" for n in range(100)]
    assert [item.data for item in again] == [main_text(n) for n in range(100)]
    journals = [f".{jobs}{ending}.journal.json" for jobs in (1, 2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*journals, f"1{ending}", f"2{ending}"]


def test_shards(tmp_path: Path, model: str) -> None:
    batch(items(90), RowsSink(tmp_path / "out.jsonl.gz", 40), model)
    shards = sorted(tmp_path.glob("out*"))
    assert [path.name for path in shards] == [f"out-0000{n}.jsonl.gz" for n in range(3)]
    lines = [gzip.decompress(path.read_bytes()).splitlines() for path in shards]
    assert [len(part) for part in lines] == [40, 40, 10]
    assert [json.loads(line)["id"] for part in lines for line in part] == [f"p{n}" for n in range(90)]


def test_a_last_shard_that_is_just_full_has_no_empty_one_after_it(tmp_path: Path, model: str) -> None:
    batch(items(80), RowsSink(tmp_path / "out.jsonl", 40), model)
    assert sorted(tree(tmp_path)) == ["out-00000.jsonl", "out-00001.jsonl"]


def test_what_was_dropped_is_written_with_its_probability(pages: Path, tmp_path: Path, model: str) -> None:
    done = run("clean", pages / "site1", "-o", tmp_path / "out", "--keep-dropped", "--model", model)
    assert done.returncode == 0, done.stderr
    dropped = rows(tmp_path / "out" / "0001.dropped.jsonl")
    assert [line["text"] for line in dropped] == ["Home", "News", "Ferry number 1 is late", "More"]
    assert all(0 <= float(str(line["probability"])) < 0.5 for line in dropped)


# Workers


class Deadly(Item):
    """A page that ends its worker."""

    def load(self, max_bytes: int = 0) -> bytes | str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


class Endless(Item):
    """A page that never ends."""

    def load(self, max_bytes: int = 0) -> bytes | str:
        time.sleep(600)
        return ""


class Faulty(Item):
    """A page that meets a mistake in the program."""

    def load(self, max_bytes: int = 0) -> bytes | str:
        raise RuntimeError("never thought of that")


class Hungry(Item):
    """A page that wants more memory than there is."""

    def load(self, max_bytes: int = 0) -> bytes | str:
        return b"x" * (1 << 62)


def test_pages_that_kill_hang_or_break_a_worker_cost_themselves_only(tmp_path: Path, model: str) -> None:
    bad = {7: Deadly, 40: Endless, 55: Hungry, 70: Faulty, 71: Deadly}

    def mixed() -> Iterator[Item]:
        for number in range(100):
            yield bad.get(number, Item)(f"p{number}", f"p{number}", "test", data=story(number))

    summary = batch(mixed(), RowsSink(tmp_path / "out.jsonl"), model, time_limit=5)
    found = rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in found] == [f"p{n}" for n in range(100)]
    assert {n: row["error"] for n, row in enumerate(found) if row["error"]} == {
        7: "the worker that cleaned it died (SIGKILL)",
        40: "not done within 5 seconds; raise the limit with --time-limit",
        55: "out of memory",
        70: "internal error, please report it: RuntimeError: never thought of that",
        71: "the worker that cleaned it died (SIGKILL)",
    }
    assert all(row["text"] == main_text(n) for n, row in enumerate(found) if n not in bad)
    assert (summary.pages, summary.cleaned, summary.failed) == (100, 95, 5)


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path, model: str) -> None:
    killed: list[int] = []

    def victim() -> None:
        if not killed:
            children = Path(f"/proc/self/task/{os.getpid()}/children")
            if not children.exists():
                pytest.skip("needs /proc")
            for pid in map(int, children.read_text().split()):
                if (
                    b"loky" in Path(f"/proc/{pid}/cmdline").read_bytes()
                    and b"tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
                ):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    def disturbed() -> Iterator[Item]:
        for item in items(300):
            if item.id == "p200":
                victim()
            yield item

    summary = batch(disturbed(), RowsSink(tmp_path / "out.jsonl"), model)
    assert killed
    assert (summary.pages, summary.failed) == (300, 0)
    assert [row["text"] for row in rows(tmp_path / "out.jsonl")] == [main_text(n) for n in range(300)]


def test_workers_that_cannot_load_the_model_end_the_run_with_one_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.model"
    broken.write_bytes(b"nonsense")
    with pytest.raises(BadModel, match=r"broken\.model"):
        batch(items(3), RowsSink(tmp_path / "out.jsonl"), str(broken))


def test_no_worker_outlives_a_parent_that_was_killed(tmp_path: Path, model: str) -> None:
    os.mkfifo(tmp_path / "never.html")  # reading it hangs
    command = [
        sys.executable,
        "-m",
        "cleaner",
        "clean",
        str(tmp_path / "never.html"),
        "-o",
        str(tmp_path / "out"),
        "--model",
        model,
    ]
    parent = subprocess.Popen([*command, "--time-limit", "500"], env=environment(), stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    if not children.exists():
        parent.kill()
        pytest.skip("needs /proc")
    workers: list[str] = []
    for _ in range(200):
        workers = children.read_text().split()
        if len(workers) >= 2:  # loky's tracker and the worker
            break
        time.sleep(0.05)
    time.sleep(1)
    parent.kill()
    parent.wait()
    for _ in range(100):
        alive = [pid for pid in workers if Path(f"/proc/{pid}").exists() and _state(pid) not in "ZX"]
        if not alive:
            return
        time.sleep(0.05)
    pytest.fail(f"still alive: {alive}")


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


# Resuming


def _killed_run(args: list[str], after: float) -> int:
    process = subprocess.Popen(
        [sys.executable, "-m", "cleaner", *args],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@pytest.mark.parametrize("form", ["folder", "shards"])
def test_kill_9_and_resume_gives_the_bytes_of_an_undisturbed_run(tmp_path: Path, model: str, form: str) -> None:
    source = tmp_path / "pages.jsonl"
    with source.open("w") as stream:
        for number in range(600):
            content = None if number % 100 == 99 else story(number) + "<p>filler</p>" * 80
            stream.write(json.dumps({"id": f"p{number}", "html": content if content else 5}) + "\n")

    def args(output: Path) -> list[str]:
        target = output if form == "folder" else output / "o.jsonl.gz"
        shards = ["--shard-size", "100"] if form == "shards" else []
        return ["clean", str(source), "-o", str(target), "--model", model, "--jobs", "2", *shards]

    assert run(*args(tmp_path / "whole")).returncode == 1  # some rows are no pages
    killed = 0
    delays = [0.8, 1.3, 1.9]
    code = _killed_run(args(tmp_path / "cut"), delays[0])
    for delay in [*delays[1:], 60]:
        if code >= 0:
            break
        killed += 1
        code = _killed_run([*args(tmp_path / "cut"), "--resume"], delay)
    assert code == 1
    assert killed > 0
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")


def stopped(sink: RowsSink | FolderSink, model: str, count: int, at: int, **more: object) -> None:
    """A run that is cut off by an error in its source after a checkpoint."""

    def failing() -> Iterator[Item]:
        for number, item in enumerate(items(count)):
            if number == at + 64:
                raise KeyboardInterrupt
            yield item

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("cleaner.batch.run.CHECKPOINT_SECONDS", 0.0)
        batch(failing(), sink, model, **more)


def test_a_run_killed_before_its_first_journal_was_whole_begins_again(tmp_path: Path, model: str) -> None:
    for place in (tmp_path / "o" / ".cleaner-journal.json.part", tmp_path / ".o.jsonl.journal.json.part"):
        place.parent.mkdir(exist_ok=True)
        place.write_text('{"half')
    for sink in (FolderSink(tmp_path / "o", ".txt"), RowsSink(tmp_path / "o.jsonl")):
        assert batch(items(3), sink, model, resume=True).cleaned == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.jsonl.journal.json", "o", "o.jsonl"]
    assert len(tree(tmp_path / "o")) == 3


def test_an_interrupted_run_is_continued_not_begun_again(tmp_path: Path, model: str) -> None:
    path = tmp_path / "out.jsonl"
    stopped(RowsSink(path), model, 400, 200)
    assert not path.exists()
    summary = batch(items(400), RowsSink(path), model, resume=True)
    assert summary.resumed_at > 0
    assert (summary.pages, summary.cleaned) == (400, 400)
    assert [row["id"] for row in rows(path)] == [f"p{n}" for n in range(400)]
    assert list(tree(tmp_path)) == [path.name]


def test_a_continued_run_asks_for_the_written_pages_by_name_only(tmp_path: Path, model: str) -> None:
    whole, cut = RowsSink(tmp_path / "whole.jsonl"), RowsSink(tmp_path / "cut.jsonl")
    batch(items(300), whole, model)
    stopped(cut, model, 300, 200)
    told: list[int] = []

    def found(done: int) -> Iterator[Item]:
        told.append(done)
        return (item._replace(data=None) if n < done else item for n, item in enumerate(items(300)))

    summary = batch(found, RowsSink(tmp_path / "cut.jsonl"), model, resume=True)
    assert told == [summary.resumed_at] and summary.resumed_at > 0
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_resume_refuses_other_options_another_input_and_a_run_that_nobody_resumes(tmp_path: Path, model: str) -> None:
    path = tmp_path / "out.jsonl"
    stopped(RowsSink(path), model, 300, 128)
    with pytest.raises(BadOutput, match=r"favor = \"balanced\", this one has \"recall\""):
        run_batch(items(300), Settings(model, "recall"), RowsSink(path), resume=True)
    with pytest.raises(BadOutput, match="shard_size"):
        batch(items(300), RowsSink(path, 50), model, resume=True)
    with pytest.raises(BadOutput, match="model_sha256"):
        batch(items(300), RowsSink(path), model, resume=True, run={"model_sha256": "other"})
    with pytest.raises(BadOutput, match="input has changed"):
        batch(iter([*items(300)][1:]), RowsSink(path), model, resume=True)
    with pytest.raises(BadOutput, match="--resume"):
        batch(items(300), RowsSink(path), model)
    batch(items(300), RowsSink(path), model, overwrite=True)
    assert len(rows(path)) == 300


@pytest.mark.parametrize(
    "make",
    [lambda p: RowsSink(p / "o.jsonl"), lambda p: RowsSink(p / "o.jsonl", 20), lambda p: FolderSink(p / "o", ".txt")],
)
def test_an_output_that_exists_is_refused_then_replaced_on_request(tmp_path: Path, model: str, make: object) -> None:
    def sink() -> RowsSink | FolderSink:
        return make(tmp_path)  # type: ignore[operator, no-any-return]

    def written() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and not p.name.startswith(".")}

    batch(items(50), sink(), model)
    before = written()
    with pytest.raises(BadOutput, match="--overwrite"):
        batch(items(10), sink(), model)
    assert written() == before
    assert batch(items(50), sink(), model, resume=True).failed == 0
    assert written() == before
    batch(items(10), sink(), model, overwrite=True)
    after = written()
    assert after != before or isinstance(sink(), FolderSink)


@pytest.mark.parametrize(
    "make",
    [lambda p: RowsSink(p / "o.jsonl"), lambda p: RowsSink(p / "o.jsonl", 1), lambda p: FolderSink(p / "o", ".txt")],
)
def test_resume_of_a_finished_run_refuses_another_one(
    tmp_path: Path, make: Callable[[Path], RowsSink | FolderSink]
) -> None:
    with closing(make(tmp_path)) as sink:
        journal = sink.open({"inputs": ["a"]}, resume=False, overwrite=False)
        journal.done, journal.counts = 1, {"pages": 1}
        if sink.write(failed(1)):
            sink.checkpoint(journal)
        sink.finish(journal)
    with closing(make(tmp_path)) as sink:
        again = sink.open({"inputs": ["a"]}, resume=True, overwrite=False)
    assert again.finished and again.counts == {"pages": 1}
    with (
        closing(make(tmp_path)) as sink,
        pytest.raises(BadOutput, match='had inputs = \\["a"\\], this one has \\["b"\\]'),
    ):
        sink.open({"inputs": ["b"]}, resume=True, overwrite=False)
    with closing(make(tmp_path)) as sink, pytest.raises(BadOutput, match="--overwrite"):
        sink.open({"inputs": ["b"]}, resume=False, overwrite=False)


@pytest.mark.parametrize("ending", [".txt", ".json"])
def test_resume_of_a_finished_run_refuses_an_output_that_is_not_whole(tmp_path: Path, model: str, ending: str) -> None:
    shards = partial(RowsSink, tmp_path / "out.jsonl", 4)
    batch(items(10), shards(), model)
    (tmp_path / "out-00001.jsonl").unlink()
    with pytest.raises(BadOutput, match="some of what it wrote is gone"):
        batch(items(10), shards(), model, resume=True)
    folder = partial(FolderSink, tmp_path / "out", ending)
    batch(items(10), folder(), model)
    assert batch(items(10), folder(), model, resume=True).pages == 10
    (tmp_path / "out" / f"p3{ending}").unlink()
    with pytest.raises(BadOutput, match="some of what it wrote is gone"):
        batch(items(10), folder(), model, resume=True)


def test_a_file_is_no_folder_to_write_to(tmp_path: Path, model: str) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BadOutput, match="is a file; many pages go to a folder"):
        batch(items(1), FolderSink(tmp_path / "out", ".txt"), model, overwrite=True)


@pytest.mark.parametrize("wait", [0.4, 0.7, 1.0])
def test_workers_that_are_starting_say_nothing_when_interrupted(
    pages: Path, tmp_path: Path, model: str, wait: float
) -> None:
    command = [sys.executable, "-m", "cleaner", "clean", str(pages), "-o", str(tmp_path / "out"), "--model", model]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [*command, "--jobs", "2"], stderr=subprocess.PIPE, env=environment(), start_new_session=True, preexec_fn=heard
    )
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1].decode()
    # As early as this the command itself may still be importing.
    assert "loky" not in error and "_serve" not in error and "joblib" not in error


def test_resume_of_rows_that_nothing_tells_of_is_refused_and_of_rows_that_are_gone_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_bytes(b"mine")
    with closing(RowsSink(path)) as sink, pytest.raises(BadOutput, match="nothing tells of which run"):
        sink.open({}, resume=True, overwrite=False)
    assert path.read_bytes() == b"mine"
    with closing(RowsSink(path)) as sink:
        sink.finish(sink.open({}, resume=False, overwrite=True))
    path.rename(tmp_path / "moved.jsonl")
    with closing(RowsSink(path)) as sink:
        assert not sink.open({"inputs": ["b"]}, resume=False, overwrite=False).finished


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_run_killed_twice_at_the_end_of_a_shard_keeps_it(tmp_path: Path, ending: str) -> None:
    def sink() -> RowsSink:
        return RowsSink(tmp_path / f"o{ending}", 2)

    begun(sink(), [failed(1), failed(2)])
    shard, journal = tmp_path / f"o-00000{ending}", tmp_path / f".o{ending}.journal.json"
    whole = shard.read_bytes()
    state = json.loads(journal.read_text())
    journal.write_text(json.dumps({**state, "shard": 0, "rows": 2, "bytes": 26, "closing": True}))
    if ending == ".jsonl":
        (tmp_path / f".o{ending}.rows.part").unlink()  # it has become the shard
    else:
        (tmp_path / f".o{ending}.rows.part").write_bytes(failed(1).payload + failed(2).payload)
    for _ in range(2):
        with closing(sink()) as again:
            assert again.open({}, resume=True, overwrite=False).shard == 1
        assert shard.read_bytes() == whole


def test_damaged_journals_are_refused(tmp_path: Path, model: str) -> None:
    path = tmp_path / "out.jsonl"
    stopped(RowsSink(path), model, 200, 64)
    journal = next(p for p in tmp_path.iterdir() if p.name.endswith("journal.json"))
    for content in ["", "[]", '{"version": 99}', '{"version": 1, "run": 3}', "\0"]:
        journal.write_text(content)
        with pytest.raises(BadOutput, match="not a journal"):
            batch(items(200), RowsSink(path), model, resume=True)


def failed(number: int) -> Result:
    """What came of a page that failed: a row in either kind of output."""
    return Result(f"p{number}", f"p{number}", b'{"id": "p%d"}\n' % number, error="no page")


def begun(sink: RowsSink | FolderSink, results: list[Result]) -> None:
    """An output that holds some results and is not finished."""
    journal = sink.open({}, resume=False, overwrite=True)
    for result in results:
        sink.write(result)
    sink.checkpoint(journal)
    sink.close()


PARTS_OF = [
    (lambda p: RowsSink(p / "o.jsonl"), ".o.jsonl.rows.part"),
    (lambda p: FolderSink(p, ".txt"), ".errors.jsonl.part"),
]


@pytest.mark.parametrize(("ending", "module"), [(".parquet", "pyarrow.parquet"), (".jsonl.zst", "zstandard")])
def test_a_library_that_is_missing_shows_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with closing(RowsSink(tmp_path / f"o{ending}")) as sink, pytest.raises(BadOutput, match="install it with"):
        sink.open({}, resume=False, overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [None, 10])
@pytest.mark.parametrize(("make", "part"), PARTS_OF)
def test_resume_refuses_a_part_file_that_has_lost_rows(
    tmp_path: Path, make: Callable[[Path], RowsSink | FolderSink], part: str, left: int | None
) -> None:
    begun(make(tmp_path), [failed(1), failed(2)])
    sink = make(tmp_path)
    assert sink.open({}, resume=True, overwrite=False).bytes == 26
    sink.close()
    (tmp_path / part).unlink() if left is None else os.truncate(tmp_path / part, left)
    for _ in range(2):  # also after a first try
        with closing(make(tmp_path)) as again, pytest.raises(BadOutput, match="shorter than its journal says"):
            again.open({}, resume=True, overwrite=False)


@pytest.mark.parametrize(("make", "part"), PARTS_OF)
def test_two_runs_do_not_write_to_the_same_output(
    tmp_path: Path, make: Callable[[Path], RowsSink | FolderSink], part: str
) -> None:
    pytest.importorskip("fcntl")
    with closing(make(tmp_path)) as first:
        journal = first.open({}, resume=False, overwrite=False)
        first.write(failed(1))
        for resume, overwrite in ((True, False), (False, True), (False, False)):
            with closing(make(tmp_path)) as second, pytest.raises(BadOutput, match="another run is writing here"):
                second.open({}, resume=resume, overwrite=overwrite)
        first.checkpoint(journal)
        assert (tmp_path / part).read_bytes() == failed(1).payload
    with closing(make(tmp_path)) as second:
        assert second.open({}, resume=True, overwrite=False).bytes == 13
    assert not (tmp_path / ".o.jsonl.lock").exists()


def test_a_full_disk_is_one_line_and_the_run_can_be_resumed(tmp_path: Path, model: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"html": story(n)}) + "\n" for n in range(300)))
    args = ["clean", source, "-o", tmp_path / "o" / "out.jsonl", "--model", model]

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = run(*args, preexec_fn=small_disk)
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1 and b"cannot be written: file too large" in done.stderr
    assert not (tmp_path / "o" / "out.jsonl").exists()
    assert run(*args, "--resume").returncode == 0
    assert [row["text"] for row in rows(tmp_path / "o" / "out.jsonl")] == [main_text(n) for n in range(300)]


def test_no_space_under_standard_output_is_one_line(tmp_path: Path, model: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"html": story(1)}) + "\n")
    command = [sys.executable, "-m", "cleaner", "clean", str(source), "--format", "jsonl", "--model", model, "--quiet"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment())
    assert (done.returncode, done.stderr) == (1, b"cleaner: standard output: no space left on device\n")


@pytest.mark.parametrize("sink", [lambda p: RowsSink(p / "o.jsonl"), lambda p: FolderSink(p / "o", ".txt")])
def test_no_space_under_the_output_is_one_error_and_resumed_later(tmp_path: Path, model: str, sink: object) -> None:
    made: list[RowsSink | FolderSink] = [sink(tmp_path) for _ in range(3)]  # type: ignore[operator]
    batch(items(70), made[0], model)
    whole = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and not p.name.startswith(".")}

    calls: list[object] = []

    def full(*_: object) -> None:
        calls.append(1)
        if len(calls) > 1:  # the journal fits just so
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cleaner.batch.sinks.os.fsync", full)
        with pytest.raises(BadOutput, match="cannot be written: no space left on device"):
            batch(items(70), made[1], model, overwrite=True)
    again = batch(items(70), made[2], model, resume=True)
    assert (again.pages, again.failed) == (70, 0)
    assert {p: p.read_bytes() for p in whole} == whole


def test_a_tag_of_two_hundred_thousand_attributes_costs_no_minutes(tmp_path: Path, model: str) -> None:
    """The parser looks through the attributes of a tag for each one that it adds: most are dropped before it."""
    attributes = " ".join(f"a{number}" for number in range(200_000))
    found = [Item("many", "many", "test", data=f"<html><body><p {attributes}>text</p>"), *items(3)]
    summary = batch(iter(found), RowsSink(tmp_path / "o.jsonl"), model, time_limit=20)
    assert [row["error"] for row in rows(tmp_path / "o.jsonl")] == [None] * 4
    assert summary.failed == 0


def test_strict_stops_at_the_first_failure(tmp_path: Path, model: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"html": story(n) if n != 50 else 1}) + "\n" for n in range(200)))
    done = run("clean", path, "-o", tmp_path / "out.jsonl", "--strict", "--model", model)
    assert done.returncode == 1
    assert not (tmp_path / "out.jsonl").exists()
    assert json.loads(done.stderr.splitlines()[-1])["pages"] == 51


# Names


PARTS = ["..", ".", "/", "\\", "~", "C:", "CON", "a", "\0", " ", "é", "\n", "x" * 200]


@given(st.text(max_size=400) | st.lists(st.sampled_from(PARTS)).map("".join))
def test_no_name_leads_out_of_the_folder_or_breaks_a_file_system(name: str) -> None:
    safe = safe_name(name)
    path = PurePosixPath(safe)
    assert not path.is_absolute() and safe
    for part in safe.split("/"):
        assert part not in ("", ".", "..") and not part.startswith(".")
        assert len(part.encode()) <= 130
        assert not set(part) & set('<>:"|?*\\\0\n\r\t')
        assert part == part.rstrip(". ")
    assert len(safe.encode()) <= 830


ALIKE = [
    "a.html", "A.html", "a.txt", "a", "é", "e\u0301", "É", "a/b", "A/B.html", "a.txt/b", "ß", "SS", "x" * 300,
    "x" * 301,
]  # fmt: skip


@given(st.lists(st.sampled_from(ALIKE)))
def test_names_stay_apart_also_where_case_does_not_count(found: list[str]) -> None:
    names = Names()
    given_out = [names.assign(name) for name in found]
    assert len({name.casefold() for name in given_out}) == len(given_out)
    again = Names()
    assert [again.assign(name) for name in found] == given_out


@pytest.mark.parametrize("folder", ["a.txt", "a.txt.", "a.txt ", "a.TXT. .", " a.txt"])
def test_a_folder_is_never_named_like_the_output_of_a_page(folder: str) -> None:
    names = Names()
    assert names.assign("h/a.html") == "h/a"
    assert names.assign(f"h/{folder}/b.html").casefold() == "h/a.txt_/b"


def test_equal_names_cost_no_more_the_more_there_are() -> None:
    names = Names()
    given_out = [names.assign("a") for _ in range(20_000)]
    assert given_out[2:4] == ["a~2", "a~3"] and given_out[-1] == "a~19999"  # probing from 2 takes minutes


def test_hostile_names_stay_inside_the_output_folder(tmp_path: Path, model: str) -> None:
    hostile = [
        "../../evil", "/etc/passwd", "..\\..\\evil", "C:\\Windows\\x", "a/../../../b", "x" * 300, "Case", "case",
        "CASE",
        "con", "nul.txt", ".cleaner-journal.json", "errors.jsonl", "a.txt", "a.txt/b.html", "", ".", "..", "/",
        "new\nline",
        "a.txt./c.html",
        "\ud800bad", "a" + "/b" * 2000, "ends. ", "~/.bashrc", "-rf",
        "story.dropped",
    ]  # fmt: skip
    outside = tmp_path / "outside"
    outside.mkdir()
    output = tmp_path / "deep" / "er" / "out"
    found = (Item(str(n), name, "test", data=story(n)) for n, name in enumerate(hostile))
    summary = batch(found, FolderSink(output, ".txt"), model)
    assert summary.failed == 0
    assert sorted(data.decode() for data in tree(output).values()) == sorted(
        main_text(n) + "\n" for n in range(len(hostile))
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "outside"]


def test_a_link_in_the_output_folder_does_not_carry_a_page_out(tmp_path: Path, model: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "target.txt").write_text("mine")
    output = tmp_path / "out"
    output.mkdir()
    (output / "p0.txt").symlink_to(tmp_path / "target.txt")
    (output / ".p1.txt.part").symlink_to(tmp_path / "target.txt")
    batch(items(3), FolderSink(output, ".txt"), model, overwrite=True)
    assert (tmp_path / "target.txt").read_text() == "mine"
    assert not (output / "p0.txt").is_symlink()
    (output / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(BadOutput, match="leads out"):
        batch(iter([Item("x", "sub/x.html", "t", data=story())]), FolderSink(output, ".txt"), model, overwrite=True)
    assert list((tmp_path / "outside").iterdir()) == []


# Memory


def test_the_memory_of_the_parent_does_not_grow_with_the_number_of_pages(tmp_path: Path, model: str) -> None:
    page = story(1) + f"<p>{'many words and more ' * 300}</p>"

    def endless() -> Iterator[Item]:
        for number in range(1600):
            yield Item(str(number), "n", "t", data=page)

    sizes: list[int] = []

    def on_result(_: object, summary: Summary) -> None:
        if summary.pages % 400 == 0:
            statm = Path("/proc/self/statm")
            if not statm.exists():
                pytest.skip("needs /proc")
            sizes.append(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    batch(endless(), RowsSink(tmp_path / "o.jsonl"), model, on_result=on_result)
    assert all(later - earlier < 2_000_000 for earlier, later in pairwise(sizes))  # 2.5 MB of pages came in between


@pytest.mark.parametrize(("first", "then"), [(None, 2), (2, None), (2, 3)])
def test_a_finished_run_is_not_resumed_in_shards_of_another_size(
    tmp_path: Path, model: str, first: int | None, then: int | None
) -> None:
    path = tmp_path / "out.jsonl"
    batch(items(5), RowsSink(path, first), model)
    before = tree(tmp_path)
    with pytest.raises(BadOutput, match="shard_size"):
        batch(items(5), RowsSink(path, then), model, resume=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("shard_size", [None, 2])
def test_what_earlier_runs_wrote_into_the_input_is_not_read_again(
    tmp_path: Path, model: str, shard_size: int | None
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.html").write_text(story(number))
    (folder / "own-00001.jsonl").write_text(json.dumps({"text": "A row of the user's own."}) + "\n")

    def found() -> list[Item]:
        return list(open_source(str(folder), SourceOptions(text_field="text")))

    before = [item.id for item in found()]
    assert len(before) == 4
    batch(iter(found()), FolderSink(folder / "clean", ".txt"), model)
    batch(iter(found()), RowsSink(folder / "out.jsonl", shard_size), model)
    assert [item.id for item in found()] == before
    assert count_files(str(folder), SourceOptions())[0] is None  # the user's own rows are still there
    (folder / "own-00001.jsonl").unlink()
    assert count_files(str(folder), SourceOptions())[0] == 3
    # What is named is read.
    assert len(list(open_source(str(folder / "clean"), SourceOptions()))) == 4
    shard = folder / ("out-00000.jsonl" if shard_size else "out.jsonl")
    assert len(list(open_source(str(shard), SourceOptions(text_field="text")))) == (shard_size or 4)
    for number in range(3):
        (folder / f"{number}.html").unlink()
    (fault,) = found()
    assert "what an earlier run wrote is read only where it is named" in str(fault.error)


def test_files_of_an_earlier_run_do_not_hide_that_one_of_this_run_is_gone(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "out"
    batch(items(3), FolderSink(folder, ".txt"), model)
    batch(items(2), FolderSink(folder, ".txt"), model, overwrite=True)
    assert len(list(folder.glob("*.txt"))) == 3  # another name may be the user's own
    assert batch(items(2), FolderSink(folder, ".txt"), model, resume=True).cleaned == 2
    min(folder.glob("*.txt")).unlink()
    with pytest.raises(BadOutput, match="is gone"):
        batch(items(2), FolderSink(folder, ".txt"), model, resume=True)


def test_rows_that_end_in_a_date_are_no_shards(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for day in ("20240101", "20240102", "00000"):
        (folder / f"crawl-{day}.jsonl").write_text(json.dumps({"html": story(1)}) + "\n")

    def found() -> list[Item]:
        return list(open_source(str(folder), SourceOptions(exclude=(folder / "crawl.jsonl").resolve())))

    assert len(found()) == 3
    batch(iter(found()), RowsSink(folder / "crawl.jsonl"), model)
    assert len(found()) == 3
    before = tree(folder)
    with pytest.raises(BadOutput, match="exists already"):
        batch(items(2), RowsSink(folder / "crawl.jsonl", 2), model)
    assert tree(folder) == before
    (folder / "crawl-00000.jsonl").unlink()
    batch(items(3), RowsSink(folder / "crawl.jsonl", 2), model, overwrite=True)
    assert (folder / "crawl-20240101.jsonl").read_bytes() == before["crawl-20240101.jsonl"]


def test_pages_in_a_folder_that_was_written_to_are_still_pages(tmp_path: Path, model: str) -> None:
    site = tmp_path / "in" / "site"
    site.mkdir(parents=True)
    (site / "story.html").write_text(story(1))
    batch(items(2), FolderSink(site, ".txt"), model, overwrite=True)
    assert [Path(item.id).name for item in open_source(str(site.parent), SourceOptions())] == ["story.html"]
    assert count_files(str(site.parent), SourceOptions())[0] == 1
