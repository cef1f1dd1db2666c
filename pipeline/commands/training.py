"""The commands about models: `prep train` and `prep model export`.

`torchrun --nproc-per-node N -m prep.pipeline.cli train …` trains with N processes.
"""

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from prep.trainer.train import Progress

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
    from prep.stages.train import Train

    stage = settings_of(Train, set_ or [])
    console = Console(highlight=False, quiet=os.environ.get("RANK", "0") != "0")
    seconds = waited = 0.0

    def tell(progress: "Progress") -> None:
        nonlocal seconds, waited
        seconds, waited = seconds + progress.seconds, waited + progress.waited
        if progress.validation is not None:
            score = progress.validation
            measured = f"validation {score.bits_per_byte:.3f} bits per byte, {score.accuracy:.1%} right"
            waiting = f"{waited / seconds:.1%} of the time spent waiting for data"
            console.print(f"step {progress.step} of {stage.steps}: loss {progress.loss:.3f}, {measured}; {waiting}")

    stage.train(shards, tokenizer, output, tell)
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
