"""What differs between two runs: settings, funnel, documents that changed sides, texts, tokens.

Each document is a row: its id, what became of it, and a hash of its text where it is kept. The two tables are joined by
id (Arrow's hash join), and all that is said is counted on columns; texts are read again for the samples alone. Cost:
one pass over the kept texts of both runs, and about 100 bytes of memory for each document.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.errors import RunError
from prep.pipeline.config import Configuration
from prep.pipeline.inspecting.drawing import Shown, with_texts
from prep.pipeline.monitor.opening import opened
from prep.pipeline.results.ledger import Ledger, read_ledger
from prep.pipeline.takedown.tracing import document_parts, read_splits
from prep.stages.results import Counts
from prep.stages.shared.matching.text_hashes import hash_texts

KEPT = "kept"
ABSENT = "not read"
"""What became of a document that only the other run has met."""
_FATES = ["fate", "fate_b"]
_SKIPPED = frozenset({"output", "workers", "executor", "batch_bytes", "storage"})
"""Settings of a run that never change its result."""


@dataclass(frozen=True)
class Setting:
    """An option that the runs were given differently."""

    name: str
    before: str
    """Empty where the run has no such stage, or the option was left out."""
    after: str


@dataclass(frozen=True)
class Funnel:
    """A stage's counts in both runs; None where a run has no such stage."""

    stage: str
    before: Counts | None
    after: Counts | None


@dataclass(frozen=True)
class Changed:
    """A document whose text differs, or that changed sides."""

    id: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Move:
    """Documents of which the runs made different things."""

    before: str
    """`kept`, `not read`, or the stage and rule that lost them: `minhash: near_duplicate`."""
    after: str
    documents: int
    samples: tuple[Changed, ...]


@dataclass(frozen=True)
class Share:
    """The tokens of a group in both runs."""

    label: str
    """`source` or `language`."""
    value: str
    before: int
    after: int


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs."""

    settings: tuple[Setting, ...] | None
    """None where a run's configuration is not known."""
    funnel: tuple[Funnel, ...]
    kept_by_both: int
    moves: tuple[Move, ...]
    """The most documents first."""
    texts_changed: int
    texts: tuple[Changed, ...]
    """Some of the documents that both keep, with different texts."""
    shares: tuple[Share, ...]


def compare(before: str, after: str, number: int = 3, settings: tuple[Setting, ...] | None = None) -> Comparison:
    """Compare two runs by their output folders, with `number` documents of each kind and the settings that differ.

    Raises RunError where no run has ended in a folder.
    """
    ledgers = read_ledger(before), read_ledger(after)
    joined = _fates(before).join(
        _fates(after), keys="id", join_type="full outer", right_suffix="_b", coalesce_keys=True, use_threads=True
    )
    for name in _FATES:
        joined = joined.set_column(joined.schema.get_field_index(name), name, pc.fill_null(joined[name], ABSENT))
    both = pc.and_(pc.equal(joined["fate"], KEPT), pc.equal(joined["fate_b"], KEPT))
    kept = joined.filter(both)
    texts = kept.filter(pc.not_equal(kept["hash"], kept["hash_b"]))["id"].combine_chunks()
    changed, moved = _first(texts, number), list(_moved(joined, number))
    samples = _samples([*changed, *(each for *_, ids in moved for each in ids)], (before, after))
    return Comparison(
        settings=settings,
        funnel=tuple(_funnel(*ledgers)),
        kept_by_both=kept.num_rows,
        moves=tuple(Move(*fates, documents, tuple(samples[each] for each in ids)) for fates, documents, ids in moved),
        texts_changed=len(texts),
        texts=tuple(samples[each] for each in changed),
        shares=tuple(_shares(before, after)),
    )


def _fates(output: str) -> pa.Table:
    """Return the documents of a run: `id`, `fate`, `hash` (of the text, null where it is not kept)."""
    tables = []
    for part in document_parts(output):
        for batch in pq.ParquetFile(part).iter_batches(columns=["id", "text"]):
            hashes = hash_texts(batch.column("text"))[0]
            tables.append(_table(batch.column("id"), pa.repeat(pa.scalar(KEPT), batch.num_rows), pa.array(hashes)))
    for path in sorted(Path(output, "rejected").glob("*.parquet")):
        lost = pq.read_table(path, columns=["id", "stage", "rule"])
        if lost.num_rows:
            fate = pc.binary_join_element_wise(lost["stage"], lost["rule"], ": ")
            tables.append(_table(lost["id"], fate, pa.nulls(lost.num_rows, pa.uint64())))
    empty = _table(pa.array([], pa.string()), pa.array([], pa.string()), pa.array([], pa.uint64()))
    return pa.concat_tables([empty, *tables]).combine_chunks()


