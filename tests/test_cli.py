"""The command as a user meets it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from cli_support import environment, main_text, run, story, toy_model

from cleaner.batch import Summary
from cleaner.batch.work import Result
from cleaner.cli import app
from cleaner.cli.terminal import Progress

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "cli.md"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "toy.model"
    toy_model().save(path)
    return str(path)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "story.html"
    path.write_text(story(1))
    return path


def commands() -> dict[str, click.Command]:
    """Every command by what a user types after `cleaner`."""
    found: dict[str, click.Command] = {}
    ctx = click.Context(app)
    for name in app.list_commands(ctx):
        command = app.get_command(ctx, name)
        assert command is not None
        inner = command.commands if isinstance(command, click.Group) else {}
        found.update({f"{name} {below}": one for below, one in inner.items()} or {name: command})
    return found


# Documentation


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_of_every_command_is_documented_and_explains_itself(name: str) -> None:
    section = re.search(rf"^## `cleaner {name}.*?(?=^## |\Z)", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    assert section, f"docs/cli.md has no section for {name}"
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            for option in [*parameter.opts, *parameter.secondary_opts]:
                assert f"`{option}`" in section[0] or f"`{option} " in section[0], (
                    f"{name} {option} is not in docs/cli.md"
                )
            assert parameter.help or parameter.name == "format_"


def test_no_option_is_documented_that_is_not_there() -> None:
    known = {
        option for command in commands().values() for p in command.params for option in [*p.opts, *p.secondary_opts]
    }
    documented = set(re.findall(r"`(--[a-z][a-z-]+)", DOCS.read_text(encoding="utf-8")))
    assert documented <= known | {"--help", "--version"}


@pytest.mark.parametrize("name", ["", *sorted(commands())])
def test_help_has_examples(name: str) -> None:
    done = run(*name.split(), "--help")
    assert done.returncode == 0
    assert b"Examples:" in done.stdout and b"  cleaner " in done.stdout


# What is imported


def imported(*args: str) -> set[str]:
    code = (
        f"import sys; sys.argv = ['cleaner', *{list(args)!r}]\nfrom cleaner.cli.app import _run\n_run(sys.argv[1:])\n"
    )
    code += "print('\\n'.join(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment(), check=True, cwd=ROOT)
    return {module.partition(".")[0] for module in done.stderr.decode().split()}


def test_help_does_not_wait_for_numpy() -> None:
    assert not imported("--help") & {"numpy", "sklearn", "scipy", "trafilatura", "selectolax", "joblib"}


def test_cleaning_one_page_does_not_wait_for_what_it_does_not_use(page: Path, model: str) -> None:
    heavy = {
        "sklearn",
        "scipy",
        "trafilatura",
        "pyarrow",
        "joblib",
        "multiprocessing",
        "lxml",
        "rapidfuzz",
        "matplotlib",
    }
    modules = imported("clean", str(page), "--model", model)
    assert "numpy" in modules
    assert not modules & heavy


# One page


def test_a_pipe(model: str) -> None:
    done = run("clean", "--model", model, stdin=story(3).encode())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, main_text(3) + "\n", b"")


def test_a_file_and_a_dash(page: Path, model: str) -> None:
    done = run("clean", page, "-", "--model", model, stdin=story(2).encode())
    assert done.stdout.decode() == main_text(1) + "\n\n" + main_text(2) + "\n"


def test_text_comes_out_as_it_stood(model: str) -> None:
    text = "Home\n\n  A line of eight words or so, indented here.\n\n\nA line of eight words or so, *marked* here.\n"
    done = run("clean", "--kind", "text", "--model", model, stdin=text.encode())
    assert done.stdout.decode() == text.partition("\n\n")[2].replace("\n\n\n", "\n\n")


def test_json_pipes_into_jq(page: Path, model: str) -> None:
    done = run(
        "clean", page, "--format", "json", "--keep-dropped", "--with-metadata", "--url", "http://x/", "--model", model
    )
    record = json.loads(done.stdout)
    assert (record["text"], record["kept"], record["dropped"], record["url"]) == (main_text(1), 2, 4, "http://x/")
    assert (record["kind"], record["encoding"], record["language"], record["error"]) == ("html", "utf-8", "en", None)
    assert record["dropped_lines"][0]["text"] == "Home"
    assert record["metadata"]["title"]
    documented = set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.M))
    assert set(record) <= documented


def test_markdown_into_a_file_by_its_name(page: Path, model: str, tmp_path: Path) -> None:
    page.write_text(
        story()
        + "<ol><li>one item that has more than six words<li><a href=/x>two items that have more than six words</a></ol>"
    )
    done = run("clean", page, "-o", tmp_path / "s.md", "--links", "--url", "http://h/", "--model", model)
    assert (done.returncode, done.stdout) == (0, b"")
    written = (tmp_path / "s.md").read_text()
    assert written.endswith(
        "1. one item that has more than six words\n2. [two items that have more than six words](http://h/x)\n"
    )
    again = run("clean", page, "-o", tmp_path / "s.md", "--model", model)
    assert again.returncode == 1 and b"--overwrite" in again.stderr
    assert run("clean", page, "-o", tmp_path / "s.md", "--overwrite", "--model", model).returncode == 0


def test_a_page_named_html_without_any_element_is_text(tmp_path: Path, model: str) -> None:
    path = tmp_path / "mail.html"
    path.write_text(f"From: <anna@example.org>\n\n{main_text(1)}\n\nif a <b then x<y\n\n{main_text(2)}\n")
    done = run("clean", path, "--model", model)
    assert done.stdout.decode() == f"{main_text(1)}\n\n{main_text(2)}\n"


def test_files_that_are_passed_over_are_told_of(tmp_path: Path, model: str) -> None:
    for name in ("a.html", "b.php"):
        (tmp_path / name).write_text(story())
    done = run("clean", tmp_path, "-o", tmp_path / "out.jsonl", "--model", model)
    assert json.loads(done.stderr.splitlines()[0])["pages"] == 1
    assert b"whose names tell of no page: 1; --from page" in done.stderr
    done = run("clean", tmp_path, "-o", tmp_path / "out2.jsonl", "--from", "page", "--model", model, "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")
    assert len((tmp_path / "out2.jsonl").read_text().splitlines()) == 2


def test_with_metadata_text_gets_front_matter(page: Path, model: str) -> None:
    done = run("clean", page, "--with-metadata", "--model", model)
    assert done.stdout.decode().startswith("---\ntitle: ") and main_text(1) in done.stdout.decode()


def test_explain(page: Path, model: str) -> None:
    shown = run("explain", page, "--model", model).stdout.decode().splitlines()
    assert "kind: html" in shown[0] and "utf-8" in shown[0]
    assert [line[6] for line in shown[1:]] == ["-", "-", "-", "+", "+", "-"]
    data = json.loads(run("explain", "--format", "json", "--model", model, stdin=page.read_bytes()).stdout)
    assert [line["kept"] for line in data["lines"]] == [False, False, False, True, True, False]
    assert data["kind"] == "html"
    marks = run("explain", page, "--format", "marks", "--model", model).stdout.decode().splitlines()
    assert [line[:2] for line in marks] == ["- ", "- ", "- ", "+ ", "+ ", "- "]


def test_info(model: str) -> None:
    facts = json.loads(run("info", "--model", model, "--json").stdout)
    assert facts["fingerprint"] == toy_model().fingerprint
    assert toy_model().fingerprint in run("info", "--model", model).stdout.decode()


def test_check_names_file_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(story())
    done = run("check", tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / "a.html") in done.stdout.decode()
    found = [json.loads(line) for line in run("check", tmp_path, "--json").stdout.splitlines()]
    assert found[0]["severity"] == "error"
    (tmp_path / "a.gold.txt").write_text(main_text())
    assert run("check", tmp_path).returncode == 0


def test_train_then_evaluate_then_clean_with_the_new_model(tmp_path: Path, model: str) -> None:
    rows = [{"html": story(n), "gold": main_text(n), "host": f"h{n % 4}.example"} for n in range(60)]
    (tmp_path / "labelled.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data, mine = tmp_path / "labelled.jsonl", tmp_path / "my.model"
    done = run("train", data, "-o", mine, "--model", model, "--json", timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["html"]["before"]["f1"] == 1 and report["html"]["after"]["pages"] == 60
    done = run(
        "evaluate", data, "--model", mine, "--json", "--no-peers", "--bootstrap", "10", "--plot", tmp_path / "f.png"
    )
    assert json.loads(done.stdout), done.stderr
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert run("clean", "--model", mine, "--format", "json", stdin=story(99).encode()).returncode == 0
    again = run("train", tmp_path / "labelled.jsonl", "-o", tmp_path / "no" / "my.model", "--model", model)
    assert again.returncode == 1 and b"create it first" in again.stderr


# Many pages


def test_rows_on_standard_output(tmp_path: Path, model: str) -> None:
    for number in range(3):
        (tmp_path / f"{number}.html").write_text(story(number))
    done = run("clean", tmp_path, "--format", "jsonl", "--model", model)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [main_text(n) for n in range(3)]
    assert json.loads(done.stderr)["pages"] == 3
    assert run("clean", tmp_path, "--format", "jsonl", "--model", model, "--quiet").stderr == b""


def test_a_warc_on_standard_input(model: str) -> None:
    pytest.importorskip("fastwarc")
    from test_sources import record

    warc = record(1, story(1).encode()) + record(2, story(2).encode())
    done = run("clean", "--from", "warc", "--format", "jsonl", "--model", model, stdin=warc)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [main_text(1), main_text(2)]


def test_a_folder_of_markdown_or_json(tmp_path: Path, model: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.html").write_text(story(1))
    assert (
        run("clean", tmp_path / "in", "-o", tmp_path / "md", "--format", "markdown", "--model", model).returncode == 0
    )
    assert main_text(1).replace("\n", "\n\n") + "\n" == (tmp_path / "md" / "a.md").read_text().replace("\\", "")
    assert run("clean", tmp_path / "in", "-o", tmp_path / "json", "--format", "json", "--model", model).returncode == 0
    assert json.loads((tmp_path / "json" / "a.json").read_text())["text"] == main_text(1)


USAGE = [
    (["clean", "FOLDER"], "many pages"),
    (["clean", "FOLDER", "--format", "parquet"], "-o"),
    (["clean", "FOLDER", "-o", "out", "--format", "jsonl"], "name one with -o that ends in .jsonl"),
    (["clean", "FOLDER", "-o", "out.parquet", "--format", "jsonl"], "out.parquet does not hold jsonl"),
    (["clean", "FOLDER", "-o", "out.jsonl.gz", "--format", "parquet"], "does not hold parquet"),
    (["clean", "FOLDER", "-o", "out.jsonl", "--format", "text"], "does not hold text"),
    (["clean", "FOLDER", "-o", "out.jsonl", "--format", "json"], "does not hold json"),
    (["clean", "FOLDER", "-o", "out", "--shard-size", "5"], "--shard-size"),
    (["clean", "FOLDER", "-o", "out", "--url", "http://x/"], "single page"),
    (["clean", "FILE", "--keep-dropped"], "--keep-dropped"),
    (["clean", "-", "-"], "once"),
    (["clean", "--kind", "pdf"], "'pdf' is not one of"),
    (["clean", "--max-size", "huge"], "not a size"),
    (["clean", "--no-such-option"], "No such option"),
    (["nonsense"], "No such command"),
    (["train", "FOLDER"], "Missing option"),
]


@pytest.mark.parametrize(("args", "message"), USAGE)
def test_wrong_usage_is_exit_code_2_and_writes_nothing(
    tmp_path: Path, page: Path, args: list[str], message: str
) -> None:
    (tmp_path / "in").mkdir()
    named = [{"FOLDER": str(tmp_path / "in"), "FILE": str(page)}.get(arg, arg) for arg in args]
    done = run(*named, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "story.html"]


# Signals, pipes, terminals


def test_ctrl_c_is_one_line_and_130(tmp_path: Path, model: str) -> None:
    os.mkfifo(tmp_path / "never.html")
    args = [
        sys.executable,
        "-m",
        "cleaner",
        "clean",
        str(tmp_path / "never.html"),
        "-o",
        str(tmp_path / "o"),
        "--model",
        model,
    ]
    # A shell that starts the tests in the background makes its children ignore Ctrl-C; this one must not.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = subprocess.Popen(args, env=environment(), stderr=subprocess.PIPE, **heard)
    while not (tmp_path / "o" / ".cleaner-journal.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.decode().count("\n") == 1 and b"interrupted" in errors


def test_ctrl_c_promises_no_resume_where_there_is_none(tmp_path: Path, model: str) -> None:
    os.mkfifo(tmp_path / "never.html")
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    args = [sys.executable, "-m", "cleaner", "explain", str(tmp_path / "never.html"), "--model", model]
    process = subprocess.Popen(args, env=environment(), stderr=subprocess.PIPE, **heard)
    with (tmp_path / "never.html").open("w"):  # opens when the command does
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"cleaner: interrupted\n")


def test_a_reader_that_goes_away_is_no_error_message(tmp_path: Path, model: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"html": story(n)}) + "\n" for n in range(2000)))
    args = [sys.executable, "-m", "cleaner", "clean", str(path), "--format", "jsonl", "--model", model]
    process = subprocess.Popen(args, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 141


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_a_disk_does_not_take_is_said(tmp_path: Path, model: str, unbuffered: str) -> None:
    path = tmp_path / "long.txt"
    path.write_text(
        "".join(f"Line {n} of a text that is longer than the file may be, {n * 7919}.\n" for n in range(2000))
    )
    command = f"ulimit -f 20; exec {sys.executable} -m cleaner clean {path} --model {model} > {tmp_path / 'out'}"
    env = {**environment(), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"cleaner: standard output: file too large\n")


def test_closed_standard_output_is_said_and_not_needed_for_a_file(tmp_path: Path, model: str) -> None:
    path, out = tmp_path / "a.html", tmp_path / "out.txt"
    path.write_text(story())
    command = f"exec {sys.executable} -m cleaner clean {path} --model {model}"
    done = subprocess.run(["bash", "-c", f"{command} >&-"], env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"cleaner: standard output: bad file descriptor\n")
    for closed in (">&-", ">&- <&-"):
        out.unlink(missing_ok=True)
        subprocess.run(["bash", "-c", f"{command} -o {out} {closed}"], env=environment(), check=True)
        assert out.read_text()


# The command with a progress line whose clock is a second later each time it looks, so that every line is drawn.
ALL_DRAWN = """
import itertools, types
from cleaner.cli import main, terminal
terminal.time = types.SimpleNamespace(monotonic=itertools.count(1.0).__next__)
main()
"""


def in_terminal(*args: str, start: Sequence[str] = ("-m", "cleaner")) -> tuple[int, str]:
    """Runs the command with a terminal as standard input and error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *start, *args], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment()
    )
    os.close(theirs)
    output, _ = process.communicate(timeout=60)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 10_000)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return process.returncode, output.decode() + seen.decode()


