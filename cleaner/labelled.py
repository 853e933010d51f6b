"""Labelled pages: a page and its gold text side by side.

A gold text says what the main content of its page is; it says nothing of lines. Lines get their labels by in-order
alignment of words, so labels survive any change of segmentation.

Three layouts are read. A folder of pages with their golds: ``site/story.html`` or ``site/story.txt`` with
``site/story.gold.txt``; beside them, where wanted, ``site/story.either.txt`` with lines that may stay or go (headline,
byline), and a ``site.toml`` with ``host``, ``language``, ``page_type``, ``weight`` and ``[pages.story]`` overrides. A
folder of marked pages of text: ``story.marked.txt``, each line of which begins with ``+`` (main content), ``-`` (junk)
or ``?`` (either) and a blank. And JSON lines, plain or gzipped, with the fields ``html`` or ``text``, ``gold``, and
where known ``id``, ``url``, ``host``, ``lang``, ``page_type``, ``dataset``, ``gold_by``, ``weight``.
"""

from __future__ import annotations

import gzip
import json
import re
import tomllib
import zlib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import LCSseq

from cleaner.decoding import decode
from cleaner.errors import BadInput, BadLabels
from cleaner.page import Kind, Lines, Page
from cleaner.segmentation import detect_kind, segment
from cleaner.sites import site_of
from cleaner.tokens import Tokens, tokenize

__all__ = [
    "Finding", "LabelledPage", "MarkedLine", "align", "as_text", "check_labelled", "read_labelled", "read_marks",
]  # fmt: skip

GOLD = ".gold.txt"
EITHER = ".either.txt"
MARKED = ".marked.txt"
_SUFFIXES = {".html": Kind.HTML, ".htm": Kind.HTML, ".xhtml": Kind.HTML, ".txt": Kind.TEXT, ".md": Kind.TEXT}
SILVER_WEIGHT = 0.5  # golds that another tool drafted
MOST_WEIGHT = 100.0
_NO_MARK = "a line begins with '+ ', '- ' or '? '"
# A gold line counts as being on its page when this share of its words aligns; less is reported by `check_labelled`.
_FOUND = 0.8
# Beyond this many cells the alignment's table (1 bit a cell) would pass 1 GB.
_MAX_CELLS = 8_000_000_000


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A page with its gold text; ``host`` is what folds are grouped by (never empty).

    ``optional`` is text that an answer may have or leave out: nothing is learnt from it, and no score counts it.
    ``marked`` tells that somebody looked at every line; ``weight`` is what the page counts in training, beside others.
    """

    page: Page
    gold: str
    host: str
    language: str | None = None
    page_type: str | None = None
    dataset: str = ""
    optional: str = ""
    marked: bool = False
    weight: float = 1.0


class MarkedLine(NamedTuple):
    """A line of a marked page that is not empty: its mark (``+``, ``-`` or ``?``) and its text."""

    mark: str
    text: str


def _has_mark(line: str) -> bool:
    return not line.strip() or line[:2] in ("+ ", "- ", "? ")


def read_marks(content: str, where: str) -> tuple[str, list[MarkedLine]]:
    """The text of a marked page without its marks, and its lines that are not empty.

    Raises `BadLabels`, with the number of the line, for a line without a mark.
    """
    lines = content.splitlines()
    for number, line in enumerate(lines, 1):
        if not _has_mark(line):
            raise BadLabels(f"{where}:{number}: {_NO_MARK}, not {line[:12]!r}")
    marked = [MarkedLine(line[0], line[2:].strip()) for line in lines if line.strip()]
    return "\n".join(line[2:] for line in lines), marked


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with labelled data: where, what, and whether it must be mended (``error``) or may stay."""

    path: str
    line: int | None
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.severity}: {self.message}"


