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
  - minhash:
      ngram: 10
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
    assert [stage.name for stage in configuration.stages] == ["read", "extract", "minhash"]
    assert configuration.settings.executor == LocalExecutor()
    assert configuration.label(2) == "stage 3 (minhash)"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "ngram: 10",
            "ngrma: 10",
            "p.yaml:7: stage 3 (minhash): unknown option 'ngrma'; did you mean",
        ),
        (
            "ngram: 10",
            "ngram: ten",
            "p.yaml:7: stage 3 (minhash): option 'ngram'; expected a whole number",
        ),
        (
            "ngram: 10",
            "ngram: 0",
            "p.yaml:7: stage 3 (minhash): option 'ngram'; expected greater than",
        ),
        ("- extract", "- extarct", "p.yaml:5: stage 2: unknown stage 'extarct'; did you mean 'extract'?"),
        (
            "- extract",
            "- extract: 3",
            "p.yaml:5: stage 2 (extract): wrong type; expected options as 'name: value' pairs",
        ),
        (
            "- extract",
            "- {extract: , exact: }",
            "p.yaml:5: stage 2; expected a stage's name, or one name with its options",
        ),
        ("- extract", "- quality", "p.yaml:5: stage 2 (quality): option 'recipe' is missing"),
        (
            "output: runs/x",
            "outptu: runs/x",
            "p.yaml:1: unknown option 'outptu'; did you mean 'output'?",
        ),
        ("output: runs/x", "output: runs/x\nworkers: none", "p.yaml:2: option 'workers'; expected a whole number"),
        (
            "output: runs/x",
            "output: x\nexecutor: pbs",
            "p.yaml:2: option 'executor'; expected local, ray or slurm, seen 'pbs'",
        ),
        ("output: runs/x", "output: x\nexecutor: slurm", "p.yaml:2: option 'executor.partition' is missing"),
    ],
)
def test_errors_name_the_line_what_was_expected_and_the_hint(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert any(line.startswith(expected) for line in complaints(tmp_path, GOOD.replace(old, new)))


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("- extract", "- extarct").replace("ngram: 10", "ngram: x")
    assert len(complaints(tmp_path, text)) == 2


@pytest.mark.parametrize("text", ["- a\n- b\n", "output: x\n", "output: x\nstages: []\n", "output: x\nstages: read\n"])
def test_what_is_no_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    assert complaints(tmp_path, text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"no-such\.yaml: no such file; expected a pipeline in YAML"):
        load("no-such.yaml")


def test_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    configuration, _ = load(path, ["minhash.ngram=7", "extract.engine=trafilatura", "workers=3"])
    options = [stage.model_dump() for stage in configuration.stages]
    assert options[2]["ngram"] == 7
    assert options[1]["engine"] == "trafilatura"
    assert configuration.settings.workers == 3
    by_number, _ = load(path, ["stages.3.ngram=5"])
    assert by_number.stages[2].model_dump()["ngram"] == 5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "minhsah.ngram=7",
            "--set minhsah.ngram=7: no option or stage 'minhsah' here; did you mean",
        ),
        (
            "minhash.ngram=x",
            "--set minhash.ngram=x: stage 3 (minhash): option 'ngram'",
        ),
        ("workers", "--set workers: expected name=value"),
        (
            "exact.keep=longest",
            "--set exact.keep=longest: there are several stages 'exact'; write one of stages.4, stages.5",
        ),
    ],
)
def test_bad_overrides_name_themselves(tmp_path: Path, override: str, expected: str) -> None:
    (line,) = complaints(tmp_path, GOOD + "  - exact\n  - exact\n", override)
    assert line.startswith(expected)


def test_executors(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    ray, _ = load(path, ["executor.kind=ray", "executor.address=auto"])
    assert ray.settings.executor == RayExecutor(kind="ray", address="auto")
    slurm, _ = load(path, ["executor={kind: slurm, partition: debug, arguments: {account: me}}"])
    assert slurm.settings.executor == SlurmExecutor(kind="slurm", partition="debug", arguments={"account": "me"})
