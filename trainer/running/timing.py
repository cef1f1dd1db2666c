"""How long a step of training takes, measured on rows of random ids before a run that has yet to be paid for."""

from time import perf_counter

import torch
import torch.nn.functional as F  # noqa: N812

from prep.trainer.devices.device import autocast, choose_device, reproducible
from prep.trainer.network.model import ModelSettings, Transformer
from prep.trainer.running.optimizer import make_optimizers
from prep.trainer.running.settings import TrainSettings

STEPS = 3
"""Steps that are taken; the fastest counts, since the first ones set things up."""


def seconds_per_step(model: ModelSettings, settings: TrainSettings) -> float:
    """Return the seconds of one step: forward, backward and the optimiser's, at the settings' batch and threads."""
    device = choose_device(settings.device)
    with reproducible(settings.seed, settings.threads):
        network = Transformer(model).to(device)
        optimizers = make_optimizers(network, settings.optimizer, settings.weight_decay)
        ids = torch.randint(model.vocabulary, (settings.batch_rows, model.length + 1), device=device)
        pieces = torch.zeros((settings.batch_rows, model.length), dtype=torch.int32, device=device)
        fastest = float("inf")
        for _ in range(STEPS):
            began = perf_counter()
            for _ in range(settings.accumulate):
                with autocast(device):
                    logits = network(ids[:, :-1], pieces)
                loss = F.cross_entropy(logits.float().view(-1, model.vocabulary), ids[:, 1:].reshape(-1))
                loss.backward()  # type: ignore[no-untyped-call]
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            loss.item()
            fastest = min(fastest, perf_counter() - began)
    return fastest
