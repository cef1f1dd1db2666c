"""Which character set a page is decoded with, and what is replaced."""

import html
import json
from pathlib import Path

import pytest
from fastwarc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.shared.charset.page import decode_page

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy, a proto šel domů."


def page(text: str, charset: str, meta: str = "") -> bytes:
    return f"<html><head>{meta}</head><body><p>{text}</p></body></html>".encode(charset)


def test_the_byte_order_mark_wins_and_is_left_out() -> None:
    decoded = decode_page(b"\xef\xbb\xbf" + page(CZECH, "utf-8"), "iso-8859-2")
    assert (decoded.charset, decoded.origin) == ("utf-8", "bom")
    assert decoded.text.startswith("<html>")


@pytest.mark.parametrize("charset", ["utf-16le", "utf-16be"])
def test_sixteen_bit_marks_are_known(charset: str) -> None:
    decoded = decode_page("\ufeff".encode(charset) + page(CZECH, charset), None)
    assert (decoded.charset, decoded.origin) == (charset, "bom")
    assert CZECH in decoded.text


def test_the_transport_goes_before_the_page() -> None:
    decoded = decode_page(page(CZECH, "iso-8859-2", "<meta charset=windows-1251>"), "ISO-8859-2")
    assert (decoded.charset, decoded.origin) == ("iso-8859-2", "transport")
    assert CZECH in decoded.text


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="windows-1250">',
        "<META CHARSET = windows-1250 >",
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1250">',
        '<?xml version="1.0" encoding="windows-1250"?>',
    ],
)
def test_the_page_says_it_itself(meta: str) -> None:
    decoded = decode_page(page(CZECH, "cp1250", meta), None)
    assert (decoded.charset, decoded.origin) == ("windows-1250", "meta")
    assert CZECH in decoded.text


def test_latin_1_means_windows_1252_as_in_browsers() -> None:
    decoded = decode_page(page("“quoted” — 5 €", "cp1252"), "iso-8859-1")
    assert decoded.charset == "windows-1252"
    assert "“quoted” — 5 €" in decoded.text


@pytest.mark.parametrize("declared", [None, "", "no-such-set", "utf-8859"])
def test_what_nobody_knows_is_detected(declared: str | None) -> None:
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    decoded = decode_page(page(russian, "cp1251"), declared)
    assert decoded.origin == "detected"
    assert russian.strip() in decoded.text


def test_utf_8_without_a_word_about_it() -> None:
    decoded = decode_page(page(CZECH, "utf-8"), None)
    assert (decoded.charset, decoded.origin) == ("utf-8", "detected")


def test_a_declaration_that_the_bytes_contradict_is_passed_over() -> None:
    decoded = decode_page(page(CZECH * 20, "cp1250", "<meta charset=windows-1250>"), "utf-8")
    assert (decoded.charset, decoded.origin, decoded.undecodable) == ("windows-1250", "meta", 0)


def test_a_few_broken_bytes_do_not_shake_a_declaration() -> None:
    body = page(CZECH * 20, "utf-8")
    decoded = decode_page(body.replace(b"<p>", b"<p>\xff"), "utf-8")
    assert (decoded.charset, decoded.undecodable) == ("utf-8", 1)


def test_a_page_may_say_the_replacement_character_itself() -> None:
    assert decode_page(page("\ufffd" * 30, "utf-8"), "utf-8").undecodable == 0


@given(
    st.binary(max_size=200), st.sampled_from([None, "utf-8", "shift_jis", "iso-2022-jp", "utf-16", "x-user-defined"])
)
def test_any_bytes_become_text(data: bytes, declared: str | None) -> None:
    decoded = decode_page(data, declared)
    decoded.text.encode("utf-8")
    assert decoded.undecodable >= 0


JAPANESE = "水車小屋の番人は毎朝川の水位を読み、①番の帳面に書きとめていた。髙橋さんの㈱水門社が直した。"
GERMAN = "Der Müller schrieb täglich auf, wie hoch das Wasser stand – für später, größtenteils ohne Fehler."


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1251", "koi8-r", "shift_jis", "gb2312", "iso-8859-15"])
@pytest.mark.parametrize("text", [GERMAN, JAPANESE, CZECH])
def test_utf_8_is_utf_8_whatever_is_declared(declared: str, text: str) -> None:
    decoded = decode_page(page(text, "utf-8", f"<meta charset={declared}>"), declared)
    assert (decoded.charset, decoded.origin, decoded.undecodable) == ("utf-8", "detected", 0)
    assert text in decoded.text


def test_one_broken_byte_in_utf_8_under_another_name() -> None:
    decoded = decode_page(page(GERMAN * 3, "utf-8").replace(b"<p>", b"<p>\xe9 "), "iso-8859-1")
    assert (decoded.charset, decoded.undecodable) == ("utf-8", 1)
    assert GERMAN in decoded.text


def test_two_characters_are_too_short_to_be_utf_8_against_a_declaration() -> None:
    chinese = "联通".encode("gbk")
    assert decode_page(b"<p>" + chinese + b"</p>", "gb2312").text == "<p>联通</p>"


