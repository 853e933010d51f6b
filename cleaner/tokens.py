"""Characters and words of many lines at once, as arrays.

All lines of a batch are joined into one array of code points; a table lookup classes each of them, and word
boundaries, word hashes and any n-gram's hash follow from array operations. Nothing here loops over lines.

A word is a run of letters, marks and digits; in scripts that write no spaces (Han, kana, Thai, Lao, Khmer, Burmese)
each character is a word. Hashes are polynomial prefix hashes modulo 2**64 (Karp and Rabin 1987): the hash of a slice
is a difference of two prefixes, shifted back by the inverse of an odd base.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Tokens", "character_table", "hash_strings", "hash_words", "mixed", "spread", "tokenize"]

TABLE = os.path.join(os.path.dirname(__file__), "characters.npy")
Codes: TypeAlias = "npt.NDArray[np.uint8]"
Hashes: TypeAlias = "npt.NDArray[np.uint64]"
Ints: TypeAlias = "npt.NDArray[np.int64]"
Flags: TypeAlias = "npt.NDArray[np.bool_]"

# Each character has one class.
OTHER, LOWER, UPPER, DIGIT, LETTER, LONE = range(6)  # LETTER: no case; LONE: a word of its own
SPACE, END, COMMA, BAR, QUOTE, BRACKET, SYMBOL, MARK, COLON = range(6, 15)
# END ends a sentence, COMMA parts one, BAR parts the items of a menu, SYMBOL is © ★ or emoji, MARK is all the rest
_CLASSES = 16

_END = ".!?…。！？｡؟۔।॥։።၊။"
_COMMA = ",;，、；،؛၊"
_BAR = "|›»•·/>\\‹«→←▸►‣∙●■◆»¦｜"
_QUOTE = "\"'“”„‟‘’‚‛«»「」『』《》〈〉〝〟"
_BRACKET = "()[]{}（）【】［］〔〕"
_COLON = ":：꞉"
_LONE = (
    (0x0E00, 0x0E7F), (0x0E80, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
)  # fmt: skip
_ROMAN = range(0x2160, 0x2170)  # numerals in upper case, which are no letters
# Between these ranges stand the big blocks of ideographs and syllables, where there are only letters.
_NOT_ALL_LETTERS = ((0x0000, 0x33FF), (0x4DC0, 0x4DFF), (0xA000, 0xABFF), (0xD7A4, 0xD7FF), (0xF900, 0xFFFF))
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_TOKEN_BASE = 0xC2B2AE3D27D4EB4F
_SPREAD = 0xD6E8FEB86659FD93
STEM = 5  # letters that the forms of a word mostly share
LEAD_WORDS = 6  # as many as a cue phrase has at most; what is longer is a sentence
_NUMBER = np.uint64(0x165667B19E3779F9)  # the hash that stands for every word with a digit, in templates


@cache
def _table() -> Codes:
    """The class of each code point of the basic plane, from a file: computing it takes as long as ten pages."""
    table: Codes = np.load(TABLE, allow_pickle=False)
    return table


def character_table() -> Codes:
    """The same, computed from this Python's Unicode data; other planes are handled in `_classify`.

    ``python -m cleaner.tokens`` writes the file anew.
    """
    from unicodedata import category

    class_of = {
        "Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": LETTER, "Lo": LETTER, "Mn": LETTER, "Mc": LETTER, "Me": LETTER,
        "Nd": DIGIT, "Nl": LETTER, "No": DIGIT, "Zs": SPACE, "Zl": SPACE, "Zp": SPACE, "Cc": SPACE, "So": SYMBOL,
        "Co": OTHER, "Cs": OTHER, "Cn": OTHER, "Cf": OTHER,
    }  # fmt: skip
    table = np.full(0x10000, LETTER, dtype=np.uint8)
    rest = [i for first, last in _NOT_ALL_LETTERS for i in range(first, last + 1)]
    table[rest] = [class_of.get(category(chr(i)), MARK) for i in rest]
    table[0xD800:0xF900] = OTHER  # surrogates and private use: icon fonts
    table[ord("_")] = LETTER
    for first, last in _LONE:
        part = table[first : last + 1]
        part[part == LETTER] = LONE
    for chars, code in (
        (_END, END), (_COMMA, COMMA), (_BAR, BAR), (_QUOTE, QUOTE), (_BRACKET, BRACKET), (_COLON, COLON),
    ):  # fmt: skip
        for char in chars:
            table[ord(char)] = code
    return table


@cache
def _powers(size: int, base: int) -> tuple[Hashes, Hashes]:
    """``base**i`` and ``base**-i`` modulo 2**64 for i below ``size``."""
    inverse = pow(base, -1, 1 << 64)
    out = []
    for factor in (base, inverse):
        powers = np.full(size, factor, dtype=np.uint64)
        powers[0] = 1
        out.append(np.multiply.accumulate(powers, dtype=np.uint64))
    return out[0], out[1]


def _power_tables(size: int, base: int) -> tuple[Hashes, Hashes]:
    # Sizes are rounded up to powers of two, so that few tables are ever made.
    return _powers(max(1 << 12, 1 << (size - 1).bit_length()), base)


def _prefix(values: Hashes, base: int) -> Hashes:
    forward, _ = _power_tables(len(values) + 1, base)
    out = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(values * forward[: len(values)], out=out[1:])
    return out


def _slices(prefix: Hashes, start: Ints, stop: Ints, base: int) -> Hashes:
    _, backward = _power_tables(len(prefix), base)
    out: Hashes = (prefix[stop] - prefix[start]) * backward[start]
    return out


class Tokens(NamedTuple):
    """The words of a batch of lines, and character counts of each line.

    ``first[i]:first[i + 1]`` are the words of line ``i``. ``hashes`` are of the lower-case word, ``stems`` of its
    first five letters; ``initial`` is the class of each word's first character, ``all_upper`` tells words with an
    upper-case and no lower-case letter, ``digits`` words that hold a digit. ``counts`` has a row a line and a column
    a character class; ``chars`` is the length of each line; ``head`` and ``tail`` are the classes of a line's first
    and last characters that are not space. ``prefix`` and ``template`` are prefix hashes over all words, in the
    second all words with a digit being one. ``lead`` counts the words that a mark sets apart at the beginning of a
    line ("Read more:"; 0 where there are none), and ``mark`` is the class of that mark.
    """

    first: Ints
    hashes: Hashes
    stems: Hashes
    length: Ints
    initial: Codes
    all_upper: Flags
    digits: Flags
    counts: Ints
    chars: Ints
    head: Codes
    tail: Codes
    prefix: Hashes
    template: Hashes
    lead: Ints
    mark: Codes

    @property
    def words(self) -> Ints:
        """The number of words of each line."""
        return np.diff(self.first)

    def ngrams(self, k: int, *, template: bool = False) -> tuple[Hashes, Ints]:
        """The hash of each run of ``k`` words, and the index of its first word; runs may cross line ends."""
        n = len(self.hashes) - k + 1
        if n <= 0:
            return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
        start = np.arange(n)
        return _slices(self.template if template else self.prefix, start, start + k, _TOKEN_BASE), start

    def runs(self, start: Ints, k: int) -> Hashes:
        """The hash of the ``k`` words from each of the words ``start``, as `ngrams` gives it."""
        return _slices(self.prefix, start, start + k, _TOKEN_BASE)

    def lead_hashes(self, rows: Ints) -> Hashes:
        """A hash of the lead of each of some lines, the mark's class included; words with a digit count as one word."""
        start = self.first[:-1][rows]
        hashes = _slices(self.template, start, start + self.lead[rows], _TOKEN_BASE)
        return hashes ^ (self.mark[rows].astype(np.uint64) << np.uint64(56))

    def line_hashes(self, *, head: int | None = None, tail: int | None = None, template: bool = False) -> Hashes:
        """A hash of each line's words, or only of its first ``head`` or last ``tail`` words.

        With ``template`` all words that hold a digit count as the same word. A line without words hashes to 0.
        """
        start, stop = self.first[:-1], self.first[1:]
        if head is not None:
            stop = np.minimum(stop, start + head)
        if tail is not None:
            start = np.maximum(start, stop - tail)
        return _slices(self.template if template else self.prefix, start, stop, _TOKEN_BASE)


