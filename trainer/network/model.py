"""A transformer of today: a decoder that predicts the next token, or an encoder that fills in masked ones.

Pre-normalised residual blocks: RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467), self-attention with rotary positions
(Su et al. 2021, arXiv 2104.09864), grouped queries (Ainslie et al. 2023, arXiv 2305.13245) and normalised queries and
keys (Henry et al. 2020, arXiv 2010.04245), and an MLP gated by SiLU (Shazeer 2020, arXiv 2002.05202). Without biases,
without dropout. Attention stays inside documents: a place sees the places of its own piece alone, so what is packed
into one row does not matter. A token costs about 6·parameters + 6·layers·context·width floating point operations
forward and backward for a decoder.

Shapes: R rows, T places in a row, W width, H heads of queries, K heads of keys and values, D = W/H, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

MULTIPLE = 32
"""The MLP's hidden width is rounded up to this, which suits vector units."""
EPSILON = 1e-5
"""Keeps RMSNorm from dividing by zero."""

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From queries (R, H, T, D), keys and values (R, K, T, D) to what each place attends to (R, H, T, D)."""


@dataclass(frozen=True)
class ModelSettings:
    """The shape of a model."""

    vocabulary: int
    length: int
    """Tokens that the model sees at once."""
    layers: int = 4
    width: int = 128
    heads: int = 4
    kv_heads: int | None = None
    """Heads of keys and values, each shared by as many heads of queries; None: as many as heads."""
    mlp_width: int | None = None
    """The MLP's hidden width; None: 8/3 of the width, so that its three matrices cost what two of 4 × width would."""
    qk_norm: bool = True
    """Whether queries and keys are normalised before they are compared, which keeps training stable."""
    tied: bool = True
    """Whether the output matrix is the embedding (Press & Wolf 2017)."""
    causal: bool = True
    """Whether a place sees only those before it: a decoder. Otherwise an encoder."""
    rope_base: float = 10_000.0
    """The slowest rotary wave length is about 2π times this, in tokens."""

    @property
    def head_width(self) -> int:
        """Return the width of one attention head."""
        return self.width // self.heads

    @property
    def groups(self) -> int:
        """Return the number of heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def hidden(self) -> int:
        """Return the MLP's hidden width."""
        return self.mlp_width or -(-8 * self.width // (3 * MULTIPLE)) * MULTIPLE

    def problem(self) -> str | None:
        """Return why no model can have this shape, or None."""
        if self.width % self.heads:
            return f"the width ({self.width}) must be a multiple of the number of heads ({self.heads})"
        if self.head_width % 2:
            return f"the width per head ({self.width} / {self.heads} = {self.head_width}) must be even"
        if self.heads % self.groups:
            return f"the number of heads ({self.heads}) must be a multiple of that of kv_heads ({self.groups})"
        return None


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        mixed = (settings.heads + 2 * settings.groups) * settings.head_width
        self.queries_keys_values = nn.Linear(settings.width, mixed, bias=False)
        self.output = nn.Linear(settings.width, settings.width, bias=False)
        if settings.qk_norm:
            self.query_norm = nn.RMSNorm(settings.head_width, eps=EPSILON)
            self.key_norm = nn.RMSNorm(settings.head_width, eps=EPSILON)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, attend: Attend) -> Tensor:
        """Mix each place with those it may see: (R, T, W) → (R, T, W)."""
        rows, length, width = x.shape
        heads, groups = self.settings.heads, self.settings.groups
        mixed = self.queries_keys_values(x).view(rows, length, heads + 2 * groups, self.settings.head_width)
        queries, keys, values = mixed.transpose(1, 2).split((heads, groups, groups), dim=1)
        if self.settings.qk_norm:
            queries, keys = self.query_norm(queries), self.key_norm(keys)
        attended = attend(rotate(queries, cosine, sine), rotate(keys, cosine, sine), values)
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
        self.attention_norm = nn.RMSNorm(settings.width, eps=EPSILON)
        self.attention = Attention(settings)
        self.mlp_norm = nn.RMSNorm(settings.width, eps=EPSILON)
        self.mlp = GatedMLP(settings)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, attend: Attend) -> Tensor:
        """Return the residual stream after the block: (R, T, W) → (R, T, W)."""
        x = x + self.attention(self.attention_norm(x), cosine, sine, attend)
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """The whole model: token ids in, for each place the logits of what stands there (encoder) or next (decoder) out."""

    def __init__(self, settings: ModelSettings, recompute: bool = False) -> None:
        super().__init__()
        self.settings = settings
        self.recompute = recompute
        """Whether the backward pass computes each block's activations again instead of keeping them."""
        self.embedding = nn.Embedding(settings.vocabulary, settings.width)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.RMSNorm(settings.width, eps=EPSILON)
        if not settings.tied:
            self.head = nn.Linear(settings.width, settings.vocabulary, bias=False)
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

    def forward(self, ids: Tensor, pieces: Tensor | None = None) -> Tensor:
        """Return logits (R, T, V) for ids (R, T) int64, T at most the settings' length.

        `pieces` (R, T) numbers the places that belong together; None: all of a row.
        """
        length = ids.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        attend = attention(pieces, self.settings.causal)
        x = self.embedding(ids)
        for block in self.blocks:
            if self.recompute and self.training:
                x = checkpoint(block, x, cosine, sine, attend, use_reentrant=False)
            else:
                x = block(x, cosine, sine, attend)
        output = self.embedding.weight if self.settings.tied else self.head.weight
        return F.linear(self.norm(x), output)

    @property
    def parameters_count(self) -> int:
        """Return the number of weights."""
        return sum(parameter.numel() for parameter in self.parameters())


def attention(pieces: Tensor | None, causal: bool) -> Attend:
    """Return how places attend to each other inside their pieces (R, T), None: inside rows.

    On a GPU with pieces, blocks of places that see nothing of each other are skipped (flex attention, Dong et al. 2024,
    arXiv 2412.05496); elsewhere the mask (R, 1, T, T) is laid over scaled dot products.
    """
    if pieces is None:
        return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
    if pieces.is_cuda:
        return _flex(pieces, causal)
    together = pieces[:, None, :, None] == pieces[:, None, None, :]
    mask = together.tril() if causal else together
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


def _flex(pieces: Tensor, causal: bool) -> Attend:
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        together = pieces[row, query] == pieces[row, key]
        return together & (query >= key) if causal else together

    rows, length = pieces.shape
    mask = create_block_mask(visible, rows, None, length, length, device=str(pieces.device))
    flex = _compiled_flex()
    return lambda q, k, v: flex(q, k, v, block_mask=mask, enable_gqa=True)


@cache
def _compiled_flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    compiled: Callable[..., Tensor] = torch.compile(flex_attention)
    return compiled


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
