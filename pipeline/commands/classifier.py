"""The commands about classifiers of text: `prep classifier train`."""

from typing import Annotated, cast

import typer
from rich.table import Table

from prep.pipeline.reports.terminal import Terminal

app = typer.Typer(help="Train classifiers of text for the stage `classifier`.", no_args_is_help=True)

BARS = " ▁▂▃▄▅▆▇█"


@app.command()
def train(file: Annotated[str, typer.Argument(metavar="CLASSIFIER.yaml", help="Examples and settings.")]) -> None:
    """Train a fastText classifier on labelled texts and test it on texts held out; writes the model and its card."""
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
