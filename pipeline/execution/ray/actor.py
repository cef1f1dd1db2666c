"""A pilot as an actor of Ray.

The actor is named and detached, so that it outlives the driver and the next one finds it. It ends by itself where it
has had nothing to do for a while. Nothing but names of folders passes through Ray: tasks and results are files.
"""

import os
from math import inf
from threading import Timer

import ray

from prep.pipeline.execution.pilots.pilot import run_pilot
from prep.pipeline.execution.tasks import CACHE_SETTING

ERROR_SECONDS = 10.0
"""An actor whose pilot has failed lives so much longer, for the error to be read."""


class RayPilot:
    """An actor that is a pilot for as long as there is something to do."""

    def serve(self, box: str, name: str, kernels: str, working_folder: str) -> None:
        """Serve in the folder to which the run's relative paths belong, then end the actor."""
        os.environ.setdefault(CACHE_SETTING, kernels)
        try:
            os.chdir(working_folder)
            run_pilot(box, name, inf)
        except BaseException:
            Timer(ERROR_SECONDS, os._exit, (1,)).start()
            raise
        ray.actor.exit_actor()
