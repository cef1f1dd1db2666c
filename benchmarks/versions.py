"""Two versions of `prep` beside each other: CPU and wall seconds of the same pipelines, run in turns.

    PREP_TEST_DATA=… python benchmarks/versions.py OTHER/.venv/bin/prep [--rounds 3]

The other version's `prep` lies in an environment of its own, such as one made by `make` in another clone. Each pipeline
runs once before, for the compilation of kernels, then so many rounds in turns; the least seconds of each version count.
CPU seconds are those of a run with one worker and all processes below it, start-up included. `equal` says whether both
wrote the same documents and the same rows of shards.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from texts import books, pages

TEXT_BYTES = 60_000_000
WEB = ("web", "web-more", "news")


class Cost(NamedTuple):
    """Seconds of one run."""

    cpu: float
    wall: float


def main() -> None:
    """Run all pipelines and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the other version's program `prep`")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    programs = {"this": Path(sys.executable).with_name("prep"), "other": arguments.other}
    print(f"{'pipeline':12} {'CPU s':>8} {'other':>8} {'ratio':>6} {'wall s':>8} {'other':>8} {'ratio':>6}  equal")
    with tempfile.TemporaryDirectory() as folder:
        for name, stages in pipelines(Path(os.environ["PREP_TEST_DATA"]), Path(folder)).items():
            compare(name, stages, programs, arguments.rounds, Path(folder))


def pipelines(data: Path, folder: Path) -> Mapping[str, Sequence[object]]:
    """Return the stages of each pipeline."""
    texts = folder / "texts.parquet"
    write_texts(data, texts)
    read: Mapping[str, object] = {"read": {"paths": [str(data / source / "*pages*.warc.gz") for source in WEB]}}
    stored: Mapping[str, object] = {"read": {"paths": [str(texts)]}}
    chain = ("extract", {"language": {"keep": ["en"]}}, "signals", "clean_lines", {"quality": {"recipe": "fineweb"}})
    pack: Sequence[object] = ({"tokenizer": {"kind": "bpe", "vocabulary": 8192}}, {"pack": {"length": 1024}})
    return {
        "extraction": [read, "extract"],
        "dedup": [stored, "minhash"],
        "tokenizing": [stored, *pack],
        "end to end": [read, *chain, "exact", "minhash", *pack],
    }


def write_texts(data: Path, path: Path) -> None:
    """Write the text of real pages and books in pieces of 4,000 characters, again and again from other places."""
    whole = "\n".join([*pages(data / "docs"), *books(data / "books")])
    pieces = [
        whole[shift + at : shift + at + 4000] for shift in range(0, 4000, 997) for at in range(0, len(whole), 4000)
    ]
    size = len(whole.encode()) / len(whole) * 4000
    pieces = pieces[: round(TEXT_BYTES / size)]
    pq.write_table(pa.table({"id": [str(number) for number in range(len(pieces))], "text": pieces}), path)


def compare(name: str, stages: Sequence[object], programs: Mapping[str, Path], rounds: int, folder: Path) -> None:
    """Run one pipeline with both versions and print its row."""
    costs: dict[str, list[Cost]] = {version: [] for version in programs}
    for turn, (version, program) in product(range(rounds + 1), programs.items()):
        cost = run(program, stages, folder / version)
        if turn:
            costs[version].append(cost)
    least = {version: Cost(*map(min, zip(*found, strict=True))) for version, found in costs.items()}
    this, other = least["this"], least["other"]
    figures = "".join(f" {mine:8.2f} {its:8.2f} {mine / its:6.2f}" for mine, its in zip(this, other, strict=True))
    print(f"{name:12}{figures}  {'yes' if written(folder / 'this') == written(folder / 'other') else 'no'}", flush=True)


def run(program: Path, stages: Sequence[object], output: Path) -> Cost:
    """Run a pipeline from nothing."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    pipeline = output / "pipeline.yaml"
    pipeline.write_text(yaml.safe_dump({"output": str(output), "workers": 1, "stages": list(stages)}))
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [str(program), "run", str(pipeline)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def written(output: Path) -> tuple[object, ...]:
    """Return the ids and texts of a run's documents, and the tokens of its rows."""
    parts = sorted((output / "documents").glob("*.parquet"))
    documents = [pq.read_table(part, columns=["id", "text"]).to_pydict() for part in parts]
    shards = output / "shards" / "train"
    rows = datasets.load_from_disk(str(shards)).data.column("input_ids") if shards.exists() else pa.chunked_array([[0]])
    return (documents, rows.combine_chunks())


if __name__ == "__main__":
    main()