def _classify(points: npt.NDArray[np.uint32]) -> Codes:
    table = _table()
    # Translating bytes is twice as fast as looking up numbers; the rest is looked up one by one.
    low = np.frombuffer(points.astype(np.uint8).tobytes().translate(table[:256].tobytes()), dtype=np.uint8)
    rest = np.flatnonzero(points > 0xFF)
    if not len(rest):
        return low
    codes = low.copy()
    points = points[rest]
    found = table.take(np.minimum(points, 0xFFFF))
    # Ideographs of the supplementary planes stand alone as in the basic one; the symbol block is emoji.
    found[points > 0xFFFF] = LETTER
    found[(points >= 0x20000) & (points < 0x40000)] = LONE
    found[(points >= 0x1F000) & (points < 0x20000)] = SYMBOL
    codes[rest] = found
    return codes


def _lower(points: npt.NDArray[np.uint32], codes: Codes, text: str) -> npt.NDArray[np.uint32]:
    """The code points of the text in lower case; few letters are upper case, so those alone are looked at."""
    upper = np.flatnonzero((codes == UPPER) | (points - _ROMAN[0] < len(_ROMAN)))
    letters = points[upper]
    if len(letters) and (letters == ord("Σ")).any():  # its lower case depends on what stands beside it
        return _points(text.replace("İ", "i").lower())
    out = points.copy()
    # The only letter whose lower case is two characters is İ.
    out[upper] = _points(letters.tobytes().decode("utf-32-le").replace("İ", "i").lower())
    return out


