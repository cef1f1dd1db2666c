"""Starting a run that goes on by itself: a job of Slurm where that is the executor, else a process of this machine."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from prep.corpus.errors import RunError
from prep.pipeline.config import Configuration, SlurmExecutor
from prep.pipeline.execution.pilots.launcher import name_for
from prep.pipeline.execution.slurm import commands as slurm
from prep.pipeline.monitor.state import read_state, standing_of
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import steps_folder

LOG = "driver.log"
"""What a detached run prints, in the folder of steps."""


def detach(configuration: Configuration, words: Sequence[str]) -> None:
    """Start `prep run` with these words by itself: as a job of Slurm where that is the executor, else on this machine.

    Raises RunError where a run is at work in the output folder already, or Slurm does not take the job.
    """
    folder, output = Path(steps_folder(configuration)), configuration.settings.output
    state = read_state(str(folder))
    if state is not None and standing_of(str(folder), state) == "running":
        raise RunError(f"{output}: another run is at work here (process {state.pid} on {state.host})")
    folder.mkdir(parents=True, exist_ok=True)
    executor = configuration.settings.executor
    if isinstance(executor, SlurmExecutor):
        slurm.require_slurm()
        command = slurm.python_command(executor, "prep.pipeline.entry", ["run", *map(shlex.quote, words)])
        job = slurm.submit_driver(executor, f"{name_for(str(folder))}-driver", command, folder.resolve() / LOG)
        started = f"job {job} of Slurm"
    else:
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "prep.pipeline.entry", "run", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = f"process {process.pid}"
    console = Terminal()
    console.print(f"started as {started}; what it prints goes to {folder / LOG}", soft_wrap=True)
    console.print(f"next: prep status {output} --watch; prep stop {output} ends it", soft_wrap=True)
