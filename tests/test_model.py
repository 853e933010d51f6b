"""The model file: what goes in comes out, predictions are exact, and no file can do more than be refused."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_support import with_network
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.calibration import PAGE_WEIGHTS
from cleaner.errors import BadModel, CleanerError
from cleaner.features import FEATURES, Columns, compute, feature_names
from cleaner.features.hashed import BUCKETS
from cleaner.model import MAGIC, MAX_CONDITIONS, MAX_FILE, MAX_HEADER, MAX_LEAVES, VERSION, Head, Model, pack_trees
from cleaner.page import Kind, Page
from cleaner.pipeline import Cleaner, make_page
from cleaner.segmentation import segment

Nodes = list[tuple[int, float, int, int, float]]
LEAF = -1
ONE = np.array([0])  # all rows are of one page
STARTS = np.array([0, 7, 8])
ROUND = ("round_level", "round_summary", "round_step", "round_weight", "round_unit", "round_bias")
COLUMNS = 6


# -- trees --------------------------------------------------------------------------------------------------------


def grow(splits: list[int], thresholds: list[float], features: list[int], values: list[float]) -> Nodes:
    """A binary tree of ``len(splits) + 1`` leaves: each step splits one of the leaves there are."""
    nodes: Nodes = [(LEAF, 0.0, 0, 0, values[0])]
    leaves = [0]
    for step, (pick, bound, feature) in enumerate(zip(splits, thresholds, features, strict=True)):
        at = leaves.pop(pick % len(leaves))
        nodes[at] = (feature, bound, len(nodes), len(nodes) + 1, 0.0)
        for side in (0, 1):
            leaves.append(len(nodes))
            nodes.append((LEAF, 0.0, 0, 0, values[2 * step + 1 + side]))
    return nodes


@st.composite
def trees(draw: st.DrawFn) -> Nodes:
    size = draw(st.integers(1, MAX_LEAVES - 1))
    # Coarse values, so that rows fall exactly on thresholds.
    number = st.one_of(st.integers(-3, 3).map(float), st.floats(-4, 4))
    return grow(
        draw(st.lists(st.integers(0, 40), min_size=size, max_size=size)),
        draw(st.lists(number, min_size=size, max_size=size)),
        draw(st.lists(st.integers(0, COLUMNS - 1), min_size=size, max_size=size)),
        draw(st.lists(st.integers(-100, 100).map(float), min_size=2 * size + 1, max_size=2 * size + 1)),
    )


def walk(nodes: Nodes, row: np.ndarray) -> float:
    at = 0
    while nodes[at][0] >= 0:
        feature, bound, left, right, _ = nodes[at]
        at = left if float(row[feature]) <= bound else right
    return nodes[at][4]


def head_of(packed: dict[str, Any], columns: int = COLUMNS, base: float = 0.0) -> Head:
    knots = np.array([0, 1], dtype=np.float32)
    return Head(features=feature_names(Kind.HTML)[:columns], base=base, knot_in=knots, knot_out=knots, **packed)


@given(st.lists(trees(), min_size=1, max_size=8), st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 600]))
def test_packed_trees_give_what_walking_them_gives(forest: list[Nodes], seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-4, 5, size=(rows, COLUMNS)).astype(np.float32)
    matrix += rng.choice([0, 0, 0.3], size=matrix.shape).astype(np.float32)
    sample = matrix if rows < 50 else matrix[:: rows // 20]
    expected = [1.5 + sum(walk(nodes, row) for nodes in forest) for row in sample]
    found = head_of(pack_trees(forest), base=1.5).scores(matrix, ONE)
    assert found[:: max(1, rows // 20) if rows >= 50 else 1].tolist() == expected


@pytest.mark.parametrize("leaves", [32, 64, MAX_LEAVES])
def test_more_conditions_than_a_block_holds(leaves: int) -> None:
    rng = random.Random(7)
    forest = []
    for _ in range(120):  # several blocks of rows
        forest.append(
            grow(
                [rng.randrange(40) for _ in range(leaves - 1)],
                [rng.uniform(-2, 2) for _ in range(leaves - 1)],
                [rng.randrange(COLUMNS) for _ in range(leaves - 1)],
                [float(rng.randint(-9, 9)) for _ in range(2 * leaves - 1)],
            )
        )
    matrix = np.random.default_rng(3).normal(size=(4300, COLUMNS)).astype(np.float32)
    found = head_of(pack_trees(forest)).scores(matrix, ONE)
    for at in (0, 7, 8, 2000, *range(2190, 2210), 4095, 4096, 4299):
        assert found[at] == sum(walk(nodes, matrix[at]) for nodes in forest)


def test_a_threshold_between_two_floats_sends_rows_the_same_way() -> None:
    # 0.1 as float32 is above 0.1 as float64: rounded to nearest, the condition would let it pass to the left.
    nodes: Nodes = [(0, 0.1, 1, 2, 0.0), (LEAF, 0, 0, 0, -1.0), (LEAF, 0, 0, 0, 1.0)]
    rows = np.array([[0.1], [np.nextafter(np.float32(0.1), np.float32(0))]], dtype=np.float32)
    assert head_of(pack_trees([nodes]), 1).scores(rows, ONE).tolist() == [1.0, -1.0]


def test_too_many_leaves_are_refused() -> None:
    nodes = grow([0] * MAX_LEAVES, [0.0] * MAX_LEAVES, [0] * MAX_LEAVES, [0.0] * (2 * MAX_LEAVES + 1))
    with pytest.raises(ValueError, match=f"{MAX_LEAVES + 1} leaves"):
        pack_trees([nodes])


def test_predictions_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(900, COLUMNS)).astype(np.float32)
    matrix[:, 1] = np.round(matrix[:, 1])
    labels = (matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + rng.normal(size=900) > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=31, random_state=0, early_stopping=False)
    with threadpool_limits(1):  # more threads than free cores spin
        model.fit(matrix, labels, sample_weight=rng.uniform(0.1, 2, size=900))
    forest = [
        [
            (LEAF if n["is_leaf"] else int(n["feature_idx"]), float(n["num_threshold"]), int(n["left"]),
             int(n["right"]), float(n["value"]))
            for n in predictor.nodes
        ]
        for (predictor,) in model._predictors
    ]  # fmt: skip
    head = head_of(pack_trees(forest), base=float(np.ravel(model._baseline_prediction)[0]))
    fresh = rng.normal(size=(500, COLUMNS)).astype(np.float32)
    both = np.concatenate([matrix, fresh])
    with threadpool_limits(1):
        expected = model.predict_proba(both)[:, 1]
    assert np.abs(head.predict(both, ONE) - expected).max() < 1e-5


# -- the file -----------------------------------------------------------------------------------------------------


def toy_model(about: dict[str, Any] | None = None) -> Model:
    """A small model of both kinds with trees of several shapes."""
    rng = random.Random(1)
    heads = {}
    for kind in Kind:
        forest = []
        for size in (1, 3, 31):
            forest.append(
                grow(
                    [rng.randrange(40) for _ in range(size)],
                    [rng.uniform(0, 3) for _ in range(size)],
                    [rng.randrange(COLUMNS) for _ in range(size)],
                    [rng.uniform(-1, 1) for _ in range(2 * size + 1)],
                )
            )
        head = Head(
            features=feature_names(kind)[:COLUMNS], base=0.25, **pack_trees(forest),
            knot_in=np.array([0, 0.4, 1], dtype=np.float32), knot_out=np.array([0.01, 0.3, 0.99], dtype=np.float32),
            page=np.linspace(-1, 1, PAGE_WEIGHTS, dtype=np.float32),
        )  # fmt: skip
        heads[kind] = with_network(head, units=4)
    return Model(heads, {"made_by": "a test"} if about is None else about)


GOOD = toy_model().to_bytes()
MATRIX = np.random.default_rng(5).normal(1, 2, size=(40, COLUMNS)).astype(np.float32)


def parts(content: bytes = GOOD) -> tuple[dict[str, Any], bytearray]:
    at = len(MAGIC) + 4
    (size,) = struct.unpack("<I", content[at - 4 : at])
    return json.loads(content[at : at + size]), bytearray(content[at + size :])


def join(header: Any, body: bytes | bytearray, *, checksum: bool = True) -> bytes:
    """A model file of a header and a body, with the right checksum: as someone would write who knows the format."""
    if checksum and isinstance(header, dict):
        header["body"] = hashlib.sha256(body).hexdigest()
    packed = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + struct.pack("<I", len(packed)) + packed + bytes(body)


def refused_or_works(content: bytes) -> bool:
    """True when refused. A file that is taken must predict probabilities, and must be writable again."""
    try:
        model = Model.from_bytes(content)
    except BadModel as error:
        assert len(str(error)) < 400
        return True
    json.dumps(model.info(), allow_nan=False)
    assert Model.from_bytes(model.to_bytes()).fingerprint == model.fingerprint
    for kind in Kind:
        if kind in model.heads and len(model.heads[kind].features) <= COLUMNS:
            head = model.head(kind)
            raw = head.predict(MATRIX[:, : len(head.features)], ONE)
            found = head.calibrate(raw, np.arange(len(raw)), np.array([0, 7, 8]))
            assert found.shape == (len(MATRIX),)
            assert ((found >= 0) & (found <= 1)).all()
    return False


def test_a_saved_model_comes_back_the_same(tmp_path: Path) -> None:
    model = toy_model()
    path = tmp_path / "my.model"
    model.save(path)
    again = Model.load(path)
    assert path.read_bytes() == GOOD == again.to_bytes()
    assert again.fingerprint == model.fingerprint == hashlib.sha256(GOOD).hexdigest()
    assert again.about == model.about
    assert [p.name for p in tmp_path.iterdir()] == ["my.model"]
    for kind in Kind:
        before, after = model.head(kind), again.head(kind)
        assert (after.predict(MATRIX, STARTS) == before.predict(MATRIX, STARTS)).all()
        lines = before.predict(MATRIX, STARTS), np.arange(len(MATRIX)), STARTS
        assert (after.calibrate(*lines) == before.calibrate(*lines)).all()
        assert not refused_or_works(GOOD)


def test_a_trained_model_comes_back_the_same(small_model: Model, tmp_path: Path) -> None:
    small_model.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    assert again.to_bytes() == small_model.to_bytes()
    page = Page("<p>One line of a page.</p><p>And a second one, rather longer than the first one was.</p>", Kind.HTML)
    before, after = Cleaner(small_model).clean(page), Cleaner(tmp_path / "m").clean(page)
    assert (before.probabilities == after.probabilities).all()
    assert before.text == after.text


@pytest.mark.parametrize("kind", list(Kind))
def test_a_page_is_judged_by_the_calibration_that_training_learnt(small_model: Model, kind: Kind) -> None:
    content = "<p>One line of a page.</p><p>And a second one, rather longer than the first one was.</p><p>Home</p>"
    page = Page(content if kind is Kind.HTML else "One line of a page.\n\nAnd a second one.\n\nHome", kind)
    head = small_model.head(kind)
    columns = Columns([segment(page)], head.weights)
    raw = head.predict(compute(columns, head.features), columns.start)
    expected = head.calibrate(raw, columns.tokens.words, columns.start)
    assert (raw != expected).any()
    alone = Model({kind: head})  # with both kinds a page in doubt is judged twice
    assert Cleaner(alone).clean(page).probabilities.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", list(Kind))
def test_pages_judged_together_are_judged_as_each_alone(kind: Kind) -> None:
    head = toy_model().heads[kind]  # it has a network, which sees the lines beside a line
    texts = ["One line.\nAnother one, and longer.\nShare", "Menu\nA story of two lines.", "Alone", "x\ny\nz\n" * 300]
    marked = ["<p>" + text.replace("\n", "</p><p>") + "</p>" for text in texts]
    pages = [segment(make_page(page, kind=kind.value)) for page in (texts if kind is Kind.TEXT else marked)]
    together = head.judge(pages)[0]
    alone = np.concatenate([head.judge([page])[0] for page in pages])
    assert together.tolist() == alone.tolist()
    without = head._replace(net_bias=head.net_bias[:0], **{name: getattr(head, name)[:0] for name in ROUND}).judge(
        pages
    )[0]
    assert (together != without).any()


def test_info_is_ready_for_json_and_about_hides_nothing() -> None:
    info = toy_model({"made_by": "x", "fingerprint": "0" * 64, "version": 99, "kinds": {}}).info()
    assert json.loads(json.dumps(info))["version"] == VERSION
    assert info["fingerprint"] != "0" * 64
    assert info["kinds"]["html"] == {"features": COLUMNS, "trees": 3, "leaves": 2 + 4 + 32, "units": 4}


def test_a_kind_that_was_not_learnt_says_so() -> None:
    model = Model({Kind.TEXT: toy_model().heads[Kind.TEXT]})
    with pytest.raises(BadModel, match="knows text, not html"):
        model.head(Kind.HTML)


@pytest.mark.parametrize("at", sorted({round(i * len(GOOD) / 200) for i in range(200)} | {1, 7, 8, 11, 12, 13}))
def test_a_truncated_file_is_refused(at: int) -> None:
    assert refused_or_works(GOOD[:at])


def test_an_altered_byte_is_refused_or_harmless() -> None:
    rng = random.Random(2)
    body = len(GOOD) - len(parts()[1])
    for _ in range(1500):
        altered = bytearray(GOOD)
        for _ in range(rng.choice((1, 1, 3))):
            altered[rng.randrange(len(altered))] ^= 1 << rng.randrange(8)
        refused_or_works(bytes(altered))
    for _ in range(100):  # what the checksum covers is never taken
        altered = bytearray(GOOD)
        altered[rng.randrange(body, len(GOOD))] ^= 1 << rng.randrange(8)
        assert refused_or_works(bytes(altered))
    assert refused_or_works(GOOD + b"\0")


@settings(max_examples=300)
@given(st.data())
def test_arrays_altered_by_someone_who_mends_the_checksum(data: st.DataObject) -> None:
    header, body = parts()
    entry = header["heads"][data.draw(st.sampled_from(["html", "text"]))]
    for _ in range(data.draw(st.integers(1, 4))):
        filled = sorted(name for name, (_, length) in entry["arrays"].items() if length)
        offset, length = entry["arrays"][data.draw(st.sampled_from(filled))]
        at = offset + 4 * data.draw(st.integers(0, length - 1))
        odd = st.sampled_from(
            [0, 1, 31, 32, 33, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7FC00000, 0x3F800000]
        )
        body[at : at + 4] = struct.pack("<I", data.draw(st.one_of(odd, st.integers(0, 2**32 - 1))))
    refused_or_works(join(header, body))


def alter(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        *way, last = path.split("/")
        at: Any = header
        for step in way:
            at = at[step]
        at[int(last) if isinstance(at, list) else last] = value

    return change


ODD = [
    None,
    True,
    False,
    -1,
    0,
    2,
    2**31,
    2**63,
    2**200,
    1.0,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "1",
    [],
    {},
    [[]],
    "\ud800",
]
PLACES = [
    "version",
    "body",
    "heads",
    "about",
    "heads/html",
    "heads/other",
    "heads/html/features",
    "heads/html/base",
    "heads/html/arrays",
    "heads/html/arrays/tree",
    "heads/html/arrays/tree/0",
    "heads/html/arrays/tree/1",
    "heads/html/arrays/first/0",
    "heads/html/arrays/past/1",
    "heads/html/arrays/value/1",
    "heads/html/arrays/feature/1",
    "heads/html/arrays/leaf/0",
    "heads/html/arrays/page/0",
    "heads/html/arrays/page/1",
    "heads/html/arrays/net_weight/0",
    "heads/html/arrays/net_weight/1",
    "heads/html/arrays/net_bias/1",
    "heads/html/arrays/net_mean/1",
    "heads/html/arrays/round_weight/0",
    "heads/html/arrays/round_weight/1",
    "heads/html/arrays/round_bias/1",
    "heads/html/arrays/round_level/1",
    "heads/html/arrays/round_step/1",
    "heads/html/arrays/knot_in/1",
    "heads/html/arrays/knot_out/0",
    "heads/html/arrays/wording/0",
    "heads/html/arrays/wording/1",
    "heads/html/features/0",
    "about/made_by",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_header_with_odd_values_is_refused_or_harmless(place: str) -> None:
    for value in ODD:
        header, body = parts()
        alter(place, value)(header)
        refused_or_works(join(header, body, checksum=place != "body"))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("version", VERSION - 1),
        ("version", VERSION + 1),
        ("version", 0),
        ("version", True),
        ("version", 1.0),
        ("version", "1"),
        ("version", [["x"] * 9] * 9),
        ("heads", []),
        ("heads/html", None),
        ("heads/other", {}),
        ("heads/html/base", True),
        ("heads/html/base", float("nan")),
        ("heads/html/base", "0"),
        ("heads/html/features", []),
        ("heads/html/features", ["words"] * 10_001),
        ("heads/html/features", "words"),
        ("heads/html/features/0", 3),
        ("heads/html/features/0", "no such feature"),
        ("heads/html/features/0", "blank above"),  # a feature of text pages only
        ("heads/html/features/0", "x" * 100_000),
        ("heads/html/arrays/tree", [0, 2**40]),
        ("heads/html/arrays/tree", [2**62, 4]),
        ("heads/html/arrays/tree", [-4, 4]),
        ("heads/html/arrays/tree", [0, -1]),
        ("heads/html/arrays/tree", [0.0, 4]),
        ("heads/html/arrays/tree", [False, 4]),
        ("heads/html/arrays/tree", [0]),
        ("heads/html/arrays/tree", [0, 4, 4]),
        ("heads/html/arrays/tree", [0, 0]),
        ("heads/html/arrays/past", [1, 1]),
        ("heads/html/arrays/net_bias", [0, 0]),
        ("heads/html/arrays/net_bias", [0, 5]),
        ("heads/html/arrays/net_unit", [0, 3]),
        ("heads/html/arrays/net_mean", [0, COLUMNS - 1]),
        ("heads/html/arrays/net_weight", [0, 0]),
        ("heads/html/arrays/net_weight", [0, 2 * 4 * COLUMNS]),  # lines that have no middle
        ("heads/html/arrays/net_weight", [0, 3 * 4 * COLUMNS - 1]),
        ("heads/html/arrays/round_bias", [0, 0]),
        ("heads/html/arrays/round_unit", [0, 3]),
        ("heads/html/arrays/round_level", [0, 5]),
        ("heads/html/arrays/round_weight", [0, 0]),
        ("heads/html/arrays/round_weight", [0, 4 * (4 + 17) - 1]),
        ("heads/html/arrays/round_summary", [0, 3]),
        ("heads/html/arrays/round_step", [0, 0]),
        ("heads/html/arrays/round_step", [0, 2]),
        ("heads/html/arrays", {}),
        ("about", []),
        ("about", None),
    ],
)
def test_a_header_that_means_something_else_is_refused(place: str, value: Any) -> None:
    header, body = parts()
    alter(place, value)(header)
    assert refused_or_works(join(header, body))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"{",
        b"{}",
        b"\xff\xfe",
        b"\x00" * 50,
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"version":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"version":' + b"9" * 5000 + b"}",
        b'{"version":' + b"9" * 4000 + b"}",
        b'{"version":1e999}',
        b'{"version":"' + b"x" * 500_000 + b'"}',
    ],
    ids=lambda header: f"{header[:16]!r} {len(header)}",
)
def test_a_header_that_is_no_header_is_refused(header: bytes) -> None:
    assert refused_or_works(join(header, b""))


def test_more_conditions_than_any_training_gives_are_refused() -> None:
    head = next(iter(toy_model().heads.values()))
    trees = MAX_CONDITIONS // len(head.feature) + 1
    many = {name: np.tile(getattr(head, name), trees) for name in ("feature", "threshold", "first", "past", "value")}
    steps = {
        name: np.concatenate([getattr(head, name)[:-1] + getattr(head, name)[-1] * i for i in range(trees)] + [[0]])
        for name in ("tree", "leaf")
    }
    steps["tree"][-1], steps["leaf"][-1] = len(many["feature"]), len(many["value"])
    large = head._replace(**many, **{name: bounds.astype(np.int32) for name, bounds in steps.items()})
    with pytest.raises(BadModel, match="conditions, more than"):
        Model.from_bytes(Model({Kind.HTML: large}).to_bytes())


def test_many_small_trees_beside_a_large_one_are_refused() -> None:
    stump = [(0, 0.5, 1, 2, 0.0), (-1, 0.0, 0, 0, -1.0), (-1, 0.0, 0, 0, 1.0)]
    large = grow([0] * (MAX_LEAVES - 1), [0.0] * (MAX_LEAVES - 1), [0] * (MAX_LEAVES - 1), [0.0] * (2 * MAX_LEAVES - 1))
    few, many = (head_of(pack_trees([large, *[stump] * count])) for count in (100, 600))
    assert Model.from_bytes(Model({Kind.HTML: few}).to_bytes())
    with pytest.raises(BadModel, match="conditions, more than"):
        Model.from_bytes(Model({Kind.HTML: many}).to_bytes())


def test_a_feature_named_twice_is_refused() -> None:
    head = next(iter(toy_model().heads.values()))
    twice = head._replace(features=(*head.features, head.features[0]))
    with pytest.raises(BadModel, match="names a feature twice"):
        Model.from_bytes(Model({Kind.HTML: twice}).to_bytes())


@pytest.mark.parametrize("page", [[0.0] * (PAGE_WEIGHTS - 1), [0.0] * (PAGE_WEIGHTS + 1), [1e30] * PAGE_WEIGHTS])
def test_weights_of_a_page_that_cannot_be_are_refused(page: list[float]) -> None:
    model = toy_model()
    heads = {kind: head._replace(page=np.array(page, dtype=np.float32)) for kind, head in model.heads.items()}
    with pytest.raises(BadModel, match="page's weights"):
        Model.from_bytes(Model(heads).to_bytes())


@pytest.mark.parametrize("depth", [10, 300, 600, 900, 950, 980, 990, 1000, 5000])
def test_deep_nesting_where_it_may_stand_does_no_harm(depth: int) -> None:
    _, body = parts()
    digest = hashlib.sha256(body).hexdigest()
    about = b"[" * depth + b"]" * depth
    refused_or_works(
        join(b'{"version":%d,"body":"%s","heads":{},"about":{"x":%s}}' % (VERSION, digest.encode(), about), body)
    )


@pytest.mark.parametrize("size", [MAX_HEADER, MAX_HEADER + 1, 2**31, 2**32 - 1, 0])
def test_a_header_of_another_size_is_refused(size: int) -> None:
    at = len(MAGIC)
    assert refused_or_works(GOOD[:at] + struct.pack("<I", size) + GOOD[at + 4 :])


@pytest.mark.parametrize(("first", "past"), [(0, 0), (1, 1), (3, 2), (0, 255), (254, 255), (255, 255), (255, 0)])
def test_leaves_out_of_reach_that_a_tree_does_not_have(first: int, past: int) -> None:
    model = toy_model()
    size = len(model.heads[Kind.HTML].first)
    for places in ([0], [size - 1], range(size)):
        head = model.heads[Kind.HTML]
        ranges = {"first": head.first.copy(), "past": head.past.copy()}
        ranges["first"][places], ranges["past"][places] = first, past
        content = Model({Kind.HTML: head._replace(**ranges)}).to_bytes()
        with pytest.raises(BadModel, match="out of reach"):
            Model.from_bytes(content)


@pytest.mark.parametrize("name", ["structure", "wording"])
def test_word_weights_are_of_all_buckets_or_none(name: str) -> None:
    head = toy_model().heads[Kind.HTML]

    def content(weights: np.ndarray) -> bytes:
        return Model({Kind.HTML: head._replace(**{name: weights.astype(np.float16)})}).to_bytes()

    full = np.linspace(-3, 3, BUCKETS)
    assert not refused_or_works(content(full))
    assert (getattr(Model.from_bytes(content(full)).head(Kind.HTML), name) == full.astype(np.float16)).all()
    for size in (1, BUCKETS - 1, BUCKETS + 1):
        assert refused_or_works(content(np.zeros(size)))
    for odd in (np.nan, np.inf, -np.inf):
        assert refused_or_works(content(np.where(np.arange(BUCKETS) == 7, odd, 0.0)))


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 1000, b"\x80\x04\x95", b"PK\x03\x04", b"<html>", b"cleaner\n" + GOOD[8:]]
)
def test_what_is_not_a_model_is_refused(content: bytes) -> None:
    with pytest.raises(BadModel, match="not a model file"):
        Model.from_bytes(content)


def test_load_names_the_file(tmp_path: Path) -> None:
    for path, content in (("a", b"text"), ("b", GOOD[:-1]), ("c", MAGIC + b"\0" * (17 << 20))):
        (tmp_path / path).write_bytes(content)
        with pytest.raises(BadModel) as error:
            Model.load(tmp_path / path)
        assert str(error.value).startswith(f"{tmp_path / path}: ")
    assert f"larger than {MAX_FILE >> 20} MB" in str(error.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(BadModel, match="cannot be read"):
            Model.load(path)
    with pytest.raises(CleanerError):
        Cleaner(tmp_path / "none")


def test_every_feature_may_be_asked_for() -> None:
    names = tuple(name for name, feature in FEATURES.items() if Kind.HTML in feature.kinds)
    knots = np.array([0, 1], dtype=np.float32)
    nodes: Nodes = [(0, 0.5, 1, 2, 0.0), (LEAF, 0, 0, 0, -1.0), (LEAF, 0, 0, 0, 1.0)]
    head = Head(features=names, base=0.0, **pack_trees([nodes]), knot_in=knots, knot_out=knots)
    assert Model.from_bytes(Model({Kind.HTML: head}).to_bytes()).head(Kind.HTML).features == names
