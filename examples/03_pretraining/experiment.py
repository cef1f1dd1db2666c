"""What pretraining buys: runs this folder's pipelines and trainings one after another and reports what they show.

    python examples/03_pretraining/experiment.py [--scale 0.01]

Everything lies in runs/pretraining, the texts in .cache/pretraining, below the current folder. What is done already is
not done again: pipelines see to that themselves, and a training or an evaluation stands beside the command and the
hashes of what it read (`command.json`). `--scale` shortens all trainings, to see that everything works. Ends with
REPORT.md, figures.json and two pictures. About nine minutes on two cores.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from report import write_report

HERE = Path(__file__).parent
TEXTS = Path(".cache/pretraining")
RUNS = Path("runs/pretraining")
TOKENIZER = RUNS / "general" / "tokenizer"
GENERAL = RUNS / "general" / "model"

STEPS = {"general": 1000, "headers": 300, "few": 120, "crawl": 160}
"""Optimiser steps of each training."""
FEW_TOKENS = 80_000
"""Tokens of headers where there are few."""
CONSTANT = {"schedule": "wsd", "final_rate": 1, "warmup": 50, "learning_rate": 3e-3}
"""The rate stays where it is after the warm-up, so that every point of a curve is that of a finished run."""
FALLING = {"warmup": 50, "learning_rate": 2e-3}

Settings = Mapping[str, object]


def main() -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps to take")
    scale = parser.parse_args().scale
    steps = {name: max(2, round(number * scale)) for name, number in STEPS.items()}
    gather()
    run("general", {"train.steps": steps["general"]})
    run("headers", {})
    run("headers", {"output": RUNS / "few", "pack.mixture": few()})
    run("crawl", {})
    run("replay", {})
    curves = {}
    for name in ("headers", "few"):
        every = max(1, steps[name] // 10)
        for start in ("nothing", "general"):
            settings = {"steps": steps[name], "evaluate_every": every, "evaluate_rows": 64, **CONSTANT}
            curves[name, start] = train(RUNS / name / "shards", f"{name}-from-{start}", settings, start == "general")
    alone = {"steps": steps["crawl"], "evaluate_every": steps["crawl"], "evaluate_rows": 1, **FALLING}
    for name in ("crawl", "replay"):
        train(RUNS / name / "shards", f"{name}-from-general", alone, pretrained=True)
    report(steps, curves, {name: evaluate(model) for name, model in continued().items()})


def few() -> str:
    """Return the mixture that takes a few of the headers."""
    return json.dumps({"phases": [{"shares": {"headers": 1}, "tokens": FEW_TOKENS}]})


def continued() -> dict[str, Path]:
    """Return the models before and after the second crawl."""
    trained = RUNS / "trained"
    names = {"without replay": "crawl-from-general", "with replay": "replay-from-general"}
    return {"before": GENERAL, **{title: trained / name for title, name in names.items()}}


def gather() -> None:
    """Make the texts that are not there."""
    make_warcs = str(HERE.parent / "01_quickstart" / "make_warcs.py")
    call([sys.executable, str(HERE / "make_texts.py"), str(TEXTS)])
    first, second = ("topics", "library-a-l", "library-m-z"), ("library-m-z", "packages")
    call([sys.executable, make_warcs, str(TEXTS / "first"), "--files", *first])
    call([sys.executable, make_warcs, str(TEXTS / "second"), "--files", *second, "--date", "2026-02-01T00:00:00Z"])


def call(command: Sequence[str]) -> None:
    """Show a command and run it; leave where it fails, having said why itself."""
    print("$", *command[1:], flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemExit(status)


def prep(*arguments: str) -> None:
    """Run `prep` with the Python that runs this file."""
    call([sys.executable, "-m", "prep.pipeline.cli", *arguments])


def flags(settings: Settings) -> list[str]:
    """Return settings as the command line takes them."""
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def run(pipeline: str, settings: Settings) -> None:
    """Run a pipeline, or what is left of it."""
    prep("run", str(HERE / f"{pipeline}.yaml"), *flags(settings))


def train(shards: Path, name: str, settings: Settings, pretrained: bool) -> list[tuple[int, float]]:
    """Train a model unless it is there; return its validation's bits per byte by step."""
    output = RUNS / "trained" / name
    if pretrained:
        settings = {**settings, "start_from": GENERAL}
    settings = {**settings, "sample_tokens": 0}
    read = [*shards.glob("*/manifest.json"), *([GENERAL / "model.safetensors"] if pretrained else [])]
    command = ["train", str(shards), "--tokenizer", str(TOKENIZER), "--output", str(output), *flags(settings)]
    once(command, read, output, "report.json")
    return [(at["step"], at["bits_per_byte"]) for at in load(output / "report.json")["evaluations"]]


def evaluate(model: Path) -> dict[str, Any]:
    """Measure a model on the old and the new validation, unless that is done."""
    shards = [RUNS / "general" / "shards", RUNS / "crawl" / "shards"]
    output = RUNS / "evaluated" / model.relative_to(RUNS).as_posix().replace("/", "-")
    read = [model / "model.safetensors", *(place / "validation" / "manifest.json" for place in shards)]
    command = ["model", "evaluate", str(model), *map(str, shards), "--tokenizer", str(TOKENIZER)]
    once([*command, "--rows", "256", "--output", str(output / "found.json")], read, output, "found.json")
    return dict(zip(("old", "new"), load(output / "found.json").values(), strict=True))


def once(command: list[str], read: Sequence[Path], output: Path, result: str) -> None:
    """Run a command of `prep` unless its result stands, made by the same command out of the same files."""
    hashes = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(read)}
    identity = {"command": command, "read": hashes}
    stamp = output / "command.json"
    if not stamp.exists() or load(stamp) != identity:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        stamp.write_text(json.dumps(identity, indent=2))
    if not (output / result).exists():
        prep(*command)


def load(path: Path) -> Any:  # noqa: ANN401
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def report(
    steps: Mapping[str, int],
    curves: Mapping[tuple[str, str], list[tuple[int, float]]],
    measured: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the figures, the pictures and REPORT.md."""
    manifests = {
        name: load(RUNS / name / "shards" / "train" / "manifest.json") for name in ("general", "headers", "few")
    }
    tokens = {name: manifest["tokens"] for name, manifest in manifests.items()}
    ledger = {stage["name"]: stage for stage in load(RUNS / "crawl" / "ledger.json")["stages"]}
    write_report(RUNS, steps, tokens, ledger, curves, measured)
    print(f"{RUNS / 'REPORT.md'}")


if __name__ == "__main__":
    main()
