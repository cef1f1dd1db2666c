"""The second phase of packing: which tokens go into which row of which split, before the rows are shuffled.

Documents stream by, part after part: only their lengths are read, never their tokens, and one window of them is packed
at a time. So memory does not grow with the corpus. The plan of a split is what lies in its rows, in raw files that the
next phase maps into memory, and what its manifest will say:

    scratch/plan/train/offsets.bin   where each row's pieces begin, and where the last one's end
    scratch/plan/train/positions.bin, lengths.bin, documents.bin, starts.bin, cropped.bin   see `Pieces`
    scratch/plan/train.json
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from typing import Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa

from prep.corpus.files.storage import atomic_output, exists, join, read_arrow, read_json, write_arrow, write_json
from prep.corpus.shards.labels import LABELS, Column
from prep.corpus.shards.shards import CURVE, PhaseFacts
from prep.corpus.shards.splits import TRAIN, SplitRule, make_split_rule
from prep.stages.pack.curve import Borders, Ranked, find_borders, stream_name
from prep.stages.pack.mixture import (
    EVERYTHING,
    Candidates,
    Choice,
    Interval,
    Intervals,
    Mixture,
    StreamPlace,
    epochs,
    repeats_of,
    take_phases,
    taken,
)
from prep.stages.pack.packing_kernels import Integers, best_fit, concatenate, cut_long
from prep.stages.pack.placement_kernels import arrange
from prep.stages.pack.tokens import GROUP, PartDocuments, map_numbers, read_parts

Strategy = Literal["best_fit", "concatenate", "one_per_row"]

END_TO_END = 1 << 20
"""Documents that are laid end to end before a row is left with free places."""


@dataclass(frozen=True)
class Packing:
    """How documents become rows."""

    strategy: Strategy
    length: int
    """Tokens in a row."""
    minimum_piece: int
    window: int
    """Documents that best fit looks at together."""
    crop: bool
    """Whether only as much of a document is taken as fits into a row."""
    drop: bool = False
    """Whether documents longer than a row are left out."""
    separators: int = 1
    """Ids that stand before and after each document, together: the fewest tokens of it that a budget may take."""


class Taken(NamedTuple):
    """Documents that a phase takes, in the order in which they are packed; every array has one entry per document."""

    numbers: Integers
    positions: Integers
    tokens: Integers
    cropped: Integers
    """1 where the document has more tokens than are taken, else 0."""


class Pieces(NamedTuple):
    """Pieces of documents in the order of their rows. Row i holds the pieces from `offsets[i]` to `offsets[i + 1]`."""

    offsets: Integers
    """(rows + 1)"""
    positions: Integers
    """(pieces) Where a piece lies in the sequence of all tokens."""
    lengths: Integers
    """(pieces)"""
    documents: Integers
    """(pieces)"""
    starts: Integers
    """(pieces) Tokens of the document before the piece."""
    cropped: Integers
    """(pieces) 1 for the last piece of a document of which only the beginning is taken, else 0."""


@dataclass
class SplitFacts:
    """What a split holds; the fields are those of the manifest."""

    rows: int = 0
    documents: int = 0
    cut_documents: int = 0
    cropped_documents: int = 0
    cropped_tokens: int = 0
    max_documents_per_row: int = 0
    tokens: int = 0
    text_bytes: int = 0
    tokens_by: dict[str, dict[str, int]] = field(default_factory=dict)
    phases: list[PhaseFacts] = field(default_factory=list)


class PlanTask(NamedTuple):
    """Everything that decides the plan."""

    scratch: str
    output: str
    parts: int
    dtype: str
    packing: Packing
    mixture: Mixture | None
    validation: float
    test: float

    def run(self) -> None:
        """Draw the splits, pack each of them and write its plan."""
        hashes = (part.split_hashes[_lengths(part, self.packing) > 0] for part in self._documents())
        rule = make_split_rule(self.validation, self.test, hashes)
        write_json(_split_rule_path(self.scratch), rule._asdict())
        total = sum(len(part.tokens) for part in self._documents())
        borders = self._borders(rule)
        for split in rule.splits:
            phases = self._phases(rule, split, borders)
            with PlanWriter(self.scratch, split, self.packing) as writer:
                for phase in phases:
                    for epoch in epochs(phase):
                        for part in self._documents():
                            there = candidates(part, rule, split, self.packing, borders)
                            writer.add(part, taken(phase, epoch, there), epoch * total)
                    writer.end_phase()

    def _borders(self, rule: SplitRule) -> Mapping[str, Borders]:
        """Find the borders of the buckets of the mixture's curve, and write them for the phases after this one."""
        if self.mixture is None or self.mixture.curve is None:
            return {}
        curve, groups = self.mixture.curve, {group for phase in self.mixture.phases for group in phase.shares}
        found = find_borders(curve, self._ranked(rule, groups))
        columns = {
            group: {"scores": each.scores.tolist(), "hashes": each.hashes.tolist()} for group, each in found.items()
        }
        write_arrow(
            _borders_path(self.scratch), pa.table({"group": list(columns), "borders": list(columns.values())}, _BORDERS)
        )
        return found

    def _ranked(self, rule: SplitRule, groups: Set[str]) -> Iterator[Ranked]:
        for part in self._documents():
            there = candidates(part, rule, TRAIN, self.packing)
            assert part.scores is not None
            for code, group in enumerate(there.groups):
                rows = np.flatnonzero((there.codes == code) & (there.tokens > 0))
                if group in groups and len(rows):
                    yield Ranked(group, part.scores[rows], there.tokens[rows], there.hashes[rows])

    def _phases(self, rule: SplitRule, split: str, borders: Mapping[str, Borders]) -> Sequence[Intervals]:
        if split != TRAIN or self.mixture is None:
            return [EVERYTHING]

        def choice() -> Iterator[Candidates]:
            return (candidates(part, rule, TRAIN, self.packing, borders) for part in self._documents())

        phases = take_phases(self.mixture, choice, self.packing.separators)
        write_json(_phases_path(self.scratch), {"phases": phases})
        if self.mixture.curve is not None:
            write_json(join(self.output, CURVE), self._curve_report(choice))
        return phases

    def _curve_report(self, choice: Choice) -> dict[str, object]:
        """Return the tokens and the repeats of each bucket by group, worst first."""
        assert self.mixture is not None
        tokens: dict[str, int] = {}
        for there in choice():
            sums = np.bincount(there.codes, there.tokens, len(there.groups)).astype(np.int64)
            for name, count in zip(there.groups, sums.tolist(), strict=True):
                tokens[name] = tokens.get(name, 0) + count
        return {group: found._asdict() for group, found in repeats_of(self.mixture, tokens).items()}

    def _documents(self) -> Iterator[PartDocuments]:
        return read_parts(self.scratch, self.parts, self.dtype)


