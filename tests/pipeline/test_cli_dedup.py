"""The commands about deduplication, on a run from end to end."""

from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from prep.corpus.errors import RunError
from prep.corpus.files.storage import read_json
from prep.pipeline.cli import app
from prep.pipeline.monitor.outcomes import AuditsAnswer
from prep.pipeline.results.ledger import read_ledger

from .conftest import WritePipeline

TEXT = "the fog comes on little cat feet it sits looking over harbor and city on silent haunches and then moves on"
TEXTS = [TEXT, f"{TEXT} again", TEXT.upper(), "another text altogether", f"once more {TEXT}"]


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "160", "TERM": "dumb"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_an_audit_shows_pairs_sizes_and_texts(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    lines: list[object] = [{"repeated_lines": {"at_least": 2}}]
    path = write_pipeline(["exact", {"minhash": {"audit": "all"}}, *lines], TEXTS, [TEXT])
    call("run", str(path))
    shown = call("dedup", "audit", str(tmp_path / "out"))
    cluster = "clusters of 2 to 3 documents: 1"
    for expected in ("01-exact", "02-minhash", "largest cluster", cluster, "the fog comes", "bytes cut"):
        assert expected in shown
    assert "false positives" in shown
    assert call("dedup", "audit", str(path)) == shown
    for target in (path, tmp_path / "out"):
        exact, minhash, lines_audit = AuditsAnswer.model_validate_json(
            call("dedup", "audit", str(target), "--json")
        ).audits
        assert (exact.step, minhash.step) == ("01-exact", "02-minhash")
        assert minhash.sizes == {3: 1}
        assert {pair["kept"] for pair in minhash.pairs} == {"0-4"}
        assert lines_audit.repeats or lines_audit.summary
    pairs = pq.read_table(tmp_path / "out/audit/02-minhash/pairs.parquet").to_pylist()
    assert {(pair["removed"], pair["kept"]) for pair in pairs} <= {(f"0-{one}", "0-4") for one in range(5)}
    documents = pq.read_table(tmp_path / "out/documents").to_pylist()
    assert {row["id"]: row["minhash_cluster_size"] for row in documents} == {"0-3": 1, "0-4": 3}
    assert {row["id"]: row["minhash_cluster"] for row in documents} == {"0-3": None, "0-4": "0-4"}


def test_a_run_without_an_audit_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no audit of a deduplication"):
        call("dedup", "audit", str(tmp_path))


def test_check_shows_the_curve_and_the_disk(write_pipeline: WritePipeline) -> None:
    shown = call("check", str(write_pipeline([{"minhash": {"threshold": 0.8}}], TEXTS)))
    assert "9 bands of 13 rows" in shown
    assert "similarity  0.50  0.55" in shown
    assert "bytes of disk per document" in shown


def test_the_audit_and_the_report_agree_with_the_ledger(tmp_path: Path) -> None:
    """One source is 33 copies of a page, the other has texts of its own and copies that `exact` takes before."""
    page = " ".join(f"word{number}" for number in range(80))
    texts = {
        "shop": [f"{page} item{number}" for number in range(33)],
        "poems": [*(" ".join(f"line{number}a{word}" for word in range(30)) for number in range(12)), TEXT, TEXT, TEXT],
    }
    for name, some in texts.items():
        lines = [orjson.dumps({"id": f"{name}{row:02d}", "text": text}) for row, text in enumerate(some)]
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(lines))
    sources = [{"name": name, "paths": str(tmp_path / f"{name}.jsonl")} for name in texts]
    stages = [{"read": {"sources": sources}}, "exact", {"minhash": {"keep": "smallest_id"}}]
    (tmp_path / "pipeline.yaml").write_text(
        yaml.safe_dump({"output": str(tmp_path / "out"), "workers": 1, "stages": stages})
    )
    shown = call("run", str(tmp_path / "pipeline.yaml"))
    assert "duplicates_share: minhash removed 97% of the 33 documents of source shop" in " ".join(shown.split())
    ledger = read_ledger(str(tmp_path / "out"))
    for position, removed in ((1, 2), (2, 32)):
        audit = tmp_path / f"out/audit/{position:02d}-{ledger.names[position]}"
        summary = read_json(str(audit / "summary.json"))
        counts = ledger.counts[position]
        assert (summary["documents"], summary["removed"]) == (counts.entered, removed)
        assert sum(counts.rejected.values()) == removed
        losses = pq.read_table(audit / "losses.parquet").to_pylist()
        assert sum(row["documents"] for row in losses) == counts.entered
        assert sum(row["removed"] for row in losses) == removed
        sizes = pq.read_table(audit / "sizes.parquet").to_pylist()
        assert sum((row["size"] - 1) * row["clusters"] for row in sizes) == removed
    shown = call("report", str(tmp_path / "out"))
    for row in ("Duplicates by source: exact", "poems 15 2 13.3% poems12 (2)", "shop 33 32 97.0% shop00 (32)"):
        assert row in " ".join(shown.split())
