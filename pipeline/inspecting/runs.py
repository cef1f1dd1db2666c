"""A run by its configuration or by its output folder."""

from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path

from prep.corpus.errors import RunError
from prep.corpus.files.storage import read_json
from prep.pipeline import config, plan
from prep.pipeline.config import Configuration

PUBLISHED = "pipeline.yaml"
"""The configuration of a run in its output folder."""
_STATE = "steps/run.json"


@contextmanager
def opened_run(target: str, overrides: Sequence[str] = ()) -> Iterator[Configuration]:
    """Give the checked configuration of a run, named by its file or by the output folder.

    Of a folder it is the published configuration; relative paths in it mean what they meant to the run while the block
    runs. Raises RunError where a folder holds none, ConfigurationError where it cannot work.
    """
    if not Path(target).is_dir():
        configuration, located = config.load(target, overrides)
        plan.check(configuration, located)
        yield configuration
        return
    folder = Path(target).absolute()
    if not (folder / PUBLISHED).exists():
        raise RunError(f"{target}: there is no {PUBLISHED} in it; give the pipeline's configuration instead")
    state = read_json(str(folder / _STATE)) if (folder / _STATE).exists() else {}
    before = str(state.get("folder", ""))
    with chdir(before) if Path(before).is_dir() and before else nullcontext():
        configuration, located = config.load(str(folder / PUBLISHED), [*overrides, f"output={folder}"])
        plan.check(configuration, located)
        yield configuration


def output_of(target: str) -> str:
    """Return the output folder of a run, given it or the configuration."""
    return target if Path(target).is_dir() else config.load(target)[0].settings.output
