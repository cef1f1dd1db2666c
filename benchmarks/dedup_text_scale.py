"""Deduplication from text to survivors, as `prep run` does it, and how it grows: CPU, memory, disk, what is found.

    PREP_TEST_DATA=… python benchmarks/dedup_text_scale.py 0.1 0.2 0.4 [--median 2000] [--workers 2] [--folder DIR]

The arguments are millions of documents. Each is put together from paragraphs of real text (the books and web pages of
the data folder), and its length is drawn from a log-normal distribution with a median of 2,000 bytes. One in five is a
copy of one of the thousand before it in which a share of the words is replaced: none, 0.5 %, 1 % or half of them. Every
size is a run of its own: `read` of Parquet files and `minhash`, with audit and accounts, in as many worker processes.
CPU seconds are those of the run and all its processes, as seen twice a second; memory is the most that all of them held
at once apart from mapped files; disk is the most that the output folder held. Recall is the share of planted copies
that went or whose original did. The last lines say what a trillion tokens take at the costs of the largest size: steps
that sort grow by the logarithm of the documents in a range, whose size is bounded, and the phase `cluster` runs in one
process.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from texts import books, pages

PART = 50_000
WINDOW = 1000
COPIES = 0.2
CHANGES = (0.0, 0.005, 0.01, 0.5)
SPREAD = 1.0
BYTES_PER_TOKEN = 4.3


def paragraphs(data: Path) -> list[str]:
    """Return paragraphs of real text."""
    texts = [*books(data / "books"), *pages(data / "web")]
    found = (" ".join(piece.split()) for text in texts for piece in text.split("\n\n"))
    return [piece for piece in found if len(piece) > 60]


def changed(text: str, share: float, rng: np.random.Generator) -> str:
    """Return a text with a share of its words replaced."""
    words = text.split(" ")
    for place in rng.integers(0, len(words), round(share * len(words))).tolist():
        words[place] = f"w{rng.integers(10**9)}"
    return " ".join(words)


def write_part(folder: Path, start: int, stop: int, median: int, pieces: Sequence[str]) -> None:
    """Write one file of documents, each with the number of its original and how much was changed."""
    rng = np.random.default_rng(start)
    wanted = rng.lognormal(np.log(median), SPREAD, stop - start)
    copies = rng.random(stop - start) < COPIES
    recent: list[tuple[int, str]] = []
    rows: list[tuple[str, str, str | None, float | None]] = []
    drawn: list[int] = []
    for number, size, is_copy in zip(range(start, stop), wanted.tolist(), copies.tolist(), strict=True):
        if recent and is_copy:
            origin, text = recent[-1 - int(rng.integers(min(len(recent), WINDOW)))]
            share = CHANGES[int(rng.integers(len(CHANGES)))]
            rows.append((f"d{number:09d}", changed(text, share, rng), f"d{origin:09d}", share))
            continue
        parts, missing = [], size
        while missing > 0:
            drawn = drawn or rng.integers(0, len(pieces), 100_000).tolist()
            parts.append(pieces[drawn.pop()])
            missing -= len(parts[-1])
        recent.append((number, "\n\n".join(parts)))
        recent = recent[-WINDOW:] if len(recent) > 2 * WINDOW else recent
        rows.append((f"d{number:09d}", recent[-1][1], None, None))
    names = ("id", "text", "origin", "change")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    pq.write_table(table, folder / f"{start:09d}.parquet", compression="zstd")


def write_documents(folder: Path, count: int, median: int, pieces: Sequence[str]) -> None:
    """Write the documents, PART to a file."""
    starts = range(0, count, PART)
    stops = (min(start + PART, count) for start in starts)
    with ProcessPoolExecutor() as pool:
        list(pool.map(write_part, repeat(folder), starts, stops, repeat(median), repeat(pieces)))


class Watch(threading.Thread):
    """Looks at the memory of a process and its children, and at the size of a folder, twice a second."""

    def __init__(self, process: int, folder: Path) -> None:
        super().__init__(daemon=True)
        self._process, self._folder = process, folder
        self.memory = self.disk = 0
        self._seconds: dict[int, float] = {}

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes seen."""
        return sum(self._seconds.values())

    def run(self) -> None:
        """Look, and remember the most."""
        while Path(f"/proc/{self._process}").exists():
            family = _family(self._process)
            self._seconds |= {process: seconds for process in family if (seconds := _cpu(process))}
            self.memory = max(self.memory, sum(map(_held, family)))
            self.disk = max(self.disk, _size(self._folder))
            time.sleep(0.5)


