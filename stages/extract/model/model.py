"""The block classifier that ships with the package: boosted trees and the names of the features they look at.

`benchmarks/train_extraction.py` makes the file from labelled pages.
"""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from prep.stages.extract.features.feature_kernels import FEATURES
from prep.stages.extract.model.tree_kernels import Trees

MODEL_FILE = Path(__file__).with_name("blocks.npz")


class BlockModel(NamedTuple):
    """What tells how probable it is that a block is content."""

    features: Sequence[str]
    """Columns that the trees number."""
    trees: Trees


def model_bytes(model: BlockModel) -> bytes:
    """Return a model as the content of a file; equal models give equal bytes."""
    stream = io.BytesIO()
    np.savez_compressed(stream, features=np.array(model.features), **model.trees._asdict())
    return stream.getvalue()


@cache
def load_model(path: Path = MODEL_FILE) -> BlockModel:
    """Read a model. Raises ValueError where it was trained on other features than this package makes."""
    with np.load(path, allow_pickle=False) as file:
        names = tuple(file["features"].tolist())
        trees = Trees(*(file[name] for name in Trees._fields))
    if names != FEATURES:
        raise ValueError(f"{path}: it knows other features than this package makes; train it again")
    return BlockModel(names, trees)
