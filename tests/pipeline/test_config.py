"""Configurations: what is refused, where, and how it is said; overrides."""

from pathlib import Path

import pytest

from prep.corpus.errors import ConfigurationError
from prep.pipeline.config import LocalExecutor, RayExecutor, SlurmExecutor, load

GOOD = """output: runs/x
stages:
  - read:
      paths: crawl/*.warc.gz
  - extract
  - gopher_quality:
      min_words: 10
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    return str(path)


def complaints(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(write(tmp_path, text), overrides)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.lines]


def test_a_good_one_is_loaded(tmp_path: Path) -> None:
    configuration, _ = load(write(tmp_path, GOOD))
    assert [stage.name for stage in configuration.stages] == ["read", "extract", "gopher_quality"]
    assert configuration.settings.executor == LocalExecutor()
    assert configuration.label(2) == "stage 3 (gopher_quality)"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "min_words: 10",
            "min_wrods: 10",
            "p.yaml:7: stage 3 (gopher_quality): unknown option 'min_wrods'; did you mean",
        ),
        (
            "min_words: 10",
            "min_words: ten",
            "p.yaml:7: stage 3 (gopher_quality): option 'min_words'; expected a valid int",
        ),
        (
            "min_words: 10",
            "min_words: 0",
            "p.yaml:7: stage 3 (gopher_quality): option 'min_words'; expected greater than",
        ),
        ("- extract", "- extarct", "p.yaml:5: stage 2: unknown stage 'extarct'; did you mean 'extract'?"),
        (
            "- extract",
            "- extract: 3",
            "p.yaml:5: stage 2 (extract): wrong type; expected options as 'name: value' pairs",
        ),
        (
            "- extract",
            "- {extract: , c4: }",
            "p.yaml:5: stage 2; expected a stage's name, or one name with its options",
        ),
        ("      paths: crawl/*.warc.gz", "      source: x", "p.yaml:3: stage 1 (read): option 'paths' is missing"),
        (
            "output: runs/x",
            "outptu: runs/x",
            "p.yaml:1: unknown option 'outptu'; did you mean 'output'?; it takes output,",
        ),
        ("output: runs/x", "output: runs/x\nworkers: none", "p.yaml:2: option 'workers'; expected a valid integer"),
        (
            "output: runs/x",
            "output: x\nexecutor: pbs",
            "p.yaml:2: option 'executor'; expected local, ray or slurm, seen 'pbs'",
        ),
        ("output: runs/x", "output: x\nexecutor: slurm", "p.yaml:2: option 'executor.partition' is missing"),
    ],
)
def test_errors_name_the_line_what_was_expected_and_the_mend(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert any(line.startswith(expected) for line in complaints(tmp_path, GOOD.replace(old, new)))


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("- extract", "- extarct").replace("min_words: 10", "min_words: x")
    assert len(complaints(tmp_path, text)) == 2


@pytest.mark.parametrize("text", ["- a\n- b\n", "output: x\n", "output: x\nstages: []\n", "output: x\nstages: read\n"])
def test_what_is_no_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    assert complaints(tmp_path, text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"no-such\.yaml: no such file; expected a pipeline in YAML"):
        load("no-such.yaml")


def test_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    configuration, _ = load(path, ["gopher_quality.min_words=7", "extract.engine=trafilatura", "workers=3"])
    options = [stage.model_dump() for stage in configuration.stages]
    assert options[2]["min_words"] == 7
    assert options[1]["engine"] == "trafilatura"
    assert configuration.settings.workers == 3
    by_number, _ = load(path, ["stages.3.min_words=5"])
    assert by_number.stages[2].model_dump()["min_words"] == 5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "gopher_qualty.min_words=7",
            "--set gopher_qualty.min_words=7: no option or stage 'gopher_qualty'; did you mean",
        ),
        (
            "gopher_quality.min_words=x",
            "--set gopher_quality.min_words=x: stage 3 (gopher_quality): option 'min_words'",
        ),
        ("workers", "--set workers: expected name=value"),
        ("c4.min_words=2", "--set c4.min_words=2: there are several stages 'c4'; write one of stages.4, stages.5"),
    ],
)
def test_bad_overrides_name_themselves(tmp_path: Path, override: str, expected: str) -> None:
    (line,) = complaints(tmp_path, GOOD + "  - c4\n  - c4\n", override)
    assert line.startswith(expected)


def test_executors(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    ray, _ = load(path, ["executor.kind=ray", "executor.address=auto"])
    assert ray.settings.executor == RayExecutor(kind="ray", address="auto")
    slurm, _ = load(path, ["executor={kind: slurm, partition: debug, arguments: {account: me}}"])
    assert slurm.settings.executor == SlurmExecutor(kind="slurm", partition="debug", arguments={"account": "me"})