def _family(process: int) -> list[int]:
    found = [process]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text()
        except OSError:
            continue
        found += map(int, children.split())
    return found


def _held(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:")), 0)


def _cpu(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(root, name).stat().st_blocks * 512
            except OSError:
                continue
    return total


def measure(millions: float, median: int, workers: int, folder: Path, pieces: Sequence[str]) -> dict[str, float]:
    """Run one size and return its figures."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in").mkdir(parents=True)
    write_documents(folder / "in", round(millions * 1e6), median, pieces)
    stages = [{"read": {"paths": str(folder / "in" / "*.parquet")}}, {"minhash": {"keep": "smallest_id"}}]
    settings = {"output": str(folder / "out"), "workers": workers, "stages": stages}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(settings))
    start = time.perf_counter()
    command = [sys.executable, "-m", "prep.pipeline.cli", "run", str(folder / "pipeline.yaml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        watch = Watch(process.pid, folder / "out")
        watch.start()
    if process.returncode:
        sys.exit(f"the run ended with {process.returncode}")
    seconds = time.perf_counter() - start
    figures = {
        "documents": millions * 1e6,
        "bytes": float(sum(pq.read_table(path, columns=["text"]).nbytes for path in (folder / "in").iterdir())),
        "cpu": watch.cpu,
        "wall": seconds,
        "memory": float(watch.memory),
        "disk": float(watch.disk),
    }
    return figures | _found(folder)


def _found(folder: Path) -> dict[str, float]:
    """Return the share of planted copies that were found, by how much of them was changed, and what was lost."""
    kept = pq.read_table(folder / "out/documents", columns=["id"]).column("id").combine_chunks()
    table = pq.read_table(folder / "in", columns=["id", "origin", "change"])
    copies = table.filter(pc.is_valid(table["origin"]))
    kept_both = pc.and_(*(pc.is_in(copies[name], value_set=kept) for name in ("id", "origin")))
    shares, missed = copies["change"].to_numpy(), kept_both.to_numpy()
    recall = {f"recall at {share:.1%}": 1 - float(missed[shares == share].mean()) for share in CHANGES}
    return {"lost": float(table.num_rows - len(kept)), **recall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millions", type=float, nargs="+")
    parser.add_argument("--median", type=int, default=2000, help="bytes of the documents in the middle (default 2000)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", default="/tmp/prep-text-scale", help="emptied before each size and at the end")
    options = parser.parse_args()
    pieces = paragraphs(Path(os.environ["PREP_TEST_DATA"]))
    rows = []
    for millions in options.millions:
        rows.append(measure(millions, options.median, options.workers, Path(options.folder), pieces))
        print(json.dumps(rows[-1]), flush=True)
    shutil.rmtree(options.folder, ignore_errors=True)
    last = rows[-1]
    times = 1e12 * BYTES_PER_TOKEN / last["bytes"]
    print(
        f"a trillion tokens are {times:,.0f} times the last size: {last['documents'] * times / 1e6:,.0f} M documents,"
    )
    print(
        f"{last['cpu'] * times / 3600:,.0f} CPU hours and {last['disk'] * times / 1e12:.1f} TB of disk at these costs"
    )
    if len(rows) > 1:
        first = rows[0]
        for name in ("cpu", "disk", "memory"):
            growth = (last[name] / first[name]) / (last["documents"] / first["documents"])
            print(f"{name}: {growth:.2f} times what linear growth from the first size would be")


if __name__ == "__main__":
    main()
