"""The block classifier that ships with the package: two stages of boosted trees and the names of what they look at.

The first stage judges each block by its own features. The second sees these and what the first makes of the page as a
whole (`collective_kernels`); its probabilities are the model's. `benchmarks/train_extraction.py` makes the file from
labelled pages.
"""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from prep.stages.extract.features.feature_kernels import ALL_FEATURES
from prep.stages.shared.trees.tree_kernels import ARRAYS, Trees

MODEL_FILE = Path(__file__).with_name("blocks.npz")


class BlockModel(NamedTuple):
    """What tells how probable it is that a block is content."""

    features: Sequence[str]
    """Columns that the trees number."""
    first: Trees
    second: Trees


def model_bytes(model: BlockModel) -> bytes:
    """Return a model as the content of a file; equal models give equal bytes."""
    arrays = {
        f"{stage}_{name}": array
        for stage, trees in (("first", model.first), ("second", model.second))
        for name, array in trees.arrays().items()
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, features=np.array(model.features), **arrays)
    return stream.getvalue()


@cache
def load_model(path: Path = MODEL_FILE) -> BlockModel:
    """Read a model. Raises ValueError where it was trained on other features than this package makes."""
    with np.load(path, allow_pickle=False) as file:
        names = tuple(file["features"].tolist())
        if names != ALL_FEATURES:
            raise ValueError(f"{path}: it knows other features than this package makes; train it again")
        first, second = (Trees(*(file[f"{stage}_{name}"] for name in ARRAYS)) for stage in ("first", "second"))
    return BlockModel(names, first, second)
