"""What a run survives: kills, signals, a full disk, damaged files; and what it says of them."""

import errno
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.storage import atomic_output
from prep.corpus.shards.shards import ShardReader
from prep.trainer.running.settings import Data, Progress
from prep.trainer.running.stopping import Interrupted
from prep.trainer.running.train import train

from .training import MODEL, SETTINGS, WRITING, KilledError, hashes, kill_at

CHECKPOINT = "checkpoint-00000006.safetensors"


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_killed_run_ends_with_the_same_files(data: Data, tmp_path: Path, accumulate: int) -> None:
    settings = replace(SETTINGS, batch_rows=4 // accumulate, accumulate=accumulate)
    train(data, MODEL, settings, WRITING, str(tmp_path / "whole"))
    for step in (3, 10, 17):
        with pytest.raises(KilledError):
            train(data, MODEL, settings, WRITING, str(tmp_path / "killed"), kill_at(step))
    train(data, MODEL, settings, WRITING, str(tmp_path / "killed"))
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")


@pytest.mark.parametrize("seed", range(3))
def test_killed_twice_at_random_steps_across_an_epochs_end(
    data: Data, tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes], seed: int
) -> None:
    few = replace(data, training=write_shards(tmp_path / "few", documents[:2]))
    settings = replace(SETTINGS, checkpoint_every=3)
    assert settings.steps * settings.step_rows > 1.5 * len(few.training)
    train(few, MODEL, settings, WRITING, str(tmp_path / "whole"))
    for step in sorted(random.Random(seed).sample(range(2, settings.steps), 2)):
        with pytest.raises(KilledError):
            train(few, MODEL, settings, WRITING, str(tmp_path / "killed"), kill_at(step))
    train(few, MODEL, settings, WRITING, str(tmp_path / "killed"))
    assert (tmp_path / "killed" / "steps.csv").read_bytes() == (tmp_path / "whole" / "steps.csv").read_bytes()
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")


def test_how_often_a_checkpoint_is_written_changes_nothing(data: Data, tmp_path: Path) -> None:
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "six"))
    train(data, MODEL, replace(SETTINGS, checkpoint_every=7), WRITING, str(tmp_path / "seven"))
    assert hashes(tmp_path / "six") == hashes(tmp_path / "seven")


