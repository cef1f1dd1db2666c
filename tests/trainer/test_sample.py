"""What is drawn: probabilities of the model, the most likely token at temperature 0, and an end where a text ends."""

from dataclasses import replace

import pytest
import torch

from prep.trainer.judging.sample import SampleSettings, draw, draw_tokens
from prep.trainer.network.model import Transformer

from .training import MODEL, PADDING, SEPARATOR

PROMPT = [5, 6, 7]


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.manual_seed(0)
    return Transformer(MODEL).eval()


def logits(model: Transformer, seen: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(torch.tensor([seen]))[0, -1].float()
    found[PADDING] = -torch.inf
    return found


def test_at_temperature_zero_the_most_likely_token_comes_with_its_probability(model: Transformer) -> None:
    drawn = list(draw_tokens(model, PROMPT, SEPARATOR, PADDING, SampleSettings(5, temperature=0)))
    seen = [SEPARATOR, *PROMPT]
    for token, probability in drawn:
        expected = logits(model, seen)
        assert token == int(expected.argmax())
        assert probability == pytest.approx(float(expected.softmax(0)[token]))
        seen.append(token)


def test_only_the_most_likely_tokens_are_drawn_and_never_the_padding(model: Transformer) -> None:
    settings = SampleSettings(60, temperature=50, top=3)
    seen = [SEPARATOR, *PROMPT]
    for token, _ in draw_tokens(model, PROMPT, SEPARATOR, PADDING, settings):
        assert token in logits(model, seen).topk(3).indices.tolist()
        seen.append(token)
    every = SampleSettings(300, temperature=1e6, top=MODEL.vocabulary)
    assert PADDING not in {token for text in draw(model, PROMPT, SEPARATOR, PADDING, every) for token in text}


def test_the_seed_decides_and_a_stop_ends_the_text(model: Transformer) -> None:
    settings = SampleSettings(30, temperature=5, seed=4)
    drawn = [each.token for each in draw_tokens(model, PROMPT, SEPARATOR, PADDING, settings)]
    assert drawn == [each.token for each in draw_tokens(model, PROMPT, SEPARATOR, PADDING, settings)]
    ended = replace(settings, stops=(drawn[10],))
    first = drawn.index(drawn[10])
    assert [each.token for each in draw_tokens(model, PROMPT, SEPARATOR, PADDING, ended)] == drawn[: first + 1]
    assert draw(model, PROMPT, SEPARATOR, PADDING, ended)[0] == [*PROMPT, *drawn[:first]]
