"""The commands about models: `prep train` and `prep model export`.

`torchrun --nproc-per-node N -m prep.pipeline.cli train …` trains with N processes.
"""

import os
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(help="Models that were trained.", no_args_is_help=True)

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
    from prep.stages.train import Narration, Train

    stage = settings_of(Train, set_ or [])
    console = Console(highlight=False, quiet=os.environ.get("RANK", "0") != "0")
    stage.train(shards, tokenizer, output, Narration(stage.steps, console.print).tell)
    console.print(f"model: {output}/", markup=False)


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The folder of a model that prep trained.")],
    tokenizer: TokenizerFolder,
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")],
) -> None:
    """Write a model and its tokenizer so that transformers opens the folder: in the layout of Llama, or of Qwen3."""
    from prep.stages.train import export_model

    export_model(model, tokenizer, output)
    Console(highlight=False).print(f"AutoModelForCausalLM.from_pretrained({output!r})", markup=False)
