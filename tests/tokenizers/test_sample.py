"""The sample against a plain sort of all documents, however they are split into parts and batches."""

import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.columns import string_buffers
from prep.tokenizers.row_kernels import hash_rows
from prep.tokenizers.sample import SAMPLE, Pool, Sample, Sampler, SampleSettings, read_sample

Documents = list[tuple[str, str]]

TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["", "中文中文", "words and words", "damaged \u0378"]))
DOCUMENTS = st.lists(st.tuples(st.sampled_from([*"abcdefgh", "", "é"]), TEXTS), max_size=12)


def number(text: str, seed: int) -> int:
    data, offsets = string_buffers(pa.array([text]))
    return int(hash_rows(data, offsets[:-1], offsets[1:], np.uint64(seed))[0])


def slow_sample(documents: Documents, drawn: SampleSettings) -> tuple[list[str], int]:
    """Return the texts of the sample, and how many damaged documents it passes over."""
    cut = [
        (identity, text.encode()[: drawn.document_bytes].decode(errors="ignore"))
        for identity, text in documents
        if text
    ]
    ordered = sorted(cut, key=lambda pair: (number(pair[0], drawn.seed), number(pair[1], drawn.seed)))
    taken: list[str] = []
    passed_over = 0
    for _, text in ordered:
        if sum(len(text.encode()) for text in taken) >= drawn.sample_bytes:
            break
        if any(unicodedata.category(character) == "Cn" for character in text):
            passed_over += 1
            continue
        taken.append(text)
    return taken, passed_over


def draw(documents: Documents, drawn: SampleSettings, folder: Path, parts: int, batch: int) -> Sample:
    paths = []
    for part in range(parts):
        sampler = Sampler(drawn)
        mine = documents[part::parts]
        for start in range(0, len(mine), batch):
            ids, texts = zip(*mine[start : start + batch], strict=True)
            sampler.add(pa.array(ids, pa.string()), pa.array(texts, pa.large_string()))
        paths.append(str(folder / f"{part}.arrow"))
        sampler.write(paths[-1])
    return read_sample(paths, drawn.sample_bytes)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.integers(1, 40), st.integers(1, 20), st.integers(0, 2), st.integers(1, 4), st.integers(1, 5))
def test_the_first_documents_by_their_numbers_are_taken(
    tmp_path_factory: pytest.TempPathFactory,
    documents: Documents,
    sample_bytes: int,
    document_bytes: int,
    seed: int,
    parts: int,
    batch: int,
) -> None:
    drawn = SampleSettings(sample_bytes, document_bytes, seed)
    sample = draw(documents, drawn, tmp_path_factory.mktemp("sample"), parts, batch)
    texts, passed_over = slow_sample(documents, drawn)
    assert sample.texts.to_pylist() == texts
    assert sample.bytes == sum(len(text.encode()) for text in texts)
    assert sample.passed_over == passed_over
    assert (sample.of_documents, sample.of_bytes) == (len(documents), sum(len(text.encode()) for _, text in documents))


def test_another_seed_draws_other_documents(tmp_path: Path) -> None:
    documents = [(f"page-{index}", f"text {index}") for index in range(1000)]
    first, again, other = (
        set(draw(documents, SampleSettings(2000, 100, seed), tmp_path, 2, 100).texts.to_pylist()) for seed in (0, 0, 1)
    )
    assert first == again
    assert len(first & other) < len(first) / 2


def test_the_pool_never_holds_much_more_than_it_is_made_for() -> None:
    pool = Pool(1000)
    generator = np.random.default_rng(0)
    largest = 0
    for _ in range(200):
        order = generator.integers(0, 1 << 63, 10, np.uint64)
        texts = pa.array(["x" * 20] * 10, pa.large_string())
        pool.put(
            pa.RecordBatch.from_arrays([pa.array(order), pa.array(order), pa.array([20] * 10), texts], schema=SAMPLE)
        )
        largest = max(largest, sum(batch.num_rows for batch in pool._batches))
    assert largest <= 2 * 50 + 10
    assert pool.rows().num_rows == 50
