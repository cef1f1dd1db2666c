"""One of several processes of a training run, as `torchrun` starts them for a test: SHARDS OUTPUT SETTINGS STOP.

SETTINGS are JSON; the last rank has to end after step STOP, if there is such a step.
"""

import json
import os
import signal
import sys

import numpy as np

from prep.corpus.shards.shards import ShardReader
from prep.trainer.judging.sample import SampleSettings
from prep.trainer.network.model import ModelSettings
from prep.trainer.running.settings import Data, Progress, TrainSettings, Writing
from prep.trainer.running.train import train

if __name__ == "__main__":
    shards, output, settings, stop = sys.argv[1:]
    sizes = np.ones(258, np.int32)
    sizes[256:] = 0
    data = Data(ShardReader(f"{shards}/train"), ShardReader(f"{shards}/validation"), "bytes", sizes)
    writing = Writing(lambda ids: bytes(ids).decode("utf-8", "replace"), settings=SampleSettings(tokens=40))

    def tell(progress: Progress) -> None:
        if progress.step == int(stop) and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGTERM)

    model = ModelSettings(258, 32, layers=2, width=32, heads=2)
    train(data, model, TrainSettings(**json.loads(settings)), writing, output, tell)
