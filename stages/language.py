"""Identifies each document's language with fastText's lid.176 (Joulin et al. 2016, "Bag of Tricks")."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.columns import set_column
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.language_model import LABEL, find_model, load_model
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
    libraries: ClassVar[tuple[str, ...]] = ("fasttext-wheel",)
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
            _, labels = load_model(find_model(self.model))
        except ConfigurationError as error:
            yield Problem(str(error), ("model",) if self.model else ())
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
        model, _ = load_model(find_model(self.model))

        def identify(batch: pa.RecordBatch) -> Outcome:
            languages: list[str | None] = []
            scores: list[float | None] = []
            for text in batch.column("text").to_pylist():
                line = (text or "").replace("\n", " ") + "\n"
                found = model.predict(line, 1, 0.0, "strict")
                languages.append(found[0][1].removeprefix(LABEL) if found else None)
                scores.append(min(1.0, found[0][0]) if found else None)
            tagged = set_column(batch, LANGUAGE.name, pa.array(languages, LANGUAGE.type))
            tagged = set_column(tagged, SCORE.name, pa.array(scores, SCORE.type))
            return Outcome(tagged.select(self.output_schema(batch.schema).names), self._judge(languages, scores))

        return identify

    def _judge(self, languages: list[str | None], scores: list[float | None]) -> Verdicts:
        kept = frozenset(self.keep)
        codes = np.full(len(languages), -1, np.int64)
        for row, (language, score) in enumerate(zip(languages, scores, strict=True)):
            if kept and language not in kept:
                codes[row] = 0
            elif score is None or score < self._threshold_of(language):
                codes[row] = 1
        values = np.array([np.nan if score is None else score for score in scores])
        verdicts = Verdicts.from_codes(codes, ("language", "language_score"), values)
        return Verdicts(verdicts.rule, value=verdicts.value, detail=pa.array(languages, pa.string()))

    def _threshold_of(self, language: str | None) -> float:
        if isinstance(self.threshold, Mapping):
            return self.threshold.get(language or "", 0.0)
        return self.threshold