def _table(ids: pa.Array, fate: pa.Array, hashes: pa.Array) -> pa.Table:
    return pa.table({"id": ids.cast(pa.large_string()), "fate": fate.cast(pa.string()), "hash": hashes})


def _moved(joined: pa.Table, number: int) -> Iterator[tuple[tuple[str, str], int, list[str]]]:
    """Yield both fates, the number of the documents that met them, and the ids of some; the most documents first."""
    counts = joined.group_by(_FATES).aggregate([([], "count_all")])
    counts = counts.filter(pc.not_equal(counts["fate"], counts["fate_b"]))
    order = [("count_all", "descending"), ("fate", "ascending"), ("fate_b", "ascending")]
    for row in counts.sort_by(order).to_pylist():
        own = pc.and_(pc.equal(joined["fate"], row["fate"]), pc.equal(joined["fate_b"], row["fate_b"]))
        ids = joined.filter(own)["id"].combine_chunks()
        yield (row["fate"], row["fate_b"]), row["count_all"], _first(ids, number)


def _first(ids: pa.Array, number: int) -> list[str]:
    """Return the first ids in their order, the same whatever the order of files."""
    return ids.take(pc.select_k_unstable(ids, number, [("", "ascending")])).to_pylist() if len(ids) else []


def _samples(ids: Iterable[str], outputs: tuple[str, str]) -> dict[str, Changed]:
    """Return documents by their ids, with their texts in the runs that keep them, of which each is read once."""
    shown = list(map(Shown, dict.fromkeys(ids)))
    before, after = (with_texts(shown, document_parts(output)) for output in outputs)
    return {left.id: Changed(left.id, left.text, right.text) for left, right in zip(before, after, strict=True)}


def settings_of_runs(before: str, after: str) -> tuple[Setting, ...] | None:
    """Return the settings that differ between runs, given by configurations or folders; None where one is unknown."""
    try:
        with opened(before) as (left, _):
            pass
        with opened(after) as (right, _):
            pass
    except RunError:
        return None
    return settings_between(left, right)


def settings_between(before: Configuration, after: Configuration) -> tuple[Setting, ...]:
    """Return the settings that differ, those of stages by their names; a second stage of a name has a number."""
    both = set(_stages(before)) & set(_stages(after))
    left, right = _flat(before, both), _flat(after, both)
    names = dict.fromkeys([*left, *right])
    return tuple(
        Setting(name, left.get(name, ""), right.get(name, "")) for name in names if left.get(name) != right.get(name)
    )


def _flat(configuration: Configuration, both: Set[str]) -> dict[str, str]:
    """Return the options by their names; of stages that only one run has, those alone that were set."""
    settings = configuration.settings.model_dump(mode="json", exclude=set(_SKIPPED))
    found = dict(_leaves("", settings))
    for name, stage in zip(_stages(configuration), configuration.stages, strict=True):
        options = stage.model_dump(mode="json", exclude_unset=name not in both)
        found |= {name: "there", **dict(_leaves(f"{name}.", options))}
    return found


def _stages(configuration: Configuration) -> list[str]:
    return _numbered([stage.name for stage in configuration.stages])


def _leaves(prefix: str, value: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if isinstance(item, dict) and item:
            yield from _leaves(f"{prefix}{name}.", item)
        elif item not in (None, "", {}, []):
            yield f"{prefix}{name}", str(item)


def _numbered(names: Sequence[str]) -> list[str]:
    return [name if name not in names[:at] else f"{name}#{names[:at].count(name) + 1}" for at, name in enumerate(names)]


def _funnel(before: Ledger, after: Ledger) -> Iterator[Funnel]:
    """Yield the stages of both runs, in the order of the second with those of the first alone where they stood."""
    left = dict(zip(_numbered(before.names), before.counts, strict=True))
    right = dict(zip(_numbered(after.names), after.counts, strict=True))
    order = list(right)
    for at, name in enumerate(left):
        if name not in right:
            earlier = [order.index(each) for each in list(left)[:at] if each in order]
            order.insert(max(earlier, default=-1) + 1, name)
    for name in order:
        yield Funnel(name, left.get(name), right.get(name))


def _shares(before: str, after: str) -> Iterator[Share]:
    left, right = _tokens(before), _tokens(after)
    for label, value in sorted({**left, **right}):
        yield Share(label, value or "unknown", left.get((label, value), 0), right.get((label, value), 0))


def _tokens(output: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for _, manifest in read_splits(output).values():
        for label, groups in manifest.tokens_by.items():
            for value, tokens in groups.items():
                found[label, value] = found.get((label, value), 0) + tokens
    return found
