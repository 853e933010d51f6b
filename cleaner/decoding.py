"""Bytes to text: say which encoding it was, never fail on bad bytes.

In this order: byte order mark, a strict UTF-8 reading, the charset of the HTTP header, of ``<meta>`` or of the XML
declaration (labels read as browsers read them, https://encoding.spec.whatwg.org/#names-and-labels), detection, and
windows-1252 as the last resort. Strict UTF-8 goes before what is declared, against the letter of the HTML standard:
bytes that are not UTF-8 practically never form valid UTF-8 by chance, while declarations are often wrong.

Cost: one C-level decode and a scan of the first 4 KB for the common UTF-8 page (about 0.1 ms for 250 KB). Detection
looks at 8 KB at most, however large the page.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

__all__ = ["Decoded", "decode", "is_binary", "known_encoding"]

HEAD_BYTES: Final = 4096  # browsers look for <meta charset> in 1,024 bytes; real pages put long comments first
FAR_HEAD_BYTES: Final = 65_536  # second look, only for a page that is not UTF-8 and has declared nothing so far
SAMPLE_BYTES: Final = 8192  # what detection and the binary test see
CONTROL_SHARE: Final = 0.05  # compressed data has 10 % control bytes, text has none
CHANCE_BYTES: Final = 12  # this few continuation bytes of a CJK page may form UTF-8 by chance ("联通" in GBK does)
BAD_SHARE: Final = 0.02  # an encoding with more bad sequences than this among its non-ASCII characters is refuted
# Below so many accents, and such a share of all letters, nothing but letters that western languages do not have tells
# that a Latin text is of another code page. English has fewer.
FEW_ACCENTS: Final = (8, 0.005)
UTF8_BAD_SHARE: Final = 0.2  # valid multi-byte UTF-8 is much stronger evidence: a few spliced-in bytes do not refute it

# What the WHATWG standard reads under another name than Python does.
_WHATWG: Final = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "cp1252": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "shift_jis": "cp932",
    "cp932": "cp932", "shift_jis_2004": "cp932", "euc_kr": "cp949", "cp949": "cp949", "johab": "johab",
    "big5": "big5hkscs", "big5hkscs": "big5hkscs", "cp950": "big5hkscs", "euc_jp": "euc_jp", "iso2022_jp": "iso2022_jp",
    "hz": "hz", "iso2022_kr": "iso2022_kr", "utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-8",
    "utf-16-le": "utf-8", "utf-16-be": "utf-8", "koi8-r": "koi8-r", "koi8-u": "koi8-u", "cp866": "cp866",
    "mac-roman": "mac-roman", "mac-cyrillic": "mac-cyrillic", "cp874": "cp874", "kz1048": "kz1048", "viscii": "cp1258",
    **{f"iso8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"cp125{n}": f"cp125{n}" for n in (0, 1, 3, 4, 5, 6, 7, 8)},
}  # fmt: skip
# Labels that Python's codecs do not know, or know as something else.
_LABELS: Final = {
    "utf8": "utf-8", "unicode": "utf-8", "unicode-1-1-utf-8": "utf-8", "x-sjis": "cp932", "windows-31j": "cp932",
    "x-gbk": "gb18030", "x-euc-jp": "euc_jp", "x-x-big5": "big5hkscs", "windows-949": "cp949",
    "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "x-cp1251": "cp1251", "x-cp1252": "cp1252",
    "windows-874": "cp874", "dos-874": "cp874",
    "iso-8859-8-i": "iso8859-8", "logical": "iso8859-8", "x-mac-cyrillic": "mac-cyrillic", "macintosh": "mac-roman",
    "x-user-defined": "cp1252", "koi8": "koi8-r", "koi8-ru": "koi8-u",
}  # fmt: skip
_MULTIBYTE: Final = frozenset({"gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "johab"})
_SEVEN_BIT: Final = {"iso2022_jp": b"\x1b", "iso2022_kr": b"\x1b", "hz": b"~{"}  # ASCII bytes that are not ASCII text
# These stand in no other text, so that ISO-2022-JP and ISO-2022-KR need no declaration.
_TO_KANJI: Final = b"\x1b$B"
_TO_HANGUL: Final = b"\x1b$)C"
_SHIFTS: Final = b"\x0e\x0f"  # which ISO-2022-KR has around every word
_META: Final = re.compile(rb"<meta\b[^>]{0,400}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.I)
_XML: Final = re.compile(rb"^\s{0,64}<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']\s*([\w.:-]{1,40})")
# What has no end goes to the end of the bytes: looked for in vain at every beginning it would cost their square.
_COMMENT: Final = re.compile(rb"<!--.*?(?:-->|\Z)", re.S)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
# First bytes of the formats that crawls and folders of pages are full of (https://en.wikipedia.org/wiki/List_of_file_signatures).
_MAGIC: Final = (
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"%PDF-", b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06",
    b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x7fELF", b"MZ\x90\x00",
    b"\xd0\xcf\x11\xe0", b"wOFF", b"wOF2", b"\x00\x01\x00\x00\x00", b"OTTO\x00", b"ID3\x02", b"ID3\x03", b"ID3\x04",
    b"OggS\x00", b"fLaC\x00", b"\x1aE\xdf\xa3", b"SQLite format 3\x00", b"\xca\xfe\xba\xbe", b"PAR1", b"II*\x00",
    b"MM\x00*", b"\x00\x00\x01\x00", b"%!PS-Adobe", b"\x00asm", b"\x80\x04\x95", b"\x93NUMPY",
)  # fmt: skip
_CONTROLS: Final = bytes({*range(1, 9), *range(14, 27), 28, 29, 30, 31, 127})  # without NUL, ESC and white space
_ASCII: Final = bytes(range(128))
_NO_LETTERS: Final = bytes(byte for byte in range(256) if not bytes([byte]).isalpha())
_CAN_HOLD_FFFD: Final = ("utf-8", "gb18030", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# For pages that are not UTF-8; `re` compiles these when they are first used, and keeps them.
_TAG: Final = rb"<[^<>]{0,2000}>"
_SCRIPT: Final = rb"(?is:<(script|style)\b.*?(?:</\1|\Z))"
_HIGH: Final = rb"[\x80-\xff]"
_HIGH_RUN: Final = rb"[\x80-\x9f\xa1-\xff]{2,}"  # no-break spaces stand in rows in any language
# Letters of the other Latin code pages where windows-1252 has signs or Icelandic letters, after a letter.
_NOT_WESTERN: Final = rb"[A-Za-z][\x8d-\x8f\x9a\x9d-\x9f\xa3\xa5\xaf\xb3\xb9\xbc\xbe\xbf\xf0\xfd\xfe]"
# A letter with an accent, in whichever Latin code page: within a word, and no mark of all of them.
_ACCENTED: Final = rb"[A-Za-z][\x80\x81\x83\x86-\x90\x98-\x9f\xa1-\xff](?=[A-Za-z\x80-\xff])"


class Decoded(NamedTuple):
    """Text made of bytes.

    ``encoding`` is the Python codec that read it, ``replaced`` the number of U+FFFD that stand where bytes could not
    be read. ``binary`` tells that the bytes are no text at all (an image, an archive, nothing but NULs); then
    ``text`` is empty.
    """

    text: str
    encoding: str
    replaced: int = 0
    binary: bool = False


def known_encoding(label: str | bytes | None) -> str | None:
    """The codec that a charset label means to a browser, or ``None`` for one that is unknown or not for text.

    >>> known_encoding("ISO-8859-1"), known_encoding(" gb2312 "), known_encoding("rot13")
    ('cp1252', 'gb18030', None)
    """
    if label is None:
        return None
    name = (label.decode("ascii", "replace") if isinstance(label, bytes) else label).strip().strip("\"'").lower()
    if name in _LABELS:
        return _LABELS[name]
    if not name.isascii() or len(name) > 40:
        return None
    try:
        return _WHATWG.get(codecs.lookup(name).name)
    except (LookupError, ValueError):
        return None


def is_binary(data: bytes) -> bool:
    """Whether ``data`` is no text: a known signature, only NULs, or more control bytes than any text has."""
    if data.startswith(_MAGIC):
        return True
    if data[:4] == b"RIFF" or data[4:8] == b"ftyp":  # webp, wav, avi; mp4, heic, avif
        return True
    middle = len(data) // 2
    sample = data[:SAMPLE_BYTES] + data[max(middle, SAMPLE_BYTES) : middle + SAMPLE_BYTES]
    if b"\0" in sample:
        # NULs alone are padding or damage around a text that can be read; what is not NUL decides.
        sample = sample.replace(b"\0", b"")
        if not sample:
            return not data.replace(b"\0", b"").strip()
    if _TO_HANGUL in sample:
        sample = sample.translate(None, _SHIFTS)
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > CONTROL_SHARE * len(sample)


def decode(data: bytes, *, charset: str | None = None) -> Decoded:
    """Reads ``data`` as text; ``charset`` is the label of the HTTP header, where there was one.

    Never raises. NULs are dropped, as an HTML parser drops them.

    >>> decode("naïve".encode("latin-1"), charset="iso-8859-1")
    Decoded(text='naïve', encoding='cp1252', replaced=0, binary=False)
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _read(data[len(bom) :], encoding)
    wide = _wide_encoding(data) if b"\0" in data[:SAMPLE_BYTES] else None
    if wide:
        return _read(data, wide)
    if is_binary(data):
        return Decoded("", "binary", 0, binary=True)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(data, _declared(data, charset, HEAD_BYTES) or _declared(data, charset, FAR_HEAD_BYTES))
    by_chance = 0 < len(data) - len(text) < CHANCE_BYTES
    if by_chance or text.isascii():  # else it is none of those that look like UTF-8, whatever is declared
        shown = _shown(data) if b"\x1b" in data else []
        for encoding in (*_declared(data, charset, HEAD_BYTES), *shown):
            if (by_chance and encoding in _MULTIBYTE) or (encoding in _SEVEN_BIT and _SEVEN_BIT[encoding] in data):
                other = _read(data, encoding)
                if not other.replaced:
                    return other
    # Asked of the bytes: in text of two bytes a character every second byte is 0.
    return Decoded(text.replace("\0", "") if b"\0" in data else text, "utf-8")


