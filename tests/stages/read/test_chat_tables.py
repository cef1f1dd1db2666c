"""Conversations out of tables: the same messages as out of JSON, whatever way the table holds them."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.stages.read.read import Read

from .reading import documents, problems

QUESTION, ANSWER = "What is 2 + 2?", "It is 4."
PAIR = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
SHARED = [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]
SYSTEM = {"role": "system", "content": "Be brief."}


def write(path: Path, table: pa.Table) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


def read(path: Path) -> list[dict[str, object]]:
    return documents(Read(paths=str(path), conversations=True))


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("column", "value", "messages"),
    [
        ("messages", PAIR, PAIR),
        ("conversations", SHARED, PAIR),
        ("conversation", SHARED, PAIR),
        ("messages", {"role": ["user", "assistant"], "content": [QUESTION, ANSWER]}, PAIR),
        ("messages", json.dumps(PAIR), PAIR),
        ("messages", [{**SYSTEM, "name": None}, {**PAIR[0], "name": "Ada"}, {**PAIR[1], "name": None}], [
            SYSTEM, {**PAIR[0], "name": "Ada"}, PAIR[1]]),
    ],
)  # fmt: skip
def test_lists_of_turns_are_messages(
    tmp_path: Path, ending: str, column: str, value: object, messages: list[dict[str, object]]
) -> None:
    rows = 5
    table = pa.table(
        {column: [value] * rows, "id": list("abcde"), "day": [date(2024, 1, 2)] * rows, "left": [None] * rows}
    )
    found = read(write(tmp_path / f"chats.{ending}", table))
    assert [row["id"] for row in found] == list("abcde")
    for row in found:
        assert row["rule"] is None
        assert json.loads(str(row["conversation"])) == {"messages": messages}
        assert row["text"] == "\n\n".join(str(message["content"]) for message in messages)
        assert json.loads(str(row["metadata"])) == {"day": "2024-01-02"}


def test_other_forms_and_rows_that_are_none(tmp_path: Path) -> None:
    table = pa.table(
        {
            "prompt": [QUESTION, QUESTION, None, QUESTION],
            "completion": [ANSWER, None, ANSWER, ""],
            "system": ["Be brief.", None, None, None],
        }
    )
    found = read(write(tmp_path / "pairs.parquet", table))
    assert [row["rule"] for row in found] == [None, "no_answer", "!no_text", "no_answer"]
    assert found[0]["id"] == "pairs.parquet#0"
    assert found[3]["id"] == "pairs.parquet#3"


def test_the_table_says_what_a_file_of_json_says(tmp_path: Path) -> None:
    records = [{"messages": PAIR}, {"messages": []}, {"messages": [{"role": "wizard", "content": "x"}]}]
    (tmp_path / "chats.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    table = read(write(tmp_path / "chats.parquet", pa.Table.from_pylist(records)))
    lines = read(tmp_path / "chats.jsonl")
    for name in ("rule", "conversation", "text"):
        assert [row[name] for row in table] == [row[name] for row in lines]


def test_a_table_without_turns_is_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.parquet", pa.table({"text": ["a"], "id": ["b"]}))
    (problem,) = problems(Read(paths=str(path), conversations=True))
    assert "plain.parquet has no column of conversations" in str(problem)
    assert "messages, conversations" in str(problem)


def test_a_damaged_group_is_one_failed_row(tmp_path: Path) -> None:
    path = write(tmp_path / "chats.parquet", pa.table({"messages": [PAIR] * 6, "id": list("abcdef")}))
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data[start : start + 30] = b"\xff" * 30
    path.write_bytes(data)
    found = read(path)
    assert [row["rule"] for row in found].count("!bad_parquet") == 1
    assert [row["id"] for row in found if row["rule"] is None] == ["a", "b", "e", "f"]
