"""Text drawn from a model, token by token, from its most likely continuations (top-k, Fan et al. 2018)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
    """Below 1 prefers likely tokens more than the model does; 0 always takes the most likely one."""
    top: int = 40
    """Tokens considered at each place."""
    seed: int = 0
    stops: tuple[int, ...] = ()
    """Ids that end a text as the separator does, such as that which ends an answer."""


class Drawn(NamedTuple):
    """A token that was drawn."""

    token: int
    probability: float
    """That the model gives it among all tokens, before temperature and top-k."""


@torch.no_grad()
def draw_tokens(
    model: Transformer, prompt: Sequence[int], separator: int, padding: int, settings: SampleSettings
) -> Iterator[Drawn]:
    """Yield what the model goes on with after the prompt, up to and with the token that ends the text.

    At most `settings.tokens`, never the padding, at the cost of a forward pass each. The numbers drawn come from the
    CPU's generator, on whatever device the model lies.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    seen = [separator, *prompt]
    for _ in range(settings.tokens):
        drawn = _next(model, seen, separator, padding, settings, generator)
        yield drawn
        if drawn.token == separator or drawn.token in settings.stops:
            return
        seen.append(drawn.token)


@torch.no_grad()
def draw(
    model: Transformer, prompt: Sequence[int], separator: int, padding: int, settings: SampleSettings
) -> list[list[int]]:
    """Return texts of token ids, each beginning with the prompt; a new one begins where the model ends the last.

    Draws `settings.tokens` ids in all (see `draw_tokens`).
    """
    generator = torch.Generator().manual_seed(settings.seed)
    texts = [list(prompt)]
    for _ in range(settings.tokens):
        token = _next(model, [separator, *texts[-1]], separator, padding, settings, generator).token
        if token == separator or token in settings.stops:
            texts.append(list(prompt))
        else:
            texts[-1].append(token)
    return texts


def _next(
    model: Transformer,
    seen: Sequence[int],
    separator: int,
    padding: int,
    settings: SampleSettings,
    generator: torch.Generator,
) -> Drawn:
    device = model.embedding.weight.device
    with autocast(device):
        logits = model(torch.tensor([seen[-model.settings.length :]], device=device))[0, -1].float().cpu()
    if padding != separator:
        logits[padding] = -torch.inf
    likely, ids = logits.topk(min(settings.top, len(logits)))
    place = 0
    if settings.temperature > 0:
        place = int(torch.multinomial((likely / settings.temperature).softmax(0), 1, generator=generator))
    token = int(ids[place])
    return Drawn(token, float(logits.softmax(0)[token]))


def sample_text(
    model: Transformer, prompt: Sequence[int], separator: int, padding: int, settings: SampleSettings, decode: Decode
) -> str:
    """Draw texts and return them as one, a rule between them."""
    texts = draw(model, prompt, separator, padding, settings)
    return RULE.join(decode(text).strip("\n") for text in texts) + "\n"
