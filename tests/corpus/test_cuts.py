"""Taking byte ranges out of texts."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.text.cuts import without


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_takes_out_the_ranges_and_nothing_else(data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.text(max_size=20), max_size=6))
    cuts: list[tuple[int, int, int]] = []
    expected = []
    for row, text in enumerate(texts):
        bounds = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
        ranges = list(zip(bounds[::2], bounds[1::2], strict=False))
        cuts += [(row, len(text[:start].encode()), len(text[:end].encode())) for start, end in ranges]
        gone = {place for start, end in ranges for place in range(start, end)}
        expected.append("".join(letter for place, letter in enumerate(text) if place not in gone))
    rows, starts, ends = (np.array([cut[part] for cut in cuts], np.int64) for part in range(3))
    column = pa.array(["before", *texts], pa.large_string())
    assert without(column.slice(1), rows, starts, ends).to_pylist() == expected


def test_a_null_text_becomes_an_empty_one_where_others_are_cut() -> None:
    column = pa.array([None, "fog"], pa.string())
    nothing = np.empty(0, np.int64)
    assert without(column, nothing, nothing, nothing).to_pylist() == [None, "fog"]
    assert without(column, np.array([1]), np.array([0]), np.array([2])).to_pylist() == ["", "g"]
