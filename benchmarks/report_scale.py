"""Seconds and megabytes of the report of a made run, and of comparing it with a second one, a million documents each.

    python benchmarks/report_scale.py [--documents 1000000] [--folder DIR]

The runs hold what a real one publishes: documents in parts, rejected ones with values, a ledger. A seventh of the
documents lie on other sides of the two runs, and a hundredth of the texts differ.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import REJECTED
from prep.corpus.files.storage import write_json
from prep.pipeline.comparing.comparison import compare
from prep.pipeline.reports.page.page import report_page

Result = TypeVar("Result")
PARTS = 10
LANGUAGES = pa.array(["en", "de", "fr", "da", "ja", "sw"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.folder or Path(folder)
        for name, seed in (("one", 0), ("two", 1)):
            write_run(root / name, arguments.documents, seed)
        page = timed("report", lambda: report_page(str(root / "one")))
        print(f"page: {len(page.encode()) / 1e6:.2f} MB")
        found = timed("comparison", lambda: compare(str(root / "one"), str(root / "two")))
        moved = sum(move.documents for move in found.moves)
        print(f"{moved:,} documents changed sides, {found.texts_changed:,} of {found.kept_by_both:,} texts changed")


def timed(name: str, work: Callable[[], Result]) -> Result:
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    print(f"{name}: {time.perf_counter() - began:.1f} s, {time.process_time() - cpu:.1f} s of CPU")
    return result


def write_run(folder: Path, documents: int, seed: int) -> None:
    """Write what a run publishes: two thirds of the documents kept, the others rejected under three rules."""
    kept_in_all = 0
    losses: dict[str, int] = {}
    for part, numbers in enumerate(np.array_split(np.arange(documents), PARTS)):
        ids = pc.binary_join_element_wise("<urn:uuid:", pa.array(numbers).cast(pa.string()), ">", "")
        urls = pc.binary_join_element_wise("https://host", pa.array(numbers % 5000).cast(pa.string()), ".org/", "")
        moved = (numbers % 7 == 0) & (seed == 1)
        kept = (numbers % 3 > 0) ^ moved
        changed = pa.array((numbers + seed * (numbers % 100 == 0)) % 9973).cast(pa.string())
        text = pc.binary_repeat(pc.binary_join_element_wise("Document of words ", changed, ". ", ""), 12)
        table = pa.table(
            {
                "id": ids,
                "url": urls,
                "source": pc.if_else(pa.array(numbers % 4 > 0), "web", "books"),
                "language": LANGUAGES.take(pa.array(numbers % len(LANGUAGES))),
                "text": text.cast(pa.large_string()),
            }
        )
        mask = pa.array(kept)
        write(folder / "documents" / f"{part:05d}.parquet", table.filter(mask))
        kept_in_all += int(kept.sum())
        lost = table.filter(pc.invert(mask))
        rules = pa.array(["short_doc", "dup_line_frac", "long_words"]).take(pa.array(numbers[~kept] % 3))
        for rule in rules.value_counts().to_pylist():
            losses[rule["values"]] = losses.get(rule["values"], 0) + rule["counts"]
        columns = [
            *(lost["id"], pa.repeat("quality", lost.num_rows), rules, pa.array(numbers[~kept] % 50, pa.float64())),
            *(pa.repeat(False, lost.num_rows), pa.repeat("min 50", lost.num_rows), lost["url"]),
        ]
        write(folder / "rejected" / f"01-{part:05d}.parquet", pa.table(columns, schema=REJECTED))
    stages = [
        {"name": "read", "in": documents, "kept": documents, "rejected": {}, "failed": {}},
        {"name": "quality", "in": documents, "kept": kept_in_all, "rejected": losses, "failed": {}},
    ]
    write_json(str(folder / "ledger.json"), {"stages": stages, "passes": [], "truncated": []})


def write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")


if __name__ == "__main__":
    main()
