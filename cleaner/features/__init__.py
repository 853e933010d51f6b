"""The declared table of features, and the matrix it makes.

`FEATURES` names every feature, the kinds of page it serves and where the idea comes from; `feature_matrix` turns a
batch of pages into one float32 matrix with a row a line. A model names the features it wants, in its own order.

Sources: [K10] Kohlschütter, Fankhauser, Nejdl 2010, "Boilerplate detection using shallow text features"; [P10]
Pomikálek 2011, "Removing boilerplate and duplicate content from web corpora" (jusText); [W07] Weninger and Hsu 2008,
text-to-tag ratios; [S11] Sun, Song, Liao 2011, "DOM based content extraction via text density"; [V18] Vogels, Ganea,
Eickhoff 2018, "Web2Text"; [H97] Hearst 1997, "TextTiling"; [R10] Arc90's Readability, 2010; [R20] Raffel et al. 2020,
C4's line rules; [own] made for this project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cleaner import tokens as tk
from cleaner.features import shapes
from cleaner.features.candidates import Candidates, candidates
from cleaner.features.cohesion import Cohesion, cohesion
from cleaner.features.columns import CLASS_WORDS, TAGS, Array, Columns
from cleaner.features.hashed import HashedWeights
from cleaner.lexicon import ADDRESS, CUES
from cleaner.page import Kind, Lines

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FEATURES", "Columns", "Feature", "HashedWeights", "compute", "feature_matrix", "feature_names"]

BOTH = (Kind.HTML, Kind.TEXT)
HTML = (Kind.HTML,)
TEXT = (Kind.TEXT,)


class Feature(NamedTuple):
    """One column of the matrix: ``compute`` takes a batch and gives one number a line, shape (n,)."""

    name: str
    kinds: tuple[Kind, ...]
    compute: Callable[[Columns], npt.NDArray[np.generic]]
    source: str


def _log(values: npt.NDArray[np.generic]) -> Array:
    return np.log1p(values.astype(np.float64))


def _per_word(name: str, c: Columns) -> Array:
    return c.column(name) / np.maximum(c.column("words"), 1)


def _per_char(code: int, c: Columns) -> Array:
    return c.count(code) / np.maximum(c.column("chars"), 1)


def _ratio(top: npt.NDArray[Any], bottom: npt.NDArray[Any]) -> Array:
    out: Array = top / np.maximum(bottom, 1)
    return out


def _line_features() -> Iterable[Feature]:
    def column(name: str) -> Callable[[Columns], Array]:
        return lambda c: c.column(name)

    yield Feature("words", BOTH, lambda c: _log(c.column("words")), "K10")
    yield Feature("chars", BOTH, lambda c: _log(c.column("chars")), "K10")
    yield Feature("word length", BOTH, lambda c: _ratio(c.column("chars"), c.column("words")), "K10")
    yield Feature("link density", BOTH, column("link_density"), "K10")
    yield Feature("links", BOTH, lambda c: _log(c.column("links")), "K10")
    yield Feature("bold", TEXT, column("bold"), "V18")
    for name in ("stop", "stop_any"):
        yield Feature(f"{name} share", TEXT, partial(_per_word, name), "P10")
    for name in ("capitals", "all_upper", "numbers", "ends", "commas", "lone"):
        yield Feature(f"{name} share", TEXT, partial(_per_word, name), "K10")
    for name, code in (
        ("bars", tk.BAR), ("quotes", tk.QUOTE), ("brackets", tk.BRACKET), ("symbols", tk.SYMBOL), ("marks", tk.MARK),
        ("colons", tk.COLON), ("digits", tk.DIGIT), ("icons", tk.OTHER),
    ):  # fmt: skip
        yield Feature(f"{name} per character", TEXT, partial(_per_char, code), "V18")
    yield Feature("ends", BOTH, lambda c: _log(c.column("ends")), "V18")
    yield Feature("last character", BOTH, lambda c: c.tokens.tail, "R20")
    yield Feature("first character", BOTH, lambda c: c.tokens.head, "own")
    yield Feature("prose", TEXT, column("prose"), "K10")
    for name in CUES:
        kinds = BOTH if name == ADDRESS else TEXT
        yield Feature(f"cue {name}", kinds, partial(lambda name, c: c.cue(name), name), "own")
    yield Feature("cue", TEXT, column("cue"), "own")
    yield Feature("level", BOTH, column("level"), "own")
    yield Feature("tag", BOTH, lambda c: c.tag_codes, "V18")
    yield Feature("blank below", TEXT, lambda c: c.neighbour("blank_before", 1), "own")
    yield Feature("indent", TEXT, lambda c: np.array([len(t) - len(t.lstrip()) for t in c.texts]), "own")


def _repetition_features() -> Iterable[Feature]:
    for name in ("repeats", "copy", "template_repeats", "head_repeats", "tail_repeats"):
        label = name.replace("_", " ")
        yield Feature(label, BOTH, partial(lambda name, c: _log(c.column(name)), name), "own")
    for name in ("body_overlap", "rare_words"):
        yield Feature(name.replace("_", " "), BOTH, partial(lambda name, c: c.column(name), name), "own")
    for name in ("head_repeats", "body_overlap"):
        for r in (3, 8):
            yield Feature(
                f"{name.replace('_', ' ')} ±{r}",
                BOTH,
                partial(lambda name, r, c: c.window(name, r) / c.window("one", r), name, r),
                "own",
            )


def _surrounding_features() -> Iterable[Feature]:
    for r in (1, 3, 5, 8, 20):
        for name in ("words", "prose_words", "stop"):
            yield Feature(f"{name} ±{r}", TEXT, partial(lambda n, r, c: _log(c.window(n, r)), name, r), "W07")
        yield Feature(
            f"link density ±{r}",
            BOTH,
            partial(lambda r, c: _ratio(c.window("link_words", r), c.window("words", r)), r),
            "K10",
        )
    for r in (2, 5):
        for name in ("capitals", "numbers", "ends", "cue_words", "stop"):
            yield Feature(
                f"{name} share ±{r}",
                TEXT if name in ("ends", "stop") else BOTH,
                partial(lambda n, r, c: _ratio(c.window(n, r), c.window("words", r)), name, r),
                "own",
            )
        yield Feature(f"short ±{r}", TEXT, partial(lambda r, c: c.window("short", r), r), "own")
    yield Feature("words 8 above", TEXT, lambda c: _log(c.above("words", 8)), "own")
    yield Feature("prose_words 8 below", TEXT, lambda c: _log(c.below("prose_words", 8)), "own")
    yield Feature("cue_words 8 above", TEXT, lambda c: _log(c.above("cue_words", 8)), "own")
    for name, offset in (
        ("cue", -1), ("ended", -1), ("repeats", -1), ("link_density", 1), ("ended", 1), ("capitals", 1), ("numbers", 1),
    ):  # fmt: skip
        yield Feature(f"{name} {offset:+d}", TEXT, partial(lambda n, o, c: c.neighbour(n, o), name, offset), "K10")
    for name in ("words", "prose_words", "link_words"):
        yield Feature(f"{name} above", BOTH, partial(lambda n, c: _log(c.above(n)), name), "own")
        yield Feature(f"{name} below", BOTH, partial(lambda n, c: _log(c.below(n)), name), "own")
        yield Feature(f"{name} above share", BOTH, partial(lambda n, c: _ratio(c.above(n), c.total(n)), name), "own")
    yield Feature("place", BOTH, lambda c: (c.row - c.low) / (c.high - c.low), "K10")
    yield Feature("lines above", BOTH, lambda c: _log(c.row - c.low), "own")
    yield Feature("lines below", BOTH, lambda c: _log(c.high - c.row - 1), "own")
    yield Feature("since prose", BOTH, lambda c: _log(c.since(c.column("prose") > 0)), "own")
    yield Feature("until prose", BOTH, lambda c: _log(c.until(c.column("prose") > 0)), "own")
    yield Feature("since heading", BOTH, lambda c: _log(c.since(_heading(c))), "own")
    yield Feature("until heading", BOTH, lambda c: _log(c.until(_heading(c))), "own")
    yield Feature("since cue", BOTH, lambda c: _log(c.since(c.column("cue") >= 0.6)), "own")
    yield Feature("until cue", BOTH, lambda c: _log(c.until(c.column("cue") >= 0.6)), "own")
    yield Feature("place in short run", TEXT, lambda c: _log(_short_run(c)[0]), "own")
    yield Feature("short run", BOTH, lambda c: _log(_short_run(c)[1]), "own")
    yield Feature("tag run", BOTH, lambda c: _log(c.share_of_run(c.tag_codes)[1]), "own")


def _heading(c: Columns) -> npt.NDArray[np.bool_]:
    first = TAGS.index("h1")
    return (c.tag_codes >= first) & (c.tag_codes < first + 6)


def _short_run(c: Columns) -> tuple[Array, Array]:
    place, length = c.share_of_run(c.column("short").astype(np.int64))
    short = c.column("short")
    return place * short, length * short


def _page_features() -> Iterable[Feature]:
    for name in ("one", "words", "prose_words"):
        label = "lines" if name == "one" else name
        yield Feature(f"page {label}", BOTH, partial(lambda n, c: _log(c.total(n)), name), "own")
    for name in ("link_words", "prose_words", "stop", "capitals", "numbers", "cue_words", "ends", "lone"):
        yield Feature(
            f"page {name} share",
            TEXT if name == "lone" else BOTH,
            partial(lambda n, c: _ratio(c.total(n), c.total("words")), name),
            "own",
        )
    yield Feature("page short share", BOTH, lambda c: c.total("short") / c.total("one"), "own")
    yield Feature("page prose share", BOTH, lambda c: c.total("prose") / c.total("one"), "own")
    yield Feature(
        "words against page mean",
        BOTH,
        lambda c: _log(_ratio(c.column("words") * c.total("one"), c.total("words"))),
        "K10",
    )


def _container_features() -> Iterable[Feature]:
    def at(k: int, values: Callable[[Columns], Array]) -> Callable[[Columns], Array]:
        return lambda c: values(c)[c.containers.ancestor(k)]

    def total(name: str) -> Callable[[Columns], Array]:
        return lambda c: c.containers.sums(name)

    def page_share(k: int, name: str, c: Columns) -> Array:
        return _ratio(c.containers.sums(name)[c.containers.ancestor(k)], c.total(name))

    for k in range(6):
        yield Feature(f"container {k} words", HTML, partial(lambda f, c: _log(f(c)), at(k, total("words"))), "S11")
        yield Feature(f"container {k} words share", HTML, partial(page_share, k, "words"), "S11")
        for name in ("link_words", "prose_words", "cue_words", *(("stop", "numbers") if k >= 3 else ())):
            yield Feature(
                f"container {k} {name} density",
                HTML,
                partial(lambda f, g, c: _ratio(f(c), g(c)), at(k, total(name)), at(k, total("words"))),
                "S11",
            )
        yield Feature(f"container {k} lines", HTML, partial(lambda f, c: _log(f(c)), at(k, total("one"))), "S11")
        yield Feature(
            f"container {k} words a line",
            HTML,
            partial(lambda f, g, c: _log(_ratio(f(c), g(c))), at(k, total("words")), at(k, total("one"))),
            "S11",
        )
        if k > 3:
            continue
        yield Feature(
            f"container {k} alike",
            HTML,
            partial(lambda k, c: _log(c.containers.path_count[c.containers.ancestor(k)]), k),
            "own",
        )
        if k < 2:
            tag = partial(lambda k, c: c.containers.tag[c.containers.ancestor(k)], k)
            yield Feature(f"container {k} tag", HTML, tag, "V18")
    for k in (1, 2, 3):
        for name in ("images", "controls", "children"):
            yield Feature(
                f"container {k} {name}",
                HTML,
                partial(lambda k, n, c: _log(getattr(c.containers, n)[c.containers.ancestor(k)]), k, name),
                "own",
            )
    yield Feature("depth", HTML, lambda c: c.containers.depth[c.containers.of_line], "V18")
    yield Feature("hidden", HTML, lambda c: c.containers.hidden[c.containers.of_line], "own")
    for share in (0.55, 0.8):
        for i, name in enumerate((f"in hull {share}", f"around hull {share}", f"hull {share} words share")):
            values = partial(lambda s, i, c: c.kept(f"hull {s}", partial(_hull, s))[i], share, i)
            yield Feature(name, HTML, values, "own" if i == 1 else "S11")


def _hull(share: float, c: Columns) -> tuple[Array, Array, Array]:
    best = c.containers.hull(share)[c.page_of]
    inside, signed = c.around(c.containers.first[best], c.containers.last[best])
    return inside, signed, _ratio(c.containers.sums("words")[best], c.total("words"))


def _class_features() -> Iterable[Feature]:
    for i, name in enumerate(CLASS_WORDS):
        yield Feature(f"class {name}", HTML, partial(_class_near, i), "V18")
        yield Feature(f"page class {name}", HTML, partial(_class_on_page, i), "own")
    yield Feature("inline class", HTML, lambda c: c.containers.inline_bits != 0, "own")


def _class_near(bit: int, c: Columns) -> Array:
    """How near the group of class words is: 0 nowhere, 1 far around, 2 within two containers, 3 on the line's own."""
    box = c.containers
    far = (box.around_bits[box.of_line] >> bit) & 1
    own = ((box.bits[box.of_line] | box.inline_bits) >> bit) & 1
    near = ((box.bits[box.parent[box.of_line]] | box.bits[box.ancestor(1)] | box.bits[box.ancestor(2)]) >> bit) & 1
    return np.where(own, 3, np.where(near, 2, far)).astype(np.float64)


