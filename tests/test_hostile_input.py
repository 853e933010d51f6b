"""Input that nobody wishes for gives a clear message or an empty result, and spoils nothing else."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from cli_support import main_text, run, story, toy_model

from cleaner import Cleaner
from cleaner.errors import PageTooLarge

EMPTY = {
    "empty file": b"",
    "white space": b" \n\t\r\n" * 1000,
    "only a byte order mark": b"\xef\xbb\xbf",
    "only tags": b"<div><span></span></div>" * 100,
    "an unclosed comment": b"<!-- " + b"x" * 100_000,
    "an unclosed script": b"<script>var a = 1;" * 1000,
}
BINARY = {
    "a picture": b"\x89PNG\r\n\x1a\n" + os.urandom(5000),
    "a PDF": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + os.urandom(5000),
    "noise": os.urandom(100_000),
    "nothing but NULs": bytes(1_000_000),
}
SURVIVED = {
    "nested elements": b"<div>" * 300_000 + b"deep",
    "open elements of another kind": b"<b><i>" * 50_000 + b"deep",
    "one line of two megabytes": b"word " * 400_000,
    "a hundred thousand tiny lines": b"a<br>" * 100_000,
    "entities without end": b"&amp;" * 200_000,
    "attributes without end": b"<p " + b"a=1 " * 300_000 + b">text",
    "a tag of many attributes": b"<p " + b" ".join(b"a%d" % i for i in range(100_000)) + b">text",
    "bytes that are no encoding": b"<p>" + bytes(range(128, 256)) * 200,
    "a lone surrogate in UTF-8": b"<p>\xed\xa0\x80 text",
    "text after the end": b"</html></body><p>after the end of the page there is a line of text",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "toy.model"
    toy_model().save(path)
    return str(path)


@pytest.mark.parametrize("name", EMPTY)
def test_pages_without_text_are_empty_results(tmp_path: Path, model: str, name: str) -> None:
    (tmp_path / "page.html").write_bytes(EMPTY[name])
    done = run("clean", tmp_path / "page.html", "--format", "json", "--model", model)
    record = json.loads(done.stdout)
    assert (done.returncode, done.stderr, record["text"], record["confidence"]) == (0, b"", "", 0)


@pytest.mark.parametrize("name", BINARY)
def test_what_is_no_page_is_said_in_one_line(tmp_path: Path, model: str, name: str) -> None:
    (tmp_path / "page.html").write_bytes(BINARY[name])
    done = run("clean", tmp_path / "page.html", "--model", model)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"cleaner: {tmp_path}/page.html: binary data, not a page\n"


def test_a_page_of_200_megabytes_is_refused_without_reading_it_whole(tmp_path: Path, model: str) -> None:
    path = tmp_path / "large.html"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)
    done = run("clean", path, "--model", model)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"larger than 32,000,000 bytes; raise the limit with --max-size" in done.stderr


@pytest.mark.parametrize(
    "args",
    [["clean", "PATH"], ["explain", "PATH"], ["train", "PATH", "-o", "x"], ["evaluate", "PATH"], ["check", "PATH"]],
)
def test_a_missing_path_is_one_line_in_every_command(tmp_path: Path, model: str, args: list[str]) -> None:
    done = run(
        *[arg.replace("PATH", "gone.html") for arg in args],
        *(["--model", model] if args[0] != "check" else []),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert (
        done.stderr.decode() == "cleaner: gone.html: no such file\n"
        or "gone.html: no such file" in done.stderr.decode()
    )
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_pages(tmp_path: Path, model: str) -> None:
    (tmp_path / "in").mkdir()
    done = run("clean", tmp_path / "in", "-o", tmp_path / "out", "--quiet", "--model", model)
    assert done.returncode == 1
    assert b"no pages in this folder" in done.stderr and done.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission(tmp_path: Path, model: str) -> None:
    (tmp_path / "page.html").write_text(story())
    (tmp_path / "out").mkdir(mode=0o500)
    done = run("clean", tmp_path / "page.html", "-o", tmp_path / "out" / "deep", "--model", model)
    assert done.returncode == 1
    assert b"permission denied" in done.stderr and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("output", ["file/out", "file/out.jsonl", "file/out.txt", "/proc/none/out", "file/x.md"])
def test_an_output_that_cannot_be_written(tmp_path: Path, model: str, output: str) -> None:
    (tmp_path / "page.html").write_text(story())
    (tmp_path / "file").write_text("mine")
    done = run("clean", "page.html", "-o", output, "--model", model, cwd=tmp_path)
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr and done.stderr.count(b"\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"not a model", b"CLEANER" * 100, os.urandom(1000)])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.html").write_text(story())
    (tmp_path / "bad.model").write_bytes(content)
    for output in [[], ["-o", "out"]]:
        done = run("clean", "page.html", "--model", "bad.model", *output, cwd=tmp_path)
        assert done.returncode == 1
        assert b"bad.model" in done.stderr and done.stderr.count(b"\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.model", "page.html"]


def test_a_folder_of_good_and_hostile_files(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(100):
        (folder / f"good{number:03}.html").write_text(story(number))
    for group, contents in [("empty", EMPTY), ("binary", BINARY), ("survived", SURVIVED)]:
        for number, content in enumerate(contents.values()):
            (folder / f"{group}{number}.html").write_bytes(content)
    (folder / "bomb.html.gz").write_bytes(gzip.compress(bytes(100_000_000)))
    (folder / "cut.html.gz").write_bytes(gzip.compress(os.urandom(9000))[:-100])
    (folder / "gone.html").symlink_to("nowhere")
    (folder / "rows.jsonl").write_text('{"html": 1}\n{broken\n')
    done = run(
        "clean",
        folder,
        "-o",
        tmp_path / "out.jsonl",
        "--jobs",
        "2",
        "--model",
        model,
        "--time-limit",
        "40",
        timeout=150,
    )
    assert done.returncode == 1
    rows = {
        str(row["id"]).removeprefix(f"{folder}/"): row
        for row in map(json.loads, (tmp_path / "out.jsonl").read_bytes().splitlines())
    }
    assert len(rows) == 100 + len(EMPTY) + len(BINARY) + len(SURVIVED) + 5
    for number in range(100):
        assert rows[f"good{number:03}.html"]["text"] == main_text(number)
    for number in range(len(EMPTY)):
        row = rows[f"empty{number}.html"]
        assert (row["text"], row["confidence"], row["error"]) == ("", 0, None)
    for number, name in enumerate(SURVIVED):
        assert rows[f"survived{number}.html"]["error"] is None, name
    failed = {name for name, row in rows.items() if row["error"]}
    expected = {f"binary{n}.html" for n in range(len(BINARY))}
    assert failed == expected | {"bomb.html.gz", "cut.html.gz", "gone.html", "rows.jsonl:1", "rows.jsonl:2"}
    summary = json.loads(done.stderr.splitlines()[-1])
    assert (summary["pages"], summary["failed"]) == (len(rows), len(failed))


@pytest.mark.parametrize(("line", "kind"), [("x\n", "text"), ("<p>x", "html")])
def test_a_page_of_more_lines_than_memory_is_for_is_refused(line: str, kind: str) -> None:
    with pytest.raises(PageTooLarge, match="more than 500,000 lines"):
        Cleaner().clean(line * 500_001, kind=kind)  # type: ignore[arg-type]
