"""What stages decide about documents, of a batch or of a part: which are lost, by which rule, and which come again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class Verdicts:
    """What a stage decides about the rows of a batch. All arrays have one entry per row."""

    rule: pa.StringArray
    """Null keeps the row; otherwise the name of the rule that rejects it, or of the error that broke it."""
    failed: pa.BooleanArray | None = None
    """True where `rule` names an error rather than a decision. None: nowhere."""
    value: pa.DoubleArray | None = None
    """The value that the rule looked at, null where there is none."""
    detail: pa.StringArray | None = None
    """What a person would want to know beyond the rule, such as an error message."""
    findings: pa.RecordBatch | None = None
    """What the stage found in documents, kept and lost, in their order (see `RowStage.findings_schema`)."""
    copies: npt.NDArray[np.int64] | None = None
    """How often each row goes on, at least once; None: once. The engine makes the copies and gives them ids."""

    @staticmethod
    def from_codes(
        codes: npt.NDArray[np.integer], rules: Sequence[str], values: npt.NDArray[np.float64] | None = None
    ) -> "Verdicts":
        """Build verdicts from a kernel's codes: −1 keeps the row, k ≥ 0 rejects it under `rules[k]`."""
        lost = codes >= 0
        indices = pa.array(np.maximum(codes, 0), pa.int32(), mask=~lost)
        rule = pa.array(list(rules), pa.string()).take(indices)
        return Verdicts(rule, value=None if values is None else pa.array(values, pa.float64(), mask=~lost))


@dataclass(frozen=True)
class PartVerdicts:
    """What a Global stage decides about the documents of one part that earlier stages have left."""

    entered: int
    """How many documents of the part the stage looked at; the engine compares it with how many there are."""
    rows: npt.NDArray[np.int64]
    """The documents that the verdicts are about, by their rows in the part, rising; all others stay as they are."""
    verdicts: Verdicts
    """One entry per row of `rows`. Copies are counted; making them is the stage's own affair (packing)."""
    tagged: Mapping[str, int] = field(default_factory=dict)
    """What the stage noted of documents that it keeps, for the ledger: how many, by name."""

    @staticmethod
    def keeping(entered: int) -> "PartVerdicts":
        """Keep all documents that the stage looked at."""
        return PartVerdicts(entered, np.zeros(0, np.int64), Verdicts(pa.array([], pa.string())))


class Outcome(NamedTuple):
    """What a stage makes of a batch: the same rows in the same order, and the verdicts (None keeps every row)."""

    batch: pa.RecordBatch
    verdicts: Verdicts | None = None
