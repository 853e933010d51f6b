"""What the tests of reading, writing and the command share: a tiny model, pages, a way to run the command."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

from cleaner.features import feature_names
from cleaner.model import Head, Model, pack_network, pack_trees
from cleaner.network import TOLD, Network, Round, rounded
from cleaner.page import CleanedPage, Kind, Page
from cleaner.segmentation import segment

PROSE = "The ferry to the northern islands left the harbour an hour late because of the fog that covered the whole bay."
MORE = "Nobody on board complained, since the cook had opened the kitchen early and handed out soup to all of them."


def story(number: int = 0) -> str:
    """A small page whose main content is known: two sentences with the page's number; the rest is menu."""
    return (
        f"<!doctype html><html lang=en><head><title>Ferry {number}</title></head><body>"
        "<ul><li><a href=/>Home</a></li><li><a href=/news>News</a></li></ul>"
        f"<h1>Ferry number {number} is late</h1><p>{PROSE} ({number})</p><p>{MORE} ({number})</p>"
        "<p><a href=/more>More</a></p></body></html>"
    )


def main_text(number: int = 0) -> str:
    """What `toy_model` keeps of `story(number)`."""
    return f"{PROSE} ({number})\n{MORE} ({number})"


@cache
def toy_model(sure: float = 6.0) -> Model:
    """Keeps lines of more than about six words: what comes out does not depend on how the real model is trained.

    ``sure`` is the log-odds of every line, one way or the other.
    """

    def head(kind: Kind) -> Head:
        names = list(feature_names(kind))
        nodes = [(names.index("words"), 2.0, 1, 2, 0.0), (-1, 0.0, 0, 0, -sure), (-1, 0.0, 0, 0, sure)]
        knots = np.array([0, 1], dtype=np.float32)
        return Head(features=tuple(names), base=0.0, knot_in=knots, knot_out=knots, **pack_trees([nodes]))

    return Model({kind: head(kind) for kind in Kind})


def with_network(head: Head, size: float = 3.0, units: int = 2, rounds: int = 1) -> Head:
    """The head with a network of chance weights, whose units see the lines above and below a line."""
    rng = np.random.default_rng(0)
    width = len(head.features)
    weight, step = rounded(rng.normal(size=(3, width, units)))
    scale, none = np.full(width, 8, dtype=np.float32), np.zeros(units, dtype=np.float32)
    out = np.resize(np.array([size, -size], dtype=np.float32), units)
    more = []
    for _ in range(rounds):
        summary, of_summary = rounded(rng.normal(size=(1, units, 1)))
        told, of_told = rounded(rng.normal(size=(1, units + TOLD, units)))
        level, of_told = np.full(units, 40, dtype=np.float32), of_told / np.abs(told).max() / 100
        whole, of_summary = summary[0].astype(np.float32), of_summary / np.abs(summary).max()
        more.append(Round(level, whole, of_summary, told[0].astype(np.float32), of_told, none))
    mean, step = np.zeros(width, dtype=np.float32), step / np.abs(weight).max()
    net = Network(mean, scale, weight.astype(np.float32), step, none, out, tuple(more))
    return head._replace(**pack_network(net))


def cleaned(content: str, *, kind: Kind = Kind.HTML, drop: str = "", links: bool = False, url: str | None = None,
            markdown: bool = False) -> CleanedPage:  # fmt: skip
    """A page of which all lines are kept but those that are ``drop``."""
    page = Page(content, kind, url=url, id="test", markdown=markdown)
    lines = segment(page, links=links)
    kept = np.array([text != drop for text in lines.texts], dtype=np.bool_)
    return CleanedPage(page, 0.9 if len(lines) else 0.0, lines, kept.astype(np.float32), kept)


def environment() -> dict[str, str]:
    """The environment for a child that imports this package from where this process did."""
    root = str(Path(__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]), "NO_COLOR": "1"}


def run(*args: str | Path, stdin: bytes | None = b"", cwd: Path | None = None, timeout: float = 60, **more: object):  # type: ignore[no-untyped-def]
    """Runs the command as a user does; gives the finished process, output as bytes."""
    command = [sys.executable, "-m", "cleaner", *map(str, args)]
    return subprocess.run(
        command, input=stdin, capture_output=True, cwd=cwd, timeout=timeout, env=environment(), **more
    )
