"""Every kind of source gives its pages in order, streamed, and its faults as items."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys
import threading
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_support import story

from cleaner.errors import BadInput, FetchFailed, PageTooLarge
from cleaner.sites import site_of
from cleaner.sources import (
    Item,
    SourceOptions,
    count_others,
    count_pages,
    fetch,
    is_whole_source,
    open_source,
    open_sources,
)
from cleaner.sources.items import bounded_gunzip, name_from_url

OPTIONS = SourceOptions()


def items(target: Path | str, **options: object) -> list[Item]:
    return list(open_source(str(target), SourceOptions(**options)))  # type: ignore[arg-type]


def texts(found: list[Item]) -> list[str]:
    out = []
    for item in found:
        data = item.load()
        out.append(data if isinstance(data, str) else data.decode())
    return out


def faults(found: list[Item]) -> list[str]:
    return [item.error for item in found if item.error]


# Files and folders


@pytest.mark.parametrize("name", ["a.html", "a.htm", "a.xhtml", "a.txt", "a.md", "noname"])
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_a_file_packed_or_not(tmp_path: Path, name: str, packing: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[packing]
    path = tmp_path / (name + packing)
    path.write_bytes(pack(story().encode()))
    (item,) = items(path)
    assert texts([item]) == [story()]
    assert item.kind == {"a.html": "html", "a.htm": "html", "a.xhtml": "html", "a.md": "text"}.get(name, "auto")


def test_several_members_in_one_packed_file(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    (tmp_path / "a.txt.zst").write_bytes(b"".join(map(zstandard.ZstdCompressor().compress, [b"one ", b"two"])))
    assert texts(items(tmp_path)) == ["one two", "one two"]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_truncated_and_false_packing_is_refused(tmp_path: Path, ending: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    whole = os.urandom(5000).hex().encode()
    packed = gzip.compress(whole) if ending == ".gz" else zstandard.ZstdCompressor().compress(whole)
    for number, data in enumerate(
        [packed[:-10], packed[: len(packed) // 2], b"not packed at all", packed[:20] + b"\xff" * 50]
    ):
        path = tmp_path / f"{number}.html{ending}"
        path.write_bytes(data)
        with pytest.raises(BadInput, match=r"truncated|not valid|invalid"):
            items(path)[0].load()


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_bomb_is_refused_without_being_unpacked(tmp_path: Path, ending: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    pack = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor().compress
    path = tmp_path / f"bomb.html{ending}"
    path.write_bytes(pack(bytes(100_000_000)))
    assert path.stat().st_size < 200_000
    with pytest.raises(PageTooLarge):
        items(path)[0].load(1_000_000)


def test_a_folder_gives_pages_in_a_fixed_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ["b.html", "a/2.txt", "a/1.md", "a-b.htm", "a/deep/x.html.gz", "picture.png", "style.css", "B.HTML"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"x") if name.endswith("gz") else b"x")
    assert [item.name for item in items(tmp_path)] == [
        "B.HTML", "a/1.md", "a/2.txt", "a/deep/x.html.gz", "a-b.htm", "b.html",
    ]  # fmt: skip


def test_files_with_other_names_are_counted_and_can_be_asked_for(tmp_path: Path) -> None:
    for name in ("a.html", "b.php", "index.html?p=2", "12345", ".hidden", "c.jsonl"):
        (tmp_path / name).write_text('{"text": "x"}\n' if name == "c.jsonl" else story())
    assert len(items(tmp_path)) == 2
    assert (count_pages([str(tmp_path)], OPTIONS), count_others([str(tmp_path)], OPTIONS)) == (None, 3)
    pages = OPTIONS._replace(format="page")
    found = items(tmp_path, format="page")
    assert [item.name for item in found] == ["12345", "a.html", "b.php", "c.jsonl", "index.html?p=2"]
    assert (count_pages([str(tmp_path)], pages), count_others([str(tmp_path)], pages)) == (5, 0)
    assert not is_whole_source(str(tmp_path), pages)
    assert is_whole_source(str(tmp_path / "c.jsonl"), pages)


def test_gold_texts_beside_pages_and_the_output_are_not_pages(tmp_path: Path) -> None:
    for name in ["s/story.html", "s/story.gold.txt", "s/story.either.txt", "alone.gold.txt", "out/s/story.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [item.name for item in items(tmp_path, exclude=tmp_path / "out")] == ["alone.gold.txt", "s/story.html"]


@pytest.mark.parametrize("written", ["out.jsonl", ".out.jsonl.rows.part", ".out.jsonl.journal.jsonl"])
def test_an_output_file_in_the_input_folder_is_not_input(tmp_path: Path, written: str) -> None:
    for name in ["a.html", written, "sub/out.jsonl", "out-1.jsonl"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"text": "x"}\n')
    found = items(tmp_path, exclude=tmp_path / "out.jsonl")
    assert [item.name for item in found] == ["a.html", "./out-1/0000001", "sub/out/0000001"]


def test_links_are_followed_to_files_inside_only(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "real.html").write_text("real")
    (folder / "ok.html").symlink_to("real.html")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "gone.txt").symlink_to("nowhere")
    (folder / "sub" / "loop").symlink_to(folder)
    found = items(folder)
    assert [item.name for item in found] == ["gone.txt", "ok.html", "out.txt", "real.html"]
    assert [item.error is None for item in found] == [False, True, False, True]
    assert "leads out" in (found[2].error or "")


def test_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.html")
    (tmp_path / "a.html").write_text("a")
    assert [item.name for item in items(tmp_path)] == ["a.html"]


def test_two_folders_keep_their_names(tmp_path: Path) -> None:
    for name in ["one", "two"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.html").write_text(name)
    found = open_sources([str(tmp_path / "one"), str(tmp_path / "two")], OPTIONS)
    assert [item.name for item in found] == ["one/a.html", "two/a.html"]


def test_patterns(tmp_path: Path) -> None:
    for name in ["x/a.html", "x/b.txt", "x/y/c.html"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert texts(items(f"{tmp_path}/**/*.html")) == ["x/a.html", "x/y/c.html"]
    assert faults(items(f"{tmp_path}/x*")) == ["no file matches the pattern"]
    assert faults(items(f"{tmp_path}/*.pdf")) == ["no file matches the pattern"]
    (tmp_path / "[1].html").write_text("brackets")
    assert texts(items(tmp_path / "[1].html")) == ["brackets"]


def test_patterns_follow_no_links_and_pass_over_what_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["a.html", "below/b.html", ".hidden/c.html", "below/.d.html"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ["loop", "another", "below/up"]:  # with two of them there is no end of paths
        (tmp_path / name).symlink_to(tmp_path)
    assert texts(items(f"{tmp_path}/**/*.html")) == ["a.html", "below/b.html"]
    assert texts(items(f"{tmp_path}/.hidden/*.html")) == [".hidden/c.html"]
    assert texts(items(f"{tmp_path}/.h*/*.html")) == [".hidden/c.html"]
    assert texts(items(f"{tmp_path}/**/.*.html")) == ["below/.d.html"]
    assert texts(items(f"{tmp_path}/**")) == texts(items(f"{tmp_path}/**/**/*.html")) == ["a.html", "below/b.html"]
    assert texts(items(f"{tmp_path}/b*/**/b.html")) == ["below/b.html"]
    monkeypatch.chdir(tmp_path / "below")
    assert texts(items("**/*.html")) == ["below/b.html"]
    assert texts(items("../*.html")) == ["a.html"]
    monkeypatch.chdir(tmp_path)
    assert [item.name for item in items("**/*.html")] == ["a.html", "below/b.html"]
    assert [item.name for item in items("./**/*.html")] == ["./a.html", "./below/b.html"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "no pages in this folder"),
        (lambda p: (p.mkdir(), (p / "a.png").write_bytes(b"x")), "no pages in this folder"),
    ],
)
def test_nothing_to_read(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "it"
    make(path)  # type: ignore[operator]
    (item,) = items(path)
    with pytest.raises(BadInput, match=message):
        item.load()


def test_a_file_name_that_is_not_utf8_can_be_read_and_printed(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.html")).write_text("found")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    found = items(tmp_path)
    assert texts(found) == ["found"]
    assert found[0].id.encode() and "\n" not in found[0].id


def test_a_file_that_vanishes_between_listing_and_reading(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("x")
    (item,) = items(tmp_path)
    (tmp_path / "a.html").unlink()
    with pytest.raises(BadInput, match="no such file"):
        item.load()


def test_zip(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "pages.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/one.html", "one")
        archive.writestr("../../evil.txt", "two")
        archive.writestr("picture.png", "no")
        archive.writestr("three.html.gz", gzip.compress(b"three"))
        archive.writestr("bomb.html", bytes(3_000_000))
        archive.writestr("four.html.zst", zstandard.compress(b"four"))
        archive.writestr("bomb.html.zst", zstandard.compress(bytes(3_000_000)))
    found = items(path, max_bytes=1_000_000)
    assert texts([*found[:3], found[4]]) == ["one", "two", "three", "four"]
    assert [item.name for item in found][:2] == ["pages/b/one.html", "pages/../../evil.txt"]
    assert all("larger than" in (found[bomb].error or "") for bomb in (3, 5))


def test_broken_zips(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.html", story() * 20)
        archive.writestr("b.html", "fine")
    whole = bytearray(buffer.getvalue())
    (tmp_path / "cut.zip").write_bytes(whole[:-40])
    whole[60:70] = b"\xff" * 10
    (tmp_path / "damaged.zip").write_bytes(whole)
    assert "broken zip" in faults(items(tmp_path / "cut.zip"))[0]
    damaged = items(tmp_path / "damaged.zip")
    assert [bool(item.error) for item in damaged] == [True, False]


# Rows


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    rows = [
        {"html": "one", "url": "http://a/"},
        {"text": "two", "id": 7},
        {"raw": "x"},
        [1],
        {"html": None},
        {"html": 5},
    ]
    lines = [json.dumps(row).encode() for row in rows]
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + b"\n".join([*lines, b"{broken", b"", b'{"text": "last"}'])))
    found = items(path)
    assert texts([item for item in found if not item.error]) == ["one", "two", "", "last"]
    assert [(item.url, item.id) for item in found[:2]] == [("http://a/", f"{path}:1"), (None, "7")]
    assert [message.split(" (")[0] for message in faults(found)] == [
        "no field html or text or content or raw_content or body; name the field with --text-field",
        "line 4 is not a JSON object", "field html holds int, not text", "line 7 is not JSON",
    ]  # fmt: skip
    assert texts(items(path, text_field="raw")[2:3]) == ["x"]
    assert items(path, url_field="text")[1].url == "two"


@pytest.mark.parametrize("host", ["example.org", "www.Example.org", "WWW.example.org.", "example.org:8080"])
def test_the_host_of_a_row_is_the_site_of_its_address(tmp_path: Path, host: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "x", "host": host}) + '\n{"text": "x", "host": "[none"}\n{"text": "x"}\n')
    assert [item.site for item in items(path)] == [site_of("http://www.example.org/"), "[none", None]


def test_a_jsonl_line_beyond_the_limit_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "x" * 3_000_000}) + '\n{"text": "after"}\n')
    found = items(path, max_bytes=1000)
    assert "longer than" in (found[0].error or "")
    assert found[1].data == "after"


def test_a_truncated_jsonl_gz_gives_what_is_whole_and_says_the_rest_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    lines = b"".join(json.dumps({"text": os.urandom(500).hex()}).encode() + b"\n" for _ in range(200))
    path.write_bytes(gzip.compress(lines)[:-500])
    found = items(path)
    assert len(found) > 100
    assert [bool(item.error) for item in found] == [False] * (len(found) - 1) + [True]
    assert "truncated" in faults(found)[0]


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    count = 200
    rows = {
        "html": [story(i) for i in range(count)],
        "url": [f"http://h/{i}" for i in range(count)],
        "other": [0] * count,
    }
    pq.write_table(pa.table(rows), path, row_group_size=50)
    found = items(path)
    assert texts(found) == rows["html"]
    assert [item.url for item in found] == rows["url"]
    assert "no column page; it has html, url, other" in faults(items(path, text_field="page"))[0]
    assert "holds int" in faults(items(path, text_field="other"))[0]
    path.write_bytes(path.read_bytes()[:-20])
    assert "not a readable Parquet file" in faults(items(path))[0]


@pytest.mark.parametrize("form", ["string", "large_string", "dictionary"])
def test_a_bad_byte_in_a_parquet_file_costs_no_other_row(tmp_path: Path, form: str) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pages = ["naïve".encode(), b"caf\xe9", None, *[b"page %d" % i for i in range(3, 200)]]
    raw = pa.array(pages, pa.large_binary() if form == "large_string" else pa.binary())
    column = raw.view(pa.large_string() if form == "large_string" else pa.string())  # as careless writers do
    path = tmp_path / "rows.parquet"
    url = pa.array([b"http://h/\xe9", *[b"http://h/%d" % i for i in range(1, 200)]]).view(pa.string())
    table = pa.table({"html": column.dictionary_encode() if form == "dictionary" else column, "url": url})
    pq.write_table(table, path)
    found = items(path)
    assert faults(found) == []
    assert [item.data for item in found] == ["naïve", b"caf\xe9", "", *[f"page {i}" for i in range(3, 200)]]
    assert [item.url for item in found] == [None, *[f"http://h/{i}" for i in range(1, 200)]]


# Crawls


def record(number: int, body: bytes, *, kind: bytes = b"response", head: bytes = b"", status: bytes = b"200 OK",
           content_type: bytes = b"text/html") -> bytes:  # fmt: skip
    if kind == b"response":
        body = b"HTTP/1.1 " + status + b"\r\nContent-Type: " + content_type + b"\r\n" + head + b"\r\n" + body
    return (
        b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:%d>\r\nWARC-Target-URI: http://h.example/%d?q=1\r\n"
        b"Content-Length: %d\r\n\r\n" % (kind, number, number, len(body))
    ) + body + b"\r\n\r\n"  # fmt: skip


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_warc(tmp_path: Path, packing: str) -> None:
    pytest.importorskip("fastwarc")
    zstandard = pytest.importorskip("zstandard")
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[packing]
    chunked = b"4\r\nchun\r\n3\r\nked\r\n0\r\n\r\n"
    records = [
        record(0, b"software: x", kind=b"warcinfo"),
        record(1, "façade".encode("cp1252"), content_type=b"text/html; charset=iso-8859-1"),
        record(2, gzip.compress(b"unpacked"), head=b"Content-Encoding: gzip\r\n"),
        record(3, chunked, head=b"Transfer-Encoding: chunked\r\n"),
        record(4, b"header stands, body is plain", head=b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        record(5, zlib.compress(b"deflated"), head=b"Content-Encoding: deflate\r\n"),
        record(6, b"not found", status=b"404 Not Found"),
        record(7, b"\x89PNG", content_type=b"image/png"),
        record(8, gzip.compress(bytes(2_000_000)), head=b"Content-Encoding: gzip\r\n"),
        record(9, b"last"),
    ]
    path = tmp_path / f"crawl.warc{packing}"
    path.write_bytes(b"".join(map(pack, records)))
    found = items(path, max_bytes=1_000_000)
    good = [item for item in found if not item.error]
    assert [item.data for item in good] == [
        "façade".encode("cp1252"), b"unpacked", b"chunked", b"header stands, body is plain", b"deflated", b"last",
    ]  # fmt: skip
    assert (good[0].charset, good[0].url, good[0].id) == ("iso-8859-1", "http://h.example/1?q=1", "urn:uuid:1")
    assert [item.id for item in found if item.error] == ["urn:uuid:8"]


@pytest.mark.parametrize(
    ("body", "page"),
    [
        (b"4;name=value\r\nchun\r\n3  \r\nked\r\n0\r\n\r\n", b"chunked"),
        (b"4\r\nchun\r\n3\r\nked", b"chunked"),
        (b"0\r\n\r\n", b""),
        (b"Dear reader,\r\nthe ferry left late.", b"Dear reader,\r\nthe ferry left late."),
        (b"0 results\r\nfound", b"0 results\r\nfound"),
        (b"0\r\nresults", b"0\r\nresults"),
        (b"Add\r\nsalt and wait.", b"Add\r\nsalt and wait."),
    ],
)
def test_chunks_are_undone_where_there_are_some(tmp_path: Path, body: bytes, page: bytes) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "a.warc"
    path.write_bytes(record(1, body, head=b"Transfer-Encoding: chunked\r\n"))
    assert [item.data for item in items(path)] == [page]


def test_bodies_in_brotli_are_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    brotli = pytest.importorskip("brotli")
    packer = brotli.Compressor(quality=1)
    bomb = b"".join([packer.process(bytes(1 << 20)) for _ in range(300)]) + packer.finish()
    whole = os.urandom(50_000).hex().encode()
    bodies = [brotli.compress(whole), b"<p>undone already", bomb]
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(record(i, body, head=b"Content-Encoding: br\r\n") for i, body in enumerate(bodies)))
    tracemalloc.start()
    try:
        found = items(path, max_bytes=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [item.data for item in found] == [whole, b"<p>undone already", None]
    assert "larger than" in (found[2].error or "")
    assert peak < 150_000_000


def test_wet(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "crawl.warc.wet.gz"
    language = b"Content-Length"
    wet = record(1, "Ünïcode text".encode(), kind=b"conversion").replace(
        language, b"WARC-Identified-Content-Language: deu,eng\r\nContent-Type: text/plain\r\nContent-Length", 1
    )
    path.write_bytes(gzip.compress(record(0, b"x", kind=b"warcinfo")) + gzip.compress(wet))
    (item,) = items(path)
    assert (texts([item]), item.language, item.charset) == (["Ünïcode text"], "deu", "utf-8")


@pytest.mark.parametrize("packed", [True, False])
def test_a_broken_warc_record_is_reported_and_the_rest_is_read(tmp_path: Path, packed: bool) -> None:
    pytest.importorskip("fastwarc")
    pack = gzip.compress if packed else bytes
    parts = [pack(record(i, f"page {i} {os.urandom(50).hex()}".encode())) for i in range(6)]
    if packed:
        parts[2] = parts[2][:10] + b"\xff" * 30 + parts[2][40:]  # a type of block that there is not
    else:
        parts[2] = parts[2].replace(b"WARC/1.0", b"WARX/1.0")
    path = tmp_path / ("a.warc.gz" if packed else "a.warc")
    path.write_bytes(b"".join(parts))
    found = items(path)
    assert [item.id for item in found if not item.error] == [f"urn:uuid:{i}" for i in (0, 1, 3, 4, 5)]
    assert len(faults(found)) == 1


def test_a_warc_record_that_breaks_halfway_gives_no_page_and_the_rest_is_read(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    whole = [record(i, f"page {i} {os.urandom(50).hex()}".encode()) for i in range(6)]
    parts = [gzip.compress(part) for part in whole]
    zipped = zlib.compressobj(wbits=31)
    parts[2] = zipped.compress(whole[2][:200]) + zipped.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 30
    (tmp_path / "a.warc.gz").write_bytes(b"".join(parts))
    found = items(tmp_path / "a.warc.gz")
    assert [item.id for item in found if not item.error] == [f"urn:uuid:{i}" for i in (0, 1, 3, 4, 5)]
    assert len(faults(found)) == 1 and re.search("broken|truncated", faults(found)[0])


def test_a_damaged_warc_gz_reports_each_record_once(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    parts = [gzip.compress(record(i, os.urandom(3000).hex().encode())) for i in range(5)]
    parts[1] = parts[1][:1500] + b"\xff" * 40 + parts[1][1540:]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(parts))
    found = items(tmp_path / "a.warc.gz")
    assert [item.id for item in found if not item.error] == [f"urn:uuid:{i}" for i in (0, 2, 3, 4)]
    assert len(faults(found)) == 1


def test_a_truncated_warc_does_not_give_half_a_page(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    for name, pack in [("a.warc.gz", gzip.compress), ("b.warc", bytes)]:
        path = tmp_path / name
        path.write_bytes(b"".join(pack(record(i, os.urandom(3000).hex().encode())) for i in range(3))[:-2000])
        found = items(path)
        assert [bool(item.error) for item in found] == [False, False, True], found


@pytest.mark.parametrize("packed", [True, False])
def test_of_several_broken_warc_records_each_is_a_row_and_no_other_is_lost(tmp_path: Path, packed: bool) -> None:
    pytest.importorskip("fastwarc")
    parts = [record(i, f"page {i} {os.urandom(50).hex()}".encode()) for i in range(40)]
    broken = {3, 10, 15, 16, 30}
    for i in broken:
        parts[i] = parts[i] if packed else parts[i].replace(b"WARC/1.0", b"WARX/1.0")
    if packed:
        parts = [gzip.compress(part) for part in parts]
        for i in broken:
            parts[i] = parts[i][:20] + b"\xff" * 30 + parts[i][50:]
    path = tmp_path / ("a.warc.gz" if packed else "a.warc")
    path.write_bytes(b"".join(parts))
    found = items(path)
    assert [item.id for item in found if not item.error] == [f"urn:uuid:{i}" for i in range(40) if i not in broken]
    assert len(broken) - 1 <= len(faults(found)) <= len(broken), "two side by side may be one"


@pytest.mark.parametrize("packed", [True, False])
def test_a_warc_that_was_cut_in_a_header_is_said(tmp_path: Path, packed: bool) -> None:
    pytest.importorskip("fastwarc")
    pack = gzip.compress if packed else bytes
    parts = [pack(record(i, os.urandom(300).hex().encode())) for i in range(3)]
    path = tmp_path / ("a.warc.gz" if packed else "a.warc")
    for cut in (5, 12, 20, 60):
        path.write_bytes(b"".join(parts[:2]) + parts[2][:cut])
        found = items(path)
        assert [bool(item.error) for item in found] == [False, False, True], cut
    path.write_bytes(b"".join(parts) + b"\r\n\r\n" * (not packed))
    assert not faults(items(path))


@pytest.mark.parametrize("content", [b"", b"WARC/1.0\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n"])
def test_a_warc_without_a_record_is_said(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("fastwarc")
    (tmp_path / "c.warc").write_bytes(content)
    (item,) = open_source(str(tmp_path / "c.warc"), SourceOptions())
    assert item.error == "no WARC record in this file"


def test_a_file_that_is_no_warc(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "a.warc"
    path.write_text(story())
    assert faults(items(path)) == ["not a WARC file"]


# The web, against a server in this process


class _Handler(BaseHTTPRequestHandler):
    visits: list[tuple[str, float]] = []  # noqa: RUF012 - shared on purpose

    def do_GET(self) -> None:
        self.visits.append((self.path, time.monotonic()))
        if self.path == "/moved":
            return self._answer(302, b"", {"Location": "/story"})
        if self.path == "/loop":
            return self._answer(302, b"", {"Location": "/loop"})
        if self.path == "/missing":
            return self._answer(404, b"<p>not here</p>")
        if self.path == "/slow":
            time.sleep(4)
        if self.path == "/liar":
            body = "<p>Паром на северные острова вышел из гавани на час позже, потому что туман накрыл бухту</p>"
            return self._answer(200, body.encode("cp1251"), {"Content-Type": "text/html; charset=utf-8"})
        if self.path == "/large":
            return self._answer(200, b"x" * 300_000)
        return self._answer(200, story().encode(), {"Content-Type": "text/html; charset=ISO-8859-15"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the client has gone
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.visits.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_a_url_is_fetched_through_redirects(server: str) -> None:
    (item,) = items(f"{server}/moved")
    assert texts([item]) == [story()]
    assert (item.url, item.charset, item.kind) == (f"{server}/story", "ISO-8859-15", "html")


def test_a_wrong_charset_from_the_server_does_not_cost_the_text(server: str) -> None:
    from cleaner.decoding import decode

    item = fetch(f"{server}/liar")
    assert isinstance(item.data, bytes)
    assert "Паром на северные острова" in decode(item.data, charset=item.charset).text


@pytest.mark.parametrize(
    ("path", "message"),
    [("/missing", "answered 404"), ("/loop", "too many redirects"), ("/slow", "timed out"), ("/large", "larger than")],
)
def test_failed_downloads_say_why(server: str, path: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    (item,) = items(server + path, timeout=1.0, max_bytes=100_000)
    assert message in (item.error or "")
    assert capfd.readouterr().err == ""


def test_nobody_listens() -> None:
    with pytest.raises(FetchFailed, match="refused"):
        fetch("http://127.0.0.1:9/", SourceOptions(timeout=2))


def test_a_list_of_urls_is_polite_and_keeps_its_order(server: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"# pages\n{server}/a\n\nnot a url\n{server}/missing\n{server}/b\n")
    begun = time.monotonic()
    found = items(path, format="urls", delay=0.3, private_hosts=True)
    assert [item.id for item in found] == [f"{server}/a", f"{path}:4", f"{server}/missing", f"{server}/b"]
    assert [bool(item.error) for item in found] == [False, True, True, False]
    # Each may come later than its turn, on a busy machine, and never sooner.
    times = sorted(at - begun for _, at in _Handler.visits)
    assert len(times) == 3
    assert all(at > 0.299 * turn for turn, at in enumerate(times))


def test_downloads_from_one_host_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    from cleaner.sources import web

    slept: list[float] = []
    now = 100.0
    monkeypatch.setattr(web, "time", SimpleNamespace(monotonic=lambda: now))
    visits = web._Visits(5.0)
    monkeypatch.setattr(visits._ended, "wait", slept.append)
    for url in ("http://a.example/1", "http://A.example/2", "http://b.example/1", "http://a.example/3"):
        visits.wait(url)
    now = 112.0
    visits.wait("http://a.example/4")
    now = 200.0
    visits.wait("http://a.example/5")
    assert slept == [0, 5, 0, 10, 3, 0]


def test_urls_that_an_earlier_run_has_written_are_named_only(server: str, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.txt").write_text("".join(f"{server}/{number}{page}\n" for page in "ab"))
    options = SourceOptions(format="urls", delay=0, private_hosts=True, done=3)
    found = list(open_sources([str(tmp_path / "1.txt"), str(tmp_path / "2.txt")], options))
    assert [item.id for item in found] == [f"{server}/{page}" for page in ("1a", "1b", "2a", "2b")]
    assert [item.name for item in found] == [name_from_url(item.id) for item in found]
    assert [path for path, _ in _Handler.visits] == ["/2b"]
    for place in (tmp_path, tmp_path / "*.txt"):  # a folder and a pattern are one target of several lists
        _Handler.visits.clear()
        again = list(open_sources([str(place)], options))
        assert [item.id for item in again] == [item.id for item in found]
        assert [path for path, _ in _Handler.visits] == ["/2b"]
    _Handler.visits.clear()
    found = list(open_sources([f"{server}/a", f"{server}/b"], SourceOptions(done=1)))
    assert [item.id for item in found] == [f"{server}/a", f"{server}/b"]
    assert [path for path, _ in _Handler.visits] == ["/b"]


def test_an_address_that_is_none_costs_its_own_line_only(server: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"http://[2001:db8::1/x\n{server}/story\n")
    bad, good = items(path, format="urls", delay=0, private_hosts=True)
    assert bad.error
    assert good.error is None
    assert (bad.source, good.source) == (str(path), str(path))


def test_a_list_that_is_left_downloads_no_more(server: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{server}/{page}\n" for page in range(5)))
    found = open_source(str(path), SourceOptions(format="urls", private_hosts=True, delay=60))
    next(found)
    found.close()
    assert len(_Handler.visits) == 1


def test_a_list_of_urls_does_not_reach_into_the_local_network(server: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{server}/a\n")
    (item,) = items(path, format="urls")
    assert "not on the public internet" in (item.error or "")
    assert _Handler.visits == []


# Data that is packed


def test_gzip_members_without_content_cost_no_more_than_their_bytes() -> None:
    empty = gzip.compress(b"", mtime=0)
    begun = time.process_time()
    assert bounded_gunzip(empty * 300_000 + gzip.compress(b"end") + bytes(500), 1000) == b"end"
    assert time.process_time() - begun < 5
    assert bounded_gunzip(gzip.compress(b"a") + bytes(9) + gzip.compress(b"b"), 2) == b"ab"
    with pytest.raises(BadInput, match="not valid gzip"):
        bounded_gunzip(gzip.compress(b"a") + b"rest", 1000)
    with pytest.raises(PageTooLarge):
        bounded_gunzip(gzip.compress(b"aa") * 2, 3)


# Names and dispatch


def test_names_after_urls() -> None:
    assert name_from_url("https://h.example/news/story.html") == "h.example/news/story.html"
    assert name_from_url("https://h.example/") == "h.example/index"
    assert name_from_url("https://h.example/p?id=1") != name_from_url("https://h.example/p?id=2")
    assert name_from_url("http://[bad").startswith("page-")


def test_what_is_one_page_and_what_is_many(tmp_path: Path) -> None:
    one, many = (
        ["-", "http://h/a.jsonl", "a.html", "x", "a.txt.gz"],
        ["a.jsonl", "a.zip", "a.warc.gz", str(tmp_path), "*.html"],
    )
    assert [is_whole_source(target, OPTIONS) for target in one + many] == [True] * 5 + [False] * 5
    assert not is_whole_source("-", SourceOptions(format="jsonl"))


def test_standard_input_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b'{"text": "one"}\n{"text": "two"}\n')

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert texts(items("-", format="jsonl")) == ["one", "two"]
    assert "give the file's path" in faults(items("-", format="zip"))[0]


def test_counting_pages_for_progress(tmp_path: Path) -> None:
    for name in ["a.html", "b/c.txt.gz", "b/c.gold.txt", "b/x.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert count_pages([str(tmp_path), "other.html"], OPTIONS) == 3
    (tmp_path / "rows.jsonl").write_text("{}")
    assert count_pages([str(tmp_path)], OPTIONS) is None


def test_a_row_that_is_not_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    text = "Der Bürgermeister eröffnete gestern die Brücke über den Fluß."
    rows = (json.dumps({"text": text, "id": name}, ensure_ascii=False) for name in ("one", "two"))
    path.write_bytes("\n".join(rows).encode("latin-1") + b'\n{"text": "Fine.", "url": "https://x.example/\xff"}\n')
    one, two, fine = items(path)
    assert (one.data, two.data) == (text.encode("latin-1"),) * 2
    assert (one.id, two.id) == ("one", "two")
    assert (fine.data, fine.url) == ("Fine.", None)


def test_of_several_fields_the_first_that_is_filled_is_the_page(tmp_path: Path) -> None:
    rows = [{"html": None, "text": "one"}, {"html": "", "text": "two"}, {"html": "<p>three", "text": "3"}, {"html": ""}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert texts(items(path)) == ["one", "two", "<p>three", ""]
    assert texts(items(path, text_field="html")) == ["", "", "<p>three", ""]
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"html": [None, "", "<p>three"], "text": ["one", "two", "3"]}), table)
    assert texts(items(table)) == ["one", "two", "<p>three"]


def test_columns_that_are_no_text_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "", "content": {"a": 1}}\n{"html": null, "text": "", "body": [1]}\n')
    assert [(item.error, item.data) for item in items(path)] == [(None, ""), (None, "")]
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = tmp_path / "rows.parquet"
    far = pa.array([2**62], pa.timestamp("us"))  # no date of Python's
    pq.write_table(pa.table({"text": ["hello"], "content": [{"a": "b"}], "body": far}), table)
    assert texts(items(table)) == ["hello"]
