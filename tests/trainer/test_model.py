"""The transformer: shapes, causality, rotary positions, and what its blocks compute against references."""

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from prep.trainer.network.model import Attention, ModelSettings, Transformer, attention, rotary_tables, rotate

SETTINGS = ModelSettings(vocabulary=50, length=16, layers=2, width=24, heads=2)


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(1)
    return Transformer(SETTINGS)


def test_logits_have_a_value_for_every_token_at_every_place(model: Transformer) -> None:
    ids = torch.randint(0, 50, (3, 16))
    assert model(ids).shape == (3, 16, 50)
    assert model(ids[:, :5]).shape == (3, 5, 50)


def test_parameters_are_those_of_the_formula(model: Transformer) -> None:
    width, hidden = SETTINGS.width, SETTINGS.hidden
    block = 4 * width * width + 3 * width * hidden + 2 * width + 2 * SETTINGS.head_width
    assert model.parameters_count == 50 * width + 2 * block + width


def test_an_untrained_model_is_about_indifferent(model: Transformer) -> None:
    ids = torch.randint(0, 50, (4, 16))
    loss = F.cross_entropy(model(ids).view(-1, 50), torch.randint(0, 50, (64,)))
    assert abs(loss.item() - math.log(50)) < 1


@pytest.mark.parametrize("place", [0, 7, 15])
def test_a_token_changes_no_earlier_logits(model: Transformer, place: int) -> None:
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


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("heads", "kv_heads", "qk_norm"), [(2, None, False), (4, 2, True), (4, 1, False)])
def test_attention_equals_its_slow_reference_implementation(
    heads: int, kv_heads: int | None, qk_norm: bool, causal: bool
) -> None:
    torch.manual_seed(3)
    settings = ModelSettings(50, 16, 2, 24, heads, kv_heads, qk_norm=qk_norm, causal=causal)
    block = Attention(settings)
    x = torch.randn(2, 16, settings.width)
    pieces = torch.tensor([[1] * 5 + [2] * 8 + [3] * 3, [1] * 16])
    found = block(x, *rotary_tables(settings), attention(pieces, causal))
    torch.testing.assert_close(found, slow_attention(block, settings, x, pieces), atol=1e-5, rtol=1e-4)


def slow_attention(block: Attention, settings: ModelSettings, x: Tensor, pieces: Tensor) -> Tensor:
    """One row, one head, one place, one pair of numbers at a time."""
    rows, length, _ = x.shape
    heads, groups, head = settings.heads, settings.groups, settings.head_width
    mixed = block.queries_keys_values(x)

    def part(row: int, place: int, number: int) -> Tensor:
        vector: Tensor = mixed[row, place, number * head : (number + 1) * head]
        return vector

    def turned(vector: Tensor, place: int, norm: str) -> Tensor:
        if settings.qk_norm:
            weight = block.get_parameter(f"{norm}.weight")
            vector = weight * vector / (vector.square().mean() + 1e-5).sqrt()
        out = torch.empty(head)
        for pair in range(head // 2):
            angle = place * settings.rope_base ** (-2 * pair / head)
            a, b = vector[pair], vector[pair + head // 2]
            out[pair] = a * math.cos(angle) - b * math.sin(angle)
            out[pair + head // 2] = b * math.cos(angle) + a * math.sin(angle)
        return out

    out = torch.zeros_like(x)
    for row, number in itertools.product(range(rows), range(heads)):
        shared = number // (heads // groups)
        keys = [turned(part(row, place, heads + shared), place, "key_norm") for place in range(length)]
        values = torch.stack([part(row, place, heads + groups + shared) for place in range(length)])
        for place in range(length):
            asked = turned(part(row, place, number), place, "query_norm")
            seen = [
                other
                for other in range(length)
                if pieces[row, other] == pieces[row, place] and (other <= place or not settings.causal)
            ]
            scores = torch.stack([asked @ keys[other] / math.sqrt(head) for other in seen])
            out[row, place, number * head : (number + 1) * head] = scores.softmax(0) @ values[seen]
    mixture: Tensor = block.output(out)
    return mixture


def test_documents_in_one_row_are_computed_like_documents_alone(model: Transformer) -> None:
    documents = [torch.randint(0, 50, (length,)) for length in (5, 8, 3)]
    pieces = torch.cat([torch.full((len(ids),), number) for number, ids in enumerate(documents)])
    together = model(torch.cat(documents)[None], pieces[None])[0]
    alone = torch.cat([model(ids[None])[0] for ids in documents])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_gradients_equal_those_in_double_precision(model: Transformer) -> None:
    ids, targets = torch.randint(0, 50, (3, 16)), torch.randint(0, 50, (48,))
    pieces = torch.tensor([[1] * 6 + [2] * 10] * 3)
    exact = copy.deepcopy(model).double()
    for one in (model, exact):
        F.cross_entropy(one(ids, pieces).view(-1, 50), targets).backward()  # type: ignore[no-untyped-call]
    for (name, single), double in zip(model.named_parameters(), exact.parameters(), strict=True):
        assert single.grad is not None
        assert double.grad is not None
        error = (single.grad.double() - double.grad).norm() / double.grad.norm()
        assert error < 1e-4, name


def test_recomputing_activations_changes_no_gradient() -> None:
    ids = torch.randint(0, 50, (2, 16))
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(4)
        one = Transformer(SETTINGS, recompute)
        one(ids).logsumexp(-1).sum().backward()
        gradients.append([parameter.grad for parameter in one.parameters()])
    assert all(torch.equal(left, right) for left, right in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("width", "heads", "kv_heads", "word"), [(20, 3, None, "multiple"), (18, 6, None, "even"), (24, 4, 3, "kv_heads")]
)
def test_shapes_that_cannot_be_are_named(width: int, heads: int, kv_heads: int | None, word: str) -> None:
    problem = ModelSettings(vocabulary=10, length=8, width=width, heads=heads, kv_heads=kv_heads).problem()
    assert problem is not None
    assert word in problem
