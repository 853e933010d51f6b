"""Repetition across a site: counting by host, the same counts however they are made, and what the counts do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_support import run, toy_model
from hypothesis import given
from hypothesis import strategies as st

from cleaner import Cleaner, Page
from cleaner.batch import RowsSink, Settings, count_sites, run_batch
from cleaner.batch.pool import Pool
from cleaner.errors import BadInput, BadOutput
from cleaner.model import Model
from cleaner.page import Kind
from cleaner.sites import SiteCounter, SiteCounts, adjusted, page_keys, rows_of, site_of
from cleaner.sources import Item, SourceOptions, open_source

FRAME = ["Home News Sport", "Subscribe to our morning letter and never miss a story again", "Most read today"]
WORDS = "harbour ferry captain island winter bakery violin garden bridge letter market orchard window railway".split()


def story(number: int) -> list[str]:
    """Three sentences that no other page has."""
    word = [WORDS[(number * 5 + i * 3) % len(WORDS)] + chr(97 + number % 26) for i in range(30)]
    return [" ".join(word[i : i + 10]).capitalize() + "." for i in (0, 10, 20)]


def page(number: int) -> list[str]:
    return [*FRAME[:2], *story(number), FRAME[2], f"{number} comments"]


def counted(pages: list[list[str]], site: str = "example.org") -> SiteCounts:
    counter = SiteCounter()
    for lines in pages:
        counter.add(page_keys(site, rows_of(lines)))
    counts = counter.counts()
    counter.close()
    return counts


def test_other_pages_are_counted_not_the_page_itself() -> None:
    counts = counted([page(n) for n in range(6)])
    lines = page(3)
    total, line, template = counts.others("example.org", rows_of(lines))
    assert total == 5
    assert line.tolist() == [5, 5, 0, 0, 0, 5, 0]
    assert template.tolist() == [5, 5, 0, 0, 0, 5, 5]  # "3 comments", "4 comments"


def test_a_page_that_was_not_counted_has_all_of_them_as_others() -> None:
    counts = counted([page(n) for n in range(6)])
    total, line, _ = counts.others("example.org", rows_of(page(9)))
    assert total == 6 and line.tolist() == [6, 6, 0, 0, 0, 6, 0]


def test_another_site_has_no_part_in_it() -> None:
    counts = counted([page(n) for n in range(6)])
    total, line, template = counts.others("example.com", rows_of(page(3)))
    assert total == 0 and not line.any() and not template.any()


def test_a_line_twice_on_one_page_is_on_one_page() -> None:
    counts = counted([[*page(n), FRAME[2]] for n in range(3)])
    assert counts.others("example.org", rows_of([FRAME[2]]))[1].tolist() == [3]


def test_pages_that_differ_in_numbers_only_are_one_page() -> None:
    twins = [[f"The lift is closed on day {n} of the month", f"Read {n * n} times"] for n in (3, 17)]
    assert len(counted(twins)) == 0
    assert counted([*twins, page(1)]).others("example.org", rows_of(page(1)))[0] == 1


@given(st.lists(st.lists(st.sampled_from(["a b", "c", "d 1", "d 2", "", "e f g"]), max_size=5), max_size=12))
def test_spilling_to_disk_changes_nothing(pages: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cleaner.sites.HELD_KEYS", 7)
        spilled = counted(pages)
    assert np.array_equal(spilled.table, counted(pages).table)
    assert (np.diff(spilled.table[0]) > 0).all() if len(spilled) else True


def test_what_is_on_one_page_only_is_not_kept() -> None:
    counts = counted([page(n) for n in range(20)])
    pages_and_site = 20 + 1
    assert len(counts) == pages_and_site + 2 * len(FRAME) + 1  # lines, their templates, the template of "N comments"


def test_no_room_for_temporary_files_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleaner.sites.HELD_KEYS", 3)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(BadOutput, match="set TMPDIR"):
        counted([page(1), page(2)])


# What the counts do


def moved(lines: list[str], p: list[float], counts: SiteCounts, kind: Kind = Kind.TEXT) -> list[float]:
    return [float(x) for x in adjusted(np.array(p, dtype=np.float32), rows_of(lines), kind, counts, "example.org")]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_recurs_loses_and_what_does_not_stays_to_the_bit(kind: Kind) -> None:
    counts = counted([page(n) for n in range(10)])
    lines, p = page(3), [0.7, 0.7, 0.9, 0.8, 0.9, 0.7, 0.5]
    after = moved(lines, p, counts, kind)
    assert after[0] < 0.5 and after[1] < 0.3
    assert after[1] < after[5] < p[5]  # longer lines recur by chance more rarely
    assert [after[i] for i in (2, 3, 4)] == [float(np.float32(p[i])) for i in (2, 3, 4)]


def test_nothing_moves_without_other_pages() -> None:
    p = np.array([0.7] * 7, dtype=np.float32)
    for counts in (counted([]), counted([page(3)]), counted([page(n) for n in range(9)], "example.com")):
        assert adjusted(p, rows_of(page(3)), Kind.TEXT, counts, "example.org") is p
    assert len(adjusted(p[:0], rows_of([]), Kind.TEXT, counted([page(1), page(2)]), "example.org")) == 0


def test_wrapped_rows_are_counted_each(tmp_path: Path) -> None:
    counts = counted([[f"{FRAME[1]}\n{story(n)[0]}", *story(n)[1:]] for n in range(6)])
    lines = [FRAME[1], f"{FRAME[1]}\n{story(3)[0]}", *story(3)[1:]]
    after = moved(lines, [0.8] * 4, counts)
    assert after[0] < after[1] < after[2] == after[3]


@pytest.mark.parametrize("others", [1, 2])
def test_a_title_that_recurs_on_a_small_site_stays(others: int) -> None:
    """A section title and a disclaimer inside the articles of a site of two or three pages, sure to be content."""
    title = "The week in the harbour"
    pages = [[title, *story(n)] for n in range(others + 1)]
    after = moved(pages[0], [0.95, 0.95, 0.95, 0.95], counted(pages))
    assert after[0] > 0.5


def test_twins_do_not_take_each_other_for_a_frame() -> None:
    """The same story twice, with another line above it, on a site of two pages."""
    pages = [["Printed from our archive", *story(1)], ["Story of the day", *story(1)]]
    after = moved(pages[0], [0.1, 0.9, 0.9, 0.9], counted(pages))
    assert all(p > 0.8 for p in after[1:])


def test_a_cleaner_without_counts_is_the_cleaner_it_was_and_with_them_drops_the_frame(small_model: Model) -> None:
    texts = ["\n".join(page(n)) for n in range(12)]
    pages = [Page(text, Kind.TEXT, url=f"https://www.example.org/{n}") for n, text in enumerate(texts)]
    counts = counted([page(n) for n in range(12)])
    plain, informed = Cleaner(small_model), Cleaner(small_model, sites=counts)
    for n, text in enumerate(texts):
        before = plain.clean(text, kind="text")
        assert np.array_equal(informed.clean(text, kind="text").probabilities, before.probabilities)  # no address
        after = informed.clean(text, url=f"https://www.example.org/{n}", kind="text")
        assert (after.probabilities[[0, 1, 5]] < before.probabilities[[0, 1, 5]]).all()
        assert np.array_equal(after.probabilities[2:5], before.probabilities[2:5])
    one_by_one = [informed.clean(page).text for page in pages]
    assert [page.text for page in informed.clean_many(pages, jobs=2)] == one_by_one


# The site of a page


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.Example.org/a", "example.org"),
        ("http://user@news.example.org:8080/", "news.example.org"),
        ("http://[::1", None),
        ("story.html", None),
        ("", None),
        (None, None),
    ],
)
def test_site_of_an_address(url: str | None, site: str | None) -> None:
    assert site_of(url) == site


# The file


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    counts = counted([page(n) for n in range(6)])
    counts.save(tmp_path / "sites.parquet")
    again = SiteCounts.load(tmp_path / "sites.parquet")
    assert np.array_equal(again.table, counts.table) and again.fingerprint == counts.fingerprint
    counted([]).save(tmp_path / "none.parquet")
    assert len(SiteCounts.load(tmp_path / "none.parquet")) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none.parquet", "sites.parquet"]


def _parquet(path: Path, columns: dict[str, list[object]], kind: str = "uint64", mark: str = "2") -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    schema = pa.schema([(name, getattr(pa, kind)()) for name in columns], metadata={"cleaner.sites": mark})
    pq.write_table(pa.table(columns, schema=schema), path)


@pytest.mark.parametrize(
    ("columns", "more"),
    [
        ({"key": [1, 2], "pages": [3, 4]}, {"mark": "1"}),
        ({"key": [1, 2], "count": [3, 4]}, {}),
        ({"key": [1, 2], "pages": [3, 4]}, {"kind": "int32"}),
        ({"key": [2, 1], "pages": [3, 4]}, {}),
        ({"key": [1, 1], "pages": [3, 4]}, {}),
        ({"key": [1, 2], "pages": [3, 0]}, {}),
        ({"key": [1, 2], "pages": [3, 1 << 63]}, {}),
        ({"key": [1, None], "pages": [3, 4]}, {}),
        ({"key": [1, 2], "pages": [3, 4], "more": [5, 6]}, {}),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, columns: dict, more: dict) -> None:  # type: ignore[type-arg]
    path = tmp_path / "sites.parquet"
    _parquet(path, {"key": [1, 2], "pages": [3, 4]})
    assert len(SiteCounts.load(path)) == 2
    _parquet(path, columns, **more)
    with pytest.raises(BadInput, match="not a file of `cleaner sites build`"):
        SiteCounts.load(path)


def test_a_damaged_file_is_refused_or_read_right(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "sites.parquet"
    counts = counted([page(n) for n in range(6)])
    counts.save(path)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[: len(whole) // 2], whole[:-9] + b"\xff" * 9, b"\x80\x04." * 50):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"sites\.parquet"):
            SiteCounts.load(path)
    with pytest.raises(BadInput, match="no such file"):
        SiteCounts.load(tmp_path / "gone.parquet")
    for at in range(4, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            found = SiteCounts.load(path)
        except BadInput:
            continue
        assert (np.diff(found.table[0]) > 0).all() and (found.table[1] > 0).all()


def test_a_stored_table_is_mapped_and_a_false_one_refused(tmp_path: Path) -> None:
    counts = counted([page(n) for n in range(6)])
    counts.store(tmp_path / "sites.npy")
    assert SiteCounts.attach(tmp_path / "sites.npy").fingerprint == counts.fingerprint
    for array in (np.zeros((2, 3)), np.zeros(4, dtype=np.uint64), np.array([{}], dtype=object)):
        np.save(tmp_path / "bad.npy", array, allow_pickle=True)
        with pytest.raises(BadInput, match="--overwrite"):
            SiteCounts.attach(tmp_path / "bad.npy")


# Batches


def crawl(path: Path, count: int = 40) -> list[str]:
    """Rows of a site of ``count`` pages and of one of a single page; their ids."""
    with path.open("w") as stream:
        for n in range(count):
            html = "".join(f"<p>{line}</p>" for line in page(n))
            stream.write(json.dumps({"id": f"p{n}", "url": f"https://www.example.org/{n}", "html": html}) + "\n")
        stream.write(json.dumps({"id": "alone", "url": "https://example.com/", "text": "\n".join(page(77))}) + "\n")
        stream.write(json.dumps({"id": "broken", "url": "https://example.org/x"}) + "\n")
    return [*(f"p{n}" for n in range(count)), "alone", "broken"]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "toy.model"
    toy_model(sure=1.5).save(path)
    return str(path)


def test_a_batch_counts_first_and_drops_what_recurs_the_same_for_any_number_of_jobs(tmp_path: Path, model: str) -> None:
    ids = crawl(tmp_path / "in.jsonl")
    outputs = {}
    for name, options in (("1", ["--jobs", "1"]), ("2", ["--jobs", "2"]), ("without", ["--no-sites"])):
        done = run("clean", tmp_path / "in.jsonl", "-o", tmp_path / f"{name}.jsonl", "--model", model, *options)
        assert done.returncode == 1, done.stderr  # a row is broken
        outputs[name] = rows(tmp_path / f"{name}.jsonl")
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert [row["id"] for row in outputs["1"]] == ids
    assert FRAME[1] in outputs["without"][3]["text"]
    assert outputs["1"][3]["text"].splitlines() == story(3)
    assert outputs["1"][40] == outputs["without"][40]  # the only page of its site
    assert all(path.name.endswith(".jsonl.journal.json") for path in tmp_path.glob(".*"))


def test_counts_are_saved_and_serve_a_single_page(tmp_path: Path, model: str) -> None:
    pytest.importorskip("pyarrow")
    crawl(tmp_path / "in.jsonl")
    for jobs in ("1", "2"):
        assert (
            run("sites", "build", tmp_path / "in.jsonl", "-o", tmp_path / f"{jobs}.parquet", "--jobs", jobs).returncode
            == 1  # a row is broken
        )
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    again = run("sites", "build", tmp_path / "in.jsonl", "-o", tmp_path / "1.parquet")
    assert again.returncode == 1 and b"--overwrite" in again.stderr
    html = "".join(f"<p>{line}</p>" for line in page(99)).encode()
    args = ["clean", "--model", model, "--url", "https://example.org/new"]
    assert run(*args, stdin=html).stdout.decode().splitlines()[0] == FRAME[1]
    done = run(*args, "--sites-from", tmp_path / "1.parquet", stdin=html)
    assert done.stdout.decode().splitlines() == story(99)
    shown = run("explain", *args[1:], "--sites-from", tmp_path / "1.parquet", stdin=html).stdout.decode()
    assert next(line for line in shown.splitlines() if FRAME[1] in line).split()[1] == "-"
    done = run(
        "clean",
        tmp_path / "in.jsonl",
        "-o",
        tmp_path / "o.jsonl",
        "--model",
        model,
        "--sites-from",
        tmp_path / "1.parquet",
    )
    assert rows(tmp_path / "o.jsonl")[3]["text"].splitlines() == story(3)


def test_counting_reports_what_fails(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    crawl(tmp_path / "in.jsonl", 3)
    done = run("sites", "build", tmp_path / "in.jsonl", tmp_path / "no.jsonl.gz", "-o", tmp_path / "s.parquet")
    said = done.stderr.decode()
    assert done.returncode == 1 and "broken: " in said and "no.jsonl.gz: " in said and "2 pages failed" in said
    assert (tmp_path / "s.parquet").exists()


def test_counts_that_cannot_be_written_are_refused_before_the_counting(tmp_path: Path) -> None:
    crawl(tmp_path / "in.jsonl", 3)
    done = run("sites", "build", tmp_path / "in.jsonl", "-o", tmp_path / "no" / "s.parquet")
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1 and b"create it first" in done.stderr


def test_folders_name_the_site_of_their_pages(tmp_path: Path) -> None:
    for name in ("www.Example.org/2024/a.html", "news/deep/b.html", "c.html"):
        (tmp_path / "crawl" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "crawl" / name).write_text("<p>x</p>")
    found = {Path(item.id).name: item.site for item in open_source(str(tmp_path / "crawl"), SourceOptions())}
    assert found == {"a.html": "example.org", "b.html": "news", "c.html": "crawl"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-", "--from", "jsonl", "-o", "o.jsonl", "--sites"], "twice"),
        (["in.jsonl", "--from", "urls", "-o", "o.jsonl", "--sites"], "twice"),
        (["page.html", "--sites"], "twice"),
        (["in.jsonl", "-o", "o.jsonl", "--no-sites", "--sites-from", "s.parquet"], "--sites-from"),
    ],
)
def test_what_cannot_be_read_twice(tmp_path: Path, args: list[str], message: str) -> None:
    done = run("clean", *args, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_resume_goes_on_with_the_counts_of_the_run(tmp_path: Path, model: str) -> None:
    ids = crawl(tmp_path / "in.jsonl", 200)
    settings = Settings(model)
    counted_times = []

    def items(stop: int | None = None) -> Iterator[Item]:
        for number, item in enumerate(open_source(str(tmp_path / "in.jsonl"), SourceOptions())):
            if number == stop:
                raise KeyboardInterrupt
            yield item

    def counts(pool: Pool, _: object) -> SiteCounts:
        counted_times.append(1)
        return count_sites(items(), settings, pool)

    whole, cut = RowsSink(tmp_path / "whole.jsonl"), RowsSink(tmp_path / "cut.jsonl")
    run_batch(items(), settings, whole, sites=counts)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("cleaner.batch.run.CHECKPOINT_SECONDS", 0.0)
        run_batch(items(150), settings, cut, sites=counts)
    kept = tmp_path / ".cut.jsonl.sites.npy"
    assert kept.exists() and len(counted_times) == 2
    other = SiteCounts(np.array([[1], [2]], dtype=np.uint64))
    good = kept.read_bytes()
    other.store(kept)
    with pytest.raises(BadInput, match="not the counts"):
        run_batch(items(), settings, RowsSink(tmp_path / "cut.jsonl"), sites=counts, resume=True)
    kept.unlink()
    with pytest.raises(BadOutput, match="input has changed"):
        run_batch(items(), settings, RowsSink(tmp_path / "cut.jsonl"), sites=lambda *_: other, resume=True)
    kept.write_bytes(good)
    summary = run_batch(items(), settings, RowsSink(tmp_path / "cut.jsonl"), sites=counts, resume=True)
    assert summary.resumed_at > 0 and summary.pages == len(ids) and len(counted_times) == 2
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert all(path.name.endswith(".jsonl.journal.json") for path in tmp_path.glob(".*"))
