"""What an extractor makes of a page, whichever it is."""

from collections.abc import Callable
from typing import NamedTuple

from prep.stages.extract.metadata import Metadata


class Content(NamedTuple):
    """The text of a page and what the page says about itself."""

    text: str
    """Empty where there is none."""
    metadata: Metadata | None = None
    """None from extractors that do not read it."""


Extractor = Callable[[bytes, str | None], Content]
"""From a page in UTF-8, and its URL if that is known, to its content."""
