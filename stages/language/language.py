"""Identifies each document's language with a fastText classifier, by default lid.176 (Joulin et al. 2016)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_column
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.language.codes import language_codes, nearest_code
from prep.stages.language.model import HINT, find_model
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import read_classifier
from prep.stages.stage import CheckContext, Outcome, RowFunction, RowStage, Verdicts

LANGUAGE = pa.field("language", pa.string())
SCORE = pa.field("language_score", pa.float32())

Share = Annotated[float, Field(ge=0, le=1)]


class Language(RowStage):
    """Identify languages: adds the columns `language` (a code) and `language_score` (its probability).

    Rejects documents in a language that is not in `keep` (rule `language`) and those whose probability is below the
    threshold (`language_score`). The whole text is looked at, its lines as one.
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("langcodes",)
    columns: ClassVar[tuple[str, ...]] = ("text",)

    keep: tuple[str, ...] = ()
    """Languages to keep, by ISO 639-1 where it has a code, else 639-3, with the script where the model tells scripts
    apart (`sr-Latn`); empty keeps all."""
    threshold: Share | dict[str, Share] = 0.65
    """Smallest probability, for all languages or by code (0 for those not named). FineWeb's is 0.65 for English."""
    model: str = ""
    """Path of a fastText classifier of languages, such as lid.176 or GlotLID. Left out, lid.176 is looked for in
    PREP_LID_MODEL, the user's cache and installed packages that carry it, then downloaded."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a model that is not there or cannot be read, and codes that it does not know."""
        try:
            known = language_codes(read_classifier(find_model(self.model)).labels)
        except ConfigurationError as error:
            yield Problem(str(error), ("model",) if self.model else (), hint=HINT)
            return
        asked: list[tuple[str, tuple[str | int, ...]]] = [
            (code, ("keep", index)) for index, code in enumerate(self.keep)
        ]
        if isinstance(self.threshold, Mapping):
            asked += [(code, ("threshold", code)) for code in self.threshold]
        for code, place in asked:
            if code not in known:
                near = nearest_code(code, known)
                yield Problem(
                    f"the model does not know the language {code!r}",
                    place,
                    "one of its codes, which are ISO 639-1 where there is one",
                    hint=f"did you mean {near!r}?" if near else "its codes are " + ", ".join(sorted(known)),
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
        codes = language_codes(classifier.labels)
        kept = np.array([not self.keep or code in self.keep for code in codes])
        thresholds = np.array([self._threshold_of(code) for code in codes])
        names = pa.array(codes, LANGUAGE.type)

        def identify(batch: pa.RecordBatch) -> Outcome:
            shares = classifier.probabilities(batch.column("text"))
            best = np.nan_to_num(shares, nan=-1.0).argmax(axis=1)
            scores = np.minimum(shares[np.arange(len(shares)), best], 1)
            unknown = np.isnan(scores)
            languages = names.take(pa.array(best, mask=unknown))
            tagged = set_column(batch, LANGUAGE.name, languages)
            tagged = set_column(tagged, SCORE.name, pa.array(scores, SCORE.type, mask=unknown))
            low = unknown | (scores < thresholds[best])
            rules = np.where(unknown | kept[best], np.where(low, 1, -1), 0)
            verdicts = Verdicts.from_codes(rules, ("language", "language_score"), scores.astype(np.float64))
            verdicts = Verdicts(verdicts.rule, value=verdicts.value, detail=languages)
            return Outcome(tagged.select(self.output_schema(batch.schema).names), verdicts)

        return identify

    def _threshold_of(self, language: str) -> float:
        if isinstance(self.threshold, Mapping):
            return self.threshold.get(language, 0.0)
        return self.threshold
