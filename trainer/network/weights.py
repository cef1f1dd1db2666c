"""A model's weights on disk, our own way and Llama's: `transformers` opens the exported folder and computes our logits.

The Llama layout parts the matrix of queries, keys and values and that of the gated MLP. A model with normalised queries
and keys has the layout of Qwen3, which is Llama's with these two norms.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.run_folders import part_hint
from prep.corpus.files.storage import join, read_json, write_json
from prep.trainer.batches.data import Objective
from prep.trainer.network.model import EPSILON, ModelSettings, Transformer
from prep.trainer.network.tensors import read_tensors, write_tensors

WEIGHTS = "model.safetensors"

RENAMED = {
    "attention.output.weight": "self_attn.o_proj.weight",
    "attention.query_norm.weight": "self_attn.q_norm.weight",
    "attention.key_norm.weight": "self_attn.k_norm.weight",
    "mlp.down.weight": "mlp.down_proj.weight",
    "attention_norm.weight": "input_layernorm.weight",
    "mlp_norm.weight": "post_attention_layernorm.weight",
}
"""A block's tensors that only have another name in the Llama layout."""


class Training(NamedTuple):
    """What is known of a model's training; of one in the Llama layout, only that it is a decoder."""

    objective: Objective
    tokenizer_sha256: str | None = None
    batch_rows: int | None = None


def write_weights(folder: str, model: Transformer) -> None:
    """Write the weights as they are."""
    write_tensors(join(folder, WEIGHTS), dict(model.state_dict()), {"format": "pt"})


