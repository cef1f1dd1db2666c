"""What only the publisher of a corpus knows, for its cards."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import Field

from prep.stages.settings import Settings


class Card(Settings):
    """What the cards say that cannot be counted. None of it changes documents or shards."""

    licence: str = ""
    """The licence of the corpus as a whole, by its SPDX name or URL; left out: those of its documents, if all do."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "1.0.0"
    """The version of the corpus: major, minor, patch."""
    published: date | None = None
    """The day on which the corpus is published, such as 2026-11-29."""
    citation: str = ""
    """How to cite the corpus, as BibTeX; left out: an entry made of the title."""

    def licences(self, named: Sequence[str]) -> Sequence[str]:
        """Return the licences of the corpus, given those of its documents if all name one."""
        return (self.licence,) if self.licence else named

    def cited(self, title: str) -> str:
        """Return how to cite the corpus."""
        key = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "corpus"
        year = "" if self.published is None else f", year = {{{self.published.year}}}"
        return self.citation or f"@misc{{{key}, title = {{{title}}}, version = {{{self.version}}}{year}}}"
