"""The stage `read` over real web archives against a bare loop of FastWARC, and against the extraction that follows.

    PREP_TEST_DATA=… python benchmarks/reading.py [--repeat 7]

FastWARC inflates and frames every record and hands over its bytes; `read` also splits HTTP, undoes codings, judges each
record and fills Arrow batches. Times are CPU seconds of one process, the best of some runs.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
from fastwarc import ArchiveIterator

from prep.corpus.files.compression import pieces
from prep.stages.extract.extract import Extract
from prep.stages.read.read import Read

BATCH_BYTES = 4 << 20


def fastwarc(paths: Sequence[Path]) -> int:
    size = 0
    for path in paths:
        with path.open("rb") as stream:
            size += sum(len(record.reader.read()) for record in ArchiveIterator(stream, parse_http=False))
    return size


def inflate(paths: Sequence[Path]) -> int:
    return sum(len(piece.data) for path in paths for piece in pieces(str(path)))


def read(paths: Sequence[Path]) -> list[pa.RecordBatch]:
    stage = Read(paths=tuple(map(str, paths)))
    files = stage.list_files()
    schema = stage.output_schema(files)
    return [outcome.batch for part in stage.partitions(files) for outcome in stage.read(part, schema, BATCH_BYTES)]


def extract_all(batches: Sequence[pa.RecordBatch]) -> None:
    function = Extract().open()
    for batch in batches:
        function(batch)


def seconds(work: Callable[[], object], repeat: int) -> float:
    runs = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        runs.append(time.process_time() - start)
    return min(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7, help="runs of each; the best counts (default 7)")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real data")
    heads = ("records", "MB", "FastWARC s", "inflate s", "read s", "ratio", "extract s")
    print(" " * 8 + "".join(f"{head:>11}" for head in heads))
    for name in ("docs", "web"):
        paths = sorted(Path(os.environ["PREP_TEST_DATA"], name).glob("*.warc.gz"))
        batches = read(paths)
        records, size = sum(batch.num_rows for batch in batches), fastwarc(paths) / 1e6
        peer = seconds(partial(fastwarc, paths), options.repeat)
        bare = seconds(partial(inflate, paths), options.repeat)
        own = seconds(partial(read, paths), options.repeat)
        after = seconds(partial(extract_all, batches), 1)
        times = f"{peer:11.3f}{bare:11.3f}{own:11.3f}{own / peer:11.2f}{after:11.2f}"
        print(f"{name:8}{records:11}{size:11.1f}{times}")


if __name__ == "__main__":
    main()
