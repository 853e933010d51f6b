"""Evidence learnt from words: which class names, tags and phrases stand around main content, and which around junk.

Two linear models over hashed terms (Weinberger et al. 2009, "Feature hashing for large scale multitask learning"),
whose scores are features for the trees. *Structure* reads the tags and class/id words of a line's element and of the
elements around it; *wording* reads the first words of the line itself. A term's bucket depends on its role (own
element, element around it, first word, …), so one table of weights serves each model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from cleaner.page import Kind
from cleaner.tokens import Ints

if TYPE_CHECKING:
    import numpy.typing as npt

    from cleaner.features.columns import Columns

__all__ = [
    "BUCKETS", "TEXT_BUCKETS", "HashedWeights", "lead_scores", "structure_scores", "structure_terms",
    "wording_scores", "wording_terms",
]  # fmt: skip

Array: TypeAlias = "npt.NDArray[np.float64]"
Terms = tuple[Ints, Ints]

BUCKETS = 1 << 15
# Text has no class names, so its phrases must tell more: more words of a line, and more room for them.
TEXT_BUCKETS = 1 << 17
_NEAR = 2  # elements around a line's own whose words count as near
_HEAD_WORDS, _HEAD_PAIRS, _MANY_WORDS = 12, 8, 13
_TEXT_WORDS = 30  # words and pairs
OWN, INLINE, NEAR, FAR, WORD, PAIR, FIRST, LAST, COUNT, LEAD = (
    np.uint64(0x9E3779B97F4A7C15 * (i + 1) & 0xFFFFFFFFFFFFFFFF) for i in range(10)
)


class HashedWeights(NamedTuple):
    """The weight of each bucket for both models; an empty array knows nothing.

    The number of buckets is a power of two: `BUCKETS`, or for the wording of text `TEXT_BUCKETS`.
    """

    structure: npt.NDArray[np.float32]
    wording: npt.NDArray[np.float32]


def _bucket(hashes: npt.NDArray[np.uint64], role: np.uint64, buckets: int = BUCKETS) -> Ints:
    mixed = (hashes ^ role) * np.uint64(0xD6E8FEB86659FD93)
    return (mixed >> np.uint64(65 - buckets.bit_length())).astype(np.int64)


def structure_scores(columns: Columns, weights: npt.NDArray[np.float32]) -> Array:
    """The structure model's log-odds for each line (without its intercept), shape (n,)."""
    if not len(weights):
        return np.zeros(columns.n)
    box = columns.containers
    signature, hashes, bounds = box.signature, box.part_hashes, box.part_bounds

    def sums(role: np.uint64) -> Array:
        total = np.zeros(len(hashes) + 1)
        np.cumsum(weights[_bucket(hashes, role)], out=total[1:])
        out: Array = total[bounds[1:]] - total[bounds[:-1]]
        return out

    size, far = np.diff(bounds)[signature].astype(np.float64), sums(FAR)[signature]
    size[box.root] = far[box.root] = 0  # every page has the root: it says nothing
    near = sums(NEAR)[signature]
    near[box.root] = 0
    far_all, size_all, up = far.copy(), size.copy(), box.parent
    while (up != box.root[box.page_of]).any():
        far_all += far_all[up]
        size_all += size_all[up]
        up = up[up]
    own = box.of_line
    first = box.parent[own]
    second = box.parent[first]
    third = box.parent[second]
    score = sums(OWN)[signature][own] + near[first] + near[second] + far_all[third]
    count = np.diff(bounds)[signature[own]] + size[first] + size[second] + size_all[third]
    inline = box.inline
    has = inline >= 0
    score[has] += sums(INLINE)[inline[has]]
    count[has] += np.diff(bounds)[inline[has]]
    out: Array = score / np.sqrt(np.maximum(count, 1))
    return out


def structure_terms(columns: Columns) -> Terms:
    """Every term of the structure model as ``(line, bucket)``, for training; the same terms that the scores sum."""
    box = columns.containers
    signature, hashes, bounds = box.signature, box.part_hashes, box.part_bounds
    size = np.diff(bounds)
    lines: list[Ints] = []
    buckets: list[Ints] = []

    def add(rows: Ints, signatures: Ints, role: np.uint64) -> None:
        count = size[signatures]
        lines.append(np.repeat(rows, count))
        offset = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        buckets.append(_bucket(hashes[np.repeat(bounds[signatures], count) + offset], role))

    rows, at = columns.row, box.of_line
    add(rows, signature[at], OWN)
    inline = box.inline
    add(rows[inline >= 0], inline[inline >= 0], INLINE)
    for step in range(10_000):
        at = box.parent[at]
        below = at != box.root[box.page_of[at]]
        rows, at = rows[below], at[below]
        if not len(rows):
            break
        add(rows, signature[at], NEAR if step < _NEAR else FAR)
    return np.concatenate(lines), np.concatenate(buckets)


def wording_terms(columns: Columns, buckets: int | None = None) -> Terms:
    """Every term of the wording model as ``(line, bucket)``: first words and pairs, first and last word, length.

    For text also the lead ("Read more:") as a whole.
    """
    text = columns.kind is Kind.TEXT
    if buckets is None:
        buckets = TEXT_BUCKETS if text else BUCKETS
    tokens = columns.tokens
    words = tokens.words
    line_of = np.repeat(columns.row, words)
    place = np.arange(len(tokens.hashes)) - tokens.first[line_of]
    hashes = np.where(tokens.digits, np.uint64(0), tokens.hashes)
    head = place < (_TEXT_WORDS if text else _HEAD_WORDS)
    lines, found = [line_of[head]], [_bucket(hashes[head], WORD, buckets)]
    pairs, at = tokens.ngrams(2, template=True)
    inside = place[at] < (_TEXT_WORDS if text else _HEAD_PAIRS)
    inside &= line_of[at] == line_of[np.minimum(at + 1, len(line_of) - 1)]
    lines.append(line_of[at[inside]])
    found.append(_bucket(pairs[inside], PAIR, buckets))
    filled = np.flatnonzero(words > 0)
    lines += [filled, filled, columns.row]
    found += [
        _bucket(hashes[tokens.first[filled]], FIRST, buckets),
        _bucket(hashes[tokens.first[filled + 1] - 1], LAST, buckets),
        _bucket(np.minimum(words, _MANY_WORDS).astype(np.uint64), COUNT, buckets),
    ]
    if text:
        rows, leads = _lead_terms(columns, buckets)
        lines.append(rows)
        found.append(leads)
    return np.concatenate(lines), np.concatenate(found)


def _lead_terms(columns: Columns, buckets: int) -> Terms:
    rows = np.flatnonzero(columns.tokens.lead > 0)
    return rows, _bucket(columns.tokens.lead_hashes(rows), LEAD, buckets)


def lead_scores(columns: Columns, weights: npt.NDArray[np.float32]) -> Array:
    """What the wording model of text makes of each line's lead alone, shape (n,); 0 for a line that has none."""
    out = np.zeros(columns.n)
    if len(weights):
        rows, buckets = _lead_terms(columns, len(weights))
        out[rows] = weights[buckets]
    return out


def wording_scores(columns: Columns, weights: npt.NDArray[np.float32]) -> Array:
    """The wording model's log-odds for each line (without its intercept), shape (n,)."""
    if not len(weights):
        return np.zeros(columns.n)
    lines, buckets = wording_terms(columns, len(weights))
    score = np.bincount(lines, weights=weights[buckets], minlength=columns.n)
    count = np.bincount(lines, minlength=columns.n)
    out: Array = score / np.sqrt(np.maximum(count, 1))
    return out