def _class_on_page(bit: int, c: Columns) -> Array:
    """The share of the page's words in lines under such an element."""
    box = c.containers
    hit = ((box.around_bits[box.of_line] >> bit) & 1) * c.column("words")
    per_page = np.bincount(c.page_of, weights=hit, minlength=len(c.pages))
    return _ratio(per_page[c.page_of], c.total("words"))


def _group_features() -> Iterable[Feature]:
    def grouped(name: str, c: Columns) -> Any:
        path = c.containers.path[c.containers.of_line]
        return np.bincount(path, weights=c.column(name))[path]

    yield Feature("alike lines", HTML, lambda c: _log(grouped("one", c)), "own")
    yield Feature("alike words", HTML, lambda c: _log(grouped("words", c)), "own")
    yield Feature("alike words share", HTML, lambda c: _ratio(grouped("words", c), c.total("words")), "own")
    yield Feature("alike words a line", HTML, lambda c: _log(_ratio(grouped("words", c), grouped("one", c))), "own")
    for name in ("link_words", "prose_words", "stop", "cue_words"):
        yield Feature(
            f"alike {name} density", HTML, partial(lambda n, c: _ratio(grouped(n, c), grouped("words", c)), name), "own"
        )


def _shape_features() -> Iterable[Feature]:
    """Runs, turns, copies, where the body is: all there is without HTML; with it, what tells a story from its tail."""
    for name in ("words", "capitals", "head_repeats", "wording", "numbers"):
        label = name.replace("_", " ")
        yield Feature(f"run {label}", BOTH, partial(lambda n, c: shapes.run_mean(c, n), name), "own")
    for step in (2, 3, 4):
        yield Feature(f"period {step}", BOTH, partial(lambda s, c: shapes.period(c, s), step), "own")
    for i, name in enumerate(("since copy", "until copy")):
        yield Feature(name, BOTH, partial(lambda i, c: _log(c.kept("copies", shapes.copy_distance)[i]), i), "own")
    for i, name in enumerate(("overlap above", "overlap below")):
        yield Feature(name, BOTH, partial(lambda i, c: c.kept("overlap", shapes.overlap)[i], i), "own")
    for name in ("first_word_repeats", "last_word_repeats"):
        yield Feature(name.replace("_", " "), BOTH, partial(lambda n, c: _log(c.column(n)), name), "own")
    for i, name in enumerate(("in body", "around body")):
        yield Feature(name, BOTH, partial(lambda i, c: c.kept("body", shapes.body)[i], i), "own")
    yield Feature(
        "lowest wording since prose", BOTH, lambda c: shapes.lowest_since_prose(c, c.column("wording")), "own"
    )
    yield Feature("highest cue since prose", BOTH, lambda c: -shapes.lowest_since_prose(c, -c.column("cue")), "own")
    for offset in (-1, 1):
        for name in ("tail", "head"):
            yield Feature(
                f"{name} {offset:+d}",
                BOTH,
                partial(lambda n, o, c: shapes.neighbour_code(c, getattr(c.tokens, n), o), name, offset),
                "own",
            )
    for name in ("wording", "title_like"):
        yield Feature(f"page line {name}", BOTH, partial(lambda n, c: c.total(n) / c.total("one"), name), "own")
    yield Feature("title like ±3", BOTH, lambda c: c.window("title_like", 3) / c.window("one", 3), "own")
    yield Feature("title like ±8", BOTH, lambda c: c.window("title_like", 8) / c.window("one", 8), "own")


