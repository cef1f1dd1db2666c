"""What a failed run says: the step, why, and what to change."""

import errno
import shlex

from prep.corpus.errors import ExecutorError, LedgerError, PrepError, StorageError
from prep.pipeline.config import Configuration
from prep.pipeline.monitor.state import Failure, RunState

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def failure_of(error: Exception, state: RunState, configuration: Configuration) -> Failure:
    """Return what is to be written down of an error that ended a run."""
    step = "" if state.at is None or not state.steps else state.steps[state.at].does
    message = str(error) if isinstance(error, PrepError | OSError) else f"{type(error).__name__}: {error}"
    return Failure(step, message, _hint(error, state, configuration))


def run_command(file: str, overrides: tuple[str, ...] = ()) -> str:
    """Return the command that runs a pipeline as it was run, or goes on with it."""
    return shlex.join(["prep", "run", file, *(word for each in overrides for word in ("--set", each))])


def _hint(error: Exception, state: RunState, configuration: Configuration) -> str:
    again = run_command(configuration.file, configuration.overrides)
    kept = f"then: {again} (steps that are done are kept)"
    text = str(error)
    if (isinstance(error, OSError) and error.errno in FULL) or "No space left" in text:
        return f"free space where {configuration.settings.output} lies, or set another output; {kept}"
    if isinstance(error, StorageError):
        return f"see that the storage answers, or allow it more with `storage: {{retries: 20}}`; {kept}"
    if isinstance(error, ExecutorError):
        return f"see that the cluster is there and takes what `executor` asks for, or set executor: local; {kept}"
    if isinstance(error, LedgerError):
        return "this is a defect of the stage that is named, not of the configuration; please report it"
    if text.startswith("strict:"):
        return f"look at the documents by these commands; raise a threshold of `warnings`, or set strict: false; {kept}"
    places = _places(state, configuration)
    if places:
        return f"change {' or '.join(places)}; {kept}"
    return kept


def _places(state: RunState, configuration: Configuration) -> list[str]:
    """Return where the stages of the step that runs stand in the configuration."""
    if state.at is None or not state.steps:
        return []
    before = sum(len(step.stages) for step in state.steps[: state.at])
    names = state.steps[state.at].stages
    places = configuration.places[before : before + len(names)]
    return [f"the options of `{name}` ({place})" for name, place in zip(names, places, strict=False)]
