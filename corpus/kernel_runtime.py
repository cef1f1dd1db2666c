"""What numba loads before the first kernel of a process: importing this module loads it, in about 0.4 seconds.

A fork server that imports it spares each of its workers those seconds.
"""

from numba.core.registry import cpu_target

cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
