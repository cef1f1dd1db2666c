"""Files of JSON without the field that texts are expected in are refused before anything is read."""

from pathlib import Path

import pytest

from prep.stages.read.read import Read

from .reading import problems


@pytest.mark.parametrize(
    ("name", "content", "fields"),
    [
        ("a.jsonl", '{"id": 1, "content": "words"}\n' * 3, "content, id"),
        ("a.jsonl", '{"id": 1, "page": {"text": "words"}}', "id, page"),
        ("a.json", '[{"Text": "words"}, {"Text": "more"}]', "Text"),
        ("a.json", '{"data": [{"text": "words"}]}', "data"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "words"}]}', "messages; for "),
    ],
)
def test_records_without_the_field(name: str, content: str, fields: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    (found,) = problems(Read(paths=str(tmp_path)))
    path = tmp_path / name
    assert (
        f"no field 'text' in the first records of {path}; expected a field of text, seen the fields {fields}" in found
    )
    assert found.endswith("set text_column")


@pytest.mark.parametrize(
    "content",
    [
        '{"content": "words"}\n{"text": "words"}',
        '{"content": "words"}\n{"text": null}',
        '{"content": "words"}\nno JSON',
        "no JSON",
        "\n\n",
    ],
)
def test_records_of_which_one_has_it_or_is_broken_are_judged_while_reading(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    assert problems(Read(paths=str(tmp_path))) == []


def test_files_beside_others_of_the_source_are_rejected_while_reading(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"content": "words"}')
    (tmp_path / "b.txt").write_text("words")
    assert problems(Read(paths=str(tmp_path))) == []
    (tmp_path / "b.txt").unlink()
    (tmp_path / "b.jsonl").write_text('{"text": "words"}')
    assert problems(Read(paths=str(tmp_path))) == []


def test_each_source_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "words"}')
    (tmp_path / "b.jsonl").write_text('{"body": "words"}')
    sources = [
        {"name": "bodies", "paths": str(tmp_path / "a.jsonl"), "text_column": "body"},
        {"name": "texts", "paths": str(tmp_path / "b.jsonl")},
    ]
    (found,) = problems(Read.model_validate({"sources": sources}))
    assert str(tmp_path / "b.jsonl") in found
