"""CPU seconds of a task by what it does: each stage, each tap. The rest is reading columns, counting and writing."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.pipeline.execution.isolation import Guard
from prep.pipeline.execution.quarantine import Incidents, Note
from prep.stages.stage import RowFunction
from prep.stages.verdicts import Outcome

Work = TypeVar("Work", bound=int | str)
Item = TypeVar("Item")


def cpu_seconds() -> float:
    """Return the CPU seconds that this process has taken, with its threads and the processes that it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


class StageClock(Generic[Work]):
    """Adds up CPU seconds, by the stages' positions in the configuration and, where taps count, by their names."""

    def __init__(self) -> None:
        self.seconds: dict[Work, float] = {}

    @contextmanager
    def running(self, work: Work) -> Iterator[None]:
        """Count what the block takes."""
        begun = cpu_seconds()
        try:
            yield
        finally:
            self.seconds[work] = self.seconds.get(work, 0.0) + cpu_seconds() - begun

    def drawing(self, work: Work, items: Iterator[Item]) -> Iterator[Item]:
        """Pass items on, and count what making them takes."""
        while True:
            with self.running(work):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item


class TimedGuard(Guard):
    """A guard that counts what reading and each stage take."""

    def __init__(self, note: Note, incidents: Incidents, source: int | None, clock: StageClock[int | str]) -> None:
        super().__init__(note, incidents, source)
        self._clock = clock

    def reading(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """See `Guard`."""
        return self._clock.drawing(self._source, super().reading(outcomes))

    def apply(
        self, position: int, function: RowFunction, batch: pa.RecordBatch, rows: npt.NDArray[np.int64]
    ) -> Outcome:
        """See `Guard`."""
        with self._clock.running(position):
            return super().apply(position, function, batch, rows)
