"""What commands share: sizes given as flags, and what `--json` prints, one JSON object and nothing else."""

import sys

import typer
from pydantic import BaseModel


def size_flag(text: str | int) -> int:
    """Return the number of bytes that a flag gives, such as `20MB`."""
    from prep.stages.settings import size_of

    try:
        return int(str(size_of(str(text))))
    except ValueError as error:
        raise typer.BadParameter(f"expected {error}, seen {text!r}") from error


def print_json(answer: BaseModel | None) -> None:
    """Print an answer, `null` where there is none. Characters beyond ASCII are escaped: no terminal is steered."""
    import json

    value = None if answer is None else answer.model_dump(mode="json")
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
