"""What `prep estimate` predicts from a sample, and what the run over all of the input then comes to, figure by figure.

    python benchmarks/estimates.py PIPELINE.yaml … [--sample 3%] [--seed 0]

Each pipeline is estimated, then run in full by one worker process, in a folder of its own. Figures are printed beside
what came, with the error of the prediction and whether the interval holds it. CPU seconds are those of the run's
process, read when it ends; a first run on a machine, which compiles kernels, is no measure.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from prep.corpus.shards.shards import read_manifest
from prep.pipeline.estimating.answers import EstimateAnswer, Figure
from prep.pipeline.integrity.cleaning import size_of
from prep.pipeline.results.ledger import read_ledger

PREP = [sys.executable, "-m", "prep.pipeline.entry"]
HOUR = 3600


@dataclass(frozen=True)
class Row:
    """A predicted figure and the true one."""

    name: str
    predicted: Figure
    true: float

    def __str__(self) -> str:
        error = f"{self.predicted.value / self.true - 1:+.0%}" if self.true else "–"
        held = "yes" if self.predicted.low <= self.true <= self.predicted.high else "no"
        interval = f"{self.predicted.low:,.4g} – {self.predicted.high:,.4g}"
        return f"{self.name:30} {self.predicted.value:12,.4g}  {interval:28} {self.true:12,.4g}  {error:>6}  {held}"


def estimated(pipeline: str, sample: str, seed: int) -> EstimateAnswer:
    """Return what is predicted for a run by one worker."""
    command = [*PREP, "estimate", pipeline, "--workers", "1", "--sample", sample, "--seed", str(seed), "--json"]
    return EstimateAnswer.model_validate_json(subprocess.run(command, check=True, capture_output=True).stdout)


def run(pipeline: str, output: str) -> tuple[float, float]:
    """Run a pipeline in full; return the CPU seconds and the peak of memory of its process."""
    process = subprocess.Popen([*PREP, "run", pipeline, "--workers", "1", "--set", f"output={output}", "--quiet"])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{pipeline}: the run failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0


def rows(answer: EstimateAnswer, output: str, cpu: float, memory: float) -> Iterator[Row]:
    """Yield each figure beside what came."""
    ledger = read_ledger(output)
    for name, counts, stage in zip(ledger.names, ledger.counts, answer.stages, strict=True):
        yield Row(f"{name}: kept", stage.kept, counts.kept)
        if stage.duplicates:
            lost = sum((figure.value for figure in stage.rejected.values()), start=0.0)
            low, high = (sum(getattr(each, end) for each in stage.rejected.values()) for end in ("low", "high"))
            yield Row(f"{name}: duplicates", Figure(value=lost, low=low, high=high), sum(counts.rejected.values()))
    splits = [path.parent for path in Path(output, "shards").glob("*/manifest.json")]
    if answer.tokens is not None and splits:
        yield Row("tokens", answer.tokens, sum(read_manifest(str(split)).tokens for split in splits))
    yield Row("CPU seconds", scaled(answer.cpu_hours, HOUR), cpu)
    yield Row("disk of steps, MB", scaled(answer.steps_bytes, 1e-6), size_of(Path(output, "steps")) / 1e6)
    peak = answer.memory_per_worker_bytes / 1e6
    yield Row("memory, MB", Figure(value=peak, low=peak, high=peak), memory / 1e6)


def scaled(figure: Figure, factor: float) -> Figure:
    """Return a figure in another unit."""
    return Figure(value=figure.value * factor, low=figure.low * factor, high=figure.high * factor)


def main() -> None:
    """Compare predictions and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipelines", nargs="+")
    parser.add_argument("--sample", default="3%")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for pipeline in chosen.pipelines:
        answer = estimated(pipeline, chosen.sample, chosen.seed)
        with TemporaryDirectory(prefix="estimates-") as folder:
            cpu, memory = run(pipeline, folder)
            sample = answer.sample
            print(f"\n{pipeline}: {sample.share:.1%} of {sample.input_bytes:,} bytes, {sample.seconds:.0f} s")
            print(f"{'':30} {'predicted':>12}  {'95 %':28} {'came':>12}  {'error':>6}  in it")
            for row in rows(answer, folder, cpu, memory):
                print(row)
    print(json.dumps({"pipelines": chosen.pipelines, "sample": chosen.sample, "seed": chosen.seed}))


if __name__ == "__main__":
    main()
