"""Which files are read: patterns, what is left out, what is named twice."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from prep.stages.read.read import Read
from prep.stages.stage import CheckContext

from .reading import documents, problems


def folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def texts(stage: Read) -> list[object]:
    assert problems(stage) == []
    return [row["text"] for row in documents(stage)]


def remarks(stage: Read) -> list[str]:
    return list(stage.remarks(CheckContext(pa.schema([]), 0, frozenset())))


def test_the_output_folder_is_no_input(tmp_path: Path) -> None:
    folder(tmp_path, "a.txt", "run/documents/b.txt", "run/steps/01/c.txt", "runs/d.txt")
    for paths in (str(tmp_path), f"{tmp_path}/**/*.txt"):
        assert texts(Read(paths=paths).apart_from(f"{tmp_path}/run")) == ["a.txt", "runs/d.txt"]
    (tmp_path / "link").symlink_to(tmp_path / "run")
    assert texts(Read(paths=str(tmp_path)).apart_from(f"{tmp_path}/run/")) == ["a.txt", "runs/d.txt"]
    assert texts(Read(paths=str(tmp_path)).apart_from(f"{tmp_path}/link")) == ["a.txt", "runs/d.txt"]
    (found,) = problems(Read(paths=f"{tmp_path}/run/documents/*.txt").apart_from(f"{tmp_path}/run"))
    assert "lies in the output folder, which is not read; set output to a folder of its own" in found


def test_relative_folders_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(tmp_path, "a.txt", "run/documents/b.txt"))
    assert texts(Read(paths="**/*.txt").apart_from("run")) == ["a.txt"]
    assert texts(Read(paths=".").apart_from("./run")) == ["a.txt"]
    (found,) = problems(Read(paths="none/*.txt"))
    assert f"'none/*.txt' matches no file; seen nothing in {tmp_path}, where relative paths are looked up" in found


def test_alternatives_in_globs(tmp_path: Path) -> None:
    folder(tmp_path, "a.txt", "b.md", "c.jsonl", "deep/d.md", "e{x,y}.txt")
    assert texts(Read(paths=f"{tmp_path}/*.{{txt,md}}")) == ["a.txt", "b.md", "e{x,y}.txt"]
    assert texts(Read(paths=f"{tmp_path}/**/*.{{md,pdf}}")) == ["b.md", "deep/d.md"]
    assert texts(Read(paths=f"{tmp_path}/{{a,deep/d}}.{{txt,md}}")) == ["a.txt", "deep/d.md"]
    assert texts(Read(paths=f"{tmp_path}/{{a,b}}.{{txt,md}}")) == ["a.txt", "b.md"]
    assert texts(Read(paths=f"{tmp_path}/e{{x,y}}.txt")) == ["e{x,y}.txt"]


def test_what_is_excluded(tmp_path: Path) -> None:
    folder(tmp_path, "a.txt", "b.md", "deep/c.txt", "deep/d.jpg", "deep/er/e.txt")
    assert texts(Read(paths=str(tmp_path), exclude="*.jpg")) == ["a.txt", "b.md", "deep/c.txt", "deep/er/e.txt"]
    assert texts(Read(paths=str(tmp_path), exclude=("*.{jpg,md}", "c*"))) == ["a.txt", "deep/er/e.txt"]
    assert texts(Read(paths=str(tmp_path), exclude=f"{tmp_path}/deep/**")) == ["a.txt", "b.md"]
    (found,) = problems(Read(paths=str(tmp_path), exclude="*"))
    assert "matches 5 files, all of which exclude leaves out" in found


def test_home_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, "in/a.txt", "in/$b.txt")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CRAWL", f"{tmp_path}/in")
    for paths in ("~/in/a.txt", "$CRAWL/a.txt", "${CRAWL}/a.txt"):
        assert texts(Read(paths=paths)) == ["in/a.txt"]
    assert texts(Read(paths=(f"{tmp_path}/in/$b.txt",))) == ["in/$b.txt"]
    assert Read(paths="~/in", exclude="$CRAWL/a.txt").exclude == f"{tmp_path}/in/a.txt"
    with pytest.raises(ValidationError, match="NO_SUCH is not"):
        Read(paths="$NO_SUCH/a.txt")


def test_a_file_named_twice(tmp_path: Path) -> None:
    folder(tmp_path, "a.txt", "b.txt", "c.md")
    (found,) = problems(Read(paths=(str(tmp_path), f"{tmp_path}/*.txt")))
    assert f"a.txt' is named twice, by '{tmp_path}' and by '{tmp_path}/*.txt' (2 such files)" in found
    assert texts(Read(paths=(f"{tmp_path}/*.md", f"{tmp_path}/*.txt"))) == ["c.md", "a.txt", "b.txt"]
    sources = ({"name": "one", "paths": f"{tmp_path}/a*"}, {"name": "two", "paths": str(tmp_path)})
    stage = Read.model_validate({"sources": sources})
    assert texts(stage) == ["a.txt", "b.txt", "c.md"]
    assert remarks(stage) == [f"{tmp_path}/a.txt is named by the sources 'one' and 'two': read for 'one' alone"]
