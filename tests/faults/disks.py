"""Output that cannot be written: a disk that is full, files that may not grow, a folder that is read only."""

import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .bench import Bench, Ended, Outcome


def limit_files(bench: Bench, choose: random.Random) -> Outcome:
    """Let no file grow beyond a limit, tripled until the run is complete; each run says which file it was."""
    bench.clear()
    limit = choose.randint(1 << 10, 8 << 10)
    runs: list[Ended] = []
    complaint = ""
    while not runs or (runs[-1].status and limit < 1 << 30):
        process = bench.start()
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        runs.append(bench.finish(process))
        complaint = complaint or _unnamed(bench, runs[-1])
        limit *= 3
    return bench.judge(*runs, complaint=complaint)


def fill_disk(bench: Bench, choose: random.Random) -> Outcome:
    """Give the output a disk that is too small, grown until the run is complete; each run says that it is full."""
    size = choose.randint(40, 200) << 10
    runs: list[Ended] = []
    complaint = ""
    with disk(bench.output.parent, size) as resize:
        while not runs or (runs[-1].status and size < 1 << 30):
            resize(f"size={size}")
            runs.append(bench.run())
            complaint = complaint or _unnamed(bench, runs[-1])
            size = size * 3 // 2
        return bench.judge(*runs, complaint=complaint)


def read_only(bench: Bench, choose: random.Random) -> Outcome:
    """Forbid writing to the output, of a run that is begun or not; then allow it again."""
    with disk(bench.output.parent, 1 << 30) as remount:
        if choose.random() < 0.5:
            process = bench.start()
            try:
                process.wait(choose.uniform(0.5, bench.seconds))
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
        remount("ro")
        refused = bench.run()
        remount("rw")
        complaint = _unnamed(bench, refused) if refused.status else ""
        return bench.judge(refused, bench.run(), complaint=complaint)


def _unnamed(bench: Bench, ended: Ended) -> str:
    """Return a complaint where a run failed and did not say at which path."""
    if ended.status and str(bench.output) not in ended.printed:
        return f"the path is not named: {ended.printed.strip()[-200:]}"
    return ""


class Disk:
    """A disk in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, option: str) -> None:
        """Change its size, or whether it can be written."""
        _mount("-o", f"remount,{option}", str(self._folder))


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Disk]:
    """Mount a disk in memory over a folder, which is empty before and after. Raises OSError where that is forbidden."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount(folder: Path) -> bool:
    """Say whether this user may mount a disk in memory."""
    try:
        with disk(folder, 1 << 20):
            return True
    except OSError:
        return False


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr)
