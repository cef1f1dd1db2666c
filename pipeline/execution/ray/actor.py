"""A pilot as an actor of Ray.

The actor is named and detached, so that it outlives the driver and the next one finds it. It serves from the moment it
is made, whether or not anybody calls it, and ends by itself where it has had nothing to do for a while. Nothing but
names of folders passes through Ray: tasks and results are files.
"""

import os
from math import inf
from threading import Thread
from time import sleep

from prep.pipeline.execution.pilots.pilot import run_pilot
from prep.pipeline.execution.tasks import CACHE_SETTING

ERROR_SECONDS = 10.0
"""An actor whose pilot has failed lives so much longer, for the error to be read."""


class RayPilot:
    """An actor that is a pilot for as long as there is something to do."""

    def __init__(self, box: str, name: str, kernels: str, working_folder: str) -> None:
        """Begin to serve, in the folder to which the run's relative paths belong."""
        os.environ.setdefault(CACHE_SETTING, kernels)
        self._error: Exception | None = None
        self._thread = Thread(target=self._serve, args=(box, name, working_folder), name="pilot", daemon=True)
        self._thread.start()

    def outcome(self) -> None:
        """Return when the pilot has ended. Raises what has ended it."""
        while self._thread.is_alive() and self._error is None:
            self._thread.join(0.1)
        if self._error is not None:
            raise self._error

    def _serve(self, box: str, name: str, working_folder: str) -> None:
        try:
            os.chdir(working_folder)
            run_pilot(box, name, inf)
        except Exception as error:
            self._error = error
            sleep(ERROR_SECONDS)
        os._exit(0)