def _place_features() -> Iterable[Feature]:
    """What stood above a line, prose or not: which labels, how much that recurs, what the words above and below say."""
    for name in ("share", "related", "legal", "subscribe", "comment", "nav", "byline"):
        yield Feature(
            f"since cue {name}", BOTH, partial(lambda n, c: _log(c.since(c.column(n) > 0)), f"label_{name}"), "own"
        )
    for name in ("share", "related", "legal", "subscribe", "comment", "nav", "byline", "shop"):
        yield Feature(f"cues {name} above", BOTH, partial(lambda n, c: _log(c.above(n)), f"label_{name}"), "own")
    for name in ("repeats", "template_repeats"):
        label, column = name.replace("_", " "), f"recurs_{name}"
        if name == "template_repeats":
            for r in (8, 20):
                near = partial(lambda r, c: c.window("log_template_repeats", r) / c.window("one", r), r)
                yield Feature(f"{label} ±{r}", BOTH, near, "own")
        yield Feature(f"{label} above", BOTH, partial(lambda n, c: _log(c.above(n)), column), "own")
        yield Feature(f"since {label}", BOTH, partial(lambda n, c: _log(c.since(c.column(n) > 0)), column), "own")
        yield Feature(f"page {label}", BOTH, partial(lambda n, c: c.total(n) / c.total("one"), column), "own")
    yield Feature("lowest wording 10 above", BOTH, lambda c: shapes.lowest_above(c, 10), "own")
    for name, words in (("wording", "words"), ("prose wording", "prose_words")):
        column = name.replace(" ", "_") + "_words"
        yield Feature(
            f"{name} above", BOTH, partial(lambda n, w, c: _ratio(c.above(n), c.above(w)), column, words), "own"
        )
        yield Feature(
            f"{name} below", BOTH, partial(lambda n, w, c: _ratio(c.below(n), c.below(w)), column, words), "own"
        )