def _shown(data: bytes) -> list[str]:
    """The seven-bit encodings that need no declaration."""
    return [name for name, mark in (("iso2022_jp", _TO_KANJI), ("iso2022_kr", _TO_HANGUL)) if mark in data]


def _decode_legacy(data: bytes, declared: list[str]) -> Decoded:
    """Reads bytes that are not valid UTF-8: what is declared, if the bytes bear it out, else what is detected."""
    utf8 = _read(data, "utf-8")
    if _bad_share(utf8) <= UTF8_BAD_SHARE:
        return utf8
    # A multi-byte encoding that fits is evidence; a single-byte one fits always. So the first go first.
    legacy = [name for name in declared if name != "utf-8"]
    for encoding in sorted(legacy, key=lambda name: name not in _MULTIBYTE):
        if encoding == "cp1252" and not _looks_western(_non_ascii_sample(data)):
            continue
        read = _read(data, encoding)
        if _bad_share(read) <= BAD_SHARE:
            return read
    return _read(data, _detect(data))


def _read(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, "replace")
    replaced = text.count("\ufffd")
    if replaced and encoding in _CAN_HOLD_FFFD:
        replaced = max(0, replaced - data.count("\ufffd".encode(encoding)))
    return Decoded(text.replace("\0", "") if "\0" in text else text, encoding, replaced)


