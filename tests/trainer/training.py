"""A small training run, how to kill it, and what it left behind."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from prep.trainer.judging.sample import SampleSettings
from prep.trainer.network.model import ModelSettings
from prep.trainer.running.settings import Progress, TrainSettings, Writing

from ..file_hashes import file_hashes

VOCABULARY = 258
SEPARATOR = 256
PADDING = 257
MODEL = ModelSettings(VOCABULARY, 32, layers=2, width=32, heads=2)
SETTINGS = TrainSettings(
    steps=20, batch_rows=4, warmup=4, evaluate_every=5, checkpoint_every=6, device="cpu", learning_rate=5e-3
)


def decode(ids: Sequence[int]) -> str:
    return bytes(ids).decode("utf-8", "replace")


WRITING = Writing(decode, settings=SampleSettings(tokens=40))


def steps(folder: Path, column: str) -> list[float]:
    """Read a column of the log of all steps."""
    with (folder / "steps.csv").open() as source:
        return [float(row[column]) for row in csv.DictReader(source)]


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_at(step: int) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if progress.step == step:
            raise KilledError

    return tell


def hashes(folder: Path) -> dict[str, str]:
    return file_hashes(folder)
