"""The settings of a training run, and what it reports after each step."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.data import Objective, ObjectiveName
from prep.trainer.devices.device import DeviceName
from prep.trainer.devices.sharding import Sharding
from prep.trainer.judging.evaluate import Score
from prep.trainer.judging.sample import Decode, SampleSettings
from prep.trainer.running.optimizer import Kind
from prep.trainer.running.schedule import Schedule, ScheduleName


@dataclass(frozen=True)
class TrainSettings:
    """How to train."""

    steps: int = 1000
    objective: ObjectiveName = "next_token"
    mask_rate: float = 0.15
    """Share of the places that are hidden where tokens are to be filled in."""
    optimizer: Kind = "adamw"
    batch_rows: int = 4
    """Rows that go through the model at once."""
    accumulate: int = 1
    """Batches whose gradients are added up for one step, those of all ranks together."""
    learning_rate: float = 6e-3
    """The peak, reached after the warm-up."""
    schedule: ScheduleName = "cosine"
    warmup: int = 100
    """Steps over which the rate rises from nothing."""
    decay: float = 0.2
    """Share of the steps over which `wsd` falls."""
    final_rate: float = 0.1
    """What is left of the peak at the last step."""
    weight_decay: float = 0.1
    clip: float = 1.0
    """The largest norm of the gradient."""
    seed: int = 0
    start_from: str | None = None
    """A folder with the weights to begin with; None draws them."""
    evaluate_every: int = 100
    """Steps between two evaluations; the last step is always evaluated."""
    evaluate_rows: int = 512
    """Validation rows used, from the first."""
    checkpoint_every: int = 100
    """Steps between two checkpoints. Does not change the result."""
    keep_checkpoints: int = 2
    recompute: bool = False
    """Whether activations are computed again in the backward pass. Saves memory; does not change the result."""
    compile: bool = False
    """Whether torch.compile fuses the model's operations."""
    sharding: Sharding = "none"
    """What ranks share out beside the batch: nothing, or model and optimisers. Changes the order of sums alone."""
    device: DeviceName = "auto"
    threads: int = 2
    """CPU threads. They decide the order of sums, and so the last bits of the result."""

    @property
    def step_rows(self) -> int:
        """Return the rows that one step consumes."""
        return self.batch_rows * self.accumulate

    @property
    def rates(self) -> Schedule:
        """Return the learning rate of each step."""
        return Schedule(self.steps, self.schedule, self.warmup, self.final_rate, self.decay)

    @property
    def task(self) -> Objective:
        """Return what is to be learnt."""
        return Objective(self.objective, self.mask_rate, self.seed)


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
    """What is reported after each step."""

    step: int
    loss: float
    """Nats per predicted token of the batch."""
    rate: float
    validation: Score | None
    """Where it was taken."""
    seconds: float
    """That the step took, evaluation aside."""
    waited: float
    """Of these, seconds spent waiting for the batch."""
    tokens: int
    """In the rows of the batch, of all ranks."""
    operations: int
    """Floating point operations that the step needs, of all ranks (`prep.trainer.network.flops`)."""
    peak: float | None
    """Operations per second that all ranks' devices can do at most, where that is known."""
