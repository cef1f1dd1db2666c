"""The exact shuffle of many rows: time, disk and memory of planning, scattering and writing shards.

    python benchmarks/shuffle.py [--rows 50000000] [--length 50] [--parts 20] [--folder /tmp]

Documents that fill a row each are laid down as the first phase of packing leaves them; the other phases run here one
task after another, as one worker would. Memory is what cannot be reclaimed (anonymous pages); the files that are mapped
are beside it. A sample of the rows is found again in the shards by their documents.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from prep.corpus.files.storage import write_arrow
from prep.corpus.shards.shards import ShardReader
from prep.corpus.shards.splits import SPLITS
from prep.stages.pack.plan import Packing, PlanTask
from prep.stages.pack.scatter import scatter_share
from prep.stages.pack.tokens import RowFormat
from prep.stages.pack.write import write_manifests, write_share
from prep.stages.upstream import GlobalContext, Upstream

SHARD_BYTES = 256 << 20


def anonymous_bytes() -> int:
    """Return this process's memory that is no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


@contextmanager
def watched(name: str, scratch: Path) -> Iterator[None]:
    """Print how long a phase takes, the most memory it holds and the disk in use after it."""
    done = threading.Event()
    peak = [0]

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], anonymous_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    start = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - start
        done.set()
        thread.join()
        disk = sum(path.stat().st_size for path in scratch.rglob("*") if path.is_file())
        print(f"{name:10} {took:8.1f} s {peak[0] / 2**20:8.0f} MiB {disk / 1e9:8.1f} GB on disk", flush=True)


def lay_down(scratch: Path, rows: int, length: int, parts: int) -> None:
    """Write the tokens and tables of `rows` documents that fill a row each."""
    random = np.random.default_rng(0)
    for part in range(parts):
        count = rows * (part + 1) // parts - rows * part // parts
        (scratch / "tokens").mkdir(parents=True, exist_ok=True)
        first = rows * part // parts
        ids = np.repeat(np.arange(first, first + count, dtype=np.uint32) & 0x7FFF, length).astype(np.uint16)
        ids.tofile(scratch / "tokens" / f"{part:05d}.bin")
        hashes = random.integers(1, 1 << 63, count, np.uint64)
        sizes = np.full(count, length)
        table = pa.table({"tokens": sizes, "text_bytes": 4 * sizes, "split_hash": hashes, "order_hash": hashes})
        write_arrow(str(scratch / "documents" / f"{part:05d}.arrow"), table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where to work; the system's folder for such files otherwise")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    scratch, splits = folder / "scratch", SPLITS[:2]
    upstream = Upstream(("",) * options.parts)
    context = GlobalContext(upstream, str(folder / "shards"), str(scratch))
    form = RowFormat(options.length, "uint16", 1 << 15, 0, "after", 1, "none")
    packing = Packing("best_fit", options.length, 1, 100_000, crop=False)
    try:
        with watched("documents", folder):
            lay_down(scratch, options.rows, options.length, options.parts)
        with watched("plan", folder):
            PlanTask(str(scratch), str(folder / "shards"), options.parts, "uint16", packing, None, 0.001, 0).run()
        with watched("scatter", folder):
            for task in range(options.parts):
                scatter_share(task, options.parts, str(scratch), form, 0, splits)
        with watched("write", folder):
            for task in range(options.parts):
                write_share(task, context, form, SHARD_BYTES, splits)
            write_manifests(context, form, "best_fit", 0, SHARD_BYTES, splits)
        report(str(folder / "shards" / "train"), options.rows)
    finally:
        shutil.rmtree(folder)


def report(folder: str, rows: int) -> None:
    """Print that the rows hold their documents' ids, and how far from their old neighbours rows lie."""
    reader = ShardReader(folder)
    sample = np.random.default_rng(1).integers(0, len(reader) - 1, 100_000)
    documents = reader.pieces(sample).documents
    right = (reader.gather(sample) == (documents & 0x7FFF)[:, None]).all()
    apart = abs(documents - reader.pieces(sample + 1).documents).mean() / rows
    print(
        f"{len(reader):,} rows for training in {len(reader.manifest.shards)} shards; ids right in the sample: {right}"
    )
    print(f"mean distance of neighbouring rows' documents: {apart:.4f} of all (a perfect shuffle: 0.3333)")


if __name__ == "__main__":
    main()
