"""Counting what enters and leaves each stage, in documents and bytes: in all, and by source and language."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.documents import HTML, REJECTED, TEXT, URL
from prep.pipeline.steps import trials
from prep.stages.results import Counts, Group, Threshold, ThresholdCounts
from prep.stages.verdicts import Outcome, Verdicts

LABELS = ("source", "language")
"""Columns by whose values documents are counted."""

Numbers = npt.NDArray[np.int64]
Label = tuple[str | None, str | None]
_AMOUNT = np.zeros(2, np.int64)
"""Documents and bytes."""


class Account:
    """Counts of a task, by the stages' positions in the configuration."""

    def __init__(self, positions: Sequence[int]) -> None:
        self._entered = dict.fromkeys(positions, 0)
        self._rejected: dict[int, Counter[str]] = {position: Counter() for position in positions}
        self._failed: dict[int, Counter[str]] = {position: Counter() for position in positions}
        self._repeated = dict.fromkeys(positions, 0)
        self._tagged: dict[int, Counter[str]] = {position: Counter() for position in positions}
        self._groups: dict[int, dict[Label, Numbers]] = {position: {} for position in positions}
        self._left: dict[int, Counter[Label]] = {position: Counter() for position in positions}
        self._lost: dict[int, dict[Label, dict[str, Numbers]]] = {position: {} for position in positions}
        self._undecoded: dict[int, Counter[Label]] = {}
        self._tried: dict[int, list[ThresholdCounts]] = {}

    def enter(self, position: int, documents: pa.RecordBatch, sizes: pa.Array | None = None) -> None:
        """Count documents that enter a stage; their sizes are those of their texts where they are not given."""
        self._entered[position] += documents.num_rows
        groups = self._groups[position]
        for (source, language), amount in _summed(_labels(documents), sizes_of(documents) if sizes is None else sizes):
            groups[source, language] = groups.get((source, language), _AMOUNT) + amount

    def lose(
        self, position: int, rejects: pa.RecordBatch, documents: pa.RecordBatch, sizes: pa.Array | None = None
    ) -> None:
        """Count documents that a stage lost: what is recorded of them (columns of REJECTED), and as they entered."""
        for is_failure, counter in ((False, self._rejected[position]), (True, self._failed[position])):
            rules = rejects.filter(pc.equal(rejects.column("failed"), is_failure)).column("rule")
            counter.update({item["values"]: item["counts"] for item in pc.value_counts(rules).to_pylist()})
        lost = self._lost[position]
        sizes = sizes_of(documents) if sizes is None else sizes
        for (source, language, rule), amount in _summed([*_labels(documents), rejects.column("rule")], sizes):
            own = lost.setdefault((source, language), {})
            own[str(rule)] = own.get(str(rule), _AMOUNT) + amount

    def leave(self, position: int, documents: pa.RecordBatch) -> None:
        """Count documents that a stage keeps, before copies are made."""
        for (source, language), count in _counted(_labels(documents)):
            self._left[position][source, language] += count

    def look_for_undecoded(self, position: int, documents: pa.RecordBatch) -> None:
        """Count documents that a stage kept and whose text, which is its work, holds U+FFFD."""
        texts = documents.column(TEXT.name)
        found = _counted(_labels(documents.filter(pc.fill_null(pc.match_substring(texts, "\ufffd"), False))))
        self._undecoded.setdefault(position, Counter()).update({(source, of): count for (source, of), count in found})

    def try_thresholds(self, position: int, thresholds: Sequence[Threshold], outcome: Outcome) -> None:
        """Count what a row stage would keep of a batch with other thresholds."""
        if thresholds:
            self._tried.setdefault(position, []).extend(trials.count(thresholds, outcome))

    def repeat(self, position: int, copies: int) -> None:
        """Count copies that a stage made of documents."""
        self._repeated[position] += copies

    def tag(self, position: int, rules: pa.Array) -> None:
        """Count rules that a stage noted of documents and did not apply; null is none."""
        for item in pc.value_counts(rules).to_pylist():
            if item["values"] is not None:
                self._tagged[position][item["values"]] += item["counts"]

    def note(self, position: int, tags: Mapping[str, int]) -> None:
        """Count what a stage itself says it noted of documents, by name."""
        self._tagged[position].update(tags)

    def counts(self) -> Mapping[int, Counts]:
        """Return the counts by the stages' positions."""
        return {position: self._counts(position) for position in self._entered}

    def groups(self) -> Mapping[int, tuple[Group, ...]]:
        """Return the counts by source and language, by the stages' positions."""
        return {at: tuple(self._group(at, label) for label in labels) for at, labels in self._groups.items()}

    def left(self) -> Mapping[int, tuple[Group, ...]]:
        """Return the documents kept by source and language, by the stages' positions."""
        return {at: tuple(Group(*label, count, {}) for label, count in left.items()) for at, left in self._left.items()}

    def undecoded(self) -> Mapping[int, tuple[Group, ...]]:
        """Return the documents kept whose text holds U+FFFD by source and language, by the stages' positions."""
        found = self._undecoded.items()
        return {at: tuple(Group(*label, count, {}) for label, count in groups.items()) for at, groups in found}

    def tried(self) -> Mapping[int, tuple[ThresholdCounts, ...]]:
        """Return what row stages would keep with other thresholds, by the stages' positions."""
        return {position: trials.add_counts(counts) for position, counts in self._tried.items()}

    def _counts(self, position: int) -> Counts:
        rejected, failed = dict(sorted(self._rejected[position].items())), dict(sorted(self._failed[position].items()))
        entered, repeated = self._entered[position], self._repeated[position]
        kept = entered + repeated - sum(rejected.values()) - sum(failed.values())
        return Counts(entered, kept, rejected, failed, repeated, dict(sorted(self._tagged[position].items())))

    def _group(self, position: int, label: Label) -> Group:
        found = self._lost[position].get(label, {})
        lost, lost_bytes = ({rule: int(found[rule][at]) for rule in sorted(found)} for at in (0, 1))
        documents, size = self._groups[position][label].tolist()
        return Group(*label, documents, lost, size, lost_bytes)


