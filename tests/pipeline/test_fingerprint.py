"""Fingerprints: what is in them, and how differences read."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from prep.corpus.errors import ConfigurationError
from prep.pipeline.fingerprint import (
    columns_identity,
    differences,
    fingerprint,
    input_identity,
    refuse_unstable,
    stage_identity,
)
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.extract.extract import Extract
from prep.stages.stage import InputFile, RowStage


class WithFile(RowStage):
    name: ClassVar[str] = "with_file"
    libraries: ClassVar[tuple[str, ...]] = ("pyarrow", "not-a-library")
    path: str = ""

    def files(self) -> Mapping[str, str]:
        return {"path": self.path}


def test_the_order_of_keys_does_not_count() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_stage_is_its_settings_its_version_its_libraries_and_its_files(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a")
    stage = WithFile(path=str(tmp_path / "list.txt"))
    before = stage_identity(stage)
    assert before["version"] == 1
    assert before["not-a-library"] == "not installed"
    (tmp_path / "list.txt").write_text("b")
    changes = list(differences(before, stage_identity(stage)))
    assert len(changes) == 1
    assert changes == ["content of path changed"]
    assert stage_identity(MinHash(ngram=3)) != stage_identity(MinHash())


def test_differences_read_as_a_person_would_say_them() -> None:
    columns = {f"c{number:02}": "string" for number in range(16)}
    old = {"minhash": {"ngram": 5, "bands": 14, "version": 1}, "gone": 1, "columns": {"id": "string", "list": "int64"}}
    new = {"minhash": {"ngram": 8, "bands": 14, "version": 2}, "fresh": True, "columns": {**columns, "list": "string"}}
    new |= {"quality": {"content of a.yaml": "ab", "content of b.yaml": "cd"}}
    assert list(differences(old, new)) == [
        "minhash.version 1 → 2",
        "fresh added: True",
        "gone removed",
        "minhash.ngram 5 → 8",
        "columns c00, c01, c02, c03, c04, c05, c06, c07, c08, c09, c10, c11 and 4 more added",
        "columns id removed",
        "columns list changed",
        "quality.content of a.yaml, b.yaml added",
    ]


def test_an_input_is_its_path_size_and_content() -> None:
    assert input_identity((InputFile("a.gz", 3, identity="f" * 64),)) == {"a.gz": "3 bytes, ffffffffffffffff"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {1, 2}}, r"^stage\.a: a set is written differently each time"),
        ({"a": [1.0, float("nan")]}, r"^stage\.a\.1: nan is no number that compares"),
        ({"a": {"b": float("inf")}}, r"^stage\.a\.b: inf is no number"),
        ({"a": repr(object())}, r"^stage\.a: '<object object at 0x[0-9a-f]+>' holds an object's address"),
        ({"a": object()}, r"^stage\.a: a object is written differently"),
        ({"a": Path("/etc")}, r"^stage\.a: a PosixPath"),
        ({"a": "/etc/hosts"}, r"^stage\.a: '/etc/hosts' is a path of this machine"),
    ],
)
def test_an_identity_that_is_not_stable_is_refused_with_its_field(value: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        refuse_unstable("stage", value)


def test_plain_values_are_stable() -> None:
    refuse_unstable("stage", {"a": [1, 2.5, None, True, "/no/such/path", "/", "at 0x"], "b": {"c": ()}})


def test_a_model_beside_the_code_is_in_the_identity() -> None:
    assert "content of blocks.npz" in stage_identity(Extract())


def test_columns_are_in_the_identity() -> None:
    assert columns_identity(pa.schema({"a": pa.int64()})) != columns_identity(pa.schema({"a": pa.int32()}))
