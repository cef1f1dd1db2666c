"""Deduplication of every level in one pipeline: the same survivors in any order, partition, and number of workers."""

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from typer.testing import CliRunner

from prep.pipeline.cli import app

STAGES: list[object] = [
    "unique_url",
    {"exact": {"keep": "newest"}},
    {"minhash": {"keep": "best", "score": "quality", "ngram": 3, "verify": 0.5, "audit": 5}},
    {"repeated_lines": {"at_least": 3}},
    {"repeated_substrings": {"length": 100}},
    {"minhash": {"keep": "longest"}},
]
Rows = list[dict[str, object]]


def rows() -> Rows:
    """Return pages of one site: shared menus and notices, copies, near-copies, the same addresses."""
    rng = np.random.default_rng(7)
    menu, notice = "Home | Products | About us | Contact", " ".join(f"n{value}" for value in rng.integers(0, 99999, 30))
    found: Rows = []
    for number in range(60):
        words = np.random.default_rng(number % 25).integers(0, 10**6, 60).tolist()
        if number > 40:
            words[number % 60] = "changed"
        body = " ".join(map(str, words))
        text = f"{menu}\n{body}\n{'so: ' + notice if number % 4 == 0 else 'another end'}"
        found.append(
            {
                "id": f"page-{number:02d}",
                "text": text,
                "url": f"http://site.example/{number % 50}",
                "date": f"2024-01-{number % 28 + 1:02d}",
                "quality": float(rng.integers(0, 4)),
            }
        )
    return found


def survivors(folder: Path, files: list[Rows], stages: list[object] = STAGES, **settings: object) -> dict[str, str]:
    (folder / "in").mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        pq.write_table(pa.Table.from_pylist(file), folder / "in" / f"{number}.parquet")
    read = {"read": {"paths": str(folder / "in" / "*.parquet")}}
    whole = {"output": str(folder / "out"), "workers": 1, **settings, "stages": [read, *stages]}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    result = CliRunner().invoke(app, ["run", str(folder / "pipeline.yaml")], catch_exceptions=False)
    assert result.exit_code == 0
    table = pq.read_table(folder / "out/documents")
    return dict(zip(*(table.column(name).to_pylist() for name in ("id", "text")), strict=True))


def test_the_survivors_do_not_depend_on_how_the_work_is_done(tmp_path: Path) -> None:
    pages = rows()
    whole = survivors(tmp_path / "whole", [pages])
    stages = orjson.loads((tmp_path / "whole/out/ledger.json").read_bytes())["stages"]
    assert [stage["name"] for stage in stages if stage["rejected"]][:3] == ["unique_url", "exact", "minhash"]
    assert stages[-1]["kept"] == len(whole)
    assert sum("Home | Products" in text for text in whole.values()) == 1
    shuffled = [pages[number] for number in np.random.default_rng(1).permutation(len(pages))]
    assert survivors(tmp_path / "shuffled", [shuffled[:7], shuffled[7:40], shuffled[40:]]) == whole
    assert survivors(tmp_path / "workers", [pages[::2], pages[1::2]], workers=2, batch_bytes=4096) == whole


def test_crawls_deduplicated_in_a_row_against_an_index(tmp_path: Path) -> None:
    def stages(crawl: str) -> list[object]:
        index = {"folder": str(tmp_path / "index"), "crawl": crawl}
        return [{"minhash": {"keep": "earliest", "ngram": 3, "bands": 20, "rows": 2, "index": index}}]

    pages = [{**page, "date": f"2024-01-{number // 3 + 1:02d}"} for number, page in enumerate(rows())]
    without: list[object] = [{"minhash": {"keep": "earliest", "ngram": 3, "bands": 20, "rows": 2}}]
    whole = survivors(tmp_path / "whole", [pages], without)
    first = survivors(tmp_path / "one", [pages[:11], pages[11:15]], stages("one"), workers=2)
    second = survivors(tmp_path / "two", [pages[15:]], stages("two"))
    assert 0 < len(second) < len(pages) - 15
    assert {**first, **second} == whole
    index = (tmp_path / "index/index.json").read_bytes()
    assert survivors(tmp_path / "one", [pages[:11], pages[11:15]], stages("one")) == first
    assert survivors(tmp_path / "two", [pages[15:]], stages("two")) == second
    assert (tmp_path / "index/index.json").read_bytes() == index


def test_documents_come_back_by_the_size_of_their_cluster(tmp_path: Path) -> None:
    pages: Rows = [{"id": f"{n:02d}", "text": f"page {n % 4} " * 20, "url": f"http://h{n}.example/"} for n in range(8)]
    pages += [{"id": "own", "text": "a text of its own", "url": "http://own.example/"}]
    sample = {
        "score": "minhash_cluster_size",
        "buckets": [{"at_least": 100, "weight": 1}, {"at_least": 2, "weight": 2}],
    }
    kept = survivors(tmp_path, [pages], [{"minhash": {"origins": True}}, {"sample": sample}])
    assert set(kept) == {"own", *(f"{n:02d}{copy}" for n in range(4) for copy in ("", "~2"))}
    table = pq.read_table(tmp_path / "out/documents").to_pylist()
    assert {row["minhash_cluster_hosts"] for row in table if row["id"] != "own"} == {2}
