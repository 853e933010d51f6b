"""The table of features and its matrix: finite, complete, and the same for a page whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.features import FEATURES, feature_matrix, feature_names
from cleaner.features.columns import Columns
from cleaner.features.hashed import BUCKETS, TEXT_BUCKETS, HashedWeights, structure_terms, wording_terms
from cleaner.lexicon import CUES
from cleaner.page import Kind, Lines, Page
from cleaner.segmentation import segment

PROSE = "The ferry to the northern islands left an hour late, because of the fog that covered the bay."


def html(content: str) -> Lines:
    return segment(Page(content, Kind.HTML))


def text(content: str) -> Lines:
    return segment(Page(content, Kind.TEXT))


def values(lines: Lines, name: str) -> list[float]:
    return [round(float(v), 6) for v in feature_matrix([lines], [name])[:, 0]]


# Weights as a model would have them, but random: what they say does not matter here.
WEIGHTS = HashedWeights(*np.random.default_rng(4).normal(size=(2, BUCKETS)).astype(np.float32))
NO_WEIGHTS = HashedWeights(*np.zeros((2, 0), dtype=np.float32))


def matrix_of(pages: list[Lines], kind: Kind) -> np.ndarray:
    return feature_matrix(pages, feature_names(kind), WEIGHTS)


# -- the table ----------------------------------------------------------------------------------------------------


def test_every_feature_says_what_it_is() -> None:
    sources = {"K10", "P10", "W07", "S11", "V18", "R10", "R20", "H97", "own"}
    for name, feature in FEATURES.items():
        assert feature.name == name
        assert feature.source in sources
        assert feature.kinds
        assert set(feature.kinds) <= set(Kind)


def test_names_are_unique_across_the_families() -> None:
    import cleaner.features as module

    families = [value for name, value in vars(module).items() if name.startswith("_") and name.endswith("_features")]
    listed = [feature.name for family in families for feature in family()]
    assert len(listed) == len(set(listed))
    assert set(FEATURES) <= set(listed)
    # What is left out for a kind is named as the families name it, and gone unless the other has it.
    for kind, without in ((Kind.HTML, module._NOT_FOR_HTML), (Kind.TEXT, module._NOT_FOR_TEXT)):
        assert set(listed) >= without
        assert not without & set(feature_names(kind))


def test_feature_names_serve_their_kind() -> None:
    for kind in Kind:
        assert feature_names(kind) == tuple(n for n, f in FEATURES.items() if kind in f.kinds)
    assert "container 5 words" not in feature_names(Kind.TEXT)
    assert "blank below" not in feature_names(Kind.HTML)


# -- the matrix ---------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        PROSE, "Home", "Advertisement", "Read more:", "12", "©", "—", "中文句子，很长的一句话。", "يقول: «نعم».",
        "😀 😀", "NEWS | SPORT | WEATHER", "By Ann Lee, 3 May 2024", "\u200b", "ภาษาไทย", "Share this story",
        "a" * 400, "0",
    ]
)  # fmt: skip
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from(["\n", "\n\n", "\n- ", "\n# "])), max_size=25).map(
    lambda rows: "".join(piece + end for piece, end in rows)
)
TAGS = st.sampled_from(
    ["p", "div class='content main'", "li", "nav", "td", "h2", "section id=ad-1", "a href=x", "b", "br"]
)
PAGES = st.lists(st.tuples(TAGS, PIECES, st.booleans()), max_size=25).map(
    lambda rows: "".join(f"<{tag}>{piece}" + (f"</{tag.split()[0]}>" if close else "") for tag, piece, close in rows)
)


@settings(max_examples=40)
@given(st.lists(PAGES, min_size=1, max_size=4), st.lists(TEXTS, min_size=1, max_size=4))
def test_a_page_has_the_same_features_alone_and_among_others(pages: list[str], texts: list[str]) -> None:
    for kind, contents in ((Kind.HTML, pages), (Kind.TEXT, texts)):
        batch = [segment(Page(content, kind)) for content in contents]
        names = feature_names(kind)
        together = matrix_of(batch, kind)
        assert together.shape == (sum(map(len, batch)), len(names))
        assert together.dtype == np.float32
        assert np.isfinite(together).all()
        alone = np.concatenate([matrix_of([lines], kind) for lines in batch])
        worst = np.abs(together - alone)
        assert worst.size == 0 or worst.max() <= 1e-5, names[int(worst.max(axis=0).argmax())]


@given(st.lists(st.sampled_from(feature_names(Kind.TEXT)), max_size=8))
def test_columns_stand_in_the_order_that_was_asked_for(names: list[str]) -> None:
    lines = text(f"Title\n\n{PROSE}\nShare this\n")
    matrix = feature_matrix([lines], names, WEIGHTS)
    whole = matrix_of([lines], Kind.TEXT)
    for i, name in enumerate(names):
        assert (matrix[:, i] == whole[:, feature_names(Kind.TEXT).index(name)]).all()


@pytest.mark.parametrize("kind", list(Kind))
def test_few_lines_or_none(kind: Kind) -> None:
    names = feature_names(kind)
    assert feature_matrix([], names).shape == (0, len(names))
    none, one = segment(Page("", kind)), segment(Page("word", kind))
    assert feature_matrix([none], names).shape == (0, len(names))
    assert len(one) == 1
    among = matrix_of([none, one, none, one], kind)
    assert np.isfinite(among).all()
    assert (among[0] == matrix_of([one], kind)[0]).all()
    assert (among[0] == among[1]).all()
    wordless = segment(Page("—\n\n©\n", kind))
    assert np.isfinite(matrix_of([wordless], kind)).all()


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        feature_matrix([text("x")], ["no such feature"])


def test_columns_need_a_line() -> None:
    with pytest.raises(ValueError, match="at least one line"):
        Columns([])


def test_text_has_no_containers() -> None:
    with pytest.raises(ValueError, match="only HTML"):
        feature_matrix([text("x")], ["container 5 words"])


# -- learnt from words --------------------------------------------------------------------------------------------


def test_learnt_features_need_weights_and_take_empty_ones() -> None:
    lines = text("Share this story\nThe ferry is late")
    with pytest.raises(ValueError, match="weights of a model"):
        feature_matrix([lines], ["wording"])
    assert feature_matrix([lines], ["wording"], NO_WEIGHTS).tolist() == [[0], [0]]


@settings(max_examples=60)
@given(st.lists(PAGES, min_size=1, max_size=3), st.sampled_from(["structure", "wording"]))
def test_the_terms_that_are_trained_are_the_terms_that_are_scored(pages: list[str], name: str) -> None:
    batch = [lines for lines in map(html, pages) if len(lines)]
    if not batch:
        return
    columns = Columns(batch, WEIGHTS)
    lines, buckets = (structure_terms if name == "structure" else wording_terms)(columns)
    weights = getattr(WEIGHTS, name)
    assert ((buckets >= 0) & (buckets < BUCKETS)).all()
    total, count = np.zeros(columns.n), np.zeros(columns.n)
    for line, bucket in zip(lines.tolist(), buckets.tolist(), strict=True):
        total[line] += weights[bucket]
        count[line] += 1
    expected = total / np.sqrt(np.maximum(count, 1))
    assert columns.column(name) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("size", [BUCKETS, TEXT_BUCKETS])
def test_wording_of_text_has_weights_of_either_size(size: int) -> None:
    columns = Columns([text(f"Share this\n{PROSE}\n\n2 of 3")])
    lines, buckets = wording_terms(columns, size)
    assert (buckets < size).all()
    weights = np.random.default_rng(1).normal(size=size).astype(np.float32)
    total = np.bincount(lines, weights=weights[buckets]) / np.sqrt(np.bincount(lines))
    known = Columns([text(f"Share this\n{PROSE}\n\n2 of 3")], HashedWeights(NO_WEIGHTS.structure, weights))
    assert known.column("wording") == pytest.approx(total, abs=1e-5)


# -- single features on lines small enough to count ---------------------------------------------------------------


def test_length_and_links() -> None:
    lines = html("<p>one two <a href=x>three</a></p><p>four</p>")
    assert values(lines, "words") == [round(float(np.log1p(n)), 6) for n in (3, 1)]
    assert values(lines, "link density") == [round(5 / 13, 6), 0]
    assert values(lines, "link_density +1") == [0, -1]
    assert values(lines, "repeats -1") == [-1, 1]


def test_markdown_links_count_as_links() -> None:
    assert values(text("[said](#)\nplain"), "link density") == [1, 0]


def test_windows_end_with_the_page() -> None:
    names = ["words ±1", "page words", "lines above", "lines below"]
    first, second = text("a b\nc"), text("d\ne f g\nh")
    both = feature_matrix([first, second], names)
    assert np.expm1(both[:, 0]).round(3).tolist() == [3, 3, 4, 5, 4]
    assert np.expm1(both[:, 1]).round(3).tolist() == [3, 3, 5, 5, 5]
    assert np.expm1(both[:, 2]).round(3).tolist() == [0, 1, 0, 1, 2]
    assert np.expm1(both[:, 3]).round(3).tolist() == [1, 0, 2, 1, 0]


def test_since_and_until_prose() -> None:
    lines = text(f"a\nb\n{PROSE}\nc\nd")
    assert np.expm1(feature_matrix([lines], ["since prose"])[:, 0]).round().tolist() == [5, 5, 0, 1, 2]
    assert np.expm1(feature_matrix([lines], ["until prose"])[:, 0]).round().tolist() == [2, 1, 0, 5, 5]


def test_repetition() -> None:
    lines = text("Caption here\nAnother\nCaption here\nVideo 1\nVideo 2\n—\n—")
    counts = np.expm1(feature_matrix([lines], ["repeats", "copy", "template repeats"])).round().astype(int).tolist()
    assert counts == [[2, 0, 2], [1, 0, 1], [2, 1, 2], [1, 0, 2], [1, 0, 2], [1, 0, 1], [1, 0, 1]]


def test_cue_phrases_cover_words() -> None:
    lines = text("Advertisement\nShare this story\nThe harbour is quiet tonight")
    ad, share, whole = (values(lines, f"cue{name}") for name in (" ad", " share", ""))
    assert ad[0] == whole[0] == 1
    assert share[1] > 0.5
    assert whole[2] == 0
    assert {f"cue {name}" for name in CUES} <= set(FEATURES)


def test_a_cue_phrase_does_not_cross_lines() -> None:
    assert values(text("all rights reserved"), "cue legal") == [1]
    assert values(text("They gave up all rights\nreserved for the heirs"), "cue legal") == [0, 0]


def test_words_of_a_line_of_its_own_are_no_evidence_for_it() -> None:
    lines = text(f"{PROSE}\nferry islands\nunrelated nonsense")
    assert values(lines, "body overlap")[1:] == [1, 0]
    assert values(lines, "body overlap")[0] < 1
    assert values(text(PROSE), "body overlap") == [0]


def test_containers_are_those_with_more_lines() -> None:
    lines = html("<main><div><div><p>a b</p></div></div><p>c d e</p></main><p>f</p>")
    box = Columns([lines]).containers
    words = [box.sums("words")[box.ancestor(k)].tolist() for k in range(3)]
    assert words == [[2, 3, 1], [5, 5, 6], [6, 6, 6]]
    assert np.expm1(feature_matrix([lines], ["container 5 words"])[:, 0]).round().tolist() == [6, 6, 6]


def test_hidden_is_a_feature() -> None:
    lines = html("<div hidden><p>a</p></div><noscript><p>b</p></noscript><p>c</p>")
    assert values(lines, "hidden") == [1, 0, 0]


def test_class_words_near_and_far() -> None:
    lines = html(
        "<div class=menu><div><div><div><div><p>x</p><p class=menu>y</p></div><p>q</p></div><p>r</p></div>"
        "<p>s</p></div></div><p>z</p>"
    )
    found = values(lines, "class nav")
    assert found[0] == 1
    assert found[1] == 3
    assert found[-1] == 0


def test_the_hull_holds_the_prose() -> None:
    lines = html(f"<nav><p>Home</p></nav><main><article><p>{PROSE}</p><p>{PROSE}</p></article><p>x</p></main>")
    assert values(lines, "in hull 0.8") == [0, 1, 1, 0]
    assert values(lines, "around hull 0.8")[0] < 0 < values(lines, "around hull 0.8")[3]


def test_stop_words_are_those_of_the_page() -> None:
    # "die" is an article in German, and a verb in an English page.
    german = text("Die Fähre ist nicht in der Bucht, und das ist der Grund, die Reise nicht zu machen.\nDie")
    assert values(german, "stop share")[1] == 1
    english = text("The ferry is not in the bay, and that is the reason why we are not to be on it.\nDie")
    assert values(english, "stop share")[1] == 0


# -- shapes of text -----------------------------------------------------------------------------------------------


def test_a_caption_and_its_copy() -> None:
    lines = text("A crane lifts the bell\nA crane lifts the bell\nThe bell is old\n—\nA crane lifts the bell")
    assert values(lines, "overlap below") == [1, 0.4, 0, 0, 0]
    assert values(lines, "overlap above") == [0, 1, 0.5, 0, 0]
    assert values(lines, "until copy") == [round(float(np.log1p(n)), 6) for n in (1, 3, 1000, 1000, 1000)]
    assert values(lines, "since copy") == [round(float(np.log1p(n)), 6) for n in (1000, 1, 1000, 1000, 3)]


def test_titles_and_durations_by_turns() -> None:
    turns = text("\n".join(f"Title number {i} of many\n{i}:{i}0" for i in range(10, 20)))
    alike = text("\n".join(f"Title number {i} of many" for i in range(20)))
    assert values(turns, "period 2")[10] == 16
    assert values(turns, "period 3")[10] == 0
    assert set(values(alike, "period 2")) == {0}


def test_where_the_body_is() -> None:
    page = "Home\nNews\nSport\n" + f"{PROSE}\n" * 3 + "A heading\n" + f"{PROSE}\n" * 3 + "More\nTerms\nPrivacy"
    assert values(text(page), "in body") == [0] * 3 + [1] * 7 + [0] * 3
    far = [round(float(np.log1p(n)), 6) for n in (1, 2, 3)]
    assert values(text(page), "around body") == [-x for x in far[::-1]] + [0] * 7 + far
    assert set(values(text("Home\nNews"), "in body")) == {0}


def test_shapes_do_not_depend_on_the_batch() -> None:
    names = [f.name for f in FEATURES.values() if f.kinds == (Kind.TEXT,)]
    pages = [text(f"Home\nHome\n{PROSE}\nTitle one\n1:20"), text(f"1:20\nTitle one\n{PROSE}"), text("Home")]
    together = feature_matrix(pages, names, WEIGHTS)
    alone = np.concatenate([feature_matrix([page], names, WEIGHTS) for page in pages])
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_page_of_single_letters_is_judged_alike_in_every_batch(kind: Kind) -> None:
    # The hash of a single letter is its code, as small a number as that of a line of the batch.
    rows = [f"{chr(97 + i % 26)} {i % 10}" for i in range(260)]
    content = "\n".join(rows) if kind is Kind.TEXT else "".join(f"<p>{row}" for row in rows)
    page, other = segment(Page(content, kind)), segment(Page(PROSE, kind))
    alone = matrix_of([page], kind)
    for before in (1, 2, 7, 31):
        assert (matrix_of([other] * before + [page], kind)[before:] == alone).all()
    if kind is Kind.TEXT:
        assert not np.any(values(page, "overlap above"))


STORY = (
    "The ferry company said the harbour of Norvik would be closed on Monday.",
    "Divers had found cracks in the quay, where ferries unload the lorries.",
    "Norvik has asked the company to bring passengers ashore in small boats.",
    "The divers will look at the harbour wall again before the ferries return.",
)
OTHERS = (
    "A chess tournament for children drew ninety players to the old library.",
    "Bakers complain about flour prices, which have doubled since last winter.",
    "Our choir is looking for tenors and basses; rehearsals begin in autumn.",
    "The museum shows paintings of orchards, lent by a collector in Vienna.",
)


def test_what_is_about_something_else_is_tied_to_the_body_by_few_words() -> None:
    lines = text("\n".join(STORY + OTHERS))
    for name in ("cohesion lowest", "cohesion lowest share", "cohesion core"):
        found = values(lines, name)
        assert min(found[:4]) > max(found[4:]), name
    assert values(lines, "cohesion lead")[3] == 0.5
    assert values(lines, "cohesion above near")[0] == 0
    assert values(lines, "cohesion below near")[-1] == 0
    # Seen from the place with the most ties, lines above are at a negative distance, and ties grow towards it.
    place = values(lines, "cohesion core distance")
    assert place == sorted(place)
    assert values(lines, "cohesion ties")[place.index(0)] == 1


def test_forms_of_a_word_meet_and_stop_words_do_not() -> None:
    forms = text("Пожарные тушили склад на окраине.\nСклада больше нет, сказал пожарный.")
    assert min(values(forms, "cohesion above near")[1:]) > 0.3
    stops = text("He was there with all of them and it was so.\nShe was there with all of them and so it was.")
    assert set(values(stops, "cohesion below near")) == {0}
    numbers = text("Room 12345 on 12 May 2020\nHall 12345 in 12 parts 2020")
    assert set(values(numbers, "cohesion below near")) == {0}


def test_without_spaces_pairs_of_characters_are_terms() -> None:
    lines = text("東京の港で船が沈んだ。\n港の船は明日動く。\n音楽祭開幕")
    assert values(lines, "cohesion below near")[2] == values(lines, "cohesion above near")[2] == 0
    pairs = text("警察官到着\n警察官退去\n音楽祭開幕")
    assert values(pairs, "cohesion below near") == [0.5, 0, 0]


def test_ties_reach_twelve_lines() -> None:
    for between, tied in ((11, 1.0), (12, 0.0)):
        lines = text("\n".join(["Kilimanjaro", *["—"] * between, "Kilimanjaro"]))
        assert values(lines, "cohesion ties")[-1] == tied
        assert values(lines, "cohesion above")[-1] == 1
    assert set(values(text("—\n—"), "cohesion core")) == {0}


def test_words_that_speak_to_the_reader_are_no_cue_by_themselves() -> None:
    lines = text(f"You and your family can support us: please sign up for our newsletter.\n{PROSE}")
    assert values(lines, "cue address")[0] > 0.4
    assert values(lines, "cue address")[1] == 0
    assert values(lines, "page address")[0] == pytest.approx(values(lines, "address ±2")[0], abs=1e-6)
    assert values(text("Your"), "cue") == [0]


def test_what_stands_before_a_mark_is_looked_up_as_a_whole() -> None:
    lines = text("Related stories: the tide\nREAD MORE:\nThe tide tables\nNote: wait | see")
    related = CUES.index("related") + 1
    assert values(lines, "lead") == [2, 2, 0, 1]
    assert values(lines, "lead cue") == [related, related, 0, 0]
    assert values(lines, "lead upper") == [0, 1, 0, 0]
    assert values(lines, "after lead") == [2, 0, -1, 2]
    weights = HashedWeights(NO_WEIGHTS.structure, np.arange(1, 1 + BUCKETS, dtype=np.float32))
    found = feature_matrix([lines], ["lead wording", "lead above"], weights)
    assert (found[:, 0] > 0).tolist() == [True, True, False, True]
    assert found[:, 1].tolist() == [0, 0, found[1, 0], 0]


def test_words_that_tell_nothing_are_seen_by_their_size() -> None:
    lines = text("One line of words\nAnother line of other words")
    weak = HashedWeights(WEIGHTS.structure, WEIGHTS.wording / 10)
    strong, faint = (feature_matrix([lines], ["wording size", "wording"], w) for w in (WEIGHTS, weak))
    assert strong[:, 0] == pytest.approx(float(np.sqrt((strong[:, 1] ** 2).mean())))
    assert faint[:, 0] == pytest.approx(strong[:, 0] / 10)


def test_what_a_label_says_holds_until_the_next_prose() -> None:
    lines = text(f"Home\n{PROSE}\nShare this story\nTwo\nThree\n{PROSE}\nFour")
    found = values(lines, "highest cue since prose")
    assert found[2] == found[3] == found[4] > 0.5
    assert [found[i] for i in (1, 5)] == [values(lines, "cue")[i] for i in (1, 5)]
    assert found[6] == 0


# -- candidates ---------------------------------------------------------------------------------------------------


def thread(comments: int, paragraphs: int = 6) -> Lines:
    """A story in one element and readers' comments in as many others."""
    story = "".join(f"<p>{PROSE} Part {i}, which the harbour knows.</p>" for i in range(paragraphs))
    posts = "".join(f"<div><div><p>{PROSE} I was aboard, seat {i}.</p></div></div>" for i in range(comments))
    return html(f"<div><h1>Fog</h1><div>{story}</div></div><section>{posts}</section><p>Contact</p>")


