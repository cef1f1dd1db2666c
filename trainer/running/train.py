"""Pretraining: predict the next or the missing tokens of the shards' rows, over and over.

On a CPU a run computes the same bits every time, and a run that was killed goes on from its last checkpoint and ends
with the same files as one that was not. The parts: what a batch is (`data`), the model (`model`), optimisers
(`optimizer`), the rate of each step (`schedule`), several processes (`ranks`, `sharding`), measuring (`evaluate`,
`baselines`).
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import torch
from torch import Tensor

from prep.corpus.errors import RunError
from prep.corpus.files.storage import join, write_bytes
from prep.corpus.shards.labels import DocumentLabels, read_labels
from prep.corpus.shards.loader import Loader, LoaderSettings, Rank, check_tokenizer
from prep.corpus.shards.shards import check_shard
from prep.trainer.batches.data import Batch, batches_of
from prep.trainer.devices import ranks
from prep.trainer.devices.device import choose_device, reproducible
from prep.trainer.devices.sharding import put_together, shard
from prep.trainer.judging.evaluate import Evaluation, Score, evaluate, predict, target_size, total_nats
from prep.trainer.judging.sample import sample_text
from prep.trainer.network.flops import operations, pairs_seen, peak
from prep.trainer.network.model import ModelSettings, Transformer
from prep.trainer.network.weights import read_weights
from prep.trainer.running.checkpoint import (
    Identity,
    State,
    checkpoints,
    load_checkpoint,
    save_checkpoint,
    state_tensors,
    write_checkpoint,
)
from prep.trainer.running.lengthening import LENGTH, find_start, length_differs, stable_checkpoints, stable_path
from prep.trainer.running.optimizer import make_optimizers
from prep.trainer.running.results import write_log, write_results
from prep.trainer.running.settings import Data, Progress, TrainSettings, Writing
from prep.trainer.running.stopping import Stopping


def train(
    data: Data,
    model: ModelSettings,
    settings: TrainSettings,
    writing: Writing,
    output: str,
    report: Callable[[Progress], None] = lambda _: None,
    *,
    earlier: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Train a model and write it to the folder `output`, going on from the newest checkpoint there if there is one.

    `earlier` are outputs of runs with other settings: where one of them differs in its number of steps alone, this run
    goes on from it if the rates allow that (`prep.trainer.running.lengthening`), and `say` is called with it.

    Writes the last checkpoints, model.safetensors (the weights), config.json, report.json, steps.csv, sample.txt and
    loss.svg. On SIGINT or SIGTERM the step is finished, a checkpoint is written, and Interrupted is raised. Raises
    RunError where the loss is no longer a number or the data does not suffice, CorruptFileError where a checkpoint is
    damaged.
    """
    _check(data, model, settings)
    device = choose_device(settings.device)
    with ranks.joined(device) as rank, Stopping() as stopping, reproducible(settings.seed, settings.threads):
        loader = _loader(data, settings, rank)
        state = _fresh(model, settings, device, rank)
        identity = _identity(data, model, settings)
        _go_on(output, earlier, state, identity, rank, say)
        loader.consumed = state.rows
        trainer = _Trainer(state, data, settings, device, rank)
        batches = batches_of(loader, settings.task)
        while state.step < settings.steps:
            began = monotonic()
            batch = next(batches)
            progress = trainer.advance(batch, began, monotonic() - began)
            last = state.step == settings.steps
            if state.step == settings.rates.stable_until:
                _save_stable(output, state, identity, rank)
            due = last or state.step % settings.checkpoint_every == 0
            if due:
                _save(output, state, identity, 1 if last else settings.keep_checkpoints, rank)
            report(progress)
            if ranks.any_of(stopping.asked, device) and not last:
                if not due:
                    _save(output, state, identity, settings.keep_checkpoints, rank)
                ranks.wait_for_all()
                stopping.leave(state.step)
        state.model = put_together(state.model)
        if rank.index == 0:
            labels = None if data.validation is None else read_labels(data.validation)
            evaluation = _evaluation(state.model, data, settings, labels)
            rows = settings.evaluate_rows
            write_results(output, state, data.training, data.validation, data.token_bytes, rows, evaluation, identity)
            _write_sample(output, state, data, settings, writing)
        ranks.wait_for_all()


