"""Reading at scale: many kinds of sources in one run, memory that does not grow, and one big file on all cores.

    PREP_TEST_DATA=… python benchmarks/sources.py [mixed] [split] [--copies 20] [--repeat 9] [--workers 2]

`mixed` reads WARC, EPUB, PDF, JSONL, Parquet and text in one pipeline, once and with every file so many times, and
prints the documents of each source, whether the ledger balances, and the largest process.

`split` writes one gzipped WARC of real records, over and over, reads and extracts it with so many workers, and prints
how busy each of them was in each tenth of the run. Then it kills such a run (kill -9) in the middle and runs it again:
what the killed workers had started is repeated.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
from books import epub, pdf

STEP = 0.25
"""Seconds between two looks at the workers."""
LINE = 90


class Run(NamedTuple):
    """What a run took."""

    seconds: float
    megabytes: float
    """Of the largest process."""
    looks: list[dict[int, float]]
    """CPU seconds of each worker, at each look."""


def write_pipeline(folder: Path, sources: str, workers: int) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(f"output: {folder / 'out'}\nworkers: {workers}\nstages:\n{sources}  - extract\n")
    return path


def start(pipeline: Path) -> "subprocess.Popen[bytes]":
    prep = Path(sys.executable).with_name("prep")
    return subprocess.Popen([str(prep), "run", str(pipeline)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(pipeline: Path) -> Run:
    began, running, looks = time.monotonic(), start(pipeline), []
    while True:
        pid, status, usage = os.wait4(running.pid, os.WNOHANG)
        if pid:
            break
        looks.append({child: cpu_seconds(child) for child in descendants(running.pid)})
        time.sleep(STEP)
    if status != 0:
        sys.exit(f"{pipeline}: the run ended with status {status}")
    return Run(time.monotonic() - began, usage.ru_maxrss / 1024, looks)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mixed_folder(data: Path, folder: Path, copies: int) -> str:
    """Lay out every file so many times; returns the pipeline's source."""
    made = folder / "made"
    made.mkdir(parents=True)
    for path in sorted((data / "books").glob("*.txt")):
        text = path.read_text("utf-8", "replace")
        chapters = [text[at : at + 50_000] for at in range(0, len(text), 50_000)]
        plain = [chapter.replace("&", "&amp;").replace("<", "&lt;") for chapter in chapters]
        (made / f"{path.stem}.epub").write_bytes(epub([f"<p>{chapter}</p>" for chapter in plain], path.stem))
        lines = [line for line in text.encode("cp1252", "replace").decode("cp1252").splitlines() if line.strip()]
        pages = [[line[:LINE] for line in lines[at : at + 50]] for at in range(0, len(lines), 50)]
        (made / f"{path.stem}.pdf").write_bytes(pdf(pages, path.stem))
    files = {
        "web": sorted((data / "web").glob("*.warc.gz")),
        "epub": sorted(made.glob("*.epub")),
        "pdf": sorted(made.glob("*.pdf")),
        "gold": [data / "web" / "gold.jsonl"],
        "sentences": [data / "language" / "sentences.parquet"],
        "books": sorted((data / "books").glob("*.txt")),
    }
    written = ["  - read:\n      sources:\n"]
    for name, paths in files.items():
        target = folder / name
        target.mkdir()
        for copy in range(copies):
            for path in paths:
                (target / f"{copy:02}-{path.name}").symlink_to(path)
        written.append(f"        - {{name: {name}, paths: {target}}}\n")
    return "".join(written)


def mixed(data: Path, folder: Path, copies: int, workers: int) -> None:
    for count in (1, copies):
        work = folder / f"mixed-{count}"
        pipeline = write_pipeline(work, mixed_folder(data, work, count), workers)
        done = run(pipeline)
        stages = json.loads((work / "out" / "ledger.json").read_text())["stages"]
        sums = [item["in"] - item["kept"] - lost(item["rejected"]) - lost(item["failed"]) for item in stages]
        kept = Counter[str]()
        for path in (work / "out" / "documents").glob("*.parquet"):
            kept.update(pq.read_table(path, columns=["source"]).column("source").to_pylist())
        size = sum(path.stat().st_size for path in work.glob("*/*") if path.is_symlink())
        print(f"× {count}: {size / 1e6:.0f} MB on disk, {done.seconds:.0f} s, largest process {done.megabytes:.0f} MB")
        print(f"  in {stages[0]['in']}, kept {stages[-1]['kept']}; in − kept − rejected − failed of each stage: {sums}")
        print("  " + ", ".join(f"{name} {number}" for name, number in sorted(kept.items())))
        shutil.rmtree(work / "out")


