"""Labelled documents to train a classifier over signals on: stored columns, with labels of their own or from files."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, field_validator

from prep.corpus.arrow.documents import read_documents
from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import expand
from prep.stages.classifier.signal_model import SIGNALS, Values, columns_of, feature_values, numbers_of
from prep.stages.settings import ColumnValue, PathName, Settings
from prep.stages.shared.label_files import KEY, LabelFiles, LabelIndex
from prep.stages.shared.matching.text_hashes import hash_texts

FEWEST = 20
"""Documents of a label without which nothing is learnt."""

Flags = npt.NDArray[np.bool_]


class SignalClassifierSettings(Settings):
    """What `prep classifier train --on signals` reads from its YAML file."""

    output: str = Field(min_length=1)
    """Folder for the model and its card."""
    documents: PathName | tuple[PathName, ...]
    """Parquet files with the column `signals`, such as the folder `documents` of a run."""
    labels: LabelFiles | None = None
    """Files that hold the labels, by id or URL; left out, documents have them in `column`."""
    column: str = "source"
    """The column that holds a document's label, in the files of `labels` or, without these, of the documents."""
    positive: tuple[ColumnValue, ...] = Field(min_length=1)
    """Labels of what the classifier is to find: a score of 1."""
    negative: tuple[ColumnValue, ...] = ()
    """Labels of the opposite; left out, every other label. With it, documents of other labels are left out."""
    kind: Literal["logistic", "trees"] = "logistic"
    """`logistic` regression, whose weights say what each signal does, or `trees`: small boosted trees, for which the
    package lightgbm is needed in training alone."""
    features: tuple[str, ...] = ()
    """Signals, or other columns of numbers, to look at; left out, all signals."""
    folds: int = Field(5, ge=2, le=20)
    """Parts of the documents, each of which is judged by a model trained on the others."""
    fold_by: str = "id"
    """Documents with the same value in this column are in the same fold, such as those of one `source`."""
    l2: float = Field(1.0, gt=0)
    """How much a logistic model's weights are held small."""
    seed: int = Field(1, ge=0)
    """Decides the folds and the trees."""

    @field_validator("positive", "negative", mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return [value] if isinstance(value, str | int | float | bool) else value


class LabelledSignals(NamedTuple):
    """Labelled documents."""

    features: tuple[str, ...]
    values: Values
    """(features × documents) NaN where one is not defined."""
    positive: Flags
    """(documents)"""
    groups: npt.NDArray[np.uint64]
    """(documents) A hash of what keeps documents in the same fold."""
    without_label: int
    """Documents for which there is no label."""
    other_label: int
    """Documents left out because their label is neither positive nor negative."""
    unused_labels: int
    """Labels for which there is no document."""


def labelled_signals(settings: SignalClassifierSettings) -> LabelledSignals:
    """Read the signals of all labelled documents, and nothing else of them.

    Raises ConfigurationError where columns are missing, labels are not there, or too few.
    """
    paths = _paths(settings)
    schema = pq.read_schema(paths[0])
    features = _features(settings, schema, paths[0])
    needed = ["id", settings.fold_by] if settings.labels else ["id", settings.fold_by, settings.column]
    needed += ["url"] if settings.labels is not None and settings.labels.by == "url" else []
    for path in paths:
        names = pq.read_schema(path).names
        missing = [name for name in dict.fromkeys([*needed, SIGNALS]) if name not in names]
        if missing:
            hint = "; measure them: put the stage 'signals' into the pipeline" if missing == [SIGNALS] else ""
            raise ConfigurationError([f"{path}: no column {missing[0]!r}; it has {', '.join(names)}{hint}"])
    source = _Labels(settings)
    found: list[tuple[Values, pa.Array, npt.NDArray[np.uint64]]] = []
    for path in paths:
        for batch in read_documents(path, list(dict.fromkeys([*needed, *columns_of(features, schema)]))):
            groups = hash_texts(batch.column(settings.fold_by).cast(pa.string()))[0]
            found.append((feature_values(batch, features), source.of(batch), groups))
    values = np.concatenate([each[0] for each in found], axis=1)
    labels = pa.concat_arrays([each[1] for each in found])
    groups = np.concatenate([each[2] for each in found])
    there: Flags = labels.is_valid().to_numpy(zero_copy_only=False)
    positive = _is_in(labels, settings.positive)
    negative = there & ~positive
    if settings.negative:
        negative &= _is_in(labels, settings.negative)
    used = positive | negative
    _check_labels(settings, sorted(labels.drop_null().unique().to_pylist()), int(positive.sum()), int(negative.sum()))
    return LabelledSignals(
        features,
        values[:, used],
        positive[used],
        groups[used],
        int((~there).sum()),
        int((there & ~used).sum()),
        source.unused(),
    )


def _is_in(labels: pa.Array, wanted: tuple[str, ...]) -> Flags:
    inside: Flags = pc.is_in(labels, pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)
    return inside


class _Labels:
    """Finds the labels of documents, in files or in a column of their own."""

    def __init__(self, settings: SignalClassifierSettings) -> None:
        self._files, self._column = settings.labels, settings.column
        if settings.labels is None:
            return
        if self._column not in settings.labels.value_schema.names:
            names = ", ".join(settings.labels.value_schema.names)
            raise ConfigurationError([f"{settings.labels.paths_found[0]}: no column {self._column!r}; it has {names}"])
        labels = settings.labels.read([self._column])
        self._index = LabelIndex.of(settings.labels.hashes(labels.table.column(KEY))[0])
        self._values = labels.table.column(self._column).cast(pa.string()).combine_chunks()
        self._used = np.zeros(len(self._values), np.bool_)

    def of(self, batch: pa.RecordBatch) -> pa.Array:
        """Return each document's label as a string, null where it has none."""
        if self._files is None:
            return batch.column(self._column).cast(pa.string())
        rows = self._index.find(*self._files.hashes(batch.column(self._files.by)))
        self._used[rows[rows >= 0]] = True
        return self._values.take(pa.array(rows, mask=rows < 0))

    def unused(self) -> int:
        """Return how many labels belong to no document seen."""
        return 0 if self._files is None else int((~self._used).sum())


def _paths(settings: SignalClassifierSettings) -> list[str]:
    patterns = (settings.documents,) if isinstance(settings.documents, str) else settings.documents
    paths = [path for pattern in patterns for path in expand(pattern) if path.endswith(".parquet")]
    if not paths:
        raise ConfigurationError(
            [f"documents: {', '.join(patterns)} names no Parquet file; expected a run's documents"]
        )
    return list(dict.fromkeys(paths))


def _features(settings: SignalClassifierSettings, schema: pa.Schema, path: str) -> tuple[str, ...]:
    there = numbers_of(schema)
    unknown = [name for name in settings.features if name not in there]
    if unknown:
        raise ConfigurationError([f"features: {path} has no number {unknown[0]!r}; it has {', '.join(there)}"])
    signals = schema.field(SIGNALS).type if SIGNALS in schema.names else pa.struct([])
    return settings.features or tuple(name for name in there if signals.get_field_index(name) >= 0)


def _check_labels(settings: SignalClassifierSettings, seen: list[str], positive: int, negative: int) -> None:
    complaints = list(_never_seen(settings, seen))
    for name, count in (("positive", positive), ("negative", negative)):
        if not complaints and count < FEWEST:
            complaints.append(f"{count} {name} documents; a classifier needs at least {FEWEST} of each")
    if complaints:
        raise ConfigurationError(complaints)


def _never_seen(settings: SignalClassifierSettings, seen: list[str]) -> Iterator[str]:
    for name in ("positive", "negative"):
        for label in getattr(settings, name):
            if label not in seen:
                there = ", ".join(map(repr, seen[:20])) or "none"
                yield f"{name}: no document has the label {label!r}; seen {there}"
    both = set(settings.positive) & set(settings.negative)
    for label in sorted(both):
        yield f"the label {label!r} is both positive and negative"
