"""Scores documents by the signals that they carry, with a classifier that `prep classifier train --on signals` made."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.storage import join, read_arrow, write_arrow
from prep.stages.classifier.signal_model import (
    FILE,
    SIGNALS,
    SignalModel,
    columns_of,
    feature_values,
    numbers_of,
    read_signal_model,
)
from prep.stages.results import Results, RunWarning
from prep.stages.settings import PathName
from prep.stages.stage import CheckContext, GlobalStage, Phase, Tagging
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

SCORE = "score"


class SignalClassifier(Tagging, GlobalStage):
    """Score documents by their signals: adds a column with the probability that a document is like the positive ones.

    The model is one that `prep classifier train --on signals` has made; its weights are in its file and its card. No
    text is read: a changed model or `min_score` costs seconds. With `min_score`, documents below it are rejected
    (rule: the column's name). To keep the best share of the documents, put `top_share` behind it.
    """

    example: ClassVar[str] = "- signal_classifier: {model: quality.json, min_score: 0.5}"
    name: ClassVar[str] = "signal_classifier"
    columns: ClassVar[tuple[str, ...]] = ("id", SIGNALS)
    drops: ClassVar[bool] = True
    reads_text: ClassVar[bool] = False

    model: PathName = Field(min_length=1)
    """The model's file, or the folder that `prep classifier train --on signals` made."""
    column: str = Field("signal_score", min_length=1)
    """The column for the score."""
    min_score: float | None = Field(None, ge=0, le=1)
    """Smallest score of a document that is kept; left out: documents are scored only."""

    @cached_property
    def loaded(self) -> SignalModel:
        """The model. Raises ConfigurationError where there is none."""
        return read_signal_model(self._path)

    @property
    def _path(self) -> str:
        return str(Path(self.model, FILE)) if Path(self.model).is_dir() else self.model

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a model that is not there or cannot be read, and features that no stage measures."""
        if not Path(self._path).is_file():
            yield Problem(f"no file {self._path!r}", ("model",), hint="train one: prep classifier train --on signals")
            return
        try:
            features = self.loaded.features
        except ConfigurationError as error:
            yield Problem(str(error), ("model",))
            return
        there = numbers_of(context.schema)
        missing = [name for name in features if name not in there]
        if missing:
            yield Problem(
                f"the model looks at {', '.join(map(repr, missing[:5]))}, which no earlier stage measures",
                ("model",),
                hint="put the stages before it that the training documents went through, such as 'signals'",
            )

    def files(self) -> Mapping[str, str]:
        """Return the model's file: its content decides the output, its place does not."""
        return {"model": self._path}

    def identity(self) -> dict[str, object]:
        """Return the settings without the model's place."""
        return self.model_dump(mode="json", exclude={"model"})

    def adds(self) -> tuple[pa.Field, ...]:
        """Return the column of scores."""
        return (pa.field(self.column, pa.float32()),)

    def has_rules(self) -> bool:
        """Whether documents can be rejected."""
        return self.min_score is not None

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of a model that gives all documents the same score."""
        documents = results.counts.entered
        tables = sorted(Path(results.output, "columns").glob("*.arrow")) if results.output else []
        seen = {value for path in tables for value in _extremes(path, self.column)}
        if len(seen) == 1 and documents >= results.thresholds.least_documents:
            message = f"{self.name}: {self.model} gives all {documents:,} documents the score {seen.pop():.3g}"
            yield RunWarning("model_without_distinction", message, "prep inspect {pipeline}")

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the one phase: score each part."""
        return (Phase(SCORE, parts),)

    def is_light(self, phase: str) -> bool:
        """Return True: a score is a sum over a few columns."""
        return True

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Score a part's documents."""
        model = self.loaded
        columns = ["id", *columns_of(model.features, context.upstream.schema(task))]
        batches = context.upstream.rows(task, columns)
        scores = np.concatenate(
            [np.zeros(0), *(model.model.probabilities(feature_values(batch, model.features)) for batch in batches)]
        ).astype(np.float32)
        path = join(context.output, "columns", f"{task:05d}.arrow")
        write_arrow(path, pa.table({self.column: pa.array(scores, pa.float32())}))
        before = context.upstream.dropped(task)
        stays = np.ones(len(scores), np.bool_) if before is None else ~before
        if self.min_score is None:
            return PartVerdicts.keeping(int(stays.sum()))
        rows = np.flatnonzero(stays & (scores < np.float32(self.min_score)))
        rule = pa.array(np.full(len(rows), self.column), pa.string())
        return PartVerdicts(int(stays.sum()), rows, Verdicts(rule, value=pa.array(scores[rows], pa.float64())))


def _extremes(path: Path, column: str) -> Iterator[float]:
    scores = read_arrow(str(path)).column(column).to_numpy()
    if len(scores):
        yield from (float(scores.min()), float(scores.max()))