def candidates(
    part: PartDocuments, rule: SplitRule, split: str, packing: Packing, borders: Mapping[str, Borders] | None = None
) -> Candidates:
    """Return what may be taken of a part's documents for a split: nothing of those in another.

    Only those for training are in groups, and with the borders of a curve's buckets in the buckets' streams.
    """
    tokens = _lengths(part, packing)
    codes, groups = Column(np.zeros(len(tokens), np.int32), ("",))
    if split == TRAIN and GROUP in part.labels:
        codes, groups = part.labels[GROUP]
        if borders:
            codes, groups = _streams(part, Column(codes, groups), borders)
    return Candidates(codes, groups, np.where(rule.chosen(part.split_hashes, split), tokens, 0), part.order_hashes)


def _lengths(part: PartDocuments, packing: Packing) -> Integers:
    """Return how many tokens of each document there are to take (documents)."""
    if packing.drop:
        return np.where(part.tokens > packing.length, 0, part.tokens)
    return np.minimum(part.tokens, packing.length) if packing.crop else part.tokens


def _streams(part: PartDocuments, column: Column, borders: Mapping[str, Borders]) -> Column:
    """Return the stream of each document: of groups with buckets the bucket's, of others the group's own."""
    assert part.scores is not None
    codes = column.codes.astype(np.int32)
    names = list(column.names)
    for code, group in enumerate(column.names):
        if group not in borders:
            continue
        rows = np.flatnonzero(column.codes == code)
        buckets = borders[group].buckets(part.scores[rows], part.order_hashes[rows])
        codes[rows] = len(names) + buckets
        names += [stream_name(group, bucket) for bucket in range(len(borders[group].scores) + 1)]
    return Column(codes, tuple(names))


