"""The stage `train`: what it refuses at check time, what decides its result, and a run over small shards."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from prep.corpus.errors import CorruptFileError, Problem
from prep.corpus.shards.shards import Rows, ShardManifest, row_schema, rows_batch, write_manifest, write_shard
from prep.stages.stage import CheckContext, Phase
from prep.stages.train.train import Narration, Train
from prep.stages.upstream import PROGRESS, GlobalContext, Upstream
from prep.trainer.judging.evaluate import Score
from prep.trainer.running.settings import Progress

LENGTH = 24
SEPARATOR = 256
PADDING = 257
VOCABULARY = 258
TEXTS = [b"to be or not to be", b"that is the question", b"the rest is silence"]
SMALL = Train(
    layers=1, width=16, heads=2, steps=6, batch_rows=2, warmup=1, evaluate_every=3, sample_tokens=5, prompt="the"
)


class ByteTokenizer:
    """One token per byte."""

    sha256: ClassVar[str] = "bytes"

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")


@pytest.fixture(autouse=True)
def byte_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the package `tokenizers`, which has its own tests."""
    module = ModuleType("prep.tokenizers.encoding.encode")
    module.open_tokenizer = lambda folder: ByteTokenizer()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "prep.tokenizers.encoding.encode", module)


def write_rows(folder: Path, texts: Sequence[bytes]) -> None:
    """Write one document per row, padded."""
    lengths = np.array([len(text) + 1 for text in texts], np.int32)
    ids = np.full((len(texts), LENGTH), PADDING, np.uint16)
    for row, text in enumerate(texts):
        ids[row, : lengths[row]] = [*text, SEPARATOR]
    numbers = np.arange(len(texts) + 1)
    batch = rows_batch(Rows(ids, numbers.astype(np.int32), lengths, numbers[:-1], np.zeros(len(texts), np.int64)))
    shards = (write_shard(str(folder), "data-00000.arrow", row_schema(LENGTH, "uint16"), [batch]),) if texts else ()
    manifest = ShardManifest(
        length=LENGTH,
        dtype="uint16",
        vocabulary=VOCABULARY,
        separator_id=SEPARATOR,
        padding_id=PADDING,
        tokenizer_sha256="bytes",
        strategy="one_per_row",
        seed=0,
        rows=len(texts),
        documents=len(texts),
        cut_documents=0,
        max_documents_per_row=1,
        tokens=int(lengths.sum()),
        text_bytes=sum(map(len, texts)),
        shards=shards,
    )
    write_manifest(str(folder), manifest)


@pytest.fixture
def context(tmp_path: Path) -> GlobalContext:
    write_rows(tmp_path / "shards" / "train", TEXTS)
    write_rows(tmp_path / "shards" / "validation", TEXTS[:1])
    sizes = np.ones(VOCABULARY, np.int32)
    sizes[[SEPARATOR, PADDING]] = 0
    (tmp_path / "tokenizer").mkdir()
    np.save(tmp_path / "tokenizer" / "token_bytes.npy", sizes)
    artefacts = {"tokenizer": str(tmp_path / "tokenizer"), "shards": str(tmp_path / "shards")}
    return GlobalContext(Upstream(()), str(tmp_path / "model"), str(tmp_path / "scratch"), artefacts)


def check(stage: Train) -> list[Problem]:
    return list(stage.problems(CheckContext(pa.schema([]), 0, frozenset({"tokenizer", "shards"}))))


def test_is_one_task() -> None:
    assert Train().phases(parts=7) == (Phase("train", 1),)


def test_trains_on_the_shards_and_samples_from_the_prompt(context: GlobalContext) -> None:
    SMALL.run("train", 0, context)
    report = json.loads(Path(context.output, "report.json").read_text())
    assert report["steps"] == 6
    assert report["validation"]["bytes"] == len(TEXTS[0])
    assert [evaluation["step"] for evaluation in report["evaluations"]] == [3, 6]
    config = json.loads(Path(context.output, "config.json").read_text())
    assert (config["layers"], config["width"], config["length"]) == (1, 16, LENGTH)
    assert Path(context.output, "sample.txt").read_text().startswith("the")


