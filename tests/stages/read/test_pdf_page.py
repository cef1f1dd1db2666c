"""Pieces of a PDF page's lines: the kernel beside a slow reference implementation, and characters in two halves."""

from statistics import median

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read.books.pdf_page import Piece, pieces_of

Character = tuple[int, float, float, float, float, bool]
"""Code, left, right, low, high, and whether it has a box."""

_CODES = st.sampled_from([*b"ab1) \r\n\x01", 0x02, 0xA0, 0x2003, 0xFB01, 0xD83D, 0xDE00, 0x3042, 0x1F600, 0x110000])
_PLACES = st.sampled_from([0.0, 4.0, 5.0, 11.0, 60.0])
_WIDTHS, _LOWS, _HEIGHTS = (st.sampled_from(each) for each in ((4.0, 6.5), (0.0, 0.5, 4.5), (5.0, 10.0)))
_CHARACTERS = st.lists(st.tuples(_CODES, _PLACES, _WIDTHS, _LOWS, _HEIGHTS, st.booleans()))


def found(characters: list[Character]) -> list[Piece]:
    codes = np.array([each[0] for each in characters], np.uint32)
    boxes = np.array([(each[1], each[4], each[2], each[3]) for each in characters], np.float32).reshape(-1, 4)
    return list(pieces_of(codes, boxes, np.array([each[5] for each in characters], np.bool_)))


def whole(codes: list[int], index: int) -> int | None:
    """Return the character at a place, None for the second half of one that is spelled in two."""
    code = codes[index]
    if 0xDC00 <= code < 0xE000 and index and 0xD800 <= codes[index - 1] < 0xDC00:
        return None
    if 0xD800 <= code < 0xDC00 and index + 1 < len(codes) and 0xDC00 <= codes[index + 1] < 0xE000:
        return 0x10000 + (code - 0xD800) * 0x400 + codes[index + 1] - 0xDC00
    if code >= 0x110000 or 0xD800 <= code < 0xE000:
        return 0xFFFD
    return 0xFFFE if code == 2 else code


def reference(characters: list[Character]) -> list[tuple[str, float, float, float, float]]:
    held: list[tuple[str, float, float, float, float]] = []
    pieces = [held]
    codes = [each[0] for each in characters]
    for index, (code, left, right, low, high, known) in enumerate(characters):
        character = whole(codes, index)
        if code in (10, 13):
            held = []
            pieces.append(held)
        elif character is not None and character >= 0x20 and known:
            letter = chr(character)
            if letter.isspace():
                if held:
                    held.append((" ", held[-1][2], *held[-1][2:]))
                continue
            if held and (left - held[-1][2] > 1.1 * held[-1][4] or left < held[-1][1] - held[-1][4]):
                held = []
                pieces.append(held)
            held.append((letter, left, right, low, max(0.1, high - low)))
    results = []
    for piece in filter(None, pieces):
        size = median(each[4] for each in piece)
        base = median(each[3] for each in piece if each[4] >= 0.85 * size)
        text = "".join(each[0] for each in piece).replace("\ufb01", "fi").strip()
        results.append((text, min(each[1] for each in piece), max(each[2] for each in piece), base, size))
    return results


@settings(max_examples=300)
@given(_CHARACTERS)
def test_pieces_are_those_of_the_reference_implementation(drawn: list[Character]) -> None:
    characters = [
        (code, left, left + width, low, low + height, known) for code, left, width, low, height, known in drawn
    ]
    assert [(each.text.replace("^", ""), *each[1:]) for each in found(characters)] == reference(characters)


def test_characters_in_two_halves_are_whole() -> None:
    line = [
        (code, 5.0 * place, 5.0 * place + 4, 0.0, 10.0, True)
        for place, code in enumerate([0xD835, 0xDC65, 0x20, 0xDC65])
    ]
    assert [piece.text for piece in found(line)] == ["\U0001d465 \ufffd"]
