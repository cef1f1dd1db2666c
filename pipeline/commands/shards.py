"""The commands about shards: `prep verify` and `prep export`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.commands.answering import print_json, size_flag
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.integrity.verifying import VerifiedPart

Shards = Annotated[str, typer.Argument(metavar="SHARDS", help="A run's output, or a folder of shards or splits.")]
Workers = Annotated[int, typer.Option(min=1, help="Tasks that run at the same time; never changes the result.")]
Tokenizer = Annotated[
    str | None, typer.Option(metavar="DIR", help="The tokenizer's folder; left out: tokenizer/ beside the shards.")
]
CORES = os.cpu_count() or 1


def verify(shards: Shards, tokenizer: Tokenizer = None, workers: Workers = CORES, json: Json = False) -> None:
    """Read a run's files, or shards, again and compare them with their manifests and checksums; name every fault."""
    from prep.corpus.errors import CorruptFileError
    from prep.corpus.files.storage import is_remote
    from prep.pipeline.integrity.verifying import VerifiedPart, VerifyAnswer
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.remote.reading import results_at

    console = Terminal(soft_wrap=True, quiet=json)
    target, parts = results_at(shards) if is_remote(shards) else output_of(shards), list[VerifiedPart]()
    for part in _verified(target, tokenizer, workers, console):
        for fault in part.faults:
            console.print(fault)
        if not part.faults:
            console.print(f"{part.name}: as it was written")
        parts.append(part)
    faults = sum(len(part.faults) for part in parts)
    if json:
        print_json(VerifyAnswer(parts=parts, faults=faults))
    if faults:
        raise CorruptFileError(f"{target}: {faults} {'fault' if faults == 1 else 'faults'}")


def _verified(target: str, tokenizer: str | None, workers: int, console: Terminal) -> Iterator["VerifiedPart"]:
    """Yield the steps and published folders of a run, and the splits of shards, with what is damaged in each."""
    from prep.exports.verification import verify as verify_splits
    from prep.pipeline.integrity.verifying import VerifiedPart, verify_run

    if Path(target, "steps").is_dir():
        for name, damages in verify_run(target, workers):
            yield VerifiedPart(name=name, faults=damages)
        target = f"{target}/shards"
        if not Path(target).is_dir():
            return
    place = tokenizer or _tokenizer_beside(target)
    for name, folder, found in verify_splits(target, place, workers):
        faults = [f"{name}: {fault.kind}: {fault.message}" for fault in found]
        yield VerifiedPart(name=f"{name} ({folder})", faults=faults)
    if place is None:
        console.print("the tokenizer was not compared: there is none beside the shards; give it with --tokenizer")


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
    json: Json = False,
) -> None:
    """Write shards in another trainer's format, or what is left of it, and say how to point the trainer at them."""
    from prep.exports.format import ExportSettings
    from prep.exports.job import Export
    from prep.pipeline.exports import run_export
    from prep.pipeline.monitor.outcomes import ExportAnswer
    from prep.pipeline.remote.reading import folder_for, results_at

    console = Terminal(soft_wrap=True, quiet=json)
    shards = results_at(shards)
    settings = ExportSettings(length, file_bytes, tokenizer or _tokenizer_beside(shards))
    with folder_for(output) as folder:
        job = Export(shards, to, folder, settings)
        run_export(job, workers, console.print)
        note = job.note().replace(folder, output)
    console.print(note)
    if json:
        print_json(ExportAnswer(output=output, format=to, note=note))


def _tokenizer_beside(shards: str) -> str | None:
    """Return the tokenizer's folder where a run has put it: beside the folder of splits."""
    for place in Path(shards).absolute().parents[:2]:
        if (place / "tokenizer" / "tokenizer_config.json").exists():
            return str(place / "tokenizer")
    return None
