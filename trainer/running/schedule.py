"""The learning rate of each step, as a share of its peak: a function of the step alone.

After a linear warm-up: `cosine` falls to the final share along half a wave (Loshchilov & Hutter 2016, arXiv
1608.03983); `wsd`, warm-up–stable–decay, stays at the peak and falls linearly over the last steps (Hu et al. 2024,
arXiv 2404.06395, section 4), so that a run can be continued from where the decay began.
"""

import math
from dataclasses import dataclass
from typing import Literal

ScheduleName = Literal["cosine", "wsd"]


@dataclass(frozen=True)
class Schedule:
    """How the rate rises and falls over a run."""

    steps: int
    kind: ScheduleName = "cosine"
    warmup: int = 100
    """Steps over which the rate rises from nothing."""
    final: float = 0.1
    """What is left of the peak at the last step."""
    decay: float = 0.2
    """Share of the steps over which `wsd` falls."""

    @property
    def stable_until(self) -> int | None:
        """The steps after which `wsd` begins to fall; None where a run of another length has other rates before."""
        until = self.steps - max(round(self.steps * self.decay), 1)
        return until if self.kind == "wsd" and until > self.warmup else None

    def share(self, step: int) -> float:
        """Return the share of the peak at a step, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.kind == "cosine":
            done = (step - self.warmup) / max(self.steps - self.warmup, 1)
            return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2
        falling = max(round(self.steps * self.decay), 1)
        done = (step - (self.steps - falling)) / falling
        return 1 - (1 - self.final) * max(done, 0.0)