def _from_row(row: dict[str, Any], where: str) -> LabelledPage:
    html, text, gold = row.get("html"), row.get("text"), row.get("gold")
    content = html if isinstance(html, str) else text
    if not isinstance(content, str) or not isinstance(gold, str):
        raise BadLabels(f"{where}: a row needs 'html' or 'text', and 'gold', as strings")
    for name in ("url", "lang", "page_type"):
        if not isinstance(row.get(name), (str, type(None))):
            raise BadLabels(f"{where}: {name!r} must be a string")
    silver = "tool output" in str(row.get("gold_by") or "")
    kind = Kind.HTML if isinstance(html, str) else Kind.TEXT
    markdown = kind is Kind.TEXT and detect_kind(content)[1]
    page = Page(content, kind, url=row.get("url"), id=str(row.get("id") or where), markdown=markdown)
    return LabelledPage(
        page=page,
        gold=gold,
        host=_host(row.get("host") or site_of(row.get("url")) or f"{row.get('dataset')}/{row.get('id') or where}"),
        language=row.get("lang"),
        page_type=row.get("page_type"),
        dataset=str(row.get("dataset") or ""),
        weight=_weight(row.get("weight"), where, SILVER_WEIGHT if silver else 1.0),
    )


def _host(name: object) -> str:
    """A host as folds know it: the same with and without ``www.``, in any case of letters."""
    known = str(name).lower()
    return re.sub(r"^www\.|\.?(:\d+)?$", "", known) or known


def _weight(value: object, where: str, default: float = 1.0) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MOST_WEIGHT:
        raise BadLabels(f"{where}: 'weight' must be a number above 0, at most {MOST_WEIGHT:g}")
    return float(value)


def _read_rows(path: Path) -> Iterator[LabelledPage]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig") as rows
        ):
            for number, row in enumerate(rows, 1):
                if row.strip():
                    try:
                        parsed = json.loads(row)
                    except (ValueError, RecursionError) as error:
                        raise BadLabels(f"{path}:{number}: not a line of JSON ({error})") from None
                    if not isinstance(parsed, dict):
                        raise BadLabels(f"{path}:{number}: a row must be a JSON object")
                    yield _from_row(parsed, f"{path}:{number}")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BadLabels(f"{path}: cannot be read ({error})") from None


def _site(folder: Path) -> dict[str, Any]:
    path = folder / "site.toml"
    if not path.is_file():
        return {}
    try:
        site = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadLabels(f"{path}: not TOML ({error})") from None
    pages = site.get("pages", {})
    if not isinstance(pages, dict) or not all(isinstance(page, dict) for page in pages.values()):
        raise BadLabels(f"{path}: 'pages' must be tables, one a page: [pages.story]")
    return site


def _facts(folder: Path, stem: str, host: str) -> dict[str, Any]:
    """What ``site.toml`` says of a page of its folder; ``host`` is that of a page of which it names none."""
    site = _site(folder)
    own = site.get("pages", {}).get(stem, {})
    found = {name: own.get(name) or site.get(name) for name in ("host", "language", "page_type")}
    for name, value in found.items():
        if not isinstance(value, (str, type(None))):
            raise BadLabels(f"{folder / 'site.toml'}: '{name}' must be a string")
    weight = _weight(own.get("weight", site.get("weight")), f"{folder / 'site.toml'}")
    return {**found, "host": _host(found["host"] or host), "weight": weight}


def _read_marked(path: Path, dataset: str) -> LabelledPage:
    stem = path.name.removesuffix(MARKED)
    decoded = decode(path.read_bytes())
    text, lines = read_marks(decoded.text, str(path))
    by_mark = {mark: "\n".join(line.text for line in lines if line.mark == mark) for mark in "+?"}
    return LabelledPage(
        page=Page(text, Kind.TEXT, id=str(path), encoding=decoded.encoding, markdown=detect_kind(text)[1]),
        gold=by_mark["+"],
        dataset=dataset,
        optional=by_mark["?"],
        marked=True,
        **_facts(path.parent, stem, f"{path.parent.name}/{stem}"),
    )


def _read_folder(folder: Path, without: Container[Path] = ()) -> Iterator[LabelledPage]:
    for gold_path in sorted(folder.rglob(f"*{GOLD}")):
        if gold_path in without:
            continue
        stem = gold_path.name.removesuffix(GOLD)
        facts = _facts(gold_path.parent, stem, gold_path.parent.name)
        gold = decode(gold_path.read_bytes()).text
        either = gold_path.with_name(stem + EITHER)
        optional = decode(either.read_bytes()).text if either.is_file() else ""
        for suffix, kind in _SUFFIXES.items():
            path = gold_path.with_name(stem + suffix)
            if not path.is_file():
                continue
            decoded = decode(path.read_bytes())
            markdown = kind is Kind.TEXT and detect_kind(decoded.text)[1]
            yield LabelledPage(
                page=Page(decoded.text, kind, id=str(path), encoding=decoded.encoding, markdown=markdown),
                gold=gold,
                dataset=folder.name,
                optional=optional,
                **facts,
            )


