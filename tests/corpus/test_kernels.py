"""Compiled functions on disk: reused while no file they are made of has changed, and only then."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from prep.corpus import kernels
from prep.corpus.arrow.columns import Offsets, longest_row

ROOT = Path(__file__).parents[2]
SPLIT_WORDS = ROOT / "corpus" / "text" / "words.py"


def longest_plus_one(offsets: Offsets) -> int:
    return longest_row(offsets) + 1


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
    monkeypatch.setattr(kernels, "source_digest", lambda path: "other")
    assert [hits(), hits()] == [0, 1]


def test_an_index_of_other_code_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name types of modules that have since moved, which cannot be read."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kernels, "source_digest", lambda path: "before")
    kernels.kernel(longest_plus_one)(np.array([0, 3, 5]))
    for index in (tmp_path / "cache").rglob("*.nbi"):
        with index.open("rb") as stream:
            version = pickle.load(stream)
        index.write_bytes(pickle.dumps(version) + b"cprep.corpus.moved\nGone\n.")
    monkeypatch.setattr(kernels, "source_digest", lambda path: "after")
    assert kernels.kernel(longest_plus_one)(np.array([0, 3, 5])) == 4


def test_a_digest_covers_a_file_and_what_it_imports_and_nothing_else() -> None:
    files = {path.name for path in kernels._closure(ROOT / "stages/quality/signals/signal_kernels.py")}
    assert {"signal_kernels.py", "line_kernels.py", "words.py", "utf8.py", "columns.py", "kernels.py"} <= files
    assert not {"read.py", "minhash_kernels.py"} & files


def test_a_digest_depends_on_contents_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kernels.source_digest(SPLIT_WORDS)
    content = kernels._content

    def changed(path: Path) -> bytes:
        return content(path) + (b"#" if path.name == "utf8.py" else b"")

    monkeypatch.setattr(kernels, "_content", changed)
    assert kernels.source_digest(SPLIT_WORDS) != before
    monkeypatch.setattr(kernels, "_content", content)
    assert kernels.source_digest(SPLIT_WORDS) == before
