"""Keeps the documents with the highest scores, exactly so many of them, in one look at the scores.

1. `count` makes a histogram of each part's scores: documents per group and interval of scores.
2. `cut` adds the histograms up, finds the interval in which the last document to keep lies, and sorts the documents in
   it: this gives each group's cutoff.
3. `drop` compares each document with the cutoff.

An interval is made of the scores whose leading 16 bits agree (sign, exponent and five binary digits), so that no range
needs to be known. Equal scores are ordered by a hash of the id, never by place. Memory: 24 bytes per document in the
intervals of the cutoffs.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from prep.corpus.arrow.columns import is_number
from prep.corpus.errors import Problem
from prep.corpus.files.storage import join, read_arrow, write_arrow
from prep.stages.sampling.chance import id_hashes
from prep.stages.stage import CheckContext, GlobalStage, Phase, Tagging, Tap
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

COUNT, CUT, DROP = "count", "cut", "drop"
RULE = "below_top_share"
INTERVAL_BITS = np.uint64(16)

Keys = npt.NDArray[np.uint64]
_SIGN = np.uint64(1 << 63)


class ScoreTap(Tap):
    """Each document's id, score and group."""

    name: ClassVar[str] = "score"
    columns: ClassVar[tuple[str, ...]] = ("id",)

    score: str
    within: tuple[str, ...]

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to `id`, `score` (float64) and `group` (string)."""

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            columns = {
                "id": batch.column("id").cast(pa.string()),
                "score": batch.column(self.score).cast(pa.float64()),
                "group": _groups(batch, self.within),
            }
            return pa.RecordBatch.from_pydict(columns)

        return extract


def _groups(batch: pa.RecordBatch, names: Sequence[str]) -> pa.StringArray:
    if not names:
        return pa.array([""] * batch.num_rows, pa.string())
    columns = [batch.column(name).cast(pa.string()).fill_null("") for name in names]
    return pc.binary_join_element_wise(*columns, "\x1f")


class TopShare(Tagging, GlobalStage):
    """Keep the share of the documents with the highest scores, in all or for each language or source by itself.

    Others are rejected under the rule `below_top_share`, with their score as `value`. Documents without a score come
    last. Of a group, ceil(share · documents) stay.
    """

    example: ClassVar[str] = "- top_share: {share: 0.3, within: [language]}"
    name: ClassVar[str] = "top_share"
    does: ClassVar[str] = "choosing the best share"
    columns: ClassVar[tuple[str, ...]] = ("id",)
    drops: ClassVar[bool] = True

    score: str = "classifier_score"
    """The column of numbers to rank by; the highest is the best."""
    share: float = Field(gt=0, lt=1)
    """Share of the documents that stay."""
    within: tuple[str, ...] = ()
    """Columns such as `language` and `source`: documents with the same values are a group, and the share is taken of
    each group."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find columns that are not there, or hold no numbers."""
        names = context.schema.names
        for field, name in (("score", self.score), *(("within", name) for name in self.within)):
            if name not in names:
                yield Problem(f"no earlier stage makes a column {name!r}", (field,), "one of " + ", ".join(names))
        if self.score in names and not is_number(context.schema.field(self.score).type):
            kind = str(context.schema.field(self.score).type)
            yield Problem(f"column {self.score!r} cannot be ranked by", ("score",), "numbers", kind)

    def tap(self) -> ScoreTap:
        """Return the tap that takes ids, scores and groups."""
        return ScoreTap(score=self.score, within=self.within)

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases count, cut and drop."""
        return (Phase(COUNT, parts), Phase(CUT, 1), Phase(DROP, parts))

    def is_light(self, phase: str) -> bool:
        """Return True: all phases read the scores once."""
        return True

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `drop` return verdicts."""
        if phase == COUNT:
            write_arrow(_histogram_path(context, task), _histogram(_Scores(context, task)))
            return None
        if phase == CUT:
            write_arrow(join(context.scratch, "cutoffs.arrow"), _cutoffs(context, self.share))
            return None
        return _drop(context, task)


class _Scores:
    """The documents of a part that no earlier stage has dropped."""

    def __init__(self, context: GlobalContext, part: int) -> None:
        table = read_arrow(context.upstream.taps[part])
        lost = context.upstream.dropped(part)
        self.rows = np.arange(table.num_rows) if lost is None else np.flatnonzero(~lost)
        self.table = table.take(pa.array(self.rows))
        self.keys = rank_keys(self.table.column("score").to_numpy())
        self.ties = id_hashes(self.table.column("id"), 0)
        groups = self.table.column("group").combine_chunks().dictionary_encode()
        self.names: list[str] = groups.dictionary.to_pylist()
        self.groups: npt.NDArray[np.int64] = groups.indices.to_numpy().astype(np.int64)