@pytest.mark.parametrize("command", ["clean", "explain"])
def test_without_input_at_a_terminal_the_help_is_shown(command: str) -> None:
    code, shown = in_terminal(command)
    assert code == 2 and "Usage:" in shown and "Examples:" in shown


def test_progress_knows_its_rate_in_each_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("cleaner.cli.terminal.time.monotonic", lambda: now[0])
    progress = Progress(quiet=False)
    progress.shown, progress.total = True, 201
    for pages in (1, 101):
        progress.on_counted(pages)
        now[0] += 10
    for pages in (1, 101):
        progress.on_result(Result("a", "a", b""), Summary(pages, failed=1))
        now[0] += 2
    assert capsys.readouterr().err.split("\r")[1:] == [
        "looking for lines that recur: 1 of 201 pages",
        "looking for lines that recur: 101 of 201 pages, 10/s, 10 s left",
        "writing: 1 of 201 pages, 1 failed",
        "writing: 101 of 201 pages, 50/s, 2 s left, 1 failed",
    ]


def test_progress_is_shown_at_a_terminal_only(tmp_path: Path, model: str) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        (tmp_path / "in" / f"{number}.html").write_text(story(number))
    args = ["clean", str(tmp_path / "in"), "--model", model, "-o"]
    shown = in_terminal(*args, str(tmp_path / "a"), start=("-c", ALL_DRAWN))[1]
    assert re.search(r"\d+ of 40 pages, \d+/s, [\w ]+ left", shown)
    assert "looking for lines that recur: 1 of 40 pages" in shown and "writing: 1 of 40 pages" in shown
    assert " pages, " not in in_terminal(*args, str(tmp_path / "b"), "--quiet", start=("-c", ALL_DRAWN))[1]
    assert b"\r" not in run(*args, str(tmp_path / "c")).stderr


