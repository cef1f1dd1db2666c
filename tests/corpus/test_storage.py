"""Files on disk and in an fsspec store (memory://): written whole or not at all, listed the same way in both."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from prep.corpus.errors import CorruptFileError
from prep.corpus.files import storage


@pytest.fixture(params=["local", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return an empty folder: a path, a file:// URL, and one of fsspec's file systems."""
    if request.param == "memory":
        yield f"memory://{tmp_path.name}"
        storage.remove_tree(f"memory://{tmp_path.name}")
    else:
        yield f"file://{tmp_path}" if request.param == "file" else str(tmp_path)


def content(path: str) -> bytes:
    with storage.open_input(path) as source:
        return source.read()


def break_off(path: str) -> None:
    with storage.atomic_output(path) as sink:
        sink.write(b"half")
        raise RuntimeError("stop")


def names(folder: str, paths: tuple[str, ...]) -> list[str]:
    root = storage.absolute(folder) + "/"
    return [storage.absolute(path).removeprefix(root) for path in paths]


def test_a_file_is_there_when_it_is_whole(folder: str) -> None:
    path = storage.join(folder, "sub", "name.bin")
    with storage.atomic_output(path) as sink:
        sink.write(b"half")
        assert not storage.exists(path)
        sink.write(b" and half")
    assert content(path) == b"half and half"
    assert storage.size(path) == 13
    assert storage.sha256(path) == hashlib.sha256(b"half and half").hexdigest()
    storage.write_bytes(path, b"new")
    assert content(path) == b"new"


def test_a_failure_leaves_nothing_behind(folder: str) -> None:
    path = storage.join(folder, "name.bin")
    with pytest.raises(RuntimeError, match="stop"):
        break_off(path)
    assert not storage.exists(path)
    storage.write_bytes(path, b"old")
    with pytest.raises(RuntimeError, match="stop"):
        break_off(path)
    assert content(path) == b"old"
    assert names(folder, storage.expand(folder)) == ["name.bin"]
    if not storage.is_remote(folder):
        assert os.listdir(folder.removeprefix("file://")) == ["name.bin"]  # noqa: PTH208 - hidden files count


def test_a_missing_file(folder: str) -> None:
    path = storage.join(folder, "none")
    assert not storage.exists(path)
    with pytest.raises(FileNotFoundError):
        storage.open_input(path)


def test_json(folder: str) -> None:
    path = storage.join(folder, "a.json")
    storage.write_json(path, {"b": [1, None], "a": "é"})
    assert content(path).decode() == '{\n  "b": [\n    1,\n    null\n  ],\n  "a": "é"\n}\n'
    assert list(storage.read_json(path)) == ["b", "a"]


@pytest.mark.parametrize(
    ("data", "seen"), [(b'{"a": ', "a.json is not JSON"), (b"[1]", "seen list"), (b"", "not JSON")]
)
def test_damaged_json_names_the_file(tmp_path: Path, data: bytes, seen: str) -> None:
    path = str(tmp_path / "a.json")
    storage.write_bytes(path, data)
    with pytest.raises(CorruptFileError, match=seen) as caught:
        storage.read_json(path)
    assert path in str(caught.value)


def test_arrow_tables(folder: str) -> None:
    path = storage.join(folder, "t.arrow")
    table = pa.table({"drop": pa.array([True, False, None]), "text": pa.array(["a", None, "é"], pa.large_string())})
    storage.write_arrow(path, table)
    assert storage.read_arrow(path).equals(table)
    first = content(path)
    storage.write_arrow(path, table)
    assert content(path) == first
    storage.write_arrow(path, table.slice(0, 0))
    assert storage.read_arrow(path).num_rows == 0


def test_a_damaged_arrow_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "t.arrow")
    storage.write_arrow(path, pa.table({"a": [1, 2, 3]}))
    whole = content(path)
    for cut in range(0, len(whole), 7):
        storage.write_bytes(path, whole[:cut])
        with pytest.raises(CorruptFileError, match=r"t\.arrow is not a whole Arrow file"):
            storage.read_arrow(path)


def test_a_folder_is_listed_without_hidden_files(folder: str) -> None:
    for name in ("b.txt", "a/c.txt", "a/.hidden.txt", ".git/d.txt", "z[1].txt"):
        storage.write_bytes(storage.join(folder, name), b"x")
    assert names(folder, storage.expand(folder)) == ["a/c.txt", "b.txt", "z[1].txt"]
    assert storage.expand(folder + "/") == storage.expand(folder)
    assert names(folder, storage.expand(storage.join(folder, "b.txt"))) == ["b.txt"]
    assert storage.expand(storage.join(folder, "none")) == ()