def _bad_share(read: Decoded) -> float:
    """Unreadable sequences per non-ASCII character."""
    if not read.replaced:
        return 0.0
    others = len(read.text) - len(read.text.encode("ascii", "ignore"))
    return read.replaced / others


def _declared(data: bytes, charset: str | None, size: int) -> list[str]:
    """The encodings that the HTTP header, ``<meta>`` and the XML declaration name, in that order."""
    head = data[:size]
    if b"<!--" in head:
        head = _COMMENT.sub(b"", head)
    found = [charset, *(match.group(1) for match in (_META.search(head), _XML.match(head)) if match)]
    return list(dict.fromkeys(name for label in found if (name := known_encoding(label))))


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, told by where the NULs of its ASCII characters stand."""
    sample = data[: min(SAMPLE_BYTES, len(data) // 4 * 4)]
    if len(sample) < 8:
        return None
    nuls = [sample[i::4].count(0) / len(sample[i::4]) for i in range(4)]
    # A wide ASCII character has its NUL in a fixed place; mark-up makes even a Chinese page half ASCII.
    patterns = {"utf-32-le": "-xxx", "utf-32-be": "xxx-", "utf-16-le": "-x-x", "utf-16-be": "x-x-"}
    for encoding, pattern in patterns.items():
        if all((share > 0.2) if mark == "x" else (share < 0.1) for share, mark in zip(nuls, pattern, strict=True)):
            return encoding
    return _wide_script(sample)


def _wide_script(sample: bytes) -> str | None:
    """UTF-16 in a script that is not Latin, which has NULs at its blanks and line ends only.

    All of it must be text then, and nothing of it what UTF-8 or a Latin code page with a NUL in it looks like.
    """
    others = sample.translate(None, b"\0")
    shown = len(others) - len(others.translate(None, bytes(range(32, 127))))
    high = len(sample.translate(None, _ASCII))
    if high > 0.65 * len(sample) and len(others) > 0.95 * len(sample):  # two bytes a character, but none of UTF-16
        return None
    if shown > 0.8 * len(others) or (not others.isascii() and _bad_share(_read(others, "utf-8")) <= UTF8_BAD_SHARE):
        return None
    readings = [(sample.decode(encoding, "replace"), encoding) for encoding in ("utf-16-le", "utf-16-be")]
    blanks, text, encoding = max((text.count(" ") + text.count("\n"), text, encoding) for text, encoding in readings)
    odd = sum(char == "\ufffd" or not (char.isprintable() or char.isspace()) for char in text)
    return encoding if blanks > 1 and odd <= 1 + 0.01 * len(text) else None


def _non_ascii_sample(data: bytes) -> bytes:
    """Up to 8 KB of text, tags taken off where there are some, from the places that have non-ASCII bytes."""
    window = data[:262_144]
    text = re.sub(_TAG, b"\n", re.sub(_SCRIPT, b"\n", window))
    pieces: list[bytes] = []
    size = 0
    for piece in text.split(b"\n"):  # no encoding in question uses 0x0A inside a character
        if piece.isascii():
            continue
        piece = piece.strip()[:1024]
        pieces.append(piece)
        size += len(piece)
        if size > SAMPLE_BYTES:
            break
    if not pieces:  # tags or scripts only, or the non-ASCII bytes stand further down
        first = next((m.start() for m in re.finditer(_HIGH, data)), 0)
        return data[first : first + SAMPLE_BYTES]
    return b"\n".join(pieces)


def _looks_western(sample: bytes) -> bool:
    """Whether bytes can be Latin letters: accented ones stand alone among plain ones, others in rows."""
    high = len(sample.translate(None, _ASCII)) - sample.count(b"\xa0")
    in_runs = sum(len(run) for run in re.findall(_HIGH_RUN, sample))
    return in_runs <= 0.5 * high


def _detect(data: bytes) -> str:
    """The likeliest encoding of undeclared bytes that are not UTF-8, by Firefox's detector on a bounded sample.

    It takes every byte for a letter: an English page of a few pound signs or quotation marks is Polish to it, and so
    are two French words. So it is asked only where many words have accents, or letters that are not western.
    """
    sample = _non_ascii_sample(data)
    if _looks_western(sample):
        accents, letters = len(re.findall(_ACCENTED, sample)), len(sample.translate(None, _NO_LETTERS))
        strange, high = len(re.findall(_NOT_WESTERN, sample)), len(sample.translate(None, _ASCII))
        few, share = FEW_ACCENTS
        if (accents < few and strange <= 0.05 * high) or accents < share * letters:
            return "cp1252"
    from chardetng_py import detect  # type: ignore[import-untyped,unused-ignore]  # few pages need it

    found = known_encoding(detect(sample)) or "cp1252"
    return found if _bad_share(_read(sample, found)) <= BAD_SHARE else "cp1252"
