"""Batches of rows."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import CHARSET, DATE, HTML, ID, SOURCE, TEXT, URL
from prep.stages.read.rows import METADATA, ROW_BYTES, Row, batches, failed, rejected

SCHEMA = pa.schema([ID, URL, DATE, SOURCE, HTML, CHARSET, TEXT, METADATA, pa.field("own", pa.int64())])
WORDS = st.text(max_size=30)
ROWS = st.lists(
    st.one_of(
        st.tuples(WORDS, WORDS, WORDS).map(lambda words: Row(words[0], url=words[1], text=words[2])),
        st.tuples(WORDS, st.binary(max_size=50)).map(lambda item: Row(item[0], html=item[1], charset="utf-8")),
        st.tuples(WORDS, WORDS).map(lambda words: Row(words[0], date="2024", text="x", metadata=words[1])),
        st.tuples(WORDS, st.none() | st.just(1.5)).map(lambda item: rejected(item[0], "empty", item[1])),
        st.tuples(WORDS, WORDS).map(lambda words: failed(words[0], "bad_gzip", words[1])),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(ROWS, st.integers(1, 2000))
def test_rows_travel_in_batches_bounded_in_bytes(rows: list[Row], batch_bytes: int) -> None:
    seen = 0
    for batch, verdicts in batches(rows, SCHEMA, "web", batch_bytes):
        taken = rows[seen : seen + batch.num_rows]
        seen += batch.num_rows
        assert sum(row.size for row in taken[:-1]) < batch_bytes
        assert batch.nbytes <= sum(row.size for row in taken)
        assert batch.schema == SCHEMA
        for name in ("id", "url", "date", "html", "charset", "text", "metadata"):
            assert batch.column(name).to_pylist() == [getattr(row, name) for row in taken]
        assert batch.select(["source", "own"]).to_pylist() == [{"source": "web", "own": None}] * len(taken)
        assert (verdicts is None) == all(row.rule is None for row in taken)
        if verdicts is not None:
            for name in ("rule", "failed", "value", "detail"):
                assert getattr(verdicts, name).to_pylist() == [getattr(row, name) for row in taken]
    assert seen == len(rows)


def test_a_row_takes_at_least_what_its_fields_take() -> None:
    for text in ("a" * 100, "é" * 100, "你" * 100, "🙂" * 100):
        for row in (Row("x", text=text), Row(text), Row("x", url=text), failed("x", "rule", text)):
            assert row.size >= ROW_BYTES + 100
