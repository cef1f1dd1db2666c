"""kill -9 at a random moment, by kind of process."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from .bench import Bench, Ended, Outcome

MOST_KILLS = 3
"""Kills of the main process in a row, before the run is left in peace."""


def kill_main(bench: Bench, choose: random.Random) -> Outcome:
    """End the main process, up to three times in a row; the run after that is complete."""
    bench.clear()
    for _ in range(choose.randint(1, MOST_KILLS)):
        process = bench.start()
        time.sleep(choose.uniform(0.2, bench.seconds))
        process.kill()
        process.communicate()
    return bench.judge(bench.run())


def kill_worker(bench: Bench, choose: random.Random) -> Outcome:
    """End a worker process; the run goes on by itself."""
    return _kill_below(bench, choose, "worker")


def kill_server(bench: Bench, choose: random.Random) -> Outcome:
    """End the process that workers are forked from; the run goes on by itself."""
    return _kill_below(bench, choose, "server")


def _kill_below(bench: Bench, choose: random.Random, kind: str) -> Outcome:
    longest = bench.seconds
    while True:
        bench.clear()
        process = bench.start()
        time.sleep(choose.uniform(0.2, longest))
        if _kill_one(process, choose, kind):
            break
        bench.finish(process)  # it ended before: a first run compiles kernels and takes longer than this one
        longest *= 0.7
    ended = bench.finish(process)
    complaint = "" if ended.status == 0 else f"the run did not go on by itself: {ended.printed.strip()[-200:]}"
    return bench.judge(*_until_complete(bench, ended), complaint=complaint)


def _kill_one(process: subprocess.Popen[str], choose: random.Random, kind: str) -> bool:
    """Kill a process of a kind below the main process, once there is one; False where the run ended before."""
    while process.poll() is None:
        if pids := descendants(process.pid)[kind]:
            try:
                os.kill(choose.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return True
        time.sleep(0.005)
    return False


def _until_complete(bench: Bench, ended: Ended) -> tuple[Ended, ...]:
    return (ended,) if ended.status == 0 else (ended, bench.run())


def descendants(pid: int) -> Mapping[str, list[int]]:
    """Return the server that a main process starts its workers with, and the workers, by their process ids."""
    servers = [child for child in children(pid) if b"multiprocessing.forkserver" in command_line(child)]
    return {"server": servers, "worker": [child for server in servers for child in children(server)]}


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def command_line(pid: int) -> bytes:
    """Return a process's command line; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