def read_labelled(paths: Iterable[Path | str] | Path | str, *, kind: Kind | None = None) -> list[LabelledPage]:
    """Read labelled pages from folders, marked pages and ``.jsonl``/``.jsonl.gz`` files, in the order of their names.

    A folder may itself hold such files. With ``kind`` only pages of that kind are given. Raises `BadInput` for a
    missing path and `BadLabels` for unreadable or missing labels.
    """
    if isinstance(paths, (str, Path)):
        paths = [paths]
    found: list[LabelledPage] = []
    for path in map(Path, paths):
        before = len(found)
        found.extend(_read(path))
        if len(found) == before and path.is_dir():
            raise BadLabels(
                f"{path}: no labelled pages; expected story.html or story.txt with story{GOLD}, or story{MARKED}"
            )
    return [item for item in found if kind is None or item.page.kind is kind]


def _read(path: Path, without: Container[Path] = ()) -> Iterator[LabelledPage]:
    """The labelled pages of a folder or file, ``without`` some of the marked pages and golds in it."""
    if path.is_dir():
        for file in sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]):
            yield from _read_rows(file)
        yield from _read_folder(path, without)
        yield from (_read_marked(file, path.name) for file in _marked_files(path) if file not in without)
    elif path in without:
        return
    elif path.name.endswith(MARKED) and path.is_file():
        yield _read_marked(path, path.parent.name)
    elif path.is_file():
        yield from _read_rows(path)
    else:
        raise BadInput(f"{path}: no such file or folder")


def as_text(item: LabelledPage, lines: Lines | None = None) -> LabelledPage:
    """The page with its HTML thrown away: its visible lines as text. A text page is given back as it is."""
    if item.page.kind is Kind.TEXT:
        return item
    lines = segment(item.page) if lines is None else lines
    page = Page("\n".join(lines.texts), Kind.TEXT, url=item.page.url, id=item.page.id)
    return replace(item, page=page)


