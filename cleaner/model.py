"""`Model`: what was learnt, as data only; load, check, predict, save.

A model file is a magic number, a JSON header and raw arrays. Loading it runs no code: sizes, shapes, types, finite
values and every index are checked first, so a truncated, altered or hostile file gives `BadModel` and nothing else.

Prediction follows QuickScorer (Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive
ensembles of regression trees"): a tree is a list of conditions, each with the leaves that become unreachable when it
fails; the first leaf left is the row's. Theirs are masks, a bit a leaf; here they are turned around, a bit a row for
each condition and each leaf, so that one operation serves eight rows and a tree may have any number of leaves. That is
array operations only, needs no scikit-learn, and is exact. `docs/decisions.md` has the figures.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from cleaner.calibration import PAGE_WEIGHTS, Calibration, probability
from cleaner.errors import BadModel
from cleaner.features import FEATURES, Columns, HashedWeights, compute
from cleaner.features.hashed import BUCKETS, TEXT_BUCKETS
from cleaner.network import TOLD, Network, Round
from cleaner.page import Floats, Kind, Lines
from cleaner.tokens import Hashes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["Head", "Model", "shipped_model"]

MAGIC = b"CLEANER\n"
VERSION = 8
MAX_FILE = 16 << 20
MAX_HEADER = 1 << 20
MAX_LEAVES = 128
MAX_CONDITIONS = 1 << 16  # four times what is learnt; scoring sets them all out in memory, each tree as the largest
MAX_PAGE_WEIGHT = 1e6  # far above any that is learnt, and no sum of a page's numbers overflows
_ARRAYS: dict[str, str] = {
    "tree": "<i4", "feature": "<i4", "threshold": "<f4", "first": "|u1", "past": "|u1", "leaf": "<i4",
    "value": "<f4", "net_mean": "<f4", "net_scale": "<f4", "net_weight": "<i2", "net_unit": "<f4", "net_bias": "<f4",
    "net_out": "<f4", "round_level": "<f4", "round_summary": "<i2", "round_step": "<f4", "round_weight": "<i2",
    "round_unit": "<f4", "round_bias": "<f4",
    "page": "<f4", "knot_in": "<f4", "knot_out": "<f4", "structure": "<f2", "wording": "<f2",
}  # fmt: skip
_OWN_FACTS = frozenset(("version", "fingerprint", "bytes", "kinds"))  # `Model.info` knows these itself
# Rows scored at once: an operation has its price, however many rows it serves; and memory, a byte a row and condition.
_ROWS, _CELLS = 4096, 1 << 25


class _Learnt(NamedTuple):
    """What a `Head` knows.

    Tree ``t`` has the conditions ``tree[t]:tree[t + 1]`` (``matrix[:, feature] > threshold`` fails), each with the
    leaves ``first:past`` that are out of reach when it fails, and the leaf values ``leaf[t]:leaf[t + 1]``, left to
    right. ``net_…`` are the arrays of a `cleaner.network.Network`, laid flat, and ``round_…`` those of its rounds, one
    after the other; empty ones are no network and no rounds. The sum of leaf values, what the network adds and
    ``base`` is a log-odds; ``page`` are the weights of `cleaner.calibration` and ``knot_in``/``knot_out`` the knots
    that follow. ``structure`` and ``wording`` are the weights of the features
    learnt from words (`cleaner.features.hashed`); empty ones know nothing.
    """

    features: tuple[str, ...]
    base: float
    tree: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    first: npt.NDArray[np.uint8]
    past: npt.NDArray[np.uint8]
    leaf: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]
    knot_in: npt.NDArray[np.float32]
    knot_out: npt.NDArray[np.float32]
    structure: npt.NDArray[np.float16] = np.zeros(0, dtype=np.float16)
    wording: npt.NDArray[np.float16] = np.zeros(0, dtype=np.float16)
    page: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    net_mean: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    net_scale: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    net_weight: npt.NDArray[np.int16] = np.zeros(0, dtype=np.int16)
    net_unit: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    net_bias: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    net_out: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    round_level: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    round_summary: npt.NDArray[np.int16] = np.zeros(0, dtype=np.int16)
    round_step: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    round_weight: npt.NDArray[np.int16] = np.zeros(0, dtype=np.int16)
    round_unit: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    round_bias: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)


class Head(_Learnt):
    """The trees, the network and the calibration for one kind of page, and what they say of pages."""

    # A head is equal to itself only: its arrays could not be asked for a yes or no.
    __eq__, __ne__, __hash__ = object.__eq__, object.__ne__, object.__hash__

    def judge(self, pages: Sequence[Lines]) -> tuple[Floats, npt.NDArray[np.int64], Hashes, Hashes]:
        """The calibrated probability, number of words, hash and template's hash of each line of pages of this kind.

        None of the pages may be without lines.
        """
        columns = Columns(pages, self.weights)
        tokens = columns.tokens
        raw = self.predict(compute(columns, self.features), columns.start)
        probabilities = self.calibrate(raw, tokens.words, columns.start)
        return probabilities, tokens.words, tokens.line_hashes(), tokens.line_hashes(template=True)

    @cached_property
    def weights(self) -> HashedWeights:
        """What the head has learnt from words, as the features take it."""
        return HashedWeights(self.structure.astype(np.float32), self.wording.astype(np.float32))

    @cached_property
    def _plan(self) -> _Plan:
        return _plan(self)

    @cached_property
    def network(self) -> Network | None:
        """The network beside the trees, where there is one."""
        if not len(self.net_bias):
            return None
        units = len(self.net_bias)
        weight = self.net_weight.astype(np.float32).reshape(-1, len(self.features), units)
        rounds: list[Round] = []
        if len(self.round_bias):
            parts = [
                part.astype(np.float32).reshape(len(self.round_bias) // units, *shape)
                for part, shape in (
                    (self.round_level, [units]), (self.round_summary, [units, -1]), (self.round_step, [-1]),
                    (self.round_weight, [-1, units]), (self.round_unit, [units]), (self.round_bias, [units]),
                )
            ]  # fmt: skip
            rounds = [Round(*each) for each in zip(*parts, strict=True)]
        return Network(self.net_mean, self.net_scale, weight, self.net_unit, self.net_bias, self.net_out, tuple(rounds))

    def scores(self, matrix: Floats, start: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The log-odds of each row, before calibration: shape (n,); ``start`` is the first row of each page."""
        trees = self._of_trees(matrix)
        return trees if self.network is None else trees + self.network.scores(matrix, start)

    def _of_trees(self, matrix: Floats) -> npt.NDArray[np.float64]:
        plan = self._plan
        columns = np.ascontiguousarray(matrix.T)
        n = columns.shape[1]
        out = np.full(n, self.base, dtype=np.float64)
        step = max(8, min(_ROWS, _CELLS // len(plan.threshold)))
        for low in range(0, n, step):
            block = columns[:, low : low + step]
            rows = block.shape[1]
            failed = np.empty((len(plan.threshold), rows), dtype=bool)
            for feature, start, stop in plan.tests:
                np.greater(block[feature], plan.threshold[start:stop], out=failed[start:stop])
            bits = np.packbits(failed, axis=1)
            gone = np.zeros((len(plan.order), bits.shape[1]), dtype=np.uint8)
            for tests in plan.rounds:
                gone[: len(tests)] |= bits[tests]
            before = gone[plan.order].reshape(-1, len(self.tree) - 1, bits.shape[1])
            for leaf in range(1, len(before)):
                before[leaf] &= before[leaf - 1]
            leaf_of = _count(before, rows)
            out[low : low + rows] += self.value[self.leaf[:-1, None] + leaf_of].sum(axis=0, dtype=np.float64)
        return out

    def predict(self, matrix: Floats, start: npt.NDArray[np.int64]) -> Floats:
        """The probability that each row is main content, not calibrated: shape (n,), 0..1; ``start`` as in `scores`."""
        return probability(self.scores(matrix, start)).astype(np.float32)

    def calibrate(self, probabilities: Floats, words: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> Floats:
        """What `predict` gave for the lines of some pages, calibrated: shape (n,), 0..1.

        ``words`` of each line, and the first line of each page, rising from 0.
        """
        return Calibration(self.page, self.knot_in, self.knot_out).apply(probabilities, words, start)


def _count(before: npt.NDArray[np.uint8], rows: int) -> npt.NDArray[np.uint8]:
    """How many leaves are gone before the first that is left, which is its number: shape (trees, rows).

    ``before[i]`` has a bit for each row whose leaves up to ``i`` are all gone, so a row's bits are ones and then
    zeros. Their number is read off by halves, all rows at once: the middle one is its highest digit and tells which
    half has the others.
    """
    digits = len(before).bit_length()
    left = np.zeros(((1 << digits) - 1, *before.shape[1:]), dtype=np.uint8)
    left[: len(before)] = before
    out = np.zeros((before.shape[1], rows), dtype=np.uint8)
    for digit in reversed(range(digits)):
        half = 1 << digit
        middle = left[half - 1]
        out |= np.unpackbits(middle, axis=1, count=rows) << digit
        left = left[half:] & middle | left[: half - 1] & ~middle
    return out


class _Plan(NamedTuple):
    """A head's conditions, set out for scoring many rows.

    The distinct conditions stand by feature: ``threshold[start:stop]`` of each of ``tests``. A leaf is gone when one of
    its conditions fails; ``rounds[k]`` has the ``k``-th condition of each leaf that has so many, leaves with the most
    conditions first, and ``order`` brings the leaves back into theirs: first leaves of all trees, second leaves, …
    """

    tests: list[tuple[int, int, int]]
    threshold: npt.NDArray[np.float32]
    rounds: list[npt.NDArray[np.int64]]
    order: npt.NDArray[np.int64]


def _plan(head: Head) -> _Plan:
    by_test = np.lexsort((head.threshold, head.feature))
    feature, threshold = head.feature[by_test], head.threshold[by_test]
    fresh = np.ones(len(feature), dtype=bool)
    fresh[1:] = (feature[1:] != feature[:-1]) | (threshold[1:] != threshold[:-1])
    test_of = np.empty(len(feature), dtype=np.int64)
    test_of[by_test] = np.cumsum(fresh) - 1
    features, start = np.unique(feature[fresh], return_index=True)
    stop = np.append(start[1:], fresh.sum())

    trees = len(head.tree) - 1
    last = int(np.diff(head.leaf).max()) - 1  # the last leaf of a tree is never gone
    leaves = np.arange(last, dtype=np.uint8)[:, None]
    leaf, condition = np.divmod(np.flatnonzero((leaves >= head.first) & (leaves < head.past)), len(head.first))
    place = leaf * trees + np.repeat(np.arange(trees), np.diff(head.tree))[condition]  # rises, as conditions do
    count = np.bincount(place, minlength=last * trees)
    nth = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    order = np.empty(len(count), dtype=np.int64)
    order[np.argsort(-count, kind="stable")] = np.arange(len(count))
    size = np.bincount(nth)
    by_round = np.empty(len(place), dtype=np.int64)
    by_round[(np.cumsum(size) - size)[nth] + order[place]] = test_of[condition]
    rounds = np.split(by_round, np.cumsum(size)[:-1])
    tests = list(zip(features.tolist(), start.tolist(), stop.tolist(), strict=True))
    return _Plan(tests, threshold[fresh][:, None], rounds, order)


class Model:
    """One `Head` for each kind of page it was trained for, and what is known about the training."""

    def __init__(self, heads: Mapping[Kind, Head], about: Mapping[str, Any] | None = None) -> None:
        self.heads: Final = heads
        self.about: Final = about if about is not None else {}

    def head(self, kind: Kind) -> Head:
        """The head for a kind of page; raises `BadModel` where the model was not trained for it."""
        if kind not in self.heads:
            have = ", ".join(self.heads) or "nothing"
            raise BadModel(f"this model knows {have}, not {kind}: train one on labelled {kind} pages too")
        return self.heads[kind]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the model's file, as hex: two models with the same fingerprint give the same output."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def info(self) -> dict[str, Any]:
        """What is in the model, ready for JSON."""
        return {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "bytes": len(self.to_bytes()),
            "kinds": {
                str(kind): {
                    "features": len(h.features),
                    "trees": len(h.tree) - 1,
                    "leaves": len(h.value),
                    "units": len(h.net_bias),
                }
                for kind, h in self.heads.items()
            },
            **{name: value for name, value in self.about.items() if name not in _OWN_FACTS},
        }

    def to_bytes(self) -> bytes:
        """The model file's content; the same model gives the same bytes."""
        body = bytearray()
        heads: dict[str, Any] = {}
        for kind in sorted(self.heads):
            head = self.heads[kind]
            arrays = {}
            for name, dtype in _ARRAYS.items():
                array = np.ascontiguousarray(getattr(head, name), dtype=dtype)
                arrays[name] = [len(body), len(array)]
                body += array.tobytes()
            heads[str(kind)] = {"features": list(head.features), "base": head.base, "arrays": arrays}
        header = json.dumps(
            {"version": VERSION, "body": hashlib.sha256(body).hexdigest(), "heads": heads, "about": dict(self.about)},
            ensure_ascii=False,
            sort_keys=True,
        ).encode()
        return MAGIC + struct.pack("<I", len(header)) + header + bytes(body)

    def save(self, path: Path | str) -> None:
        """Write the model file; under a temporary name first, so that a half-written file never stands there."""
        from pathlib import Path  # reading does without: it is a fortieth of a cold start

        target = Path(path)
        part = target.with_name(target.name + ".part")
        part.write_bytes(self.to_bytes())
        part.replace(target)

    @classmethod
    def load(cls, path: Path | str) -> Model:
        """Read and check a model file. Raises `BadModel` with the file's name and what is wrong."""
        try:
            with open(path, "rb") as file:
                content = file.read(MAX_FILE + 1)
        except OSError as error:
            raise BadModel(f"{path}: cannot be read ({error.strerror or error})") from None
        try:
            return cls.from_bytes(content)
        except BadModel as error:
            raise BadModel(f"{path}: {error}") from None

    @classmethod
    def from_bytes(cls, content: bytes) -> Model:
        """Read and check the content of a model file. Raises `BadModel`."""
        if not content.startswith(MAGIC):
            raise BadModel("not a model file; train one with: cleaner train PATH -o my.model")
        if len(content) > MAX_FILE:
            raise BadModel(f"larger than {MAX_FILE >> 20} MB, so not one of this program's models")
        at = len(MAGIC) + 4
        if len(content) < at:
            raise BadModel("truncated: fetch or train it again")
        (size,) = struct.unpack("<I", content[at - 4 : at])
        if size > MAX_HEADER or at + size > len(content):
            raise BadModel("truncated or altered: fetch or train it again")
        try:
            header = json.loads(content[at : at + size])
        except (ValueError, RecursionError):
            raise BadModel("the header is altered: fetch or train it again") from None
        body = memoryview(content)[at + size :]  # not a copy
        try:
            version = header["version"]
            if type(version) is not int or version != VERSION:
                raise BadModel(f"of version {str(version)[:20]}, this program reads {VERSION}: train it again")
            if header["body"] != hashlib.sha256(body).hexdigest():
                raise BadModel("truncated or altered (its checksum is wrong): fetch or train it again")
            heads = {Kind(kind): _read_head(Kind(kind), entry, body) for kind, entry in header["heads"].items()}
            about = header["about"]
            if not isinstance(about, dict):
                raise BadModel("the header is altered: fetch or train it again")
            json.dumps(about, ensure_ascii=False, allow_nan=False).encode()  # what was read can be written again
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise BadModel(f"the header is altered ({type(error).__name__}): fetch or train it again") from None
        return cls(heads, about)


def _read_head(kind: Kind, entry: Mapping[str, Any], body: memoryview) -> Head:
    names = entry["features"]
    if not isinstance(names, list) or not 0 < len(names) <= 10_000 or not all(isinstance(n, str) for n in names):
        raise BadModel("names no features")
    if len(set(names)) < len(names):
        raise BadModel("names a feature twice")
    unknown = [name for name in names if name not in FEATURES or kind not in FEATURES[name].kinds]
    if unknown:
        raise BadModel(f"wants features that this version does not have ({unknown[0][:80]!r}): train it again")
    arrays: dict[str, Any] = {}
    for name, dtype in _ARRAYS.items():
        offset, length = entry["arrays"][name]
        width = np.dtype(dtype).itemsize
        if type(offset) is not int or type(length) is not int or offset < 0 or length < 0:
            raise BadModel(f"array {name} has no place")
        if offset + length * width > len(body):
            raise BadModel(f"array {name} is cut short")
        array = np.frombuffer(body, dtype=dtype, count=length, offset=offset)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadModel(f"array {name} holds values that are not numbers")
        arrays[name] = array
    base = entry["base"]
    if type(base) not in (int, float) or not math.isfinite(base):
        raise BadModel("the base score is not a number")
    head = Head(features=tuple(names), base=float(base), **arrays)
    _check_head(head)
    return head


def _check_head(head: Head) -> None:
    """Every index stays inside its array, whatever matrix is scored."""
    tree, leaf = head.tree, head.leaf
    if len(tree) < 2 or len(leaf) != len(tree):
        raise BadModel("has no trees")
    nodes, leaves = np.diff(tree.astype(np.int64)), np.diff(leaf.astype(np.int64))
    if tree[0] != 0 or leaf[0] != 0 or tree[-1] != len(head.feature) or leaf[-1] != len(head.value):
        raise BadModel("the trees do not fit their arrays")
    if (nodes < 1).any() or (leaves != nodes + 1).any() or (leaves > MAX_LEAVES).any():
        raise BadModel(f"a tree has too few or too many leaves (2 to {MAX_LEAVES})")
    if not len(head.feature) == len(head.threshold) == len(head.first) == len(head.past):
        raise BadModel("the conditions do not fit their arrays")
    if (laid_out := int((leaves.max() - 1) * len(leaves))) > MAX_CONDITIONS:
        raise BadModel(f"{len(leaves):,} trees need room for {laid_out:,} conditions, more than {MAX_CONDITIONS:,}")
    if (head.feature < 0).any() or (head.feature >= len(head.features)).any():
        raise BadModel("a condition looks at a feature that is not there")
    # The last leaf of a tree stays within reach whatever fails.
    if (head.first >= head.past).any() or (head.past >= np.repeat(leaves, tree[1:] - tree[:-1])).any():
        raise BadModel("a condition puts leaves out of reach that it cannot")
    _check_network(head)
    for weights in (head.structure, head.wording):
        if len(weights) not in (0, BUCKETS, TEXT_BUCKETS):
            raise BadModel(f"the word weights are not of {BUCKETS} or {TEXT_BUCKETS} buckets")
    if len(head.page) not in (0, PAGE_WEIGHTS):
        raise BadModel(f"the page's weights are not {PAGE_WEIGHTS}")
    if (np.abs(head.page) > MAX_PAGE_WEIGHT).any():
        raise BadModel("the page's weights are out of range")
    knots = head.knot_in
    if len(knots) < 2 or len(knots) != len(head.knot_out) or (np.diff(knots) <= 0).any():
        raise BadModel("the calibration does not rise")
    if (np.diff(head.knot_out) < 0).any() or head.knot_out[0] < 0 or head.knot_out[-1] > 1:
        raise BadModel("the calibration is not a probability")


def _check_network(head: Head) -> None:
    features, units = len(head.features), len(head.net_bias)
    sizes = [len(part) for part in (head.net_mean, head.net_scale, head.net_weight, head.net_unit, head.net_out)]
    rounds = [len(part) for part in (head.round_bias, head.round_level, head.round_unit)]
    if not units:
        if any(sizes) or any(rounds):
            raise BadModel("the network has no units")
    elif sizes[:2] != [features] * 2 or sizes[3:] != [units] * 2 or not sizes[2] or sizes[2] % (features * units):
        raise BadModel("the network's weights do not fit its units")
    elif rounds != rounds[:1] * 3 or rounds[0] % units or not _fit_rounds(head, rounds[0] // units, units):
        raise BadModel("the network's rounds do not fit its units")
    elif (network := head.network) is not None:
        network.check()


def _fit_rounds(head: Head, rounds: int, units: int) -> bool:
    """Whether the summaries and weights are those of so many rounds."""
    steps = len(head.round_step)
    if not rounds:
        return not steps and not len(head.round_summary) and not len(head.round_weight)
    inputs = rounds * units + steps * TOLD
    fits = len(head.round_summary) == steps * units and len(head.round_weight) == inputs * units
    return steps > 0 and steps % rounds == 0 and fits


def pack_network(net: Network) -> dict[str, Any]:
    """The arrays of a `Head` that are its network."""

    def flat(parts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        return np.concatenate([np.zeros(0, dtype=np.float32), *[part.ravel() for part in parts]]).astype(np.float32)

    return {
        "net_mean": net.mean,
        "net_scale": net.scale,
        "net_weight": net.weight.astype(np.int16).ravel(),
        "net_unit": net.unit,
        "net_bias": net.bias,
        "net_out": net.out.astype(np.float32),
        "round_level": flat([each.level for each in net.rounds]),
        "round_summary": flat([each.summary for each in net.rounds]).astype(np.int16),
        "round_step": flat([each.step for each in net.rounds]),
        "round_weight": flat([each.weight for each in net.rounds]).astype(np.int16),
        "round_unit": flat([each.unit for each in net.rounds]),
        "round_bias": flat([each.bias for each in net.rounds]),
    }


def pack_trees(
    trees: Sequence[Sequence[tuple[int, float, int, int, float]]],
) -> dict[str, npt.NDArray[Any]]:
    """Turn binary trees into the arrays of a `Head`.

    A tree is a list of nodes ``(feature, threshold, left, right, value)`` with ``feature`` < 0 for a leaf; node 0 is
    its root, and a row goes left when its feature is at most the threshold. Trees of one leaf must be left out.
    """
    tree, leaf = [0], [0]
    feature: list[int] = []
    threshold: list[float] = []
    first: list[int] = []
    past: list[int] = []
    value: list[float] = []
    for nodes in trees:
        leaves: list[int] = []
        below: dict[int, tuple[int, int]] = {}  # node -> its leaves as a range, left to right
        stack = [(0, False)]
        while stack:
            at, done = stack.pop()
            _, _, left, right, _ = nodes[at]
            if nodes[at][0] < 0:
                below[at] = (len(leaves), len(leaves) + 1)
                leaves.append(at)
            elif done:
                below[at] = (below[left][0], below[right][1])
            else:
                stack += [(at, True), (right, False), (left, False)]
        if len(leaves) > MAX_LEAVES:
            raise ValueError(f"a tree of {len(leaves)} leaves; at most {MAX_LEAVES} fit")
        for at in sorted(below):
            column, bound, left, _, _ = nodes[at]
            if column < 0:
                continue
            feature.append(column)
            threshold.append(_at_most(bound))
            first.append(below[left][0])
            past.append(below[left][1])
        value.extend(nodes[at][4] for at in leaves)
        tree.append(len(feature))
        leaf.append(len(value))
    return {
        "tree": np.array(tree, dtype=np.int32),
        "feature": np.array(feature, dtype=np.int32),
        "threshold": np.array(threshold, dtype=np.float32),
        "first": np.array(first, dtype=np.uint8),
        "past": np.array(past, dtype=np.uint8),
        "leaf": np.array(leaf, dtype=np.int32),
        "value": np.array(value, dtype=np.float32),
    }


def _at_most(bound: float) -> float:
    """The largest float32 that is not above ``bound``: the same rows go left as with the float64 threshold."""
    low = np.float32(bound)
    # Never -0.0, so that the same condition has the same bytes.
    return float(low if float(low) <= bound else np.nextafter(low, np.float32(-np.inf))) + 0.0


@cache
def shipped_model() -> Model:
    """The model that comes with the package; read once. Raises `BadModel` when it is not there."""
    package = os.path.dirname(__file__)
    inside, beside = (os.path.join(folder, "models", "cleaner.model") for folder in (package, os.path.dirname(package)))
    return Model.load(inside if os.path.isfile(inside) else beside)  # an editable install has it beside the package
