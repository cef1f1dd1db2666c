"""A decoder-only transformer, in the form that Llama made common.

Pre-normalised residual blocks: RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467), causal self-attention with rotary
positions (Su et al. 2021, arXiv 2104.09864), and an MLP gated by SiLU (Shazeer 2020, arXiv 2002.05202); the output
matrix is the embedding's transpose (Press & Wolf 2017). Without biases, without dropout. A token costs about
6·parameters + 6·layers·context·width floating point operations forward and backward.

Shapes: R rows, T places in a row, W width, H heads, D = W/H, V vocabulary.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

MULTIPLE = 32
"""The MLP's hidden width is rounded up to this, which suits vector units."""


@dataclass(frozen=True)
class ModelSettings:
    """The shape of a model."""

    vocabulary: int
    length: int
    """Tokens that the model sees at once."""
    layers: int = 4
    width: int = 128
    heads: int = 4
    rope_base: float = 10_000.0
    """The slowest rotary wave length is about 2π times this, in tokens."""

    @property
    def head_width(self) -> int:
        """Return the width of one attention head."""
        return self.width // self.heads

    @property
    def hidden(self) -> int:
        """Return the MLP's hidden width: 8/3 of the width, so that its three matrices cost what two of 4 × cost."""
        return -(-8 * self.width // (3 * MULTIPLE)) * MULTIPLE

    def problem(self) -> str | None:
        """Return why no model can have this shape, or None."""
        if self.width % self.heads:
            return f"the width ({self.width}) must be a multiple of the number of heads ({self.heads})"
        if self.head_width % 2:
            return f"the width per head ({self.width} / {self.heads} = {self.head_width}) must be even"
        return None


class Attention(nn.Module):
    """Causal multi-head self-attention with rotary positions."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.head_width = settings.head_width
        self.queries_keys_values = nn.Linear(settings.width, 3 * settings.width, bias=False)
        self.output = nn.Linear(settings.width, settings.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Mix each place with those before it: (R, T, W) → (R, T, W)."""
        rows, length, width = x.shape
        mixed = self.queries_keys_values(x).view(rows, length, 3, self.heads, self.head_width)
        queries, keys, values = mixed.permute(2, 0, 3, 1, 4)  # each (R, H, T, D)
        queries, keys = rotate(queries, cosine, sine), rotate(keys, cosine, sine)
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        mixture: Tensor = self.output(attended.transpose(1, 2).reshape(rows, length, width))
        return mixture


class GatedMLP(nn.Module):
    """Two hidden layers, one of which opens and closes the other (SwiGLU)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.gate_up = nn.Linear(settings.width, 2 * settings.hidden, bias=False)
        self.down = nn.Linear(settings.hidden, settings.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each place by itself: (R, T, W) → (R, T, W)."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        out: Tensor = self.down(F.silu(gate) * up)
        return out


class Block(nn.Module):
    """Attention, then the MLP, each on normalised input and added to the residual stream."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(settings.width, eps=1e-5)
        self.attention = Attention(settings)
        self.mlp_norm = nn.RMSNorm(settings.width, eps=1e-5)
        self.mlp = GatedMLP(settings)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Return the residual stream after the block: (R, T, W) → (R, T, W)."""
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """The whole model: token ids in, for each place the logits of the next token out."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.embedding = nn.Embedding(settings.vocabulary, settings.width)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.RMSNorm(settings.width, eps=1e-5)
        cosine, sine = rotary_tables(settings)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.cosine: Tensor
        self.sine: Tensor
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights from torch's generator: deviation 1/2·columns^(−1/2), less with the depth into the residual.

        In models of this size the constant 0.02 that large ones use is too small: it costs a third of a short run.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_residual = name.endswith(("output.weight", "down.weight"))
                depth = (2 * self.settings.layers) ** -0.5 if into_residual else 1.0
                nn.init.normal_(parameter, std=0.5 * parameter.shape[1] ** -0.5 * depth)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of the token after each place: (R, T) int64 → (R, T, V), T at most the settings' length."""
        length = ids.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, cosine, sine)
        return F.linear(self.norm(x), self.embedding.weight)

    @property
    def parameters_count(self) -> int:
        """Return the number of weights."""
        return sum(parameter.numel() for parameter in self.parameters())


def rotary_tables(settings: ModelSettings) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of the rotary angles, each (T, D/2): place p turns pair i by p·base^(−2i/D)."""
    pairs = torch.arange(0, settings.head_width, 2, dtype=torch.float64) / settings.head_width
    places = torch.arange(settings.length, dtype=torch.float64)
    angles = torch.outer(places, settings.rope_base**-pairs)
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn each pair (i, i + D/2) of a head by its place's angle: (R, H, T, D) → (R, H, T, D)."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
    return turned.to(x.dtype)
