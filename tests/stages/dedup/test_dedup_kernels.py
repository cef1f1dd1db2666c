"""The kernels of deduplication against slow reference implementations, over arbitrary Unicode and arbitrary pairs."""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes, string_buffers
from prep.corpus.kernels import kernel
from prep.corpus.text import hashing
from prep.corpus.text.hashing import hash_lower, lower_table
from prep.corpus.text.words import Splitter, word_table, words
from prep.stages.dedup.minhash.minhash_kernels import Shingling, band_hashes, hash_functions, shingle_sets, signatures
from prep.stages.shared.matching.cluster_kernels import id_words, least, point_to_roots, unite
from prep.stages.shared.matching.exact_kernels import CodePoints, fold_text, murmur3, text_hashes

SPLITTERS: tuple[Splitter, ...] = ("unicode", "whitespace")
MASK = (1 << 64) - 1
WORDS = st.sampled_from(["a", "b", "A", "Ab", "ab", "İ", "Ⱥ", "ς", "9", ".", "!", "…", "你", "l'été", "n" * 20])
GAPS = st.sampled_from([" ", " ", "", "\n", "\t ", "\u3000", "\x1c", "\x85"])
TEXTS = st.lists(
    st.one_of(st.text(), st.lists(st.tuples(WORDS, GAPS)).map(lambda pieces: "".join(map("".join, pieces)))),
    max_size=4,
)


def column(texts: list[str]) -> pa.LargeStringArray:
    """Return the texts as rows in the middle of a longer column."""
    return pa.array(["é", *texts, "x y"], pa.large_string()).slice(1, len(texts))


def as_bytes(text: bytes) -> Bytes:
    data = np.frombuffer(text, np.uint8)
    data.flags.writeable = False
    return data


def lower_case(text: str) -> str:
    return "".join(mark.lower() if len(mark.lower()) == 1 else mark for mark in text)


def slow_fold(text: str) -> str:
    return " ".join(lower_case(text).split())


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), TEXTS.map(" ".join)))
@example("Ⱥ" * 50)
@example(" \u2003x\x1f\x1f")
def test_fold_text(text: str) -> None:
    data = as_bytes(text.encode())
    folded = np.empty(2 * len(data), np.uint8)
    length = fold_text(data, 0, len(data), word_table("whitespace"), lower_table(), folded)
    assert bytes(folded[:length]).decode() == slow_fold(text)


def test_no_code_point_grows_beyond_the_buffer() -> None:
    code_points = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert max(len(lower_case(mark).encode()) / len(mark.encode()) for mark in code_points) < 2


def test_murmur3_gives_the_published_verification_value() -> None:
    """Appleby's check: keys of 0 to 255 bytes with seeds from 256 down, and the hash of all their hashes."""
    hashes = b"".join(
        int(part).to_bytes(8, "little")
        for length in range(256)
        for part in murmur3(as_bytes(bytes(range(length))), 0, length, np.uint64(256 - length))
    )
    first, _ = murmur3(as_bytes(hashes), 0, len(hashes), np.uint64(0))
    assert int(first) & 0xFFFFFFFF == 0x6384BA69


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.booleans())
@example(["A\tb", " a b", "ab", "", "\n"], True)
def test_text_hashes_are_equal_where_normalised_texts_are(texts: list[str], fold: bool) -> None:
    hashes = text_hashes(*string_buffers(column(texts)), fold, word_table("whitespace"), lower_table())
    normalised = [slow_fold(text) if fold else text for text in texts]
    for row, text in enumerate(normalised):
        alone = murmur3(as_bytes(text.encode()), 0, len(text.encode()), np.uint64(0))
        assert tuple(hashes[:, row]) == alone
        for other in range(row):
            assert (hashes[:, row] == hashes[:, other]).all() == (text == normalised[other])


@kernel
def word_hash(data: Bytes, lower: CodePoints) -> np.uint64:
    return hash_lower(data, 0, len(data), lower, np.uint64(0))


@kernel
def byte_hash(data: Bytes, seed: np.uint64) -> np.uint64:
    return hashing.hash_bytes(data, 0, len(data), seed)


@kernel
def mix_in_kernel(left: np.uint64, right: np.uint64) -> np.uint64:
    return hashing.mix(left, right)


def mix(left: np.uint64, right: np.uint64) -> np.uint64:
    return np.uint64(mix_in_kernel(left, right))  # a kernel returns a Python integer


def slow_shingles(text: str, splitter: Splitter, ngram: int) -> set[int]:
    found = words(text, splitter)
    plain = [word for word in found if regex.search(r"[\p{L}\p{N}]", word)]
    if len(plain) < ngram:
        return {int(reduce(mix, map(slow_hash, found), np.uint64(0x5BD1E995)))}
    hashes = [slow_hash(word) for word in plain]
    return {int(reduce(mix, hashes[at : at + ngram])) for at in range(len(hashes) - ngram + 1)}


def slow_character_shingles(text: str, ngram: int) -> set[int]:
    folded = slow_fold(text)
    if len(folded) < ngram:
        return {int(byte_hash(as_bytes(folded.encode()), np.uint64(0x5BD1E995)))}
    windows = {folded[at : at + ngram] for at in range(len(folded) - ngram + 1)}
    return {int(byte_hash(as_bytes(window.encode()), np.uint64(0))) for window in windows}


def slow_hash(word: str) -> np.uint64:
    return np.uint64(word_hash(as_bytes(word.encode()), lower_table()))