def test_a_second_run_writes_the_same_bytes(context: GlobalContext) -> None:
    SMALL.run("train", 0, context)
    before = {file.name: file.read_bytes() for file in Path(context.output).iterdir()}
    SMALL.run("train", 0, context)
    assert {file.name: file.read_bytes() for file in Path(context.output).iterdir()} == before


@pytest.mark.parametrize("empty", [True, False])
def test_runs_without_validation(context: GlobalContext, empty: bool) -> None:
    folder = Path(context.artefacts["shards"], "validation")
    for file in folder.iterdir():
        file.unlink()
    if empty:
        write_rows(folder, [])
    SMALL.run("train", 0, context)
    assert json.loads(Path(context.output, "report.json").read_text())["validation"] is None


def test_says_how_far_it_is(context: GlobalContext, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(100))
    monkeypatch.setattr("prep.stages.train.train.monotonic", lambda: float(next(seconds)))
    SMALL.run("train", 0, context)
    line = Path(context.scratch, PROGRESS).read_text()
    assert line.startswith("step 6 of 6, loss ")
    assert line.endswith(" bits per byte\n")


def test_speed_is_that_since_the_line_before() -> None:
    lines: list[str] = []
    narration = Narration(4, lines.append)
    score = Score(nats=70.0, tokens=100, bytes=50, hits=25)
    for step, validation in ((1, None), (2, score), (3, None), (4, score)):
        seconds = 1.0 if step < 3 else 2.0
        narration.report(Progress(step, 0.7, 1e-3, validation, seconds, 0.1, 1000, 10**12, 4e12))
    assert lines[0].startswith("step 2 of 4: loss 0.700 nats per token, validation 2.020 bits per byte, 25.0% right; ")
    assert lines[0].endswith("1,000 tokens/s, 1 TFLOP/s (25.0% of the peak), 10.0% of the time spent waiting for data")
    assert lines[1].endswith("500 tokens/s, 0.5 TFLOP/s (12.5% of the peak), 5.0% of the time spent waiting for data")


def test_a_tokenizer_without_sizes_is_named(context: GlobalContext) -> None:
    Path(context.artefacts["tokenizer"], "token_bytes.npy").unlink()
    with pytest.raises(CorruptFileError, match=r"token_bytes\.npy.*train the tokenizer again"):
        SMALL.run("train", 0, context)


@pytest.mark.parametrize(("width", "heads", "suggestion"), [(100, 6, "96"), (60, 4, "64"), (8, 8, "16")])
def test_a_width_that_heads_cannot_share_is_a_problem(width: int, heads: int, suggestion: str) -> None:
    (problem,) = check(Train(width=width, heads=heads))
    assert problem.field == ("width",)
    assert problem.expected.endswith(f"such as {suggestion}")
    assert check(Train(width=int(suggestion), heads=heads)) == []


def test_without_torch_the_hint_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prep.stages.train.train.find_spec", lambda name: None)
    (problem,) = check(Train())
    assert "pip install 'corpus-prep[train]'" in problem.hint


def test_only_what_changes_the_result_is_in_the_identity() -> None:
    assert Train(checkpoint_every=1).identity() == Train().identity()
    for changed in (Train(steps=7), Train(seed=1), Train(threads=1), Train(prompt="x"), Train(evaluate_rows=3)):
        assert changed.identity() != Train().identity()


@pytest.mark.parametrize("options", [{"steps": 0}, {"learning_rate": 0}, {"device": "tpu"}, {"layer": 2}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Train.model_validate(options)


def test_small_models_take_more_steps_to_predict_a_run_but_no_more_than_it_has() -> None:
    steps = {
        size: [Train(size=size, steps=1000).abridged(run, 0.1).steps for run in range(3)] for size in ("nano", "10m")
    }
    assert steps == {"nano": [60, 120, 240], "10m": [3, 6, 12]}
    short = Train(size="nano", steps=40, warmup=100).abridged(2, 0.1)
    assert (short.steps, short.warmup, short.evaluate_every) == (40, 40, 40)
