"""The second phase of packing: which tokens go into which row of which split, in which order.

Only the documents' lengths are read, never their tokens: some 150 bytes of memory per piece. For each split the plan is
two tables that the writing tasks map into memory, and what its manifest will say:

    scratch/plan/train-rows.arrow     `offset`: where each row's pieces begin, and where the last one's end
    scratch/plan/train-pieces.arrow   `position` in the sequence of all tokens, `length`, `document`, `start` in it
    scratch/plan/train.json
"""

from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.storage import join, read_arrow, read_json, write_arrow, write_json
from prep.stages.pack.pack_kernels import Integers, Lots, arrange, best_fit, concatenate, cut_long
from prep.stages.pack.tokens import Documents

Strategy = Literal["best_fit", "concatenate"]

SPLITS = ("train", "validation")

SHUFFLE = 0x73687566666C65
"""Sets the order of the rows apart from other draws with the same seed: a trainer that drew the same permutation again
would undo it."""


@dataclass(frozen=True)
class Packing:
    """How documents become rows."""

    strategy: Strategy
    length: int
    """Tokens in a row."""
    minimum_piece: int
    window: int
    """Documents that best fit looks at together."""


class Pieces(NamedTuple):
    """Pieces of documents in the documents' order; every array has one entry per piece."""

    documents: Integers
    starts: Integers
    """Tokens of the document before the piece."""
    lengths: Integers
    rows: Integers


@dataclass(frozen=True)
class SplitFacts:
    """What a split holds; the fields are those of the manifest."""

    rows: int
    documents: int
    cut_documents: int
    max_documents_per_row: int
    tokens: int
    text_bytes: int


class SplitPlan(NamedTuple):
    """What lies in the rows of a split. Row i holds the pieces from `offsets[i]` to `offsets[i + 1]`."""

    offsets: Integers
    """(rows + 1)"""
    positions: Integers
    """(pieces) Where a piece lies in the sequence of all tokens."""
    lengths: Integers
    """(pieces)"""
    documents: Integers
    """(pieces) Numbers over the documents of all splits."""
    starts: Integers
    """(pieces) Tokens of the document before the piece."""


def make_plan(documents: Documents, packing: Packing, validation: float, seed: int, scratch: str) -> None:
    """Draw the validation documents, pack each split, shuffle its rows and write its plan."""
    drawn = draw_validation(documents.lots, validation)
    positions = np.cumsum(documents.tokens) - documents.tokens
    for index, split in enumerate(SPLITS):
        numbers = np.flatnonzero(drawn == (split == "validation"))
        tokens = documents.tokens[numbers]
        pieces, rows = pack(tokens, packing)
        places = np.random.default_rng((seed, SHUFFLE, index)).permutation(rows)
        offsets, order = arrange(pieces.rows, pieces.starts, places)
        in_order, starts = numbers[pieces.documents[order]], pieces.starts[order]
        plan = SplitPlan(offsets, positions[in_order] + starts, pieces.lengths[order], in_order, starts)
        facts = SplitFacts(
            rows=rows,
            documents=len(numbers),
            cut_documents=int(np.count_nonzero(np.bincount(pieces.documents) > 1)),
            max_documents_per_row=int(np.diff(offsets).max(initial=0)),
            tokens=int(tokens.sum()),
            text_bytes=int(documents.text_bytes[numbers].sum()),
        )
        _write(scratch, split, plan, facts)


def draw_validation(lots: Lots, share: float) -> npt.NDArray[np.bool_]:
    """Return which documents are for validation: those whose lot is below `share` of all 64-bit numbers.

    Where that would leave a split empty, the document with the lowest lot is for validation, or the one with the
    highest for training; a single document is for training.
    """
    if share == 0 or not len(lots):
        return np.zeros(len(lots), np.bool_)
    drawn: npt.NDArray[np.bool_] = lots < np.uint64(share * 2.0**64)
    drawn[np.argmin(lots)] = True
    drawn[np.argmax(lots)] = False
    return drawn


def pack(tokens: Integers, packing: Packing) -> tuple[Pieces, int]:
    """Put documents of so many tokens into rows; return their pieces and the number of rows."""
    if packing.strategy == "concatenate":
        *pieces, rows = concatenate(tokens, packing.length, packing.minimum_piece)
        return Pieces(*pieces), rows
    documents, starts, lengths = cut_long(tokens, packing.length, packing.minimum_piece)
    windows = np.searchsorted(documents, np.arange(0, len(tokens) + packing.window, packing.window))
    row_of_piece, rows = best_fit(lengths, windows, packing.length)
    return Pieces(documents, starts, lengths, row_of_piece), rows


def _write(scratch: str, split: str, plan: SplitPlan, facts: SplitFacts) -> None:
    folder = join(scratch, "plan")
    columns = {"position": plan.positions, "length": plan.lengths, "document": plan.documents, "start": plan.starts}
    write_arrow(join(folder, f"{split}-rows.arrow"), pa.table({"offset": plan.offsets}))
    write_arrow(join(folder, f"{split}-pieces.arrow"), pa.table(columns))
    write_json(join(folder, f"{split}.json"), asdict(facts))


def read_plan(scratch: str, split: str) -> SplitPlan:
    """Map a split's plan into memory."""
    folder = join(scratch, "plan")
    rows = read_arrow(join(folder, f"{split}-rows.arrow"))
    pieces = read_arrow(join(folder, f"{split}-pieces.arrow"))
    columns = (pieces.column(name).to_numpy() for name in ("position", "length", "document", "start"))
    return SplitPlan(rows.column("offset").to_numpy(), *columns)


def read_facts(scratch: str, split: str) -> SplitFacts:
    """Read what a split holds."""
    return SplitFacts(**read_json(join(scratch, "plan", f"{split}.json")))  # type: ignore[arg-type]
