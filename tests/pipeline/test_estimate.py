"""`prep estimate`: one small run looked at from many sides, and the mistakes that users make."""

import gzip
import json
from pathlib import Path
from random import Random

import orjson
import pytest
import yaml
from typer.testing import CliRunner

from prep.pipeline.cli import app
from prep.pipeline.estimating.answers import EstimateAnswer
from prep.pipeline.estimating.sampling import draw
from prep.stages.read.read import Read
from prep.stages.stage import Partition, SourceStage

from .conftest import WritePipeline
from .test_cli import call

WORDS = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("alo", "ebin", "irat", "osu", "undle", "ank")]
SHORT = 24


def text(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.choice([SHORT - 4, 60, 120])))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """Return a pipeline over lines of which some are short, and some come two or three times; and the truth."""
    folder, random = tmp_path_factory.mktemp("corpus"), Random(5)
    different = [text(random) for _ in range(1500)]
    copies = [each for each in different[:300] for _ in range(1 + (len(each) % 2))]
    lines = [*different, *copies]
    random.shuffle(lines)
    (folder / "in").mkdir()
    for number in range(3):
        records = [orjson.dumps({"id": f"{number}-{row}", "text": each}) for row, each in enumerate(lines[number::3])]
        (folder / "in" / f"{number}.jsonl").write_bytes(b"\n".join(records) + b"\n")
    stages = [
        {"read": {"paths": str(folder / "in" / "*.jsonl"), "source": "made"}},
        {"exact": {"audit": 0}},
        {"tokenizer": {"vocabulary": 400}},
        {"pack": {"length": 64}},
        {"train": {"size": "nano", "steps": 20, "batch_rows": 1, "sample_tokens": 0}},
    ]
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"output": str(folder / "out"), "workers": 2, "stages": stages}, sort_keys=False))
    truth = {"documents": len(lines), "kept": len(set(lines)), "bytes": sum(len(each) for each in set(lines))}
    return path, truth


@pytest.fixture(scope="module")
def answered(corpus: tuple[Path, dict[str, int]]) -> EstimateAnswer:
    """Return the prediction from a quarter of the input."""
    result = CliRunner().invoke(app, ["estimate", str(corpus[0]), "--sample", "25%", "--json"])
    assert result.exit_code == 0, result.output
    return EstimateAnswer.model_validate_json(result.stdout)


def test_documents_and_duplicates_come_out_near_the_truth(
    corpus: tuple[Path, dict[str, int]], answered: EstimateAnswer
) -> None:
    _, truth = corpus
    assert 0.15 < answered.sample.share < 0.4
    assert not answered.sample.exact
    assert answered.sample.looked_at == 1
    assert answered.documents_read.value == answered.documents_read.low == truth["documents"]  # they were counted
    exact = next(stage for stage in answered.stages if stage.name == "exact")
    assert exact.duplicates
    assert exact.rejected["exact_duplicate"].value == pytest.approx(truth["documents"] - truth["kept"], rel=0.3)
    assert answered.documents.value == pytest.approx(truth["kept"], rel=0.1)
    assert answered.documents.low < truth["kept"] < answered.documents.high
    assert answered.text_bytes.value == pytest.approx(truth["bytes"], rel=0.15)


def test_every_stage_and_step_is_costed(answered: EstimateAnswer) -> None:
    assert [stage.name for stage in answered.stages] == ["read", "exact", "tokenizer", "pack", "train"]
    assert [step.title for step in answered.steps] == ["read", "exact", "documents", "tokenizer", "pack", "train"]
    for step in answered.steps:
        assert step.cpu_hours.value > 0
        assert step.wall_hours.low <= step.wall_hours.value <= step.wall_hours.high
        assert step.memory_bytes > 1e6
    assert sum(step.disk_bytes.value for step in answered.steps) == pytest.approx(answered.steps_bytes.value)
    assert answered.peak_disk_bytes.value >= answered.steps_bytes.value >= answered.output_bytes.value > 0
    assert answered.tokens is not None
    assert answered.tokens.value > answered.documents.value
    assert answered.workers == 2
    assert answered.bottleneck
    assert answered.problems == []


