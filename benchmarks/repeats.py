"""Repeated lines and substrings: speed of the taps and of the phases, and what is cut from real pages.

    PREP_TEST_DATA=… python benchmarks/repeats.py [--repeat 3]

Documents are the main text of real web pages and of the installation guide in many languages. Times are CPU seconds;
compilation, loading and reading are not counted. Substrings are compared with all runs of 500 bytes, as Lee et al. 2022
find them with a suffix array, on `--all-runs` megabytes of each source: how many bytes are copies, and are cut.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from texts import batches, megabytes, pages, share

from prep.corpus.arrow.documents import ID, TEXT, write_table
from prep.corpus.files.storage import read_arrow
from prep.stages.repeats.repeats import AUDIT, RepeatedLines, RepeatedSubstrings
from prep.stages.upstream import GlobalContext, Upstream

STAGES: dict[str, RepeatedLines | RepeatedSubstrings] = {
    "lines in 10 documents": RepeatedLines(),
    "paragraphs in 3": RepeatedLines(unit="paragraph", at_least=3),
    "500 bytes in 2": RepeatedSubstrings(),
    "100 bytes in 2": RepeatedSubstrings(length=100),
}
Stage = RepeatedLines | RepeatedSubstrings


def cut(stage: Stage, texts: Sequence[str], folder: Path) -> tuple[float, float, pa.Table, npt.NDArray[np.bool_]]:
    """Return CPU seconds of the tap and of the phases, the cuts, and which documents have nothing left."""
    table = pa.table({"id": [f"{row:06d}" for row in range(len(texts))], "text": pa.array(texts, pa.large_string())})
    write_table(str(folder / "part.parquet"), table.cast(pa.schema([ID, TEXT])))
    extract = stage.tap().open()
    parts = batches(texts)
    extract(parts[0].slice(0, 1))
    start = time.process_time()
    tables = [extract(part) for part in parts]
    tap = time.process_time() - start
    rows = pa.Table.from_batches(tables).set_column(0, "id", table.column("id"))
    with pa.ipc.new_file(folder / "tap.arrow", rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    upstream = Upstream((str(folder / "part.parquet"),), (str(folder / "tap.arrow"),), ((),))
    context = GlobalContext(upstream, str(folder / "output"), str(folder / "scratch"))
    start = time.process_time()
    phases = [phase for phase in stage.phases(1) if phase.name != AUDIT]
    verdicts = [stage.run(phase.name, task, context) for phase in phases for task in range(phase.tasks)]
    seconds = time.process_time() - start
    (found,) = (item for item in verdicts if item is not None)
    empty = np.isin(np.arange(len(texts)), found.rows)
    return tap, seconds, read_arrow(f"{context.output}/cuts/00000.arrow"), empty


def all_runs(texts: Sequence[str], length: int) -> None:
    """Compare what is cut with all runs of so many bytes that two documents share."""
    with tempfile.TemporaryDirectory() as folder:
        *_, table, empty = cut(RepeatedSubstrings(length=length), texts, Path(folder))
    raw = [text.encode() for text in texts]
    owners: dict[bytes, set[int]] = {}
    for number, text in enumerate(raw):
        for at in range(len(text) - length + 1):
            owners.setdefault(text[at : at + length], set()).add(number)
    shared = kept = gone_too = 0
    for number, text in enumerate(raw):
        covered, first = np.zeros(len(text), np.bool_), np.zeros(len(text), np.bool_)
        for at in range(len(text) - length + 1):
            having = owners[text[at : at + length]]
            if len(having) > 1:
                (first if number == min(having) else covered)[at : at + length] = True
        gone = np.zeros(len(text), np.bool_)
        gone[:] = empty[number]
        for row, start, end in zip(*(table.column(name).to_pylist() for name in ("row", "start", "end")), strict=True):
            if row == number:
                gone[start:end] = True
        duplicate = covered & ~first
        shared += int(duplicate.sum())
        kept += int((duplicate & ~gone).sum())
        gone_too += int((gone & ~duplicate).sum())
    part = (shared - kept) / max(1, shared)
    print(f"\nagainst every run of {length} bytes in {len(texts)} documents, {megabytes(texts):.2f} MB:")
    print(f"{shared:,} bytes are copies, {shared - kept:,} of them cut ({part:.1%}), and {gone_too:,} others")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="runs; the best counts")
    parser.add_argument("--all-runs", type=float, default=0.0, help="megabytes to compare with all shared runs")
    options = parser.parse_args()
    for source in ("web", "docs"):
        texts = pages(Path(os.environ["PREP_TEST_DATA"]) / source)
        size = megabytes(texts)
        print(f"\n{source}: {len(texts)} documents, {size:.2f} MB")
        print(f"{'':24}{'tap MB/s':>10}{'phases MB/s':>13}{'cut':>8}{'nothing left':>14}")
        for name, stage in STAGES.items():
            runs = []
            for _ in range(options.repeat):
                with tempfile.TemporaryDirectory() as folder:
                    runs.append(cut(stage, texts, Path(folder)))
            tap, phases = min(run[0] for run in runs), min(run[1] for run in runs)
            table, empty = runs[0][2], runs[0][3]
            gone = int((table.column("end").to_numpy() - table.column("start").to_numpy()).sum())
            gone += sum(len(texts[row].encode()) for row in np.flatnonzero(empty).tolist())
            print(f"{name:24}{size / tap:10.0f}{size / phases:13.0f}{gone / size / 1e6:8.1%}{empty.sum():14}")
        if options.all_runs:
            all_runs(share(texts, options.all_runs), 500)


if __name__ == "__main__":
    main()
