"""What a run's pilots run on: jobs of Slurm, or actors of Ray."""

from pathlib import Path

from prep.pipeline.config import RayExecutor, SlurmExecutor
from prep.pipeline.execution.pilots.exchange import FOLDER, Mailbox
from prep.pipeline.execution.pilots.launcher import Launcher
from prep.pipeline.execution.ray.launcher import RayLauncher
from prep.pipeline.execution.slurm.launcher import SlurmLauncher


def box_of(folder: str) -> Mailbox:
    """Return the mailbox of a folder of steps. Raises RunError where others could write it."""
    return Mailbox(str(Path(folder).resolve() / FOLDER))


def launcher_for(executor: RayExecutor | SlurmExecutor, folder: str, box: Mailbox) -> Launcher:
    """Return what starts the pilots of a folder of steps."""
    if isinstance(executor, RayExecutor):
        return RayLauncher(executor, folder, box)
    return SlurmLauncher(executor, folder, box)
