"""The optimisers: AdamW for everything, or Muon for the matrices inside the blocks.

AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with decay of matrices only. Muon (Jordan et al. 2024) makes the
momentum of a matrix orthogonal by a few Newton–Schulz steps before it is applied; its updates are scaled to the size of
AdamW's (Liu et al. 2025, arXiv 2502.16982, section 2.2), so that both take the same learning rate. Embedding, output
matrix and vectors stay with AdamW.
"""

from typing import Literal

import torch

from prep.trainer.network.model import Transformer

Kind = Literal["adamw", "muon"]


def make_optimizers(model: Transformer, kind: Kind, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Return the optimisers that share the model's parameters; their rate is set before each step."""
    hidden = [parameter for parameter in model.blocks.parameters() if parameter.dim() == 2]
    by_muon = {id(parameter) for parameter in hidden} if kind == "muon" else set()
    rest = [parameter for parameter in model.parameters() if id(parameter) not in by_muon]
    groups = [
        {"params": [parameter for parameter in rest if parameter.dim() >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in rest if parameter.dim() < 2], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), fused=True)
    if kind == "adamw":
        return [adamw]
    return [adamw, torch.optim.Muon(hidden, lr=0.0, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")]