def _lead_features() -> Iterable[Feature]:
    """What stands before a colon or a bar ("Related: a headline"), and how much the page's words tell at all."""
    for name in ("lead", "lead_upper", "lead_cue", "lead_wording", "lead_above", "wording_size"):
        kinds = BOTH if name == "wording_size" else TEXT
        yield Feature(name.replace("_", " "), kinds, partial(lambda n, c: c.column(n), name), "own")
    yield Feature("lead mark", TEXT, lambda c: c.tokens.mark, "own")
    yield Feature("after lead", TEXT, lambda c: np.where(c.tokens.lead > 0, c.tokens.words - c.tokens.lead, -1), "own")
    yield Feature("page leads alone", BOTH, lambda c: c.page_mean("lead_alone"), "own")


def _address_features() -> Iterable[Feature]:
    """Words that speak to the reader or for the site ("your", "we", "sign up"): an appeal has the length of a story's
    sentences, but a story seldom says "you". A page that says it everywhere is a letter or a set of instructions."""
    for r in (2, 8):
        yield Feature(
            f"address ±{r}",
            BOTH,
            partial(lambda r, c: _ratio(c.window("address_words", r), c.window("words", r)), r),
            "own",
        )
    yield Feature("page address", BOTH, lambda c: _ratio(c.total("address_words"), c.total("words")), "own")
    yield Feature("address above", BOTH, lambda c: _ratio(c.above("address_words"), c.above("words")), "own")