def lost(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def big_archive(data: Path, path: Path, repeat: int) -> None:
    """Write one archive of the records of all others, over and over; members stay as they are."""
    with path.open("wb") as sink:
        for _ in range(repeat):
            for source in sorted([*(data / "web").glob("*.warc.gz"), *(data / "docs").glob("*.warc.gz")]):
                sink.write(source.read_bytes())


def busy(done: Run, count: int) -> None:
    """Print how busy each worker was in each tenth of the time in which there were workers."""
    total: dict[int, float] = {}
    for look in done.looks:
        for pid, seconds in look.items():
            total[pid] = max(total.get(pid, 0), seconds)
    workers = sorted(total, key=total.__getitem__)[-count:]
    looks = [look for look in done.looks if any(pid in look for pid in workers)]
    tenths = [looks[len(looks) * part // 10] for part in range(10)] + [looks[-1]]
    for number, pid in enumerate(sorted(workers)):
        shares = [
            (after.get(pid, total[pid]) - before.get(pid, 0)) / (STEP * max(1, len(looks) / 10))
            for before, after in pairwise(tenths)
        ]
        print(f"  worker {number}: " + " ".join(f"{min(share, 1):4.0%}" for share in shares))


def records(output: Path) -> list[float]:
    """Return when each task of the pass was done, in order."""
    return sorted(path.stat().st_mtime for path in (output / "steps").glob("*/tasks/pass-*.json"))


def kill_and_resume(pipeline: Path, output: Path, tasks: int, workers: int) -> None:
    began, running = time.time(), start(pipeline)
    while len(records(output)) < tasks // 2 and running.poll() is None:
        time.sleep(0.05)
    workers_alive = descendants(running.pid)
    killed = time.time()
    running.send_signal(signal.SIGKILL)
    running.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in workers_alive):
        time.sleep(0.05)
    done = records(output)
    started = [killed - at for at in done[-workers:]]
    print(f"  killed after {killed - began:.1f} s with {len(done)} of {tasks} tasks done, and run again:")
    again = run(pipeline)
    print(f"  {again.seconds:.1f} s to the end; repeated is what the workers had started: ", end="")
    print(", ".join(f"{seconds:.1f} s" for seconds in started))


def split(data: Path, folder: Path, repeat: int, workers: int) -> None:
    work = folder / "split"
    work.mkdir()
    archive = work / "big.warc.gz"
    big_archive(data, archive, repeat)
    pipeline = write_pipeline(work, f"  - read: {{paths: {archive}}}\n", workers)
    output = work / "out"
    done = run(pipeline)
    tasks = len(records(output))
    ends = records(output)
    print(f"one WARC of {archive.stat().st_size / 1e6:.0f} MB: {tasks} tasks, {done.seconds:.1f} s, {workers} workers;")
    print(f"  the last two tasks ended {ends[-1] - ends[-2]:.1f} s apart; busy in each tenth of the run:")
    busy(done, workers)
    shutil.rmtree(output)
    kill_and_resume(pipeline, output, tasks, workers)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["mixed", "split", []], help="which parts (default: both)")
    parser.add_argument("--copies", type=int, default=20, help="how often the mixed files are read (default 20)")
    parser.add_argument("--repeat", type=int, default=9, help="how often the archive's records (default 9: 220 MB)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    options = parser.parse_args(arguments)
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real data")
    data = Path(os.environ["PREP_TEST_DATA"])
    with tempfile.TemporaryDirectory(prefix="sources-") as name:
        if not options.parts or "mixed" in options.parts:
            mixed(data, Path(name), options.copies, options.workers)
        if not options.parts or "split" in options.parts:
            split(data, Path(name), options.repeat, options.workers)


if __name__ == "__main__":
    main()
