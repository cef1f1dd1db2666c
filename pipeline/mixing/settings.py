"""How a mixture is fitted: what proxies have in common, how many mixtures are tried, and what the best one may hold."""

from pydantic import Field

from prep.pipeline.proxies.settings import ProxySettings


class MixSettings(ProxySettings):
    """Settings of `prep mix fit`; those of proxies as in `prep compare`."""

    seeds: int = Field(default=3, ge=1, le=1000)
    """Proxies by which the chosen mixture is compared with others; of the mixtures of the design there is one each."""
    mixtures: int | None = Field(default=None, ge=4)
    """Mixtures of the design. Left out: four for each source, and four."""
    checks: int = Field(default=5, ge=0)
    """Mixtures outside the design by which its predictions are tested."""
    target_tokens: int | None = Field(default=None, ge=1)
    """Tokens of the training that the mixture is for. Left out: as many as the corpus has."""
    weights: dict[str, float] = Field(default_factory=dict)
    """What a held-out set counts for, by its name; others count 1."""
    draws: int = Field(default=100, ge=0, le=10_000)
    """Designs drawn again from the design's mixtures, to say how sure the shares are."""

    def count(self, sources: int) -> int:
        """Return the number of mixtures of the design."""
        return 4 * (sources + 1) if self.mixtures is None else self.mixtures
