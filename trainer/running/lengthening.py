"""Going on with a run of which only the number of steps was changed.

A checkpoint is what the longer (or shorter) run would have had as well where every rate up to it is the same in both.
With `wsd` these are all up to where the decay began, which is why that checkpoint is kept; with `cosine` the rates
depend on the length from the warm-up's end on. So the run that goes on ends with the same bytes as one from the
beginning.

    stable-00000800.safetensors   where the decay of `wsd` begins
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prep.corpus.errors import CorruptFileError
from prep.trainer.running.checkpoint import Identity, checkpoints, differing, read_identity
from prep.trainer.running.schedule import Schedule

LENGTH = "steps"


@dataclass(frozen=True)
class Start:
    """Where a run begins."""

    path: str | None
    """The checkpoint to go on from."""
    reason: str
    """What to say about it; empty where there is no run of another length."""


def stable_path(folder: str, step: int) -> str:
    """Return where the checkpoint before the decay lies."""
    return str(Path(folder, f"stable-{step:08d}.safetensors"))


def stable_checkpoints(folder: str) -> list[str]:
    """Return the checkpoints from before a decay, the newest last."""
    return sorted(map(str, Path(folder).glob("stable-*.safetensors")))


def find_start(folders: Sequence[str], identity: Identity) -> Start:
    """Return the newest checkpoint of a run of another length that this run would have come by, and what to say."""
    reason = ""
    found = [path for folder in folders for path in (*checkpoints(folder), *stable_checkpoints(folder))]
    for path in sorted(found, key=step_of, reverse=True):
        other = _identity(path)
        if not _differs_in_length(other, identity):
            continue
        if _same_rates(other, identity, step_of(path)):
            return Start(path, f"goes on from step {step_of(path)} of a run of {other[LENGTH]} steps ({path})")
        reason = reason or (
            f"starts anew: the rates of the schedule {identity['schedule']} are others with {identity[LENGTH]} steps "
            f"than with {other[LENGTH]} before step {step_of(path)}"
            + ("" if identity["schedule"] == "wsd" else "; with schedule wsd a run can be made longer")
        )
    return Start(None, reason)


def step_of(path: str) -> int:
    """Return the step after which a checkpoint was written, by its name."""
    return int(Path(path).stem.rpartition("-")[2])


def length_differs(path: str, identity: Identity) -> bool:
    """Say whether a checkpoint is of a run that differs in its number of steps alone."""
    return _differs_in_length(_identity(path), identity)


def _differs_in_length(other: Identity, identity: Identity) -> bool:
    return list(differing(other, identity)) == [LENGTH]


def _same_rates(other: Identity, identity: Identity, steps: int) -> bool:
    ours, theirs = _schedule_of(identity), _schedule_of(other)
    return steps <= ours.steps and all(ours.share(step) == theirs.share(step) for step in range(steps))


def _schedule_of(identity: Identity) -> Schedule:
    """Return the schedule of a run."""
    names = {"steps": LENGTH, "kind": "schedule", "warmup": "warmup", "final": "final_rate", "decay": "decay"}
    return Schedule(**{name: identity[key] for name, key in names.items()})  # type: ignore[arg-type]


def _identity(path: str) -> Identity:
    """Return the settings of the run that a checkpoint is of; none where it is damaged."""
    try:
        return read_identity(path)
    except (CorruptFileError, OSError, ValueError):
        return {}
