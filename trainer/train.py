"""Pretraining: predict the next token of the shards' rows, over and over.

AdamW (Loshchilov & Hutter 2019) with decoupled weight decay on matrices only, a linear warm-up and a cosine decay to a
tenth of the peak rate, gradients clipped to a norm. On a CPU a run computes the same bits every time, and a run that
was killed goes on from its last checkpoint and ends with the same files as one that was not.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from prep.corpus.errors import RunError
from prep.corpus.loader import Loader, LoaderSettings, check_tokenizer
from prep.corpus.shards import ShardReader, check_shard
from prep.corpus.storage import exists, join, write_bytes, write_json
from prep.trainer.checkpoint import Identity, State, load_checkpoint, save_checkpoint
from prep.trainer.data import Batch, batches_of
from prep.trainer.device import DeviceName, choose_device, reproducible
from prep.trainer.evaluate import NOTHING, Score, evaluate, evaluate_unigram, target_size, total_nats, unigram_nats
from prep.trainer.model import Decoder, ModelSettings
from prep.trainer.plot import draw_loss
from prep.trainer.sample import Decode, SampleSettings, sample_text
from prep.trainer.tensors import write_tensors

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class TrainSettings:
    """How to train."""

    steps: int = 1000
    batch_rows: int = 4
    """Rows that go through the model at once."""
    accumulate: int = 1
    """Batches whose gradients are added up for one step."""
    learning_rate: float = 6e-3
    """The peak, reached after the warm-up."""
    warmup: int = 100
    """Steps over which the rate rises from nothing."""
    final_rate: float = 0.1
    """What is left of the peak at the last step."""
    weight_decay: float = 0.1
    clip: float = 1.0
    """The largest norm of the gradient."""
    seed: int = 0
    evaluate_every: int = 100
    """Steps between two evaluations; the last step is always evaluated."""
    evaluate_rows: int = 512
    """Validation rows used, from the first."""
    checkpoint_every: int = 100
    """Steps between two checkpoints. Does not change the result."""
    device: DeviceName = "auto"
    threads: int = 2
    """CPU threads. They decide the order of sums, hence the last bits of the result."""

    @property
    def step_rows(self) -> int:
        """Return the rows that one step consumes."""
        return self.batch_rows * self.accumulate


@dataclass(frozen=True)
class Data:
    """What to learn from and what to measure on."""

    training: ShardReader
    validation: ShardReader | None
    tokenizer_sha256: str
    """The tokenizer that must have written the shards."""
    token_bytes: npt.NDArray[np.int32]
    """UTF-8 bytes of each token (vocabulary,), 0 for control tokens."""


@dataclass(frozen=True)
class Writing:
    """How to turn token ids into text for the sample."""

    decode: Decode
    prompt: tuple[int, ...] = ()
    settings: SampleSettings = field(default_factory=SampleSettings)


@dataclass(frozen=True)
class Progress:
    """What is told after each step: steps done, nats per token of the batch, and the validation score where taken."""

    step: int
    loss: float
    rate: float
    validation: Score | None


def train(
    data: Data,
    model: ModelSettings,
    settings: TrainSettings,
    writing: Writing,
    output: str,
    tell: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Train a model and write it to the folder `output`, going on from the checkpoint there if there is one.

    Writes checkpoint.safetensors (the last), model.safetensors (the weights), config.json, report.json, sample.txt and
    loss.svg. Raises RunError where the loss is no longer a number or the data does not suffice, CorruptFileError where
    the checkpoint is damaged.
    """
    _check(data, model)
    loader = _loader(data, settings)
    with reproducible(settings.seed, settings.threads):
        state = _fresh(model, settings)
        identity = _identity(data, model, settings)
        path = join(output, CHECKPOINT)
        if exists(path):
            load_checkpoint(path, state, identity)
        loader.consumed = state.rows
        batches = batches_of(loader)
        while state.step < settings.steps:
            progress = _advance(state, data, next(batches), settings)
            if state.step % settings.checkpoint_every == 0 or state.step == settings.steps:
                save_checkpoint(path, state, identity)
            tell(progress)
        _write_results(output, state, data, settings, identity)
        separator, padding = data.training.manifest.separator_id, data.training.manifest.padding_id
        text = sample_text(state.model, writing.prompt, separator, padding, writing.settings, writing.decode)
    write_bytes(join(output, "sample.txt"), text.encode("utf-8", "replace"))


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Return the rate of the given step, counted from 0."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(settings.steps - settings.warmup, 1)
    decay = (1 + math.cos(math.pi * done)) / 2
    return settings.learning_rate * (settings.final_rate + (1 - settings.final_rate) * decay)


def _check(data: Data, model: ModelSettings) -> None:
    manifest = data.training.manifest
    if problem := model.problem():
        raise RunError(f"the model cannot have this shape: {problem}")
    if len(data.token_bytes) != manifest.vocabulary:
        raise RunError(
            f"the tokenizer has {len(data.token_bytes)} tokens, the shards were written with {manifest.vocabulary}; "
            "train on shards that this tokenizer wrote"
        )


