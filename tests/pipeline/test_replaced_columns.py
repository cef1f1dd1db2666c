"""Columns of the input that a stage writes too: what is said of them, and what is not."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.arrow.documents import CHARSET, HEADERS, HTML
from prep.corpus.errors import ConfigurationError
from prep.pipeline import config, contract

from .test_run import run_it

TEXTS = ["the fox runs over the hill", "the hen sits on the eggs"]


PAGES: dict[str, object] = {
    field.name: pa.array([value] * 2, field.type)
    for field, value in ((HTML, b"<p>x"), (CHARSET, "utf-8"), (HEADERS, None))
}


def over_table(folder: Path, columns: Mapping[str, object], stages: list[object], **read: object) -> Path:
    table = pa.table({"id": ["a", "b"], "text": TEXTS, **columns})
    pq.write_table(table, folder / "in.parquet")
    source = {"read": {"paths": str(folder / "in.parquet"), **read}}
    path = folder / "pipeline.yaml"
    path.write_text(json.dumps({"output": str(folder / "out"), "workers": 1, "stages": [source, *stages]}))
    return path


def remarks(path: Path) -> list[str]:
    configuration, located = config.load(str(path), ())
    contract.check(configuration, located)
    return [remark for remark in contract.remarks(configuration, 0) if "replaces" in remark]


def test_they_are_named_when_checking_and_at_the_end_of_a_run(tmp_path: Path) -> None:
    path = over_table(tmp_path, {"head": ["x", "y"], "dump": ["p", "q"]}, ["beheaded"])
    message = (
        "beheaded replaces the column 'head' of the input, whose values are lost; rename it in the input, or leave it "
        "out with read's option 'keep'"
    )
    assert remarks(path) == [message]
    assert [(item.name, item.message) for item in run_it(path).warnings] == [("column_replaced", message)]
    written = pq.read_table(tmp_path / "out" / "documents").to_pydict()
    assert (written["head"], written["dump"]) == (["t", "t"], ["p", "q"])


@pytest.mark.parametrize(
    ("columns", "stages", "lost"),
    [
        ({"language_score": [0.1, 0.2]}, ["language", "language"], ["language replaces the column 'language_score'"]),
        ({"language": ["en", "en"]}, ["language"], []),  # becomes declared_language
        ({"exact_cluster_size": ["x", "y"]}, ["exact"], ["exact replaces the column 'exact_cluster_size'"]),
        ({"signals": ["x", "y"]}, ["signals"], ["signals replaces the column 'signals'"]),
        (
            {"signals": [{"words": 1, "mine": 2}, {"words": 3, "mine": 4}]},
            ["signals"],
            ["signals replaces the column 'signals.words'"],
        ),
        ({"signals": [{"mine": 2}, {"mine": 4}]}, ["signals"], []),
        (
            {**PAGES, "licence": ["cc", "cc"], "licence_origin": ["x", "y"]},
            ["rights"],
            ["rights replaces the columns 'licence', 'licence_origin'"],
        ),
        ({"title": ["A", "B"], "published": ["2020", "2021"]}, ["repair"], []),
    ],
)
def test_every_stage_that_writes_a_column(
    tmp_path: Path, columns: Mapping[str, object], stages: list[object], lost: list[str]
) -> None:
    found = remarks(over_table(tmp_path, columns, stages))
    assert [remark.split(" of the input")[0] for remark in found] == lost


def test_what_extract_fills_where_it_is_empty_is_not_lost(tmp_path: Path) -> None:
    assert remarks(over_table(tmp_path, {**PAGES, "canonical_url": ["u", "v"]}, ["extract"])) == []


def test_a_column_that_is_left_out_is_none_of_the_input(tmp_path: Path) -> None:
    assert remarks(over_table(tmp_path, {"head": ["x", "y"]}, ["beheaded"], keep=[])) == []


def test_a_column_of_signals_that_holds_no_signals_is_replaced(tmp_path: Path) -> None:
    run_it(over_table(tmp_path, {"signals": ["x", "y"]}, ["signals"]))
    assert pa.types.is_struct(pq.read_schema(next((tmp_path / "out" / "documents").glob("*.parquet"))).field(-1).type)


def test_a_stage_that_appends_a_column_that_is_there_is_refused(tmp_path: Path) -> None:
    path = over_table(tmp_path, {"loud": ["x", "y"]}, ["shout"])
    with pytest.raises(ConfigurationError, match="adds a column 'loud', which the documents have already"):
        remarks(path)


def test_fields_of_json_lines_stay_among_their_metadata(tmp_path: Path) -> None:
    record = {"id": "a", "text": TEXTS[0], "head": "x"}
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n")
    path = over_table(tmp_path, {}, ["beheaded"])
    path.write_text(path.read_text().replace("in.parquet", "in.jsonl"))
    assert run_it(path).warnings == ()
    assert json.loads(pq.read_table(tmp_path / "out" / "documents").to_pydict()["metadata"][0]) == {"head": "x"}