def _points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


# What is asked about the characters of a word, one bit each.
_HAS = np.zeros(_CLASSES, dtype=np.uint8)
_HAS[[LOWER, UPPER, DIGIT]] = 1, 2, 4
_HAS_BYTES = _HAS.tobytes() + bytes(256 - _CLASSES)
# What may stand after the mark that ends a lead: a time of day or an address has none.
_APART = np.isin(np.arange(_CLASSES), (SPACE, LONE, BRACKET, QUOTE))


# What parts a word only for the printer: a soft hyphen, and characters without width.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
_ACCENTS, _ACCENTS_COUNT = np.uint32(0x300), np.uint32(0x70)  # those that stand behind their letter


def _odd_lines(texts: Sequence[str], joined: str, points: npt.NDArray[np.uint32]) -> Sequence[int]:
    """The lines that have such characters, of all lines of a batch: each by itself, whatever the others have."""
    here = points - _ACCENTS < _ACCENTS_COUNT
    for code in _UNSEEN:
        if chr(code) in joined:
            here |= points == code
    at = np.flatnonzero(here)
    if not len(at):
        return ()
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
    found: list[int] = np.unique(np.searchsorted(ends, at, side="right")).tolist()
    return found


def tokenize(texts: Sequence[str]) -> Tokens:
    """Cut lines into words and count their characters by class; linear in the text, about 40 ns a character.

    Soft hyphens and the like part no word, and accents belong to their letters however they are written.
    """
    joined = "\n".join(texts) + "\n" if texts else ""
    points = _points(joined)
    if odd := _odd_lines(texts, joined, points):
        from unicodedata import normalize  # few pages need it

        texts = list(texts)
        for i in odd:
            texts[i] = normalize("NFC", texts[i].translate(_UNSEEN))
        joined = "\n".join(texts) + "\n"
        points = _points(joined)
    codes = _classify(points)
    n_lines = len(texts)
    chars = np.fromiter(map(len, texts), dtype=np.int64, count=n_lines)
    line_stop = np.cumsum(chars + 1) - 1
    line_start = line_stop - chars

    word = (codes >= LOWER) & (codes <= LONE)
    # A word goes on from one character to the next unless one of the two stands alone.
    joins = word & (codes != LONE)
    joined_to_next = joins[:-1] & joins[1:]
    begins = word.copy()
    begins[1:] &= ~joined_to_next
    ends = word
    ends[:-1] &= ~joined_to_next
    starts = np.flatnonzero(begins)
    stops = np.flatnonzero(ends) + 1
    letters = _prefix(_lower(points, codes, joined).astype(np.uint64), _BASE)
    hashes = _slices(letters, starts, stops, _BASE)
    first = np.append(np.searchsorted(starts, line_start), len(starts)).astype(np.int64)

    # Three in four characters are lower-case letters, which are what the others leave.
    other = np.flatnonzero(codes != LOWER)
    line_of = np.repeat(
        np.arange(0, n_lines * _CLASSES, _CLASSES), np.diff(np.searchsorted(other, line_stop + 1), prepend=0)
    )
    counts = np.bincount(line_of + codes[other], minlength=n_lines * _CLASSES).reshape(n_lines, _CLASSES)
    counts[:, SPACE] -= 1  # the newline that parts the lines
    counts[:, LOWER] = chars - counts.sum(axis=1)

    flags = np.frombuffer(codes.tobytes().translate(_HAS_BYTES), dtype=np.uint8)
    # From a word's start to the next one's: what stands between has no flags.
    has = np.bitwise_or.reduceat(flags, starts) if len(starts) else flags[:0]
    digits = has & 4 > 0
    head = np.full(n_lines, SPACE, dtype=np.uint8)
    tail = head.copy()
    filled = np.flatnonzero(codes != SPACE)
    if len(filled):
        low, high = np.searchsorted(filled, line_start), np.searchsorted(filled, line_stop)
        some = high > low
        head[some] = codes[filled[low[some]]]
        tail[some] = codes[filled[high[some] - 1]]

    lead, mark = _leads(codes, other, starts, first, line_stop, head)
    return Tokens(
        first=first,
        hashes=hashes,
        stems=_slices(letters, starts, np.minimum(stops, starts + STEM), _BASE),
        length=stops - starts,
        initial=codes[starts],
        all_upper=has & 3 == 2,
        digits=digits,
        counts=counts,
        chars=chars,
        head=head,
        tail=tail,
        prefix=_prefix(hashes, _TOKEN_BASE),
        template=_prefix(np.where(digits, _NUMBER, hashes), _TOKEN_BASE),
        lead=lead,
        mark=mark,
    )


