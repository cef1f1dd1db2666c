"""A stage of one's own in one's own package: from `pip install` to a run, with the same checks and docs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("setuptools")
pytest.importorskip("pip")

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "vowel-stages"
version = "1.0"

[project.entry-points."prep.stages"]
vowels = "vowel_stages:Vowels"
broken = "vowel_stages:NoSuchClass"

[tool.setuptools]
py-modules = ["vowel_stages"]
"""
MODULE = '''
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_column
from prep.stages.stage import RowFunction, RowStage
from prep.stages.verdicts import Outcome, Verdicts


class Vowels(RowStage):
    """Count vowels, and reject documents of few."""

    name: ClassVar[str] = "vowels"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("text",)

    fewest: int = Field(2, ge=0)
    """Vowels that a document must have."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema.append(pa.field("vowels", pa.int64()))

    def open(self) -> RowFunction:
        def count(batch: pa.RecordBatch) -> Outcome:
            texts = batch.column("text").to_pylist()
            counts = np.array([sum(letter in "aeiou" for letter in text) for text in texts], np.int64)
            rejected = np.where(counts < self.fewest, 0, -1)
            verdicts = Verdicts.from_codes(rejected, ("few_vowels",))
            return Outcome(set_column(batch, "vowels", pa.array(counts)), verdicts)

        return count
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package into a folder of its own, without the network."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "project").mkdir()
    (folder / "project" / "pyproject.toml").write_text(PROJECT)
    (folder / "project" / "vowel_stages.py").write_text(MODULE)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder / "site")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(folder / "project")], check=True)
    return folder / "site"


def call(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
    command = [sys.executable, "-m", "prep.pipeline.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def pipeline(folder: Path, stage: object) -> str:
    (folder / "in.jsonl").write_text('{"text": "a bean"}\n{"text": "tsk"}\n')
    stages = [{"read": {"paths": str(folder / "in.jsonl")}}, stage]
    (folder / "pipeline.yaml").write_text(json.dumps({"output": str(folder / "out"), "workers": 2, "stages": stages}))
    return str(folder / "pipeline.yaml")


@pytest.mark.parametrize("name", ["vowels", "vowel_stages.Vowels"])
def test_from_an_installed_package_to_a_run(installed: Path, tmp_path: Path, name: str) -> None:
    path = pipeline(tmp_path, {name: {"fewest": 1}})
    ran = call(installed, "run", path)
    assert ran.returncode == 0, ran.stderr
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["stages"][1] == {"name": "vowels", "in": 2, "kept": 1, "rejected": {"few_vowels": 1}, "failed": {}}
    (tmp_path / "pipeline.yaml").write_text((tmp_path / "pipeline.yaml").read_text().replace("1}", "0}"))
    assert "vowels.fewest 1 → 0" in call(installed, "status", path).stdout
    described = call(installed, "stages", name).stdout
    assert "Count vowels, and reject documents of few." in described
    assert "fewest (integer, at least 0; default 2)\n      Vowels that a document must have." in described
    assert "few_vowels" in call(installed, "inspect", path, "--set", "stages.2.fewest=1").stdout


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"vowels": {"fewest": -1}}, "stage 2 (vowels): option 'fewest'"),
        ({"vowels": {"least": 1}}, "unknown option 'least'"),
        ("broken", "stage 'broken' cannot be imported: AttributeError"),
        ("no_such_package.Stage", "stage 'no_such_package.Stage' cannot be imported: ModuleNotFoundError"),
        ("json.JSONDecoder", "'json.JSONDecoder' is no stage"),
        ("prep.stages.dedup.exact.Exact", "needs a `name`"),
        ("vowel", "unknown stage 'vowel'; did you mean 'vowels'?"),
    ],
)
def test_what_cannot_work_is_found_before(installed: Path, tmp_path: Path, stage: object, message: str) -> None:
    checked = call(installed, "check", pipeline(tmp_path, stage))
    assert checked.returncode == 2
    assert message in checked.stderr
    assert "Traceback" not in checked.stderr


def test_it_is_in_the_list_of_stages(installed: Path) -> None:
    assert "vowels" in call(installed, "stages").stdout
