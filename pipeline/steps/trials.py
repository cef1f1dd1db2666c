"""Other thresholds of row stages, tried on every document: what each stage would keep, by language.

A document that no other rule of the stage loses is counted by its number between the values that are tried, so that a
batch costs one binary search per document and threshold; how many are kept at a value is then a sum of these counts.
`ThresholdCounts` of tasks add up to those of the run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.stages.results import Threshold, ThresholdCounts
from prep.stages.verdicts import Outcome

Numbers = npt.NDArray[np.int64]


def count(thresholds: Sequence[Threshold], outcome: Outcome) -> tuple[ThresholdCounts, ...]:
    """Return the counts of one batch that a stage has judged; its rows are all that entered."""
    batch, verdicts = outcome
    rules = pa.nulls(batch.num_rows, pa.string()) if verdicts is None else verdicts.rule.cast(pa.string())
    numbers = [
        batch.column(each.column).cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        for each in thresholds
    ]
    broken = [_breaks(each, values) for each, values in zip(thresholds, numbers, strict=True)]
    languages = _languages(batch)
    found = []
    for place, (threshold, values) in enumerate(zip(thresholds, numbers, strict=True)):
        by_others = np.any([other for at, other in enumerate(broken) if at != place], axis=0)
        own = pc.fill_null(pc.equal(rules, threshold.rule), False).to_numpy(zero_copy_only=False)
        kept = rules.is_null().to_numpy(zero_copy_only=False)
        found.append(_count(threshold, values, kept, (kept | own) & ~by_others, languages))
    return tuple(found)


def add_counts(counts: Iterable[ThresholdCounts]) -> tuple[ThresholdCounts, ...]:
    """Add up counts by threshold, in the order in which thresholds first come."""
    found: dict[Threshold, tuple[Numbers, dict[str, Numbers]]] = {}
    for each in counts:
        seen, kept = found.setdefault(each.threshold, (np.zeros(len(each.seen), np.int64), {}))
        seen += np.array(each.seen)
        for language, numbers in each.kept.items():
            kept[language] = kept.get(language, np.int64(0)) + np.array(numbers, np.int64)
    return tuple(
        ThresholdCounts(threshold, seen.tolist(), {name: kept[name].tolist() for name in sorted(kept)})
        for threshold, (seen, kept) in found.items()
    )


def to_json(counts: Mapping[int, Sequence[ThresholdCounts]]) -> dict[str, list[dict[str, object]]]:
    """Return counts by position as JSON holds them."""
    return {str(position): list(map(asdict, each)) for position, each in sorted(counts.items())}


def from_json(value: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[int, tuple[ThresholdCounts, ...]]:
    """Return counts by position from what JSON holds."""
    return {int(position): tuple(map(counts_from_json, each)) for position, each in value.items()}


def counts_from_json(value: Mapping[str, Any]) -> ThresholdCounts:
    """Return the counts of one threshold from what JSON holds."""
    threshold = {**value["threshold"], "tried": tuple(value["threshold"]["tried"])}
    return ThresholdCounts(Threshold(**threshold), value["seen"], value["kept"])


def _breaks(threshold: Threshold, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return values < threshold.value if threshold.bound == "min" else values > threshold.value


def _count(
    threshold: Threshold,
    values: npt.NDArray[np.float64],
    kept: npt.NDArray[np.bool_],
    hangs: npt.NDArray[np.bool_],
    languages: tuple[list[str], Numbers],
) -> ThresholdCounts:
    """Count documents: `hangs` says of which this threshold decides, `kept` which the stage keeps with its own."""
    tried = np.array(threshold.tried)
    known = ~np.isnan(values)
    seen = np.bincount(np.searchsorted(tried, values[known], side="right"), minlength=len(tried) + 1)
    # The number of values tried at which each document would be kept: the lowest ones, or the highest.
    least = threshold.bound == "min"
    places = np.searchsorted(tried, values, side="right" if least else "left")
    times = np.where(known, places if least else len(tried) - places, np.where(kept, len(tried), 0))
    names, codes = languages
    counts = np.zeros((len(names), len(tried) + 1), np.int64)
    np.add.at(counts, (codes[hangs], times[hangs]), 1)
    at_least = counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    by_value = at_least if least else at_least[:, ::-1]
    by_language = {name: by_value[row].tolist() for row, name in enumerate(names) if counts[row].any()}
    return ThresholdCounts(threshold, seen.tolist(), by_language)


def _languages(batch: pa.RecordBatch) -> tuple[list[str], Numbers]:
    """Return the names of languages and the number of each document's."""
    if "language" not in batch.schema.names:
        return [""], np.zeros(batch.num_rows, np.int64)
    encoded = batch.column("language").cast(pa.string()).fill_null("").dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
