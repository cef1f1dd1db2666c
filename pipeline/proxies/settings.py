"""How proxies are trained and measured: small models that stand for the large one a corpus is meant for."""

from typing import Annotated, Literal

from pydantic import Field

from prep.stages.settings import PathName, Settings, Size
from prep.stages.train.train import Train

Preset = Literal["nano", "tiny", "1m", "10m", "50m", "124m", "350m", "1b"]


class ProxySettings(Settings):
    """What all proxies of a comparison or a fit have in common. Only `threads`, `device` and what decides the text and
    the training change figures; how many run at once does not.
    """

    tokens: int | None = Field(default=None, ge=1)
    """Tokens that each proxy learns from. Left out: as many as the smallest corpus has, at most ten million."""
    sizes: Annotated[tuple[Preset, ...], Field(min_length=1)] = ("tiny",)
    """Presets of layers, width and heads, as `train.size` has them. The last decides; the others show whether
    differences hold as models grow."""
    seeds: int = Field(default=5, ge=1, le=1000)
    """Proxies of each size and corpus, which differ in their first weights and the order of the rows."""
    first_seed: int = Field(default=0, ge=0)
    """The seed of the first of them."""
    paired: bool = True
    """Whether all corpora share the seeds: the same first weights for each, so that part of the noise cancels out."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of all intervals of a comparison together."""
    tokenizer: PathName | None = None
    """The folder of the tokenizer for all corpora. Left out: that of the runs if they all have the same, else one is
    trained on equal parts of all corpora."""
    vocabulary: int = Field(default=4096, ge=260)
    """Token ids of a tokenizer that is trained."""
    length: int = Field(default=256, ge=2)
    """Tokens in a row."""
    batch_rows: int = Field(default=8, ge=1)
    """Rows of a step."""
    learning_rate: float = Field(default=6e-3, gt=0, le=1)
    """The highest rate, reached after a tenth of the steps, at most a hundred."""
    max_epochs: float = Field(default=4, gt=0)
    """How often a document may come. Up to four times repeating costs little (Muennighoff et al. 2023,
    arXiv 2305.16264)."""
    held_out: float = Field(default=0.05, ge=0, lt=1)
    """Share of each source's documents that may be held out of every corpus to measure on, by a hash of their URL or
    id; 0 holds out none."""
    measure_bytes: Size = Field(default=200_000, ge=1000)
    """Text of each held-out set to measure on, about, where there is so much."""
    identify_languages: bool = False
    """Whether the stage `language` says what language passages are in of which nobody said it; needs its model."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of a proxy. They decide the order of sums, and so the last bits."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU where there is one."""

    @property
    def step_tokens(self) -> int:
        """Return the tokens of a step."""
        return self.length * self.batch_rows

    def steps(self, tokens: int) -> int:
        """Return the steps that so many tokens are."""
        return max(1, tokens // self.step_tokens)

    def training(self, size: Preset, seed: int, steps: int) -> Train:
        """Return how a proxy is trained."""
        return Train(
            size=size,
            steps=steps,
            batch_rows=self.batch_rows,
            learning_rate=self.learning_rate,
            warmup=min(100, max(1, steps // 10)),
            seed=seed,
            evaluate_every=steps,
            checkpoint_every=max(50, steps // 10),
            keep_checkpoints=1,
            sample_tokens=0,
            device=self.device,
            threads=self.threads,
        )
