"""Warnings of a run: what is found, where it is said, and what `strict` makes of it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from prep.corpus.errors import RunError, TaskError
from prep.pipeline.cli import app
from prep.stages.read.repeated_ids import RepeatedIds, repeated_ids
from prep.stages.results import RunWarning

from .conftest import WritePipeline
from .test_run import run_it

LONG = "a document that is much too long to be kept"


def found(path: Path, *overrides: str) -> list[tuple[str, str]]:
    return [(item.name, item.message) for item in run_it(path, *overrides).warnings]


def test_a_run_without_findings_says_so_in_its_file(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    assert found(write_pipeline(["short"], ["apple", "bean"])) == []
    assert json.loads((tmp_path / "out" / "warnings.json").read_text()) == {"warnings": []}


def test_failures_are_said_from_a_share_on(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(["shout"], ["BREAK", "a", "b", "c"])
    assert found(path) == [("failed_share", "shout failed on 1 of 4 documents (25.0 %): ValueError 1")]
    assert found(path, "warnings.failed_share=0.25") == []


def sources(tmp_path: Path, **texts: list[str]) -> Path:
    entries = []
    for name, items in texts.items():
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in items))
        entries.append({"name": name, "paths": str(file)})
    path = tmp_path / "pipeline.yaml"
    stages = [{"read": {"sources": entries}}, "short"]
    path.write_text(json.dumps({"output": str(tmp_path / "out"), "workers": 1, "stages": stages}))
    return path


def test_a_rule_that_takes_much_of_one_source(tmp_path: Path) -> None:
    path = sources(tmp_path, books=["a book"] * 60, notes=["a note"] * 6 + [LONG] * 4)
    assert found(path) == [
        ("rejected_share", "short: the rule 'too_long' takes 4 of 10 documents (40 %) of source 'notes'")
    ]
    assert found(path, "warnings.rejected_share=0.4") == []
    assert found(path, "warnings.least_documents=11") == []


def test_a_source_of_which_nothing_is_left(tmp_path: Path) -> None:
    path = sources(tmp_path, books=["a book"] * 20, notes=[LONG] * 2)
    assert found(path) == [("source_lost", "short leaves nothing of source 'notes': all 2 documents are lost")]


def test_a_source_that_yields_no_document(tmp_path: Path) -> None:
    path = sources(tmp_path, books=["a book"] * 20, notes=[])
    assert found(path) == [("source_without_documents", "read: source 'notes' yields no document")]


def test_an_input_that_yields_no_document(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(["short"], ["a text"])
    (tmp_path / "in" / "0.jsonl").write_text("\n\n")
    assert found(path) == [("source_without_documents", "read: the input yields no document")]


def test_a_stage_says_what_it_alone_can_know(write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    from .conftest import Count

    def warnings(stage: Count, results: object) -> list[RunWarning]:
        text = Path(results.output, "tokenizer.json").read_text()  # type: ignore[attr-defined]
        return [RunWarning("few", f"{text} characters", "prep inspect {pipeline} # {output}")]

    monkeypatch.setattr(Count, "warnings", warnings)
    path = write_pipeline(["count"], ["apple", "bean"])
    (warning,) = run_it(path).warnings
    assert warning == RunWarning("few", "9 characters", f"prep inspect {path} # {path.parent}/out")


def test_strict_publishes_nothing(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(["shout"], ["BREAK", "a"], strict=True)
    with pytest.raises(RunError, match=r"strict: 1 warnings, nothing is published\n  failed_share: shout failed on 1"):
        run_it(path)
    assert not (tmp_path / "out" / "documents").exists()
    assert len(json.loads((tmp_path / "out" / "warnings.json").read_text())["warnings"]) == 1


def test_they_are_printed_at_the_end_and_first_in_the_report(tmp_path: Path) -> None:
    path = sources(tmp_path, books=["a book"] * 20, notes=[])
    from prep.stages.catalogue import STAGES  # the command line knows no stages made for tests

    assert "read" in STAGES
    path.write_text(path.read_text().replace(', "short"', ""))
    said = CliRunner().invoke(app, ["run", str(path)])
    assert said.exit_code == 0, said.output
    assert "warning: source_without_documents: read: source 'notes' yields no document" in said.output
    assert f"see: prep report {tmp_path}/out" in said.output
    report = CliRunner().invoke(app, ["report", f"{tmp_path}/out"])
    assert report.output.startswith("warning: source_without_documents")


def test_inputs_that_are_cut_off_are_named(tmp_path: Path) -> None:
    path = sources(tmp_path, books=["a book"] * 20, notes=["a note"] * 20)
    notes = tmp_path / "notes.jsonl"
    notes.write_bytes(notes.read_bytes()[:-7])
    place = notes.read_bytes().rindex(b"\n") + 1
    cut = f"the file ends in a line, after {notes.stat().st_size - place} bytes of it"
    result = run_it(path)
    assert [(item.name, item.message) for item in result.warnings] == [
        ("failed_share", "read failed on 1 of 40 documents (2.5 %): truncated 1"),
        ("truncated_input", f"1 input is cut off: notes.jsonl@{place}: how much is missing cannot be known ({cut})"),
    ][::-1]
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["truncated"] == [{"record": f"notes.jsonl@{place}", "missing_bytes": None, "detail": cut}]


def test_bytes_that_are_no_text_are_said_by_source(tmp_path: Path) -> None:
    path = sources(tmp_path, books=["a book"] * 20, notes=["a note"] * 18 + ["a n\ufffdte"] * 2)
    said = (
        "read: 2 of 20 documents (10.0 %) of source 'notes' hold U+FFFD, which stands for bytes that are no characters "
        "of the text's encoding"
    )
    (warning,) = run_it(path).warnings
    assert (warning.name, warning.message) == ("undecoded_bytes", said)
    assert warning.command == f"prep inspect {path} --search '\ufffd'"
    assert found(path, "warnings.undecoded_share=0.1") == []
    assert found(path, "warnings.least_documents=21") == []


def test_a_run_that_fails_says_what_was_found_before(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from .conftest import Count

    def fail(stage: Count, phase: str, task: int, context: object) -> None:
        raise RunError("there is no text to count")

    monkeypatch.setattr(Count, "run", fail)
    path = write_pipeline(["shout", "count"], ["BREAK", "a", "b"])
    said = r"there is no text to count.*\nwhat was found before:\n  failed_share: shout failed on 1 of 3 documents"
    with pytest.raises(TaskError, match=f"(?s){said}"):
        run_it(path)
    (warning,) = json.loads((tmp_path / "out" / "warnings.json").read_text())["warnings"]
    assert warning["name"] == "failed_share"


def records(tmp_path: Path, **files: list[str]) -> Path:
    path = sources(tmp_path, **{name: [] for name in files})
    for name, lines in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_source_whose_records_are_all_broken_is_named_once(tmp_path: Path) -> None:
    path = records(tmp_path, books=['{"text": "a book"}'] * 300, notes=['{"text": "x" "y"}'] * 2)
    assert found(path) == [("source_lost", "read leaves nothing of source 'notes': all 2 documents are lost")]


def test_ids_that_several_documents_have_are_counted_over_files(tmp_path: Path) -> None:
    own = ['{"id": "a b", "text": "a book"}', '{"id": "c", "text": "one"}', '{"text": "two"}']
    others = ['{"id": "c", "text": "three"}', '{"id": "c", "text": "four"}', '{"id": "a b", "text": "x y"}']
    path = records(tmp_path, books=own, notes=others)
    (warning,) = run_it(path).warnings
    assert warning.name == "repeated_ids"
    assert warning.message.startswith(
        "read: 2 ids are each that of several documents (5 in all), such as 'c' (3 documents); prep trace, "
    )
    assert warning.command == f"prep inspect {path} --id c"
    assert found(records(tmp_path, books=own, notes=['{"text": "two"}'])) == []


def test_only_the_first_documents_are_looked_at_for_repeated_ids(tmp_path: Path) -> None:
    parts = []
    for number, ids in enumerate((["a", "b"], ["b", "c", "c"])):
        parts.append(str(tmp_path / f"{number}.parquet"))
        pq.write_table(pa.table({"id": ids, "text": ids}), parts[-1])
    assert repeated_ids(parts[:1]) is None
    assert repeated_ids([]) is None
    assert repeated_ids(parts) == RepeatedIds(looked_at=5, ids=2, documents=4, example="b", times=2)
    assert repeated_ids(parts, most=4) == RepeatedIds(looked_at=4, ids=1, documents=2, example="b", times=2)
