"""Input that changes: between planning and reading, and between two runs."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from .bench import Bench, Outcome
from .damage import delete


def cut(path: Path, choose: random.Random) -> None:
    """Cut a file of the input off."""
    data = path.read_bytes()
    path.write_bytes(data[: choose.randrange(len(data) // 4, len(data))])


def grow(path: Path, choose: random.Random) -> None:
    """Let a file of the input grow by some of its own bytes."""
    data = path.read_bytes()
    path.write_bytes(data + data[: choose.randrange(1, len(data))])


def rewrite(path: Path, choose: random.Random) -> None:
    """Change bytes in a file of the input, with its size as it was, and date it before the first change."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    place = choose.randrange(len(data) // 2)
    data[place : place + 40] = data[place : place + 40][::-1]
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns - 10**9))


CHANGES = {"changed, and dated back": rewrite, "grown": grow, "cut off": cut, "deleted": delete}

Change = Callable[[Path, random.Random], None]


def change_after_planning(change: Change) -> Callable[[Bench, random.Random], Outcome]:
    """Return a change between planning and reading: the run stops and names the file; with it put back, it goes on."""

    def disturb(bench: Bench, choose: random.Random) -> Outcome:
        bench.restore_material()
        bench.clear()
        victim = choose.choice(sorted(bench.material.iterdir()))
        process = bench.start()
        while process.poll() is None and not (bench.output / "steps" / "inputs.json").exists():
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGSTOP)
        change(victim, choose)
        os.kill(process.pid, signal.SIGCONT)
        stopped = bench.finish(process)
        named = stopped.status == 1 and victim.name in stopped.printed
        bench.restore_material()
        complaint = "" if named else f"{victim.name} not named, exit status {stopped.status}"
        return bench.judge(stopped, bench.run(), complaint=complaint)

    return disturb


def change_between_runs(change: Change) -> Callable[[Bench, random.Random], Outcome]:
    """Return a change between runs: the second run has the bytes of a first run over the changed input."""

    def disturb(bench: Bench, choose: random.Random) -> Outcome:
        bench.restore()
        victim = choose.choice(sorted(bench.material.iterdir()))
        change(victim, choose)
        bench.clear()
        expected = bench.undisturbed()
        changed = victim.read_bytes() if victim.exists() else None
        bench.restore()
        if changed is None:
            victim.unlink()
        else:
            victim.write_bytes(changed)
        outcome = bench.judge(bench.run(), expected=expected)
        bench.restore_material()
        return outcome if outcome.complaint else bench.judge(bench.run())

    return disturb