def test_the_candidate_is_the_story_and_not_the_longer_thread() -> None:
    lines = thread(comments=9)
    story = [text.count("Part") > 0 for text in lines.texts]
    assert values(lines, "in candidate") == [float(own) for own in story]
    around = values(lines, "around candidate")
    assert around[0] < 0
    assert around[-1] > 0
    assert {value for value, own in zip(around, story, strict=True) if own} == {0}
    share = values(lines, "score against best")
    assert share[1] == 1
    assert max(value for value, own in zip(share, story, strict=True) if not own) < 1
    assert values(lines, "host against best")[1] == 1


def test_hosts_alike_are_counted_together() -> None:
    lines = thread(comments=9)
    posts = [text.count("seat") > 0 for text in lines.texts]
    alike = values(lines, "hosts alike")
    assert {value for value, own in zip(alike, posts, strict=True) if own} == {round(float(np.log1p(9)), 6)}
    assert alike[1] == round(float(np.log1p(1)), 6)
    # Nine comments have more prose than six paragraphs: the best hosts are theirs, the best single host is not.
    assert values(lines, "in best hosts") == [float(own) for own in posts]
    assert values(lines, "around best hosts")[1] < 0
    assert values(lines, "hosts alike against best")[1] == pytest.approx(6 / 9, abs=0.03)
    few = thread(comments=2)
    assert values(few, "in best hosts")[1] == 1
    assert values(few, "in best hosts")[-1] == 0