def _leads(codes: Codes, other: Ints, starts: Ints, first: Ints, line_stop: Ints, head: Codes) -> tuple[Ints, Codes]:
    """`Tokens.lead` and its mark: a colon or a bar before a blank or what needs none, or the end of a first bracket.

    ``other`` are the places of characters that are no lower-case letters: few, and all marks are among them.
    """
    lead, mark = np.zeros(len(line_stop), dtype=np.int64), np.zeros(len(line_stop), dtype=np.uint8)
    filled = np.flatnonzero(first[1:] > first[:-1])
    begin, stop = starts[first[filled]], line_stop[filled]
    of_other = codes[other]
    marks = other[(of_other == COLON) | (of_other == BAR)]
    place = _next(marks[_APART[codes[marks + 1]]], begin, stop)  # every line ends with a newline: there is a next one
    closed = _next(other[of_other == BRACKET], begin, stop)
    place = np.where(head[filled] == BRACKET, np.minimum(place, closed), place)
    count = np.searchsorted(starts, place) - first[filled]
    some = (place < stop) & (count <= LEAD_WORDS)
    lead[filled[some]] = count[some]
    mark[filled[some]] = codes[place[some]]
    return lead, mark


def _next(places: Ints, begin: Ints, stop: Ints) -> Ints:
    """The first of some places, which rise, from each of ``begin`` on; ``stop`` where there is none before it."""
    at = np.append(places, np.iinfo(np.int64).max)[np.searchsorted(places, begin)]
    out: Ints = np.minimum(at, stop)
    return out


def spread(hashes: Hashes) -> Hashes:
    """The same hashes, one to one, but different in their first bits: those of single letters are small numbers."""
    return hashes * np.uint64(_SPREAD)


def mixed(hashes: Hashes) -> Hashes:
    """The same hashes, one to one, all bits of each depending on all others.

    The finalizer of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    """
    out = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    out = (out ^ (out >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return out ^ (out >> np.uint64(31))


def hash_words(words: Sequence[str]) -> tuple[Hashes, Flags]:
    """The hash of each word that is a single token, as `Tokens.hashes` has it, and which of the words those are."""
    tokens = tokenize(words)
    single = tokens.words == 1
    return tokens.hashes[tokens.first[:-1][single]], single


def hash_strings(strings: Sequence[str]) -> Hashes:
    """A hash of each string, the same in every process (unlike `hash`); for short strings such as class names."""
    digests = b"".join(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in strings)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


if __name__ == "__main__":
    np.save(TABLE, character_table(), allow_pickle=False)
