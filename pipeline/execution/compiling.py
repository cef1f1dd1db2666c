"""Which kernels are still to be compiled: those of the modules that are loaded, which are those of the stages that run.

A kernel is compiled where it is first called, by one process for all (`prep.corpus.kernel_cache`); a stage may be able
to do more than it is asked to, so that not all of its kernels are needed, and the number is an upper bound. A function
counts as compiled once its index in the folder of compiled functions lists a version of it.
"""

import sys
from time import monotonic

from numba.core.dispatcher import Dispatcher

from prep.corpus.kernel_cache import compiled_functions, is_compiled
from prep.pipeline.monitor.amounts import duration

SECONDS_EACH = 0.15
"""What a function costs to compile on one core, about; used until some have been."""
LEAST_COMPILED = 10
"""From so many on the time left is estimated by how long these took."""


class Compiling:
    """Follows how many kernels a run compiles, in whichever process."""

    def __init__(self) -> None:
        self._missing = [each for each in _loaded() if not is_compiled(each)]
        self._most = len(self._missing)
        self._latest = compiled_functions()
        self._begun: float | None = None

    def look(self) -> str:
        """Return how many kernels have been compiled, and may be still; empty where none was since the last look.

        Other runs may compile kernels that are none of this one's: a higher number says only that it is time to look.
        """
        before, self._latest = self._latest, compiled_functions()
        if self._latest == before:
            return ""
        missing = [each for each in self._missing if not is_compiled(each)]
        if len(missing) == len(self._missing):
            return ""
        self._begun = monotonic() if self._begun is None else self._begun
        self._missing = missing
        left = len(missing)
        done = self._most - left
        each = SECONDS_EACH if done < LEAST_COMPILED else (monotonic() - self._begun) / done
        about = f", about {duration(each * left)}" if left else ""
        return f"compiling kernels, first run only: {done} of at most {self._most}{about}"


def _loaded() -> list[Dispatcher]:
    """Return the functions of loaded modules that are kept on disk."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("prep.")]
    found = {id(each): each for module in modules for each in vars(module).values() if isinstance(each, Dispatcher)}
    return list(found.values())
