"""Rules that are noted and applied later: the same documents go, the ledger counts both, and mistakes are named."""

from collections.abc import Mapping
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import read_json
from prep.pipeline import config, contract
from prep.pipeline.results.ledger import LEDGER

from .conftest import WritePipeline
from .test_cli import call

MODEL = str(Path(__file__).parents[1] / "stages" / "golden_files" / "languages.bin")
TEXTS = [
    *(f"The boat number {number} and the harbour of that town have been with us for years." for number in range(20)),
    *(f"The boat {number} and the harbour are here." for number in range(10)),
    *(f"Das Boot Nummer {number} und der Hafen der Stadt sind seit Jahren bei uns." for number in range(20)),
    *("x y z " * number for number in range(1, 11)),
]
LANGUAGE = {"model": MODEL, "keep": ["en"], "threshold": 0.3}
QUALITY = {"recipe": "code", "rules": {"short_doc": {"min": 16}}}


def stages(action: str) -> list[object]:
    return [
        {"language": {**LANGUAGE, "action": action}},
        "signals",
        {"quality": {**QUALITY, "action": action}},
    ]


def run(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[list[Mapping[str, object]], str]:
    status, out, err = call(monkeypatch, capsys, "run", str(path))
    assert (status, err) == (0, ""), err
    ledger = read_json(str(path.parent / "out" / LEDGER))["stages"]
    assert isinstance(ledger, list)
    return ledger, out


def test_what_is_noted_and_applied_later_is_what_is_rejected_at_once(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at_once, _ = run(write_pipeline(stages("reject"), TEXTS), monkeypatch, capsys)
    documents = tmp_path / "out" / "documents"
    kept = pq.read_table(documents).column("id").to_pylist()
    lost = {row["id"]: (row["stage"], row["rule"]) for row in pq.read_table(tmp_path / "out" / "rejected").to_pylist()}
    assert 0 < len(kept) < len(TEXTS)

    noted, out = run(write_pipeline(stages("tag"), TEXTS), monkeypatch, capsys)
    whole = pq.read_table(documents).to_pylist()
    assert len(whole) == len(TEXTS)
    for row in whole:
        found = [(stage, row[f"{stage}_rule"]) for stage in ("language", "quality") if row[f"{stage}_rule"]]
        assert found[:1] == ([lost[row["id"]]] if row["id"] in lost else [])
    assert noted[1]["tagged"] == at_once[1]["rejected"]
    assert all(stage["in"] == stage["kept"] for stage in noted)
    assert f"tagged language {at_once[1]['rejected']['language']}" in out  # type: ignore[index]

    later = [*stages("tag"), {"filter": {"tags": {"language_rule": None, "quality_rule": None}}}]
    applied, _ = run(write_pipeline(later, TEXTS), monkeypatch, capsys)
    assert pq.read_table(documents).column("id").to_pylist() == kept
    rules = [at_once[1]["rejected"], at_once[3]["rejected"]]
    assert applied[-1]["rejected"] == {rule: count for found in rules for rule, count in found.items()}  # type: ignore[attr-defined]
    some = [*stages("tag"), {"filter": {"rules": {"foreign": {"column": "language_rule", "empty": True}}}}]
    judged, _ = run(write_pipeline(some, TEXTS), monkeypatch, capsys)
    assert judged[-1]["rejected"] == {"foreign": sum(noted[1]["tagged"].values())}  # type: ignore[attr-defined]


def test_labels_are_joined_filtered_and_counted(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    labels = [{"id": f"0-{row}", "grade": row % 5, "topic": ["sea", "land"][row % 2]} for row in range(0, 50)]
    labels.append({"id": "elsewhere", "grade": 5, "topic": "sea"})
    (tmp_path / "labels.jsonl").write_bytes(b"\n".join(map(orjson.dumps, labels)))
    take = {"grade": "grade", "about": "topic"}
    joined = {"join": {"labels": {"paths": str(tmp_path / "labels.jsonl")}, "take": take}}
    rules = {
        "poor": {"column": "grade", "min": 2, "missing": "keep"},
        "land": {"column": "about", "none_of": ["land", "air"]},
    }
    stages = ["signals", joined, {"filter": {"rules": rules}}, {"top_share": {"score": "grade", "share": 0.5}}]
    ledger, out = run(write_pipeline(stages, TEXTS), monkeypatch, capsys)
    assert ledger[2]["tagged"] == {"matched": 50, "unmatched": 10}
    assert ledger[3]["rejected"] == {"land": 15, "poor": 20}
    assert "names 'air' of about, which no document has" in out
    kept = pq.read_table(tmp_path / "out" / "documents").to_pylist()
    assert all(row["about"] == "sea" or row["grade"] is None for row in kept)
    assert min(row["grade"] for row in kept if row["grade"] is not None) >= 2
    report = read_json(str(next((tmp_path / "out" / "steps").glob("*-join-*/output/join.json"))))
    assert report == {
        "labels": 51,
        "without_key": 0,
        "repeated": 0,
        "matched": 50,
        "unmatched": 10,
        "labels_without_document": 1,
    }
    rejecting = {"join": {**joined["join"], "unmatched": "reject"}}
    ledger, _ = run(write_pipeline([rejecting], TEXTS), monkeypatch, capsys)
    assert ledger[1]["rejected"] == {"unmatched": 10}


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"classifier": {"model": MODEL, "label": "en", "action": "tag"}}], "no rule is set that could be noted"),
        ([{"language": {"model": MODEL, "tag_column": "x"}}], "'tag_column' has a meaning only with action: tag"),
        (
            [{"language": {"model": MODEL, "action": "tag", "tag_column": "text"}}],
            "the documents have a column 'text' already; name another one: tag_column",
        ),
        ([{"filter": {}}], "no rule is set"),
        ([{"filter": {"tags": ["quality_rule"]}}], "no earlier stage makes a column 'quality_rule'; set 'action: tag'"),
        ([{"filter": {"rules": {"a": {"column": "text", "min": 1}}}}], "column 'text' holds no numbers"),
        ([{"filter": {"rules": {"a": {"column": "x", "max": 1}}}}], "no earlier stage makes a column 'x'"),
        ([{"join": {"labels": {"paths": "none.jsonl"}}}], "'none.jsonl' matches no Parquet or JSON Lines file"),
        ([{"decontaminate": {"sets": {}, "action": "drop"}}], "action"),
    ],
)
def test_what_cannot_work_is_found_before(write_pipeline: WritePipeline, stages: list[object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        contract.check(*config.load(str(write_pipeline(stages, TEXTS[:3]))))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({}, "expected one of min and max, one_of, none_of, empty"),
        ({"min": 1, "one_of": ["a"]}, "expected one of min and max"),
        ({"min": 2, "max": 1}, "no number is at least 2 and at most 1"),
        ({"empty": True, "missing": "keep"}, "'missing' has no meaning beside 'empty'"),
    ],
)
def test_a_condition_that_says_nothing_is_refused(
    write_pipeline: WritePipeline, condition: dict[str, object], message: str
) -> None:
    stage = {"filter": {"rules": {"a": {"column": "id", **condition}}}}
    with pytest.raises(ConfigurationError, match=message):
        config.load(str(write_pipeline([stage], TEXTS[:3])))


