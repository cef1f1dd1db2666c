"""Commands that change a run from elsewhere: `prep stop` ends it, `prep workers` changes how many workers it has."""

from time import monotonic, sleep
from typing import Annotated

import typer

from prep.corpus.errors import RunError
from prep.pipeline.commands.pipelines import Json, Run, Set
from prep.pipeline.reports.terminal import Terminal

STOP_SECONDS = 60.0
"""So long `prep stop` waits for a run to end."""
WORKERS_SECONDS = 30.0
"""So long `prep workers` waits for a run to take the number."""


def stop(run: Run, set_: Set = None, json: Json = False) -> None:
    """End a run from any machine that sees its folder; the same command as before goes on where it stopped."""
    from prep.pipeline.commands.answering import print_json
    from prep.pipeline.monitor.observing import observe
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.monitor.state import ask_to_stop, read_state, standing_of

    output = output_of(run, set_ or [])
    folder = f"{output}/steps"
    state = read_state(folder)
    if state is None:
        raise RunError(f"{output}: no run has been here")
    console = Terminal(quiet=json)
    standing = standing_of(folder, state)
    if standing == "running":
        ask_to_stop(folder)
        begun = monotonic()
        while (standing := standing_of(folder, read_state(folder) or state)) == "running":
            if monotonic() - begun > STOP_SECONDS:
                raise RunError(
                    f"{output}: the run ({state.pid} on {state.host}) was asked to end and has not ended yet"
                )
            sleep(0.2)
        console.print(f"{output}: stopped; it is {standing}", soft_wrap=True)
    else:
        console.print(f"{output}: no run is at work here; the last one is {standing}", soft_wrap=True)
    if state.executor == "slurm":
        _cancel_jobs(folder, console)
    elif state.executor == "ray":
        _cancel_actors(folder, console)
    if json:
        print_json(observe(output))


def workers(
    run: Run,
    number: Annotated[int, typer.Argument(min=1, help="How many tasks are to run at the same time.")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Change the number of workers of a run that is at work, from any machine that sees its folder.

    Those that are too many end when they have done the tasks they are at. The next run takes the configuration's
    number. A run that began with one worker on this machine has more from its next phase on.
    """
    from prep.pipeline.commands.answering import print_json
    from prep.pipeline.monitor.observing import observe
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.monitor.state import ask_for_workers, read_state, standing_of

    output = output_of(run, set_ or [])
    folder = f"{output}/steps"
    state = read_state(folder)
    if state is None or (standing := standing_of(folder, state)) != "running":
        seen = "no run has been here" if state is None else f"no run is at work here; the last one is {standing}"
        raise RunError(f"{output}: {seen}; hint: prep run --workers {number}")
    ask_for_workers(folder, number)
    begun = monotonic()
    while (read_state(folder) or state).workers != number:
        if monotonic() - begun > WORKERS_SECONDS:
            raise RunError(f"{output}: the run ({state.pid} on {state.host}) was asked and has not answered yet")
        sleep(0.2)
    if json:
        print_json(observe(output))
    else:
        Terminal().print(f"{output}: {number} workers from now on, {state.workers} before", soft_wrap=True)


def _cancel_jobs(folder: str, console: Terminal) -> None:
    """Cancel the jobs that a run may have left which was killed."""
    from prep.pipeline.execution.pilots.launcher import name_for
    from prep.pipeline.execution.slurm import commands as slurm

    name = name_for(folder)
    left = slurm.listed(name)
    if left == {}:
        return
    if left is None or not slurm.cancel_all(name):
        raise RunError(f"Slurm does not answer; cancel the jobs that are left with: scancel --name {name}")
    console.print(f"cancelled {len(left)} jobs of Slurm", soft_wrap=True)


def _cancel_actors(folder: str, console: Terminal) -> None:
    """End the actors of Ray that a run may have left which was killed. Raises RunError where Ray does not answer."""
    from prep.pipeline.execution.clusters import box_of
    from prep.pipeline.execution.ray.launcher import left_behind

    launcher = left_behind(folder, box_of(folder))
    if launcher is None:
        return
    launcher.open()
    try:
        left = launcher.listed()
        if left is None or (left and not launcher.cancel_all()):
            raise RunError("Ray does not answer; the actors that are left end by themselves when they have been idle")
        if left:
            console.print(f"cancelled {len(left)} actors of Ray", soft_wrap=True)
    finally:
        launcher.close()
