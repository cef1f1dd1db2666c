"""What is said of kernels that are being compiled."""

import pytest

from prep.pipeline.execution import compiling
from prep.pipeline.execution.compiling import Compiling


def test_kernels_are_counted_against_those_of_the_loaded_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = [f"kernel {number}" for number in range(40)]
    there: set[str] = {"kernel 0"}
    count = 7
    monkeypatch.setattr(compiling, "_loaded", lambda: functions)
    monkeypatch.setattr(compiling, "is_compiled", lambda each: each in there)
    monkeypatch.setattr(compiling, "compiled_functions", lambda: count)
    watched = Compiling()
    assert watched.look() == ""
    there, count = {*there, "kernel 1", "kernel 2"}, 9
    assert watched.look() == "compiling kernels, first run only: 2 of at most 39, about 6 s"
    assert watched.look() == ""
    count = 12
    assert watched.look() == "", "what another run compiles"
    there, count = set(functions), 49
    assert watched.look() == "compiling kernels, first run only: 39 of at most 39"


def test_loaded_kernels_are_found_and_known_as_compiled() -> None:
    from prep.corpus.text.hashing import hash_bytes

    assert any(each.py_func.__name__ == hash_bytes.__name__ for each in compiling._loaded())
