"""Characters and words of many lines at once, as arrays.

All lines of a batch are joined into one array of code points; a table lookup classes each of them, and word
boundaries, word hashes and any n-gram's hash follow from array operations. Nothing here loops over lines.

A word is a run of letters, marks and digits; in scripts that write no spaces (Han, kana, Thai, Lao, Khmer, Burmese)
each character is a word. Hashes are polynomial prefix hashes modulo 2**64 (Karp and Rabin 1987): the hash of a slice
is a difference of two prefixes, shifted back by the inverse of an odd base.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

__all__ = ["Tokens", "hash_strings", "hash_words", "phrase_hash", "tokenize"]

Codes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

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
# Between these ranges stand the big blocks of ideographs and syllables, where there are only letters.
_NOT_ALL_LETTERS = ((0x0000, 0x33FF), (0x4DC0, 0x4DFF), (0xA000, 0xABFF), (0xD7A4, 0xD7FF), (0xF900, 0xFFFF))
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_TOKEN_BASE = 0xC2B2AE3D27D4EB4F
_NUMBER = np.uint64(0x165667B19E3779F9)  # the hash that stands for every word with a digit, in templates


@cache
def _table() -> Codes:
    """The class of each code point of the basic plane; other planes are handled in `_classify`."""
    category = unicodedata.category
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


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a batch of lines, and character counts of each line.

    ``first[i]:first[i + 1]`` are the words of line ``i``. ``hashes`` are of the lower-case word; ``initial`` is the
    class of each word's first character, ``all_upper`` tells words with an upper-case and no lower-case letter,
    ``digits`` words that hold a digit. ``counts`` has a row a line and a column a character class; ``chars`` is the
    length of each line; ``head`` and ``tail`` are the classes of a line's first and last characters that are not space.
    """

    first: Ints
    hashes: Hashes
    length: Ints
    initial: Codes
    all_upper: Flags
    digits: Flags
    counts: Ints
    chars: Ints
    head: Codes
    tail: Codes
    _prefix: Hashes
    _template: Hashes

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
        return _slices(self._template if template else self._prefix, start, start + k, _TOKEN_BASE), start

    def line_hashes(self, *, head: int | None = None, tail: int | None = None, template: bool = False) -> Hashes:
        """A hash of each line's words, or only of its first ``head`` or last ``tail`` words.

        With ``template`` all words that hold a digit count as the same word. A line without words hashes to 0.
        """
        start, stop = self.first[:-1], self.first[1:]
        if head is not None:
            stop = np.minimum(stop, start + head)
        if tail is not None:
            start = np.maximum(start, stop - tail)
        return _slices(self._template if template else self._prefix, start, stop, _TOKEN_BASE)


def _classify(points: npt.NDArray[np.uint32]) -> Codes:
    table = _table()
    if len(points) and int(points.max()) > 0xFFFF:
        codes = table[np.minimum(points, 0xFFFF)]
        # Ideographs of the supplementary planes stand alone as in the basic one; the symbol block is emoji.
        codes[points > 0xFFFF] = LETTER
        codes[(points >= 0x20000) & (points < 0x40000)] = LONE
        codes[(points >= 0x1F000) & (points < 0x20000)] = SYMBOL
        return codes
    return table[points]


def tokenize(texts: Sequence[str]) -> Tokens:
    """Cut lines into words and count their characters by class; linear in the text, about 40 ns a character."""
    joined = "\n".join(texts) + "\n"
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lowered = joined.replace("\u0130", "i").lower()  # the only letter whose lower case is two characters
    lower = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = _classify(points)
    n_lines = len(texts)
    chars = np.fromiter(map(len, texts), dtype=np.int64, count=n_lines)
    line_stop = np.cumsum(chars + 1) - 1
    line_start = line_stop - chars
    if not n_lines:
        codes = codes[:0]
        lower = lower[:0]

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
    hashes = _slices(_prefix(lower.astype(np.uint64), _BASE), starts, stops, _BASE)
    first = np.append(np.searchsorted(starts, line_start), len(starts)).astype(np.int64)

    line_of = np.repeat(np.arange(0, n_lines * _CLASSES, _CLASSES), chars + 1)
    counts = np.bincount(line_of + codes, minlength=n_lines * _CLASSES).reshape(n_lines, _CLASSES)
    counts[:, SPACE] -= 1  # the newline that parts the lines

    def has(code: int) -> Flags:
        at = np.zeros(len(codes) + 1, dtype=np.int32)
        np.cumsum(codes == code, out=at[1:])
        out: Flags = at[stops] > at[starts]
        return out

    digits = has(DIGIT)
    head = np.full(n_lines, SPACE, dtype=np.uint8)
    tail = head.copy()
    filled = np.flatnonzero(codes != SPACE)
    if len(filled):
        low, high = np.searchsorted(filled, line_start), np.searchsorted(filled, line_stop)
        some = high > low
        head[some] = codes[filled[low[some]]]
        tail[some] = codes[filled[high[some] - 1]]

    return Tokens(
        first=first,
        hashes=hashes,
        length=stops - starts,
        initial=codes[starts],
        all_upper=has(UPPER) & ~has(LOWER),
        digits=digits,
        counts=counts,
        chars=chars,
        head=head,
        tail=tail,
        _prefix=_prefix(hashes, _TOKEN_BASE),
        _template=_prefix(np.where(digits, _NUMBER, hashes), _TOKEN_BASE),
    )


def hash_words(words: Sequence[str]) -> tuple[Hashes, Flags]:
    """The hash of each word that is a single token, as `Tokens.hashes` has it, and which of the words those are."""
    tokens = tokenize(words)
    single = tokens.words == 1
    return tokens.hashes[tokens.first[:-1][single]], single


def phrase_hash(phrases: Sequence[str]) -> tuple[Hashes, Ints]:
    """The hash and the number of words of each phrase, as `Tokens.ngrams` would give them."""
    tokens = tokenize(phrases)
    return tokens.line_hashes(), tokens.words


def hash_strings(strings: Sequence[str]) -> Hashes:
    """A hash of each string, the same in every process (unlike `hash`); for short strings such as class names."""
    digests = b"".join(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in strings)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
