"""Fingerprints: what is in them, and how differences read."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from prep.pipeline.fingerprint import differences, fingerprint, input_identity, stage_identity
from prep.stages.dedup.minhash.minhash import MinHash
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
    assert changes[0].startswith("content of path ca978112ca1b")
    assert stage_identity(MinHash(ngram=3)) != stage_identity(MinHash())


def test_differences_read_as_a_person_would_say_them() -> None:
    old = {"minhash": {"ngram": 5, "bands": 14}, "gone": 1}
    new = {"minhash": {"ngram": 8, "bands": 14}, "fresh": True}
    assert list(differences(old, new)) == ["fresh added: True", "gone removed", "minhash.ngram 5 → 8"]


def test_an_input_is_its_path_size_and_content() -> None:
    assert input_identity((InputFile("a.gz", 3, digest="f" * 64),)) == {"a.gz": "3 bytes, ffffffffffffffff"}
