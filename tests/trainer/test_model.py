"""The transformer: shapes, causality, rotary positions, and what its blocks compute against slow twins."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from prep.trainer.model import Attention, Decoder, ModelSettings, rotary_tables, rotate

SETTINGS = ModelSettings(vocabulary=50, length=16, layers=2, width=24, heads=2)


@pytest.fixture
def model() -> Decoder:
    torch.manual_seed(1)
    return Decoder(SETTINGS)


def test_logits_have_a_value_for_every_token_at_every_place(model: Decoder) -> None:
    ids = torch.randint(0, 50, (3, 16))
    assert model(ids).shape == (3, 16, 50)
    assert model(ids[:, :5]).shape == (3, 5, 50)


def test_parameters_are_those_of_the_formula(model: Decoder) -> None:
    width, hidden = SETTINGS.width, SETTINGS.hidden
    block = 4 * width * width + 3 * width * hidden + 2 * width
    assert model.parameters_count == 50 * width + 2 * block + width


def test_an_untrained_model_is_about_indifferent(model: Decoder) -> None:
    ids = torch.randint(0, 50, (4, 16))
    loss = F.cross_entropy(model(ids).view(-1, 50), torch.randint(0, 50, (64,)))
    assert abs(loss.item() - math.log(50)) < 1


@pytest.mark.parametrize("place", [0, 7, 15])
def test_a_token_changes_no_earlier_logits(model: Decoder, place: int) -> None:
    ids = torch.randint(0, 50, (2, 16))
    changed = ids.clone()
    changed[:, place] = (changed[:, place] + 1) % 50
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.allclose(before[:, place:], after[:, place:])


def test_attention_depends_on_distances_alone() -> None:
    torch.manual_seed(2)
    cosine, sine = rotary_tables(SETTINGS)
    query, key = torch.randn(2, SETTINGS.head_width).unbind()

    def score(query_place: int, key_place: int) -> float:
        turned = [
            rotate(vector.view(1, 1, 1, -1), cosine[place : place + 1], sine[place : place + 1]).flatten()
            for vector, place in ((query, query_place), (key, key_place))
        ]
        return (turned[0] @ turned[1]).item()

    assert score(9, 4) == pytest.approx(score(12, 7), abs=1e-5)
    assert score(9, 4) != pytest.approx(score(12, 4), abs=1e-3)


def test_attention_equals_its_slow_twin() -> None:
    torch.manual_seed(3)
    attention = Attention(SETTINGS)
    x = torch.randn(2, 16, SETTINGS.width)
    cosine, sine = rotary_tables(SETTINGS)
    torch.testing.assert_close(attention(x, cosine, sine), slow_attention(attention, x), atol=1e-5, rtol=1e-4)


def slow_attention(attention: Attention, x: Tensor) -> Tensor:
    """One row, one head, one place, one pair of numbers at a time."""
    rows, length, width = x.shape
    heads, head = attention.heads, attention.head_width
    query, key, value = attention.queries_keys_values(x).split(width, dim=-1)

    def turned(vector: Tensor, place: int) -> Tensor:
        out = torch.empty(head)
        for pair in range(head // 2):
            angle = place * SETTINGS.rope_base ** (-2 * pair / head)
            a, b = vector[pair], vector[pair + head // 2]
            out[pair] = a * math.cos(angle) - b * math.sin(angle)
            out[pair + head // 2] = b * math.cos(angle) + a * math.sin(angle)
        return out

    out = torch.zeros_like(x)
    for row in range(rows):
        for number in range(heads):
            part = slice(number * head, (number + 1) * head)
            keys = [turned(key[row, place, part], place) for place in range(length)]
            for place in range(length):
                asked = turned(query[row, place, part], place)
                scores = torch.stack([asked @ keys[other] / math.sqrt(head) for other in range(place + 1)])
                out[row, place, part] = scores.softmax(0) @ value[row, : place + 1, part]
    mixed: Tensor = attention.output(out)
    return mixed


@pytest.mark.parametrize(("width", "heads", "word"), [(20, 3, "multiple"), (18, 6, "even")])
def test_shapes_that_cannot_be_are_named(width: int, heads: int, word: str) -> None:
    problem = ModelSettings(vocabulary=10, length=8, width=width, heads=heads).problem()
    assert problem is not None
    assert word in problem