def test_nothing_is_written_where_the_run_would_write(
    corpus: tuple[Path, dict[str, int]], answered: EstimateAnswer
) -> None:
    assert not (corpus[0].parent / "out").exists()
    assert answered.sample.input_bytes == sum(file.stat().st_size for file in corpus[0].parent.glob("in/*"))


def test_a_sample_larger_than_the_input_is_all_of_it_and_exact(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    random = Random(1)
    texts = ["a", *(text(random)[:15] for _ in range(40)), "too long to be kept by this stage"]
    path = write_pipeline(["short", "one_per_letter"], texts)
    status, out, _ = call(monkeypatch, capsys, "estimate", str(path), "--sample", "1GB", "--json")
    assert status == 0
    answer = EstimateAnswer.model_validate_json(out)
    assert answer.sample.exact
    short, last = answer.stages[1:]
    assert short.rejected["too_long"].value == short.rejected["too_long"].high == 1
    assert short.failed["one_letter"].value == 1
    assert last.kept == answer.documents
    assert answer.documents.value == len({each[0] for each in texts[1:-1]})
    assert answer.tokens is None
    assert not (tmp_path / "out").exists()
    status, out, _ = call(monkeypatch, capsys, "estimate", str(path), "--sample", "100%")
    assert status == 0
    assert "All of the input was run" in out
    assert "too_long" in out


@pytest.mark.parametrize("sample", ["0%", "101%", "much", "0", "-3%", "%"])
def test_a_sample_that_is_no_size_is_refused(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sample: str
) -> None:
    path = write_pipeline(["shout"], ["apple"])
    status, _, err = call(monkeypatch, capsys, "estimate", str(path), "--sample", sample)
    assert status == 2
    assert "expected a share such as 2%" in " ".join(err.replace("│", "").split())


def test_mistakes_of_the_configuration_are_told_as_by_check(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_pipeline([{"shout": {"makr": "?"}}], ["apple"])
    status, _, err = call(monkeypatch, capsys, "estimate", str(path))
    assert status == 2
    assert "did you mean 'mark'?" in err
    status, _, err = call(monkeypatch, capsys, "estimate", str(tmp_path / "none.yaml"))
    assert status == 2
    assert "none.yaml: no such file" in err


def stretches(path: Path, count: int) -> tuple[SourceStage, list[str]]:
    source = Read(paths=str(path))
    (file,) = source.list_files()
    schema = source.output_schema([file])
    found = source.stretches(file, count, range(count))
    assert found is not None
    ids = [
        identity
        for each in found
        for batch, _ in source.read(Partition((each,)), schema, 1 << 20)
        for identity in batch.column("id").to_pylist()
    ]
    return source, ids


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt.gz"])
def test_all_stretches_of_a_file_are_the_file(tmp_path: Path, name: str) -> None:
    lines = [orjson.dumps({"id": str(row), "text": "word " * (row % 50)}) + b"\n" for row in range(500)]
    path = tmp_path / name.replace("txt", "jsonl")
    if name.endswith(".gz"):
        path.write_bytes(b"".join(gzip.compress(b"".join(lines[at : at + 25])) for at in range(0, 500, 25)))
    else:
        path.write_bytes(b"".join(lines))
    _, ids = stretches(path, 7)
    assert ids == [str(row) for row in range(500)]


def test_the_beginning_stands_for_lines_in_one_compressed_member(tmp_path: Path) -> None:
    random = Random(2)
    lines = [orjson.dumps({"id": str(row), "text": text(random)}) + b"\n" for row in range(4000)]
    path = tmp_path / "one.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(lines)))
    source = Read(paths=str(path))
    files = source.list_files()
    sample = draw(source, files, files[0].size // 3, 0)
    assert 0 < sample.share < 0.6
    assert any("its beginning stands for all of it" in remark for remark in sample.remarks)
    (each,) = [item for task in sample.tasks for item in task.ranges]
    assert each.end is not None


def test_the_answer_is_documented(answered: EstimateAnswer) -> None:
    schema = EstimateAnswer.model_json_schema()
    assert json.loads(answered.model_dump_json()).keys() == schema["properties"].keys()
