"""Bytes to text: which evidence wins, and that nothing raises."""

from __future__ import annotations

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.decoding import _non_ascii_sample, decode, known_encoding

RUSSIAN = "Паром на северные острова вышел из гавани на час позже из-за тумана над бухтой. Никто не жаловался."
CHINESE = "由于大雾笼罩了整个海湾，开往北部岛屿的渡轮晚了一个小时才离开港口。船上没有人抱怨。"
JAPANESE = "霧が湾全体を覆ったため、北の島々へ向かうフェリーは一時間遅れて港を出ました。"
KOREAN = "안개가 만 전체를 덮었기 때문에 북쪽 섬으로 가는 여객선은 한 시간 늦게 항구를 떠났습니다."
GREEK = "Το πλοίο για τα βόρεια νησιά έφυγε από το λιμάνι με μία ώρα καθυστέρηση. Κανείς δεν παραπονέθηκε."
FRENCH = "Le bac pour les îles du nord a quitté le port avec une heure de retard ; ça n'a gêné personne à bord."
GERMAN = "Die Fähre zu den nördlichen Inseln verließ den Hafen wegen des Nebels über der Bucht etwas später."
POLISH = "Prom na północne wyspy wypłynął z portu godzinę później z powodu mgły. Nikt się nie skarżył."
CZECH = "Trajekt vyplul kvůli mlze o hodinu později, protože dělníci včera večeři nestíhali; nikdo si nestěžoval."
HUNGARIAN = "A főszakács délelőtt ételeket főzött, mert a komp egy órával később, köd után hagyta el a kikötőt."
TURKISH = "Kuzey adalarına giden vapur sis yüzünden limandan bir saat geç ayrıldı. Kimse şikâyet etmedi; çorba vardı."
ENGLISH = "The ferry’s fare is £5 – “a bargain”, says Renée of Fast® Boats: it left an hour late » because of the fog."

UNDECLARED = [
    (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (CHINESE, "gb18030"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp"),
    (KOREAN, "cp949"), (GREEK, "cp1253"), (FRENCH, "cp1252"), (GERMAN, "cp1252"), (POLISH, "cp1250"),
    (POLISH, "iso8859-2"), (CZECH, "cp1250"), (CZECH, "iso8859-2"), (HUNGARIAN, "cp1250"), (TURKISH, "cp1254"),
    (RUSSIAN, "iso8859-5"), (RUSSIAN, "cp866"), (ENGLISH, "cp1252"),
]  # fmt: skip

LATIN = (FRENCH, GERMAN, POLISH, CZECH, HUNGARIAN, TURKISH, ENGLISH)


def html(text: str, label: str | None = None) -> str:
    meta = f'<meta charset="{label}">' if label else ""
    return f"<html><head>{meta}<title>x</title></head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(("text", "encoding"), UNDECLARED)
def test_undeclared_encodings_are_detected(text: str, encoding: str) -> None:
    found = decode(html(text).encode(encoding))
    assert text in found.text
    assert (found.replaced, found.binary) == (0, False)


@pytest.mark.parametrize(("text", "encoding"), [pair for pair in UNDECLARED if pair[0] not in LATIN])
def test_a_server_that_calls_everything_latin_1_is_not_believed(text: str, encoding: str) -> None:
    assert text in decode(html(text).encode(encoding), charset="ISO-8859-1").text


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "“naïve” – 5 €"),  # the label means windows-1252 to every browser
        ("gb2312", "gb18030", "朱镕基 说"),  # 镕 is not in GB 2312
        ("shift_jis", "cp932", "①髙橋"),  # NEC and IBM extensions
        ("euc-kr", "cp949", "똠방각하"),  # not in KS X 1001
        ("windows-1250", "cp1250", "řeka"),
        ("big5", "big5hkscs", "渡輪離開港口"),
        ("iso-2022-jp", "iso2022_jp", "霧が湾を覆った"),  # all bytes are ASCII
    ],
)
@pytest.mark.parametrize("where", ["http", "meta", "http-equiv", "xml"])
def test_declared_labels_mean_what_they_mean_to_browsers(label: str, codec: str, text: str, where: str) -> None:
    head = {
        "http": "", "meta": f"<meta charset={label}>", "xml": f'<?xml version="1.0" encoding="{label}"?>',
        "http-equiv": f'<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset={label}">',
    }[where]  # fmt: skip
    data = f"{head}<p>{text}</p>".encode(codec)
    found = decode(data, charset=label if where == "http" else None)
    assert text in found.text
    assert found.encoding == codec


def test_utf8_is_believed_before_a_wrong_declaration() -> None:
    data = html(RUSSIAN, "windows-1251").encode()
    assert decode(data, charset="iso-8859-1").text == data.decode()


def test_a_false_utf8_declaration_does_not_cost_the_text() -> None:
    assert FRENCH in decode(html(FRENCH, "utf-8").encode("cp1252")).text


def test_few_bad_bytes_in_utf8_are_replaced_and_counted() -> None:
    data = html(RUSSIAN).encode() + b"\xff cut \xd0"
    found = decode(data)
    assert (found.encoding, found.replaced) == ("utf-8", 2)
    assert RUSSIAN in found.text


def test_replacement_characters_that_the_page_had_itself_are_not_counted() -> None:
    assert decode("already lost: \ufffd\ufffd".encode()).replaced == 0


