"""Identifies each document's language with a fastText classifier, by default lid.176 (Joulin et al. 2016)."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.columns import set_column
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.fasttext.classifier import TextClassifier
from prep.stages.fasttext.file_format import read_classifier
from prep.stages.language.model import MEND, find_model
from prep.stages.stage import CheckContext, Outcome, RowFunction, RowStage, Verdicts

LANGUAGE = pa.field("language", pa.string())
SCORE = pa.field("language_score", pa.float32())

Share = Annotated[float, Field(ge=0, le=1)]


class Language(RowStage):
    """Identify languages: adds the columns `language` (the model's code) and `language_score` (its probability).

    Rejects documents in a language that is not in `keep` (rule `language`) and those whose probability is below the
    threshold (`language_score`). The whole text is looked at, its lines as one.
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("text",)

    keep: tuple[str, ...] = ()
    """Languages to keep, by the model's codes (ISO 639-1 where there is one); empty keeps all."""
    threshold: Share | dict[str, Share] = 0.65
    """Smallest probability, for all languages or by code (0 for those not named). FineWeb's is 0.65 for English."""
    model: str = ""
    """Path of a fastText model. Left out: PREP_LID_MODEL, the user's cache, an installed package that carries lid.176,
    or its download."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a model that is not there or cannot be read, and codes that it does not know."""
        try:
            labels = read_classifier(find_model(self.model)).labels
        except ConfigurationError as error:
            yield Problem(str(error), ("model",) if self.model else (), mend=MEND)
            return
        asked: list[tuple[str, tuple[str | int, ...]]] = [
            (code, ("keep", index)) for index, code in enumerate(self.keep)
        ]
        if isinstance(self.threshold, Mapping):
            asked += [(code, ("threshold", code)) for code in self.threshold]
        for code, place in asked:
            if code not in labels:
                near = difflib.get_close_matches(code, labels, 1, 0.5)
                yield Problem(
                    f"the model does not know the language {code!r}",
                    place,
                    "one of its codes, which are ISO 639-1 where there is one",
                    mend=f"did you mean {near[0]!r}?" if near else "its codes are " + ", ".join(sorted(labels)),
                )

    def files(self) -> Mapping[str, str]:
        """Return the model's file: its content decides the output, its place does not."""
        return {"model": find_model(self.model)}

    def identity(self) -> dict[str, object]:
        """Return the settings without the model's place."""
        return self.model_dump(mode="json", exclude={"model"})

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with language and language_score."""
        fields = [field for field in schema if field.name not in (LANGUAGE.name, SCORE.name)]
        return pa.schema([*fields, LANGUAGE, SCORE])

    def open(self) -> RowFunction:
        """Return the function over batches, the model loaded."""
        classifier = TextClassifier(read_classifier(find_model(self.model)))
        labels = pa.array(classifier.labels, LANGUAGE.type)
        kept = np.array([not self.keep or label in self.keep for label in classifier.labels])
        thresholds = np.array([self._threshold_of(label) for label in classifier.labels])

        def identify(batch: pa.RecordBatch) -> Outcome:
            shares = classifier.probabilities(batch.column("text"))
            best = np.nan_to_num(shares, nan=-1.0).argmax(axis=1)
            scores = np.minimum(shares[np.arange(len(shares)), best], 1)
            unknown = np.isnan(scores)
            languages = labels.take(pa.array(best, mask=unknown))
            tagged = set_column(batch, LANGUAGE.name, languages)
            tagged = set_column(tagged, SCORE.name, pa.array(scores, SCORE.type, mask=unknown))
            low = unknown | (scores < thresholds[best])
            codes = np.where(unknown | kept[best], np.where(low, 1, -1), 0)
            verdicts = Verdicts.from_codes(codes, ("language", "language_score"), scores.astype(np.float64))
            verdicts = Verdicts(verdicts.rule, value=verdicts.value, detail=languages)
            return Outcome(tagged.select(self.output_schema(batch.schema).names), verdicts)

        return identify

    def _threshold_of(self, language: str) -> float:
        if isinstance(self.threshold, Mapping):
            return self.threshold.get(language, 0.0)
        return self.threshold
