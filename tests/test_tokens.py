"""Words and their hashes, against a slow implementation that reads like the definition."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import tokens as tk
from cleaner.tokens import Tokens, hash_words, tokenize

# -- the reference ------------------------------------------------------------------------------------------------

CATEGORY = {
    "Lu": tk.UPPER, "Lt": tk.UPPER, "Ll": tk.LOWER, "Lm": tk.LETTER, "Lo": tk.LETTER, "Mn": tk.LETTER, "Mc": tk.LETTER,
    "Me": tk.LETTER, "Nd": tk.DIGIT, "Nl": tk.LETTER, "No": tk.DIGIT, "Zs": tk.SPACE, "Zl": tk.SPACE, "Zp": tk.SPACE,
    "Cc": tk.SPACE, "So": tk.SYMBOL, "Co": tk.OTHER, "Cs": tk.OTHER, "Cn": tk.OTHER, "Cf": tk.OTHER,
}  # fmt: skip
SPACELESS = ("THAI", "LAO", "MYANMAR", "KHMER", "CJK", "HIRAGANA", "KATAKANA", "KANGXI", "HALFWIDTH KATAKANA")
MARKS = {".": tk.END, "。": tk.END, "؟": tk.END, ",": tk.COMMA, "、": tk.COMMA, "|": tk.BAR, "»": tk.QUOTE, "›": tk.BAR,
         "「": tk.QUOTE, "(": tk.BRACKET, "：": tk.COLON, "_": tk.LETTER}  # fmt: skip


def class_of(char: str) -> int:
    if char in MARKS:
        return MARKS[char]
    if ord(char) > 0xFFFF:
        if 0x20000 <= ord(char) < 0x40000:
            return tk.LONE
        return tk.SYMBOL if 0x1F000 <= ord(char) < 0x20000 else tk.LETTER
    return int(tk._classify(np.array([ord(char)], dtype=np.uint32))[0])


UNSEEN = "\u00ad\u200b\u2060\ufeff"


def read(line: str) -> str:
    """A line as it is read: what nobody sees left out, letters and accents in one."""
    if any(char in UNSEEN or 0x300 <= ord(char) < 0x370 for char in line):
        return unicodedata.normalize("NFC", "".join(char for char in line if char not in UNSEEN))
    return line


def words(line: str) -> list[str]:
    """The words of a line that was read, in lower case."""
    out: list[str] = []
    run = ""
    for char in line:
        kind = class_of(char)
        if kind == tk.LONE or not tk.LOWER <= kind <= tk.LONE:
            out += [run] if run else []
            run = ""
            out += [lower(char)] if kind == tk.LONE else []
        else:
            run += lower(char)
    return [*out, run] if run else out


def lower(char: str) -> str:
    return "i" if char == "İ" else char.lower()


def words_of(tokens: Tokens, line: int) -> list[int]:
    return tokens.hashes[tokens.first[line] : tokens.first[line + 1]].tolist()


# Letters of many scripts, marks, and what is awkward: astral planes, surrogates, combining marks, İ.
CHARS = st.one_of(
    st.sampled_from(
        "aAbBzß09_ .,;|»\"'(-:\t\n\u00a0é́İıǅⅣ²中文。ひカｶ々กำลາမ္ខ្មאבعرب؟हिन्दी한글𠀀😀𝒜\ud800\udc00\u200b©★"
    ),
    st.characters(exclude_characters="Σ"),  # its lower case depends on its neighbours; it has a test of its own
)
LINES = st.lists(st.text(CHARS, max_size=25), max_size=8)


@settings(max_examples=300)
@given(LINES)
def test_words_are_those_of_the_definition(lines: list[str]) -> None:
    tokens = tokenize(lines)
    lines = [read(line) for line in lines]
    expected = [words(line) for line in lines]
    assert tokens.words.tolist() == [len(row) for row in expected]
    assert tokens.chars.tolist() == [len(line) for line in lines]
    flat = [word for row in expected for word in row]
    assert tokens.length.tolist() == [len(word) for word in flat]
    # Equal words have equal hashes and different words different ones.
    assert (
        len(set(zip(flat, tokens.hashes.tolist(), strict=True))) == len(set(flat)) == len(set(tokens.hashes.tolist()))
    )


@given(LINES)
def test_counts_heads_and_tails(lines: list[str]) -> None:
    tokens = tokenize(lines)
    for i, line in enumerate(lines):
        classes = [class_of(char) for char in read(line)]
        assert tokens.counts[i].tolist() == np.bincount(classes, minlength=tokens.counts.shape[1]).tolist()
        filled = [code for code in classes if code != tk.SPACE] or [tk.SPACE]
        assert (tokens.head[i], tokens.tail[i]) == (filled[0], filled[-1])


@given(LINES)
def test_flags_of_words(lines: list[str]) -> None:
    tokens = tokenize(lines)
    at = 0
    for line in lines:
        cut = line
        for word in words(line):
            # Find the word again in the line to see its characters as they stood.
            low = next(i for i in range(len(cut)) if "".join(map(lower, cut[i : i + len(word)])) == word)
            seen = [class_of(char) for char in cut[low : low + len(word)]]
            cut = cut[low + len(word) :]
            assert tokens.initial[at] == seen[0]
            assert bool(tokens.digits[at]) == (tk.DIGIT in seen)
            assert bool(tokens.all_upper[at]) == (tk.UPPER in seen and tk.LOWER not in seen)
            at += 1
    assert at == len(tokens.hashes)


@given(LINES, LINES)
def test_a_line_hashes_the_same_wherever_it_stands(above: list[str], lines: list[str]) -> None:
    alone, after = tokenize(lines), tokenize([*above, *lines])
    for template in (False, True):
        assert (
            alone.line_hashes(template=template).tolist() == after.line_hashes(template=template)[len(above) :].tolist()
        )
    assert alone.hashes.tolist() == after.hashes[after.first[len(above)] :].tolist()


@given(LINES, st.integers(1, 4))
def test_ngrams_and_lines_agree(lines: list[str], k: int) -> None:
    tokens = tokenize(lines)
    hashes, first = tokens.ngrams(k)
    assert first.tolist() == list(range(max(0, len(tokens.hashes) - k + 1)))
    by_start = dict(zip(first.tolist(), hashes.tolist(), strict=True))
    whole, head, tail = tokens.line_hashes(), tokens.line_hashes(head=k), tokens.line_hashes(tail=k)
    for i, count in enumerate(tokens.words.tolist()):
        start, stop = int(tokens.first[i]), int(tokens.first[i + 1])
        if count >= k:
            assert head[i] == by_start[start]
            assert tail[i] == by_start[stop - k]
        else:
            assert head[i] == tail[i] == whole[i]
        if count == 0:
            assert whole[i] == 0


@given(LINES)
def test_templates_make_words_with_a_digit_equal(lines: list[str]) -> None:
    tokens = tokenize(lines)
    forms = [tuple("#" if any(class_of(c) == tk.DIGIT for c in w) else w for w in words(line)) for line in lines]
    found = tokens.line_hashes(template=True).tolist()
    assert len(set(zip(forms, found, strict=True))) == len(set(forms)) == len(set(found))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        (" \t\u00a0", []),
        ("Don't stop-gap", ["don", "t", "stop", "gap"]),
        ("x_y 3rd 2024-05-01", ["x_y", "3rd", "2024", "05", "01"]),
        ("中文abc字", ["中", "文", "abc", "字"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("ŞİŞLİ", ["şişli"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("𝒜𝒷 😀 𠀀𠀁", ["𝒜𝒷", "𠀀", "𠀁"]),
        ("עברית، عربي", ["עברית", "عربي"]),
    ],
)
def test_words_by_example(line: str, expected: list[str]) -> None:
    assert words(line) == expected, "the reference itself"
    assert words_of(tokenize([line]), 0) == hash_words([*expected])[0].tolist()


def test_thai_stands_alone_letter_by_letter() -> None:
    assert tokenize(["ภาษาไทย"]).words.tolist() == [7]


def test_case_does_not_matter() -> None:
    for upper, low in (("ADVERTISEMENT", "advertisement"), ("ÉTÉ", "été"), ("ΓΕΙΑ", "γεια"), ("ЁЖ", "ёж"), ("İ", "i")):
        a, b = tokenize([upper]), tokenize([low])
        assert a.line_hashes().tolist() == b.line_hashes().tolist()


def test_a_final_sigma_is_the_same_word() -> None:
    lines = ["ΛΟΓΟΣ", "λόγος ΛΟΓΟΣ", "ο ΛΟΓΟΣ."]
    tokens = tokenize(lines)
    assert words_of(tokens, 0)[0] == words_of(tokens, 1)[1] == words_of(tokens, 2)[1]


def test_no_other_letter_changes_length_in_lower_case() -> None:
    # `tokenize` relies on it: the lower-case text is laid over the text itself.
    longer = [chr(i) for i in range(0x110000) if len(chr(i).lower()) != 1]
    assert longer == ["İ"]


def test_every_character_has_the_class_of_its_category() -> None:
    special = set(tk._END + tk._COMMA + tk._BAR + tk._QUOTE + tk._BRACKET + tk._COLON + "_")
    table = tk._table()
    for i in range(0x10000):
        char = chr(i)
        if char in special:
            continue
        if table[i] == tk.OTHER and unicodedata.unidata_version != "14.0.0":
            continue  # a newer Python knows characters that the table does not
        expected = CATEGORY.get(unicodedata.category(char), tk.MARK)
        if table[i] == tk.LONE:
            assert expected == tk.LETTER
        else:
            assert table[i] == expected, f"U+{i:04X}"


def test_the_table_of_characters_is_the_computed_one() -> None:
    computed, stored = tk.character_table(), tk._table()
    # A Python with a newer Unicode knows characters that the file does not: they stay unknown.
    changed = np.flatnonzero((computed != stored) & (stored != tk.OTHER))
    assert not len(changed), "run: python -m cleaner.tokens"
    assert (computed != stored).sum() < 2000


def test_scripts_without_spaces_stand_alone() -> None:
    for char in "กຂကខ中々〇〆ひカｱ㐀豈":
        assert class_of(char) == tk.LONE, char
    for char in "aяאعहকதక한გა":
        assert class_of(char) in (tk.LOWER, tk.LETTER), char


@pytest.mark.parametrize(
    ("line", "lead"),
    [
        ("Read more: the tide tables", 2),
        ("ALSO | Harbour master retires", 1),
        ("[Related: harbour master retires]", 1),
        ("(CNN) The harbour master retires", 1),
        ("【関連記事】港の話", 4),
        ("相关阅读：港口", 4),
        ("• Item | more", 1),
        ("Posted:", 1),
        ("At 12:30 the ferry left", 0),
        ("https://harbour.example/a b", 0),
        ("A sentence of more than six words: no lead", 0),
        ("No mark at all", 0),
        (": nothing before it", 0),
        ("", 0),
    ],
)
def test_what_stands_before_a_mark(line: str, lead: int) -> None:
    tokens = tokenize(["Above: it", line, "Below: it"])
    assert tokens.lead.tolist() == [1, lead, 1]
    assert (tokens.mark[1] > 0) == (lead > 0)


def test_leads_hash_alike_with_their_mark_only() -> None:
    tokens = tokenize(["Part 1: one", "part 2: another", "Part 2 | another", "Parts: one"])
    first, second, bar, other = tokens.lead_hashes(np.arange(4)).tolist()
    assert first == second
    assert len({first, bar, other}) == 3


def test_nothing_at_all() -> None:
    tokens = tokenize([])
    assert len(tokens.hashes) == len(tokens.words) == len(tokens.line_hashes()) == 0
    assert tokens.counts.shape[0] == 0
    assert len(tokens.ngrams(1)[0]) == 0
    assert hash_words([])[0].tolist() == []


def test_hash_words_leaves_out_what_is_not_one_word() -> None:
    assert hash_words(["one", "two words", "", "中", "中文"])[0].tolist() == [
        words_of(tokenize(["one"]), 0)[0],
        words_of(tokenize(["中"]), 0)[0],
    ]


def test_many_words_do_not_collide() -> None:
    names = [f"{a}{b}{c}" for a in "abcdefghij" for b in "abcdefghijklmnopqrstuvwxyz" for c in range(400)]
    assert len(set(tokenize(names).hashes.tolist())) == len(names)


def test_characters_that_nobody_sees_part_no_word() -> None:
    plain, odd = tokenize(["Kraftfahrzeug été", "क्षि"]), tokenize(["Kraft\u00adfahr\u200bzeug e\u0301te\u0301", "क्षि"])
    assert plain.hashes.tolist() == odd.hashes.tolist()
    assert plain.chars.tolist() == odd.chars.tolist()


def test_a_line_is_the_same_beside_odd_ones() -> None:
    lines = ["\u212b kelvin", "ﬁne e\u0301", "\u1100\u1161 x"]  # the first and the last are no NFC either
    alone = [tokenize([line]).hashes.tolist() for line in lines]
    assert tokenize(lines).hashes.tolist() == [key for keys in alone for key in keys]