def align(tokens: Tokens, gold: str) -> npt.NDArray[np.float64]:
    """The share of each line's words that the gold text has, in order: shape (lines,), 0..1.

    The longest common subsequence of the words of both, taken over the lines that share a run of three words with
    the gold (a shorter line: all its words), so that common words in junk do not match by chance. A line without
    words gets 0.
    """
    n = len(tokens.chars)
    words = tokens.words
    matched = np.zeros(n)
    wanted = tokenize(gold.splitlines())
    if not len(wanted.hashes) or not len(tokens.hashes):
        return matched
    candidate = np.zeros(n, dtype=bool)
    for k in (1, 2, 3):
        hashes, first = tokens.ngrams(k)
        hit = first[np.isin(hashes, wanted.ngrams(k)[0])]
        line = np.searchsorted(tokens.first, hit, side="right") - 1
        inside = hit + k <= tokens.first[line + 1]
        line = line[inside]
        candidate[line[(words[line] == k) | (words[line] >= k if k == 3 else False)]] = True
    of_line = np.repeat(np.arange(n), words)
    chosen = np.flatnonzero(candidate[of_line])
    if not len(chosen):
        return matched
    if len(chosen) * len(wanted.hashes) > _MAX_CELLS:
        chosen = chosen[: _MAX_CELLS // len(wanted.hashes)]
    ours, theirs = tokens.hashes[chosen].tolist(), wanted.hashes.tolist()
    kept = np.ones(len(chosen), dtype=bool)
    kept[[op.src_pos for op in LCSseq.editops(ours, theirs) if op.tag == "delete"]] = False
    np.add.at(matched, of_line[chosen[kept]], 1)
    matched[(words < 3) & (matched < words)] = 0  # one word of two is a word that the alignment found elsewhere
    return matched / np.maximum(words, 1)


def check_labelled(path: Path | str) -> list[Finding]:
    """What is wrong with a folder (or file) of labelled pages; an empty list when nothing is.

    Finds a page without gold and a gold without page, an empty page or gold, a gold that cannot be read, a gold line
    that is not on its page and a line without its mark (with their numbers), the same page twice, and a ``site.toml``
    that cannot be read.
    """
    root = Path(path)
    if not root.exists():
        raise BadInput(f"{root}: no such file or folder")
    findings: list[Finding] = []
    if root.is_dir():
        findings += _partners(root)
    faulty = {file: faults for file in _marked_files(root) if (faults := list(_without_mark(file)))}
    faulty.update({gold: faults for gold in sorted(root.rglob(f"*{GOLD}")) if (faults := list(_unreadable(gold)))})
    findings += [finding for faults in faulty.values() for finding in faults]
    try:
        items = list(_read(root, faulty)) if faulty else read_labelled(root)
    except BadLabels as error:
        return [*findings, Finding(str(root), None, str(error))]
    seen: dict[tuple[Kind, str], str] = {}
    for item in items:
        where = item.page.id or str(root)
        findings.extend(_check_page(item, where))
        key = (item.page.kind, " ".join(item.page.content.split()))
        if key[1] and key in seen:
            findings.append(Finding(where, None, f"the same page as {seen[key]}"))
        seen.setdefault(key, where)
    return findings


def _marked_files(root: Path) -> list[Path]:
    if root.is_dir():
        return sorted(root.rglob(f"*{MARKED}"))
    return [root] if root.name.endswith(MARKED) else []


def _unreadable(file: Path) -> Iterator[Finding]:
    try:
        file.open("rb").close()
    except OSError as error:
        yield Finding(str(file), None, f"cannot be read: {(error.strerror or str(error)).lower()}")


def _without_mark(file: Path) -> Iterator[Finding]:
    if faults := list(_unreadable(file)):
        yield from faults
        return
    for number, line in enumerate(decode(file.read_bytes()).text.splitlines(), 1):
        if not _has_mark(line):
            yield Finding(str(file), number, f"{_NO_MARK}, not {line[:12]!r}")


def _partners(root: Path) -> Iterator[Finding]:
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        if file.name.endswith(GOLD):
            stem = file.name.removesuffix(GOLD)
            if not any(file.with_name(stem + suffix).is_file() for suffix in _SUFFIXES):
                yield Finding(str(file), None, f"a gold without its page; expected {stem}.html or {stem}.txt beside it")
        elif file.name.endswith(EITHER):
            stem = file.name.removesuffix(EITHER)
            if not file.with_name(stem + GOLD).is_file():
                yield Finding(str(file), None, f"belongs to no gold; expected {stem}{GOLD} beside it")
        elif file.name.endswith(MARKED) or file.name == "README.md":
            continue
        elif file.suffix.lower() in _SUFFIXES and not _is_labelled(file):
            yield Finding(str(file), None, f"a page without its gold; expected {file.stem}{GOLD} beside it")


def _is_labelled(page: Path) -> bool:
    """Whether there is a gold for a page, or its lines are marked in a file of their own."""
    gold = page.with_name(page.stem + GOLD)
    return gold.exists() or gold.is_symlink() or page.with_name(page.stem + MARKED).is_file()


def _check_page(item: LabelledPage, where: str) -> Iterator[Finding]:
    lines = segment(item.page)
    beside = Path(where).suffix in _SUFFIXES and not item.marked
    gold_path = str(Path(where).with_name(Path(where).stem + GOLD)) if beside else where
    if not len(lines):
        yield Finding(where, None, "the page has no text")
        return
    if not item.gold.strip():
        yield Finding(gold_path, None, "no line is marked '+'" if item.marked else "the gold is empty")
        return
    if item.marked:
        return  # its gold is made of its own lines
    # Aligned the other way round: which gold lines find their words on the page?
    gold_lines = item.gold.splitlines()
    shares = align(tokenize(gold_lines), "\n".join(lines.texts))
    counted = tokenize(gold_lines).words
    for number, (share, count, text) in enumerate(zip(shares, counted, gold_lines, strict=True), 1):
        if count and share < _FOUND:
            yield Finding(gold_path, number, f"not found on {Path(where).name} in this order: {text.strip()[:60]!r}")