def read_weights(folder: str, model: Transformer) -> None:
    """Fill the model with the weights of a folder, ours or in the Llama layout.

    Raises CorruptFileError where the file is damaged, RunError where the weights are those of another shape.
    """
    path = join(folder, WEIGHTS)
    tensors, _ = read_tensors(path)
    if "model.embed_tokens.weight" in tensors:
        tensors = _from_llama(tensors, model.settings, path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(f"{path}: the weights are not of this model's shape: {error}") from error


def export_llama(
    folder: str, model: Transformer, separator_id: int, padding_id: int, begin_id: int | None = None
) -> None:
    """Write the weights and config.json so that `AutoModelForCausalLM.from_pretrained` opens the folder.

    Raises RunError for an encoder, of which there is no such layout.
    """
    settings = model.settings
    if not settings.causal:
        raise RunError("an encoder has no Llama layout; expected a model trained to predict the next token")
    write_tensors(join(folder, WEIGHTS), _to_llama(model.state_dict(), settings), {"format": "pt"})
    write_json(
        join(folder, "config.json"),
        {
            "architectures": ["Qwen3ForCausalLM" if settings.qk_norm else "LlamaForCausalLM"],
            "model_type": "qwen3" if settings.qk_norm else "llama",
            "vocab_size": settings.vocabulary,
            "hidden_size": settings.width,
            "intermediate_size": settings.hidden,
            "num_hidden_layers": settings.layers,
            "num_attention_heads": settings.heads,
            "num_key_value_heads": settings.groups,
            "head_dim": settings.head_width,
            "max_position_embeddings": settings.length,
            "rope_theta": settings.rope_base,
            "rope_parameters": {"rope_type": "default", "rope_theta": settings.rope_base},
            "rms_norm_eps": EPSILON,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": settings.tied,
            "bos_token_id": separator_id if begin_id is None else begin_id,
            "eos_token_id": separator_id,
            "pad_token_id": padding_id,
            "torch_dtype": "float32",
        },
    )


def _to_llama(tensors: Mapping[str, Tensor], settings: ModelSettings) -> dict[str, Tensor]:
    heads = [count * settings.head_width for count in (settings.heads, settings.groups, settings.groups)]
    out = {"model.embed_tokens.weight": tensors["embedding.weight"], "model.norm.weight": tensors["norm.weight"]}
    if not settings.tied:
        out["lm_head.weight"] = tensors["head.weight"]
    for layer in range(settings.layers):
        ours, theirs = f"blocks.{layer}.", f"model.layers.{layer}."
        matrices = torch.split(tensors[f"{ours}attention.queries_keys_values.weight"], heads)
        for name, matrix in zip("qkv", matrices, strict=True):
            out[f"{theirs}self_attn.{name}_proj.weight"] = matrix
        gate, up = tensors[f"{ours}mlp.gate_up.weight"].chunk(2)
        out |= {f"{theirs}mlp.gate_proj.weight": gate, f"{theirs}mlp.up_proj.weight": up}
        out |= {theirs + name: tensors[ours + own] for own, name in RENAMED.items() if ours + own in tensors}
    return out


def _from_llama(tensors: Mapping[str, Tensor], settings: ModelSettings, path: str) -> dict[str, Tensor]:
    try:
        out = {"embedding.weight": tensors["model.embed_tokens.weight"], "norm.weight": tensors["model.norm.weight"]}
        if not settings.tied:
            out["head.weight"] = tensors["lm_head.weight"]
        for layer in range(settings.layers):
            ours, theirs = f"blocks.{layer}.", f"model.layers.{layer}."
            parts = [tensors[f"{theirs}self_attn.{name}_proj.weight"] for name in "qkv"]
            out[f"{ours}attention.queries_keys_values.weight"] = torch.cat(parts)
            parts = [tensors[f"{theirs}mlp.{name}_proj.weight"] for name in ("gate", "up")]
            out[f"{ours}mlp.gate_up.weight"] = torch.cat(parts)
            out |= {ours + own: tensors[theirs + name] for own, name in RENAMED.items() if theirs + name in tensors}
    except KeyError as error:
        raise CorruptFileError(f"{path}: expected weights in the Llama layout, without {error}") from error
    return out


def read_shape(folder: str, length: int | None = None) -> ModelSettings:
    """Return the shape of the model in a folder, ours or in the Llama layout, for rows of so many tokens or its own.

    Raises CorruptFileError where config.json lacks it.
    """
    path = join(folder, "config.json")
    try:
        config: dict[str, Any] = dict(read_json(path))
        if "hidden_size" in config:
            shape = _llama_shape(config)
        else:
            shape = ModelSettings(**{field.name: config[field.name] for field in fields(ModelSettings)})
    except (OSError, ValueError, KeyError) as error:
        hint = part_hint(folder, "model")
        raise CorruptFileError(f"{path}: expected the shape of a model, ours or Llama's ({error!r}){hint}") from error
    return shape if length is None else replace(shape, length=length)


def read_training(folder: str) -> Training:
    """Return how the model in a folder was trained.

    Raises CorruptFileError where config.json lacks it.
    """
    path = join(folder, "config.json")
    try:
        config: dict[str, Any] = dict(read_json(path))
        if "hidden_size" in config:
            return Training(Objective())
        objective = Objective(config["objective"], config["mask_rate"], config["seed"])
        return Training(objective, config["tokenizer_sha256"], config["batch_rows"])
    except (OSError, KeyError) as error:
        hint = part_hint(folder, "model")
        raise CorruptFileError(f"{path}: expected what the model was trained for ({error!r}){hint}") from error


def _llama_shape(config: Mapping[str, Any]) -> ModelSettings:
    shape = ModelSettings(
        vocabulary=config["vocab_size"],
        length=config["max_position_embeddings"],
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        kv_heads=config.get("num_key_value_heads"),
        mlp_width=config["intermediate_size"],
        qk_norm=config["model_type"] == "qwen3",
        tied=config["tie_word_embeddings"],
        rope_base=(config.get("rope_parameters") or config)["rope_theta"],
    )
    if shape.head_width != config.get("head_dim", shape.head_width):
        raise ValueError(f"head_dim: expected hidden_size / num_attention_heads, seen {config['head_dim']}")
    return shape
