"""Training: it learns, it writes the same bytes twice, and it refuses what does not fit."""

import argparse
import datetime
import decimal
import itertools
import json
import logging
import mailbox
import os
import shutil
import statistics
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
import torch

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.data import Objective, ObjectiveName
from prep.trainer.judging.evaluate import evaluate
from prep.trainer.judging.plot import WINDOW, smoothed
from prep.trainer.judging.sample import SampleSettings, draw
from prep.trainer.network.flops import multiplied_weights
from prep.trainer.network.model import Transformer
from prep.trainer.network.tensors import read_tensors
from prep.trainer.running.optimizer import Kind
from prep.trainer.running.schedule import Schedule
from prep.trainer.running.settings import Data, Progress, Writing
from prep.trainer.running.train import train

from .training import (
    MODEL,
    PADDING,
    SEPARATOR,
    SETTINGS,
    VOCABULARY,
    WRITING,
    KilledError,
    decode,
    hashes,
    kill_at,
    steps,
)


def test_writes_all_files_and_the_same_bytes_again(data: Data, tmp_path: Path) -> None:
    for name in ("one", "two"):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / name))
    written = hashes(tmp_path / "one")
    assert set(written) == {
        "checkpoint-00000020.safetensors", "model.safetensors", "config.json", "report.json", "steps.csv", "sample.txt",
        "loss.svg",
    }  # fmt: skip
    assert hashes(tmp_path / "two") == written


def test_accumulated_batches_equal_one_large_batch(data: Data, tmp_path: Path) -> None:
    train(data, MODEL, replace(SETTINGS, batch_rows=8), WRITING, str(tmp_path / "large"))
    train(data, MODEL, replace(SETTINGS, batch_rows=2, accumulate=4), WRITING, str(tmp_path / "small"))
    losses = [steps(tmp_path / name, "nats_per_token") for name in ("large", "small")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_seed_decides(data: Data, tmp_path: Path) -> None:
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "zero"))
    train(data, MODEL, replace(SETTINGS, seed=1), WRITING, str(tmp_path / "one"))
    assert hashes(tmp_path / "zero")["model.safetensors"] != hashes(tmp_path / "one")["model.safetensors"]


def test_learns_a_pattern_by_heart(
    tmp_path: Path, write_shards: Callable[..., ShardReader], token_bytes: npt.NDArray[np.int32]
) -> None:
    pattern = [b"one two three four five six", b"seven eight nine ten eleven"]
    reader = write_shards(tmp_path / "shards", pattern * 8, length=28)
    model = replace(MODEL, length=28)
    settings = replace(SETTINGS, steps=200, learning_rate=1e-2, warmup=20)
    writing = Writing(decode, tuple(b"seven"), SampleSettings(tokens=23, temperature=0.1))
    train(Data(reader, reader, "bytes", token_bytes), model, settings, writing, str(tmp_path / "model"))
    report = json.loads((tmp_path / "model" / "report.json").read_text())
    assert report["validation"]["bits_per_byte"] < 0.1
    assert report["validation"]["unigram_bits_per_byte"] > 3
    assert (tmp_path / "model" / "sample.txt").read_text().startswith("seven eight nine ten eleven\n")


