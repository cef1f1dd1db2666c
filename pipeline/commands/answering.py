"""What commands share: sizes given as flags, web pages, and what `--json` prints, one JSON object and nothing else."""

import sys
from collections.abc import Mapping
from pathlib import Path

import typer
from pydantic import BaseModel

from prep.pipeline.reports.terminal import Terminal


def size_flag(text: str | int) -> int:
    """Return the number of bytes that a flag gives, such as `20MB`."""
    from prep.stages.settings import size_of

    try:
        return int(str(size_of(str(text))))
    except ValueError as error:
        raise typer.BadParameter(f"expected {error}, seen {text!r}") from error


def print_json(answer: BaseModel | Mapping[str, object] | None) -> None:
    """Print an answer, `null` where there is none. Characters beyond ASCII are escaped: no terminal is steered."""
    import json

    value = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def write_page(title: str, place: str, page: str, *, open_: bool) -> None:
    """Write a web page and say where it lies; show it in the browser where that is asked for."""
    import webbrowser

    from prep.corpus.files.storage import write_bytes

    write_bytes(place, page.encode())
    Terminal().print(f"{title}: {place}", soft_wrap=True)
    if open_:
        webbrowser.open(Path(place).absolute().as_uri())
