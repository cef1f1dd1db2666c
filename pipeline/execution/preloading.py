"""What the fork server of the workers loads, so that they need not: modules, and what numba loads for its first kernel.

That takes it more than a second, and so does reading the configuration in this process, which imports the same modules.
`started_early` lets both happen at once: it looks at the pipeline's file only as far as to see whether there will be
workers, and which stages. A wrong guess costs a process that ends by itself, or modules that each worker loads.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

import yaml

from prep.pipeline.execution.interrupts import INTERRUPTS, without_interrupts
from prep.stages.catalogue import module_of

RUNTIME = "prep.corpus.kernel_runtime"
ENGINE = "prep.pipeline.run"


def preload(modules: Iterable[str]) -> None:
    """Say what the fork server loads, should it not run yet."""
    forkserver.set_forkserver_preload([*modules, RUNTIME])


def preload_loaded() -> None:
    """Say that the fork server loads what this process has loaded of this package."""
    preload(sorted(name for name in sys.modules if name.startswith("prep.")))


@contextmanager
def started_early(pipeline: str, overrides: Sequence[str]) -> Iterator[None]:
    """Start the fork server where a pipeline, given as its file or its output folder, will have local workers.

    While it loads modules it does not see that nobody needs it: where the block fails or is interrupted it is killed.
    """
    before = _server()
    path = Path(pipeline, "pipeline.yaml") if Path(pipeline).is_dir() else Path(pipeline)
    with suppress(OSError, ValueError, yaml.YAMLError):  # whoever reads the configuration says what is wrong
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(value, Mapping) and _has_workers(value, overrides):
            preload([ENGINE, *_stage_modules(value.get("stages"))])
            resource_tracker.ensure_running()  # which would unblock what `without_interrupts` blocks
            with without_interrupts():
                forkserver.ensure_running()
    with INTERRUPTS.calling(_end_server):
        try:
            yield
        except BaseException:
            if _server() != before:
                _end_server()
            raise


def _server() -> int | None:
    """Return the process of the fork server, which the standard library keeps to itself."""
    process: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return process


def _end_server() -> None:
    process = _server()
    if process is not None:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _has_workers(value: Mapping[str, object], overrides: Sequence[str]) -> bool:
    changed = {**value, **dict(each.split("=", 1) for each in overrides if "=" in each)}
    return str(changed.get("workers", os.cpu_count())) != "1" and changed.get("executor", "local") in (
        "local",
        {"kind": "local"},
    )


def _stage_modules(stages: object) -> Iterator[str]:
    for entry in stages if isinstance(stages, list) else ():
        name = next(iter(entry), "") if isinstance(entry, Mapping) else entry
        module = module_of(str(name))
        if module is not None:
            yield module