def test_real_text_beats_the_bigram_and_the_smoothed_curve_only_falls(
    tmp_path: Path, write_shards: Callable[..., ShardReader], token_bytes: npt.NDArray[np.int32]
) -> None:
    texts = docstrings(argparse, datetime, decimal, logging, mailbox, os, shutil, statistics, subprocess, tarfile)
    data = Data(
        write_shards(tmp_path / "train", [text for number, text in enumerate(texts) if number % 20], length=64),
        write_shards(tmp_path / "validation", texts[::20], length=64),
        "bytes",
        token_bytes,
    )
    settings = replace(SETTINGS, steps=200, batch_rows=16, warmup=10, evaluate_every=20)
    train(data, replace(MODEL, width=64, length=64), settings, WRITING, str(tmp_path / "model"))
    report = json.loads((tmp_path / "model" / "report.json").read_text())
    measured = report["validation"]
    assert (
        measured["bits_per_byte"] < 0.95 * measured["bigram_bits_per_byte"] < 0.95 * measured["unigram_bits_per_byte"]
    )
    assert measured["accuracy"] > 0.4
    assert [evaluation["step"] for evaluation in report["evaluations"]] == list(range(20, 201, 20))
    bits = [evaluation["bits_per_byte"] for evaluation in report["evaluations"]]
    assert all(after < before for before, after in itertools.pairwise(bits[:-1]))
    curve = smoothed(np.array(steps(tmp_path / "model", "bits_per_byte")))[WINDOW - 1 :: WINDOW // 2]
    assert (np.diff(curve) < 0).all()


def docstrings(*modules: ModuleType) -> list[bytes]:
    """The documentation of the modules' classes, their methods, and functions; each text once."""
    things = [value for module in modules for value in vars(module).values() if callable(value)]
    things += [
        value for thing in things if isinstance(thing, type) for value in vars(thing).values() if callable(value)
    ]
    texts = {thing.__doc__ for thing in things if isinstance(thing.__doc__, str)}
    return sorted(text.encode() for text in texts if len(text) > 100)


def test_the_weights_on_disk_are_the_model_that_was_measured(data: Data, tmp_path: Path) -> None:
    train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "model"))
    model = Transformer(MODEL)
    model.load_state_dict(read_tensors(str(tmp_path / "model" / "model.safetensors"))[0])
    report = json.loads((tmp_path / "model" / "report.json").read_text())
    assert data.validation is not None
    score = evaluate(
        model, data.validation, data.token_bytes, len(data.validation), SETTINGS.batch_rows, Objective()
    ).total
    assert score.bits_per_byte == pytest.approx(report["validation"]["bits_per_byte"], rel=1e-6)
    assert (score.tokens, score.bytes) == (report["validation"]["tokens"], report["validation"]["bytes"])


def test_trains_without_validation(data: Data, tmp_path: Path) -> None:
    train(replace(data, validation=None), MODEL, SETTINGS, WRITING, str(tmp_path / "model"))
    report = json.loads((tmp_path / "model" / "report.json").read_text())
    assert report["validation"] is None
    assert report["evaluations"] == []
    assert b"</svg>" in (tmp_path / "model" / "loss.svg").read_bytes()


