"""Every error that `prep` raises on purpose.

    PrepError                    something the user can act on; the command line prints it without a traceback
    ├── ConfigurationError       the configuration cannot work; found before any data moves      exit status 2
    └── RunError                 a run could not go on                                            exit status 1
        ├── TaskError            a task of a step failed; names the step, the task and its log
        ├── LedgerError          documents in ≠ kept + rejected + failed
        ├── StorageError         storage did not answer, or reported errors, however often it was tried
        └── CorruptFileError     a file that `prep` wrote itself is damaged

A broken document is none of these: it is counted and recorded (see `prep.stages.verdicts.Verdicts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration, in the words the user reads.

    `field` is the path below the stage (or the top level) that the problem sits at, such as ("bands",); empty
    means the stage as a whole. `expected` and `seen` complete "expected …, seen …"; `hint` is an instruction.
    """

    message: str
    field: tuple[str | int, ...] = ()
    expected: str = ""
    seen: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return the problem as one line: message, expectation, observation and hint."""
        parts = [self.message]
        if self.expected:
            parts.append(f"expected {self.expected}" + (f", seen {self.seen}" if self.seen else ""))
        elif self.seen:
            parts.append(f"seen {self.seen}")
        if self.hint:
            parts.append(self.hint)
        return "; ".join(parts)


class PrepError(Exception):
    """The base of all errors a user can act on."""

    exit_status = 1


class ConfigurationError(PrepError):
    """The configuration cannot work. Carries every problem found, each with its place."""

    exit_status = 2

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple[type["ConfigurationError"], tuple[tuple[str, ...]]]:
        return type(self), (self.lines,)


class RunError(PrepError):
    """A run could not go on."""


class TaskError(RunError):
    """A task failed; the message names the step, the task and where its log lies."""


class LedgerError(RunError):
    """The documents that went into a stage are not all accounted for."""


class StorageError(RunError):
    """Storage stays away; the message names the file, the operation and the cause."""


class ExecutorError(RunError):
    """The cluster refuses or loses what a run needs of it, or does not answer."""


class CorruptFileError(RunError):
    """A file written by `prep` does not hold what its manifest says."""
