"""The process in which one target runs: `python -m tests.fuzz.process TARGET [libFuzzer's options] CORPUS`."""

import sys
from pathlib import Path

import atheris

from .seeds import seeds

ROOT = Path(__file__).parents[2]
INSTRUMENTED = {
    "extract": ["prep.stages.extract", "prep.stages.shared"],
    "text": ["prep.stages.repair", "prep.stages.pii", "prep.stages.quality", "prep.stages.dedup"],
    "configuration": ["prep.pipeline.config", "prep.pipeline.located", "yaml"],
}
"""What guides the fuzzing, by target; for readers, the code of all of them."""
READERS = ["prep.stages.read", "prep.corpus.files", "zipfile"]


def with_kernels() -> list[str]:
    """Return the modules that numba compiles: it cannot compile what is instrumented."""
    files = (path for path in ROOT.glob("*/**/*.py") if not {".venv", "tests"} & set(path.parts))
    found = [path for path in files if "prep.corpus.kernels import" in path.read_text(encoding="utf-8")]
    return ["prep." + ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]


if __name__ == "__main__":
    with atheris.instrument_imports(include=INSTRUMENTED.get(sys.argv[1], READERS), exclude=with_kernels()):
        from .targets import TARGETS
    for first in seeds()[sys.argv[1]].values():  # compiles and loads what the first input would seem to hang for
        TARGETS[sys.argv[1]](first)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