def test_a_class_name_turns_the_candidate() -> None:
    story = "".join(f"<p>{PROSE} Part {i}.</p>" for i in range(4))
    for first, second, expected in (("story-body", "x", 1.0), ("sidebar", "x", 0.0), ("x", "comments", 1.0)):
        lines = html(f"<div class='{first}'>{story}</div><div class='{second}'>{story}</div>")
        assert values(lines, "in candidate") == [expected] * 4 + [1 - expected] * 4


def test_a_page_without_prose_has_no_hosts() -> None:
    lines = html("<ul><li><a href=a>Home</a></li><li><a href=b>News</a></li></ul><p>12</p>")
    for name in ("in best hosts", "around best hosts", "hosts alike", "host prose", "best host share"):
        assert set(values(lines, name)) == {0}, name


def test_a_tie_is_decided_alike_whatever_stands_before_it_in_the_batch() -> None:
    links = "".join(f"<li><a href=x>A headline of more than twenty-five characters {i}</a></li>" for i in range(7))
    page = html(f"<ul>{links}</ul><div></div>")
    names = [name for name in feature_names(Kind.HTML) if "candidate" in name]
    alone = feature_matrix([page], names)
    for lines in range(1, 30):
        before = html("".join(f"<p>{'word ' * n}<a href=x>and a link, number {n}</a></p>" for n in range(lines)))
        assert (feature_matrix([before, page], names)[len(before) :] == alone).all(), lines
