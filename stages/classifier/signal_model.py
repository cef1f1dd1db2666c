"""Classifiers over numbers that documents carry: logistic regression or small boosted trees, in one readable JSON file.

    {"kind": "logistic", "features": ["words", …], "positive": "…", "intercept": 0.3,
     "weights": [{"feature": "words", "scale": "log", "mean": 5.1, "deviation": 1.2, "weight": 0.8}, …]}

A logistic model sees each feature as (x − mean) / deviation, x the value or log(1 + value), at most LIMIT away from
the mean; what is not defined counts as the mean. Trees see the values as they are, and −1 for what is not defined
(no signal is below zero). Cost: one pass over the columns, no text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import is_number
from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import open_input
from prep.stages.shared.trees.tree_kernels import ARRAYS, Trees, probabilities

FILE = "signals.json"
"""Its name in the folder that training writes."""
SIGNALS = "signals"
"""The column of structs whose fields are signals."""
FORMAT = 1
LIMIT = 8.0
UNDEFINED = np.float32(-1)

Values = npt.NDArray[np.float64]
Scale = Literal["plain", "log"]


def _is_feature(kind: pa.DataType) -> bool:
    return is_number(kind) or bool(pa.types.is_boolean(kind))


def numbers_of(schema: pa.Schema) -> tuple[str, ...]:
    """Return the names of all signals, then of all other columns that are numbers."""
    signals: list[str] = []
    if SIGNALS in schema.names and pa.types.is_struct(schema.field(SIGNALS).type):
        signals = [field.name for field in schema.field(SIGNALS).type if _is_feature(field.type)]
    return (*signals, *(field.name for field in schema if _is_feature(field.type) and field.name not in signals))


def columns_of(features: tuple[str, ...], schema: pa.Schema) -> list[str]:
    """Return the columns, or fields of `signals`, to read for features."""
    signals = schema.field(SIGNALS).type if SIGNALS in schema.names else pa.struct([])
    return [f"{SIGNALS}.{name}" if signals.get_field_index(name) >= 0 else name for name in features]


def feature_values(batch: pa.RecordBatch, features: tuple[str, ...]) -> Values:
    """Return the values of features (features × documents), NaN where one is not defined."""
    signals = batch.column(SIGNALS) if SIGNALS in batch.schema.names else None
    values = np.empty((len(features), batch.num_rows))
    for row, name in enumerate(features):
        inside = signals is not None and signals.type.get_field_index(name) >= 0
        column = pc.struct_field(signals, name) if inside else batch.column(name)
        values[row] = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    values[~np.isfinite(values)] = np.nan
    return values


@dataclass(frozen=True)
class Weight:
    """What a logistic model knows of a feature."""

    feature: str
    scale: Scale
    mean: float
    deviation: float
    weight: float

    def standard(self, values: Values) -> Values:
        """Return the values as the model sees them, before the weight."""
        with np.errstate(invalid="ignore"):
            scaled = np.log1p(np.maximum(values, 0)) if self.scale == "log" else values
            seen = np.clip((scaled - self.mean) / self.deviation, -LIMIT, LIMIT)
        return np.where(np.isnan(seen), 0.0, seen)


@dataclass(frozen=True)
class LogisticModel:
    """A weighted sum of features, as a probability."""

    intercept: float
    weights: tuple[Weight, ...]

    def probabilities(self, values: Values) -> Values:
        """Return the probability of each document, given the features' values (features × documents)."""
        total = np.full(values.shape[1], self.intercept)
        for row, weight in enumerate(self.weights):  # one after the other, so that no batch changes the sum's order
            total += weight.weight * weight.standard(values[row])
        probability: Values = 1 / (1 + np.exp(-total))
        return probability


@dataclass(frozen=True)
class TreeModel:
    """A sum of boosted trees, as a probability."""

    trees: Trees

    def probabilities(self, values: Values) -> Values:
        """Return the probability of each document, given the features' values (features × documents)."""
        probability: Values = probabilities(self.trees, tree_features(values))
        return probability


def tree_features(values: Values) -> npt.NDArray[np.float32]:
    """Return values as trees see them (documents × features)."""
    return np.ascontiguousarray(np.where(np.isnan(values), UNDEFINED, values).T.astype(np.float32))


@dataclass(frozen=True)
class SignalModel:
    """A model, and what it looks at."""

    features: tuple[str, ...]
    positive: str
    """What a probability of 1 says, for people."""
    model: LogisticModel | TreeModel

    def as_json(self) -> dict[str, object]:
        """Return the model as its file holds it."""
        head: dict[str, object] = {"format": FORMAT, "positive": self.positive, "features": list(self.features)}
        if isinstance(self.model, LogisticModel):
            weights = [vars(weight) for weight in self.model.weights]
            return {**head, "kind": "logistic", "intercept": self.model.intercept, "weights": weights}
        return {**head, "kind": "trees", "trees": {k: v.tolist() for k, v in self.model.trees.arrays().items()}}


_TYPES = ("uint32", "uint8", "uint16", "float32", "uint32", "float32")
"""Of the arrays of `Trees`."""


def read_signal_model(path: str) -> SignalModel:
    """Read a model. Raises ConfigurationError where the file is none, or damaged."""
    try:
        with open_input(path) as source:
            value: dict[str, object] = orjson.loads(source.read())
        if value["format"] != FORMAT:
            raise ConfigurationError([f"{path}: format {value['format']}, which this version of prep does not know"])
        features = tuple(cast("list[str]", value["features"]))
        model = _trees(value, len(features)) if value["kind"] == "trees" else _logistic(value, features)
        return SignalModel(features, str(value["positive"]), model)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(
            [
                f"{path} is no classifier over signals: {type(error).__name__}: {error}; "
                "train one: prep classifier train --on signals"
            ]
        ) from error


def _logistic(value: Mapping[str, object], features: tuple[str, ...]) -> LogisticModel:
    weights = tuple(Weight(**item) for item in cast("list[dict[str, float]]", value["weights"]))  # type: ignore[arg-type]
    numbers = [float(cast("float", value["intercept"]))]
    for weight in weights:
        numbers += [float(weight.mean), float(weight.deviation), float(weight.weight)]
        if weight.scale not in ("plain", "log") or not weight.deviation > 0:
            raise ValueError(f"the weight of {weight.feature!r} is damaged")
    if tuple(weight.feature for weight in weights) != features or not np.isfinite(numbers).all():
        raise ValueError("its weights and its features disagree")
    return LogisticModel(numbers[0], weights)


def _trees(value: Mapping[str, object], features: int) -> TreeModel:
    arrays = cast("dict[str, list[float]]", value["trees"])
    trees = Trees(*(np.array(arrays[name], np.dtype(kind)) for name, kind in zip(ARRAYS, _TYPES, strict=True)))
    nodes = len(trees.feature)
    same = all(len(column) == nodes for column in (trees.threshold, trees.left, trees.value))
    inner = trees.left != np.arange(nodes)
    inside = same and len(trees.root) == len(trees.depth) and (trees.root < nodes).all()
    if not inside or (trees.left.astype(np.int64) + inner >= nodes).any() or (trees.feature >= features).any():
        raise ValueError("its trees are damaged")
    return TreeModel(trees)