def test_the_rate_rises_then_falls_to_a_tenth() -> None:
    schedule = Schedule(steps=100, warmup=10)
    rates = [schedule.share(step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert all(after <= before for before, after in itertools.pairwise(rates[9:]))
    assert rates[10] == 1.0
    assert schedule.share(100) == pytest.approx(0.1)


def test_warm_up_stable_decay() -> None:
    schedule = Schedule(steps=100, kind="wsd", warmup=10, final=0.0, decay=0.2)
    rates = [schedule.share(step) for step in range(101)]
    assert rates[10:81] == [1.0] * 71
    assert rates[80:] == pytest.approx([1 - step / 20 for step in range(21)])


def test_what_is_compiled_is_compiled_once(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations, the last of whose batches is smaller, lie between the steps. Only the tracing is tried here."""
    assert data.validation is not None
    assert len(data.validation) % SETTINGS.batch_rows

    def forbid(progress: Progress) -> None:
        if progress.step == 1:
            torch.compiler.set_stance("fail_on_recompile")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    train(data, MODEL, replace(SETTINGS, compile=False), WRITING, str(tmp_path / "eager"))
    try:
        train(data, MODEL, replace(SETTINGS, compile=True), WRITING, str(tmp_path / "compiled"), forbid)
    finally:
        torch.compiler.set_stance("default")
    losses = [steps(tmp_path / name, "nats_per_token") for name in ("compiled", "eager")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_step_tells_its_operations(data: Data, tmp_path: Path) -> None:
    seen: list[Progress] = []
    settings = replace(SETTINGS, steps=2, accumulate=2)
    train(data, MODEL, settings, WRITING, str(tmp_path), seen.append)
    least = 6 * multiplied_weights(MODEL) * 8 * 32
    for progress in seen:
        assert progress.tokens == 8 * 32
        assert least < progress.operations <= least + 12 * MODEL.layers * MODEL.width * 8 * (32 * 33 // 2)
        assert progress.peak is None


@pytest.mark.parametrize(("optimizer", "objective"), [("muon", "next_token"), ("muon", "span"), ("adamw", "masked")])
def test_other_optimisers_and_objectives_learn_and_resume(
    data: Data, tmp_path: Path, optimizer: Kind, objective: ObjectiveName
) -> None:
    settings = replace(SETTINGS, optimizer=optimizer, objective=objective, schedule="wsd", steps=30, mask_rate=0.3)
    model = replace(MODEL, causal=objective == "next_token", kv_heads=1, tied=False)
    train(data, model, settings, WRITING, str(tmp_path / "whole"))
    with pytest.raises(KilledError):
        train(data, model, settings, WRITING, str(tmp_path / "killed"), kill_at(20))
    train(data, model, settings, WRITING, str(tmp_path / "killed"))
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")
    losses = steps(tmp_path / "whole", "nats_per_token")
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert (tmp_path / "whole" / "sample.txt").exists() == (objective == "next_token")


def test_training_goes_on_from_weights(data: Data, tmp_path: Path) -> None:
    train(data, MODEL, replace(SETTINGS, steps=60), WRITING, str(tmp_path / "first"))
    more = replace(SETTINGS, start_from=str(tmp_path / "first"), learning_rate=1e-4)
    train(data, MODEL, more, WRITING, str(tmp_path / "second"))
    assert steps(tmp_path / "second", "nats_per_token")[0] < 0.8 * steps(tmp_path / "first", "nats_per_token")[0]
    with pytest.raises(RunError, match="not of this model's shape"):
        train(data, replace(MODEL, width=64), more, WRITING, str(tmp_path / "third"))


def test_a_tokenizer_that_does_not_fit_is_refused(data: Data, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="257 tokens, the shards were written with 258"):
        train(replace(data, token_bytes=data.token_bytes[1:]), MODEL, SETTINGS, WRITING, str(tmp_path))


def test_shards_of_another_tokenizer_are_refused(data: Data, tmp_path: Path) -> None:
    for other in (data, replace(data, validation=None)):
        with pytest.raises(CorruptFileError, match=r"another tokenizer: expected the SHA-256 other…, seen bytes…"):
            train(replace(other, tokenizer_sha256="other"), MODEL, SETTINGS, WRITING, str(tmp_path / "model"))


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_damaged_shard_is_refused(data: Data, tmp_path: Path, split: str) -> None:
    path = tmp_path / "shards" / split / "data-00000.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=rf"{split}/data-00000\.arrow: does not hold what was written"):
        train(data, MODEL, SETTINGS, WRITING, str(tmp_path / "model"))


def test_torch_is_left_as_it_was_found(data: Data, tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train(data, MODEL, replace(SETTINGS, steps=2, threads=threads + 1), WRITING, str(tmp_path))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_sample_goes_on_past_the_models_length_and_begins_anew_after_an_end() -> None:
    torch.manual_seed(0)
    model = Transformer(replace(MODEL, length=8))
    texts = draw(model, (1, 2), SEPARATOR, PADDING, SampleSettings(tokens=1500, top=VOCABULARY, temperature=1.0))
    assert sum(len(text) - 2 for text in texts) + len(texts) - 1 == 1500
    assert max(map(len, texts)) > 8
    assert len(texts) > 1
    assert all(text[:2] == [1, 2] and not {SEPARATOR, PADDING} & set(text) for text in texts)
