"""Rules applied to a batch of documents: what each rule saw, and which one a document is rejected by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.stages.quality.rules import Flags, Rule, Signal, first_broken, signals_of
from prep.stages.quality.signals.measures import SIGNALS, measured
from prep.stages.verdicts import PartVerdicts, Verdicts

Numbers = npt.NDArray[np.int64]
_SIZES = ("bytes", "cleaned_bytes")
"""Signals that say how long a text is; the first that is measured counts."""


def columns(rules: Sequence[Rule], schema: pa.Schema) -> list[str]:
    """Return the columns and fields that judging reads, of those that the documents have."""
    signals = [*signals_of(rules), *[name for name in _SIZES if name in measured(schema)][:1]]
    described = [name for name in ("id", "language", "source") if name in schema.names]
    return [*described, *(f"{SIGNALS}.{signal}" for signal in dict.fromkeys(signals))]


@dataclass(frozen=True)
class Judged:
    """A batch of documents, judged. Arrays have one entry per document; those of rules are rules × documents."""

    documents: pa.RecordBatch
    entered: Flags
    """False for documents that were lost before: they are not judged."""
    values: Signal
    thresholds: Signal
    broken: Flags
    first: Numbers
    """The number of the rule that a document is rejected by, −1 for one that stays."""
    bytes: Numbers

    def verdicts(self, rules: Sequence[Rule], start: int) -> PartVerdicts:
        """Return the rejected documents, `start` being the batch's first row; `detail` names the threshold."""
        rows = np.flatnonzero(self.first >= 0)
        first = self.first[rows]
        names = pa.array([rule.name for rule in rules], pa.string())
        bounds = [rules[rule].bound for rule in first]
        thresholds = self.thresholds[first, rows]
        details = [f"{bound} {value:g}" for bound, value in zip(bounds, thresholds, strict=True)]
        values = pa.array(self.values[first, rows], pa.float64())
        found = Verdicts(names.take(pa.array(first)), value=values, detail=pa.array(details, pa.string()))
        return PartVerdicts(int(self.entered.sum()), rows + start, found)


def joined(parts: Sequence[PartVerdicts]) -> PartVerdicts:
    """Put the verdicts on a part's batches together."""
    found = [part.verdicts for part in parts]
    return PartVerdicts(
        sum(part.entered for part in parts),
        np.concatenate([np.zeros(0, np.int64), *(part.rows for part in parts)]),
        Verdicts(
            rule=pa.concat_arrays([pa.array([], pa.string()), *(item.rule for item in found)]),
            value=pa.concat_arrays([pa.array([], pa.float64()), *(item.value for item in found)]),
            detail=pa.concat_arrays([pa.array([], pa.string()), *(item.detail for item in found)]),
        ),
    )


def judge(rules: Sequence[Rule], documents: pa.RecordBatch, lost: Flags | None) -> Judged:
    """Judge documents that carry the rules' signals; those already lost are not judged."""
    rows = documents.num_rows
    entered = np.ones(rows, np.bool_) if lost is None else ~lost
    values = np.full((len(rules), rows), np.nan)
    thresholds = np.full((len(rules), rows), np.nan)
    languages, codes = _languages(documents)
    for number, rule in enumerate(rules):
        values[number] = _signal(documents, rule.signal)
        thresholds[number] = rule.thresholds(languages)[codes]
    broken = np.zeros((len(rules), rows), np.bool_)
    for number, rule in enumerate(rules):
        broken[number] = rule.broken(values[number], thresholds[number]) & entered
    return Judged(documents, entered, values, thresholds, broken, first_broken(broken), _sizes(documents))


def _languages(documents: pa.RecordBatch) -> tuple[list[str | None], Numbers]:
    """Return the languages, and each document's number among them."""
    if "language" not in documents.schema.names:
        return [None], np.zeros(documents.num_rows, np.int64)
    encoded = documents.column("language").dictionary_encode()
    languages = [*encoded.dictionary.to_pylist(), None]
    return languages, encoded.indices.fill_null(len(languages) - 1).to_numpy(zero_copy_only=False)


def _signal(documents: pa.RecordBatch, name: str) -> Signal:
    column = pc.struct_field(documents.column(SIGNALS), name).cast(pa.float64())
    signal: Signal = column.fill_null(np.nan).to_numpy(zero_copy_only=False)
    return signal


def _sizes(documents: pa.RecordBatch) -> Numbers:
    """Return the documents' bytes, zero where nobody measured them."""
    for name in _SIZES:
        if name in measured(documents.schema):
            return _signal(documents, name).astype(np.int64)
    return np.zeros(documents.num_rows, np.int64)