def _go_on(
    output: str, earlier: Sequence[str], state: State, identity: Identity, rank: Rank, say: Callable[[str], None]
) -> None:
    """Bring a fresh state to where this run was stopped, or one that differs in its length alone."""
    found = checkpoints(output)
    if found and not length_differs(found[-1], identity):
        load_checkpoint(found[-1], state, identity)
        return
    start = find_start((output, *earlier), identity)
    if rank.index == 0 and start.reason:
        say(start.reason)
    if start.path is not None:
        load_checkpoint(start.path, state, identity, besides=(LENGTH,))
        ranks.wait_for_all()
        if rank.index == 0:  # they belong to the run of the other length
            for path in found:
                Path(path).unlink()
    elif found:
        raise RunError(f"{found[-1]}: a checkpoint of another run: {start.reason}; write to another folder")


def _save_stable(output: str, state: State, identity: Identity, rank: Rank) -> None:
    tensors = state_tensors(state)
    if rank.index == 0:
        path = stable_path(output, state.step)
        write_checkpoint(path, tensors, identity)
        for old in stable_checkpoints(output):
            if old != path:
                Path(old).unlink()


def _save(output: str, state: State, identity: Identity, keep: int, rank: Rank) -> None:
    tensors = state_tensors(state)
    if rank.index == 0:
        save_checkpoint(output, state.step, tensors, identity, keep)
        write_log(output, state.history)


class _Trainer:
    """Takes steps."""

    def __init__(self, state: State, data: Data, settings: TrainSettings, device: torch.device, rank: Rank) -> None:
        self._state, self._data, self._settings, self._device = state, data, settings, device
        self._sharded = rank.count > 1 and settings.sharding == "full"
        self._averaged = rank.count if self._sharded else 1
        """Over how many ranks gradients are averaged instead of added up."""
        each = peak(device)
        self._peak = None if each is None else each * rank.count
        self._parameters = list(state.model.parameters())
        self._model: Callable[[Tensor, Tensor], Tensor] = (
            torch.compile(state.model) if settings.compile else state.model
        )

    def advance(self, batch: Batch, began: float, waited: float) -> Progress:
        """Take one step and measure it; evaluate where it is due."""
        state, settings = self._state, self._settings
        rate = settings.learning_rate * settings.rates.share(state.step)
        score, needed = self._step(batch, rate)
        history = state.history
        history.loss.append(score.loss)
        history.bits_per_byte.append(score.bits_per_byte)
        history.rate.append(rate)
        history.batch.append(int.from_bytes(hashlib.sha256(batch.inputs.data).digest()[:7], "little"))
        seconds = monotonic() - began
        due = state.step % settings.evaluate_every == 0 or state.step == settings.steps
        validation = self._evaluate() if due else None
        tokens = settings.step_rows * state.model.settings.length
        return Progress(state.step, score.loss, rate, validation, seconds, waited, tokens, needed, self._peak)

    def _step(self, batch: Batch, rate: float) -> tuple[Score, int]:
        """Take one step; return what the batch cost, before it, and the operations that took."""
        state, settings = self._state, self._settings
        parts = batch.split(max(1, len(batch.inputs) // settings.batch_rows))
        size = (*target_size(batch, self._data.token_bytes), pairs_seen(batch.pieces, settings.task.causal))
        tokens, bytes_, pairs = (int(total) for total in ranks.add_up(size, self._device))
        nats = 0.0
        for part in parts:
            loss = total_nats(*predict(self._model, part, self._device))
            (loss * self._averaged / max(tokens, 1)).backward()  # type: ignore[no-untyped-call]
            nats += loss.item()
        if not self._sharded:
            ranks.add_up_gradients(self._parameters)
        score = Score(ranks.add_up([nats], self._device)[0], tokens, bytes_)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, settings.clip))
        if not (math.isfinite(score.nats) and math.isfinite(norm)):
            raise RunError(
                f"step {state.step + 1}: the loss is {score.loss} and the gradient's norm {norm}, expected "
                f"numbers; the last checkpoint is intact; lower learning_rate (here {settings.learning_rate:g}) or "
                "raise warmup"
            )
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.rows += settings.step_rows
        state.tokens += score.tokens
        shape = state.model.settings
        return score, operations(shape, settings.step_rows * shape.length, pairs)

    def _evaluate(self) -> Score | None:
        evaluation = _evaluation(self._state.model, self._data, self._settings)
        if evaluation is None:
            return None
        score = evaluation.total
        self._state.history.evaluations.append((self._state.step, score.loss, score.bits_per_byte, score.accuracy))
        return score