class PlanWriter(AbstractContextManager["PlanWriter"]):
    """Packs a split's documents as they come, window by window, and writes its plan; the facts come last."""

    def __init__(self, scratch: str, split: str, packing: Packing) -> None:
        self._scratch, self._split, self._packing = scratch, split, packing
        self._window = packing.window if packing.strategy == "best_fit" else END_TO_END
        self._waiting: list[Taken] = []
        self._pieces = 0
        self._phase = PhaseFacts(0, 0, {})
        self._facts = SplitFacts()

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        paths = (_column_path(self._scratch, self._split, name) for name in Pieces._fields)
        self._files = [self._stack.enter_context(atomic_output(path)) for path in paths]
        self._files[0].write(np.zeros(1, np.int64).data)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]
        if error[0] is None:
            write_json(_facts_path(self._scratch, self._split), asdict(self._facts))

    def add(self, part: PartDocuments, tokens: Integers, offset: int) -> None:
        """Take so many tokens of each of a part's documents, none of some; their numbers begin at `offset`."""
        here = np.flatnonzero(tokens)
        self._count(part, tokens, here)
        cropped = (tokens[here] < part.tokens[here]).astype(np.int64)
        self._waiting.append(Taken(part.first + offset + here, part.positions[here], tokens[here], cropped))
        if sum(len(taken.numbers) for taken in self._waiting) >= self._window:
            documents = Taken(*map(np.concatenate, zip(*self._waiting, strict=True)))
            whole = len(documents.numbers) // self._window * self._window
            for start in range(0, whole, self._window):
                self._pack(Taken(*(column[start : start + self._window] for column in documents)))
            self._waiting = [Taken(*(column[whole:] for column in documents))]

    def end_phase(self) -> None:
        """Pack what is left; what follows lies in rows of its own."""
        if self._waiting:
            self._pack(Taken(*map(np.concatenate, zip(*self._waiting, strict=True))))
        self._waiting = []
        self._facts.phases.append(self._phase)
        self._phase = PhaseFacts(0, 0, {})

    def _count(self, part: PartDocuments, tokens: Integers, here: Integers) -> None:
        facts, phase, taken = self._facts, self._phase, int(tokens.sum())
        facts.documents += len(here)
        facts.tokens += taken
        facts.text_bytes += int(part.text_bytes[here].sum())
        over = part.tokens[here] - tokens[here]
        facts.cropped_documents += int(np.count_nonzero(over))
        facts.cropped_tokens += int(over.sum())
        groups = _by_label(part.labels[GROUP], tokens) if GROUP in part.labels else {}
        self._phase = PhaseFacts(phase.rows, phase.tokens + taken, _sum(phase.groups, groups))
        for name in LABELS:
            if name in part.labels:
                facts.tokens_by[name] = _sum(facts.tokens_by.get(name, {}), _by_label(part.labels[name], tokens))

    def _pack(self, documents: Taken) -> None:
        packed, starts, lengths, row_of_piece, rows = pack(documents.tokens, self._packing)
        offsets, order = arrange(row_of_piece, starts, rows)
        packed, starts = packed[order], starts[order]
        lengths = lengths[order]
        last = starts + lengths == documents.tokens[packed]
        cropped = documents.cropped[packed] * last
        columns = (documents.positions[packed] + starts, lengths, documents.numbers[packed], starts, cropped)
        for file, column in zip(self._files, (self._pieces + offsets[1:], *columns), strict=True):
            file.write(np.ascontiguousarray(column).data)
        self._pieces += len(packed)
        facts, phase = self._facts, self._phase
        facts.rows += rows
        facts.cut_documents += int(np.count_nonzero(np.bincount(packed) > 1))
        facts.max_documents_per_row = max(facts.max_documents_per_row, int(np.diff(offsets).max(initial=0)))
        self._phase = PhaseFacts(phase.rows + rows, phase.tokens, phase.groups)


