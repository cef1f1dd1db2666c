"""The commands about deduplication, on a run from end to end."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from prep.corpus.errors import RunError
from prep.pipeline.cli import app

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