def _candidate_features() -> Iterable[Feature]:
    for i, name in enumerate(Candidates._fields):
        source = "R10" if "candidate" in name or "score" in name else "own"
        values = partial(lambda i, c: c.kept("candidates", candidates)[i], i)
        yield Feature(name.replace("_", " "), HTML, values, source)


def _cohesion_features() -> Iterable[Feature]:
    for i, name in enumerate(Cohesion._fields):
        yield Feature(
            f"cohesion {name.replace('_', ' ')}", BOTH, partial(lambda i, c: c.kept("cohesion", cohesion)[i], i), "H97"
        )


def _learnt_features() -> Iterable[Feature]:
    for name, kinds in (("structure", HTML), ("wording", BOTH)):
        yield Feature(name, kinds, partial(lambda n, c: c.column(n), name), "own")
        for r in (2, 5):
            yield Feature(
                f"{name} ±{r}", kinds, partial(lambda n, r, c: c.window(n, r) / c.window("one", r), name, r), "own"
            )
        yield Feature(f"page {name}", kinds, partial(lambda n, c: c.page_mean(n), name), "own")
        yield Feature(f"{name} against page", kinds, partial(lambda n, c: c.column(n) - c.page_mean(n), name), "own")
        yield Feature(f"{name} against best", kinds, partial(lambda n, c: c.column(n) - c.page_max(n), name), "own")