def test_a_little_latin_1_in_a_page_of_utf_8() -> None:
    data = page(GERMAN * 9, "utf-8") + "<p>Später fügte jemand dies hinzu.</p>".encode("cp1252")
    decoded = decode_page(data, "utf-8")
    assert (decoded.charset, decoded.undecodable) == ("utf-8", 2)


SENTENCES = {
    "gbk": "磨坊的看守人每天早晨读取河水的水位，并把它写进账本里。",
    "big5": "磨坊的看守人每天早晨讀取河水的水位，並寫進帳本。",
    "euc-kr": "방앗간지기는 매일 아침 강의 수위를 읽어 장부에 적었다.",
    "windows-1256": "كان حارس الطاحونة يقرأ مستوى الماء في النهر",
    "windows-1251": "Уровень воды в реке у мельницы каждое утро записывал смотритель.",
}


@pytest.mark.parametrize("charset", ["shift_jis", "euc-jp", "gbk", "big5", "euc-kr", "windows-1251", "windows-1256"])
def test_a_server_s_latin_1_gives_way(charset: str) -> None:
    text = SENTENCES.get(charset, "水車小屋の番人は毎朝川の水位を読み、帳面に書きとめていた。")
    decoded = decode_page(page(text * 3, charset), "iso-8859-1")
    assert text in decoded.text
    assert decoded.origin == "detected"


def test_the_page_is_believed_against_the_transport_where_its_bytes_look_so() -> None:
    text = "Değirmenin bekçisi her sabah ırmağın düzeyini okuyor ve deftere yazıyordu çünkü böyle istenmişti."
    decoded = decode_page(page(text, "cp1254", "<meta charset=iso-8859-9>"), "iso-8859-1")
    assert (decoded.charset, decoded.origin) == ("windows-1254", "meta")


@pytest.mark.parametrize(
    "head",
    [
        "<!-- <meta charset=windows-1251> -->",
        "<script>var x = '<meta charset=windows-1251>';</script>",
        '<meta name="description" content="how to write charset=windows-1251">',
        "<!-- charset --><title>charset=koi8-r</title>",
    ],
)
def test_what_is_no_declaration(head: str) -> None:
    decoded = decode_page(page(GERMAN * 2, "cp1252", head + '<meta charset="windows-1252">'), None)
    assert (decoded.charset, decoded.origin) == ("windows-1252", "meta")


@pytest.mark.parametrize("mark", [b"", b"\xff\xfe\x00\x00"])
def test_thirty_two_bits(mark: bytes) -> None:
    decoded = decode_page(mark + page(CZECH, "utf-32-le"), None)
    assert CZECH in decoded.text
    assert decoded.charset == "utf-32le"


def test_a_mark_that_the_bytes_after_it_contradict() -> None:
    russian = "Уровень воды в реке измеряли каждое утро, и записывали в книгу."
    decoded = decode_page(b"\xef\xbb\xbf" + page(russian, "cp1251", '<meta charset="windows-1251">'), None)
    assert russian in decoded.text
    assert (decoded.charset, decoded.origin) == ("windows-1251", "meta")


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [("ibm850", "cp850", "L'été à Noël"), ("CP437", "cp437", "Größe £5"), ("cp-852", "cp852", "Žluť"),
     ("johab", "johab", "한국어 문장"), ("utf-7", "utf-7", "Größe & été")],
)  # fmt: skip
def test_declared_sets_that_browsers_do_not_know(label: str, codec: str, text: str) -> None:
    assert text in decode_page(page(text, codec, f'<meta charset="{label}">'), None).text


def test_korean_in_seven_bits_is_detected() -> None:
    korean = "한국어 문장은 이렇게 씁니다."
    decoded = decode_page(page(korean, "iso2022_kr"), None)
    assert korean in decoded.text
    assert (decoded.charset, decoded.origin) == ("iso-2022-kr", "detected")


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("declared", [None, "utf-16", "utf-8"])
def test_sixteen_bits_without_a_mark(charset: str, declared: str | None) -> None:
    decoded = decode_page(page(CZECH, charset), declared)
    assert CZECH in decoded.text


def test_a_page_that_says_utf_16_and_is_not() -> None:
    decoded = decode_page(page(CZECH, "utf-8", '<meta charset="utf-16">'), "utf-16")
    assert (decoded.charset, decoded.undecodable) == ("utf-8", 0)


def test_the_macintosh_is_told_from_windows() -> None:
    french = "Le gardien du moulin lisait à l’été la hauteur de la rivière, près de l’écluse dégagée, où l’eau gèle."
    assert french in decode_page(page(french, "mac_roman"), None).text
    assert french in decode_page(page(french, "cp1252"), None).text


@pytest.mark.parametrize("name", ["declared", "all"])
def test_reported_pages(test_data: Path, name: str) -> None:
    folder = test_data / "cases" / "charset"
    lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
    wanted = {label["url"]: label.get("text") or label.get("paragraph") for label in map(json.loads, lines)}
    with (folder / f"{name}.warc").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            text = wanted[record.headers["WARC-Target-URI"]]
            data = record.reader.read()
            assert text is None or text in html.unescape(decode_page(data, record.http_charset).text)
