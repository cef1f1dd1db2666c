"""Scores documents with a fastText classifier, such as one that `prep classifier train` has made."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_column, set_field
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.classifier.training import MODEL
from prep.stages.results import TRIED_SHARES, Results, RunWarning, Threshold, tried_around
from prep.stages.settings import PathName
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import read_classifier
from prep.stages.stage import CheckContext, RowFunction, RowStage, Tagging
from prep.stages.verdicts import Outcome, Verdicts


class ClassifierStage(Tagging, RowStage):
    """Score documents with a fastText classifier: adds a column with the probability of a label.

    With `min_score`, documents below it are rejected (rule: the column's name), and so are those without any word that
    the classifier knows, whose score is null. To keep the best share of the documents, put `top_share` behind it.
    """

    example: ClassVar[str] = "- classifier: {model: quality.bin, min_score: 0.5}"
    name: ClassVar[str] = "classifier"
    does: ClassVar[str] = "classifying"
    columns: ClassVar[tuple[str, ...]] = ("text",)

    model: PathName = Field(min_length=1)
    """A fastText classifier (`.bin` or `.ftz`), or the folder that `prep classifier train` made."""
    label: str = "positive"
    """The label whose probability is the score, without the prefix `__label__`."""
    column: str = Field("classifier_score", min_length=1)
    """The column for the score."""
    min_score: float | None = Field(None, ge=0, le=1)
    """Smallest score of a document that is kept; left out: documents are scored only."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a model that is not there or cannot be read, and a label that it does not know."""
        if not Path(self._path).is_file():
            yield Problem(f"no file {self._path!r}", ("model",), hint="train one: prep classifier train")
            return
        try:
            labels = read_classifier(self._path).labels
        except ConfigurationError as error:
            yield Problem(str(error), ("model",))
            return
        if self.label not in labels:
            known = ", ".join(sorted(labels)[:20])
            yield Problem(f"the model does not know the label {self.label!r}", ("label",), f"one of {known}")

    @property
    def _path(self) -> str:
        return str(Path(self.model, MODEL)) if Path(self.model).is_dir() else self.model

    def has_rules(self) -> bool:
        """Whether documents can be rejected."""
        return self.min_score is not None

    def thresholds(self) -> tuple[Threshold, ...]:
        """Return the smallest score; 0 where documents are scored only."""
        value = self.min_score or 0.0
        return (Threshold(self.column, self.column, "min", value, "min_score", tried_around(value, TRIED_SHARES)),)

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of a model that gives all documents the same score."""
        extremes = results.extremes(self.column)
        documents = sum(group.entered for group in results.left)
        if extremes and extremes[0] == extremes[1] and documents >= results.thresholds.least_documents:
            message = f"{self.name}: {self.model} gives all {documents:,} documents the score {extremes[0]:.3g}"
            yield RunWarning("model_without_distinction", message, "prep inspect {pipeline}")

    def files(self) -> Mapping[str, str]:
        """Return the model's file: its content decides the output, its place does not."""
        return {"model": self._path}

    def identity(self) -> dict[str, object]:
        """Return the settings without the model's place."""
        return self.model_dump(mode="json", exclude={"model"})

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the score as float32."""
        return set_field(schema, pa.field(self.column, pa.float32()))

    def open(self) -> RowFunction:
        """Return the function over batches, the model loaded."""
        classifier = TextClassifier(read_classifier(self._path))
        label = classifier.labels.index(self.label)

        def score(batch: pa.RecordBatch) -> Outcome:
            scores = np.minimum(classifier.probabilities(batch.column("text"))[:, label], np.float32(1))
            unknown = np.isnan(scores)
            scored = set_column(batch, self.column, pa.array(scores, pa.float32(), mask=unknown))
            if self.min_score is None:
                return Outcome(scored)
            low = unknown | (scores < np.float32(self.min_score))
            verdicts = Verdicts.from_codes(np.where(low, 0, -1), (self.column,))
            values = pa.array(scores, pa.float64(), mask=unknown | ~low)
            return Outcome(scored, Verdicts(verdicts.rule, value=values))

        return score
