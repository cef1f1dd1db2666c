"""The names of files in ids."""

import os
from pathlib import Path

import fsspec
import pytest

from prep.stages.read.labels import labels


def files(folder: Path, *names: str) -> list[str]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return [str(folder / name) for name in names]


def test_a_file_is_named_below_the_folder_that_all_roots_share(tmp_path: Path) -> None:
    a, b, c = files(tmp_path, "in/web/a.txt", "in/web/deep/a.txt", "in/docs/c.txt")
    root = str(tmp_path / "in")
    assert labels({f"{root}/web": (a, b)}) == {a: "web/a.txt", b: "web/deep/a.txt"}
    assert labels({f"{root}/web/": (a, b)}) == {a: "web/a.txt", b: "web/deep/a.txt"}
    assert labels({f"{root}/web/**/*.txt": (a, b)}) == {a: "a.txt", b: "deep/a.txt"}
    assert labels({f"{root}/web": (a, b), f"{root}/docs/*.txt": (c,)}) == {
        a: "web/a.txt",
        b: "web/deep/a.txt",
        c: "docs/c.txt",
    }
    assert labels({a: (a,)}) == {a: "a.txt"}
    assert labels({a: (a,), b: (b,)}) == {a: "a.txt", b: "deep/a.txt"}
    assert labels({}) == {}


def test_names_stay_when_the_data_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for place in ("here", "over/there [1]"):
        a, b = files(tmp_path / place, "web/a.txt", "docs/b.txt")
        names.append(list(labels({str(tmp_path / place / "web"): (a,), str(tmp_path / place / "docs"): (b,)}).values()))
        monkeypatch.chdir(tmp_path / place / "docs")
        names.append(list(labels({"../web": ("../web/a.txt",), ".": ("b.txt",)}).values()))
        names.append(list(labels({"../web/*": (a,), "../docs": (b,)}).values()))
    assert names == [["web/a.txt", "docs/b.txt"], ["web/a.txt", "docs/b.txt"], ["web/a.txt", "docs/b.txt"]] * 2


def test_a_file_found_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = files(tmp_path, "in/a.txt", "in/b.txt")
    monkeypatch.chdir(tmp_path)
    relative = os.path.relpath(a)
    found = labels({a: (a,), "in": (relative, "in/b.txt"), "in/*": (a, b)})
    assert found == {a: "in/a.txt", "in/b.txt": "in/b.txt"}


def test_no_two_files_have_the_same_name(tmp_path: Path) -> None:
    a, b = files(tmp_path, "one/a.txt", "two/a.txt")
    fsspec.filesystem("memory").pipe("/store/a.txt", b"x")
    remote = "memory://store/a.txt"
    found = labels(
        {a: (a,), b: (b,), remote: (remote,), "owner/name": ("/cache/1/a.txt",), "owner/more": ("/cache/2/a.txt",)}
    )
    assert len(set(found.values())) == 5
    assert found["/cache/1/a.txt"] == "owner/name/a.txt"


def test_remote_files(tmp_path: Path) -> None:
    store = f"memory://{tmp_path.name}"
    for name in ("a.txt", "deep/b.txt"):
        fsspec.filesystem("memory").pipe(f"/{tmp_path.name}/in/{name}", b"x")
    a, b = f"memory:///{tmp_path.name}/in/a.txt", f"memory:///{tmp_path.name}/in/deep/b.txt"
    assert labels({f"{store}/in": (a, b)}) == {a: "in/a.txt", b: "in/deep/b.txt"}
    assert labels({f"{store}/in/": (a, b)}) == {a: "in/a.txt", b: "in/deep/b.txt"}
    assert labels({f"{store}/in/*": (a, b)}) == {a: "a.txt", b: "deep/b.txt"}
