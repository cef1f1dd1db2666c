"""Each kernel of packing against a slow, obvious reference implementation."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.stages.pack.packing_kernels import Integers, best_fit, concatenate, cut_long
from prep.stages.pack.placement_kernels import NO_ID, arrange, copy_pieces, delimit, document_hashes, lay_out, reorder

Piece = tuple[int, int, int]
"""Document, start, length."""
LENGTHS = st.lists(st.one_of(st.integers(1, 12), st.integers(1, 400)), max_size=40)


def integers(values: list[int]) -> Integers:
    return np.array(values, np.int64)


@st.composite
def rows_and_minimums(draw: st.DrawFn) -> tuple[int, int]:
    row = draw(st.integers(2, 150))
    return row, draw(st.integers(1, row // 2))


def slow_cut_long(lengths: list[int], row: int, minimum: int) -> list[Piece]:
    pieces = []
    for document, length in enumerate(lengths):
        sizes = [row] * (length // row)
        if length % row:
            sizes.insert(0, length % row)
        if len(sizes) > 1 and sizes[0] < minimum:
            sizes[1] -= minimum - sizes[0]
            sizes[0] = minimum
        pieces += [(document, sum(sizes[:index]), size) for index, size in enumerate(sizes)]
    return pieces


@settings(deadline=None)
@given(LENGTHS, rows_and_minimums())
@example([7, 8, 9, 16, 17, 25], (8, 4))
@example([1000], (3, 1))
def test_long_documents_are_cut(lengths: list[int], shape: tuple[int, int]) -> None:
    pieces = list(zip(*(column.tolist() for column in cut_long(integers(lengths), *shape)), strict=True))
    assert pieces == slow_cut_long(lengths, *shape)
    row, minimum = shape
    for document, start, length in pieces:
        assert length >= min(minimum, lengths[document])
        assert start == 0 or 2 * length > row  # so that no two of them fit into one row


def slow_best_fit(sizes: list[int], length: int) -> list[int]:
    rows = [0] * len(sizes)
    free: list[int] = []
    used: list[int] = []  # rows, the one used last at the end
    for piece in sorted(range(len(sizes)), key=lambda piece: -sizes[piece]):
        fitting = [row for row in reversed(used) if free[row] >= sizes[piece]]
        row = min(fitting, key=free.__getitem__, default=len(free))
        if row == len(free):
            free.append(length)
        else:
            used.remove(row)
        free[row] -= sizes[piece]
        used.append(row)
        rows[piece] = row
    return rows


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 200), max_size=80),
    st.sampled_from([1, 2, 63, 64, 65, 200, 4095, 4096, 4097, 9000]),
)
@example([5, 5, 3, 3, 2, 2], 10)
@example([4000, 4000, 97, 96, 1], 4096)
def test_best_fit(sizes: list[int], length: int) -> None:
    sizes = [min(size, length) for size in sizes]
    rows, count = best_fit(integers(sizes), length)
    assert rows.tolist() == slow_best_fit(sizes, length)
    assert count == len(set(rows.tolist()))
    assert np.bincount(rows, sizes, minlength=1).max() <= length


def test_best_fit_finds_places_far_apart() -> None:
    """Free places whose words and groups of words lie far apart in the bitset."""
    length = 1 << 20
    sizes = [length - 1, length - 5000, length - 300_000, 299_999, 4_999, 70, 1]
    rows, count = best_fit(integers(sizes), length)
    assert rows.tolist() == [0, 1, 2, 2, 1, 3, 1]
    assert count == 4


def slow_concatenate(lengths: list[int], row: int, minimum: int) -> list[tuple[int, int, int, int]]:
    """Cut token by token: a document goes on in its row until the row is full, or the next row would get too little."""
    pieces = []
    at, filled = 0, 0
    for document, length in enumerate(lengths):
        start = 0
        while start < length:
            if filled == row:
                at, filled = at + 1, 0
            sizes = [size for size in range(1, min(row - filled, length - start) + 1) if size >= minimum]
            sizes = [size for size in sizes if length - start - size >= minimum]
            size = length - start if length - start <= row - filled else max(sizes, default=0)
            if size:
                pieces.append((document, start, size, at))
            start += size
            filled = filled + size if start == length else row
    return pieces


@settings(deadline=None)
@given(LENGTHS, rows_and_minimums())
@example([5, 9, 3], (8, 4))
@example([8, 8, 1], (8, 1))
def test_concatenation(lengths: list[int], shape: tuple[int, int]) -> None:
    *columns, count = concatenate(integers(lengths), *shape)
    pieces = list(zip(*(column.tolist() for column in columns), strict=True))
    assert pieces == slow_concatenate(lengths, *shape)
    assert count == len({row for *_, row in pieces})


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 50))
def test_concatenation_without_a_minimum_fills_every_row(lengths: list[int], row: int) -> None:
    _, _, sizes, rows, count = concatenate(integers(lengths), row, 1)
    assert count == -(-sum(lengths) // row)
    assert (np.bincount(rows, sizes, minlength=1)[:-1] == row).all()


@settings(deadline=None)
@given(st.data(), st.integers(0, 12))
def test_pieces_are_arranged(data: st.DataObject, count: int) -> None:
    rows = data.draw(st.lists(st.integers(0, max(0, count - 1)), max_size=30 if count else 0))
    starts = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    offsets, order = arrange(integers(rows), integers(starts), count)
    key = [(row, start == 0) for row, start in zip(rows, starts, strict=True)]
    assert order.tolist() == sorted(range(len(rows)), key=key.__getitem__)
    assert np.diff(offsets).tolist() == [rows.count(row) for row in range(count)]


@settings(deadline=None)
@given(st.data(), st.lists(st.integers(0, 5), max_size=12), st.integers(0, 9))
def test_rows_are_reordered(data: st.DataObject, counts: list[int], first: int) -> None:
    offsets = integers([first, *(first + np.cumsum(counts, dtype=int)).tolist()])
    order = data.draw(st.permutations(range(len(counts))))
    moved, pieces = reorder(offsets, integers(list(order)))
    expected = [list(range(offsets[row], offsets[row + 1])) for row in order]
    assert [pieces[start:end].tolist() for start, end in pairwise(moved)] == expected


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 5), max_size=4), max_size=6), st.integers(0, 9))
def test_pieces_are_laid_out(rows: list[list[int]], first: int) -> None:
    offsets = integers([first, *(first + np.cumsum([len(row) for row in rows], dtype=int)).tolist()])
    expected = [20 * index + sum(row[:piece]) for index, row in enumerate(rows) for piece in range(len(row))]
    assert lay_out(offsets, integers([size for row in rows for size in row]), 20).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=8), st.sampled_from(["uint16", "uint32"]))
def test_pieces_are_copied(pieces: list[tuple[int, int]], dtype: str) -> None:
    tokens = np.arange(50, dtype=dtype)
    targets = [10 * index for index in range(len(pieces))]
    ids = np.full(10 * len(pieces), 99, dtype)
    expected = ids.copy()
    for target, (source, length) in zip(targets, pieces, strict=True):
        expected[target : target + length] = tokens[source : source + length]
    sources, lengths = ([piece[index] for piece in pieces] for index in (0, 1))
    copy_pieces(tokens, integers(sources), integers(lengths), integers(targets), ids)
    assert np.array_equal(ids, expected)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=6), max_size=6), st.integers(0, 3), st.sampled_from([NO_ID, 998]), st.booleans())
def test_separators_delimit_every_document(documents: list[bytes], skipped: int, before: int, ended: bool) -> None:
    ids = np.frombuffer(bytes(skipped) + b"".join(documents), np.uint8).astype(np.uint16)
    offsets = integers([skipped, *(skipped + np.cumsum([len(document) for document in documents], dtype=int)).tolist()])
    after = 999 if ended else NO_ID
    front, back = ([value] if value != NO_ID else [] for value in (before, after))
    out = np.empty(len(ids) - skipped + len(documents) * (len(front) + len(back)), np.uint16)
    lengths = delimit(offsets, ids, before, after, out)
    delimited = [[*front, *document, *back] for document in documents]
    assert out.tolist() == [token for document in delimited for token in document]
    assert lengths.tolist() == [len(document) for document in delimited]


def drawn_for(values: list[str], seed: int, purpose: int = 0) -> list[int]:
    hashes: list[int] = document_hashes(
        *string_buffers(pa.array(values, pa.string())), np.uint64(seed), np.uint64(purpose)
    ).tolist()
    return hashes


@settings(deadline=None)
@given(st.lists(st.text(), max_size=6), st.integers(0, (1 << 63) - 1))
def test_a_hash_depends_on_its_value_alone(values: list[str], seed: int) -> None:
    hashes = drawn_for(values, seed)
    assert hashes == [drawn_for([value], seed)[0] for value in values]
    assert len(set(hashes)) == len(set(values))


def test_hashes_are_spread_evenly_and_differ_by_seed_and_purpose() -> None:
    ids = [f"part-0.parquet#{index}" for index in range(20_000)]
    first = np.array(drawn_for(ids, 0), np.uint64)
    tenths = np.bincount((first >> np.uint64(32)) * np.uint64(10) >> np.uint64(32), minlength=10)
    assert (abs(tenths - 2000) < 200).all()
    for other in (drawn_for(ids, 1), drawn_for(ids, 0, 1)):
        same = (first < np.uint64(1 << 63)) == (np.array(other, np.uint64) < np.uint64(1 << 63))
        assert abs(same.mean() - 0.5) < 0.02
