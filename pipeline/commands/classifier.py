"""The commands about classifiers of documents: `prep classifier train`."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(help="Train classifiers for the stages `classifier` and `signal_classifier`.", no_args_is_help=True)

BARS = " ▁▂▃▄▅▆▇█"
WEIGHTS = 12
"""Features whose weights are printed; the card holds all."""


class On(StrEnum):
    """What a classifier looks at."""

    TEXT = "text"
    SIGNALS = "signals"


@app.command()
def train(
    file: Annotated[str, typer.Argument(metavar="CLASSIFIER.yaml", help="Examples and settings.")],
    on: Annotated[On, typer.Option(help="The texts' words, or the signals that a run has stored.")] = On.TEXT,
    json: Json = False,
) -> None:
    """Train a classifier on labelled documents and judge it on others; writes the model and its card.

    On text, a fastText classifier for the stage `classifier`; on signals, a logistic regression or small trees over
    the stored columns of a run, for the stage `signal_classifier`.
    """
    (_train_on_signals if on is On.SIGNALS else _train_on_text)(file, json)


def _print_answer(output: str, card: dict[str, object]) -> None:
    from prep.pipeline.monitor.outcomes import ClassifierAnswer

    print_json(ClassifierAnswer(output=output, card=card))


def _train_on_signals(file: str, json: bool) -> None:
    from prep.corpus.errors import ConfigurationError
    from prep.pipeline import config
    from prep.stages.classifier.signal_examples import SignalClassifierSettings
    from prep.stages.classifier.signal_training import train_on_signals

    settings, located = config.load_settings(file, SignalClassifierSettings)
    problems = () if settings.labels is None else settings.labels.problems()
    complaints = [f"{located.where(('labels', *problem.field))}: {problem}" for problem in problems]
    if complaints:
        raise ConfigurationError(complaints)
    card = train_on_signals(settings)
    if json:
        _print_answer(settings.output, card)
        return
    console = Terminal()
    print_card(console, card)
    areas = ", ".join(f"{area:.3f}" for area in cast("Sequence[float]", card["auc_of_folds"]))
    console.print(f"AUC on documents held out: {card['auc']:.3f}; by fold: {areas}")
    for name in ("documents_without_label", "documents_of_other_labels", "labels_without_document"):
        if card[name]:
            console.print(f"{name.replace('_', ' ')}: {card[name]:,}")
    _print_importance(console, cast("Sequence[dict[str, object]]", card["importance"]))
    console.print(f"model and card: {settings.output}/")


def _print_importance(console: Terminal, features: "Sequence[dict[str, object]]") -> None:
    """Print what the strongest features do."""
    table = Table(box=None, pad_edge=False)
    measure = "weight" if "weight" in features[0] else "auc_lost"
    table.add_column("feature")
    table.add_column("weight per deviation" if measure == "weight" else "AUC lost without it", justify="right")
    for each in features[:WEIGHTS]:
        table.add_row(str(each["feature"]), f"{each[measure]:+.3f}")
    console.print(table)


def _train_on_text(file: str, json: bool) -> None:
    from prep.corpus.errors import ConfigurationError
    from prep.pipeline import config
    from prep.stages.classifier import training

    settings, located = config.load_settings(file, training.ClassifierSettings)
    complaints = [
        f"{located.where(('examples', label, *problem.field))}: {problem}"
        for label, examples in settings.examples.items()
        for problem in examples.problems()
    ]
    if complaints:
        raise ConfigurationError(complaints)
    card = training.train(settings)
    if json:
        _print_answer(settings.output, card)
        return
    console = Terminal()
    print_card(console, card)
    console.print(f"model and card: {settings.output}/")


def print_card(console: Terminal, card: dict[str, object]) -> None:
    """Print how well a classifier does on the texts held out."""
    table = Table(box=None, pad_edge=False)
    headings = (
        "label",
        "texts",
        "held out",
        "precision",
        "recall",
        "AUC",
        "calibration error",
        "scores 0 … 1: own",
        "others",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "label" else "right")
    labels = cast("dict[str, dict[str, dict[str, list[int]]]]", card["labels"])
    for label, report in labels.items():
        counts = (cast("dict[str, int]", card[name])[label] for name in ("training_texts", "held_out_texts"))
        bars = (bar_chart(report["scores"][name]) for name in ("own", "others"))
        table.add_row(
            label,
            *map(str, counts),
            str(report["precision"]),
            *(str(report[name]) for name in ("recall", "auc", "calibration_error")),
            *bars,
        )
    console.print(table)
    console.print(f"accuracy on texts held out: {card['accuracy']}")
    console.print(f"accuracy of always giving the most frequent label: {card['majority_baseline']}")


def bar_chart(counts: list[int]) -> str:
    """Return counts as bars, the highest for the largest; a count above zero is never invisible."""
    most = max(counts)
    steps = len(BARS) - 1
    return "".join(BARS[-(-count * steps // most) if count else 0] for count in counts)