def _evaluation(
    model: Transformer, data: Data, settings: TrainSettings, labels: DocumentLabels | None = None
) -> Evaluation | None:
    """Score the model on the validation rows, if there are any; by the documents' labels, if they are given."""
    if data.validation is None:
        return None
    rows = min(len(data.validation), settings.evaluate_rows)
    model.eval()
    evaluation = evaluate(model, data.validation, data.token_bytes, rows, settings.batch_rows, settings.task, labels)
    model.train()
    return evaluation


def _check(data: Data, model: ModelSettings, settings: TrainSettings) -> None:
    manifest = data.training.manifest
    if problem := model.problem():
        raise RunError(f"the model cannot have this shape: {problem}")
    if len(data.token_bytes) != manifest.vocabulary:
        raise RunError(
            f"the tokenizer has {len(data.token_bytes)} tokens, the shards were written with {manifest.vocabulary}; "
            "train on shards that this tokenizer wrote"
        )
    if not settings.task.causal and manifest.loss_mask:
        raise RunError(
            f"the shards hold conversations, of which the answers are learnt, and the objective {settings.objective} "
            "hides tokens anywhere; set objective to next_token"
        )
    if not settings.task.causal and manifest.padding_id == manifest.separator_id:
        raise RunError(
            "the objective hides tokens behind the padding's id, which is the separator's too in this tokenizer; "
            "train a tokenizer with a padding token, or set objective to next_token"
        )


def _fresh(model_settings: ModelSettings, settings: TrainSettings, device: torch.device, rank: Rank) -> State:
    """Return an untrained model and its optimisers; weights are drawn on the CPU whatever the device."""
    model = Transformer(model_settings, settings.recompute)
    if settings.start_from is not None:
        read_weights(settings.start_from, model)
    sharded = rank.count > 1 and settings.sharding == "full"
    model = shard(model, device, rank.count) if sharded else model.to(device)
    return State(model, make_optimizers(model, settings.optimizer, settings.weight_decay))


def _loader(data: Data, settings: TrainSettings, rank: Rank) -> Loader:
    """Return what reads the batch of each step, after making sure of the shards of both splits."""
    if data.validation is not None:
        check_tokenizer(data.validation, data.tokenizer_sha256)
        for shard in data.validation.manifest.shards:
            check_shard(data.validation.folder, shard)
    loading = LoaderSettings(settings.step_rows, settings.seed, labels=True, positions=True)
    return Loader(data.training, loading, rank, tokenizer_sha256=data.tokenizer_sha256)


def _identity(data: Data, model: ModelSettings, settings: TrainSettings) -> Identity:
    """Return what decides the result, as JSON-ready values."""
    manifest = data.training.manifest
    validation = data.validation.manifest.shards if data.validation is not None else ()
    steering = ("checkpoint_every", "keep_checkpoints", "recompute", "sharding")
    training = {key: value for key, value in asdict(settings).items() if key not in steering}
    return {
        **asdict(model),
        **training,
        "tokenizer_sha256": manifest.tokenizer_sha256,
        "training_shards": [shard.sha256 for shard in manifest.shards],
        "validation_shards": [shard.sha256 for shard in validation],
    }


def _write_sample(output: str, state: State, data: Data, settings: TrainSettings, writing: Writing) -> None:
    """Let a decoder write; an encoder cannot."""
    if settings.task.causal:
        manifest = data.training.manifest
        prompt = writing.prompt if manifest.begin_id is None else (manifest.begin_id, *writing.prompt)
        text = sample_text(
            state.model, prompt, manifest.separator_id, manifest.padding_id, writing.settings, writing.decode
        )
        write_bytes(join(output, "sample.txt"), text.encode("utf-8", "replace"))