def test_a_byte_order_mark_goes_before_everything_and_is_not_text() -> None:
    assert decode(b"\xef\xbb\xbf" + b"plain", charset="utf-16").text == "plain"
    assert decode("fée".encode("utf-16"), charset="utf-8").text == "fée"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_text_without_a_mark(encoding: str) -> None:
    assert decode(html(CHINESE).encode(encoding)).text == html(CHINESE)


def test_a_meta_in_a_comment_is_no_declaration() -> None:
    data = f"<!-- <meta charset=koi8-r> --><meta charset=windows-1251><p>{RUSSIAN}</p>".encode("cp1251")
    assert RUSSIAN in decode(data).text


@pytest.mark.parametrize("opening", [b"<!--", b"<style ", b"<script>", b"<!-- <SCRIPT "])
def test_what_is_never_closed_costs_no_more_than_its_bytes(opening: bytes) -> None:
    begun = time.process_time()
    decode(opening * (262_144 // len(opening)) + b"caf\xe9 " * 20)
    assert time.process_time() - begun < 3


def test_scripts_and_styles_are_no_sample_of_the_text() -> None:
    noise = "<script>" + "var a = 'čřžšěů ';" * 300 + "</SCRIPT>"
    page = (noise + html(RUSSIAN)).encode("utf-8", "replace").replace(RUSSIAN.encode(), RUSSIAN.encode("cp1251"))
    assert _non_ascii_sample(page).decode("cp1251").strip() == RUSSIAN


def test_a_late_meta_is_found_when_it_is_needed() -> None:
    data = (f"<script>{'x' * 20_000}</script><meta charset=iso-8859-2><p>łódź</p>").encode("iso8859-2")
    assert "łódź" in decode(data).text


def test_short_gbk_that_is_valid_utf8_by_chance() -> None:
    data = "模目".encode("gbk")
    assert data.decode("utf-8") == "ģĿ"
    assert decode(data, charset="gbk").text == "模目"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", gzip.compress(b"<p>hello"),
        b"PK\x03\x04" + b"x" * 50, b"\0" * 5000, bytes(range(256)) * 40, b"RIFF\x24\x80\x00\x00WEBPVP8 ",
    ],
)  # fmt: skip
def test_binary_data_gives_no_text_and_says_so(data: bytes) -> None:
    found = decode(data)
    assert (found.text, found.binary) == ("", True)


def test_nuls_in_a_text_are_dropped() -> None:
    assert decode(b"<p>one\0 two\0</p>" + b"\0" * 9000).text == "<p>one two</p>"


def test_an_empty_page_is_empty_text_and_not_binary() -> None:
    assert (decode(b"").text, decode(b"").binary) == ("", False)


@pytest.mark.parametrize(
    "label", ["rot13", "zlib", "unicode_escape", "utf-7", "idna", "no such", "x" * 99, "\0", "é", ""]
)
def test_labels_that_are_no_encodings_of_pages(label: str) -> None:
    assert known_encoding(label) is None
    assert decode(b"<p>fine</p>", charset=label).text == "<p>fine</p>"


@given(
    st.binary(max_size=300),
    st.none() | st.sampled_from(["utf-8", "gbk", "utf-16", "hz", "iso-2022-kr", "latin-1", "?"]),
)
def test_any_bytes_give_text_that_can_be_written(data: bytes, charset: str | None) -> None:
    found = decode(data, charset=charset)
    found.text.encode("utf-8")
    assert "\0" not in found.text
    assert found.replaced <= len(data)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.sampled_from(["", "windows-1251"]))
def test_whatever_is_utf8_is_read_back(text: str, label: str) -> None:
    data = html(text, label or None).encode()
    assert decode(data).text == data.decode()


def test_korean_in_seven_bits_needs_no_declaration() -> None:
    assert decode(KOREAN.encode("iso2022_kr")) == (KOREAN, "iso2022_kr", 0, False)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [RUSSIAN, CHINESE, GREEK, JAPANESE, KOREAN], ids=["ru", "zh", "el", "ja", "ko"])
def test_wide_text_in_any_script_needs_no_mark(text: str, encoding: str) -> None:
    text = f"{text}\n{text} 2\n"
    assert decode(text.encode(encoding)) == (text, encoding, 0, False)


NOT_WIDE = [*UNDECLARED, (RUSSIAN, "utf-8"), (CHINESE, "utf-8"), (POLISH, "utf-8"), ("TOTAL 123 \n1,22,333\n", "ascii")]


@pytest.mark.parametrize(("text", "encoding"), NOT_WIDE)
def test_nuls_in_a_text_make_it_no_wide_one(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    for nuls in (b" \0 \0\n", b"\0 \0\n", b"\n\0\0 "):
        assert text in decode(nuls + data).text
        assert text in decode(data + nuls + data).text


@pytest.mark.parametrize("text", ["A naïve plan.", "Chaîne du maître : l'île et son cœur.", "Benoît", "A fête, a café"])
def test_a_few_accents_are_western(text: str) -> None:
    assert decode(text.encode("cp1252")) == (text, "cp1252", 0, False)


def test_japanese_in_seven_bits_needs_no_declaration() -> None:
    text = "<p>港の新しい橋が月曜日に開通した。</p>"
    assert decode(text.encode("iso2022_jp")) == (text, "iso2022_jp", 0, False)
    terminal = "\x1b[1mbold\x1b[0m and a price of \x1b$5"
    assert decode(terminal.encode()) == (terminal, "utf-8", 0, False)
