"""The radix sort against numpy's stable sort."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from prep.corpus.kernels import entry
from prep.corpus.sorting_kernels import sorted_with_order

keys = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1), st.sampled_from([255, 256, 2**63, 2**64 - 1])))


@given(keys)
@example([])
@example([7])
@example([2**64 - 1, 0, 2**64 - 1])
def test_keys_rise_and_equal_ones_keep_their_order(values: list[int]) -> None:
    array = np.array(values, np.uint64)
    before = array.copy()
    rising, order = entry(sorted_with_order)(array)
    assert order.tolist() == np.argsort(before, kind="stable").tolist()
    assert rising.tolist() == sorted(values)
    assert array.tolist() == values