def pack(tokens: Integers, packing: Packing) -> tuple[Integers, Integers, Integers, Integers, int]:
    """Put documents of so many tokens into rows.

    Returns each piece's document, its start in it, its length and its row (pieces), and the number of rows.
    """
    if packing.strategy == "concatenate":
        return concatenate(tokens, packing.length, packing.minimum_piece)
    documents, starts, lengths = cut_long(tokens, packing.length, packing.minimum_piece)
    if packing.strategy == "one_per_row":
        return documents, starts, lengths, np.arange(len(documents)), len(documents)
    return documents, starts, lengths, *best_fit(lengths, packing.length)


def _by_label(labels: Column, tokens: Integers) -> dict[str, int]:
    sums = np.zeros(len(labels.names), np.int64)
    np.add.at(sums, labels.codes, tokens)
    return {name: count for name, count in zip(labels.names, sums.tolist(), strict=True) if count}


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in sorted({*left, *right})}


def read_plan(scratch: str, split: str) -> Pieces:
    """Map a split's plan into memory."""
    return Pieces(*(map_numbers(_column_path(scratch, split, name)) for name in Pieces._fields))


def read_facts(scratch: str, split: str) -> SplitFacts:
    """Read what a split holds."""
    value = read_json(_facts_path(scratch, split))
    phases = [PhaseFacts(**phase) for phase in value.pop("phases")]  # type: ignore[attr-defined]
    return SplitFacts(**value, phases=phases)  # type: ignore[arg-type]


def read_split_rule(scratch: str) -> SplitRule:
    """Read how the splits were drawn."""
    return SplitRule(**read_json(_split_rule_path(scratch)))  # type: ignore[arg-type]


def read_phases(scratch: str) -> list[Intervals]:
    """Read what each phase of the mixture takes."""
    phases: list[dict[str, dict[str, dict[str, int]]]] = read_json(_phases_path(scratch))["phases"]  # type: ignore[assignment]
    return [{group: _interval(value) for group, value in phase.items()} for phase in phases]


def read_borders(scratch: str) -> dict[str, Borders]:
    """Read the borders of the buckets of the mixture's curve by group; empty without one."""
    if not exists(_borders_path(scratch)):
        return {}
    return {
        row["group"]: Borders(
            np.array(row["borders"]["scores"], np.float64), np.array(row["borders"]["hashes"], np.uint64)
        )
        for row in read_arrow(_borders_path(scratch)).to_pylist()
    }


def _interval(value: dict[str, dict[str, int]]) -> Interval:
    return Interval(StreamPlace(**value["after"]), StreamPlace(**value["last"]), value["tokens"])  # type: ignore[arg-type]


def _column_path(scratch: str, split: str, column: str) -> str:
    return join(scratch, "plan", split, f"{column}.bin")


def _facts_path(scratch: str, split: str) -> str:
    return join(scratch, "plan", f"{split}.json")


def _split_rule_path(scratch: str) -> str:
    return join(scratch, "plan", "split_rule.json")


_BORDERS = pa.schema(
    {"group": pa.string(), "borders": pa.struct({"scores": pa.list_(pa.float64()), "hashes": pa.list_(pa.uint64())})}
)


def _borders_path(scratch: str) -> str:
    return join(scratch, "plan", "borders.arrow")


def _phases_path(scratch: str) -> str:
    return join(scratch, "plan", "phases.json")
