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


@pytest.mark.parametrize(
    "head",
    [
        "<meta charset=iso-8859-2 charset=koi8-r>",
        '<meta name="description" content="how <meta charset=koi8-r> is written"><meta charset=iso-8859-2>',
        "<a title='<meta charset=koi8-r>'></a><meta charset=iso-8859-2>",
        "<iframe><meta charset=koi8-r></iframe><meta charset=iso-8859-2>",
        "<template><meta charset=koi8-r></template><meta charset=iso-8859-2>",
        "<!--><meta charset=iso-8859-2><!-- end -->",
        "<!-- a --!><meta charset=iso-8859-2><!-- end -->",
        "<meta charset=utf-8><meta charset=iso-8859-2>",
        '<?xml version="1.0" encoding="UTF-8"?><meta charset=iso-8859-2>',
        '<meta charset="text/html; charset=iso-8859-2">',
        '<meta name="Content-Type" content="text/html; charset=iso-8859-2">',
        f"<script>{'x' * 40_000}</script><meta charset=iso-8859-2>",
    ],
)
def test_the_page_s_declaration_is_found(head: str) -> None:
    decoded = decode_page(page(CZECH, "iso-8859-2", head), None)
    assert (decoded.charset, decoded.origin) == ("iso-8859-2", "meta")


def test_a_comment_that_is_not_closed_declares_nothing() -> None:
    assert decode_page(page(CZECH, "iso-8859-2", "<!-- <meta charset=koi8-r>"), None).origin == "detected"


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("iso-8859-2", "Árvíztűrő tükörfúrógép"), ("iso-8859-13", "Malūnininkas kiekvieną rytą skaitė upės lygį"),
        ("iso-8859-15", "5 € l'œuvre coûte cher à Noël"), ("iso-8859-16", "Țara și școala, ăsta e înțeles"),
        ("shift_jis", "日本語"), ("hz-gb-2312", "磨坊的看守人"), ("utf-7", "Größe und Maß"),
        ("macintosh", "Der Müller schläft"),
    ],
)  # fmt: skip
def test_latin_1_of_a_server_gives_way_to_what_the_page_declares(label: str, text: str) -> None:
    codec = {"hz-gb-2312": "hz", "macintosh": "mac_roman"}.get(label, label)
    decoded = decode_page(page(text, codec, f"<meta charset={label}>"), "ISO-8859-1")
    assert (decoded.charset, decoded.origin) == (label, "meta")
    assert text in decoded.text


def test_latin_1_of_a_server_stays_where_the_page_s_declaration_leaves_letters_alone() -> None:
    for declared in ("windows-1251", "gbk", "shift_jis", "windows-1253"):
        french = "Le gardien du moulin a pénétré près de l'écluse dégagée; c'était l'été, préféré à l'hiver."
        decoded = decode_page(page(french, "cp1252", f"<meta charset={declared}>"), "ISO-8859-1")
        assert french in decoded.text


@pytest.mark.parametrize(
    ("language", "codec", "text"),
    [
        ("pl", "cp1250", "Zażółć gęślą jaźń, proszę pana."), ("cs-CZ", "iso-8859-2", "Čeština je krásná řeč."),
        ("cs", "cp1250", "Čeština je krásná řeč."), ("hu", "iso-8859-2", "Árvíztűrő tükörfúrógép."),
        ("tr", "cp1254", "Değirmenin bekçisi her sabah ırmağın düzeyini okuyor."),
        ("lv", "cp1257", "Dzirnavnieks katru rītu lasīja upes līmeni."), ("ja", "shift_jis", "日本語"),
        ("zh", "gbk", "你好"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1"])
def test_the_language_that_a_page_declares_tells_sets_apart(
    language: str, codec: str, text: str, declared: str | None
) -> None:
    data = page(text, codec).replace(b"<html>", f'<html dir="ltr" lang="{language}">'.encode())
    if declared != "iso-8859-1" or codec.startswith(("cp125", "iso")):
        assert text in decode_page(data, declared).text


@pytest.mark.parametrize(
    "text",
    [
        "It costs £3 a month, or £30 a year.", "a—b and c—d, word–word, wait…what, don’t", "“Quoted”",
        "10 °C, ½ cup, ± 2 µm, § 4, © 2020, Motorola® phones", "Crème brûlée at the café",
        "<style>li:before{content:'•••'}</style>Pokémon",
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1"])
def test_a_few_signs_in_english_are_windows_1252(text: str, declared: str | None) -> None:
    words = "The keeper read the level of the water each morning and wrote it down, as his father had done. " * 3
    data = page(f"{words}{text} {words}", "cp1252").replace(b"<html>", b"<html lang=en-GB>")
    assert text in decode_page(data, declared).text


def test_dashes_between_words_are_no_letters_of_the_macintosh() -> None:
    text = "the mill—the old one—stood there, open day–night; the keeper…slept, and so…on—and on—again"
    assert text in decode_page(page(text, "cp1252"), None).text


def test_signs_within_words_speak_against_latin_1() -> None:
    polish = "Zażółć gęślą jaźń, proszę pana; młynarz odczytał stan wody i zapisał go w księdze."
    assert polish in decode_page(page(polish, "iso-8859-2", "<meta charset=iso-8859-1>"), "iso-8859-1").text
    catalan = "col·lecció d'aquarel·les, «dit»així, l´été, n°un"
    assert catalan in decode_page(page(catalan, "cp1252"), "iso-8859-1").text


def test_escapes_of_seven_bits_speak_against_what_is_declared() -> None:
    japanese = "水車小屋の番人は毎朝川の水位を読み"
    for declared in ("utf-8", "iso-8859-1", "shift_jis"):
        decoded = decode_page(page(japanese, "iso2022_jp", f"<meta charset={declared}>"), declared)
        assert japanese in decoded.text
        assert decoded.charset == "iso-2022-jp"


def test_one_broken_byte_in_a_short_page_of_utf_8() -> None:
    data = b"<p>M\xc3\xbcller schl\xc3\xa4ft im caf\xe9.</p>"
    for declared in (None, "utf-8", "iso-8859-1"):
        assert decode_page(data, declared).text == "<p>Müller schläft im caf\ufffd.</p>"
