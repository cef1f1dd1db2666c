"""Bits per byte against a calculation one token at a time; the unigram baseline; ignored places."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from prep.corpus.errors import CorruptFileError
from prep.corpus.shards.labels import Column, DocumentLabels
from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.data import Batch, Objective, batch_of
from prep.trainer.judging.baselines import count, evaluate_counts
from prep.trainer.judging.evaluate import evaluate, predict, total_nats
from prep.trainer.network.model import ModelSettings, Transformer

SEPARATOR = 256
VOCABULARY = 258
NEXT = Objective()


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(5)
    return Transformer(ModelSettings(VOCABULARY, 32, layers=1, width=16, heads=2))


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


def begins_at(reader: ShardReader, row: int, place: int) -> int:
    """Where the piece that holds a place begins: what the model may see of the inputs."""
    ends = np.cumsum(reader.lengths(row)).tolist()
    return max([end for end in ends if end <= place], default=0)


def test_bits_per_byte_equals_the_slow_sum(
    model: Transformer, reader: ShardReader, token_bytes: npt.NDArray[np.int32]
) -> None:
    nats, size, hits = 0.0, 0, 0
    for row in range(len(reader)):
        ids = reader.ids(row).astype(np.int64).tolist()
        for place in predicted_places(reader, row):
            begin = begins_at(reader, row, place)
            logits = model(torch.tensor([[SEPARATOR, *ids[:place]][begin:]]))[0, -1].double()
            hits += int(logits.argmax()) == ids[place]
            nats -= (logits[ids[place]] - logits.logsumexp(0)).item()
            size += int(token_bytes[ids[place]])
    score = evaluate(model, reader, token_bytes, len(reader), batch_rows=3, objective=NEXT).total
    assert (score.bytes, score.hits) == (size, hits)
    assert score.nats == pytest.approx(nats, rel=1e-5)
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-5)


def labels_of(documents: Sequence[int]) -> DocumentLabels:
    """Labels by the number: three sources, of which one has no document, and one language."""
    sources = np.array([number % 2 for number in documents], np.int32)
    columns = {"source": Column(sources, ("web", "books", "none")), "language": Column(0 * sources, ("en",))}
    return DocumentLabels("labels.parquet", np.array(documents), columns)


@pytest.mark.parametrize("objective", [NEXT, Objective("masked", 0.5)])
def test_sums_by_label_equal_those_of_a_slow_reference_implementation(
    model: Transformer, reader: ShardReader, token_bytes: npt.NDArray[np.int32], objective: Objective
) -> None:
    nats: defaultdict[int, float] = defaultdict(float)
    counts: Counter[tuple[str, int]] = Counter()
    for start in range(0, len(reader), 3):
        rows = np.arange(start, min(start + 3, len(reader)))
        batch = batch_of(reader, rows, objective)
        logits = model(torch.from_numpy(batch.inputs), torch.from_numpy(batch.pieces)).double()
        for index, row in enumerate(rows.tolist()):
            place = 0
            for document, length in zip(reader.documents(row), reader.lengths(row), strict=True):
                source = int(document) % 2
                for target, scores in zip(
                    batch.targets[index, place : place + length], logits[index, place : place + length], strict=True
                ):
                    if target != IGNORED:
                        nats[source] += (scores.logsumexp(0) - scores[target]).item()
                        counts["tokens", source] += 1
                        counts["bytes", source] += int(token_bytes[target])
                        counts["hits", source] += int(scores.argmax()) == target
                place += length
    labels = labels_of(range(6))
    found = evaluate(model, reader, token_bytes, len(reader), 3, objective, labels)
    assert list(found.by) == ["source", "language"]
    assert list(found.by["source"]) == ["books", "web"]
    for source, name in enumerate(("web", "books")):
        score = found.by["source"][name]
        assert (score.tokens, score.bytes, score.hits) == tuple(
            counts[kind, source] for kind in ("tokens", "bytes", "hits")
        )
        assert score.nats == pytest.approx(nats[source], rel=1e-5)
    (whole,) = found.by["language"].values()
    assert (whole.tokens, whole.bytes, whole.hits) == (found.total.tokens, found.total.bytes, found.total.hits)
    assert whole.nats == pytest.approx(found.total.nats)
    assert found.total == evaluate(model, reader, token_bytes, len(reader), 3, objective).total


def test_a_document_without_labels_is_named(
    model: Transformer, reader: ShardReader, token_bytes: npt.NDArray[np.int32]
) -> None:
    with pytest.raises(CorruptFileError, match=r"labels\.parquet: .* seen none of document 3"):
        evaluate(model, reader, token_bytes, len(reader), 8, NEXT, labels_of([0, 1, 2, 4, 5]))


def test_a_score_does_not_depend_on_the_batch(
    model: Transformer, reader: ShardReader, token_bytes: npt.NDArray[np.int32]
) -> None:
    one = evaluate(model, reader, token_bytes, len(reader), batch_rows=1, objective=NEXT).total
    many = evaluate(model, reader, token_bytes, len(reader), batch_rows=64, objective=NEXT).total
    assert (one.tokens, one.bytes) == (many.tokens, many.bytes)
    assert one.nats == pytest.approx(many.nats, rel=1e-5)


def test_the_model_sees_batches_of_one_shape(
    model: Transformer, reader: ShardReader, token_bytes: npt.NDArray[np.int32]
) -> None:
    assert len(reader) % 4
    shapes: list[tuple[int, ...]] = []
    model.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    evaluate(model, reader, token_bytes, len(reader), batch_rows=4, objective=NEXT)
    assert set(shapes) == {(4, reader.manifest.length)}


def test_the_loss_ignores_what_stands_in_padding(model: Transformer, reader: ShardReader) -> None:
    last = len(reader) - 1
    batch = batch_of(reader, np.array([last]), NEXT)
    filled = int(reader.lengths(last).sum())
    assert filled < reader.manifest.length

    def nats(inputs: npt.NDArray[np.int64]) -> torch.Tensor:
        return total_nats(*predict(model, Batch(inputs, batch.targets, batch.pieces), torch.device("cpu")))

    other = batch.inputs.copy()
    other[:, filled + 1 :] = 7
    assert torch.equal(nats(other), nats(batch.inputs))
    other[:, filled - 1] = 7
    assert not torch.equal(nats(other), nats(batch.inputs))


def test_nothing_predicted_costs_nothing(model: Transformer) -> None:
    ids = np.zeros((2, 8), np.int64)
    batch = Batch(ids, np.full_like(ids, IGNORED), ids.astype(np.int32))
    assert total_nats(*predict(model, batch, torch.device("cpu"))).item() == 0


def test_counts_predict_like_slow_counting(
    tmp_path: Path,
    write_shards: Callable[..., ShardReader],
    documents: Sequence[bytes],
    reader: ShardReader,
    token_bytes: npt.NDArray[np.int32],
) -> None:
    training = write_shards(tmp_path / "train", documents[6:], length=32)
    pairs: Counter[tuple[int, int]] = Counter()
    for row in range(len(training)):
        ids = [SEPARATOR, *training.ids(row).tolist()]
        pairs.update((ids[place], ids[place + 1]) for place in predicted_places(training, row))
    tokens = Counter(second for _, second in pairs.elements())
    followers = Counter(first for first, _ in pairs)
    seen = Counter(first for first, _ in pairs.elements())
    alone, paired, size = 0.0, 0.0, 0
    for row in range(len(reader)):
        ids = [SEPARATOR, *reader.ids(row).tolist()]
        for place in predicted_places(reader, row):
            first, token = ids[place], ids[place + 1]
            unigram = (tokens[token] + 1) / (tokens.total() + VOCABULARY)
            kept = seen[first] / (seen[first] + followers[first]) if seen[first] else 0.0
            bigram = kept * (pairs[first, token] / seen[first] if seen[first] else 0) + (1 - kept) * unigram
            alone, paired, size = alone - math.log(unigram), paired - math.log(bigram), size + int(token_bytes[token])
    scores = evaluate_counts(count(training), reader, token_bytes, len(reader))
    assert [score.nats for score in scores] == pytest.approx([alone, paired])
    assert scores[0].bytes == scores[1].bytes == size
    assert 3.5 < scores[0].bits_per_byte < 5.5  # English prose, byte by byte, has about 4.5 bits of unigram entropy
    assert scores[1].bits_per_byte < scores[0].bits_per_byte
