"""Text drawn from a model, token by token, from its most likely continuations (top-k, Fan et al. 2018)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from prep.trainer.devices.device import autocast
from prep.trainer.network.model import Transformer

Decode = Callable[[Sequence[int]], str]

RULE = "\n" + 40 * "-" + "\n"
"""Between two texts of a sample."""


@dataclass(frozen=True)
class SampleSettings:
    """How to draw."""

    tokens: int = 300
    temperature: float = 0.8
    """Below 1 prefers likely tokens more than the model does."""
    top: int = 40
    """Tokens considered at each place."""
    seed: int = 0
    stops: tuple[int, ...] = ()
    """Ids that end a text as the separator does, such as that which ends an answer."""


@torch.no_grad()
def draw(
    model: Transformer, prompt: Sequence[int], separator: int, padding: int, settings: SampleSettings
) -> list[list[int]]:
    """Return texts of token ids, each beginning with the prompt; a new one begins where the model ends the last.

    Draws `settings.tokens` ids in all, never the padding, at the cost of a forward pass each. The numbers drawn come
    from the CPU's generator, on whatever device the model lies.
    """
    device = model.embedding.weight.device
    generator = torch.Generator().manual_seed(settings.seed)
    texts = [list(prompt)]
    for _ in range(settings.tokens):
        seen = [separator, *texts[-1]][-model.settings.length :]
        with autocast(device):
            logits = model(torch.tensor([seen], device=device))[0, -1]
        if padding != separator:
            logits[padding] = -torch.inf
        likely, ids = logits.float().cpu().topk(min(settings.top, len(logits)))
        chosen = torch.multinomial((likely / settings.temperature).softmax(0), 1, generator=generator)
        token = int(ids[chosen])
        if token == separator or token in settings.stops:
            texts.append(list(prompt))
        else:
            texts[-1].append(token)
    return texts


def sample_text(
    model: Transformer, prompt: Sequence[int], separator: int, padding: int, settings: SampleSettings, decode: Decode
) -> str:
    """Draw texts and return them as one, a rule between them."""
    texts = draw(model, prompt, separator, padding, settings)
    return RULE.join(decode(text).strip("\n") for text in texts) + "\n"
