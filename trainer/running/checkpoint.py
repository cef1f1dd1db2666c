"""Everything a training run needs to go on as if it had never stopped, in one file.

The model's and the optimisers' tensors, the state of torch's generator, the steps done, the rows consumed, and what
has been measured so far. The schedule is a function of the step and needs no state. The settings lie beside the
tensors, so that a checkpoint of another run is refused instead of continued. The last few are kept: should the newest
be damaged, the run goes on from the one before once it is deleted. Tensors that are spread over ranks are put together
first, so a run may go on with other ranks.

    checkpoint-00001500.safetensors   after 1,500 steps
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import torch
from torch import Tensor

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.storage import join
from prep.trainer.devices.sharding import spread_like, whole
from prep.trainer.network.model import Transformer
from prep.trainer.network.tensors import HINT, read_metadata, read_tensors, write_tensors

Identity = Mapping[str, object]

SERIES = ("loss", "bits_per_byte", "rate")
"""What is measured at every step."""


@dataclass
class History:
    """What has been measured, by step."""

    loss: list[float] = field(default_factory=list)
    """Nats per predicted token of each step's batch."""
    bits_per_byte: list[float] = field(default_factory=list)
    """Bits per byte of each step's batch."""
    rate: list[float] = field(default_factory=list)
    """The learning rate of each step."""
    batch: list[int] = field(default_factory=list)
    """A hash of what each step learnt from, on rank 0."""
    evaluations: list[tuple[int, float, float, float]] = field(default_factory=list)
    """Steps done, and on the validation rows: nats per token, bits per byte, share of tokens guessed right."""


@dataclass
class State:
    """A training run between two steps."""

    model: Transformer
    optimizers: list[torch.optim.Optimizer]
    step: int = 0
    """Optimiser steps done."""
    rows: int = 0
    """Rows consumed."""
    tokens: int = 0
    """Tokens predicted."""
    history: History = field(default_factory=History)


def state_tensors(state: State) -> dict[str, Tensor]:
    """Return the state as tensors by name; all ranks must call it, and those of rank 0 are whole."""
    tensors = {f"model.{name}": whole(tensor) for name, tensor in state.model.state_dict().items()}
    for optimizer, names in zip(state.optimizers, _optimised(state), strict=True):
        moments = optimizer.state_dict()["state"]
        for index, name in enumerate(names):
            tensors |= {f"optimizer.{name}.{key}": whole(value) for key, value in moments[index].items()}
    history = state.history
    tensors["generator"] = torch.get_rng_state()
    tensors["progress"] = torch.tensor([state.step, state.rows, state.tokens])
    tensors["history.batch"] = torch.tensor(history.batch, dtype=torch.int64)
    for series in SERIES:
        tensors[f"history.{series}"] = torch.tensor(getattr(history, series), dtype=torch.float64)
    tensors["history.evaluations"] = torch.tensor(history.evaluations, dtype=torch.float64).reshape(-1, 4)
    return tensors


def save_checkpoint(folder: str, step: int, tensors: Mapping[str, Tensor], identity: Identity, keep: int) -> None:
    """Write the state after a step atomically, then delete all but the last `keep` checkpoints.

    `identity` is what must be equal for a run to be continued, JSON-ready.
    """
    write_checkpoint(join(folder, f"checkpoint-{step:08d}.safetensors"), tensors, identity)
    for old in checkpoints(folder)[:-keep]:
        Path(old).unlink()


def write_checkpoint(path: str, tensors: Mapping[str, Tensor], identity: Identity) -> None:
    """Write a single checkpoint atomically."""
    write_tensors(path, tensors, {"identity": _json(identity)})


def read_identity(path: str) -> dict[str, object]:
    """Return what a checkpoint says of its run, without its tensors. Raises CorruptFileError where it is damaged."""
    return _parsed(read_metadata(path))


def differing(there: Identity, identity: Identity) -> dict[str, str]:
    """Return the settings in which what a checkpoint says differs from a run, each with what the user reads of it."""
    here = orjson.loads(_json(identity))
    return {
        key: f"{key}: {there.get(key)} there, {here.get(key)} here"
        for key in sorted(there.keys() | here.keys())
        if there.get(key) != here.get(key)
    }


def checkpoints(folder: str) -> list[str]:
    """Return the checkpoints of a run, the newest last."""
    return sorted(str(path) for path in Path(folder).glob("checkpoint-*.safetensors"))


def load_checkpoint(path: str, state: State, identity: Identity, besides: Collection[str] = ()) -> None:
    """Bring a fresh state to where the checkpoint was written; settings named in `besides` may differ.

    Raises CorruptFileError where the file is damaged, RunError where it belongs to a run with other settings.
    """
    tensors, metadata = read_tensors(path)
    found = differing(_parsed(metadata), identity)
    differences = ", ".join(words for name, words in found.items() if name not in besides)
    if differences:
        raise RunError(f"{path}: a checkpoint of another run ({differences}); {HINT}, or write to another folder")
    try:
        own = state.model.state_dict()
        weights = _below("model.", tensors)
        state.model.load_state_dict({name: spread_like(weights[name], own[name]) for name in own})
        for optimizer, names in zip(state.optimizers, _optimised(state), strict=True):
            moments = {
                index: {
                    key: spread_like(value, own[name]) for key, value in _below(f"optimizer.{name}.", tensors).items()
                }
                for index, name in enumerate(names)
            }
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": moments, "param_groups": groups})
        history = state.history
        history.batch = tensors["history.batch"].tolist()
        for series in SERIES:
            setattr(history, series, tensors[f"history.{series}"].tolist())
        history.evaluations = [(int(step), *rest) for step, *rest in tensors["history.evaluations"].tolist()]
        state.step, state.rows, state.tokens = tensors["progress"].tolist()
        torch.set_rng_state(tensors["generator"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CorruptFileError(f"{path}: not a whole checkpoint ({error}); {HINT}") from error


def _optimised(state: State) -> list[list[str]]:
    """Return the parameters' names in each optimiser's order."""
    names = {id(parameter): name for name, parameter in state.model.named_parameters()}
    return [
        [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
        for optimizer in state.optimizers
    ]


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not found:
        raise KeyError(f"no tensor {prefix}*")
    return found


def _json(identity: Identity) -> str:
    return orjson.dumps(identity, option=orjson.OPT_SORT_KEYS).decode()


def _parsed(metadata: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = orjson.loads(metadata.get("identity", "{}"))
    return found
