"""The word lists are data, so they are held like data: every row is read, none is written twice, none is too long."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import cleaner.lexicon
from cleaner.features import Columns
from cleaner.lexicon import CUES, TABLES, cues, languages, phrases, stop_words
from cleaner.lexicon.build import arrays
from cleaner.page import Kind, Page
from cleaner.segmentation import segment
from cleaner.tokens import hash_words, tokenize

FOLDER = Path(cleaner.lexicon.__file__).parent
STOP = sorted((FOLDER / "stopwords").glob("*.txt"))
CUE = sorted((FOLDER / "cues").glob("*.tsv"))


def rows(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("path", STOP, ids=lambda path: path.stem)
def test_stop_words_are_one_lower_case_word_a_row(path: Path) -> None:
    found = rows(path)
    assert len(found) >= 20
    assert not [word for word in found if word != word.strip() or not word]
    assert not [word for word, count in Counter(found).items() if count > 1], "written twice"
    assert not [word for word in found if word != word.replace("İ", "i").lower()]


@pytest.mark.parametrize("path", CUE, ids=lambda path: path.stem)
def test_cue_phrases_have_a_class_and_are_short_enough_to_be_found(path: Path) -> None:
    found = rows(path)
    assert found
    assert not [row for row in found if row.count("\t") != 1 or row != row.strip()]
    names = {row.split("\t")[0] for row in found}
    assert names <= set(CUES)
    sizes = tokenize([row.split("\t")[1] for row in found]).words
    assert not [row for row, size in zip(found, sizes.tolist(), strict=True) if not 1 <= size <= 6], "1 to 6 words"
    assert not [row for row, count in Counter(found).items() if count > 1], "written twice"


def test_at_least_thirty_languages_have_stop_words_and_cues_of_every_class() -> None:
    complete = {path.stem for path in CUE if {row.split("\t")[0] for row in rows(path)} == set(CUES)}
    assert len(complete & {path.stem for path in STOP}) >= 30
    assert complete == {path.stem for path in CUE}


def test_stop_words_are_words_of_their_own_in_the_text() -> None:
    # A word that is cut into several tokens is never found. Contractions are, and words of scripts without spaces.
    for path in STOP:
        found = rows(path)
        alive = int(hash_words(found)[1].sum())
        assert alive >= (0.7 * len(found) if path.stem not in ("th", "ja", "zh") else 1), path.stem


# What a web page prints below an article, in scripts of every kind: most of it must be covered by cues of its class.
PRINTED = [
    ("Leave a comment", "comment"), ("Alle Rechte vorbehalten", "legal"), ("À lire aussi", "related"),
    ("Datenschutzerklärung", "legal"), ("Política de privacidad", "legal"), ("Все права защищены", "legal"),
    ("Читайте также", "related"), ("船は今朝も遅れた", ""), ("今天天气很好", ""), ("Der Hafen lag im Nebel", ""),
    ("関連記事", "related"), ("相关阅读", "related"),
    ("版权所有", "legal"), ("관련 기사", "related"), ("اقرأ أيضا", "related"), ("قراءة المزيد", "related"),
    ("Διαβάστε επίσης", "related"), ("Přečtěte si také", "related"), ("Zobacz także", "related"),
    ("Leggi anche", "related"), ("Lees ook", "related"), ("Les også", "related"), ("Läs också", "related"),
    ("Lue myös", "related"), ("Citește și", "related"), ("Baca juga", "related"), ("Xem thêm", "related"),
    ("यह भी पढ़ें", "related"), ("קרא עוד", "related"), ("Читайте також", "related"), ("แนะนำ", "related"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name"), PRINTED)
def test_what_pages_print_is_recognised(text: str, name: str) -> None:
    page = Page(f"<p>{text}</p>", Kind.HTML)
    columns = Columns([segment(page)])
    shares = {cue: float(columns.cue(cue)[0]) for cue in CUES}
    assert (max(shares, key=lambda cue: shares[cue]) if max(shares.values()) >= 0.5 else "") == name, shares


def test_names_are_language_codes_that_fit_in_64_bits() -> None:
    assert len(languages()) <= 64
    assert languages() == tuple(path.stem for path in STOP)
    assert all(re.fullmatch("[a-z]{2,3}", path.stem) for path in STOP + CUE)


def test_sources_says_how_much_there_is() -> None:
    sources = " ".join((FOLDER / "SOURCES.md").read_text(encoding="utf-8").split())
    assert f"function words of {len(STOP)} languages" in sources
    assert f"in {len(CUE)} languages" in sources
    for name in CUES:
        assert f"`{name}`" in sources


def test_a_stop_word_is_looked_up_in_all_its_languages() -> None:
    words = stop_words()
    found = words.find(hash_words(["the", "DER", "de", "的", "ferry"])[0])

    def names(row: int) -> set[str]:
        bits = int(words.languages[row]) if row >= 0 else 0
        return {code for i, code in enumerate(languages()) if bits >> i & 1}

    the, der, de, chinese, ferry = (names(int(row)) for row in found)
    assert "en" in the
    assert "de" in der
    assert {"fr", "es"} <= de
    assert "zh" in chinese
    assert not ferry


def test_stop_words_are_sorted_for_the_search() -> None:
    assert (np.diff(stop_words().hashes.astype(object)) > 0).all()
    assert (stop_words().languages > 0).all()


def test_every_phrase_is_found_again() -> None:
    by_length = cues().by_length
    for path in CUE:
        for row in rows(path):
            name, phrase = row.split("\t")
            tokens = tokenize([phrase])
            k = int(tokens.words[0])
            keys, bits = by_length[k]
            at = int(np.searchsorted(keys, tokens.ngrams(k)[0][0]))
            assert keys[at] == tokens.ngrams(k)[0][0]
            assert bits[at] >> CUES.index(name) & 1


@pytest.mark.parametrize("code", ["en", "de", "fr", "es", "zh", "ja", "ar", "ru"])
def test_the_languages_of_the_fixtures_have_both_lists(code: str) -> None:
    assert (FOLDER / "stopwords" / f"{code}.txt").is_file()
    assert (FOLDER / "cues" / f"{code}.tsv").is_file()


def test_the_tables_are_those_of_the_lists() -> None:
    with Path(TABLES).open("rb") as file:
        for expected in arrays():
            found = np.load(file, allow_pickle=False)
            assert found.dtype == expected.dtype
            assert found.tolist() == expected.tolist(), "run: python -m cleaner.lexicon.build"
        assert not file.read()


def test_every_word_and_no_other_is_found_in_the_hash_table() -> None:
    known = stop_words().hashes
    assert stop_words().find(known).tolist() == list(range(len(known)))
    others = np.setdiff1d(np.random.default_rng(1).integers(0, 2**63, 100_000).astype(np.uint64), known)
    assert (stop_words().find(others) == -1).all()


@pytest.mark.parametrize("language", ["", "xx", "../stopwords/en", "\0", "e" * 5000])
def test_a_language_without_a_list_has_the_english_phrases(language: str) -> None:
    assert phrases(language) == phrases("en") != phrases("de")
    assert "lesen sie auch" in phrases("de")["related"]
