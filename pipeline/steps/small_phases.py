"""Which phases of a run on a cluster are so small that its driver runs them itself, and waits for no pilot.

A phase is small where all of this holds:

- it does no more than read what it is given a few times: the stage says so (`GlobalStage.is_light`), or it is a pass
  without a source and without row stages, which applies what was decided before;
- the documents that its step works on, with the table that was extracted of them for the stage, hold no more than
  SMALL_BYTES, uncompressed, in no more than SMALL_PARTS parts. The phases of all stages take some 0.1 to 1.5 s of one
  core for as much.

The bytes are those of the parts' footers and of the tables' files, so that the rule costs no reading. A driver that has
run tasks of a small phase for `prep.pipeline.execution.dispatch.DRIVER_SECONDS` leaves the rest to pilots.
"""

from pathlib import Path

from prep.corpus.arrow.documents import uncompressed_bytes
from prep.pipeline.plan import GlobalStep, PassStep
from prep.pipeline.steps.passes import tap_path
from prep.pipeline.steps.phases import TAP

SMALL_BYTES = 64 << 20
SMALL_PARTS = 256


def is_light(step: PassStep | GlobalStep, phase: str) -> bool:
    """Return whether a phase does no more than read what it is given a few times."""
    if isinstance(step, PassStep):
        return step.source is None and not step.stages and not step.taps
    return phase != TAP and step.stage.is_light(phase)


def holds_little(step: PassStep | GlobalStep, steps_folder: str) -> bool:
    """Return whether a step works on few bytes; one that reads the input does not count as such."""
    parts = step.tasks if isinstance(step, PassStep) else step.parts
    if step.previous is None or parts > SMALL_PARTS:
        return False
    tap = step.tap if isinstance(step, GlobalStep) else None
    held = 0
    for part in range(parts):
        held += uncompressed_bytes(f"{steps_folder}/{step.previous}/parts/{part:05d}.parquet")
        table = None if tap is None else Path(tap_path(steps_folder, tap, part))
        held += table.stat().st_size if table is not None and table.exists() else 0
        if held > SMALL_BYTES:
            return False
    return True
