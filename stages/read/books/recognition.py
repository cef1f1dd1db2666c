"""Character recognition by a command of the user's, for PDF files whose pages are pictures of text."""

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

_SECONDS = 3600


class RecognitionError(Exception):
    """A command that gave no text."""


def program(command: str) -> str | None:
    """Return where the command's program lies, or None where there is none."""
    parts = shlex.split(command)
    return shutil.which(parts[0]) if parts else None


def recognised(command: str, content: bytes) -> str:
    """Return what a command writes to its standard output, UTF-8, about a PDF file.

    A form feed ends a page. `{file}` in the command stands for the file's path. Raises RecognitionError where the
    command fails or takes an hour.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document.pdf"
        path.write_bytes(content)
        arguments = [part.replace("{file}", str(path)) for part in shlex.split(command)]
        try:
            done = subprocess.run(arguments, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RecognitionError(f"{arguments[0]}: {error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise RecognitionError(f"{arguments[0]} ended with status {done.returncode}: {said}")
    return done.stdout.decode("utf-8", "replace").strip()
