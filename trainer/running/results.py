"""What a training run leaves behind: weights, settings, measurements and the picture of its loss."""

import csv
import io

import numpy as np
import numpy.typing as npt

from prep.corpus.files.storage import join, write_bytes, write_json
from prep.corpus.shards.shards import ShardReader
from prep.trainer.judging.baselines import count, evaluate_counts
from prep.trainer.judging.evaluate import Evaluation
from prep.trainer.judging.plot import draw_loss
from prep.trainer.network.weights import write_weights
from prep.trainer.running.checkpoint import History, Identity, State


def write_log(output: str, history: History) -> None:
    """Write what was measured at every step so far as steps.csv."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", "nats_per_token", "bits_per_byte", "learning_rate", "batch"])
    series = zip(history.loss, history.bits_per_byte, history.rate, history.batch, strict=True)
    for step, (loss, bits, rate, batch) in enumerate(series, 1):
        table.writerow([step, f"{loss:.6f}", f"{bits:.6f}", f"{rate:.6g}", f"{batch:014x}"])
    write_bytes(join(output, "steps.csv"), text.getvalue().encode())


def write_results(
    output: str,
    state: State,
    training: ShardReader,
    validation: ShardReader | None,
    token_bytes: npt.NDArray[np.int32],
    evaluate_rows: int,
    evaluation: Evaluation | None,
    identity: Identity,
) -> None:
    """Write model.safetensors, config.json, report.json and loss.svg; `evaluation` is that of the model as it is."""
    history = state.history
    measured: dict[str, object] | None = None
    baselines: dict[str, float] = {}
    if validation is not None and evaluation is not None:
        if state.model.settings.causal:
            rows = min(len(validation), evaluate_rows)
            unigram, bigram = evaluate_counts(count(training), validation, token_bytes, rows)
            baselines = {"unigram": unigram.bits_per_byte, "bigram": bigram.bits_per_byte}
        measured = {
            **evaluation.total.as_json(),
            **{f"{name}_bits_per_byte": value for name, value in baselines.items()},
            **evaluation.by_json(),
        }
    report = {
        "parameters": state.model.parameters_count,
        "steps": state.step,
        "rows": state.rows,
        "epochs": round(state.rows / len(training), 3),
        "tokens": state.tokens,
        "validation": measured,
        "evaluations": [
            {"step": step, "nats_per_token": loss, "bits_per_byte": bits, "accuracy": accuracy}
            for step, loss, bits, accuracy in history.evaluations
        ],
    }
    write_weights(output, state.model)
    write_json(join(output, "config.json"), identity)
    write_json(join(output, "report.json"), report)
    draw_loss(join(output, "loss.svg"), history, baselines)
