"""Applies rules to columns that documents carry: noted rules, joined labels, scores, signals. No text is read.

A rule says what a document must be like to stay; the first that it breaks, in the order given, names the verdict.
Cost: one pass over the columns that rules look at.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from prep.corpus.arrow.columns import is_number
from prep.corpus.errors import Problem
from prep.corpus.files.storage import join, read_json, write_json
from prep.stages.results import Results, RunWarning
from prep.stages.settings import ColumnValue, Settings
from prep.stages.stage import CheckContext, GlobalStage, Phase, Tagging
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

JUDGE, COUNT = "judge", "count"
SEEN = "values.json"

Flags = npt.NDArray[np.bool_]


RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Condition(Settings):
    """What a column's value must be for a document to stay: one of these."""

    column: str = Field(min_length=1)
    """The column, or a field of one with fields: `signals.words`."""
    min: float | None = None
    """Smallest number."""
    max: float | None = None
    """Largest number."""
    one_of: tuple[ColumnValue, ...] = ()
    """The values that stay."""
    none_of: tuple[ColumnValue, ...] = ()
    """The values that go."""
    empty: bool | None = None
    """`true`: documents without a value stay, such as those with no rule noted; `false`: those with one."""
    missing: Literal["keep", "reject"] | None = None
    """What becomes of documents without a value; left out, they are rejected where `min`, `max` or `one_of` asks for
    one, and stay where `none_of` does not."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        kinds = [self.min is not None or self.max is not None, bool(self.one_of), bool(self.none_of)]
        kinds.append(self.empty is not None)
        if sum(kinds) != 1:
            raise ValueError("expected one of min and max, one_of, none_of, empty")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no number is at least {self.min:g} and at most {self.max:g}")
        if self.missing is not None and self.empty is not None:
            raise ValueError("'missing' has no meaning beside 'empty'")
        return self

    @property
    def is_bound(self) -> bool:
        """Whether it asks for numbers."""
        return self.min is not None or self.max is not None

    @property
    def named(self) -> tuple[str, ...]:
        """The values that it names."""
        return self.one_of or self.none_of

    def broken(self, column: pa.Array) -> Flags:
        """Return which documents break it."""
        missing: Flags = column.is_null().to_numpy(zero_copy_only=False)
        if self.empty is not None:
            return ~missing if self.empty else missing
        if self.is_bound:
            values = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
            missing = np.isnan(values)
            broken = np.zeros(len(values), np.bool_)
            broken |= values < (-np.inf if self.min is None else self.min)
            broken |= values > (np.inf if self.max is None else self.max)
        else:
            inside: Flags = pc.is_in(column.cast(pa.string()), pa.array(self.named)).to_numpy(zero_copy_only=False)
            broken = inside if self.none_of else ~inside
        rejects = self.missing == "reject" or (self.missing is None and not self.none_of)
        return np.where(missing, rejects, broken)


class Filter(Tagging, GlobalStage):
    """Reject documents by rules over columns that they carry: noted rules, joined labels, scores, signals.

    What earlier stages noted with `action: tag` is applied by `tags`, under the names of the rules; conditions of one's
    own by `rules`. A changed rule costs seconds: no text is read.
    """

    name: ClassVar[str] = "filter"
    columns: ClassVar[tuple[str, ...]] = ("id",)
    drops: ClassVar[bool] = True
    reads_text: ClassVar[bool] = False

    tags: tuple[str, ...] | dict[str, tuple[str, ...] | None] = ()
    """Columns of noted rules: a document that has one is rejected under its name. `language_rule` alone applies all of
    them, `quality_rule: [short_doc, long_doc]` these."""
    rules: dict[RuleName, Condition] = Field(default_factory=dict)
    """Rules by name, in their order: `low_score: {column: edu_score, min: 2.5}`, `adult: {column: topic, none_of:
    [adult]}`."""

    @property
    def tag_rules(self) -> Mapping[str, tuple[str, ...] | None]:
        """The noted rules to apply by column, None for all."""
        return self.tags if isinstance(self.tags, Mapping) else dict.fromkeys(self.tags)

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield columns that nobody makes or that do not fit their rule, and a filter without rules."""
        if not self.tags and not self.rules:
            yield Problem("no rule is set", expected="tags or rules", hint="set one, or take the stage out")
        for name, rules in self.tag_rules.items():
            kind = _type(context.schema, name)
            place: tuple[str, ...] = ("tags", name) if isinstance(self.tags, Mapping) else ("tags",)
            if kind is None:
                makers = [stage.tag for stage in context.upstream if stage.tag]
                hint = f"noted are {', '.join(makers)}" if makers else "set 'action: tag' in an earlier stage"
                yield Problem(f"no earlier stage makes a column {name!r}", place, hint=hint)
            elif not _is_text(kind):
                yield Problem(f"column {name!r} holds no rules", place, "strings", str(kind))
            if rules is not None and not rules:
                yield Problem(f"no rule of {name!r} is named", place, hint="name some, or leave the list out for all")
        for name, condition in self.rules.items():
            kind = _type(context.schema, condition.column)
            place = ("rules", name, "column")
            if kind is None:
                there = ", ".join(_names(context.schema))
                yield Problem(f"no earlier stage makes a column {condition.column!r}", place, f"one of {there}")
            elif condition.is_bound and not is_number(kind):
                yield Problem(f"column {condition.column!r} holds no numbers", place, "numbers", str(kind))
            elif condition.named and not (_is_text(kind) or is_number(kind)):
                yield Problem(f"column {condition.column!r} cannot be compared", place, "strings", str(kind))

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of values that a rule names and no document has."""
        seen = read_json(join(results.output, SEEN)) if results.output else {}
        for place, count in seen.items():
            if not count and results.counts.entered:
                message = f"{self.name}: {place}, which no document has"
                yield RunWarning("value_not_seen", message, "prep inspect {pipeline}")

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: judge each part, then add up which values came."""
        return (Phase(JUDGE, parts), Phase(COUNT, 1))

    def is_light(self, phase: str) -> bool:
        """Return True: both phases read columns once."""
        return True

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `judge` return verdicts."""
        if phase == COUNT:
            parts = range(len(context.upstream.parts))
            counts = [read_json(_seen_path(context, part)) for part in parts]
            names = dict.fromkeys(name for count in counts for name in count)
            total = {name: sum(int(str(count[name])) for count in counts) for name in names}
            write_json(join(context.output, SEEN), total)
            return None
        lost = context.upstream.dropped(task)
        seen = Counter({place: 0 for place, *_ in self._named()})
        found: list[_Judged] = []
        start = 0
        for batch in context.upstream.rows(task, self._columns()):
            end = start + batch.num_rows
            stays = np.ones(batch.num_rows, np.bool_) if lost is None else ~lost[start:end]
            found.append(self._judge(batch, stays, start))
            for named, column, value in self._named():
                same = pc.equal(_column(batch, column).cast(pa.string()), value).fill_null(False)
                seen[named] += int((same.to_numpy(zero_copy_only=False) & stays).sum())
            start = end
        write_json(_seen_path(context, task), dict(seen))
        entered = start if lost is None else int((~lost).sum())
        return _joined(found, entered)

    def _columns(self) -> list[str]:
        return list(dict.fromkeys(["id", *self.tag_rules, *(rule.column for rule in self.rules.values())]))

    def _named(self) -> Iterator[tuple[str, str, str]]:
        """Yield the values that rules name: how messages say it, the column and the value."""
        for column, rules in self.tag_rules.items():
            for value in rules or ():
                yield f"tags name {value!r} of {column}", column, value
        for name, rule in self.rules.items():
            for value in rule.named:
                yield f"rule {name!r} names {value!r} of {rule.column}", rule.column, value

    def _judge(self, batch: pa.RecordBatch, stays: Flags, start: int) -> "_Judged":
        nothing = pa.scalar(None, pa.string())
        rule, detail = pa.nulls(batch.num_rows, pa.string()), pa.nulls(batch.num_rows, pa.string())
        value = pa.nulls(batch.num_rows, pa.float64())
        left = stays.copy()
        for column, rules in self.tag_rules.items():
            noted = batch.column(column).cast(pa.string())
            applies = noted.is_valid() if rules is None else pc.is_in(noted, pa.array(rules, pa.string()))
            here = applies.to_numpy(zero_copy_only=False) & left
            rule, detail = pc.if_else(here, noted, rule), pc.if_else(here, pa.scalar(column), detail)
            left &= ~here
        for name, condition in self.rules.items():
            seen = _column(batch, condition.column)
            here = condition.broken(seen) & left
            rule = pc.if_else(here, pa.scalar(name), rule)
            value = pc.if_else(here, seen.cast(pa.float64()), value) if condition.is_bound else value
            detail = pc.if_else(here, nothing if condition.is_bound else seen.cast(pa.string()), detail)
            left &= ~here
        rows = np.flatnonzero(stays & ~left)
        taken = pa.array(rows)
        return _Judged(rows + start, rule.take(taken), value.take(taken), detail.take(taken))


class _Judged(NamedTuple):
    """Documents that break a rule: their rows in the part, and what is recorded of each."""

    rows: npt.NDArray[np.int64]
    rule: pa.Array
    value: pa.Array
    detail: pa.Array


def _joined(parts: Sequence[_Judged], entered: int) -> PartVerdicts:
    if not parts:
        return PartVerdicts.keeping(entered)
    rows, *columns = zip(*parts, strict=True)
    rule, value, detail = (pa.concat_arrays(column) for column in columns)
    return PartVerdicts(entered, np.concatenate(rows), Verdicts(rule, value=value, detail=detail))


def _seen_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, f"{part:05d}.json")


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name in batch.schema.names:
        return batch.column(name)
    whole, _, field = name.partition(".")
    return pc.struct_field(batch.column(whole), field)


def _type(schema: pa.Schema, name: str) -> pa.DataType | None:
    """Return a column's type, or that of a field of one; None where there is none."""
    if name in schema.names:
        return schema.field(name).type
    whole, _, field = name.partition(".")
    kind = schema.field(whole).type if whole in schema.names else None
    if kind is None or not pa.types.is_struct(kind) or kind.get_field_index(field) < 0:
        return None
    return kind.field(field).type


def _names(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        if pa.types.is_struct(field.type):
            yield f"{field.name}.…"
        else:
            yield field.name


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind))
