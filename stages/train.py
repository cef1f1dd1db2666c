"""Trains a small transformer on the packed shards: the proof that they can be learnt from."""

from collections.abc import Iterator
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from prep.corpus.errors import CorruptFileError, Problem
from prep.corpus.shards import MANIFEST, ShardReader
from prep.corpus.storage import exists, join, open_input, write_bytes
from prep.stages.stage import PROGRESS, CheckContext, GlobalContext, GlobalStage, Phase

if TYPE_CHECKING:
    from prep.trainer.train import Progress


class Train(GlobalStage):
    """Train a small decoder-only transformer on the shards, measure it in bits per byte and let it write.

    Makes `model/`: the weights, the last checkpoint, the settings, a report, a sample and the loss curve. A run that
    was killed goes on from its last checkpoint and ends with the same bytes. On a CPU the result is the same on every
    run on the same machine; another processor or another version of torch may differ in the last bits. On a GPU matrix
    products run in bfloat16.
    """

    name: ClassVar[str] = "train"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("torch", "numpy", "matplotlib")
    makes: ClassVar[str | None] = "model"
    needs: ClassVar[tuple[str, ...]] = ("tokenizer", "shards")

    layers: int = Field(default=4, ge=1, le=64)
    """Transformer blocks."""
    width: int = Field(default=128, ge=8, le=8192)
    """Numbers that describe a token inside the model; a multiple of `heads`."""
    heads: int = Field(default=4, ge=1, le=128)
    """Attention heads; width / heads must be even."""
    steps: int = Field(default=1000, ge=1)
    """Optimiser steps."""
    batch_rows: int = Field(default=4, ge=1)
    """Rows that go through the model at once."""
    accumulate: int = Field(default=1, ge=1)
    """Batches per step: their gradients are added up, for batches larger than memory."""
    learning_rate: float = Field(default=6e-3, gt=0, le=1)
    """The highest rate, reached after the warm-up; a cosine takes it down to a tenth."""
    warmup: int = Field(default=100, ge=0)
    """Steps over which the rate rises."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Decay of matrices, decoupled from the gradient (AdamW)."""
    clip: float = Field(default=1.0, gt=0)
    """The gradient is scaled down to this norm."""
    seed: int = Field(default=0, ge=0)
    """Decides the first weights, the order of the rows and the sample."""
    evaluate_every: int = Field(default=100, ge=1)
    """Steps between two measurements on the validation rows."""
    evaluate_rows: int = Field(default=512, ge=1)
    """Validation rows to measure on, at most."""
    checkpoint_every: int = Field(default=100, ge=1)
    """Steps between two checkpoints; does not change the result."""
    sample_tokens: int = Field(default=300, ge=0)
    """Tokens that the trained model writes into sample.txt."""
    prompt: str = ""
    """How the sample begins; empty begins as documents do."""
    temperature: float = Field(default=0.8, gt=0)
    """Below 1 the sample prefers likely tokens more than the model does."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU where there is one."""
    threads: int = Field(default=2, ge=1)
    """CPU threads. They decide the order of sums, so another number is another model, if only in the last bits."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a missing torch and a width that the heads cannot share."""
        if find_spec("torch") is None:
            yield Problem("PyTorch is not installed", mend="pip install 'corpus-prep[train]', or leave out train")
        if self.width % self.heads or self.width // self.heads % 2:
            yield Problem(
                f"{self.heads} heads cannot share a width of {self.width}",
                ("width",),
                f"an even multiple of heads, such as {2 * self.heads * max(1, round(self.width / self.heads / 2))}",
                str(self.width),
            )

    def identity(self) -> dict[str, object]:
        """Return the settings without how often a checkpoint is written."""
        return self.model_dump(mode="json", exclude={"checkpoint_every"})

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return one phase of one task."""
        return (Phase("train", 1),)

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        """Train, going on from the checkpoint in the output folder if a killed run left one."""
        from prep.tokenizers.encode import open_tokenizer
        from prep.trainer.model import ModelSettings
        from prep.trainer.sample import SampleSettings
        from prep.trainer.train import Data, TrainSettings, Writing, train

        shards, folder = context.artefacts["shards"], context.artefacts["tokenizer"]
        tokenizer = open_tokenizer(folder)
        training, validation = ShardReader(join(shards, "train")), _validation(shards)
        data = Data(training, validation, tokenizer.sha256, _token_bytes(folder))
        manifest = data.training.manifest
        train(
            data,
            ModelSettings(manifest.vocabulary, manifest.length, self.layers, self.width, self.heads),
            TrainSettings(
                steps=self.steps,
                batch_rows=self.batch_rows,
                accumulate=self.accumulate,
                learning_rate=self.learning_rate,
                warmup=self.warmup,
                weight_decay=self.weight_decay,
                clip=self.clip,
                seed=self.seed,
                evaluate_every=self.evaluate_every,
                evaluate_rows=self.evaluate_rows,
                checkpoint_every=self.checkpoint_every,
                device=self.device,
                threads=self.threads,
            ),
            Writing(
                tokenizer.decode,
                tuple(tokenizer.encode(self.prompt)) if self.prompt else (),
                SampleSettings(self.sample_tokens, self.temperature, seed=self.seed),
            ),
            context.output,
            Heartbeat(join(context.scratch, PROGRESS), self.steps).tell,
        )


class Heartbeat:
    """Writes how far a training run is to a small file, at most once a second."""

    def __init__(self, path: str, steps: int) -> None:
        self._path = path
        self._steps = steps
        self._measured = ""
        self._written = monotonic()

    def tell(self, progress: "Progress") -> None:
        """Note a step that is done."""
        if progress.validation is not None:
            self._measured = f", validation {progress.validation.bits_per_byte:.3f} bits per byte"
        if monotonic() - self._written >= 1:
            self._written = monotonic()
            line = f"step {progress.step} of {self._steps}, loss {progress.loss:.3f}{self._measured}\n"
            write_bytes(self._path, line.encode())


def _validation(shards: str) -> ShardReader | None:
    """Open the validation shards; None where there are none."""
    folder = join(shards, "validation")
    reader = ShardReader(folder) if exists(join(folder, MANIFEST)) else None
    return reader if reader is not None and len(reader) else None


def _token_bytes(folder: str) -> npt.NDArray[np.int32]:
    """Read how many UTF-8 bytes each token of the tokenizer stands for (vocabulary,)."""
    path = join(folder, "token_bytes.npy")
    try:
        with open_input(path) as source:
            sizes: npt.NDArray[np.int32] = np.load(source, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path}: cannot be read ({error}); train the tokenizer again") from error
    return sizes
