"""Weights in other layouts: transformers computes our logits, and what it writes comes back."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from prep.corpus.errors import CorruptFileError, RunError
from prep.trainer.network.model import ModelSettings, Transformer
from prep.trainer.network.weights import export_llama, read_shape, read_weights

SHAPES = [
    ModelSettings(60, 32, 2, 32, 4, qk_norm=False),
    ModelSettings(60, 32, 2, 32, 4, 2, qk_norm=False, tied=False, mlp_width=48),
    ModelSettings(60, 32, 2, 32, 4, 1, qk_norm=True),
]


@pytest.mark.parametrize("settings", SHAPES)
def test_transformers_computes_the_same_logits_and_weights_come_back(settings: ModelSettings, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Transformer(settings)
    export_llama(str(tmp_path / "exported"), model, 0, 1)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "exported", dtype=torch.float32)
    assert type(theirs).__name__ == ("Qwen3ForCausalLM" if settings.qk_norm else "LlamaForCausalLM")
    ids = torch.randint(0, 60, (2, 32))
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, model(ids), atol=1e-4, rtol=1e-4)
    theirs.save_pretrained(tmp_path / "saved")
    for folder in ("exported", "saved"):
        shape = read_shape(str(tmp_path / folder))
        again = Transformer(shape)
        read_weights(str(tmp_path / folder), again)
        assert torch.equal(again(ids), model(ids))


def test_an_encoder_has_no_such_layout(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="an encoder has no Llama layout"):
        export_llama(str(tmp_path), Transformer(ModelSettings(60, 32, 1, 32, 2, causal=False)), 0, 1)


def test_a_config_that_tells_no_shape_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    with pytest.raises(CorruptFileError, match=r"config\.json: expected the shape of a model"):
        read_shape(str(tmp_path))
