"""The commands that help to begin: `prep init` and `prep schema`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.drafting.draft import Answers
    from prep.pipeline.drafting.survey import Survey


def init(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE.yaml", help="The file to write.")] = "pipeline.yaml",
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FOLDER", help="What to read; left out: you are asked.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="The run's folder; left out: runs/ and the folder's name.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Look at the files of a folder and write a pipeline that fits them, with comments, and the schema for editors."""
    from prep.corpus.errors import ConfigurationError
    from prep.corpus.files.storage import write_bytes, write_json
    from prep.pipeline import config, contract
    from prep.pipeline.drafting.draft import Answers, draft
    from prep.pipeline.drafting.survey import survey
    from prep.pipeline.monitor.outcomes import InitAnswer
    from prep.pipeline.reports.schema import FILE, pipeline_schema

    if Path(pipeline).exists() and not force:
        raise ConfigurationError([f"{pipeline} is there already; name another file, or overwrite it with --force"])
    asks = from_ is None
    if asks and not sys.stdin.isatty():
        raise ConfigurationError(["--from is missing; expected the folder to read, where nobody can be asked"])
    folder = (from_ or typer.prompt("Folder of files to read")).rstrip("/") or "/"
    place = output or str(Path("runs", Path(folder).absolute().name or "mine"))
    found = survey(folder, place)
    answers = _asked(found, place) if asks else Answers(place, ())
    write_bytes(pipeline, draft(found, answers).encode())
    write_json(str(Path(pipeline).with_name(FILE)), pipeline_schema())
    contract.check(*config.load(pipeline))
    if json:
        files = {kind.name: len(kind.files) for kind in found.kinds}
        print_json(InitAnswer(pipeline=pipeline, schema_file=str(Path(pipeline).with_name(FILE)), files=files))
        return
    console = Terminal(soft_wrap=True)
    for kind in found.kinds:
        console.print(f"{kind.name}: {len(kind.files):,} files, {kind.bytes:,} bytes")
    console.print(f"written: {pipeline}, which prep check finds no problem in; read its comments, then")
    console.print(f"  prep run {pipeline}")


def _asked(found: "Survey", place: str) -> "Answers":
    """Ask what the files do not tell, with what they suggest as the answers."""
    from prep.pipeline.drafting.draft import Answers, languages_of

    seen = " ".join(languages_of(found)) or "none"
    output = typer.prompt("Folder for the results", default=place)
    kept = typer.prompt(f"Languages to keep (found: {seen}; all keeps every one)", default="all")
    train = typer.confirm("Train a small model at the end, to see that the shards can be learnt from?", default=False)
    return Answers(output, () if kept.strip() == "all" else tuple(kept.replace(",", " ").split()), train)


def schema(
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it there; left out: to the terminal.")
    ] = None,
) -> None:
    """Write the JSON schema of pipelines, by which editors complete and check the YAML."""
    from prep.corpus.files.storage import write_json
    from prep.pipeline.reports.schema import pipeline_schema

    if output is not None:
        write_json(output, pipeline_schema())
    else:
        print_json(pipeline_schema())
