"""Feed what reads untrusted bytes with broken ones, guided by coverage, and keep the inputs that reached new code.

    python -m tests.fuzz [--minutes M] [--corpus FOLDER] [TARGET …]

Each target has M minutes of its own, in a process of its own (atheris, which is libFuzzer for Python). The corpus grows
from run to run. What breaks a promise is written to the corpus's folder `faults`; `python -m tests.fuzz TARGET --input
FILE` shows it again. Prints a table: target, minutes, executions, inputs kept, faults; the exit status is 1 where there
are faults.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / ".cache" / "fuzz"
MAX_BYTES = 60_000
HANG_SECONDS = 60
MEMORY_MB = 4096
ROW = "{:14} {:>8} {:>11} {:>12} {:>7}"


def main() -> int:
    """Run targets, or one input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each target (1)")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="where inputs are kept (.cache/fuzz)")
    parser.add_argument("--input", type=Path, help="try this input alone")
    arguments = parser.parse_args()
    from .seeds import seeds

    known = seeds()
    targets = arguments.targets or list(known)
    if unknown := sorted(set(targets) - set(known)):
        parser.error(f"no such targets: {', '.join(unknown)}; there are: {', '.join(known)}")
    if arguments.input:
        from .targets import TARGETS

        TARGETS[targets[0]](arguments.input.read_bytes())
        return 0
    print(ROW.format("target", "minutes", "executions", "inputs kept", "faults"), flush=True)
    found = [fuzz(target, known[target], arguments.minutes, arguments.corpus) for target in targets]
    return 1 if any(found) else 0


def fuzz(target: str, seeds: dict[str, bytes], minutes: float, corpus: Path) -> bool:
    """Run a target, print its row and the faults found, and say whether there were any."""
    inputs, faults = corpus / target, corpus / "faults"
    inputs.mkdir(parents=True, exist_ok=True)
    faults.mkdir(exist_ok=True)
    for name, data in seeds.items():
        (inputs / name).write_bytes(data[:MAX_BYTES])
    before = set(faults.iterdir())
    options = {
        "max_total_time": max(1, round(60 * minutes)),
        "max_len": MAX_BYTES,
        "timeout": HANG_SECONDS,
        "report_slow_units": HANG_SECONDS,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{faults}/{target}-",
        "print_final_stats": 1,
    }
    arguments = [sys.executable, "-m", "tests.fuzz.process", target, *(f"-{name}={of}" for name, of in options.items())]
    done = subprocess.run([*arguments, str(inputs)], cwd=ROOT, capture_output=True, text=True, errors="replace",
                          env={**os.environ, "PYTHONFAULTHANDLER": "1"}, check=False)  # fmt: skip
    executions = re.findall(r"stat::number_of_executed_units: +(\d+)|^#(\d+)\t", done.stderr, re.MULTILINE)
    count = max((int(first or second) for first, second in executions), default=0)
    fresh = sorted(set(faults.iterdir()) - before)
    kept = sum(1 for _ in inputs.iterdir())
    print(ROW.format(target, f"{minutes:g}", f"{count:,}", f"{kept:,}", len(fresh)), flush=True)
    for path in fresh:
        print(f"    {path}", flush=True)
    if done.returncode:
        print("\n".join(f"    {line}" for line in _raised(done.stderr)), flush=True)
    return bool(fresh) or done.returncode != 0


def _raised(printed: str) -> list[str]:
    """Return what was raised, without libFuzzer's own lines."""
    lines = printed.splitlines()
    first = next((place for place, line in enumerate(lines) if "Uncaught Python exception" in line), len(lines) - 12)
    return lines[max(0, first) : first + 40]


if __name__ == "__main__":
    sys.exit(main())
