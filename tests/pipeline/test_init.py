"""`prep init`: what it finds in folders, and that its pipelines pass `prep check` and run."""

import shutil
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from prep.pipeline.drafting.text_columns import text_column
from prep.stages.catalogue import STAGES
from prep.stages.stage import SourceStage

from .test_cli import call

DANISH = "Det er en god dag i dag, og solen skinner over byen, mens børnene leger i haven. "


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "src"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "news.jsonl").write_bytes(orjson.dumps({"headline": "x", "content": DANISH * 30}) + b"\n")
    (made / "page.html").write_text(f"<html><body><p>{DANISH * 8}</p></body></html>")
    (made / "main.py").write_text("def f(x):\n    return x\n" * 20)
    (made / "photo.png").write_bytes(b"\x89PNG\r\n\0\0")
    (made / "empty.txt").write_bytes(b"")
    return made


def drafted(name: str = "pipeline.yaml") -> dict[str, object]:
    return dict(yaml.safe_load(Path(name).read_text()))


def test_a_folder_of_many_kinds_becomes_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = call(monkeypatch, capsys, "init", "--from", "src")
    assert (status, err) == (0, "")
    assert "prep run pipeline.yaml" in out
    text = Path("pipeline.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=prep.schema.json\n")
    assert orjson.loads(Path("prep.schema.json").read_bytes())["title"] == "A pipeline of prep"
    assert "2 files are not read: " in text
    stages = drafted()["stages"]
    assert isinstance(stages, list)
    sources = {source["name"]: source for source in stages[0]["read"]["sources"]}
    assert sources == {
        "html": {"name": "html", "paths": "src/**/*.html"},
        "code": {"name": "code", "paths": "src/**/*.py", "format": "text"},
        "tables": {"name": "tables", "paths": "src/**/*.jsonl", "text_column": "content"},
    }
    assert "extract" in stages
    assert call(monkeypatch, capsys, "check", "pipeline.yaml")[0] == 0


def test_one_kind_needs_no_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, capsys, "init", "mine.yaml", "--from", "src/deep", "--output", "out")[0] == 0
    made = drafted("mine.yaml")
    assert made["output"] == "out"
    assert isinstance(made["stages"], list)
    assert made["stages"][0] == {"read": {"paths": "src/deep", "text_column": "content"}}
    assert "extract" not in made["stages"]


def test_mistakes_are_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pipeline.yaml").write_text("mine")
    for arguments, message in (
        (("--from", "src"), "pipeline.yaml is there already; name another file, or overwrite it with --force"),
        (
            ("x.yaml", "--from", "none"),
            "none: expected a folder of files that 'read' knows or source code, seen no file",
        ),
        (("x.yaml",), "--from is missing"),
    ):
        status, _, err = call(monkeypatch, capsys, "init", *arguments)
        assert status == 2
        assert message in err
    assert Path("pipeline.yaml").read_text() == "mine"


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet", "csv"])
def test_the_text_column_is_the_known_name_or_the_longest(tmp_path: Path, ending: str) -> None:
    for columns, expected in (
        ({"id": "1", "body": "short", "notes": "a longer note"}, "body"),
        ({"id": "1", "absatz": DANISH, "kommentar": "kurz"}, "absatz"),
    ):
        path = tmp_path / f"{expected}.{ending}"
        if ending == "parquet":
            pq.write_table(pa.Table.from_pylist([columns] * 3), path)
        elif ending == "csv":
            path.write_text("\n".join([",".join(columns), *[",".join(f'"{each}"' for each in columns.values())] * 3]))
        else:
            lines = [orjson.dumps(columns)] * 3
            path.write_bytes(b"\n".join(lines) if ending == "jsonl" else b"[" + b",".join(lines) + b"]")
        reader = STAGES["read"].model_validate({"paths": str(path)})
        assert isinstance(reader, SourceStage)
        assert text_column(reader.list_files()) == expected


def test_books_and_pdf_files_go_through_to_shards(
    test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("src").mkdir()
    for name in ("pdf/cols.pdf", "pdf/heads.pdf", "books/live-manual.en.epub", "books/order.epub"):
        shutil.copy(test_data / "cases" / name, "src")
    Path("src", "heads.pdf").rename("src/heads.html")  # the first bytes count
    assert call(monkeypatch, capsys, "init", "--from", "src")[0] == 0
    assert "1 PDF" not in Path("pipeline.yaml").read_text()
    status, _, err = call(monkeypatch, capsys, "run", "pipeline.yaml", "--workers", "1")
    assert (status, err) == (0, "")
    assert Path("runs/src/shards/train").is_dir()