def rank_keys(scores: npt.NDArray[np.float64]) -> Keys:
    """Return numbers (uint64) in the order of the scores; NaN, which stands for null, is the lowest, 0."""
    bits = (scores + 0.0).view(np.uint64)  # makes −0 the same as 0
    keys = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return np.where(np.isnan(scores), np.uint64(0), keys)


def _histogram_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "histograms", f"{part:05d}.arrow")


def _intervals(keys: Keys) -> npt.NDArray[np.int64]:
    return (keys >> (np.uint64(64) - INTERVAL_BITS)).astype(np.int64)


def _histogram(scores: _Scores) -> pa.Table:
    """Return how many documents each group has in each interval."""
    pairs = np.stack([scores.groups, _intervals(scores.keys)], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    names = pa.array(scores.names, pa.string()).take(pa.array(found[:, 0]))
    return pa.table({"group": names, "interval": found[:, 1], "count": counts})


def _cutoffs(context: GlobalContext, share: float) -> pa.Table:
    """Return each group's last document to keep: key and tie."""
    parts = range(len(context.upstream.parts))
    whole = pa.concat_tables([read_arrow(_histogram_path(context, part)) for part in parts])
    whole = whole.group_by(["group", "interval"]).aggregate([("count", "sum")])
    last: dict[str, tuple[int, int]] = {}
    for name in sorted(whole.column("group").unique().to_pylist()):
        rows = whole.filter(pc.equal(whole.column("group"), name)).sort_by([("interval", "descending")])
        reached = np.cumsum(rows.column("count_sum").to_numpy())
        wanted = int(np.ceil(share * reached[-1] - 1e-9))
        index = int(np.searchsorted(reached, wanted))
        before = int(reached[index - 1]) if index else 0
        last[name] = (rows.column("interval")[index].as_py(), wanted - before)
    chosen = _in_intervals(context, {name: interval for name, (interval, _) in last.items()})
    cutoffs = []
    for name, (_, wanted) in last.items():
        keys, ties = chosen[name]
        order = np.lexsort((ties, ~keys))
        cutoffs.append((name, int(keys[order[wanted - 1]]), int(ties[order[wanted - 1]])))
    names, keys_, ties_ = zip(*cutoffs, strict=True) if cutoffs else ((), (), ())
    schema = pa.schema({"group": pa.string(), "key": pa.uint64(), "tie": pa.uint64()})
    return pa.table([pa.array(names, pa.string()), pa.array(keys_, pa.uint64()), pa.array(ties_, pa.uint64())], schema)


def _in_intervals(context: GlobalContext, wanted: dict[str, int]) -> dict[str, tuple[Keys, Keys]]:
    """Return keys and ties of the documents of each group in one interval."""
    found: dict[str, list[tuple[Keys, Keys]]] = {name: [] for name in wanted}
    for part in range(len(context.upstream.parts)):
        scores = _Scores(context, part)
        intervals = _intervals(scores.keys)
        for group, name in enumerate(scores.names):
            inside = (scores.groups == group) & (intervals == wanted[name])
            found[name].append((scores.keys[inside], scores.ties[inside]))
    return {name: _joined(pieces) for name, pieces in found.items()}


def _joined(pieces: list[tuple[Keys, Keys]]) -> tuple[Keys, Keys]:
    keys, ties = zip(*pieces, strict=True)
    return np.concatenate(keys), np.concatenate(ties)


def _drop(context: GlobalContext, part: int) -> PartVerdicts:
    """Return the documents of a part that are below the cutoffs."""
    scores = _Scores(context, part)
    cutoffs = read_arrow(join(context.scratch, "cutoffs.arrow"))
    order = pc.index_in(pa.array(scores.names, pa.string()), cutoffs.column("group").combine_chunks()).to_numpy()
    of_row = order[scores.groups] if len(order) else np.empty(0, np.int64)
    key, tie = (cutoffs.column(name).to_numpy()[of_row] for name in ("key", "tie"))
    below = (scores.keys < key) | ((scores.keys == key) & (scores.ties > tie))
    rows = scores.rows[below]
    rule = pa.array(np.full(len(rows), RULE), pa.string())
    return PartVerdicts(
        len(scores.rows), rows, Verdicts(rule, value=scores.table.column("score").filter(pa.array(below)))
    )