def _fresh(model_settings: ModelSettings, settings: TrainSettings) -> State:
    """Return an untrained model and its optimiser; weights are drawn on the CPU whatever the device."""
    device = choose_device(settings.device)
    model = Decoder(model_settings).to(device)
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return State(model, torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), fused=True))


def _loader(data: Data, settings: TrainSettings) -> Loader:
    """Return what reads the batch of each step, after making sure of the shards of both splits."""
    if data.validation is not None:
        check_tokenizer(data.validation, data.tokenizer_sha256)
        for shard in data.validation.manifest.shards:
            check_shard(data.validation.folder, shard)
    loading = LoaderSettings(settings.step_rows, settings.seed, labels=True)
    return Loader(data.training, loading, tokenizer_sha256=data.tokenizer_sha256)


def _advance(state: State, data: Data, batch: Batch, settings: TrainSettings) -> Progress:
    """Take one step and measure it; evaluate where it is due."""
    rate = learning_rate(settings, state.step)
    score = _step(state, data, batch, settings, rate)
    state.history.loss.append(score.loss)
    state.history.bits_per_byte.append(score.bits_per_byte)
    validation = None
    due = state.step % settings.evaluate_every == 0 or state.step == settings.steps
    if due and data.validation is not None:
        rows = min(len(data.validation), settings.evaluate_rows)
        validation = evaluate(state.model, data.validation, data.token_bytes, rows, settings.batch_rows)
        state.history.evaluations.append((state.step, validation.loss, validation.bits_per_byte))
    return Progress(state.step, score.loss, rate, validation)


def _step(state: State, data: Data, batch: Batch, settings: TrainSettings, rate: float) -> Score:
    device = state.model.embedding.weight.device
    parts = zip(*(np.split(ids, settings.accumulate) for ids in (batch.inputs, batch.targets)), strict=True)
    batches = [Batch(inputs, targets) for inputs, targets in parts]
    sizes = [target_size(batch, data.token_bytes) for batch in batches]
    tokens = max(sum(count for count, _ in sizes), 1)
    score = NOTHING
    for part, size in zip(batches, sizes, strict=True):
        inputs, targets = torch.from_numpy(part.inputs).to(device), torch.from_numpy(part.targets).to(device)
        nats = total_nats(state.model, inputs, targets)
        (nats / tokens).backward()  # type: ignore[no-untyped-call]
        score += Score(nats.item(), *size)
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
    if not (math.isfinite(score.nats) and math.isfinite(norm.item())):
        raise RunError(
            f"step {state.step + 1}: the loss is {score.loss} and the gradient's norm {norm.item()}, expected numbers; "
            f"the last checkpoint is intact; lower learning_rate (here {settings.learning_rate:g}) or raise warmup"
        )
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.step += 1
    state.rows += settings.step_rows
    state.tokens += score.tokens
    return score


def _identity(data: Data, model: ModelSettings, settings: TrainSettings) -> Identity:
    """Return what decides the result, as JSON-ready values: one flat mapping."""
    manifest = data.training.manifest
    validation = data.validation.manifest.shards if data.validation is not None else ()
    training = {key: value for key, value in asdict(settings).items() if key != "checkpoint_every"}
    return {
        **asdict(model),
        **training,
        "tokenizer_sha256": manifest.tokenizer_sha256,
        "training_shards": [shard.sha256 for shard in manifest.shards],
        "validation_shards": [shard.sha256 for shard in validation],
    }


def _write_results(output: str, state: State, data: Data, settings: TrainSettings, identity: Identity) -> None:
    unigram: Score | None = None
    if data.validation is not None:
        rows = min(len(data.validation), settings.evaluate_rows)
        unigram = evaluate_unigram(unigram_nats(data.training), data.validation, data.token_bytes, rows)
    history = state.history
    report = {
        "parameters": state.model.parameters_count,
        "steps": state.step,
        "rows": state.rows,
        "epochs": round(state.rows / len(data.training), 3),
        "tokens": state.tokens,
        "validation": None
        if unigram is None
        else {
            "tokens": unigram.tokens,
            "bytes": unigram.bytes,
            "bits_per_byte": history.evaluations[-1][2],
            "unigram_bits_per_byte": unigram.bits_per_byte,
        },
        "evaluations": [
            {"step": step, "loss": loss, "bits_per_byte": bits} for step, loss, bits in history.evaluations
        ],
        "loss": history.loss,
        "bits_per_byte": history.bits_per_byte,
    }
    write_tensors(join(output, WEIGHTS), dict(state.model.state_dict()), {"format": "pt"})
    write_json(join(output, "config.json"), identity)
    write_json(join(output, "report.json"), report)
    draw_loss(join(output, "loss.svg"), history, None if unigram is None else unigram.bits_per_byte)
