"""Test names must not depend on the time, the process or the order of a set: pytest-xdist compares them by worker."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLLECT = """
import sys, time
shift = float(sys.argv.pop(1))
now, now_ns = time.time, time.time_ns
time.time = lambda: now() + shift
time.time_ns = lambda: now_ns() + int(shift * 10**9)
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests"]))
"""


def collected(shift: float, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COLLECT, str(shift)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment | {"PYTHONHASHSEED": str(seed)}, stdout=subprocess.PIPE, text=True
    )


def test_tests_have_the_same_names_at_another_time_in_another_process() -> None:
    processes = [collected(0, 1), collected(86_461.5, 2)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs[0][-2000:]
    first, second = ([line for line in output.splitlines() if "::" in line] for output in outputs)
    assert len(first) > 1000
    assert first == second
