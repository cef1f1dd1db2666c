"""What lies where in a run's folder, for messages: to somebody who gives it in place of its part, or the reverse.

RUN/shards/{train,validation,test}    RUN/tokenizer    RUN/model    RUN/steps
"""

from collections.abc import Iterator
from typing import Literal

from prep.corpus.files.storage import exists, join

Part = Literal["shards", "tokenizer", "model"]
_FILES: dict[Part, tuple[str, ...]] = {
    "shards": ("train/manifest.json", "validation/manifest.json", "test/manifest.json"),
    "tokenizer": ("tokenizer_config.json",),
    "model": ("config.json",),
}
"""Files of which each part has one."""
_STEPS = "steps"
_LEVELS = 3
"""Folders above the one given in which the run is looked for: `RUN/shards/train/train` lies this far below."""


def part_hint(given: str, part: Part) -> str:
    """Return `; RUN is a run's folder, with its shards in RUN/shards` where that was meant; else nothing."""
    for run in (given.rstrip("/"), *_above(given)):
        place = join(run, part)
        if place != given.rstrip("/") and any(exists(join(place, file)) for file in _FILES[part]):
            return f"; {run} is a run's folder, with its {part} in {place}"
    return ""


def run_hint(given: str) -> str:
    """Return `; the run's folder is RUN` where a folder of a run was given in place of it; else nothing."""
    run = next((folder for folder in _above(given) if exists(join(folder, _STEPS))), None)
    return "" if run is None else f"; the run's folder is {run}"


def _above(folder: str) -> Iterator[str]:
    for _ in range(_LEVELS):
        folder, slash, _name = folder.rstrip("/").rpartition("/")
        if not slash or not folder or folder.endswith(":/"):
            return
        yield folder
