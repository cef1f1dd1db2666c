"""The commands about models: `prep train`, `prep model evaluate` and `prep model export`.

`torchrun --nproc-per-node N -m prep.pipeline.cli train …` trains with N processes.
"""

import os
from functools import partial
from typing import Annotated, Literal

import typer
from rich.table import Table

from prep.pipeline.reports.terminal import Terminal

app = typer.Typer(help="Models that were trained.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The folder of a model that prep trained.")]
Shards = Annotated[str, typer.Argument(metavar="SHARDS", help="The folder of shards, with train and validation in it.")]
TokenizerFolder = Annotated[str, typer.Option("--tokenizer", metavar="DIR", help="The tokenizer of the shards.")]
Output = Annotated[str, typer.Option(metavar="DIR", help="The folder to write; a run that was stopped there goes on.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as steps=500; see `prep stages train`."),
]


def train(shards: Shards, tokenizer: TokenizerFolder, output: Output, set_: Set = None) -> None:
    """Train a model on shards, or go on with the training that was stopped."""
    from prep.pipeline.config import settings_of
    from prep.stages.train.train import Narration, Train

    stage = settings_of(Train, set_ or [])
    console = Terminal(quiet=os.environ.get("RANK", "0") != "0")
    say = partial(console.print, soft_wrap=True)
    stage.train(shards, tokenizer, output, Narration(stage.steps, say).report, say=say)
    console.print(f"model: {output}/")


@app.command()
def evaluate(
    model: Model,
    shards: Annotated[
        list[str], typer.Argument(metavar="SHARDS…", help="Folders of shards, or of splits with shards.")
    ],
    tokenizer: TokenizerFolder,
    split: Annotated[str, typer.Option(help="The split to take of a folder of splits.")] = "validation",
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of each folder, from the first; left out: all.")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write the figures to a JSON file too.")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; they decide the order of sums.")] = 2,
) -> None:
    """Measure a model on shards, in all and by source and language: bits per byte, perplexity, accuracy."""
    from prep.corpus.files.storage import write_json
    from prep.stages.train.evaluation import COLUMNS, evaluate_model, table_rows

    found = dict(evaluate_model(model, shards, tokenizer, split, rows, device, threads))
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for folder, evaluation in found.items():
        for title, *cells in table_rows(folder, evaluation):
            table.add_row(title, *cells)
    Terminal().print(table)
    if json is not None:
        write_json(json, {folder: {"all": each.total.as_json(), **each.by_json()} for folder, each in found.items()})


@app.command()
def export(
    model: Model,
    tokenizer: TokenizerFolder,
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")],
) -> None:
    """Write a model and its tokenizer so that transformers opens the folder: in the layout of Llama, or of Qwen3."""
    from prep.stages.train.train import export_model

    export_model(model, tokenizer, output)
    Terminal().print(f"AutoModelForCausalLM.from_pretrained({output!r})")
