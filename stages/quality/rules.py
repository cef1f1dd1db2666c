"""Rules as data: a signal, a bound, and a threshold, which may differ from language to language.

A rule looks only at its signal; the first that a document breaks, in the recipe's order, names the verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from prep.stages.shared.languages import related_codes

Signal = npt.NDArray[np.float64]
"""One value per document; NaN where it is not defined, such as a mean over no words. No rule rejects NaN."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """Rejects a document whose signal is below a minimum, or above a maximum."""

    name: str
    signal: str
    bound: Literal["min", "max"]
    threshold: float | None
    """For languages without one of their own; None: the rule is off there."""
    languages: Mapping[str, float | None] = field(default_factory=dict)
    """Thresholds by language; None: the rule is off there."""
    follows: str = ""
    """Which definition of the field it follows."""

    def threshold_for(self, language: str | None) -> float | None:
        """Return the threshold for a language: its own, by any code that means the same, or everyone's."""
        for code in related_codes(language) if language else ():
            if code in self.languages:
                return self.languages[code]
        return self.threshold

    def thresholds(self, languages: Sequence[str | None]) -> Signal:
        """Return the thresholds for documents in these languages, NaN where the rule is off."""
        found = {language: self.threshold_for(language) for language in set(languages)}
        return np.array([np.nan if (value := found[each]) is None else value for each in languages], np.float64)

    def broken(self, signal: Signal, thresholds: Signal) -> Flags:
        """Return which documents break the rule."""
        broken: Flags = signal < thresholds if self.bound == "min" else signal > thresholds
        return broken

    def identity(self) -> dict[str, object]:
        """Return what decides the rule's verdicts, as JSON-ready values."""
        languages = {"languages": dict(self.languages)} if self.languages else {}
        return {"signal": self.signal, self.bound: self.threshold, **languages}


def first_broken(broken: Flags) -> npt.NDArray[np.int64]:
    """Return for each document the number of the first rule that it breaks, −1 for none.

    `broken` is rules × documents.
    """
    if not len(broken):
        return np.full(broken.shape[1], -1)
    return np.where(broken.any(axis=0), broken.argmax(axis=0), -1)


def signals_of(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the signals that rules look at, each once."""
    yield from dict.fromkeys(rule.signal for rule in rules)
