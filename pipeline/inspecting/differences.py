"""What differs between two texts, as unified differences of their sentences.

Texts of web pages have lines of whole paragraphs; a difference of such lines would show everything twice. Lines are cut
at the ends of sentences first, and what is longer at spaces. Cost: that of difflib, bounded by `MOST`.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

MOST = 200_000
"""Of longer texts only the beginning is compared, in characters."""
_LONGEST = 160
_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")
_CONTEXT = 1
"""Pieces that are the same, shown on each side of a difference."""


class Difference(NamedTuple):
    """A piece of text that stays, goes, comes, or a gap between differences."""

    kind: Literal["same", "removed", "added", "gap"]
    text: str


def differences(before: str, after: str) -> list[Difference]:
    """Return what differs, with what surrounds it; nothing where the texts are equal."""
    if before == after:
        return []
    old, new = list(_pieces(before[:MOST])), list(_pieces(after[:MOST]))
    found: list[Difference] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        first = f"piece {group[0][1] + 1} of {len(old)}"
        found.append(Difference("gap", first))
        for kind, start, end, other, last in group:
            if kind == "equal":
                found += [Difference("same", piece) for piece in old[start:end]]
            else:
                found += [Difference("removed", piece) for piece in old[start:end]]
                found += [Difference("added", piece) for piece in new[other:last]]
    if not found:
        found.append(Difference("gap", f"after the first {MOST:,} characters, or in white space"))
    return found


def _pieces(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        for sentence in _END.split(line):
            yield from _cut(sentence)


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > _LONGEST:
        at = sentence.rfind(" ", 1, _LONGEST) + 1 or _LONGEST
        yield sentence[:at]
        sentence = sentence[at:]
    yield sentence
