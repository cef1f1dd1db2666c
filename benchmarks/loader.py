"""Rows per second of the loader beside `datasets`, litdata and MosaicML Streaming, on the same rows in one run.

    python tests/conformance/environments.py litdata mosaicml
    python benchmarks/loader.py [--rows 20000] [--batch 64]

Rows of 2,048 random tokens in 16 bits are written as shards and exported for the peers; each reads an epoch in random
order, in batches of int64 where its name does not say otherwise, in a process of its own and after an epoch to warm up.
What it takes to compare checksums when a loader opens is listed apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from loader_peers import LENGTH, READERS

from prep.corpus.shards.shards import (
    Rows,
    ShardFile,
    ShardManifest,
    check_shard,
    read_manifest,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
)
from prep.exports.format import ExportSettings
from prep.exports.job import PHASES, Export

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = {"litdata": "litdata", "mds": "mosaicml"}
VOCABULARY = 50_257
BATCH_ROWS = 1000


def write_shards(folder: Path, rows: int) -> None:
    """Write rows of one document each."""
    random = np.random.default_rng(0)
    files: list[ShardFile] = []
    for first in range(0, rows, rows // 4):
        batches = []
        end = min(rows, first + rows // 4)
        for start in range(first, end, BATCH_ROWS):
            count = min(BATCH_ROWS, end - start)
            ids = random.integers(0, VOCABULARY, (count, LENGTH), np.uint16)
            lengths = np.full(count, LENGTH, np.int32)
            documents = np.arange(start, start + count)
            offsets = np.arange(count + 1, dtype=np.int32)
            batches.append(rows_batch(Rows(ids, offsets, lengths, documents, np.zeros(count, np.int64))))
        name = f"data-{len(files):05d}.arrow"
        files.append(write_shard(str(folder), name, row_schema(LENGTH, "uint16"), batches))
    manifest = ShardManifest(
        length=LENGTH,
        dtype="uint16",
        vocabulary=VOCABULARY,
        separator_id=0,
        padding_id=1,
        tokenizer_sha256="0" * 64,
        strategy="best_fit",
        seed=0,
        rows=rows,
        documents=rows,
        cut_documents=0,
        max_documents_per_row=1,
        tokens=rows * LENGTH,
        text_bytes=rows * LENGTH,
        shards=tuple(files),
    )
    write_manifest(str(folder), manifest)


def export(shards: Path, name: str, output: Path) -> None:
    """Export to a format whose sequences are our rows."""
    job = Export(str(shards), name, str(output), ExportSettings(length=LENGTH - 1))
    for phase in PHASES:
        for task in job.pending(phase):
            job.run(phase, task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        shards = Path(scratch, "train")
        write_shards(shards, arguments.rows)
        start = time.process_time()
        for shard in read_manifest(str(shards)).shards:
            check_shard(str(shards), shard)
        spent = time.process_time() - start
        print(f"checksums: {arguments.rows * LENGTH * 2 / spent / 1e9:.2f} GB per CPU second")
        print(f"{'reader':18} {'rows/s':>10} {'rows/CPU s':>10}")
        for reader in READERS:
            name = reader.__name__
            folder, python = shards, Path(sys.executable)
            if name in ENVIRONMENTS:
                export(shards, name, Path(scratch, name))
                folder = Path(scratch, name, "train")
                python = ROOT / ".cache" / "conformance" / ENVIRONMENTS[name] / "bin" / "python"
            script = ROOT / "benchmarks" / "loader_peers.py"
            command = [str(python), "-P", str(script), name, str(folder), str(arguments.batch)]
            variables = {**os.environ, "HF_DATASETS_CACHE": f"{scratch}/cache", "HF_HUB_OFFLINE": "1"}
            done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name:18} {done.stderr.strip().splitlines()[-1][:90]}")
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{name:18} {found['per_second']:10,.0f} {found['per_cpu_second']:10,.0f}", flush=True)


if __name__ == "__main__":
    main()
