"""Disturb runs of a small pipeline in every way that is known, and count what ended right.

    python -m tests.faults [--times N] [--seed S] [--only WORD]

Prints a table: each fault, how often it was tried, how many runs ended right, documents lost, and files that hold
other bytes than those of an undisturbed run. What did not end right is said below its row, and the exit status is 1.
Works in a temporary folder, and touches nothing else. Needs Linux; the disks that are full or read only need a user
who may mount one, and are left out otherwise.
"""

import argparse
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from . import damage, disks, inputs, kills, stores
from .bench import Bench, Outcome
from .interrupts import Interrupt

Fault = Callable[[Bench, random.Random], Outcome]
ROW = "{:44} {:>5} {:>6} {:>15} {:>16}"


def faults() -> Mapping[str, Fault]:
    """Return all faults by name."""
    return {
        "kill -9: main process": kills.kill_main,
        "kill -9: worker": kills.kill_worker,
        "kill -9: server of workers": kills.kill_server,
        "Ctrl-C, 1 worker": Interrupt(1),
        "Ctrl-C, 2 workers": Interrupt(2),
        "Ctrl-C, 2 workers that compile kernels": Interrupt(2, compiled=False),
        "files may not grow": disks.limit_files,
        "full disk, grown step by step": disks.fill_disk,
        "read-only output": disks.read_only,
        **{
            f"{kind}: {name}": damage.damage_file(pattern, change)
            for kind, pattern in damage.FILES.items()
            for name, change in damage.DAMAGES.items()
        },
        "one byte changed, time kept: prep verify": damage.rot,
        "clock set back": damage.set_clock_back,
        **{f"input {name} after planning": inputs.change_after_planning(of) for name, of in inputs.CHANGES.items()},
        **{f"S3 server {name}": stores.disturbed_store(disturb) for name, disturb in stores.DISTURBANCES.items()},
        **{f"S3 output, {name}": stores.disturbed_output(disturb) for name, disturb in stores.DISTURBANCES.items()},
        "S3 output, answers 500, machine lost": stores.disturbed_output(stores.refuse, kill=True),
        **{f"input {name} between runs": inputs.change_between_runs(of) for name, of in inputs.CHANGES.items()},
    }


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how often each fault is tried (3)")
    parser.add_argument("--seed", type=int, default=1, help="decides moments, files and places (1)")
    parser.add_argument("--only", default="", help="only faults with this word in their names")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="prep-faults-") as folder:
        bench = Bench(Path(folder), arguments.seed)
        chosen = {name: fault for name, fault in faults().items() if arguments.only in name}
        if not disks.can_mount(bench.output.parent):
            chosen = {name: fault for name, fault in chosen.items() if fault not in (disks.fill_disk, disks.read_only)}
            print("full disk, read-only output: left out, as this user may not mount a disk")
        if not stores.is_there():
            chosen = {name: fault for name, fault in chosen.items() if not name.startswith("S3 ")}
            print("S3 server: left out, as moto[s3], flask, flask-cors or s3fs is missing")
        documents, files = bench.expected.documents, len(bench.expected.hashes)
        print(f"undisturbed: {documents} documents, {files} files, {bench.seconds:.0f} s\n")
        print(ROW.format("fault", "times", "right", "documents lost", "files different"), flush=True)
        right = [try_fault(bench, name, fault, arguments) for name, fault in chosen.items()]
    print(f"\n{sum(right)} of {len(right)} faults: every run ended right")
    return 0 if all(right) else 1


def try_fault(bench: Bench, name: str, fault: Fault, arguments: argparse.Namespace) -> bool:
    """Try a fault so many times, print its row and what did not end right, and say whether all did."""
    outcomes: list[Outcome] = []
    for time in range(arguments.times):
        outcomes.append(fault(bench, random.Random(f"{arguments.seed} {name} {time}")))
        bench.restore_material()
    lost, different = sum(item.lost for item in outcomes), sum(item.different for item in outcomes)
    complaints = [f"    {item.complaint}" for item in outcomes if item.complaint]
    print(ROW.format(name, len(outcomes), len(outcomes) - len(complaints), lost, different), flush=True)
    for complaint in complaints:
        print(complaint, flush=True)
    return not complaints


if __name__ == "__main__":
    sys.exit(main())
