"""Texts of rejected documents, kept by option."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prep.pipeline.inspecting import drawing
from prep.pipeline.integrity.verifying import verify_run
from prep.pipeline.steps.keeping import ONE_IN, REJECTED_TEXTS

from .conftest import WritePipeline
from .test_cli import call
from .test_run import run_it

LONG = [f"{number} this text is too long to be kept by the stage" for number in range(200)]
TEXTS = [text for number, long in enumerate(LONG) for text in (long, f"short {number % 150}")]


def kept(output: Path) -> dict[str, tuple[str, str, str]]:
    rows = [
        row for path in sorted((output / REJECTED_TEXTS).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return {row["id"]: (row["stage"], row["rule"], row["text"]) for row in rows}


def test_all_rejected_texts_are_kept_whatever_the_batches(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(["short", "exact"], TEXTS, rejected_text="all")
    run_it(path)
    found = kept(tmp_path / "out")
    assert sorted(text for stage, _, text in found.values() if stage == "short") == sorted(LONG)
    assert sorted(text for stage, _, text in found.values() if stage == "exact") == sorted(
        f"short {number}" for number in range(50)
    )
    run_it(path, "output=" + str(tmp_path / "again"), "batch_bytes=1024")
    for file in sorted((tmp_path / "out" / REJECTED_TEXTS).iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / REJECTED_TEXTS / file.name).read_bytes()
    strange = sorted((tmp_path / "again" / REJECTED_TEXTS).iterdir())[0]
    strange.unlink()  # it is a link to what the step wrote
    strange.write_bytes(b"what no step wrote")
    faults = {name: found for name, found in verify_run(str(tmp_path / "again"), 1) if found}
    assert list(faults) == [str(strange.parent)]
    assert f"{strange} is not what any step wrote" in faults[str(strange.parent)][0]


def test_a_sample_is_decided_by_ids_and_none_is_kept_by_default(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(["short"], TEXTS)
    run_it(path)
    assert not (tmp_path / "out" / REJECTED_TEXTS).exists()
    run_it(path, "rejected_text=all")
    everything = kept(tmp_path / "out")
    run_it(path, "rejected_text=sample")
    sample = kept(tmp_path / "out")
    assert sample.items() < everything.items()
    assert 0 < len(sample) < 3 * len(LONG) / ONE_IN


def test_they_are_shown_without_reading_the_source_again(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pipeline(["short"], TEXTS, rejected_text="all")
    run_it(path)
    monkeypatch.setattr(drawing, "follow", lambda *_: pytest.fail("the source was read"))
    status, out, _ = call(monkeypatch, capsys, "inspect", str(path), "--rule", "too_long", "--number", "2")
    assert status == 0
    assert "this text is too long to be kept by the stage" in " ".join(out.split())