def slow_signature(shingles: set[int], functions: Sequence[Sequence[int]]) -> list[int]:
    keys = [{shingle >> 32 for shingle in shingles}, {shingle & 0xFFFFFFFF for shingle in shingles}]
    return [min((a * key + b & MASK) >> 32 for key in keys[index % 2]) for index, (a, b) in enumerate(functions)]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 7), st.integers(1, 9), st.sampled_from(SPLITTERS), st.booleans())
@example(["a b c d", "a b c d e", "a b c d e f", "! ? .", "", " "], 5, 4, "unicode", False)
@example(["abcde", "ABC  DE", "abc", "", " ", "äöüß"], 5, 4, "unicode", True)
def test_signatures(texts: list[str], ngram: int, count: int, splitter: Splitter, characters: bool) -> None:
    functions = hash_functions(count, seed=3)
    data, offsets = string_buffers(column(texts))
    shingling = Shingling(word_table(splitter), lower_table(), ngram, characters)
    found, _, contents = signatures(data, offsets, shingling, functions)
    sets = [
        slow_character_shingles(text, ngram) if characters else slow_shingles(text, splitter, ngram) for text in texts
    ]
    assert found.tolist() == [slow_signature(shingles, functions.tolist()) for shingles in sets]
    assert found.shape == (len(texts), count)
    folded = [slow_fold(text) for text in texts]
    assert all(
        contents[row] == contents[other]
        for row in range(len(texts))
        for other in range(row)
        if folded[row] == folded[other]
    )
    hashes, bounds = shingle_sets(data, offsets, Shingling(word_table(splitter), lower_table(), ngram, characters))
    assert [hashes[start:end].tolist() for start, end in pairwise(bounds)] == [sorted(shingles) for shingles in sets]


@pytest.mark.parametrize("count", [31, 32, 33, 1023, 1024, 1025, 2047, 2048, 2049, 5000])
@pytest.mark.parametrize("ngram", [1, 2, 5])
def test_signatures_of_long_texts(count: int, ngram: int) -> None:
    text = " ".join(str(number * number) for number in range(count + ngram - 1))
    functions = hash_functions(6, seed=0)
    data, offsets = string_buffers(column([text]))
    shingling = Shingling(word_table("unicode"), lower_table(), ngram, False)
    found = signatures(data, offsets, shingling, functions)[0]
    assert found.tolist() == [slow_signature(slow_shingles(text, "unicode", ngram), functions.tolist())]


def test_words_keep_their_borders() -> None:
    functions = hash_functions(8, seed=0)
    texts = ["ab c d", "a bc d", "ab c. d!", "AB C D", "d c ab"]
    data, offsets = string_buffers(column(texts))
    shingling = Shingling(word_table("unicode"), lower_table(), 3, False)
    found = signatures(data, offsets, shingling, functions)[0].tolist()
    assert found[0] == found[2] == found[3]
    assert len({tuple(row) for row in found}) == 3


def test_hash_functions_of_a_seed_do_not_depend_on_their_number() -> None:
    assert hash_functions(200, seed=7)[:3].tolist() == hash_functions(3, seed=7).tolist()
    assert hash_functions(3, seed=7).tolist() != hash_functions(3, seed=8).tolist()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 5), st.data())
def test_band_hashes(bands: int, rows: int, documents: int, data: st.DataObject) -> None:
    values = st.lists(st.integers(0, 3), min_size=bands * rows, max_size=bands * rows)
    found = data.draw(st.lists(values, min_size=documents, max_size=documents))
    signature = np.array(found, np.uint32).reshape(documents, bands * rows)
    hashes = band_hashes(signature, bands, rows)
    assert hashes.shape == (bands, documents)
    for band in range(bands):
        for document in range(documents):
            piece = [np.uint64(value) for value in found[document][band * rows : (band + 1) * rows]]
            assert hashes[band, document] == reduce(mix, piece, np.uint64(0))


def slow_components(documents: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return the smallest number that each document is connected with, by spreading it until nothing changes."""
    roots = list(range(documents))
    changed = True
    while changed:
        changed = False
        for left, right in pairs:
            smaller = min(roots[left], roots[right])
            changed |= roots[left] != smaller or roots[right] != smaller
            roots[left] = roots[right] = smaller
    return roots


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
@example(list(pairwise(range(19, -1, -1))))
def test_union_find(pairs: list[tuple[int, int]]) -> None:
    parents = np.arange(20)
    left = np.array([pair[0] for pair in pairs], np.int64)
    right = np.array([pair[1] for pair in pairs], np.int64)
    left.flags.writeable = right.flags.writeable = False
    unite(parents, left, right)
    point_to_roots(parents)
    assert parents.tolist() == slow_components(20, pairs)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, MASK)), min_size=1))
def test_least(items: list[tuple[int, int]]) -> None:
    clusters = np.array([cluster for cluster, _ in items], np.int64)
    values = np.array([value for _, value in items], np.uint64)
    found = least(values, clusters, 5)
    for cluster in range(5):
        assert found[cluster] == min((value for other, value in items if other == cluster), default=MASK)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=12)), st.sampled_from([0, 8, 16]))
def test_id_words(ids: list[str], at: int) -> None:
    found = id_words(*string_buffers(column(ids)), at)
    expected = [int.from_bytes(text.encode()[at : at + 8].ljust(8, b"\0"), "big") for text in ids]
    assert found.tolist() == expected
