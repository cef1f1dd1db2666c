"""Decontamination in a run: what is published, and what runs again when an evaluation set changes."""

from pathlib import Path

import orjson
import pyarrow.parquet as pq

from prep.pipeline import config
from prep.pipeline.reports.status import status
from prep.pipeline.run import plan_for, steps_folder

from .conftest import WritePipeline
from .test_run import run_it, tree

QUESTION = "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts does it take?"
OTHER = "Ann has 3 red marbles and twice as many blue ones, and gives half of them to Bo. How many are left?"
FILES = (["clean", f"He asked: {QUESTION.upper()} Nobody knew."], ["clean too", OTHER, f"{OTHER} {QUESTION}"])


def write_set(path: Path, *questions: str) -> None:
    path.write_bytes(b"\n".join(orjson.dumps({"question": question}) for question in questions))


def test_findings_name_the_item_and_the_document(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    write_set(tmp_path / "set.jsonl", OTHER, QUESTION)
    sets = {"robes": {"path": str(tmp_path / "set.jsonl"), "columns": ["question"]}}
    stages = [{"decontaminate": {"sets": sets}}]
    result = run_it(write_pipeline(stages, *FILES))
    assert result.ledger.counts[1].rejected == {"contaminated_robes": 3}
    found = pq.read_table(tmp_path / "out" / "findings" / "01-decontaminate").sort_by([("id", "ascending")])
    columns = found.select(["id", "item"]).to_pylist()
    assert [(row["id"], row["item"]) for row in columns] == [("0-1", 1), ("1-1", 0), ("1-2", 0), ("1-2", 1)]
    assert found.column("text")[0].as_py() == QUESTION[:-1].upper()
    assert pq.read_table(tmp_path / "out" / "documents").column("id").to_pylist() == ["0-0", "1-0"]
    before = tree(tmp_path / "out")
    run_it(write_pipeline(stages, *FILES), f"output={tmp_path}/again", "batch_bytes=1024", "workers=2")
    assert tree(tmp_path / "again") == before

    cut = [{"decontaminate": {"sets": sets, "action": "cut"}}]
    result = run_it(write_pipeline(cut, *FILES))
    assert result.ledger.counts[1].rejected == {"contaminated_robes": 2}
    documents = pq.read_table(tmp_path / "out" / "documents")
    assert documents.column("text").to_pylist() == ["clean", "He asked:  Nobody knew.", "clean too"]


def test_a_set_with_other_content_makes_the_step_run_again(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    write_set(tmp_path / "set.jsonl", OTHER, QUESTION)
    path = write_pipeline(
        [{"decontaminate": {"sets": {"robes": {"path": str(tmp_path / "set.jsonl"), "columns": ["question"]}}}}], *FILES
    )
    run_it(path)
    write_set(tmp_path / "set.jsonl", OTHER)
    configuration, _ = config.load(str(path))
    _, item, _ = status(plan_for(configuration), steps_folder(configuration))
    assert not item.complete
    assert "content of sets.robes.0" in item.reasons[0]
    assert run_it(path).ledger.counts[1].rejected == {"contaminated_robes": 2}