def test_a_dash_as_output_is_standard_output(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(story())
    assert run("clean", tmp_path / "a.html", "-o", "-").stdout == run("clean", tmp_path / "a.html").stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["clean", "{}", "-o", "{}", "--overwrite"], "is what is read"),
        (["clean", "{}", "-o", "{}/out", "--time-limit", "inf"], "inf is not a number of seconds"),
        (["clean", "{}", "-o", "{}/out", "--time-limit", "1e8"], "1e8 is not a number of seconds up to 1,000,000"),
        (["clean", "{}", "-o", "{}/out", "--time-limit", "nan"], "nan is not a number of seconds"),
        (["clean", ""], "an empty name"),
        (["explain", "{}"], "explain shows one"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "a.html").write_text(story())
    done = run(*(arg.format(tmp_path) for arg in args))
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_counts_of_nothing_are_not_written(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(story())
    done = run("sites", "build", tmp_path / "a.html", "-o", tmp_path / "sites.parquet")
    assert done.returncode == 1
    assert "no site has two pages" in done.stderr.decode()
    assert not (tmp_path / "sites.parquet").exists()


# What an audit of the documentation found


def test_names_that_no_terminal_should_see_are_printed_without_harm(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    row = {"text": "A story. " * 30, "gold": "", "id": "\ud800 \x1b[31m\nforged: error: nothing", "host": "\ud800"}
    rows.write_text(
        json.dumps(row) + "\n" + json.dumps({**row, "id": "b", "text": "A tale. " * 30, "gold": "A tale. "}) + "\n"
    )
    done = run("check", rows)
    assert (done.returncode, done.stderr) == (1, b"1 errors, 0 warnings\n")
    assert len(done.stdout.splitlines()) == 1
    assert b"\x1b" not in done.stdout
    assert run("check", rows, "--json").returncode == 1
    assert run("evaluate", rows, "--no-peers", "--bootstrap", 0).returncode == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["check", ""], "an empty name"),
        (["evaluate", ""], "an empty name"),
        (["sites", "build", "", "-o", "s.parquet"], "an empty name"),
        (["evaluate", "x", "--seed", "-1"], "--seed"),
        (["clean", "x", "--max-size", "5KK"], "is not a size"),
    ],
)
def test_what_is_refused_as_wrong_usage(tmp_path: Path, args: list[str], said: str) -> None:
    done = run(*args, cwd=tmp_path)
    assert (done.returncode, said in done.stderr.decode()) == (2, True)
    assert b"Traceback" not in done.stderr


def test_what_is_refused_before_the_work(tmp_path: Path, page: Path) -> None:
    done = run("clean", "typo.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"cleaner: typo.jsonl: no such file or folder\n")
    done = run("info", "--model", "", cwd=tmp_path)
    assert done.returncode == 1
    pytest.importorskip("matplotlib")
    (tmp_path / "story.gold.txt").write_text(main_text(1))
    for name in ("f1", "f1.bmpx"):
        done = run("evaluate", tmp_path, "--no-peers", "--plot", tmp_path / name)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"no picture by its ending" in done.stderr


def test_counts_that_are_written_into_what_is_counted(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for number, word in enumerate(("one", "two", "three")):
        (tmp_path / f"{number}.html").write_text(story(number).replace("ferry", word))
    counts = tmp_path / "sites.parquet"
    assert run("sites", "build", tmp_path, "-o", counts).returncode == 0
    done = run("sites", "build", tmp_path, "-o", counts, "--overwrite")
    assert (done.returncode, b"failed" in done.stderr) == (0, False)
