"""Joins values from outside to the documents: human labels, scores of other models, topics.

1. `index` reads the files of labels once and writes them with the hashes of their keys.
2. `match` finds each document's row by the hash of its id or URL, one binary search each, and writes the columns.
3. `count` adds up what was found, in `join.json`.

No text is read. Memory: a task holds all labels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.storage import join, read_arrow, read_json, write_arrow, write_json
from prep.stages.results import Results, RunWarning
from prep.stages.shared.label_files import KEY, LabelFiles, LabelIndex
from prep.stages.stage import CheckContext, GlobalStage, Phase
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

INDEX, MATCH, COUNT = "index", "match", "count"
REPORT = "join.json"
MATCHED, UNMATCHED = "matched", "unmatched"
_HASHES = ("first half of hash", "second half of hash")

ColumnName = Annotated[str, Field(min_length=1)]


class Join(GlobalStage):
    """Add columns from files of labels to the documents: scores, topics, human labels, by id or URL.

    Documents without a row in the files have nulls in the new columns, or are rejected (rule `unmatched`). The ledger
    counts `matched` and `unmatched` documents; `join.json` in the step's folder also says how many rows of the files
    belong to no document. A key that comes more than once is an error, with its rows, before any data moves.
    """

    example: ClassVar[str] = "- join: {labels: {paths: scores.parquet, by: url}}"
    name: ClassVar[str] = "join"
    columns: ClassVar[tuple[str, ...]] = ("id",)
    drops: ClassVar[bool] = True
    reads_text: ClassVar[bool] = False

    labels: LabelFiles
    """The files, and what finds a document's row in them: `{paths: scores/*.parquet, by: url}`."""
    take: tuple[ColumnName, ...] | dict[ColumnName, ColumnName] = ()
    """Columns of the files to add: names, or `new name: name in the files`; left out, all but the key."""
    unmatched: Literal["keep", "reject"] = "keep"
    """What becomes of documents for which the files have no row."""

    @property
    def taken(self) -> Mapping[str, str]:
        """The columns of the files by their new names."""
        if isinstance(self.take, Mapping):
            return self.take
        names = self.take or self.labels.value_schema.names
        return {name: name for name in names}

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield files that cannot be read, keys that come twice, and columns that are not there or there already."""
        found = list(self.labels.problems())
        yield from (Problem(each.message, ("labels", *each.field)) for each in found)
        if found:
            return
        if self.labels.by not in context.schema.names:
            yield Problem(f"the documents have no column {self.labels.by!r}", ("labels", "by"))
        there = self.labels.value_schema.names
        if not self.taken:
            yield Problem("the files hold no column beside the key", ("labels", "paths"))
        for new, name in self.taken.items():
            place = ("take", new) if isinstance(self.take, Mapping) else ("take",)
            if name not in there:
                yield Problem(f"the files have no column {name!r}", place, "one of " + ", ".join(there))
            elif new in context.schema.names:
                hint = f"name it anew: take: {{other_{new}: {name}}}"
                yield Problem(f"the documents have a column {new!r} already", place, hint=hint)

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Say how many rows the files have."""
        yield f"{self.labels.row_count:,} rows by {self.labels.by}; adds {', '.join(self.taken)}"

    def files(self) -> Mapping[str, str]:
        """Return the files of labels: their content decides the output, their place does not."""
        return {f"labels.{number}": path for number, path in enumerate(self.labels.paths_found)}

    def identity(self) -> dict[str, object]:
        """Return the settings without the files' places."""
        return {**self.model_dump(mode="json"), "labels": self.labels.model_dump(mode="json", exclude={"paths"})}

    def adds(self) -> tuple[pa.Field, ...]:
        """Return the columns taken from the files."""
        schema = self.labels.value_schema
        return tuple(schema.field(name).with_name(new).with_nullable(True) for new, name in self.taken.items())

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn where no document has a row."""
        counts = results.counts
        if counts.entered and not counts.tagged.get(MATCHED, 0):
            rows = read_json(join(results.output, REPORT))["labels"]
            message = f"{self.name}: none of {counts.entered:,} documents has its {self.labels.by} in {rows:,} labels"
            yield RunWarning("join_without_matches", message, "prep inspect {pipeline}")

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        return (Phase(INDEX, 1), Phase(MATCH, parts), Phase(COUNT, 1))

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `match` return verdicts."""
        if phase == MATCH:
            return self._match(task, context)
        (self._index if phase == INDEX else self._count)(context)
        return None

    def _index(self, context: GlobalContext) -> None:
        try:
            labels = self.labels.read(list(dict.fromkeys(self.taken.values())))
        except ConfigurationError as error:
            raise type(error)([f"{self.name}: {line}" for line in error.lines]) from error
        index = LabelIndex.of(self.labels.hashes(labels.table.column(KEY))[0])
        ordered = labels.table.take(pa.array(index.rows))
        columns = {new: ordered.column(name) for new, name in self.taken.items()}
        hashes = {name: pa.array(half) for name, half in zip(_HASHES, index.hashes, strict=True)}
        write_arrow(join(context.scratch, "labels.arrow"), pa.table({**hashes, **columns}))
        left_out = {"without_key": labels.without_key, "repeated": labels.repeated}
        write_json(join(context.scratch, "labels.json"), {"labels": ordered.num_rows, **left_out})

    def _match(self, task: int, context: GlobalContext) -> PartVerdicts:
        labels = read_arrow(join(context.scratch, "labels.arrow"))
        hashes = np.stack([labels.column(name).to_numpy() for name in _HASHES])
        index = LabelIndex(hashes, np.arange(labels.num_rows))
        batches = context.upstream.rows(task, list(dict.fromkeys(["id", self.labels.by])))
        found = [index.find(*self.labels.hashes(batch.column(self.labels.by))) for batch in batches]
        rows = np.concatenate([np.zeros(0, np.int64), *found])
        before = context.upstream.dropped(task)
        stays = np.ones(len(rows), np.bool_) if before is None else ~before
        columns = labels.select(list(self.taken)).take(pa.array(rows, mask=rows < 0))
        write_arrow(join(context.output, "columns", f"{task:05d}.arrow"), columns.combine_chunks())
        used = np.unique(rows[stays & (rows >= 0)])
        write_arrow(join(context.scratch, "used", f"{task:05d}.arrow"), pa.table({"row": used}))
        missing = np.flatnonzero(stays & (rows < 0))
        matched = int(stays.sum()) - len(missing)
        lost = missing if self.unmatched == "reject" else missing[:0]
        tagged = {MATCHED: matched, UNMATCHED: len(missing) - len(lost)}
        rule = pa.array(np.full(len(lost), UNMATCHED), pa.string())
        counted = {name: count for name, count in tagged.items() if count}
        write_json(join(context.scratch, "counts", f"{task:05d}.json"), {MATCHED: matched, UNMATCHED: len(missing)})
        return PartVerdicts(int(stays.sum()), lost, Verdicts(rule), counted)

    def _count(self, context: GlobalContext) -> None:
        report = dict(read_json(join(context.scratch, "labels.json")))
        parts = range(len(context.upstream.parts))
        counts = [read_json(join(context.scratch, "counts", f"{part:05d}.json")) for part in parts]
        tables = [read_arrow(join(context.scratch, "used", f"{part:05d}.arrow")) for part in parts]
        used = [table.column("row").to_numpy() for table in tables]
        for name in (MATCHED, UNMATCHED):
            report[name] = sum(int(str(count[name])) for count in counts)
        there = len(np.unique(np.concatenate([np.zeros(0, np.int64), *used])))
        report["labels_without_document"] = int(str(report["labels"])) - there
        write_json(join(context.output, REPORT), report)


def read_report(output: str) -> Mapping[str, object] | None:
    """Return what a finished join says of itself; None where there is no such file."""
    path = Path(output, REPORT)
    return read_json(str(path)) if path.exists() else None
