"""The two passes of a batch: judged pages on disk between them, the same bytes as in one pass, nothing left behind."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_support import environment, run, story, toy_model

from cleaner import Cleaner, Page
from cleaner.batch import FolderSink, RowsSink, Settings, count_sites, run_batch
from cleaner.batch.packing import pack, unpack
from cleaner.batch.pool import Pool
from cleaner.batch.spool import Spool
from cleaner.batch.work import Result
from cleaner.errors import BadOutput
from cleaner.page import Kind
from cleaner.pipeline import Judged
from cleaner.sites import SiteCounts
from cleaner.sources import Item, SourceOptions, open_source

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "toy.model"
    toy_model(sure=1.5).save(path)
    return str(path)


def items(count: int) -> Iterator[Item]:
    for number in range(count):
        yield Item(f"p{number}", f"p{number}.html", "test", f"https://s{number % 3}.example/{number}", story(number))


def counts_of(
    found: Callable[[], Iterator[Item]], settings: Settings, *, spooled: bool = True
) -> Callable[[Pool, Spool], SiteCounts]:
    def counts(pool: Pool, spool: Spool) -> SiteCounts:
        return count_sites(found(), settings, pool, spool=spool if spooled else None)

    return counts


def written(folder: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if not name.endswith("journal.json")}


# The same bytes


@pytest.mark.parametrize(
    "settings",
    [
        Settings(keep_dropped=True),
        Settings(rows=False, favor="recall"),
        Settings(rows=False, body="markdown", links=True, keep_dropped=True),
        Settings(body="markdown", favor="precision", kind="text"),
        Settings(with_metadata=True),
    ],
    ids=["rows", "text", "markdown", "as text", "metadata"],
)
def test_judged_pages_come_out_as_pages_that_are_read_again(tmp_path: Path, settings: Settings) -> None:
    def found() -> Iterator[Item]:
        pages = open_source(str(FIXTURES), SourceOptions())
        if settings.with_metadata:  # which is slow, and only HTML has it
            pages = islice((item for item in pages if item.id.endswith(".html")), 4)
        yield from islice(pages, 30)
        yield Item("broken", "broken", "test", language="de", error="the source gave no page")
        yield Item("binary", "binary", "test", "https://example.org/", b"\0\1\2" * 3000)
        yield Item("empty", "empty", "test", data="", language="fr")

    outputs = []
    for spooled in (True, False):
        folder = tmp_path / str(spooled)
        sink = RowsSink(folder / "o.jsonl") if settings.rows else FolderSink(folder, ".txt")
        summary = run_batch(found(), settings, sink, sites=counts_of(found, settings, spooled=spooled))
        assert summary.failed == 2
        outputs.append(written(folder))
    assert outputs[0] == outputs[1] and sum(map(len, outputs[0].values())) > 5_000


def test_the_source_is_not_read_again(tmp_path: Path, model: str) -> None:
    settings = Settings(model)
    counts = counts_of(lambda: items(70), settings)
    summary = run_batch(iter([]), settings, RowsSink(tmp_path / "o.jsonl"), sites=counts)
    assert (summary.pages, summary.cleaned) == (70, 70)


# A page as bytes


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("", Kind.HTML),
        ("", Kind.TEXT),
        ("A line \U0001f600\n\n# Two\nand the second row of a paragraph that was wrapped\n\n- 3 \u2028 x", Kind.TEXT),
        ("nul \0 and half a \ud83d pair\n\nnext", Kind.TEXT),
        (f"<html lang=de>{story(3)}<ol><li>a<li><a href=/b>b</a></ol><pre>x\n\n y</pre><table><tr><td>1<td>2</table>",
         Kind.HTML),
    ],
)  # fmt: skip
def test_a_packed_page_keeps_what_its_output_needs(model: str, content: str, kind: Kind) -> None:
    page = Page(content, kind, url="https://example.org/a", id="a", encoding="utf-8", replaced=2, markdown=False)
    (judged,) = Cleaner(model, links=True).judge_many([page])
    item = Item("a", "a", "test", "https://example.org/a")
    again, language, meta = unpack(pack(judged, places=True, with_metadata=False), item)
    assert again.page == page._replace(content="") and meta is None
    assert language == ("de" if "lang=de" in content else None)
    for name in ("probabilities", "words", "hashes", "templates"):
        assert np.array_equal(getattr(again, name), getattr(judged, name))
        assert getattr(again, name).dtype == getattr(judged, name).dtype
    for name in ("texts", "tags", "markup"):
        assert getattr(again.lines, name) == getattr(judged.lines, name)
    assert again.settle("balanced").lines == judged.settle("balanced").lines


def test_bytes_that_are_no_packed_page_are_an_error_of_that_page(model: str) -> None:
    (judged,) = Cleaner(model).judge_many([Page(story(1), Kind.HTML)])
    whole = zlib.decompress(pack(judged, places=False, with_metadata=False))
    item = Item("a", "a", "test")
    for bad in (b"", b"nonsense", *(zlib.compress(whole[:size]) for size in (0, 5, 40, len(whole) // 3))):
        with pytest.raises((ValueError, zlib.error, Exception)):
            unpack(bad, item)


# The spool


def test_a_spool_gives_back_items_in_order_whatever_they_are_called(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    odd = ["a", "new\nline", "\ud800", "", "ü" * 300]
    for number, name in enumerate(odd):
        failed = "out of memory" if number == 3 else None
        spool.add(
            Item(name, name, "s", name or None, b"page", site="x.example", language="en"),
            Result(name, name, b"%d" % number, error=failed),
        )
    expected = [
        Item(name, name, "s", name or None, b"%d" % number if number != 3 else b"", site="x.example", language="en",
             error="out of memory" if number == 3 else None)
        for number, name in enumerate(odd)
    ]  # fmt: skip
    assert list(spool.items()) == expected == list(spool.items())
    assert list(tmp_path.iterdir()) == []  # it has no name
    spool.close()
    assert list(Spool(tmp_path).items()) == []


def test_a_full_disk_is_one_line_and_the_run_can_be_resumed(tmp_path: Path, model: str) -> None:
    source = tmp_path / "in.jsonl"
    with source.open("w") as stream:
        for number in range(300):
            row = {"id": f"p{number}", "url": f"https://s.example/{number}", "html": story(number)}
            stream.write(json.dumps(row) + "\n")
    args = ["clean", source, "--model", model, "-o"]

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = run(*args, tmp_path / "o" / "out.jsonl", preexec_fn=small_disk)
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.count("\n") == 1 and "cannot be written: file too large" in said and "--no-sites" in said
    names = (".out.jsonl.journal.json", ".out.jsonl.rows.part", ".out.jsonl.sites.npy")
    assert {path.name for path in (tmp_path / "o").iterdir()} <= set(names)
    assert run(*args, tmp_path / "o" / "out.jsonl", "--resume").returncode == 0
    assert run(*args, tmp_path / "whole.jsonl").returncode == 0
    assert (tmp_path / "o" / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_no_room_at_all_is_one_error(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(BadOutput, match="gone: cannot be written: no such file"):
        Spool(None).add(Item("a", "a", "s"), Result("a", "a", b"page"))


# Stopped runs


@pytest.mark.parametrize("first_pass", [True, False])
@pytest.mark.parametrize("form", ["rows", "folder"])
def test_a_run_stopped_in_either_pass_is_resumed_with_the_same_bytes(
    tmp_path: Path, model: str, form: str, first_pass: bool
) -> None:
    settings = Settings(model, rows=form == "rows", keep_dropped=True)

    def sink(name: str) -> RowsSink | FolderSink:
        return RowsSink(tmp_path / name / "o.jsonl") if form == "rows" else FolderSink(tmp_path / name, ".txt")

    def stopping() -> Iterator[Item]:
        yield from items(130)
        if first_pass:
            raise KeyboardInterrupt
        yield from [*items(200)][130:]

    def on_result(_: Result, summary: Any) -> None:
        if summary.pages == 150:
            raise KeyboardInterrupt

    whole = counts_of(lambda: items(200), settings)
    run_batch(items(200), settings, sink("whole"), jobs=2, sites=whole)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("cleaner.batch.run.CHECKPOINT_SECONDS", 0.0)
        run_batch(items(200), settings, sink("cut"), sites=counts_of(stopping, settings), on_result=on_result)
    left = {path.name for path in (tmp_path / "cut").iterdir() if path.name.startswith(".")}
    journal, rows, sites = (
        (".o.jsonl.journal.json", ".o.jsonl.rows.part", ".o.jsonl.sites.npy")
        if form == "rows"
        else (".cleaner-journal.json", ".errors.jsonl.part", ".cleaner-sites.npy")
    )
    assert left == ({journal, rows} if first_pass else {journal, rows, sites})
    again = run_batch(items(200), settings, sink("cut"), jobs=2, sites=whole, resume=True)
    assert (again.resumed_at > 0) == (not first_pass) and again.pages == 200
    assert written(tmp_path / "cut") == written(tmp_path / "whole")


def test_kill_9_leaves_no_spool(tmp_path: Path, model: str) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out"
    with source.open("w") as stream:
        for number in range(4000):
            row = {"id": f"p{number}", "url": f"https://s.example/{number}", "html": story(number)}
            stream.write(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "cleaner", "clean", str(source), "-o", str(output / "o.jsonl"), "--model", model]
    temporary = {**environment(), "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(command, env=temporary, stderr=subprocess.DEVNULL)
    if not Path(f"/proc/{process.pid}/fd").exists():
        process.kill()
        pytest.skip("needs /proc")
    for _ in range(1500):  # until the spool is there
        if any(link.startswith(str(output)) and "deleted" in link for link in open_files(process.pid)):
            break
        time.sleep(0.02)
    else:
        process.kill()
        pytest.fail("no spool within 30 seconds")
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = {path.name for path in output.iterdir()} - {".o.jsonl.lock"}  # a file that nobody holds
    assert left == {".o.jsonl.journal.json", ".o.jsonl.rows.part"}


def open_files(pid: int) -> list[str]:
    links = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(fd.readlink()))
        except OSError:
            continue
    return links


# Pages that fail


class Endless(Item):
    """A page that never ends, and notes each time that it is begun."""

    def load(self, max_bytes: int = 0) -> bytes | str:
        with Path(self.source).open("ab") as stream:
            stream.write(b".")
        time.sleep(600)
        return ""


def test_a_page_that_hangs_is_waited_for_in_one_pass_only(tmp_path: Path, model: str) -> None:
    settings = Settings(model)
    begun = tmp_path / "begun"

    def found() -> Iterator[Item]:
        yield from items(5)
        yield Endless("hangs", "hangs", str(begun), "https://s0.example/hangs", language="en")
        yield from items(4)

    summary = run_batch(
        found(), settings, RowsSink(tmp_path / "o.jsonl"), jobs=2, time_limit=3,
        sites=counts_of(found, settings),
    )  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_bytes().splitlines()]
    assert (summary.pages, summary.failed) == (10, 1)
    assert rows[5]["error"].startswith("not done within 3 seconds") and rows[5]["language"] == "en"
    assert rows[5]["url"] == "https://s0.example/hangs" and rows[5]["source"] == str(begun)
    assert begun.read_bytes() == b".."  # with its chunk, and alone


def test_a_page_that_fails_in_the_second_pass_costs_itself_only(model: str) -> None:
    from cleaner.batch.work import settle_chunk

    (judged,) = Cleaner(model).judge_many([Page(story(1), Kind.HTML)])
    packed = pack(judged, places=False, with_metadata=False)
    found = settle_chunk(None, [Item("a", "a", "s", data=packed), Item("b", "b", "s", data=b"bad")], Settings(model))
    assert [result.error is None for result in found] == [True, False]
    assert (found[1].error or "").startswith("internal error, please report it: error")


def test_judged_without_a_site_is_the_cleaner_itself(model: str) -> None:
    cleaner = Cleaner(model)
    judged: list[Judged] = list(cleaner.judge_many([story(1), story(2)]))
    assert [page.settle("balanced").text for page in judged] == [cleaner.clean(story(n)).text for n in (1, 2)]
