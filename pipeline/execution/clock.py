"""CPU seconds of a task by what it does: each stage, each tap. The rest is reading columns, counting and writing."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.pipeline.execution.isolation import Guard
from prep.pipeline.execution.quarantine import Incidents, Note
from prep.stages.stage import RowFunction
from prep.stages.verdicts import Outcome


def cpu_seconds() -> float:
    """Return the CPU seconds that this process has taken, with its threads and the processes that it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


class StageClock:
    """Adds up CPU seconds, by the stages' positions in the configuration and by the taps' names."""

    def __init__(self) -> None:
        self.seconds: dict[int | str, float] = {}

    @contextmanager
    def running(self, work: int | str) -> Iterator[None]:
        """Count what the block takes."""
        begun = cpu_seconds()
        try:
            yield
        finally:
            self.seconds[work] = self.seconds.get(work, 0.0) + cpu_seconds() - begun


class TimedGuard(Guard):
    """A guard that counts what reading and each stage take."""

    def __init__(self, note: Note, incidents: Incidents, source: int | None, clock: StageClock) -> None:
        super().__init__(note, incidents, source)
        self._clock = clock

    def reading(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """See `Guard`."""
        inner = super().reading(outcomes)
        while True:
            with self._clock.running(self._source):
                outcome = next(inner, None)
            if outcome is None:
                return
            yield outcome

    def apply(
        self, position: int, function: RowFunction, batch: pa.RecordBatch, rows: npt.NDArray[np.int64]
    ) -> Outcome:
        """See `Guard`."""
        with self._clock.running(position):
            return super().apply(position, function, batch, rows)
