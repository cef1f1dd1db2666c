"""Rules as data: a signal, a comparison and a threshold; the first that fails names the verdict.

A signal is one number per document, computed once by a kernel; a rule looks only at that number.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.stages.stage import Verdicts

Signal = npt.NDArray[np.float64]
"""One value per document; NaN where it is not defined, such as a mean over no words. No rule rejects NaN."""


class Rule(NamedTuple):
    """Rejects a document whose signal is below a minimum, or above a maximum."""

    name: str
    signal: str
    bound: Literal["min", "max"]
    threshold: float | None
    """None switches the rule off."""


def judge(signals: Mapping[str, Signal], rules: Sequence[Rule]) -> Verdicts:
    """Apply rules in their order; a rejection carries the rule's name and the signal's value."""
    rows = len(next(iter(signals.values())))
    codes = np.full(rows, -1, np.int64)
    values = np.full(rows, np.nan)
    for code, rule in enumerate(rules):
        if rule.threshold is None:
            continue
        signal = signals[rule.signal]
        broken = signal < rule.threshold if rule.bound == "min" else signal > rule.threshold
        first = broken & (codes < 0)
        codes[first] = code
        values[first] = signal[first]
    return Verdicts.from_codes(codes, [rule.name for rule in rules], values)


def ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> Signal:
    """Return part / whole as 64-bit floats, NaN where the whole is zero."""
    signal = np.full(len(part), np.nan)
    np.divide(part, whole, out=signal, where=whole != 0)
    return signal
