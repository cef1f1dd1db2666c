"""One of several processes of a training run, as `torchrun` starts them for a test: SHARDS OUTPUT."""

import sys

import numpy as np

from prep.corpus.shards import ShardReader
from prep.trainer.model import ModelSettings
from prep.trainer.sample import SampleSettings
from prep.trainer.train import Data, TrainSettings, Writing, train

if __name__ == "__main__":
    shards, output = sys.argv[1:]
    sizes = np.ones(258, np.int32)
    sizes[256:] = 0
    data = Data(ShardReader(f"{shards}/train"), ShardReader(f"{shards}/validation"), "bytes", sizes)
    settings = TrainSettings(
        steps=8,
        batch_rows=2,
        accumulate=4,
        warmup=4,
        evaluate_every=5,
        checkpoint_every=6,
        device="cpu",
        learning_rate=5e-3,
        threads=1,
    )
    writing = Writing(lambda ids: bytes(ids).decode("utf-8", "replace"), settings=SampleSettings(tokens=40))
    train(data, ModelSettings(258, 32, layers=2, width=32, heads=2), settings, writing, output)
