"""The commands about models: `prep train`, and `prep model evaluate`, `sample`, `chat` and `export`.

`torchrun --nproc-per-node N -m prep.pipeline.cli train …` trains with N processes.
"""

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.stages.train.completion import Written

app = typer.Typer(help="Models that were trained.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The folder of a model that prep trained.")]
Shards = Annotated[str, typer.Argument(metavar="SHARDS", help="The folder of shards, with train and validation in it.")]
TokenizerFolder = Annotated[str, typer.Option("--tokenizer", metavar="DIR", help="The tokenizer of the shards.")]
Output = Annotated[str, typer.Option(metavar="DIR", help="The folder to write; a run that was stopped there goes on.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as steps=500; see `prep stages train`."),
]


def train(shards: Shards, tokenizer: TokenizerFolder, output: Output, set_: Set = None, json: Json = False) -> None:
    """Train a model on shards, or go on with the training that was stopped."""
    from prep.corpus.files.storage import read_json
    from prep.pipeline.config import settings_of
    from prep.pipeline.monitor.outcomes import ModelAnswer
    from prep.stages.train.train import Narration, Train

    stage, first = settings_of(Train, set_ or []), os.environ.get("RANK", "0") == "0"
    console = Terminal(quiet=json or not first)
    say = partial(console.print, soft_wrap=True)
    stage.train(shards, tokenizer, output, Narration(stage.steps, say).report, say=say)
    console.print(f"model: {output}/")
    if json and first:
        print_json(ModelAnswer(output=output, report=dict(read_json(f"{output}/report.json"))))


@app.command()
def evaluate(
    model: Model,
    shards: Annotated[
        list[str], typer.Argument(metavar="SHARDS…", help="Folders of shards, or of splits with shards.")
    ],
    tokenizer: TokenizerFolder,
    split: Annotated[str, typer.Option(help="The split to take of a folder of splits.")] = "validation",
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of each folder, from the first; left out: all.")] = None,
    output: Annotated[str | None, typer.Option(metavar="FILE", help="Write the figures to a JSON file too.")] = None,
    json: Json = False,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; they decide the order of sums.")] = 2,
) -> None:
    """Measure a model on shards, in all and by source and language: bits per byte, perplexity, accuracy."""
    from prep.corpus.files.storage import write_json
    from prep.pipeline.monitor.outcomes import ModelsAnswer
    from prep.stages.train.evaluation import COLUMNS, evaluate_model, table_rows

    found = dict(evaluate_model(model, shards, tokenizer, split, rows, device, threads))
    figures = {folder: {"all": each.total.as_json(), **each.by_json()} for folder, each in found.items()}
    if output is not None:
        write_json(output, figures)
    if json:
        print_json(ModelsAnswer(shards=figures))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for folder, evaluation in found.items():
        for title, *cells in table_rows(folder, evaluation):
            table.add_row(title, *cells)
    Terminal().print(table)


COLOURS = ("red", "dark_orange", "yellow", "green", "default")
"""Of tokens, from those that the model hardly expected to those it was sure of."""

Temperature = Annotated[
    float, typer.Option(min=0, help="Below 1 likely tokens are preferred; 0 takes the most likely one.")
]
TopK = Annotated[int, typer.Option("--top-k", min=1, help="How many of the most likely tokens are considered.")]
Tokens = Annotated[int, typer.Option(min=1, help="Tokens to write, at most.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides what is drawn.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]


@app.command()
def sample(
    model: Model,
    tokenizer: TokenizerFolder,
    prompt: Annotated[str, typer.Option(help="What the text begins with; left out: as documents begin.")] = "",
    tokens: Tokens = 100,
    temperature: Temperature = 0.8,
    top_k: TopK = 40,
    seed: Seed = 0,
    chat: Annotated[bool, typer.Option("--chat", help="Take the prompt for a user's message, and answer it.")] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="List each token with its probability.")
    ] = False,
    json: Json = False,
    device: Device = "auto",
) -> None:
    """Let a model go on with a text; colours show how likely it found each token."""
    from prep.pipeline.monitor.outcomes import SampleAnswer, TokenAnswer
    from prep.stages.train.completion import Completion, Drawing

    settings = Drawing(tokens, temperature, top_k, seed)
    written = Completion(model, tokenizer, device).write(prompt, settings, chat=chat)
    if json:
        made = [TokenAnswer(text=text, probability=probability) for text, probability in written]
        print_json(SampleAnswer(prompt=prompt, text="".join(each.text for each in made), tokens=made))
        return
    _show(written, "" if chat else prompt, probabilities)


@app.command()
def chat(
    model: Model,
    tokenizer: TokenizerFolder,
    tokens: Tokens = 100,
    temperature: Temperature = 0.8,
    top_k: TopK = 40,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Answer one line after another of what is typed, each by itself, with the tokenizer's chat template."""
    import sys

    from prep.stages.train.completion import Completion, Drawing

    opened = Completion(model, tokenizer, device)
    for number, line in enumerate(filter(None, map(str.strip, sys.stdin))):
        settings = Drawing(tokens, temperature, top_k, seed + number)
        _show(opened.write(line, settings, chat=True), "", probabilities=False)


def _show(written: "Iterator[Written]", prompt: str, probabilities: bool) -> None:
    """Print what a model writes, as it comes, or as a table."""
    from prep.stages.train.completion import SHADES, shade

    terminal = Terminal()
    if probabilities:
        table = Table(box=None, pad_edge=False)
        table.add_column("token")
        table.add_column("probability", justify="right")
        for text, probability in written:
            table.add_row(Text(repr(text), COLOURS[shade(probability)]), f"{probability:.1%}")
        terminal.print(table)
        return
    terminal.print(prompt, style="bold", end="", soft_wrap=True)
    for text, probability in written:
        terminal.print(Text(text, COLOURS[shade(probability)]), end="", soft_wrap=True)
    terminal.print()
    if terminal.is_terminal:
        names = zip(COLOURS, (f"from {least:.0%}" for least in SHADES), strict=True)
        terminal.print(Text("  ").join(Text(name, colour) for colour, name in names))


@app.command()
def export(
    model: Model,
    tokenizer: TokenizerFolder,
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")],
    json: Json = False,
) -> None:
    """Write a model and its tokenizer so that transformers opens the folder: in the layout of Llama, or of Qwen3."""
    from prep.pipeline.monitor.outcomes import ModelExportAnswer
    from prep.stages.train.train import export_model

    export_model(model, tokenizer, output)
    if json:
        print_json(ModelExportAnswer(output=output))
    else:
        Terminal().print(f"AutoModelForCausalLM.from_pretrained({output!r})")
