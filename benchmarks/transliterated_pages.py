"""Copies of pages in scripts that few labelled pages are in: what a classifier can know of a page without its words.

Each word of a page's text becomes a word of another script, always the same one, with that script's spaces and marks;
the markup stays. The copy's blocks are the page's blocks, and so are their labels.
"""

import hashlib
import re
from typing import NamedTuple


class Script(NamedTuple):
    """How a script is written."""

    letters: str
    per_letter: float
    """Characters for each letter of an English word."""
    spaced: bool
    stop: str
    comma: str


def _range(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last)))


_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщыьэюя"
SCRIPTS = {
    "chinese": Script(_range(0x4E00, 0x5000), 0.35, False, "。", "，"),
    "japanese": Script(_range(0x3042, 0x3093) + _range(0x65E0, 0x6610), 0.5, False, "。", "、"),
    "korean": Script(_range(0xAC00, 0xAE00), 0.5, True, ".", ","),
    "thai": Script(_range(0x0E01, 0x0E2F), 1.0, False, " ", " "),
    "cyrillic": Script(_CYRILLIC, 1.1, True, ".", ","),
}
_TAG = re.compile(r"(<(?:script|style|textarea)\b.*?</(?:script|style|textarea)\s*>|<!--.*?-->|<[^>]*>)", re.S | re.I)
_META = re.compile(r"""(<meta\b[^>]*?\bcontent\s*=\s*["'])([^"']*)""", re.I)
_PIECE = re.compile(r"&#?\w+;?|[A-Za-zÀ-ÖØ-öø-ÿ]+|(?<=[a-zA-Z])[.!?](?= [A-Z]|$)|(?<=[a-zA-Z]),(?= )")
_GAP = re.compile("(?<=[\u0e01-\u9fff。、，]) (?=[\u0e01-\u9fff])")


def transliterated(html: str, script: Script) -> str:
    """Return a page with the words of its text in another script."""
    parts = _TAG.split(html)
    known: dict[str, str] = {}
    for place, part in enumerate(parts):
        if place % 2 == 0:
            parts[place] = _text(part, script, known)
        elif _META.match(part):
            parts[place] = _META.sub(lambda match: match[1] + _text(match[2], script, known), part)
    return "".join(parts)


def _text(text: str, script: Script, known: dict[str, str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        piece = match[0]
        if piece in ".!?":
            return script.stop
        if piece == ",":
            return script.comma
        if piece[0] == "&":
            return piece
        if piece not in known:
            known[piece] = _word(piece, script)
        return known[piece]

    text = _PIECE.sub(replaced, text)
    return text if script.spaced else _GAP.sub("", text)


def _word(word: str, script: Script) -> str:
    digest = hashlib.sha256(word.lower().encode()).digest()
    length = max(1, min(len(digest), round(len(word) * script.per_letter)))
    made = "".join(script.letters[(digest[place] * 7 + place) % len(script.letters)] for place in range(length))
    return made.capitalize() if word[0].isupper() and len(script.letters) < 40 else made
