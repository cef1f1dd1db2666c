"""What the command `prep` runs: Ctrl-C is listened to before anything that takes time is imported.

A terminal or pipe of another encoding than UTF-8 (`LANG=de_DE.ISO-8859-1`, `PYTHONIOENCODING=ascii`) cannot show every
character of a document or a message: those are written as escapes, and end no command.
"""

import gc
import sys
from io import TextIOWrapper

from prep.pipeline.execution.interrupts import INTERRUPTS


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with INTERRUPTS.listening():
        from prep.pipeline import cli

        try:
            cli.main()
        finally:
            gc.freeze()  # the process ends: to search its modules for cycles at that takes half a second


if __name__ == "__main__":
    main()
