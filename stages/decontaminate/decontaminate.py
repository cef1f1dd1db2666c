"""Finds evaluation items in documents by the n-grams of words they share, and takes them out of the training data.

The tap notes, while documents pass, where they hold n-grams of items, so that no text is read again but that of the
documents in which an item was found. See `decisions.py` for what is common, and for the phases.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from pydantic import Field, field_validator

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.storage import join
from prep.stages.decontaminate import decisions
from prep.stages.decontaminate.evaluation_sets import EvaluationSet
from prep.stages.decontaminate.items import Items
from prep.stages.decontaminate.taps import OverlapTap
from prep.stages.results import Results, RunWarning
from prep.stages.stage import CheckContext, GlobalStage, Phase, Tagging
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts

LIST, COUNT, ADD_UP, DECIDE, REPORT = "list", "count", "add_up", "decide", "report"


class _Seen(NamedTuple):
    """What an evaluation set holds."""

    items: int
    sought: int
    """Items that are looked for."""
    short: int
    """Items of fewer words than the shortest that is looked for."""
    example: str
    """The first of those."""


class Decontaminate(Tagging, GlobalStage):
    """Find evaluation items in documents, by n-grams of words; reject those documents or cut the items out.

    Documents and items are compared as sequences of normalised words: each code point becomes the letters and digits
    of NFKD(casefold(NFKD(c))), marks and format characters are left out, and everything else (punctuation, white space,
    HTML tags) separates words, as does a change between letters and digits. A letter of a script written without spaces
    is a word. Escapes of JSON, URLs and source code, LaTeX commands, character references, words broken at a line's
    end, numbered lines and groups of digits are read as what they stand for. An item of fewer than `ngram` words is
    looked for as a whole. One of several fields is looked for as the whole of them, with letters before a list of
    choices, and as its first field alone (the question) where that has `ngram` words.

    An item is found where a document's n-grams of it cover `min_share` of its words. N-grams that are common in the
    corpus, such as imports or licences, count for nothing.

    A rejected document goes under the rule `contaminated_` and the name of the first set it holds items of; `value` is
    the number of n-grams of the item it holds most of, `detail` names that item. What was found in which document and
    where, how much of the item it is, and what became of it is published in the folder `findings`, for documents
    rejected and cut, and for those that hold half of what it takes; `audit/…/items.parquet` sums up by item.
    """

    example: ClassVar[str] = "- decontaminate: {sets: {gsm8k: gsm8k.jsonl}}"
    name: ClassVar[str] = "decontaminate"
    does: ClassVar[str] = "finding evaluation items"
    version: ClassVar[int] = 5
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    drops: ClassVar[bool] = True

    sets: dict[str, EvaluationSet] = Field(min_length=1)
    """Evaluation sets by name, each with `path` and `columns`, or the path alone. A set named after a usual benchmark
    (`gsm8k`, `humaneval`, `mmlu`, `arc`, `hellaswag`, `math`, `mbpp`, …) needs no columns."""
    ngram: int = Field(13, ge=1, le=100)
    """Words in an n-gram. GPT-3 was decontaminated with 13 (Brown et al. 2020, appendix C)."""
    min_share: float = Field(0.5, ge=0, le=1)
    """Smallest share of an item's words that a document must hold in n-grams; 0: a single n-gram is enough."""
    common: int = Field(5, ge=1)
    """An n-gram says nothing that more items than this have, or more documents which hold less than nine tenths of the
    item; nor one that ten times as many documents have, and one in a hundred, whatever else they hold."""
    reference: EvaluationSet | None = None
    """Other documents in which n-grams may be common, such as a sample from before the benchmarks appeared, with `path`
    and `columns` (`text` where none are given), for a corpus too small to tell."""
    shortest: int = Field(8, ge=1)
    """Fewest words of an item that is looked for: shorter ones stand in clean text too."""
    skip_short: bool = False
    """Leave out the items that are shorter; otherwise they are refused when the configuration is checked."""
    action: Literal["reject", "tag", "cut"] = "reject"  # type: ignore[assignment]
    """`reject` loses the document. `tag` keeps it as it is, and the rule goes into a column. `cut` takes the span out
    of its text, from the first shared word to the last and the punctuation around them; a document of which no word is
    left is rejected."""

    @field_validator("sets", mode="before", json_schema_input_type=dict[str, str | EvaluationSet])
    @classmethod
    def _paths_alone(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: {"path": item} if isinstance(item, str) else item for name, item in value.items()}

    @property
    def cuts(self) -> bool:
        """Whether items are cut out of texts."""
        return self.action == "cut"

    @cached_property
    def _seen(self) -> "Mapping[str, _Seen | str]":
        """What each set holds, or why it cannot be read; the sets are read once, however often they are checked."""
        found: dict[str, _Seen | str] = {}
        for name, evaluation_set in self.sets.items():
            try:
                versions = evaluation_set.versions(name)
            except (ConfigurationError, OSError, ValueError) as error:
                found[name] = str(error)
                continue
            items = Items.of({name: versions}, self.ngram, self.shortest)
            short = np.flatnonzero(items.item_words < self.shortest)
            example = f"item {short[0]}: {versions[short[0]][0][:60]!r}" if len(short) else ""
            found[name] = _Seen(len(versions), int(items.sought.sum()), len(short), example)
        return found

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find sets that cannot be read, and items too short to be looked for."""
        for name, seen in self._seen.items():
            if isinstance(seen, str):
                yield Problem(seen, ("sets", name))
            elif seen.short == seen.items:
                yield Problem(f"no item has {self.shortest} words", ("sets", name), hint="lower 'shortest'")
            elif seen.short and not self.skip_short:
                yield Problem(
                    f"{seen.short} of {seen.items} items have fewer than {self.shortest} words and would be found "
                    f"in clean text, such as {seen.example}",
                    ("sets", name),
                    hint="set skip_short: true to leave them out, or lower 'shortest'",
                )

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Say how many items are looked for, and how many are too short."""
        for name, seen in self._seen.items():
            if isinstance(seen, str):
                continue
            few = f"{seen.items - seen.sought:,} of fewer than {self.shortest} words, or of few again and again,"
            yield f"{name}: {seen.items:,} items" + (f"; {few} are left out" if seen.sought < seen.items else "")

    def files(self) -> Mapping[str, str]:
        """Return the sets' files: their content decides the output, their place does not."""
        return self.tap().files()

    def identity(self) -> dict[str, object]:
        """Return the settings without the files' places, and the version of Unicode."""
        settings = self.model_dump(mode="json", exclude={"sets", "reference"})
        return {**settings, **self.tap().identity()}

    def tap(self) -> OverlapTap:
        """Return the tap that finds n-grams of items."""
        return OverlapTap(
            sets=self.sets, ngram=self.ngram, shortest=self.shortest, common=self.common, reference=self.reference
        )

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        rounds = [
            phase
            for around in range(len(decisions.ROUNDS))
            for phase in (Phase(f"{COUNT}_{around}", parts), Phase(f"{ADD_UP}_{around}", 1))
        ]
        return (Phase(LIST, 1), *rounds, Phase(DECIDE, parts), Phase(REPORT, 1))

    def is_light(self, phase: str) -> bool:
        """Return whether the evaluation sets themselves are not read."""
        return phase != LIST

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `decide` return verdicts."""
        if phase == DECIDE:
            return decisions.decide(task, self.min_share, self.action, context)
        if phase == LIST:
            decisions.list_items(self.tap().items(), context)
        elif phase == REPORT:
            decisions.report(context)
        elif phase.startswith(COUNT):
            decisions.count(task, int(phase.removeprefix(f"{COUNT}_")), context)
        else:
            decisions.add_up(self.common, int(phase.removeprefix(f"{ADD_UP}_")), context)
        return None

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Name the items that documents hold and keep because what they hold is common in the corpus."""
        table = pq.read_table(join(results.output, "audit", "items.parquet")).to_pylist()
        kept = sorted((row for row in table if row["common"]), key=lambda row: -row["common"])
        if kept:
            named = ", ".join(f"{row['set']} {row['item']} ({row['common']:,} documents)" for row in kept[:3])
            yield RunWarning(
                "common_items",
                f"decontaminate: documents that hold {self.min_share:.0%} of one of {len(kept):,} items are kept, "
                f"since what they hold of it is common in the corpus: {named}; raise 'common' if it is no boilerplate",
                "prep report {output}",
            )