def test_globs(folder: str) -> None:
    for name in ("b.txt", "c.md", "a/c.txt", "a/b/d.txt"):
        storage.write_bytes(storage.join(folder, name), b"x")
    assert names(folder, storage.expand(storage.join(folder, "*.txt"))) == ["b.txt"]
    assert names(folder, storage.expand(storage.join(folder, "**/*.txt"))) == ["a/b/d.txt", "a/c.txt", "b.txt"]
    assert names(folder, storage.expand(storage.join(folder, "?.md"))) == ["c.md"]
    assert storage.expand(storage.join(folder, "*.none")) == ()
    for path in storage.expand(storage.join(folder, "**/*.txt")):
        assert content(path) == b"x"


def test_relative_paths_and_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.txt").write_bytes(b"x")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for pattern in ("../in", "../in/**/*.txt", "../in/deep/a.txt", "../in/*/*.txt"):
        assert [storage.absolute(path) for path in storage.expand(pattern)] == [str(tmp_path / "in/deep/a.txt")]
    monkeypatch.chdir(tmp_path)
    assert storage.expand("**/*.txt") == storage.expand("in/**/a.*") == storage.expand("in") == ("in/deep/a.txt",)


def test_a_name_with_marks_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    path = str(tmp_path / "a[1].txt")
    assert storage.is_glob(path)
    storage.write_bytes(path, b"x")
    assert not storage.is_glob(path)
    assert storage.expand(path) == (path,)


def test_a_listing_tells_sizes_and_tags(folder: str) -> None:
    for name in ("a.txt", "b/c.txt"):
        storage.write_bytes(storage.join(folder, name), name.encode())
    for pattern in (folder, storage.join(folder, "**/*.txt")):
        found = storage.find(pattern)
        assert names(folder, tuple(item.path for item in found)) == ["a.txt", "b/c.txt"]
        assert [item.size for item in found] == [5, 7]
        assert {item.tag for item in found} == ({"size:5", "size:7"} if folder.startswith("memory") else {""})
    (one,) = storage.find(storage.join(folder, "a.txt"))
    assert one.size == 5
    assert storage.find(storage.join(folder, "none")) == ()


def test_folders_that_a_glob_matches_are_named(folder: str) -> None:
    for name in ("a.txt", "b.txt/c.txt"):
        storage.write_bytes(storage.join(folder, name), b"x")
    pattern = storage.join(folder, "*.txt")
    assert names(folder, storage.expand(pattern)) == ["a.txt"]
    assert [item.error for item in storage.find(pattern)] == ["", "Is a directory"]
    through = storage.join(folder, "**/*.txt")
    assert names(folder, tuple(item.path for item in storage.find(through))) == ["a.txt", "b.txt/c.txt"]


def test_links(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"abc")
    (tmp_path / "other" / "b.txt").write_bytes(b"b")
    for name, target in {
        "self.txt": "self.txt",
        "nowhere.txt": "none",
        "link.txt": "a.txt",
        "more": "../other",
        "deep/circle": "..",
        "deep/again": "../deep",
    }.items():
        (tmp_path / "in" / name).symlink_to(target)
    os.mkfifo(tmp_path / "in" / "pipe.txt")
    folder = str(tmp_path / "in")
    expected = {
        "a.txt": "",
        "link.txt": "",
        "more/b.txt": "",
        "nowhere.txt": "No such file or directory",
        "pipe.txt": "No regular file",
        "self.txt": "Too many levels of symbolic links",
    }
    for pattern in (folder, f"{folder}/**/*.txt"):
        assert {
            Path(item.path).relative_to(folder).as_posix(): item.error for item in storage.find(pattern)
        } == expected
    assert [item.error for item in storage.find(f"{folder}/self.txt")] == ["Too many levels of symbolic links"]
    assert [item.size for item in storage.find(f"{folder}/link.txt")] == [3]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("https://host/a.txt?download=true", False),
        ("https://host/*.txt", True),
        ("s3://bucket/part-?.txt", True),
        ("s3://bucket/part-1.txt", False),
    ],
)
def test_a_url_may_have_a_query(path: str, *, expected: bool) -> None:
    assert storage.is_glob(path) is expected


def test_what_a_remote_store_says_of_a_file() -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/tags/a", b"abc")
    assert storage.remote_tag("memory://tags/a") == "size:3"
    storage.remove_tree("memory://tags")
    assert not storage.exists("memory://tags/a")
    storage.remove_tree("memory://tags")


def test_a_size_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/sizes/a", b"abc")
    monkeypatch.setattr(type(filesystem), "info", lambda *_: {"type": "file", "size": None})
    with pytest.raises(OSError, match="does not report"):
        storage.size("memory://sizes/a")


def test_trees_are_removed(folder: str) -> None:
    storage.write_bytes(storage.join(folder, "sub", "a"), b"x")
    storage.remove_tree(storage.join(folder, "sub"))
    assert storage.expand(folder) == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *mode: opened(Path("/dev/full") if path.suffix == ".tmp" else path, *mode)
    )
    path = str(tmp_path / "part.bin")
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        storage.write_bytes(path, b"content" * 10_000)
