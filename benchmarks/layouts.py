"""Labelled pages in the layouts of public benchmarks, beside the project's own, and answers for their own scripts.

- *WCXB* (github.com/Murrough-Foley/web-content-extraction-benchmark): ``dev/ground-truth/0001.json`` with
  ``dev/html/0001.html.gz``, likewise ``test/``; its ``evaluate.py --results FILE`` reads ``{id: text}``.
- *article-extraction-benchmark* (github.com/scrapinghub/article-extraction-benchmark): ``ground-truth.json`` with
  ``html/ID.html.gz``; its ``evaluate.py`` reads ``output/NAME.json``, ``{id: {"articleBody": text}}``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cleaner.errors import BadInput, BadLabels
from cleaner.labelled import LabelledPage, read_labelled
from cleaner.page import Kind, Page

__all__ = ["read_pages", "write_answers"]

ARTICLES = "article-extraction-benchmark"
WCXB = "wcxb"


def read_pages(paths: Iterable[Path | str]) -> list[LabelledPage]:
    """The labelled HTML pages of folders, files and clones of the two benchmarks (WCXB also by one of its splits)."""
    found: list[LabelledPage] = []
    for path in map(Path, paths):
        splits = _splits(path)
        if splits:
            for split in splits:
                found += _wcxb(split)
        elif _is_articles(path):
            found += _articles(path)
        else:
            found += [item for item in read_labelled(path) if item.page.kind is Kind.HTML]
    return found


def write_answers(clone: Path, texts: Mapping[str, str], name: str = "cleaner") -> list[Path]:
    """Write texts by page id where the clone's own ``evaluate.py`` looks for them; the files written."""
    if _is_articles(clone):
        folder = clone / "output"
        folder.mkdir(exist_ok=True)
        answers: Any = {key: {"articleBody": text} for key, text in texts.items()}
        return [_write(folder / f"{name}.json", answers)]
    written = []
    for split in _splits(clone):
        answers = {key.rpartition("/")[2]: text for key, text in texts.items() if key.startswith(f"{split.name}/")}
        written.append(_write(split.parent / f"{name}-{split.name}.json", answers))
    if not written:
        raise BadInput(f"{clone}: neither a clone of WCXB nor of {ARTICLES}")
    return written


def _write(path: Path, answers: Any) -> Path:
    path.write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _is_articles(path: Path) -> bool:
    return (path / "ground-truth.json").is_file() and (path / "html").is_dir()


def _splits(path: Path) -> list[Path]:
    """The folders that hold ``ground-truth/`` and ``html/``: the path itself, or its ``dev`` and ``test``."""
    places = [path, path / "dev", path / "test"]
    return [place for place in places if (place / "ground-truth").is_dir() and (place / "html").is_dir()]


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadLabels(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(found, dict):
        raise BadLabels(f"{path}: must be a JSON object")
    return found


def _html(folder: Path, key: str) -> str:
    packed, plain = folder / f"{key}.html.gz", folder / f"{key}.html"
    try:
        data = gzip.decompress(packed.read_bytes()) if packed.is_file() else plain.read_bytes()
    except (OSError, EOFError) as error:
        raise BadLabels(f"{packed}: cannot be read ({error}); is the clone complete?") from None
    return data.decode("utf-8", "replace")  # both keep their pages as UTF-8, whatever the page itself declares


def _host(url: str, key: str) -> str:
    host = (urlsplit(url).hostname or "") if "://" in url else ""
    for prefix in ("www.", "m.", "amp."):
        host = host.removeprefix(prefix)
    return host or key


def _wcxb(split: Path) -> list[LabelledPage]:
    found = []
    for path in sorted((split / "ground-truth").glob("*.json")):
        row = _json(path)
        gold, internal = row.get("ground_truth"), row.get("_internal") or {}
        if not isinstance(gold, dict):
            continue  # as in its own evaluate.py
        kind = internal.get("page_type", "article")
        kind = kind.get("primary", "article") if isinstance(kind, dict) else kind
        key, url = f"{split.name}/{path.stem}", str(row.get("url") or "")
        found.append(
            LabelledPage(
                page=Page(_html(split / "html", path.stem), Kind.HTML, url=url or None, id=key),
                gold=str(gold.get("main_content") or ""),
                host=_host(url, key),
                language="en",  # the benchmark is English
                page_type="collection" if kind == "category" else str(kind),
                dataset=WCXB,
            )
        )
    return found


def _articles(clone: Path) -> list[LabelledPage]:
    found = []
    for key, row in sorted(_json(clone / "ground-truth.json").items()):
        url = str(row.get("url") or "")
        page = Page(_html(clone / "html", key), Kind.HTML, url=url or None, id=key)
        found.append(
            LabelledPage(
                page, str(row.get("articleBody") or ""), _host(url, key), page_type="article", dataset=ARTICLES
            )
        )
    return found
