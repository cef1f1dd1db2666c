"""Identifies each document's language and script, by an engine of choice, by default lid.176 (Joulin et al. 2016)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_column, string_buffers
from prep.corpus.closeness import listed
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.language.codes import language_codes, nearest_code
from prep.stages.language.engines import NAMES, Codes, Engine, FastText, library_engine, library_version
from prep.stages.language.model import HINT, find_model, read_model
from prep.stages.language.script_kernels import SCRIPTS, find_scripts, script_table
from prep.stages.language.segments import language_shares
from prep.stages.language.serbo_croatian import standard
from prep.stages.results import TRIED_SHARES, Results, RunWarning, Threshold, tried_around
from prep.stages.settings import PathName
from prep.stages.shared.language_names import language_hint
from prep.stages.shared.languages import SERBO_CROATIAN, is_known, related_codes
from prep.stages.stage import CheckContext, RowFunction, RowStage, Tagging
from prep.stages.verdicts import Outcome, Verdicts

LANGUAGE = pa.field("language", pa.string())
SCORE = pa.field("language_score", pa.float32())
SCRIPT = pa.field("script", pa.string())
LANGUAGE_SHARE = pa.field("language_share", pa.float32())
SCRIPT_SHARE = pa.field("script_share", pa.float32())
RULES = ("language", "language_score", "language_share")

Share = Annotated[float, Field(ge=0, le=1)]


class Language(Tagging, RowStage):
    """Identify languages: adds the columns `language` (a code), `language_score` (its probability) and `script`.

    Rejects documents in a language that is not in `keep` (rule `language`), those whose probability is below the
    threshold (`language_score`), and by option those too little of which is in their language (`language_share`). The
    whole text is looked at, its lines as one. A code stands for all that mean the same: `keep: [zh]` keeps what an
    engine calls `cmn`, `no` what it calls `nb`; and of what it calls `hbs`, script and words decide what is Serbian,
    Croatian or Bosnian, as far as they can.
    """

    example: ClassVar[str] = '- language: {keep: [da, "no", sv]}'
    name: ClassVar[str] = "language"
    does: ClassVar[str] = "identifying languages"
    produces: ClassVar[tuple[str, ...]] = ("language",)
    version: ClassVar[int] = 3
    libraries: ClassVar[tuple[str, ...]] = ("langcodes", "regex")
    columns: ClassVar[tuple[str, ...]] = ("text",)

    keep: tuple[str, ...] = ()
    """Languages to keep, by ISO 639-1 where it has a code, else 639-3, with the script where the model tells scripts
    apart (`sr-Latn`); empty keeps all."""
    threshold: Share | dict[str, Share] = 0.65
    """Smallest probability, for all languages or by code (0 for those not named). FineWeb's is 0.65 for English."""
    model: PathName = ""
    """Path of a fastText classifier of languages, such as lid.176 or GlotLID; or an engine by name: `heliport`, `eldc`,
    `langid` or `cld2`, each installed by itself. Left out, lid.176 is looked for in PREP_LID_MODEL, the user's cache
    and installed packages that carry it, then downloaded."""
    shares: bool = False
    """Whether each line's language is identified too, for the columns `language_share` and `script_share`: the shares
    of the document's letters in lines of its own language, and in its own script. It takes about twice the time."""
    min_share: Share = 0.0
    """Smallest `language_share`; above 0, it is measured whatever `shares` says."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a model that is not there or cannot be read, and codes that it does not know."""
        try:
            known = () if self.model in NAMES else language_codes(read_model(self.model).labels)
            if self.model in NAMES:
                library_engine(self.model)
        except ConfigurationError as error:
            yield Problem(str(error), ("model",) if self.model else (), hint="" if self.model in NAMES else HINT)
            return
        asked: list[tuple[str, tuple[str | int, ...]]] = [
            (code, ("keep", index)) for index, code in enumerate(self.keep)
        ]
        if isinstance(self.threshold, Mapping):
            asked += [(code, ("threshold", code)) for code in self.threshold]
        covered = frozenset(related for code in known for related in related_codes(code))
        for code, place in asked:
            if not (is_known(code) if self.model in NAMES else code in covered):
                near = nearest_code(code, known) if known else None
                named = language_hint(code, known)
                yield Problem(
                    f"the model does not know the language {code!r}",
                    place,
                    "one of its codes, which are ISO 639-1 where there is one",
                    hint=named or (f"did you mean {near!r}?" if near else f"its codes are {listed(sorted(known))}"),
                )

    def has_rules(self) -> bool:
        """Whether documents can be rejected."""
        thresholds = self.threshold.values() if isinstance(self.threshold, Mapping) else [self.threshold]
        return bool(self.keep) or any(thresholds) or self.min_share > 0

    def thresholds(self) -> tuple[Threshold, ...]:
        """Return the smallest probability, where it is the same for all languages, and the smallest share."""
        found = [] if isinstance(self.threshold, Mapping) else [(SCORE.name, self.threshold, "threshold")]
        found += [(LANGUAGE_SHARE.name, self.min_share, "min_share")] if self._measures_shares() else []
        return tuple(
            Threshold(name, name, "min", value, option, tried_around(value, TRIED_SHARES))
            for name, value, option in found
        )

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of languages to keep of which there is no document, and of a model that tells none apart."""
        there = {group.language for group in results.left if group.entered}
        related = {code for language in there if language for code in related_codes(language)}
        for code in self.keep:
            if code not in there | related:
                message = f"{self.name}: no document in the language {code!r}, which is in 'keep'"
                yield RunWarning("language_without_documents", message, "prep inspect {pipeline} --rule language")

        extremes = results.extremes(SCORE.name)
        documents = sum(group.entered for group in results.left)
        if extremes and extremes[0] == extremes[1] and documents >= results.thresholds.least_documents:
            message = f"{self.name}: the model gives all {documents:,} documents the probability {extremes[0]:.3g}"
            yield RunWarning("model_without_distinction", message, "prep inspect {pipeline}")

    def files(self) -> Mapping[str, str]:
        """Return the model's file: its content decides the output, its place does not."""
        return {} if self.model in NAMES else {"model": find_model(self.model)}

    def identity(self) -> dict[str, object]:
        """Return the settings without the model's place, or with the engine's version."""
        engine = {"engine": [self.model, library_version(self.model)]} if self.model in NAMES else {}
        return {**self.model_dump(mode="json", exclude={"model"}), **engine}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the columns of languages and scripts."""
        made = [LANGUAGE, SCORE, SCRIPT, *([LANGUAGE_SHARE, SCRIPT_SHARE] if self._measures_shares() else [])]
        names = {field.name for field in made}
        return pa.schema([*(field for field in schema if field.name not in names), *made])

    def open(self) -> RowFunction:
        """Return the function over batches, the engine loaded."""
        engine: Engine = library_engine(self.model) if self.model in NAMES else FastText(read_model(self.model))
        measures = self._measures_shares()

        def identify(batch: pa.RecordBatch) -> Outcome:
            texts = batch.column("text")
            found, scores = engine.identify(texts)
            numbers, script_shares, letters = find_scripts(*string_buffers(texts), script_table())
            scripts = [SCRIPTS[number] if number else None for number in numbers.tolist()]
            codes = _with_standards(texts, found, scripts)
            columns = {LANGUAGE: codes, SCORE: pa.array(scores, SCORE.type, mask=np.isnan(scores)), SCRIPT: scripts}
            low = np.zeros(len(codes), np.bool_)
            values = scores.astype(np.float64)
            if measures:
                shares = language_shares(texts, codes, numbers, engine)
                columns[LANGUAGE_SHARE] = pa.array(shares, LANGUAGE_SHARE.type, mask=np.isnan(shares))
                columns[SCRIPT_SHARE] = pa.array(script_shares, SCRIPT_SHARE.type, mask=letters == 0)
                low = shares < self.min_share
            rules = self._rules(codes, scores, low)
            values = np.where(rules == 2, shares, values) if measures else values
            for field, column in columns.items():
                made = column if isinstance(column, pa.Array) else pa.array(column, field.type)
                batch = set_column(batch, field.name, made)
            verdicts = Verdicts.from_codes(rules, RULES, values)
            verdicts = Verdicts(verdicts.rule, value=verdicts.value, detail=pa.array(codes, LANGUAGE.type))
            return Outcome(batch.select(self.output_schema(batch.schema).names), verdicts)

        return identify

    def _measures_shares(self) -> bool:
        return self.shares or self.min_share > 0

    def _rules(
        self, codes: Codes, scores: npt.NDArray[np.float32], mixed: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Return the number of the rule that each document breaks first, −1 for none."""
        different = list(dict.fromkeys(codes))
        place = {code: number for number, code in enumerate(different)}
        kept = np.array([code is None or not self.keep or self._keeps(code) for code in different], np.bool_)
        thresholds = np.array([np.inf if code is None else self._threshold_of(code) for code in different])
        which = np.array([place[code] for code in codes], np.int64)
        low = np.isnan(scores) | (scores < thresholds[which])
        return np.where(~kept[which], 0, np.where(low, 1, np.where(mixed, 2, -1)))

    def _keeps(self, code: str) -> bool:
        return any(related in self.keep for related in related_codes(code))

    def _threshold_of(self, language: str) -> float:
        if isinstance(self.threshold, Mapping):
            return next((self.threshold[code] for code in related_codes(language) if code in self.threshold), 0.0)
        return self.threshold


def _with_standards(texts: pa.LargeStringArray, codes: Codes, scripts: list[str | None]) -> Codes:
    """Return the codes with Serbian, Croatian and Bosnian for what is Serbo-Croatian, where that can be decided."""
    return [
        (standard(texts[row].as_py(), scripts[row] or "") or code) if code in SERBO_CROATIAN else code
        for row, code in enumerate(codes)
    ]