def add_groups(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Add up the counts of groups; in order of source and language."""
    entered, sizes = Counter[Label](), Counter[Label]()
    lost: dict[Label, Counter[str]] = {}
    lost_bytes: dict[Label, Counter[str]] = {}
    for group in groups:
        label = (group.source, group.language)
        entered[label] += group.entered
        sizes[label] += group.bytes
        lost.setdefault(label, Counter()).update(group.lost)
        lost_bytes.setdefault(label, Counter()).update(group.lost_bytes)
    order = sorted(entered, key=lambda label: tuple(name or "" for name in label))
    return tuple(
        Group(
            *label,
            entered[label],
            dict(sorted(lost[label].items())),
            sizes[label],
            dict(sorted(lost_bytes[label].items())),
        )
        for label in order
    )


def sizes_of(documents: pa.RecordBatch) -> pa.Array:
    """Return the bytes of documents' texts, or of their pages where they have no text yet (int64)."""
    sizes = pa.nulls(documents.num_rows, pa.int64())
    for name in (TEXT.name, HTML.name):
        if name in documents.schema.names:
            sizes = pc.coalesce(sizes, pc.binary_length(documents.column(name)).cast(pa.int64()))
    return sizes.fill_null(0)


def sizes_path(part: str) -> str:
    """Return where the bytes of the texts of a part stand (column `bytes`, int64, a row per document)."""
    folder, _, name = part.rpartition("/parts/")
    return f"{folder}/sizes/{name.removesuffix('.parquet')}.arrow"


def rejects(documents: pa.RecordBatch, stage: str, verdicts: Verdicts) -> pa.RecordBatch:
    """Return what is recorded of documents that a stage looked at (columns of REJECTED), lost or not."""
    rows = documents.num_rows
    columns = [
        documents.column("id").cast(pa.string()),
        pa.array(np.full(rows, stage), pa.string()),
        _array(verdicts.rule).cast(pa.string()),
        pa.nulls(rows, pa.float64()) if verdicts.value is None else _array(verdicts.value),
        pa.array(np.zeros(rows, np.bool_)) if verdicts.failed is None else _array(verdicts.failed).fill_null(False),
        pa.nulls(rows, pa.string()) if verdicts.detail is None else _array(verdicts.detail),
        _strings(documents, URL.name),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REJECTED)


def noted(verdicts: Verdicts) -> tuple[pa.StringArray, Verdicts]:
    """Part verdicts into rules to be noted (null: none), and the verdicts without these: what fails is lost still."""
    failed = pa.array(np.zeros(len(verdicts.rule), np.bool_)) if verdicts.failed is None else _array(verdicts.failed)
    failed = failed.fill_null(False)
    none = pa.scalar(None, pa.string())
    rule = _array(verdicts.rule).cast(pa.string())
    return pc.if_else(failed, none, rule), replace(verdicts, rule=pc.if_else(failed, rule, none))


def _array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _labels(documents: pa.RecordBatch) -> list[pa.Array]:
    return [_strings(documents, name) for name in LABELS]


def _strings(documents: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column of strings, all null where the documents have none of that name."""
    known = name in documents.schema.names
    return documents.column(name).cast(pa.string()) if known else pa.nulls(documents.num_rows, pa.string())


def _summed(columns: Sequence[pa.Array], sizes: pa.Array) -> Iterator[tuple[tuple[str | None, ...], Numbers]]:
    """Yield the different rows of columns of strings, each with the number of times it is there and its bytes."""
    if len(sizes):
        names = [str(number) for number in range(len(columns))]
        table = pa.table([*columns, sizes], [*names, "bytes"]).group_by(names, use_threads=False)
        table = table.aggregate([([], "count_all"), ("bytes", "sum")])
        amounts = np.stack([table.column(name).to_numpy() for name in ("count_all", "bytes_sum")], axis=1)
        rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
        yield from zip(rows, amounts, strict=True)


def _counted(columns: Sequence[pa.Array]) -> Iterator[tuple[tuple[str | None, ...], int]]:
    """Yield the different rows of columns of strings, each with the number of times it is there."""
    sizes = pa.array(np.zeros(len(columns[0]), np.int64))
    return ((row, int(amount[0])) for row, amount in _summed(columns, sizes))
