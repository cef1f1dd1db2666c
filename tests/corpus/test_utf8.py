"""Kernels that read UTF-8, against Python's own codec and line splitter, on text and on arbitrary bytes."""

import numpy as np
import numpy.typing as npt
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel
from prep.corpus.text.utf8 import (
    CODE_POINTS,
    code_point_table,
    code_points,
    decode,
    every_code_point,
    find_byte,
    find_line_end,
    load64,
    load_up_to,
    trailing_zeros,
    write_code_point,
)

TEXTS = st.text() | st.text(
    st.sampled_from("ab \né\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2027\u2028\u2029\u202a你🙂\x00\x09")
)
SURROUNDINGS = st.binary(max_size=9)


@kernel
def decoded(data: Bytes, at: int, end: int) -> tuple[int, int]:
    return decode(data, at, end)


@kernel
def decoded_all(data: Bytes, count: int) -> npt.NDArray[np.int64]:
    codes = np.zeros(count, np.int64)
    at = 0
    for index in range(count):
        codes[index], at = decode(data, at, len(data))
    return codes


@kernel
def written_all(codes: npt.NDArray[np.int64]) -> Bytes:
    text = np.zeros(4 * len(codes), np.uint8)
    end = 0
    for code in codes:
        end = write_code_point(text, end, code)
    return text[:end]


@kernel
def loaded(data: Bytes, at: int, end: int) -> np.uint64:
    return load_up_to(data, at, end)


@kernel
def eight(data: Bytes, at: int) -> np.uint64:
    return load64(data, at)


@kernel
def zeros(word: np.uint64) -> int:
    return trailing_zeros(word)


@kernel
def counted(data: Bytes, start: int, end: int) -> int:
    return code_points(data, start, end)


@kernel
def found(data: Bytes, at: int, end: int, byte: int) -> int:
    return find_byte(data, at, end, byte)


@kernel
def line_end(data: Bytes, at: int, end: int) -> tuple[int, int]:
    return find_line_end(data, at, end)


def array(raw: bytes) -> Bytes:
    return np.frombuffer(raw, np.uint8)


def within(before: bytes, raw: bytes, after: bytes) -> tuple[Bytes, int, int]:
    return array(before + raw + after), len(before), len(before) + len(raw)


def test_every_code_point_decodes_to_itself() -> None:
    text = every_code_point()
    codes = decoded_all(array(text.encode()), len(text))
    assert (codes == np.array(list(map(ord, text)))).all()


def test_every_code_point_is_written_as_python_encodes_it() -> None:
    text = every_code_point()
    assert written_all(np.array(list(map(ord, text)))).tobytes() == text.encode()


@settings(deadline=None)
@given(TEXTS, SURROUNDINGS, SURROUNDINGS)
def test_text_decodes_code_point_by_code_point(text: str, before: bytes, after: bytes) -> None:
    data, at, end = within(before, text.encode(), after)
    codes = []
    while at < end:
        code, at = decoded(data, at, end)
        codes.append(code)
    assert "".join(map(chr, codes)) == text
    assert at == end


@settings(deadline=None)
@given(st.binary(max_size=12), SURROUNDINGS)
@example(b"\xff\xff\xff\xff", b"")
@example(b"a\xf0\x9f", b"\x99\x82")
def test_arbitrary_bytes_decode_to_something_and_always_onward(raw: bytes, after: bytes) -> None:
    data = array(raw + after)
    at = 0
    while at < len(raw):
        code, beyond = decoded(data, at, len(raw))
        assert 0 <= code < CODE_POINTS
        assert at < beyond <= len(raw)
        assert decoded(array(raw + b"\x81" * 3), at, len(raw)) == (code, beyond)
        at = beyond


@settings(deadline=None)
@given(st.binary(max_size=20), SURROUNDINGS, SURROUNDINGS)
def test_up_to_eight_bytes_are_loaded(raw: bytes, before: bytes, after: bytes) -> None:
    data, at, end = within(before, raw, after)
    assert int(loaded(data, at, end)) == int.from_bytes(raw[:8], "little")
    if len(raw) >= 8:
        assert int(eight(data, at)) == int.from_bytes(raw[:8], "little")


@settings(deadline=None)
@given(st.integers(0, 63), st.integers(0, (1 << 64) - 1))
def test_trailing_zeros(shift: int, bits: int) -> None:
    word = ((bits | 1) << shift) & ((1 << 64) - 1)
    assert zeros(np.uint64(word)) == shift
    assert zeros(np.uint64(0)) == 64


@settings(deadline=None)
@given(TEXTS, SURROUNDINGS, SURROUNDINGS)
def test_code_points_are_counted(text: str, before: bytes, after: bytes) -> None:
    assert counted(*within(before, text.encode(), after)) == len(text)


@settings(deadline=None)
@given(
    st.binary(max_size=40) | st.binary(max_size=40).map(lambda raw: bytes(byte & 3 for byte in raw)),
    SURROUNDINGS,
    st.integers(0, 255),
)
@example(b"\x01\x00" * 8, b"", 0)
@example(b"\x00\x01" * 8, b"\x00", 1)
def test_a_byte_is_found_where_bytes_find_it(raw: bytes, after: bytes, byte: int) -> None:
    place = raw.find(bytes([byte]))
    assert found(array(raw + after), 0, len(raw), byte) == (len(raw) if place < 0 else place)


@settings(deadline=None, max_examples=400)
@given(TEXTS, SURROUNDINGS, SURROUNDINGS)
@example("ab\r", b"", b"\n")
@example("a" * 7 + "\r\n" + "b" * 9 + "\u2028c", b"", b"")
def test_lines_are_those_of_str_splitlines(text: str, before: bytes, after: bytes) -> None:
    data, at, end = within(before, text.encode(), after)
    lines = []
    while at < end:
        stop, following = line_end(data, at, end)
        lines.append((data[at:stop].tobytes().decode(), data[at:following].tobytes().decode()))
        at = following
    assert [line for line, _ in lines] == text.splitlines()
    assert [line for _, line in lines] == text.splitlines(keepends=True)


def test_a_table_has_the_flags_of_all_patterns_that_match() -> None:
    table = code_point_table([(r"\p{Lu}", 1), (r"[A-F\u0410]", 2)])
    assert len(table) == CODE_POINTS
    assert not table.flags.writeable
    for character in every_code_point()[::5] + "AZaА":
        upper = 1 if regex.match(r"\p{Lu}", character) else 0
        assert table[ord(character)] == upper | (2 if character in "ABCDEFА" else 0)


def test_every_code_point_has_all_characters_and_no_surrogates() -> None:
    text = every_code_point()
    assert {"a", "\x00", "é", "你", "\uffff", "🙂", "\U000e01ef"} <= set(text)
    assert not regex.search(r"[\p{Cs}\p{Co}]", text)
    assert len(set(text)) == len(text)
