"""Synthetic signatures through banding and clustering: how time, memory and disk grow with the number of documents.

    python benchmarks/dedup_scale.py 1 2 5 10 [--memory 2GiB] [--duplicates 0.3] [--folder /tmp/scale]

The arguments are millions of documents. Each document has an id, a length, 14 band hashes and a sketch of 256 bytes, as
the tap of the stage `minhash` writes them; a share of the documents are near-duplicates, which agree in ten bands with
one of the others. All phases of the stage but those of the audit run one after the other, in a process of their own per
size; memory is what that process holds apart from mapped files (RssAnon), which the system takes back where it needs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import ByteSize, TypeAdapter

from prep.corpus.arrow.documents import ID, TEXT, write_table
from prep.corpus.files.storage import write_arrow
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.dedup.taps import band_column
from prep.stages.shared.matching.documents import CONTENT, LENGTH, SKETCH
from prep.stages.shared.matching.sketch_kernels import SKETCH_WORDS
from prep.stages.upstream import GlobalContext, Upstream

PART = 100_000
BANDS, AGREE, AGREEING_WORDS = 14, 10, 29


def write_tap(path: Path, part: int, rows: int, duplicates: float) -> None:
    """Write what the tap would of a part: a duplicate takes ten bands of a document of a part before it, or its own."""
    rng = np.random.default_rng(part)
    bands = np.stack([_values(part, np.arange(rows), band) for band in range(BANDS)])
    copies = np.flatnonzero(rng.random(rows) < duplicates)
    origin = rng.integers(0, part + 1, len(copies)), rng.integers(0, rows, len(copies))
    for band in range(AGREE):
        bands[band, copies] = _values(origin[0], origin[1], band)
    sketch = np.stack([_values(part, np.arange(rows), BANDS + word) for word in range(SKETCH_WORDS)], axis=1)
    sketch[copies, :AGREEING_WORDS] = np.stack(
        [_values(*origin, BANDS + word) for word in range(AGREEING_WORDS)], axis=1
    )
    columns = {
        "id": pa.array([f"crawl-data/segment-{part:05d}.warc.gz#{row}" for row in range(rows)]),
        LENGTH: pa.array(rng.integers(200, 20_000, rows)),
        **{band_column(band): pa.array(values) for band, values in enumerate(bands)},
        SKETCH: pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * SKETCH_WORDS), rows, [None, pa.py_buffer(sketch)]),
        CONTENT: pa.array(rng.integers(0, 1 << 64, rows, dtype=np.uint64)),
    }
    write_arrow(str(path), pa.table(columns))


def _values(parts: object, rows: object, band: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return a document's hash of a band: any mixture of its place."""
    mixed = np.asarray(parts, np.uint64) * np.uint64(1 << 32) + np.asarray(rows, np.uint64) + np.uint64(band << 56)
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(32))


class Memory(threading.Thread):
    """Looks at the memory of this process fifty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0

    def run(self) -> None:
        """Look, and remember the most."""
        while True:
            self.peak = max(self.peak, self.now())
            time.sleep(0.02)

    @staticmethod
    def now() -> int:
        """Return the bytes that this process holds, apart from mapped files."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))


def measure(millions: float, memory: int, duplicates: float, folder: Path) -> dict[str, float]:
    shutil.rmtree(folder, ignore_errors=True)
    documents = round(millions * 1e6)
    sizes = [min(PART, documents - start) for start in range(0, documents, PART)]
    paths = []
    for part, rows in enumerate(sizes):
        paths.append(str(folder / f"tap/{part:05d}.arrow"))
        write_tap(Path(paths[-1]), part, rows, duplicates)
    empty = str(folder / "empty.parquet")
    write_table(empty, pa.schema([ID, TEXT]).empty_table())
    upstream = Upstream(tuple(empty for _ in sizes), tuple(paths), tuple(() for _ in sizes))
    context = GlobalContext(upstream, str(folder / "output"), str(folder / "scratch"))
    stage = MinHash(memory=ByteSize(memory), audit=0)
    watch = Memory()
    watch.start()
    measured: dict[str, float] = {"millions": millions, "tap bytes": _size(folder / "tap")}
    lost = 0
    for phase in stage.phases(len(sizes)):
        start = time.process_time()
        for task in range(phase.tasks):
            verdicts = stage.run(phase.name, task, context)
            lost += len(verdicts.rows) if verdicts else 0
        measured[phase.name] = time.process_time() - start
    return measured | {
        "lost": lost,
        "anonymous bytes": watch.peak,
        "disk bytes": _size(folder / "scratch") + _size(folder / "output"),
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millions", type=float, nargs="+")
    parser.add_argument("--memory", default="2GiB")
    parser.add_argument("--duplicates", type=float, default=0.3)
    parser.add_argument("--folder", default="/tmp/prep-dedup-scale", help="emptied before each size and at the end")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    memory = int(TypeAdapter(ByteSize).validate_python(options.memory))
    folder = Path(options.folder)
    if options.one:
        print(json.dumps(measure(options.millions[0], memory, options.duplicates, folder)))
        return
    phases = [phase.name for phase in MinHash(audit=0).phases(1)]
    print(f"memory setting {memory / 2**30:.2f} GiB, {options.duplicates:.0%} near-duplicates; CPU seconds by phase")
    heads = ["documents", *phases, "all", "µs/doc", "lost", "memory GiB", "tap GB", "disk GB"]
    print("".join(f"{head:>12}" for head in heads))
    for millions in options.millions:
        command = [sys.executable, __file__, str(millions), "--one", "--memory", str(memory)]
        command += ["--duplicates", str(options.duplicates), "--folder", options.folder]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        total = sum(row[phase] for phase in phases)
        cells = [f"{row['millions']:.1f} M", *(f"{row[phase]:.1f}" for phase in phases), f"{total:.1f}"]
        cells += [f"{total / row['millions']:.1f}", f"{row['lost']:,.0f}", f"{row['anonymous bytes'] / 2**30:.2f}"]
        cells += [f"{row['tap bytes'] / 1e9:.2f}", f"{row['disk bytes'] / 1e9:.2f}"]
        print("".join(f"{cell:>12}" for cell in cells), flush=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
