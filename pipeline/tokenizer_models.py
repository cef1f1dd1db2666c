"""The deciding figure about tokenizers: bits per byte of a small model trained with each on the same text."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import yaml

from prep.corpus.files.storage import read_json
from prep.pipeline import config, contract
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import run

LENGTH, ROWS = 256, 8
"""Tokens in a row, and rows in a step."""
MODEL = {"layers": 4, "width": 128, "heads": 4, "batch_rows": ROWS, "warmup": 50, "learning_rate": 0.003}


def bits_per_byte(tokenizer: str, paths: Sequence[str], output: str, model_bytes: int, bytes_per_token: float) -> float:
    """Train a model on about `model_bytes` of the text in files and return its bits per byte on a tenth held out.

    The number of steps follows from the tokenizer's bytes per token, so that models see the same text, not the same
    number of tokens. Writes a pipeline, its steps and its results to the folder `output`.
    """
    steps = max(1, round(model_bytes / (bytes_per_token * LENGTH * ROWS)))
    stages = [
        {"read": {"paths": list(paths)}},
        {"tokenizer": {"existing": tokenizer}},
        {"pack": {"length": LENGTH, "validation": 0.1}},
        {"train": {**MODEL, "steps": steps, "evaluate_every": steps, "sample_tokens": 0}},
    ]
    path = Path(output, "pipeline.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"output": output, "stages": stages}, sort_keys=False), encoding="utf-8")
    configuration, located = config.load(str(path))
    contract.check(configuration, located)
    run(configuration, Progress(Terminal(stderr=True)))
    validation = cast("dict[str, float]", read_json(f"{output}/model/report.json")["validation"])
    return validation["bits_per_byte"]
