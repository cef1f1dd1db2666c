"""Bits per byte against a calculation one token at a time; the unigram baseline; ignored places."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from prep.corpus.row_kernels import IGNORED
from prep.corpus.shards import ShardReader
from prep.trainer.data import batch_of
from prep.trainer.evaluate import evaluate, evaluate_unigram, total_nats, unigram_nats
from prep.trainer.model import Decoder, ModelSettings

SEPARATOR = 256
VOCABULARY = 258


@pytest.fixture
def model() -> Decoder:
    torch.manual_seed(5)
    return Decoder(ModelSettings(VOCABULARY, 32, layers=1, width=16, heads=2))


@pytest.fixture
def reader(tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes]) -> ShardReader:
    return write_shards(tmp_path / "validation", documents[:6], length=32)


def predicted_places(reader: ShardReader, row: int) -> list[int]:
    """The places of a row that have a predecessor in their own document, or begin a row's first document."""
    places: list[int] = []
    start = 0
    for number, length in enumerate(reader.lengths(row)):
        begins = start if number == 0 and not reader.continued(row) else start + 1
        places += range(begins, start + int(length))
        start += int(length)
    return places


def test_bits_per_byte_equals_the_slow_sum(
    model: Decoder, reader: ShardReader, token_bytes: npt.NDArray[np.int32]
) -> None:
    nats, size = 0.0, 0
    for row in range(len(reader)):
        ids = reader.ids(row).astype(np.int64).tolist()
        for place in predicted_places(reader, row):
            logits = model(torch.tensor([[SEPARATOR, *ids[:place]]]))[0, -1].double()
            nats -= (logits[ids[place]] - logits.logsumexp(0)).item()
            size += int(token_bytes[ids[place]])
    score = evaluate(model, reader, token_bytes, len(reader), batch_rows=3)
    assert score.bytes == size
    assert score.nats == pytest.approx(nats, rel=1e-5)
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-5)


def test_a_score_does_not_depend_on_the_batch(
    model: Decoder, reader: ShardReader, token_bytes: npt.NDArray[np.int32]
) -> None:
    one = evaluate(model, reader, token_bytes, len(reader), batch_rows=1)
    many = evaluate(model, reader, token_bytes, len(reader), batch_rows=64)
    assert (one.tokens, one.bytes) == (many.tokens, many.bytes)
    assert one.nats == pytest.approx(many.nats, rel=1e-5)


def test_the_loss_ignores_what_stands_in_padding(model: Decoder, reader: ShardReader) -> None:
    last = len(reader) - 1
    batch = batch_of(reader, np.array([last]))
    filled = int(reader.lengths(last).sum())
    assert filled < reader.manifest.length
    inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
    before = total_nats(model, inputs, targets)
    inputs[:, filled + 1 :] = 7
    assert torch.equal(total_nats(model, inputs, targets), before)
    inputs[:, 1] = 7
    assert not torch.equal(total_nats(model, inputs, targets), before)


def test_nothing_predicted_costs_nothing(model: Decoder) -> None:
    ids = torch.zeros((2, 8), dtype=torch.int64)
    assert total_nats(model, ids, torch.full_like(ids, IGNORED)).item() == 0


def test_unigram_equals_counting(
    tmp_path: Path,
    write_shards: Callable[..., ShardReader],
    documents: Sequence[bytes],
    reader: ShardReader,
    token_bytes: npt.NDArray[np.int32],
) -> None:
    training = write_shards(tmp_path / "train", documents[6:], length=32)
    counts = Counter(token for document in documents[6:] for token in (*document, SEPARATOR))
    total = counts.total() + VOCABULARY
    nats, size = 0.0, 0
    for row in range(len(reader)):
        for place in predicted_places(reader, row):
            token = int(reader.ids(row)[place])
            nats -= math.log((counts[token] + 1) / total)
            size += int(token_bytes[token])
    score = evaluate_unigram(unigram_nats(training), reader, token_bytes, len(reader))
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / size)
    assert 3.5 < score.bits_per_byte < 5.5  # English prose, one byte at a time, has about 4.5 bits of unigram entropy
