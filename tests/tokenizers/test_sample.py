"""The sample against a plain sort of all documents, however they are split into parts and batches."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.files.storage import write_batches
from prep.tokenizers.row_kernels import hash_rows
from prep.tokenizers.training.sample import (
    DRAWN,
    SURVEY,
    Sample,
    SampleSettings,
    Stratum,
    choose,
    draw,
    read_sample,
    read_strata,
    survey,
    water_fill,
    write_strata,
)


class Document(NamedTuple):
    id: str
    text: str | None
    source: str
    language: str


TEXTS = st.none() | st.text(max_size=8) | st.sampled_from(["", "中文中文", "words and words"])
DOCUMENTS = st.lists(
    st.builds(
        Document, st.sampled_from([*"abcdefgh", "", "é"]), TEXTS, st.sampled_from(["", "web"]), st.sampled_from("de")
    ),
    max_size=12,
)


def with_settings(
    sample_bytes: int,
    document_bytes: int,
    seed: int = 0,
    weights: Mapping[str, float] | None = None,
    balance: float = 1,
    held_out_bytes: int = 0,
) -> SampleSettings:
    return SampleSettings(sample_bytes, document_bytes, seed, weights or {}, {}, balance, held_out_bytes)


def number(text: str, seed: int) -> int:
    data, offsets = string_buffers(pa.array([text]))
    return int(hash_rows(data, offsets[:-1], offsets[1:], np.uint64(seed))[0])


def batches(documents: list[Document], rows: int) -> list[pa.RecordBatch]:
    fields = [("id", pa.string()), ("text", pa.large_string()), ("source", pa.string()), ("language", pa.string())]
    return [
        pa.RecordBatch.from_pylist(
            [document._asdict() for document in documents[start : start + rows]], pa.schema(fields)
        )
        for start in range(0, len(documents), rows)
    ]


def sample(
    documents: list[Document], drawn: SampleSettings, folder: Path, parts: int, rows: int
) -> tuple[Sample, tuple[Stratum, ...]]:
    paths, strata = drawn_files(documents, drawn, folder, parts, rows)
    return read_sample(paths), strata


def drawn_files(
    documents: list[Document], drawn: SampleSettings, folder: Path, parts: int, rows: int
) -> tuple[list[str], tuple[Stratum, ...]]:
    shares = [batches(documents[part::parts], rows) for part in range(parts)]
    surveys = [str(folder / f"survey-{part}.arrow") for part in range(parts)]
    for path, share in zip(surveys, shares, strict=True):
        write_batches(path, SURVEY, (survey(batch, drawn) for batch in share))
    write_strata(str(folder / "strata.json"), choose(surveys, drawn))
    strata = read_strata(str(folder / "strata.json"))
    paths = [str(folder / f"drawn-{part}.arrow") for part in range(parts)]
    for path, share in zip(paths, shares, strict=True):
        write_batches(path, DRAWN, (draw(batch, drawn, strata) for batch in share))
    return paths, strata


def texts_of(made: Sample) -> list[str]:
    return [text for column in made.texts() for text in column.to_pylist()]


def slow_sample(documents: list[Document], drawn: SampleSettings) -> tuple[list[str], list[str]]:
    """Return the texts of the sample of documents of one stratum, and those held out."""
    cut = [
        (number(document.id, drawn.seed), document.text.encode()[: drawn.document_bytes].decode(errors="ignore"))
        for document in documents
        if document.text
    ]
    ordered = sorted((order, number(text, drawn.seed), text) for order, text in cut if text)
    sample = slow_first(ordered, drawn.sample_bytes)
    return sample, slow_first(ordered[len(sample) :], drawn.held_out_bytes)


def slow_first(ordered: list[tuple[int, int, str]], wanted: int) -> list[str]:
    """Return the texts of the first documents that have so many bytes; of equal numbers all or none."""
    total, last = 0, -1
    for order, _, text in ordered:
        if total >= wanted:
            break
        total, last = total + len(text.encode()), order
    return [text for order, _, text in ordered if order <= last]


@settings(max_examples=80, deadline=None)
@given(
    DOCUMENTS,
    st.integers(1, 40),
    st.integers(0, 40),
    st.integers(1, 20),
    st.integers(0, 2),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_the_first_documents_by_their_numbers_are_taken_and_the_next_are_held_out(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Document],
    sample_bytes: int,
    held_out_bytes: int,
    document_bytes: int,
    seed: int,
    parts: int,
    rows: int,
) -> None:
    drawn = with_settings(sample_bytes, document_bytes, seed, held_out_bytes=held_out_bytes)
    one = [document._replace(source="", language="d") for document in documents]
    paths, strata = drawn_files(one, drawn, tmp_path_factory.mktemp("sample"), parts, rows)
    made, held_out = (read_sample(paths, is_held_out) for is_held_out in (False, True))
    assert (texts_of(made), texts_of(held_out)) == slow_sample(one, drawn)
    assert sum(stratum.drawn_bytes for stratum in strata) == sum(len(text.encode()) for text in texts_of(made))
    assert sum(stratum.drawn_documents for stratum in strata) == len(made)
    assert sum(stratum.held_out_bytes for stratum in strata) == sum(len(text.encode()) for text in texts_of(held_out))
    assert sum(stratum.held_out_documents for stratum in strata) == len(held_out)


@pytest.mark.parametrize("documents", [25, 41, 43, 50])
def test_a_share_that_is_rounded_up_draws_no_document_too_many(documents: int, tmp_path: Path) -> None:
    one_byte_each = [Document(str(name), "x", "", "d") for name in range(documents)]
    made, _ = sample(one_byte_each, with_settings(7, 20, 0), tmp_path, 1, 100)
    assert len(made) == 7


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.integers(1, 60), st.floats(0, 3), st.floats(0, 1), st.integers(2, 4), st.integers(1, 5))
def test_the_sample_does_not_depend_on_the_split(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Document],
    sample_bytes: int,
    weight: float,
    balance: float,
    parts: int,
    rows: int,
) -> None:
    drawn = with_settings(sample_bytes, 6, 0, {"web": weight}, balance)
    folder = tmp_path_factory.mktemp("sample")
    whole, strata = sample(documents, drawn, folder, 1, 100)
    split, split_strata = sample(documents[::-1], drawn, folder, parts, rows)
    assert texts_of(whole) == texts_of(split)
    assert strata == split_strata


def test_strata_give_their_weighted_share(tmp_path: Path) -> None:
    documents = [
        Document(f"{source}-{language}-{index}", "x" * 100, source, language)
        for source, count in (("web", 3000), ("books", 600), ("spam", 400))
        for language in ("en", "de")
        for index in range(count)
    ]
    even = with_settings(80_000, 1000, 0, {"books": 2, "spam": 0})
    made, strata = sample(documents, even, tmp_path, 2, 500)
    drawn = {(stratum.source, stratum.language): stratum.drawn_bytes for stratum in strata}
    assert drawn == {
        ("books", "de"): pytest.approx(80_000 * 1200 / 8400, abs=100),
        ("books", "en"): pytest.approx(80_000 * 1200 / 8400, abs=100),
        ("spam", "de"): 0,
        ("spam", "en"): 0,
        ("web", "de"): pytest.approx(80_000 * 3000 / 8400, abs=100),
        ("web", "en"): pytest.approx(80_000 * 3000 / 8400, abs=100),
    }
    assert len(made) == sum(stratum.drawn_documents for stratum in strata)
    _, strata = sample(documents, with_settings(60_000, 1000, balance=0), tmp_path, 2, 500)
    assert {stratum.drawn_bytes for stratum in strata} == {10_000}


def test_what_a_stratum_cannot_give_others_do() -> None:
    shares = water_fill(np.array([10.0, 100.0, 100.0]), np.array([50.0, 50.0, 100.0]), 110)
    assert shares.tolist() == [10, pytest.approx(100 / 3), pytest.approx(200 / 3)]
    assert water_fill(np.array([10.0, 20.0]), np.array([1.0, 0.0]), 100).tolist() == [10, 0]


def test_what_is_held_out_keeps_the_proportions_of_what_is_left(tmp_path: Path) -> None:
    documents = [
        Document(f"{source}-{index}", "x" * 100, source, "en")
        for source, count in (("web", 3000), ("books", 600), ("spam", 400), ("rare", 5))
        for index in range(count)
    ]
    drawn = with_settings(60_000, 1000, 0, {"books": 10, "spam": 0, "rare": 1000}, held_out_bytes=40_000)
    paths, strata = drawn_files(documents, drawn, tmp_path, 2, 500)
    left = {stratum.source: stratum.bytes - stratum.drawn_bytes for stratum in strata}
    assert left["rare"] == 0
    assert left["spam"] == 40_000
    for stratum in strata:
        share = 40_000 * left[stratum.source] / sum(left.values())
        assert stratum.held_out_bytes == pytest.approx(share, abs=100)
    rows = [row for batch in read_sample(paths, held_out=True).batches() for row in batch.to_pylist()]
    for stratum in strata:
        assert sum(row["source"] == stratum.source for row in rows) == stratum.held_out_documents
    assert {row["language"] for row in rows} == {"en"}


def test_another_seed_draws_other_documents(tmp_path: Path) -> None:
    documents = [Document(f"page-{index}", f"text {index}", "", "") for index in range(1000)]
    first, again, other = (
        set(texts_of(sample(documents, with_settings(2000, 100, seed), tmp_path, 2, 100)[0])) for seed in (0, 0, 1)
    )
    assert first == again
    assert len(first & other) < len(first) / 2
