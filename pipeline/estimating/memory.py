"""What a worker takes and leaves that reads full batches: a task of a pass, in a process of its own, as in a run.

The tasks of a sample are smaller: they hold less in memory, and what they write compresses less well.
"""

from multiprocessing import get_context
from multiprocessing.connection import Connection

from prep.pipeline.steps.effort import forget_peak, peak_bytes
from prep.pipeline.steps.passes import PassTask


def worker_memory(work: PassTask) -> int:
    """Return the peak of resident memory of a process that runs a pass's only task; 0 where it ended early."""
    context = get_context("forkserver")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, theirs))
    process.start()
    theirs.close()
    try:
        found = int(mine.recv())
    except EOFError:
        found = 0
    process.join()
    return found


def _run(work: PassTask, answer: Connection) -> None:
    forget_peak()
    work.run(0)
    answer.send(peak_bytes())
