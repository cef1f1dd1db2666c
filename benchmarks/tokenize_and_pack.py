"""Encoding stored documents: by the bare engine, by our tokenizer, and with all that packing adds; 1 and 2 processes.

    PREP_TEST_DATA=… python benchmarks/tokenize_and_pack.py [--megabytes 500] [--vocabulary 32000]

The text is that of `tokenizer_training.py`, a Parquet file for each process, with documents of a page's size. Encoding
alone begins with the texts in memory and an engine that is loaded; its ids are thrown away. The bare engine is
gigatoken's `encode_batch` on one thread, without checks and without a bound to its memory. The stage `pack` begins
with the files and ends with shards: it reads, encodes, plans, shuffles and writes, having opened the tokenizer for a
few documents before. Where there are two processes, each encodes or packs its share of twice the text. CPU seconds are
those of all processes, other seconds wall-clock.
"""

import argparse
import os
import sys
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from threading import Barrier
from time import perf_counter, process_time
from typing import NamedTuple

import awkward
import gigatoken
import pyarrow.parquet as pq
from samples import sample_of
from texts import write_text

from prep.corpus.arrow.documents import read_documents
from prep.stages.pack.pack import Pack
from prep.stages.upstream import GlobalContext, Upstream
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.encoding.encode import open_tokenizer
from prep.tokenizers.saving.existing import existing_files
from prep.tokenizers.saving.folder import TOKENIZER_JSON, write_folder
from prep.tokenizers.training.train import TokenizerSettings, train

STAGE = Pack()
TRAINING_DOCUMENTS = 3000

_barrier: Barrier


def use(barrier: Barrier) -> None:
    """Keep what makes processes begin together."""
    global _barrier  # noqa: PLW0603 - a process pool hands nothing else to its processes
    _barrier = barrier


class Spent(NamedTuple):
    """Seconds."""

    cpu: float
    wall: float


def encode(path: str, folder: str) -> Spent:
    """Return the seconds of encoding alone."""
    columns = [batch.column("text") for batch in read_documents(path, ["text"])]
    tokenizer = open_tokenizer(folder)
    tokenizer.encode_column(columns[0].slice(0, 1))
    _barrier.wait()
    cpu, start = process_time(), perf_counter()
    for column in columns:
        tokenizer.encode_column(column)
    return Spent(process_time() - cpu, perf_counter() - start)


def encode_bare(path: str, folder: str) -> Spent:
    """Return the seconds of the engine alone, called as its documentation shows."""
    columns = [awkward.from_arrow(batch.column("text")) for batch in read_documents(path, ["text"])]
    engine = gigatoken.Tokenizer.from_json(Path(folder, TOKENIZER_JSON).read_text())
    engine.encode_batch(columns[0][:1], parallel=False)
    _barrier.wait()
    cpu, start = process_time(), perf_counter()
    for column in columns:
        engine.encode_batch(column, parallel=False)
    return Spent(process_time() - cpu, perf_counter() - start)


def run_task(phase: str, task: int, context: GlobalContext) -> float:
    """Return the CPU seconds of a task of the stage."""
    start = process_time()
    STAGE.run(phase, task, context)
    return process_time() - start


def pack(pool: Executor, context: GlobalContext) -> tuple[Spent, str]:
    """Return the seconds of packing, and the CPU seconds of each phase."""
    phases, wall = [], perf_counter()
    for phase in STAGE.phases(len(context.upstream.parts)):
        tasks = pool.map(run_task, [phase.name] * phase.tasks, range(phase.tasks), [context] * phase.tasks)
        phases.append((phase.name, sum(tasks)))
    spent = Spent(sum(cpu for _, cpu in phases), perf_counter() - wall)
    return spent, ", ".join(f"{name} {cpu:.2f}" for name, cpu in phases)


def measure(paths: list[str], tokenizer: str, size: float, folder: Path) -> None:
    """Print a line for encoding and one for packing."""
    count = len(paths)
    context = get_context("spawn")
    with ProcessPoolExecutor(count, context, use, (context.Barrier(count),)) as pool:
        bare, alone = (_together(list(pool.map(way, paths, [tokenizer] * count))) for way in (encode_bare, encode))
        small = _first_rows(paths[0], folder)
        pack(pool, GlobalContext(Upstream((small,) * count), *_folders(folder, "warm"), {"tokenizer": tokenizer}))
        packing = GlobalContext(Upstream(tuple(paths)), *_folders(folder, "packed"), {"tokenizer": tokenizer})
        whole, phases = pack(pool, packing)
    print(f"    {count} at once          CPU s       s    MB/s")
    for title, spent in (("bare engine", bare), ("encoding", alone), ("packing", whole)):
        print(f"        {title:12} {spent.cpu:9.2f} {spent.wall:7.2f} {count * size / spent.wall:7.0f}")
    for title, slow, quick in (("over bare", alone, bare), ("over encoding", whole, alone)):
        print(f"        {title:13} {slow.cpu / quick.cpu:8.2f} {slow.wall / quick.wall:7.2f}")
    print(f"        packing, CPU s: {phases}", flush=True)


def _together(spent: list[Spent]) -> Spent:
    return Spent(sum(each.cpu for each in spent), max(each.wall for each in spent))


def _first_rows(path: str, folder: Path) -> str:
    small = str(folder / "small.parquet")
    pq.write_table(pq.ParquetFile(path).read_row_group(0), small)
    return small


def _folders(folder: Path, name: str) -> tuple[str, str]:
    made = mkdtemp(prefix=name, dir=folder)
    return f"{made}/output", f"{made}/scratch"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=500)
    parser.add_argument("--vocabulary", type=int, default=32_000)
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [str(folder / f"text-{number}.parquet") for number in range(2)]
        size, _ = (write_text(Path(path), options.megabytes, data, seed) for seed, path in enumerate(paths))
        texts = pq.ParquetFile(paths[0]).read_row_groups(range(TRAINING_DOCUMENTS // 500)).column("text").to_pylist()
        settings = TokenizerSettings("bpe", options.vocabulary, pattern=PATTERNS["llama3"])
        own, o200k = str(folder / "own"), str(folder / "o200k")
        write_folder(own, train(sample_of(texts), settings).files, {})
        write_folder(o200k, existing_files(str(data / "tokenizers" / "o200k_base.tiktoken")), {})
        for title, tokenizer in ((f"{options.vocabulary:,} tokens, Llama 3's pattern", own), ("o200k", o200k)):
            print(f"{title}, {size:.0f} MB for each process", flush=True)
            for count in (1, 2):
                measure(paths[:count], tokenizer, size, folder)


if __name__ == "__main__":
    main()
