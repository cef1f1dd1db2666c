"""The commands about shards: `prep verify` and `prep export`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from prep.pipeline.commands.answering import size_flag
from prep.pipeline.reports.terminal import Terminal

Shards = Annotated[str, typer.Argument(metavar="SHARDS", help="A run's output, or a folder of shards or splits.")]
Workers = Annotated[int, typer.Option(min=1, help="Tasks that run at the same time; never changes the result.")]
Tokenizer = Annotated[
    str | None, typer.Option(metavar="DIR", help="The tokenizer's folder; left out: tokenizer/ beside the shards.")
]
CORES = os.cpu_count() or 1


def verify(shards: Shards, tokenizer: Tokenizer = None, workers: Workers = CORES) -> None:
    """Read a run's files, or shards, again and compare them with their manifests and checksums; name every fault."""
    from prep.exports.verification import verify as verify_splits

    console = Terminal(soft_wrap=True)
    faults = 0
    if Path(shards, "steps").is_dir():
        from prep.pipeline.steps.verifying import verify_run

        for name, damages in verify_run(shards, workers):
            for damage in damages:
                console.print(damage)
            if not damages:
                console.print(f"{name}: as it was written")
            faults += len(damages)
        shards = f"{shards}/shards"
        if not Path(shards).is_dir():
            _end(shards, faults)
            return
    place = tokenizer or _tokenizer_beside(shards)
    for name, folder, found in verify_splits(shards, place, workers):
        for fault in found:
            console.print(f"{name}: {fault.kind}: {fault.message}")
        if not found:
            console.print(f"{name}: as it was written ({folder})")
        faults += len(found)
    if place is None:
        console.print("the tokenizer was not compared: there is none beside the shards; give it with --tokenizer")
    _end(shards, faults)


def _end(place: str, faults: int) -> None:
    from prep.corpus.errors import CorruptFileError

    if faults:
        raise CorruptFileError(f"{place}: {faults} {'fault' if faults == 1 else 'faults'}")


def export(
    shards: Shards,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="The format; an unknown one lists them.")],
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")],
    length: Annotated[
        int | None, typer.Option(min=1, help="Tokens in a sequence of the trainer; left out: in a row.")
    ] = None,
    file_bytes: Annotated[
        int | None,
        typer.Option(parser=size_flag, metavar="SIZE", help="About, such as 200MB; left out: the format's usual."),
    ] = None,
    tokenizer: Tokenizer = None,
    workers: Workers = CORES,
) -> None:
    """Write shards in another trainer's format, or what is left of it, and say how to point the trainer at them."""
    from prep.exports.format import ExportSettings
    from prep.exports.job import Export
    from prep.pipeline.exports import run_export

    console = Terminal(soft_wrap=True)
    settings = ExportSettings(length, file_bytes, tokenizer or _tokenizer_beside(shards))
    job = Export(shards, to, output, settings)
    run_export(job, workers, console.print)
    console.print(job.note())


def _tokenizer_beside(shards: str) -> str | None:
    """Return the tokenizer's folder where a run has put it: beside the folder of splits."""
    for place in Path(shards).absolute().parents[:2]:
        if (place / "tokenizer" / "tokenizer_config.json").exists():
            return str(place / "tokenizer")
    return None
