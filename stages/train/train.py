"""Trains a small transformer on the packed shards: the proof that they can be learnt from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from prep.corpus.errors import CorruptFileError, Problem
from prep.corpus.files.storage import exists, join, open_input, write_bytes
from prep.corpus.shards.shards import MANIFEST, ShardManifest, ShardReader
from prep.stages.settings import PathName
from prep.stages.stage import CheckContext, GlobalStage, Phase
from prep.stages.train.prompts import begin, has_template
from prep.stages.upstream import PROGRESS, GlobalContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from prep.trainer.network.model import ModelSettings
    from prep.trainer.running.settings import Progress, TrainSettings

PRESETS = {
    "nano": (2, 64, 2),
    "tiny": (4, 128, 4),
    "1m": (5, 128, 4),
    "10m": (8, 320, 5),
    "50m": (12, 576, 9),
    "124m": (12, 768, 12),
    "350m": (24, 1024, 16),
    "1b": (20, 2048, 16),
}
"""Layers, width and heads."""
LEAST_STEPS = 3
"""Steps of the shortest run that is to predict a longer one."""
LARGE = 2560
"""Layers times width from which on so few steps stand out from what a run costs by itself; smaller models take more."""
SAMPLED_TOKENS = 10
"""Tokens that such a run writes."""


class Train(GlobalStage):
    """Train a transformer on the shards, measure it in bits per byte and let it write.

    Makes `model/`: the weights, the last checkpoint, the settings, a report, a log of all steps, a sample and the loss
    curve. Attention stays inside documents. `prep train` does the same with shards that are there. A run that
    was killed goes on from its last checkpoint and ends with the same bytes. On a CPU the result is the same on every
    run on the same machine; another processor or another version of torch may differ in the last bits. On a GPU matrix
    products run in bfloat16.
    """

    example: ClassVar[str] = "- train: {size: tiny, steps: 1000}"
    name: ClassVar[str] = "train"
    does: ClassVar[str] = "training the model"
    version: ClassVar[int] = 7
    libraries: ClassVar[tuple[str, ...]] = ("torch", "numpy", "matplotlib")
    grows: ClassVar[bool] = False
    stops_itself: ClassVar[bool] = True
    makes: ClassVar[str | None] = "model"
    pictures: ClassVar[tuple[str, ...]] = ("loss.svg",)
    needs: ClassVar[tuple[str, ...]] = ("tokenizer", "shards")

    size: Literal["nano", "tiny", "1m", "10m", "50m", "124m", "350m", "1b"] = "tiny"
    """A preset of layers, width and heads: 2, 4, 5, 8, 12, 12, 24 and 20 layers. 124m and 350m are GPT-2's shapes."""
    layers: int | None = Field(default=None, ge=1, le=256)
    """Transformer blocks, in place of the size's."""
    width: int | None = Field(default=None, ge=8, le=32768)
    """Numbers that describe a token inside the model, in place of the size's; a multiple of the heads."""
    heads: int | None = Field(default=None, ge=1, le=256)
    """Attention heads, in place of the size's; width / heads must be even."""
    kv_heads: int | None = Field(default=None, ge=1, le=256)
    """Heads of keys and values, which divide the heads; left out: as many."""
    qk_norm: bool = True
    """Whether queries and keys are normalised, which keeps large rates stable. Without it the model is a Llama."""
    tied: bool = True
    """Whether the output matrix is the embedding."""
    objective: Literal["next_token", "masked", "span"] = "next_token"
    """What is learnt: to go on (a decoder), or to fill in hidden tokens or spans from both sides (an encoder)."""
    mask_rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that `masked` and `span` hide."""
    start_from: PathName | None = None
    """A folder with a model to go on from instead of drawing weights: ours, or one in the Llama or Qwen3 layout. Its
    shape replaces the shape above."""
    steps: int = Field(default=1000, ge=1)
    """Optimiser steps."""
    batch_rows: int = Field(default=4, ge=1)
    """Rows that go through the model at once."""
    accumulate: int = Field(default=1, ge=1)
    """Batches per step: their gradients are added up, for batches larger than memory; a multiple of the processes."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for the matrices inside the blocks."""
    learning_rate: float = Field(default=6e-3, gt=0, le=1)
    """The highest rate, reached after the warm-up."""
    schedule: Literal["cosine", "wsd"] = "cosine"
    """How the rate falls: along a half wave, or not until the last steps (warm-up, stable, decay). With `wsd` a run of
    which only `steps` was changed goes on from where the decay of the other began, to the same result."""
    warmup: int = Field(default=100, ge=0)
    """Steps over which the rate rises."""
    decay: float = Field(default=0.2, gt=0, le=1)
    """Share of the steps over which `wsd` falls."""
    final_rate: float = Field(default=0.1, ge=0, le=1)
    """What is left of the highest rate at the last step."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Decay of matrices, decoupled from the gradient."""
    clip: float = Field(default=1.0, gt=0)
    """The gradient is scaled down to this norm."""
    seed: int = Field(default=0, ge=0)
    """Decides the first weights, the order of the rows, what is hidden and the sample."""
    evaluate_every: int = Field(default=100, ge=1)
    """Steps between two measurements on the validation rows."""
    evaluate_rows: int = Field(default=512, ge=1)
    """Validation rows to measure on, at most."""
    checkpoint_every: int = Field(default=100, ge=1)
    """Steps between two checkpoints; does not change the result."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Checkpoints to keep while training; does not change the result. At the end the last is left."""
    sample_tokens: int = Field(default=300, ge=0)
    """Tokens that the trained model writes into sample.txt."""
    prompt: str = ""
    """How the sample begins; empty begins as documents do. To a model of conversations it is what a user says."""
    temperature: float = Field(default=0.8, gt=0)
    """Below 1 the sample prefers likely tokens more than the model does."""
    recompute: bool = False
    """Whether activations are computed again in the backward pass: less memory, a third more time, the same result."""
    compile: bool = False
    """Whether torch.compile fuses the model's operations, which takes a minute at the start."""
    sharding: Literal["none", "full"] = "none"
    """What the processes that `torchrun` starts share out beside the batch: nothing, or the model and its optimisers
    (FSDP), which takes less memory on each and more traffic; the same result up to the order of sums."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU where there is one."""
    threads: int = Field(default=2, ge=1)
    """CPU threads. They decide the order of sums, so another number is another model, if only in the last bits."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a missing torch and a shape that cannot be."""
        if find_spec("torch") is None:
            yield Problem("PyTorch is not installed", hint="pip install 'corpus-prep[train]', or leave out train")
        _, width, heads = self.shape
        if width % heads or width // heads % 2:
            yield Problem(
                f"{heads} heads cannot share a width of {width}",
                ("width",),
                f"an even multiple of heads, such as {2 * heads * max(1, round(width / heads / 2))}",
                str(width),
            )
        if self.kv_heads is not None and heads % self.kv_heads:
            yield Problem(
                "heads share keys and values evenly", ("kv_heads",), f"a divisor of {heads}", str(self.kv_heads)
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return layers, width and heads."""
        layers, width, heads = PRESETS[self.size]
        return self.layers or layers, self.width or width, self.heads or heads

    def files(self) -> Mapping[str, str]:
        """Return the weights to begin with."""
        return {} if self.start_from is None else {"start_from": join(self.start_from, "model.safetensors")}

    def identity(self) -> dict[str, object]:
        """Return the settings without those that only steer."""
        steering = {"checkpoint_every", "keep_checkpoints", "recompute", "sharding", "start_from"}
        return self.model_dump(mode="json", exclude=steering)

    def abridged(self, run: int, share: float) -> "Train":
        """Return a run of a few steps, in a later one more of them, with one small evaluation at the end."""
        layers, width, _ = self.shape
        least = LEAST_STEPS * max(1, LARGE // (layers * width))
        steps = min(self.steps, least << run)
        once = {"steps": steps, "evaluate_every": steps, "checkpoint_every": steps, "warmup": min(self.warmup, steps)}
        rows = min(self.evaluate_rows, self.batch_rows * self.accumulate)
        sampled = min(self.sample_tokens, SAMPLED_TOKENS)
        return self.model_copy(update={**once, "evaluate_rows": rows, "sample_tokens": sampled})

    def amount(self, phase: str, text_bytes: float) -> float:
        """Return the optimiser's steps; to evaluate as many rows as a step has takes a third of one."""
        rows = self.batch_rows * self.accumulate
        return self.steps + -(-self.steps // self.evaluate_every) * self.evaluate_rows / rows / 3

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return one phase of one task."""
        return (Phase("train", 1),)

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        """Train, going on from the checkpoint in the output folder if a killed run left one."""
        shards, tokenizer = context.artefacts["shards"], context.artefacts["tokenizer"]
        heartbeat = Heartbeat(join(context.scratch, PROGRESS), self.steps)
        self.train(shards, tokenizer, context.output, heartbeat.report, earlier_outputs(context.output), heartbeat.say)

    def train(
        self,
        shards: str,
        tokenizer_folder: str,
        output: str,
        report: "Callable[[Progress], None]",
        earlier: Sequence[str] = (),
        say: "Callable[[str], None]" = lambda _: None,
    ) -> None:
        """Train on a folder of shards that the tokenizer in another folder wrote (see `prep.trainer.train`)."""
        from prep.tokenizers.encoding.encode import open_tokenizer
        from prep.trainer.judging.sample import SampleSettings
        from prep.trainer.running.settings import Data, Writing
        from prep.trainer.running.train import train

        tokenizer = open_tokenizer(tokenizer_folder)
        training, validation = ShardReader(join(shards, "train")), _validation(shards)
        chat = training.manifest.loss_mask and has_template(tokenizer_folder)  # or it was packed with one of pack's own
        prompt = begin(tokenizer, tokenizer_folder, self.prompt, chat=chat)
        train(
            Data(training, validation, tokenizer.sha256, token_bytes(tokenizer_folder)),
            self._model_settings(training.manifest),
            self.train_settings(),
            Writing(
                tokenizer.decode,
                prompt.ids,
                SampleSettings(self.sample_tokens, self.temperature, seed=self.seed, stops=prompt.stops),
            ),
            output,
            report,
            earlier=earlier,
            say=say,
        )

    def train_settings(self) -> "TrainSettings":
        """Return the settings as the trainer takes them."""
        from prep.trainer.running.settings import TrainSettings

        names = [field.name for field in fields(TrainSettings)]
        return TrainSettings(**{name: getattr(self, name) for name in names})

    def _model_settings(self, manifest: ShardManifest) -> "ModelSettings":
        from prep.trainer.network.model import ModelSettings
        from prep.trainer.network.weights import read_shape

        if self.start_from is not None:
            return read_shape(self.start_from, manifest.length)
        layers, width, heads = self.shape
        return ModelSettings(
            manifest.vocabulary,
            manifest.length,
            layers,
            width,
            heads,
            self.kv_heads,
            qk_norm=self.qk_norm,
            tied=self.tied,
            causal=self.objective == "next_token",
        )


class Narration:
    """Says a line at every evaluation: how well the model does, and how fast it has learnt since the line before."""

    def __init__(self, steps: int, say: "Callable[[str], None]") -> None:
        self._steps, self._say = steps, say
        self._since: list[Progress] = []

    def report(self, progress: "Progress") -> None:
        """Note a step that is done."""
        self._since.append(progress)
        if progress.validation is not None:
            score = progress.validation
            measured = f"validation {score.bits_per_byte:.3f} bits per byte, {score.accuracy:.1%} right"
            loss = f"loss {progress.loss:.3f} nats per token"
            self._say(f"step {progress.step} of {self._steps}: {loss}, {measured}; {speed(self._since)}")
            self._since = []


def speed(steps: "Sequence[Progress]") -> str:
    """Describe how fast steps were: tokens and operations per second, their share of the peak, waiting for data."""
    seconds = sum(step.seconds for step in steps)
    rate = sum(step.operations for step in steps) / seconds
    peak = steps[0].peak
    share = "" if peak is None else f" ({rate / peak:.1%} of the peak)"
    tokens = sum(step.tokens for step in steps) / seconds
    waiting = sum(step.waited for step in steps) / seconds
    return f"{tokens:,.0f} tokens/s, {rate / 1e12:.3g} TFLOP/s{share}, {waiting:.1%} of the time spent waiting for data"


class Heartbeat:
    """Writes how far a training run is to a small file, at most once a second."""

    def __init__(self, path: str, steps: int) -> None:
        self._path = path
        self._steps = steps
        self._measured = ""
        self._written = monotonic()

    def say(self, line: str) -> None:
        """Write a line at once."""
        write_bytes(self._path, f"{line}\n".encode())

    def report(self, progress: "Progress") -> None:
        """Note a step that is done."""
        if progress.validation is not None:
            self._measured = f", validation {progress.validation.bits_per_byte:.3f} bits per byte"
        if monotonic() - self._written >= 1:
            self._written = monotonic()
            loss = f"loss {progress.loss:.3f} nats per token"
            line = f"step {progress.step} of {self._steps}, {loss}{self._measured}\n"
            write_bytes(self._path, line.encode())


def earlier_outputs(output: str) -> tuple[str, ...]:
    """Return where the step's folder for other settings has its output: `NN-train-<fingerprint>/output`."""
    step = Path(output).parent
    name, dash, _ = step.name.rpartition("-")
    others = sorted(step.parent.glob(f"{name}{dash}*")) if dash else []
    return tuple(str(other / "output") for other in others if other != step)


def _validation(shards: str) -> ShardReader | None:
    """Open the validation shards; None where there are none."""
    folder = join(shards, "validation")
    reader = ShardReader(folder) if exists(join(folder, MANIFEST)) else None
    return reader if reader is not None and len(reader) else None


def token_bytes(folder: str) -> npt.NDArray[np.int32]:
    """Read how many UTF-8 bytes each token of the tokenizer stands for (vocabulary,)."""
    path = join(folder, "token_bytes.npy")
    try:
        with open_input(path) as source:
            sizes: npt.NDArray[np.int32] = np.load(source, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path}: cannot be read ({error}); train the tokenizer again") from error
    return sizes


def export_model(model_folder: str, tokenizer_folder: str, output: str) -> None:
    """Write a trained decoder and its tokenizer as a folder that transformers opens.

    Raises RunError for an encoder, CorruptFileError where a file is missing or damaged.
    """
    from prep.tokenizers.encoding.encode import open_tokenizer
    from prep.trainer.network.model import Transformer
    from prep.trainer.network.weights import export_llama, read_shape, read_weights

    tokenizer = open_tokenizer(tokenizer_folder)
    model = Transformer(read_shape(model_folder))
    read_weights(model_folder, model)
    begin_id = tokenizer.separator_id if tokenizer.begin_id is None else tokenizer.begin_id
    export_llama(output, model, tokenizer.separator_id, tokenizer.padding_id, begin_id)
    for pattern in ("token*.json", "*.model", "chat_template.jinja"):
        for path in sorted(Path(tokenizer_folder).glob(pattern)):
            write_bytes(join(output, path.name), path.read_bytes())
