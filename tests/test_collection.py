"""Test names must not depend on the time, the process or the order of a set: pytest-xdist compares them by worker."""

import os
import subprocess
import sys

import pytest

COLLECT = """
import sys, time
shift = float(sys.argv.pop(1))
now, now_ns = time.time, time.time_ns
time.time = lambda: now() + shift
time.time_ns = lambda: now_ns() + int(shift * 10**9)
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def collected_later(config: pytest.Config) -> list[str]:
    """Return the names of tests that a process collects a day later, with hashes of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    output = subprocess.run(
        [sys.executable, "-c", COLLECT, "86461.5", *config.args],
        cwd=config.invocation_params.dir,
        env=environment | {"PYTHONHASHSEED": "1234"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout
    return [line for line in output.splitlines() if "::" in line]


def test_tests_have_the_same_names_at_another_time_in_another_process(request: pytest.FixtureRequest) -> None:
    names = [item.nodeid for item in request.session.items]
    taken = set(names)
    assert [name for name in collected_later(request.config) if name in taken] == names
