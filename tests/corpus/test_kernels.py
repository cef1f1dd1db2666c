"""Compiled functions on disk: reused while no file they are made of has changed, and only then."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prep.corpus import kernel_cache, kernels
from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.errors import RunError

ROOT = Path(__file__).parents[2]
SPLIT_WORDS = ROOT / "corpus" / "text" / "words.py"


def longest_plus_one(offsets: Offsets) -> int:
    return longest_row(offsets) + 1


@kernels.leaf
def plus(data: Bytes, value: int) -> int:
    return int(data[0]) + value


@kernels.kernel
def calls_with_constants(data: Bytes) -> int:
    return plus(data, 3) + plus(data, 4) + plus(data, 5)


def test_what_is_compiled_is_compiled_again_when_a_file_it_is_made_of_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel holds the code of those it calls, which stand in other files than its own."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))

    def hits() -> int:
        compiled = kernels.kernel(longest_plus_one)
        assert compiled(np.array([0, 3, 5])) == 4
        return sum(compiled.stats.cache_hits.values())  # type: ignore[attr-defined]

    assert [hits(), hits()] == [0, 1]
    monkeypatch.setattr(kernel_cache, "source_digest", lambda path: "other")
    assert [hits(), hits()] == [0, 1]


def test_an_index_of_other_code_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name types of modules that have since moved, which cannot be read."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kernel_cache, "source_digest", lambda path: "before")
    kernels.kernel(longest_plus_one)(np.array([0, 3, 5]))
    for index in (tmp_path / "cache").rglob("*.nbi"):
        with index.open("rb") as stream:
            version = pickle.load(stream)
        index.write_bytes(pickle.dumps(version) + b"cprep.corpus.moved\nGone\n.")
    monkeypatch.setattr(kernel_cache, "source_digest", lambda path: "after")
    assert kernels.kernel(longest_plus_one)(np.array([0, 3, 5])) == 4


def test_a_digest_covers_a_file_and_what_it_imports_and_nothing_else() -> None:
    files = {path.name for path in kernel_cache.closure(ROOT / "stages/quality/signals/signal_kernels.py")}
    assert {"signal_kernels.py", "line_kernels.py", "words.py", "utf8.py", "columns.py", "kernels.py"} <= files
    assert not {"read.py", "minhash_kernels.py"} & files


def test_a_digest_depends_on_contents_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kernel_cache.source_digest(SPLIT_WORDS)
    content = kernel_cache.content

    def changed(path: Path) -> bytes:
        return content(path) + (b"#" if path.name == "utf8.py" else b"")

    monkeypatch.setattr(kernel_cache, "content", changed)
    assert kernel_cache.source_digest(SPLIT_WORDS) != before
    monkeypatch.setattr(kernel_cache, "content", content)
    assert kernel_cache.source_digest(SPLIT_WORDS) == before


def test_a_leaf_is_compiled_once_for_all_constants_of_a_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    leaf = kernels.leaf(plus.py_func)  # type: ignore[attr-defined]

    @kernels.kernel
    def total(data: Bytes) -> int:
        return int(leaf(data, 3) + leaf(data, 4) + leaf(data, 5))

    assert total(np.zeros(3, np.uint8)) == 3 + 4 + 5
    assert len(leaf.overloads) == 1  # type: ignore[attr-defined]


def test_what_only_kernels_call_has_no_entry_from_python() -> None:
    assert calls_with_constants(np.zeros(3, np.uint8)) == 12
    with pytest.raises(TypeError):
        plus(np.zeros(3, np.uint8), 1)
    assert kernels.entry(plus)(np.zeros(3, np.uint8), 1) == 1


def test_a_damaged_entry_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    for damage in (b"", b"\x80\x05damaged"):
        assert kernels.kernel(longest_plus_one)(np.array([0, 3, 5])) == 4
        for entry in (tmp_path / "cache").rglob("*.nb[ci]"):
            entry.write_bytes(damage)
    assert kernels.kernel(longest_plus_one)(np.array([0, 3, 5])) == 4


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled functions are pickles: whoever writes them runs code."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setattr("numba.config.CACHE_DIR", str(shared))
    compiled = kernels.kernel(longest_plus_one)
    with pytest.raises(RunError, match="NUMBA_CACHE_DIR"):
        compiled(np.array([0, 3, 5]))


def test_where_nothing_can_be_written_functions_are_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    compiled = kernels.kernel(longest_plus_one)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    assert compiled(np.array([0, 3, 5])) == 4


def test_processes_that_start_together_compile_each_function_once(tmp_path: Path) -> None:
    program = "from prep.corpus.shards.permutation_kernels import permuted; permuted(0, 5, 10, 1)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    indices = list(tmp_path.rglob("*.nbi"))
    assert indices
    assert (tmp_path / "compiled").stat().st_size == len(indices)


def test_what_is_compiled_here_is_handed_to_other_machines_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    kernels.kernel(longest_plus_one)(np.array([0, 3, 5]))
    (tmp_path / "cache" / "of_another_program").mkdir()
    monkeypatch.setitem(sys.modules, "prep.here", sys.modules[__name__])
    kernel_cache.copy_compiled(tmp_path / "shared")
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o700
    shared = {path.name for path in (tmp_path / "shared").rglob("*") if path.is_file()}
    assert shared == {path.name for path in (tmp_path / "cache").rglob("*.nb*")}
    assert not (tmp_path / "shared" / "of_another_program").exists()
    for path in (tmp_path / "shared").rglob("*.nb*"):
        path.unlink()
    kernel_cache.copy_compiled(tmp_path / "shared")
    assert not list((tmp_path / "shared").rglob("*.nb*")), "what is there already is left as it is"
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "other"))
    (tmp_path / "shared").rename(tmp_path / "gone")
    kernel_cache.copy_compiled(tmp_path / "shared")
    assert [path.name for path in (tmp_path / "shared").iterdir()] == [], "there was nothing to hand over"