# What text does without: columns of the surroundings that carried least, and no worse without them.
_NOT_FOR_TEXT = frozenset(
    (
        "ends share ±2|head +1|link density ±20|link density ±3|link density ±5|link density ±8|link_words above|"
        "link_words above share|link_words below|prose_words ±20|prose_words ±3|"
        "repeats above|short ±5|stop share ±5|stop ±20|stop ±3|stop ±5|stop ±8|"
        "template repeats above|words below|words ±3|words ±5|words ±8"
    ).split("|")
)
# Features that HTML pages do without: each carried less than 0.12 % of the trees' gain, and the figures are no worse
# without all of them, at half the cost (docs/decisions.md, "Which features").
_NOT_FOR_HTML = frozenset(
    (
        "alike words a line|body overlap|body overlap ±3|capitals share ±2|capitals share ±5|chars|"
        "class ad|class article|class byline|class cart|class comment|class content|class docs|"
        "class faq|class form|class frame|class hero|class hidden|class list|class product|"
        "class related|class share|class side|class tags|class thread|class title|container 0 lines|"
        "container 0 prose_words density|container 0 words|container 0 words a line|"
        "container 0 words share|container 1 alike|container 1 children|container 1 controls|"
        "container 1 cue_words density|container 1 images|container 1 lines|"
        "container 1 prose_words density|container 1 tag|container 1 words|container 1 words a line|"
        "container 1 words share|container 2 alike|container 2 controls|container 2 cue_words density|"
        "container 2 images|container 2 lines|container 2 prose_words density|container 2 words|"
        "container 2 words a line|container 3 alike|container 3 children|container 3 images|"
        "container 3 lines|container 3 numbers density|container 3 prose_words density|"
        "container 3 stop density|container 3 words|container 3 words a line|container 4 lines|"
        "container 4 numbers density|container 4 prose_words density|container 4 stop density|"
        "container 4 words|container 5 lines|container 5 prose_words density|container 5 stop density|"
        "container 5 words share|cue address|cue_words share ±2|cue_words share ±5|ends|first character|"
        "head repeats|head repeats ±3|inline class|last character|lines below|link density ±1|"
        "link density ±20|link density ±8|link_words above|link_words above share|link_words below|"
        "links|numbers share ±2|numbers share ±5|page class ad|page class form|page class frame|"
        "page class tags|page class thread|page link_words share|page prose_words share|place|"
        "prose_words below|repeats|short run|since prose|tail repeats|until heading|until prose|"
        "word length|words below|"
        # and of what was made for text
        "address ±2|address ±8|around body|cohesion above|cohesion above near|cohesion below near|"
        "cues byline above|cues legal above|cues subscribe above|first word repeats|head +1|head -1|"
        "in body|last word repeats|lowest wording 10 above|overlap above|overlap below|period 2|period 3|"
        "period 4|run capitals|run words|since cue nav|since template repeats|tail -1|title like ±3|"
        "title like ±8|until copy"
    ).split("|")
)


_WITHOUT = {Kind.HTML: _NOT_FOR_HTML, Kind.TEXT: _NOT_FOR_TEXT}


def _chosen(feature: Feature) -> Feature:
    return feature._replace(kinds=tuple(kind for kind in feature.kinds if feature.name not in _WITHOUT[kind]))


FEATURES: dict[str, Feature] = {
    feature.name: feature
    for family in (
        _line_features, _repetition_features, _surrounding_features, _page_features, _container_features,
        _class_features, _group_features, _learnt_features, _shape_features, _place_features, _lead_features,
        _address_features, _cohesion_features, _candidate_features,
    )
    for feature in map(_chosen, family())
    if feature.kinds
}  # fmt: skip


def feature_names(kind: Kind) -> tuple[str, ...]:
    """The names of all features that serve a kind of page, in the order of the table."""
    return tuple(name for name, feature in FEATURES.items() if kind in feature.kinds)


def feature_matrix(
    pages: Sequence[Lines], names: Sequence[str], weights: HashedWeights | None = None
) -> npt.NDArray[np.float32]:
    """The features ``names`` of every line of a batch of pages of one kind: shape (lines, features), finite.

    ``weights`` are needed by the features that are learnt from words. Raises `KeyError` for a name that is not in
    the table. A batch without lines gives a matrix without rows.
    """
    filled = [page for page in pages if len(page)]
    if not filled:
        return np.zeros((0, len(names)), dtype=np.float32)
    return compute(Columns(filled, weights), names)


def compute(columns: Columns, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """The features ``names`` of every line of a batch: shape (lines, features). Raises `KeyError` as above."""
    features = [FEATURES[name] for name in names]
    matrix = np.empty((len(names), columns.n), dtype=np.float32)
    for row, feature in zip(matrix, features, strict=True):
        row[:] = feature.compute(columns)
    return matrix.T