def test_labels_that_do_not_fit_are_named(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    def complaint(take: object) -> str:
        labels = {"paths": str(tmp_path / "labels.jsonl")}
        with pytest.raises(ConfigurationError) as caught:
            contract.check(*config.load(str(write_pipeline([{"join": {"labels": labels, "take": take}}], TEXTS[:3]))))
        return str(caught.value)

    (tmp_path / "labels.jsonl").write_text('{"id": "0-0", "text": "a", "score": 1}\n')
    assert "the documents have a column 'text' already; name it anew" in complaint([])
    assert "the files have no column 'grade'; expected one of text, score" in complaint({"x": "grade"})
    (tmp_path / "labels.jsonl").write_text('{"id": "0-0", "score": 1}\n{"id": "0-0", "score": 2}\n')
    assert "1 of the ids come more than once: '0-0'" in complaint([])
    (tmp_path / "labels.jsonl").write_text('{"id": "0-0"}\n')
    assert "the files hold no column beside the key" in complaint([])


def test_duplicates_are_noted_and_kept_by_what_a_stage_over_all_documents_has_added(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = " ".join(f"word{number} of the page" for number in range(60))
    texts = [page, f"{page} and more", page, page, "Something else entirely, said once."]
    documents = tmp_path / "out" / "documents"
    stages = ["exact", {"minhash": {"keep": "best", "score": "exact_cluster_size"}}]
    run(write_pipeline(stages, texts), monkeypatch, capsys)
    kept = pq.read_table(documents).to_pylist()
    assert [(row["id"], row["exact_cluster_size"]) for row in kept] == [("0-0", 3), ("0-4", 1)]
    lost = {row["id"]: row["rule"] for row in pq.read_table(tmp_path / "out" / "rejected").to_pylist()}
    assert lost == {"0-1": "near_duplicate", "0-2": "exact_duplicate", "0-3": "exact_duplicate"}

    tagged = [{"exact": {"action": "tag"}}, {"minhash": {**stages[1]["minhash"], "action": "tag"}}]  # type: ignore[index]
    ledger, _ = run(write_pipeline(tagged, texts), monkeypatch, capsys)
    whole = pq.read_table(documents).to_pylist()
    assert [row["exact_rule"] for row in whole] == [None, None, "exact_duplicate", "exact_duplicate", None]
    assert [row["minhash_rule"] for row in whole] == [None, *["near_duplicate"] * 3, None]
    assert [row["minhash_cluster_size"] for row in whole] == [4, 4, 4, 4, 1]
    assert [stage["kept"] for stage in ledger] == [5, 5, 5]
    later = [*tagged, {"filter": {"tags": {"exact_rule": None, "minhash_rule": None}}}]
    run(write_pipeline(later, texts), monkeypatch, capsys)
    assert pq.read_table(documents).column("id").to_pylist() == ["0-0", "0-4"]
    by_url = [{"unique_url": {"action": "tag", "tag_column": "same"}}, {"filter": {"tags": {"same": None}}}]
    run(write_pipeline(by_url, texts), monkeypatch, capsys)
    assert pq.read_table(documents).num_rows == len(texts)
