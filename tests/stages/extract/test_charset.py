"""Which character set a page is decoded with, and what is replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.extract.charset import decode_page

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy, a proto šel domů."


def page(text: str, charset: str, meta: str = "") -> bytes:
    return f"<html><head>{meta}</head><body><p>{text}</p></body></html>".encode(charset)


def test_the_byte_order_mark_wins_and_is_left_out() -> None:
    decoded = decode_page(b"\xef\xbb\xbf" + page(CZECH, "utf-8"), "iso-8859-2")
    assert (decoded.charset, decoded.origin) == ("utf-8", "bom")
    assert decoded.text.startswith("<html>")


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_sixteen_bit_marks_are_known(charset: str) -> None:
    decoded = decode_page("\ufeff".encode(charset) + page(CZECH, charset), None)
    assert (decoded.charset, decoded.origin) == (charset, "bom")
    assert CZECH in decoded.text


def test_the_transport_goes_before_the_page() -> None:
    decoded = decode_page(page(CZECH, "iso-8859-2", "<meta charset=windows-1251>"), "ISO-8859-2")
    assert (decoded.charset, decoded.origin) == ("iso8859-2", "transport")
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
    assert (decoded.charset, decoded.origin) == ("cp1250", "meta")
    assert CZECH in decoded.text


def test_latin_1_means_windows_1252_as_in_browsers() -> None:
    decoded = decode_page(page("“quoted” — 5 €", "cp1252"), "iso-8859-1")
    assert decoded.charset == "cp1252"
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
    assert (decoded.charset, decoded.origin, decoded.undecodable) == ("cp1250", "meta", 0)


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
