"""The kernels over rows against plain Python, over arbitrary Unicode."""

import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.tokenizers.row_kernels import copy_rows, cut_rows, flagged_rows, hash_rows
from prep.tokenizers.training.unassigned import unassigned_table

ODD = st.sampled_from(["a" * 9, "é", "中文", "\U0001f1e9", "\u0378", "\U000e0fff", "\U0010ffff", "\ue000", "\0", " "])
TEXTS = st.lists(st.one_of(st.text(), st.lists(ODD).map("".join)), max_size=5)


def rows(texts: list[str]) -> tuple[Bytes, Offsets, Offsets]:
    """Return the texts as rows in the middle of a longer column."""
    data, offsets = string_buffers(pa.array(["é", *texts, "x y"], pa.large_string()).slice(1, len(texts)))
    return data, offsets[:-1], offsets[1:]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(["a" * 8 + "\u0378", "\u0378" + "a" * 8, "\x00\x7f"])
def test_unassigned_code_points_are_found(texts: list[str]) -> None:
    expected = [any(unicodedata.category(character) == "Cn" for character in text) for text in texts]
    assert flagged_rows(*rows(texts), unassigned_table()).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(1, 12))
def test_rows_are_cut_between_code_points(texts: list[str], limit: int) -> None:
    data, starts, ends = rows(texts)
    copied, offsets = copy_rows(data, starts, cut_rows(data, starts, ends, limit))
    cut = [bytes(copied[start:end]) for start, end in pairwise(offsets)]
    assert cut == [text.encode()[:limit].decode(errors="ignore").encode() for text in texts]


def test_hashes_depend_on_the_row_and_the_seed_alone() -> None:
    texts = ["a", "b", "", "ab", "a"]
    first, again, other = (
        hash_rows(*rows(order), np.uint64(seed)) for order, seed in ((texts, 0), (texts[::-1], 0), (texts, 1))
    )
    assert first.tolist() == again[::-1].tolist()
    assert len({*first.tolist(), *other.tolist()}) == 8
