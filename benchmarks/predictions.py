"""Out-of-fold probabilities in a file, so that errors on training sets can be looked at honestly and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from cleaner.decision import decide
from cleaner.errors import BadInput
from cleaner.labelled import LabelledPage
from cleaner.page import CleanedPage, Floats, Lines
from cleaner.segmentation import segment
from cleaner.tokens import tokenize
from cleaner.training import Dataset

__all__ = ["load_predictions", "save_predictions"]


def _key(item: LabelledPage) -> str:
    return f"{item.dataset} {item.page.id or item.page.url}"


def _digest(lines: Lines) -> str:
    return sha256("\0".join(lines.texts).encode("utf-8", "replace")).hexdigest()[:16]


def save_predictions(path: Path, data: Dataset, probabilities: Floats) -> None:
    """Write each page's key, a digest of its lines, and its lines' probabilities (calibrated, from other folds)."""
    np.savez_compressed(
        path,
        keys=np.array([_key(item) for item in data.items]),
        digests=np.array([_digest(lines) for lines in data.lines]),
        sizes=np.array([len(lines) for lines in data.lines], dtype=np.int64),
        probabilities=probabilities.astype(np.float32),
    )


def load_predictions(path: Path, items: Sequence[LabelledPage]) -> Iterator[tuple[LabelledPage, CleanedPage]]:
    """The pages among ``items`` that a file has probabilities for, cleaned by them.

    Raises `BadInput` where a page is cut into other lines than when the file was written.
    """
    with np.load(path, allow_pickle=False) as stored:
        keys, digests = stored["keys"].tolist(), stored["digests"].tolist()
        parts = np.split(stored["probabilities"], np.cumsum(stored["sizes"])[:-1])
    known = {key: (digest, part) for key, digest, part in zip(keys, digests, parts, strict=True)}
    for item in items:
        if _key(item) not in known:
            continue
        digest, probabilities = known[_key(item)]
        lines = segment(item.page)
        if digest != _digest(lines):
            raise BadInput(f"{path}: {_key(item)} is cut into other lines now; run 'folds --save' again")
        tokens = tokenize(lines.plain)
        kept, confidence = decide(probabilities, tokens.words, hashes=tokens.line_hashes())
        yield item, CleanedPage(item.page, confidence, lines, probabilities, kept)
