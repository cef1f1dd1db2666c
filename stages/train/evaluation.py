"""Measuring a trained model on shards that its tokenizer wrote."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.run_folders import part_hint
from prep.corpus.files.storage import exists, join
from prep.corpus.shards.labels import read_labels
from prep.corpus.shards.loader import check_tokenizer
from prep.corpus.shards.shards import MANIFEST, ShardReader, check_shard
from prep.stages.train.train import token_bytes
from prep.tokenizers.encoding.encode import open_tokenizer

if TYPE_CHECKING:
    from prep.trainer.devices.device import DeviceName
    from prep.trainer.judging.evaluate import Evaluation, Score

COLUMNS = ("bits per byte", "perplexity", "accuracy", "tokens")
BATCH_TOKENS = 8192
"""Tokens that go through a model at once of which nothing better is known, or one row."""


def evaluate_model(
    model_folder: str,
    shards: Sequence[str],
    tokenizer_folder: str,
    split: str = "validation",
    rows: int | None = None,
    device: "DeviceName" = "auto",
    threads: int = 2,
) -> "Iterator[tuple[str, Evaluation]]":
    """Yield each folder of shards and how well the model predicts its rows, or the first so many of them.

    Rows go through the model as in the evaluations of its training, so the figures are those of its report; an encoder
    fills in tokens that are hidden as there. Raises ConfigurationError where there are no shards,
    RunError or CorruptFileError where model, tokenizer and shards do not belong together, or a file is damaged.
    """
    from prep.trainer.devices.device import choose_device, reproducible
    from prep.trainer.judging.evaluate import evaluate
    from prep.trainer.network.model import Transformer
    from prep.trainer.network.weights import read_shape, read_training, read_weights

    objective, expected, batch_rows = read_training(model_folder)
    tokenizer = open_tokenizer(tokenizer_folder)
    if expected is not None and expected != tokenizer.sha256:
        raise RunError(
            f"{tokenizer_folder}: not the tokenizer of {model_folder}: expected the SHA-256 {expected[:12]}…, seen "
            f"{tokenizer.sha256[:12]}…; give the one that the model was trained with"
        )
    readers = [_open(folder, split, tokenizer.sha256) for folder in shards]
    shape = read_shape(model_folder)
    if shape.vocabulary != tokenizer.vocabulary:
        raise RunError(
            f"{model_folder}: expected a model of the tokenizer's {tokenizer.vocabulary:,} tokens, seen "
            f"{shape.vocabulary:,}; give the tokenizer that the model was trained with"
        )
    sizes = token_bytes(tokenizer_folder)
    for folder, reader in zip(shards, readers, strict=True):
        model = Transformer(read_shape(model_folder, reader.manifest.length))
        read_weights(model_folder, model)
        model = model.to(choose_device(device)).eval()
        count = len(reader) if rows is None else min(rows, len(reader))
        together = batch_rows or max(1, BATCH_TOKENS // reader.manifest.length)
        with reproducible(objective.seed, threads):
            yield folder, evaluate(model, reader, sizes, count, together, objective, read_labels(reader))


def _open(folder: str, split: str, tokenizer_sha256: str) -> ShardReader:
    """Open a folder of shards, or a split of a folder of them, and make sure of what it holds."""
    places = [folder, join(folder, split)]
    found = next((place for place in places if exists(join(place, MANIFEST))), None)
    if found is None:
        hint = part_hint(folder, "shards")
        raise ConfigurationError(
            [f"{folder}: expected a folder of shards ({MANIFEST}), or of splits with {split}{hint}"]
        )
    reader = ShardReader(found)
    check_tokenizer(reader, tokenizer_sha256)
    for shard in reader.manifest.shards:
        check_shard(found, shard)
    return reader


def table_rows(folder: str, evaluation: "Evaluation") -> Iterator[tuple[str, ...]]:
    """Yield the lines of a table: the folder, then its sources and languages, each with its figures in `COLUMNS`."""
    yield folder, *_figures(evaluation.total)
    for column, scores in evaluation.by.items():
        for label, score in scores.items():
            yield f"  {column} {label}", *_figures(score)


def _figures(score: "Score") -> tuple[str, ...]:
    return f"{score.bits_per_byte:.3f}", f"{score.perplexity:,.2f}", f"{score.accuracy:.1%}", f"{score.tokens:,}"
