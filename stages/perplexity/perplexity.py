"""Tells how much documents look like reference texts of their language, by an n-gram model trained on these."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_column, set_field
from prep.corpus.errors import Problem
from prep.corpus.text.words import Splitter
from prep.stages.perplexity.ngram_model import NgramModel
from prep.stages.results import Threshold, tried_around
from prep.stages.settings import Size
from prep.stages.shared.language_names import language_hint
from prep.stages.shared.languages import is_known, related_codes
from prep.stages.shared.text_source import TextSource
from prep.stages.stage import CheckContext, RowFunction, RowStage, Tagging
from prep.stages.verdicts import Outcome, Verdicts

EVERY_OTHER = "*"
RULES = ("low_perplexity", "high_perplexity")

TRIED = tuple(digit * 10**power for power in range(1, 6) for digit in (1, 1.5, 2, 3, 5, 7))
"""Values to try for a limit, in the report."""

Limit = Annotated[float, Field(gt=0)]
Limits = Limit | dict[str, Limit]


class Perplexity(Tagging, RowStage):
    """Measure how well a model of reference texts foretells a document: adds a column with its perplexity.

    For each language, an n-gram model with interpolated Kneser-Ney smoothing is trained on the reference when the stage
    begins, in each worker (about 15 MB/s). Perplexity is exp(−mean log-probability of a word): 300 says that each
    word was as hard to foretell as one of 300 equally likely. It is low for text like the reference and for text that
    repeats itself in the reference's words, high for lists, noise and other languages. Documents in a language without
    a reference, and those without words, have none (null) and are kept.
    """

    version: ClassVar[int] = 2
    example: ClassVar[str] = "- perplexity: {references: {en: {paths: reference/*.txt}}, max_perplexity: 1000}"
    name: ClassVar[str] = "perplexity"
    does: ClassVar[str] = "measuring perplexity"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("text",)

    references: dict[str, TextSource] = Field(min_length=1)
    """Reference texts by language, as the column `language` names it; `*` is for documents in every other one."""
    order: int = Field(3, ge=1, le=5)
    """Words of the longest n-gram; 1 gives the perplexity by unigram probabilities, whose logarithm is the negative
    mean log-probability."""
    reference_bytes: Size = Field(32 << 20, ge=1)
    """How much of each reference is read, from its beginning, in whole texts. The model takes up to about ten times as
    much memory."""
    column: str = Field("perplexity", min_length=1)
    """The column for the perplexity."""
    min_perplexity: Limits | None = None
    """Smallest perplexity of a document that is kept, for all languages or by language (rule `low_perplexity`)."""
    max_perplexity: Limits | None = None
    """Largest perplexity of a document that is kept, for all languages or by language (rule `high_perplexity`)."""
    splitter: Splitter = "unicode"
    """What a word is."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find references that cannot be read, and limits for languages without one."""
        for language, reference in self.references.items():
            for problem in reference.problems():
                yield Problem(str(problem), ("references", language, *problem.field))
        if set(self.references) != {EVERY_OTHER} and "language" not in context.schema.names:
            hint = f"put the stage 'language' before it, or give one reference, {EVERY_OTHER!r}"
            yield Problem("references are by language, but documents have none", ("references",), hint=hint)
        for language in self.references:
            if language != EVERY_OTHER and not is_known(language):
                hint = language_hint(language) or f"name it by its code in ISO 639, or {EVERY_OTHER!r} for all others"
                yield Problem(f"{language!r} is no language", ("references", language), hint=hint)
        for name in ("min_perplexity", "max_perplexity"):
            limits = getattr(self, name)
            for language in limits if isinstance(limits, Mapping) else ():
                if language not in self.references:
                    yield Problem(f"no reference for {language!r}", (name, language), ", ".join(self.references))

    def has_rules(self) -> bool:
        """Whether documents can be rejected."""
        return self.min_perplexity is not None or self.max_perplexity is not None

    def thresholds(self) -> tuple[Threshold, ...]:
        """Return the limits that are the same for all languages."""
        found = []
        if isinstance(limit := self.min_perplexity, float):
            found.append(Threshold(RULES[0], self.column, "min", limit, "min_perplexity", tried_around(limit, TRIED)))
        if isinstance(limit := self.max_perplexity, float):
            found.append(Threshold(RULES[1], self.column, "max", limit, "max_perplexity", tried_around(limit, TRIED)))
        return tuple(found)

    def files(self) -> Mapping[str, str]:
        """Return the references' files: their content decides the output, their place does not."""
        return {
            f"references.{language}.{number}": path
            for language, reference in self.references.items()
            for number, path in enumerate(reference.files())
        }

    def identity(self) -> dict[str, object]:
        """Return the settings without the files' places."""
        references = {name: item.model_dump(mode="json", exclude={"paths"}) for name, item in self.references.items()}
        return {**self.model_dump(mode="json", exclude={"references"}), "references": references}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the perplexity as float32."""
        return set_field(schema, pa.field(self.column, pa.float32()))

    def open(self) -> RowFunction:
        """Return the function over batches, the models trained."""
        models = {
            language: NgramModel(reference.columns(), self.order, self.reference_bytes, self.splitter)
            for language, reference in self.references.items()
        }

        def measure(batch: pa.RecordBatch) -> Outcome:
            found = np.full(batch.num_rows, np.nan)
            limits = np.full((2, batch.num_rows), np.nan)
            for language, rows in self._rows(batch).items():
                found[rows] = models[language].perplexities(batch.column("text").take(pa.array(rows)))
                limits[0, rows] = _limit(self.min_perplexity, language)
                limits[1, rows] = _limit(self.max_perplexity, language)
            scored = set_column(batch, self.column, pa.array(found, pa.float32(), mask=np.isnan(found)))
            codes = np.where(found < limits[0], 0, np.where(found > limits[1], 1, -1))
            return Outcome(scored, Verdicts.from_codes(codes, RULES, found))

        return measure

    def _rows(self, batch: pa.RecordBatch) -> Mapping[str, npt.NDArray[np.int64]]:
        """Return the rows that each reference is for."""
        if set(self.references) == {EVERY_OTHER}:
            return {EVERY_OTHER: np.arange(batch.num_rows)}
        languages = batch.column("language").cast(pa.string()).fill_null("").dictionary_encode()
        names = list(self.references)
        wanted = map(self._reference_for, languages.dictionary.to_pylist())
        places = [-1 if name is None else names.index(name) for name in wanted]
        of_row = np.array(places, np.int64)[languages.indices.to_numpy()]
        return {name: np.flatnonzero(of_row == place) for place, name in enumerate(names)}

    def _reference_for(self, code: str) -> str | None:
        """Return the reference for a language, by any code that means the same; None where there is none."""
        found = (related for related in related_codes(code) if related in self.references) if code else iter(())
        return next(found, EVERY_OTHER if EVERY_OTHER in self.references else None)


def _limit(limits: Limits | None, language: str) -> float:
    """Return a limit, NaN where there is none: nothing is above or below it."""
    if limits is None:
        return np.nan
    return limits.get(language, np.nan) if isinstance(limits, Mapping) else limits
