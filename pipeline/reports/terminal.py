"""What is printed on a terminal: text of documents, ids and URLs with whatever could steer the terminal made visible.

Control characters and escape sequences in a document could move the cursor, write to the clipboard or hide text, and
marks that turn the direction of writing around could show a name as another. Rich lets them through.
"""

import re
from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return text with control characters, marks of direction and invisible characters written as escapes."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def beginning(text: str, characters: int) -> str:
    """Return the beginning of a text in one line, with an ellipsis where there is more."""
    head = text[: 4 * characters]
    line = " ".join(head.split())
    return line if len(line) <= characters and len(head) == len(text) else f"{line[:characters]} …"


def indented(text: str, by: int, style: str = "") -> Padding:
    """Return text that is wrapped within its indentation; escapes are written first, so that they are wrapped too."""
    return Padding(Text(visible(text), style=style), (0, 0, 0, by), expand=False)


class Terminal(Console):
    """A console that prints no control sequence but its own, and text as it is: what looks like rich's markup stays."""

    def __init__(
        self,
        *,
        file: IO[str] | None = None,
        stderr: bool = False,
        soft_wrap: bool = False,
        quiet: bool = False,
        width: int | None = None,
        force_terminal: bool | None = None,
    ) -> None:
        super().__init__(
            file=file,
            stderr=stderr,
            soft_wrap=soft_wrap,
            quiet=quiet,
            width=width,
            force_terminal=force_terminal,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `Console`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
