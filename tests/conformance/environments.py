"""The real readers' environments, one each, because what they require excludes one another.

    python tests/conformance/environments.py [NAME …]

makes those that are missing in .cache/conformance (about 1.5 GB each with a torch for CPUs, four times that with CUDA).
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "conformance"

REQUIREMENTS = {
    "megatron": ("megatron-core==0.16.1", "torch"),
    "litdata": ("litdata==0.2.76", "torch"),
    "mosaicml": ("mosaicml-streaming==0.13.0",),
    "datatrove": ("datatrove==0.10.1", "torch", "numpy"),
    "olmo": ("ai2-olmo-core==3.0.0", "torch"),
    "trl": ("trl==1.16.0", "datasets==5.2.0", "torch"),
    "torchdata": tuple("torchdata==0.11.0 torch fsspec numba orjson platformdirs pyarrow pydantic regex".split()),
}


def python(name: str) -> Path:
    """Return an environment's Python."""
    return FOLDER / name / "bin" / "python"


def is_ready(name: str) -> bool:
    """Say whether an environment stands and has what it should."""
    marker = FOLDER / name / "ready"
    return marker.exists() and marker.read_text().split() == list(REQUIREMENTS[name])


def make(name: str) -> None:
    """Make an environment."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER / name)], check=True)
    # mosaicml-streaming needs a torchvision, which must be built for the very torch beside it: pip chooses both.
    constraint = [] if name == "mosaicml" else ["--constraint", str(ROOT / "constraints.txt")]
    install = ["-m", "pip", "install", "--quiet", *constraint]
    subprocess.run([str(python(name)), *install, *REQUIREMENTS[name]], check=True)
    (FOLDER / name / "ready").write_text("\n".join(REQUIREMENTS[name]) + "\n")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or REQUIREMENTS:
        if not is_ready(wanted):
            print(f"making {FOLDER / wanted}", flush=True)
            make(wanted)
