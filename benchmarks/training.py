"""Tokens and operations per second of training, their share of the device's peak (MFU), and waiting for data.

    python benchmarks/training.py [--sizes tiny 1m] [--steps 30] [--length 256] [--batch 4] [--compile]

Models of the stage's sizes learn from rows of random tokens, two documents in each, written as shards. The first steps,
which compile and warm up, are not counted. On a GPU it takes 124m and 350m, rows of 1,024 tokens, 16 at once, compiled,
in bfloat16. How operations are counted stands in `trainer/flops.py`.
"""

import argparse
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from prep.corpus.shards.shards import (
    Rows,
    ShardManifest,
    ShardReader,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
)
from prep.stages.train.train import PRESETS, speed
from prep.trainer.network.model import ModelSettings, Transformer
from prep.trainer.running.settings import Data, Progress, TrainSettings, Writing
from prep.trainer.running.train import train

WARM_UP = 5
ROWS = 4096


class EnoughError(Exception):
    """Ends the training when enough steps are measured."""


def write_shards(folder: Path, length: int, vocabulary: int) -> ShardReader:
    """Write rows of random tokens, each cut into two documents at a random place."""
    random = np.random.default_rng(0)
    ids = random.integers(0, vocabulary, (ROWS, length), np.uint16)
    cuts = random.integers(1, length, ROWS)
    lengths = np.stack([cuts, length - cuts], axis=1).reshape(-1).astype(np.int32)
    offsets = np.arange(0, 2 * ROWS + 1, 2, dtype=np.int32)
    batch = rows_batch(Rows(ids, offsets, lengths, np.arange(2 * ROWS), np.zeros(ROWS, np.int64)))
    shard = write_shard(str(folder), "data-00000.arrow", row_schema(length, "uint16"), [batch])
    manifest = ShardManifest(
        length=length,
        dtype="uint16",
        vocabulary=vocabulary,
        separator_id=0,
        padding_id=1,
        tokenizer_sha256="0" * 64,
        strategy="best_fit",
        seed=0,
        rows=ROWS,
        documents=2 * ROWS,
        cut_documents=0,
        max_documents_per_row=2,
        tokens=ROWS * length,
        text_bytes=ROWS * length,
        shards=(shard,),
    )
    write_manifest(str(folder), manifest)
    return ShardReader(str(folder))


def measure(reader: ShardReader, size: str, settings: TrainSettings, steps: int) -> list[Progress]:
    """Return so many steps after the warm-up."""
    layers, width, heads = PRESETS[size]
    vocabulary, length = reader.manifest.vocabulary, reader.manifest.length
    taken: list[Progress] = []

    def tell(progress: Progress) -> None:
        taken.append(progress)
        if len(taken) == WARM_UP + steps:
            raise EnoughError

    data = Data(reader, None, "0" * 64, np.ones(vocabulary, np.int32))
    model = ModelSettings(vocabulary, length, layers, width, heads)
    with tempfile.TemporaryDirectory() as output, suppress(EnoughError):
        train(data, model, settings, Writing(str), output, tell)
    return taken[WARM_UP:]


def main() -> None:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", nargs="+", choices=list(PRESETS), default=["124m", "350m"] if gpu else ["tiny", "1m"]
    )
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--length", type=int, default=1024 if gpu else 256)
    parser.add_argument("--vocabulary", type=int, default=50_304 if gpu else 4096)
    parser.add_argument("--batch", type=int, default=16 if gpu else 4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=gpu)
    arguments = parser.parse_args()
    settings = TrainSettings(
        steps=10**6,
        batch_rows=arguments.batch,
        checkpoint_every=10**6,
        evaluate_every=10**6,
        compile=arguments.compile,
        threads=arguments.threads,
    )
    print(f"{torch.cuda.get_device_name() if gpu else f'CPU, {arguments.threads} threads'}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as scratch:
        reader = write_shards(Path(scratch), arguments.length, arguments.vocabulary)
        for size in arguments.sizes:
            layers, width, heads = PRESETS[size]
            with torch.device("meta"):
                model = Transformer(ModelSettings(arguments.vocabulary, arguments.length, layers, width, heads))
            steps = measure(reader, size, settings, arguments.steps)
            print(f"{size}, {model.parameters_count / 1e6:.1f} million weights: {speed(steps)}", flush=True)


if __name__ == "__main__":
    main()
