"""Bits per byte of our model beside GPT-2's shape as nanoGPT trains it: equal weights, steps, rows and schedule.

    python benchmarks/architectures.py runs/quickstart [--steps 300] [--seeds 3]

The folder is that of a run with `shards` and `tokenizer`, such as the quickstart's. With the first seed a model's rate
is doubled or halved from 0.003 on as long as that helps; with the others it learns at its best rate. A seed decides the
weights and the order of the rows. Both are scored on the same validation rows. Ours attends inside documents, GPT-2
over the row, as published. Our MLP's width is chosen so that the weights are as many. Takes ten minutes of one core.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from prep.corpus.shards.loader import Loader, LoaderSettings
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.data import Objective, batches_in_order, batches_of
from prep.trainer.judging.evaluate import predict, target_size, total_nats
from prep.trainer.network.model import ModelSettings, Transformer
from prep.trainer.running.schedule import Schedule

CPU = torch.device("cpu")
LAYERS, WIDTH, HEADS = 4, 128, 4
ROWS = 4
"""In a batch."""
VALIDATION_ROWS = 256
FIRST_RATE = 3e-3


class GPTBlock(nn.Module):
    """Attention of all heads, then an MLP of four times the width with GELU, each after a LayerNorm without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(WIDTH, bias=False)
        self.mixed = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.output = nn.Linear(WIDTH, WIDTH, bias=False)
        self.norm_2 = nn.LayerNorm(WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, T, W) → (R, T, W)."""
        rows, length, _ = x.shape
        heads = self.mixed(self.norm_1(x)).view(rows, length, 3 * HEADS, WIDTH // HEADS).transpose(1, 2)
        queries, keys, values = heads.split(HEADS, dim=1)
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.output(attended.transpose(1, 2).reshape(rows, length, WIDTH))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """GPT-2 (Radford et al. 2019): learned positions, the embedding as output matrix, weights drawn with 0.02."""

    def __init__(self, vocabulary: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.positions = nn.Embedding(length, WIDTH)
        self.blocks = nn.ModuleList(GPTBlock() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_residual = name.endswith(("output.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 * ((2 * LAYERS) ** -0.5 if into_residual else 1.0))

    def forward(self, ids: Tensor, pieces: Tensor) -> Tensor:
        """Return logits (R, T, V) for ids (R, T); what belongs together is not looked at."""
        x = self.embedding(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


@dataclass(frozen=True)
class Task:
    """What both models learn and are scored on."""

    training: ShardReader
    validation: ShardReader
    token_bytes: npt.NDArray[np.int32]
    steps: int

    def bits_per_byte(self, model: nn.Module) -> float:
        """Score a model on the validation rows."""
        nats, size = 0.0, 0
        rows = min(VALIDATION_ROWS, len(self.validation))
        with torch.no_grad():
            for batch in batches_in_order(self.validation, rows, 16, Objective()):
                nats += total_nats(*predict(model, batch, CPU)).item()
                size += target_size(batch, self.token_bytes)[1]
        return nats / math.log(2) / size

    def learn(self, make: Callable[[], nn.Module], rate: float, seed: int) -> float:
        """Train a model and return its bits per byte."""
        torch.manual_seed(seed)
        model = make()
        matrices = [parameter for parameter in model.parameters() if parameter.dim() == 2]
        vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
        schedule = Schedule(self.steps, warmup=self.steps // 10)
        loader = Loader(self.training, LoaderSettings(ROWS, seed, labels=True, positions=True))
        for step, batch in zip(range(self.steps), batches_of(loader, Objective()), strict=False):
            loss = total_nats(*predict(model, batch, CPU)) / target_size(batch, self.token_bytes)[0]
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = rate * schedule.share(step)
            optimizer.step()
        return self.bits_per_byte(model)


def weights(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def our_settings(vocabulary: int, length: int) -> ModelSettings:
    """Return our model's shape with as many weights as GPT-2's."""
    narrow = ModelSettings(vocabulary, length, LAYERS, WIDTH, HEADS, mlp_width=1)
    missing = weights(GPT(vocabulary, length)) - weights(Transformer(narrow))
    return replace(narrow, mlp_width=1 + round(missing / (3 * LAYERS * WIDTH)))


def rates(score: Callable[[float], float]) -> dict[float, float]:
    """Return the scores by rate, doubled or halved from the first until the score no longer falls."""
    tried = {rate: score(rate) for rate in (FIRST_RATE, 2 * FIRST_RATE)}
    last, factor = (FIRST_RATE, 0.5) if tried[FIRST_RATE] < tried[2 * FIRST_RATE] else (2 * FIRST_RATE, 2)
    while min(tried.values()) == tried[last]:
        last *= factor
        tried[last] = score(last)
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shards = arguments.folder / "shards"
    training = ShardReader(str(shards / "train"))
    sizes = np.load(arguments.folder / "tokenizer" / "token_bytes.npy")
    task = Task(training, ShardReader(str(shards / "validation")), sizes, arguments.steps)
    vocabulary, length = training.manifest.vocabulary, training.manifest.length
    settings = our_settings(vocabulary, length)
    models: dict[str, Callable[[], nn.Module]] = {
        "ours": lambda: Transformer(settings),
        "GPT-2": lambda: GPT(vocabulary, length),
    }
    for name, make in models.items():
        print(f"{name}: {weights(make()):,} weights")
    for name, make in models.items():
        start = time.process_time()
        tried = rates(lambda rate, make=make: task.learn(make, rate, seed=0))  # type: ignore[misc]
        best = min(tried, key=lambda rate: tried[rate])
        print(f"{name} by rate: " + ", ".join(f"{rate:g} {bits:.4f}" for rate, bits in tried.items()), flush=True)
        scores = [tried[best], *(task.learn(make, best, seed) for seed in range(1, arguments.seeds))]
        spent = (time.process_time() - start) / (len(tried) + len(scores) - 1)
        seeds = ", ".join(f"{score:.4f}" for score in scores)
        print(
            f"{name} at {best:g}: {statistics.mean(scores):.4f} bits per byte ({seeds}), {spent:.0f} s a run",
            flush=True,
        )


if __name__ == "__main__":
    main()
