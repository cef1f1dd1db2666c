"""A run by its configuration or by its output folder: every command takes either."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.run_folders import run_hint
from prep.corpus.files.storage import expand_path, is_remote
from prep.pipeline import config, contract
from prep.pipeline.config import Configuration
from prep.pipeline.data_files import data_folder_hint
from prep.pipeline.located import Located
from prep.pipeline.monitor.state import CONFIGURATION, read_state
from prep.pipeline.remote.reading import fetched

STEPS = "steps"


def output_of(target: str, overrides: Sequence[str] = ()) -> str:
    """Return the output folder of a run, given that or the configuration; no stage is looked at.

    Of an output in a store it is the folder of this machine that stands for it, brought in line with the store. Raises
    RunError where there is nothing, ConfigurationError where it is neither.
    """
    if is_remote(target):
        return fetched(target)
    if Path(target).is_dir():
        return target
    if not Path(target).exists():
        raise RunError(f"{target}: not found; expected a pipeline's configuration, or the output folder of a run")
    output = config.read_value(target, overrides, "output")
    if not isinstance(output, str) or not output:
        raise ConfigurationError(
            [f"{target}: expected a pipeline with the key 'output', or the output folder of a run"]
        )
    place = expand_path(output)
    if not is_remote(place):
        return place
    scratch = config.read_value(target, overrides, "scratch")
    return fetched(place, expand_path(scratch) if isinstance(scratch, str) else "")


@contextmanager
def opened(
    target: str, overrides: Sequence[str] = (), flags: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[Configuration, Located]]:
    """Load and check the configuration of a run, given it or the output folder.

    Of a folder it is the published configuration, and relative paths in it mean what they meant to the run while the
    block runs. Raises ConfigurationError where it cannot work, RunError where no run has been in the folder.
    """
    if not is_remote(target) and not Path(target).is_dir():
        yield _checked(target, overrides, flags)
        return
    folder = Path(fetched(target) if is_remote(target) else target).absolute()
    published = folder / CONFIGURATION
    state = read_state(str(folder / STEPS))
    if not published.exists():
        raise RunError(
            f"{target}: no run has been here: there is no {CONFIGURATION}; give the pipeline's file, or its output"
            + (run_hint(str(folder)) or data_folder_hint(target))
        )
    there = state is not None and Path(state.folder).is_dir()
    with chdir(state.folder) if state is not None and there else nullcontext():
        place = target if is_remote(target) else folder
        yield _checked(str(published), [*overrides, f"output={place}"], flags)


def _checked(file: str, overrides: Sequence[str], flags: Mapping[str, str]) -> tuple[Configuration, Located]:
    configuration, located = config.load(file, overrides, flags)
    contract.check(configuration, located)
    return configuration, located
