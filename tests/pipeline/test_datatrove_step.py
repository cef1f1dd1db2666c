"""A pass of prep inside datatrove: run by its executor between its own reader and writer."""

import json
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

from prep.corpus.errors import ConfigurationError
from prep.pipeline.datatrove_step import PrepStages

from .conftest import WritePipeline
from .test_run import run_it

TEXTS = ["apple tree", "BREAK", "avocado", "x", "bean", "a document that is much too long to be kept"]


def documents(texts: list[str]) -> list[Document]:
    return [Document(text, f"0-{row}", metadata={"row": row}) for row, text in enumerate(texts)]


@pytest.mark.parametrize("batch_bytes", [1, 20, 1 << 20])
def test_documents_go_on_as_in_a_run(write_pipeline: WritePipeline, tmp_path: Path, batch_bytes: int) -> None:
    ledger = run_it(write_pipeline(["shout", "short"], TEXTS)).ledger
    expected = pq.read_table(tmp_path / "out" / "documents").select(["id", "text", "loud"]).to_pylist()
    given = documents(TEXTS)
    step = PrepStages(["shout", "short"], batch_bytes=batch_bytes)
    kept = list(step(iter(given)))
    assert [{"id": item.id, "text": item.text, "loud": item.metadata["loud"]} for item in kept] == expected
    assert all(any(item is before for before in given) for item in kept)
    assert [item.metadata["row"] for item in kept] == [0, 2, 4]
    stats = {name: int(value.total) for name, value in step.stats.stats.items()}
    lost = {f"dropped_{rule}": count for item in ledger.counts for rule, count in item.rejected.items()}
    lost |= {f"failed_{rule}": count for item in ledger.counts for rule, count in item.failed.items()}
    assert lost == {"dropped_too_long": 1, "failed_ValueError": 1, "failed_one_letter": 1}
    assert lost.items() <= stats.items()
    assert (stats["total"], stats["forwarded"], stats["dropped"]) == (6, 3, 3)


def test_repeated_documents_are_objects_of_their_own() -> None:
    kept = list(PrepStages(["echo"])(iter(documents(["a b", "", "c"]))))
    assert [item.id for item in kept] == ["0-0", "0-0~2", "0-2"]
    kept[0].metadata["row"] = 7
    assert [item.metadata["row"] for item in kept] == [7, 0, 2]


def test_metadata_is_read_as_columns() -> None:
    buckets = [{"language": "de", "weight": 0}, {"source": "books", "weight": 0}, {"below": 0.5, "weight": 0}]
    stages = [{"sample": {"buckets": buckets, "score": "quality"}}]
    rows: list[dict[str, object]] = [
        {"language": "de"},
        {"source": "books"},
        {"quality": 0.1},
        {"quality": 0.9, "language": "en"},
    ]
    given = [Document("text", str(row), metadata=dict(metadata)) for row, metadata in enumerate(rows)]
    columns = {"language": pa.string(), "source": pa.string(), "quality": pa.float64()}
    (kept,) = PrepStages(stages, metadata=columns)(iter(given))
    assert (kept.id, kept.metadata) == ("3", {"quality": 0.9, "language": "en"})


def test_inside_a_script_of_datatrove(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    texts = ["It rained all day.", "It rained {all} day.", "The river rose."]
    lines = [orjson.dumps({"text": text, "id": str(row)}) for row, text in enumerate(texts)]
    (tmp_path / "in" / "0.jsonl").write_bytes(b"\n".join(lines))
    stage = {"step": "datatrove.pipeline.filters.RegexFilter", "arguments": {"regex_exp": r"\{"}}
    (tmp_path / "stages.yaml").write_bytes(orjson.dumps({"stages": [{"datatrove": stage}]}))
    dropped = JsonlWriter(str(tmp_path / "dropped"), compression=None)
    step = PrepStages(str(tmp_path / "stages.yaml"), exclusion_writer=dropped)
    writer = JsonlWriter(str(tmp_path / "out"), compression=None)
    pipeline = [JsonlReader(str(tmp_path / "in")), step, writer]
    LocalPipelineExecutor(pipeline, logging_dir=str(tmp_path / "logs")).run()
    written = [json.loads(line) for line in (tmp_path / "out" / "00000.jsonl").read_text().splitlines()]
    assert [row["text"] for row in written] == [texts[0], texts[2]]
    (gone,) = map(json.loads, (tmp_path / "dropped" / "00000.jsonl").read_text().splitlines())
    assert (gone["id"], gone["metadata"]["filter_reason"]) == ("1", "regex_filter")


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (["one_per_letter"], r"stage 1 \(one_per_letter\) needs all documents at once"),
        (["shuot"], "unknown stage 'shuot'; did you mean 'shout'"),
        ([{"shout": {"makr": 1}}], "unknown option 'makr'"),
        (["extract"], r"stage 1 \(extract\) needs a column 'html'; name it in `metadata`"),
        ([{"sample": {"buckets": [{"below": 1, "weight": 1}]}}], "no earlier stage makes a column 'classifier_score'"),
    ],
)
def test_what_cannot_work_is_found_at_once(stages: list[object], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        PrepStages(stages)
