"""Hashes: equal for equal bytes, whatever their alignment; different, well mixed bits for different ones."""

import numpy as np
import numpy.typing as npt
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import find_slot, hash_bytes, hash_lower, lower_table, mix, table_size

Hash = np.uint64
ZERO = np.uint64(0)
MASK = (1 << 64) - 1


@kernel
def byte_hash(data: Bytes, start: int, end: int, seed: np.uint64) -> np.uint64:
    return hash_bytes(data, start, end, seed)


@kernel
def lower_hash(data: Bytes, start: int, end: int, lower: npt.NDArray[np.int32], seed: np.uint64) -> np.uint64:
    return hash_lower(data, start, end, lower, seed)


@kernel
def pair_hash(left: np.uint64, right: np.uint64) -> np.uint64:
    return mix(left, right)


def slow_hash(raw: bytes, seed: int = 0) -> int:
    """The same hash on Python's integers."""
    state = seed
    for at in range(0, len(raw), 8):
        state = ((state ^ int.from_bytes(raw[at : at + 8], "little")) * 0x9E3779B97F4A7C15) & MASK
        state ^= state >> 32
    state = ((state ^ len(raw)) * 0xFF51AFD7ED558CCD) & MASK
    state = ((state ^ (state >> 33)) * 0xC4CEB9FE1A85EC53) & MASK
    return state ^ (state >> 33)


def array(raw: bytes) -> Bytes:
    return np.frombuffer(raw, np.uint8)


def simple_lower(text: str) -> str:
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=9), st.binary(max_size=9), st.integers(0, MASK))
def test_bytes_hash_as_on_paper_whatever_surrounds_them(raw: bytes, before: bytes, after: bytes, seed: int) -> None:
    data = array(before + raw + after)
    assert byte_hash(data, len(before), len(before) + len(raw), np.uint64(seed)) == slow_hash(raw, seed)


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.text(), st.text(st.sampled_from("AZaz@[`{9 éÉİKΣςß你Ａ🙂Ⱥ"))), st.binary(max_size=9))
@example("STRASSE straße ΟΔΟΣ İstanbul K", b"")
def test_lower_case_hashes_as_the_lowered_text(text: str, after: bytes) -> None:
    data = array(text.encode() + after)
    lowered = slow_hash(simple_lower(text).encode(), 7)
    assert lower_hash(data, 0, len(text.encode()), lower_table(), np.uint64(7)) == lowered


def test_lower_table_is_str_lower_for_every_code_point() -> None:
    table = lower_table()
    assert all(chr(table[code]) == simple_lower(chr(code)) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def sequence_hash(words: list[str]) -> int:
    state = ZERO
    for word in words:
        last = byte_hash(array(word.encode()), 0, len(word.encode()), ZERO)
        state = np.uint64(pair_hash(state, np.uint64(last)))
    return int(state)


def test_sequences_keep_their_borders_and_order() -> None:
    sequences = [
        ["ab", "c"],
        ["a", "bc"],
        ["abc"],
        ["c", "ab"],
        ["a", "b", "c"],
        ["b", "a", "c"],
        ["a"],
        ["a", "a"],
        [],
    ]
    assert len({sequence_hash(words) for words in sequences}) == len(sequences)


def test_each_input_bit_flips_about_half_of_the_output_bits() -> None:
    generator = np.random.default_rng(1)
    for length in (1, 5, 8, 13):
        flips = []
        for _ in range(200):
            raw = bytearray(generator.bytes(length))
            whole = slow_hash(bytes(raw))
            bit = int(generator.integers(8 * length))
            raw[bit // 8] ^= 1 << (bit % 8)
            flips.append((whole ^ int(byte_hash(array(bytes(raw)), 0, length, ZERO))).bit_count())
        assert 30 < np.mean(flips) < 34
    pairs = generator.integers(0, MASK, (500, 2), np.uint64, endpoint=True)
    flips = [
        (int(pair_hash(a, b)) ^ int(pair_hash(a ^ np.uint64(1 << (i % 64)), b))).bit_count()
        for i, (a, b) in enumerate(pairs)
    ] + [
        (int(pair_hash(a, b)) ^ int(pair_hash(a, b ^ np.uint64(1 << (i % 64))))).bit_count()
        for i, (a, b) in enumerate(pairs)
    ]
    assert 31 < np.mean(flips) < 33
    assert min(flips) > 10


def test_no_collisions_and_even_low_bits_on_numbers_and_short_words() -> None:
    words = [str(number) for number in range(200_000)] + [f"w{number:06}x" for number in range(200_000)]
    data = array("".join(words).encode())
    ends = np.cumsum([len(word) for word in words])
    starts = ends - [len(word) for word in words]
    hashes = np.array([byte_hash(data, a, b, ZERO) for a, b in zip(starts, ends, strict=True)], np.uint64)
    assert len(np.unique(hashes)) == len(words)
    for shift in (0, 32, 56):
        counts = np.bincount(((hashes >> np.uint64(shift)) & np.uint64(0xFF)).astype(np.int64), minlength=256)
        expected = len(words) / 256
        assert ((counts - expected) ** 2 / expected).sum() < 360  # chi-squared, 255 degrees of freedom, p = 2e-5


@kernel
def slot_of(keys: npt.NDArray[np.uint64], size: int, key: np.uint64) -> np.uint64:
    return find_slot(keys, size, key)


@kernel
def size_of(elements: int) -> int:
    return table_size(elements)


@given(st.integers(0, 1 << 40))
def test_hash_tables_are_powers_of_two_and_at_most_half_full(elements: int) -> None:
    size = size_of(elements)
    assert size.bit_count() == 1
    assert 2 * elements <= size <= max(16, 4 * elements)


@given(st.lists(st.integers(1, 60), max_size=100))
def test_hash_table_finds_what_was_entered(numbers: list[int]) -> None:
    size = 256
    keys = np.zeros(size, np.uint64)
    for number in numbers:
        keys[slot_of(keys, size, np.uint64(number * 16))] = number * 16  # many share their low bits
    assert sorted(keys[keys > 0].tolist()) == sorted({number * 16 for number in numbers})
