"""Browsers' tables where Python's codecs have others, and damage that stays where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.shared.charset.decoding import decode
from prep.stages.shared.charset.names import charset_of

CHARSETS = (
    "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr", "big5", "gbk", "gb18030", "windows-874", "windows-1255", "koi8-u",
    "macintosh", "x-mac-cyrillic", "x-user-defined", "utf-16le", "hz-gb-2312", "iso-2022-kr", "utf-8", "ibm866",
)  # fmt: skip


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("shift_jis", b"\x87\x40\x87\x8a\xfb\xfc\x81\x60\xa0", "①㈱髙～\ufffd"),
        ("euc-jp", b"\xad\xa1\xad\xea\xf9\xa1\xa1\xc1\xa1\xdd\xa4\xa2", "①㈱纊～－あ"),
        ("iso-2022-jp", b"\x1b$B\x2d\x21\x24\x22\x21\x41\x1b(Bx", "①あ～x"),
        ("iso-2022-jp", b"\x1b$B\x24\x22\x1b(I\x31\x32\x1b(J\x5c", "あｱｲ¥"),
        ("euc-kr", b"\x8c\x63\xb9\xe6\xb0\xa2", "똠방각"),
        ("big5", b"\xa1\x45\xc6\xe7\x87\x7a\xf9\xd6\xa3\xe1", "‧ぁ㡵碁€"),
        ("gbk", b"\x80\xa8\xbc\xa6\xd9\xe9F\x87\xd6", "€ḿ︐镕囍"),
        ("gb18030", b"\x81\x30\x81\x30\x95\x32\x82\x36", "\x80𠀀"),
        ("windows-874", b"\x80\x93\xa1\x94", "€“ก”"),
        ("windows-1252", b"\x81\x93\x94", "\x81“”"),
        ("windows-1255", b"\xca\xd9", "\u05ba\ufffd"),
        ("koi8-u", b"\xae\xbe", "ўЎ"),
        ("x-mac-cyrillic", b"\x93\xf0\xb6\xff", "Урґ€"),
    ],
)
def test_tables(charset: str, data: bytes, text: str) -> None:
    assert decode(data, charset) == text


@pytest.mark.parametrize(
    ("charset", "before", "bad", "after"),
    [
        ("shift_jis", "水", b"\x81\xff", "門社が"),
        ("euc-jp", "水", b"\xa9\xa1", "門社が"),
        ("euc-jp", "水", b"\x8f\xa1\xa1", "門社が"),
        ("iso-2022-jp", "", b"\x1b$B\x29\x21\x3f\x65\x4c\x67\x1b(B", ""),
        ("euc-kr", "방", b"\xc9\xa1", "각하도"),
        ("big5", "水", b"\x80", "門的"),
        ("gbk", "水", b"\xff", "门的"),
        ("utf-8", "水", b"\xe6\xb0", "門"),
    ],
)
def test_a_bad_byte_spoils_itself_alone(charset: str, before: str, bad: bytes, after: str) -> None:
    codec = {"iso-2022-jp": "utf-8"}.get(charset, charset)
    text = decode(before.encode(codec) + bad + after.encode(codec), charset)
    assert text == (f"{before}\ufffd{after}" if charset != "iso-2022-jp" else "\ufffd水門")


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [("euc-kr", b"\xb0<b>\xb9\xe6", "\ufffd<b>방"), ("shift_jis", b"\x81<p>", "\ufffd<p>")],
)
def test_markup_after_half_a_character_stays(charset: str, data: bytes, text: str) -> None:
    assert decode(data, charset) == text


@given(st.binary(max_size=60), st.sampled_from(CHARSETS))
def test_any_bytes_become_text(data: bytes, charset: str) -> None:
    assert decode(data, charset).encode().decode() == decode(data, charset)


@given(st.text(st.characters(max_codepoint=0x7F, exclude_characters="\x1b\x0e\x0f~\0"), max_size=40))
def test_ascii_is_ascii_everywhere(text: str) -> None:
    for charset in CHARSETS:
        if charset != "utf-16le":
            assert decode(text.encode(), charset) == text


@pytest.mark.parametrize(
    ("label", "charset"),
    [
        ("Windows-31J", "shift_jis"), (" x-sjis ", "shift_jis"), ("KS_C_5601-1987", "euc-kr"), ("cp949", "euc-kr"),
        ("GB2312", "gbk"), ("TIS-620", "windows-874"), ("ISO-8859-1", "windows-1252"), ("ISO8859-9", "windows-1254"),
        ("win-1251", "windows-1251"), ("utf_8", "utf-8"), ("'UTF-8'", "utf-8"), ("UTF8;", "utf-8"),
        ("x-mac-ukrainian", "x-mac-cyrillic"), ("iso-8859-8-i", "iso-8859-8-i"), ("unknown-8bit", None), ("", None),
        (None, None), ("utf-8859", None),
    ],
)  # fmt: skip
def test_labels(label: str | None, charset: str | None) -> None:
    assert charset_of(label) == charset