def test_the_last_checkpoints_are_kept_and_an_older_one_goes_on(data: Data, tmp_path: Path) -> None:
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "whole"))
    with pytest.raises(KilledError):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "killed"), kill_at(19))
    found = sorted((tmp_path / "killed").glob("checkpoint-*"))
    assert [path.name[11:19] for path in found] == ["00000012", "00000018"]
    found[-1].unlink()
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "killed"))
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_the_step_with_a_checkpoint(data: Data, tmp_path: Path, number: int) -> None:
    def ask(progress: Progress) -> None:
        if progress.step == 8:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "whole"))
    with pytest.raises(Interrupted, match="stopped after step 8, whose checkpoint is written"):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "stopped"), ask)
    assert signal.getsignal(number) == before
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "stopped"))
    assert hashes(tmp_path / "stopped") == hashes(tmp_path / "whole")


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_checkpoint(data: Data, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(KilledError):
        train(data, MODEL, SETTINGS, WRITING, str(folder), kill_at(6))
    before = (folder / CHECKPOINT).read_bytes()
    poisoned = replace(MODEL, rope_base=float("nan"))
    with pytest.raises(RunError, match=r"step 1: the loss is nan.*lower learning_rate"):
        train(data, poisoned, SETTINGS, WRITING, str(tmp_path / "poisoned"))
    with pytest.raises(RunError, match=r"step \d+: the loss is .*lower learning_rate"):
        train(data, MODEL, replace(SETTINGS, learning_rate=1e30, warmup=0), WRITING, str(tmp_path / "fast"))
    assert (folder / CHECKPOINT).read_bytes() == before


class FullDisk:
    """A file on a disk that has no room left after its first bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, content: bytes) -> None:
        self._file.write(content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_spares_the_last_checkpoint_and_the_run_goes_on(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(path: str) -> Iterator[FullDisk]:
        with atomic_output(path) as sink:
            yield FullDisk(sink)

    def fill(progress: Progress) -> None:
        if progress.step == 6:
            monkeypatch.setattr("prep.trainer.network.tensors.atomic_output", full)

    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "whole"))
    message = (
        r"checkpoint-00000012\.safetensors: cannot be written \(.*No space left.*what stood there before is intact"
    )
    with pytest.raises(RunError, match=message):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "full"), fill)
    assert {path.name for path in (tmp_path / "full").iterdir()} == {CHECKPOINT, "steps.csv"}
    monkeypatch.undo()
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "full"))
    assert hashes(tmp_path / "full") == hashes(tmp_path / "whole")


def test_a_shard_that_vanishes_stops_the_next_run_and_spares_the_checkpoint(data: Data, tmp_path: Path) -> None:
    """The run under way has mapped it into memory and does not notice."""
    shard = tmp_path / "shards" / "train" / "data-00000.arrow"
    content = shard.read_bytes()

    def vanish(progress: Progress) -> None:
        shard.unlink(missing_ok=True)
        if progress.step == 13:
            raise KilledError

    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "whole"))
    with pytest.raises(KilledError):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "model"), vanish)
    before = hashes(tmp_path / "model")
    with pytest.raises(CorruptFileError, match=r"train/data-00000\.arrow: cannot be read as a shard"):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "model"))
    assert hashes(tmp_path / "model") == before
    shard.write_bytes(content)
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "model"))
    assert hashes(tmp_path / "model") == hashes(tmp_path / "whole")


def test_a_damaged_checkpoint_is_named(data: Data, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path), kill_at(6))
    checkpoint = tmp_path / CHECKPOINT
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(CorruptFileError, match=r"checkpoint-00000006\.safetensors: expected \d+ bytes.*delete it"):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path))


def test_a_checkpoint_of_another_run_is_refused(data: Data, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path), kill_at(6))
    with pytest.raises(RunError, match=r"another run \(seed: 0 there, 1 here\)"):
        train(data, MODEL, replace(SETTINGS, seed=1), WRITING, str(tmp_path))


@pytest.mark.parametrize("same_folder", [True, False])
def test_a_run_made_longer_goes_on_from_before_the_decay(data: Data, tmp_path: Path, same_folder: bool) -> None:
    short = replace(SETTINGS, schedule="wsd", decay=0.25)
    long = replace(short, steps=28)
    train(data, MODEL, long, WRITING, str(tmp_path / "whole"))
    train(data, MODEL, short, WRITING, str(tmp_path / "short"))
    output = tmp_path / ("short" if same_folder else "long")
    said: list[str] = []
    steps: list[int] = []
    earlier = () if same_folder else (str(tmp_path / "short"),)
    train(
        data, MODEL, long, WRITING, str(output), lambda done: steps.append(done.step), earlier=earlier, say=said.append
    )
    assert "goes on from step 15 of a run of 20 steps" in said[0]
    assert steps == list(range(16, 29))
    assert hashes(output) == hashes(tmp_path / "whole")


def test_a_run_of_another_schedule_or_setting_starts_anew_and_says_why(data: Data, tmp_path: Path) -> None:
    said: list[str] = []
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "short"))
    longer = replace(SETTINGS, steps=22)
    earlier = (str(tmp_path / "short"),)
    train(data, MODEL, longer, WRITING, str(tmp_path / "long"), earlier=earlier, say=said.append)
    assert "starts anew: the rates of the schedule cosine are others with 22 steps than with 20" in said[0]
    assert "schedule wsd" in said[0]
    train(data, MODEL, longer, WRITING, str(tmp_path / "whole"))
    assert hashes(tmp_path / "long") == hashes(tmp_path / "whole")
    with pytest.raises(RunError, match="the rates of the schedule cosine"):
        train(data, MODEL, replace(SETTINGS, steps=21), WRITING, str(tmp_path / "short"))
    other = replace(SETTINGS, seed=5, steps=3)
    train(data, MODEL, other, WRITING, str(tmp_path / "other"), earlier=earlier, say=said.append)
    assert len(said) == 1
