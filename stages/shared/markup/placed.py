"""How text is written that is raised or lowered: the marks around it, from what it is and what stands before it.

A power is not part of its base: `10<sup>5</sup>` is written `10^5`, `x<sub>i</sub>` as `x_i`, with brackets around what
is more than one term. What says nothing by its place stays as it is: H2O, 1st, 2e, the sign of a trade mark. The number
of a note is put in brackets, `town.[2]`. These are the rules of `prep.stages.extract.html.inline_kernels`, for one
element at a time; a test holds them to each other.
"""

from typing import Final

from prep.stages.shared.markup.trade_sign_kernels import LETTER_SIGNS, TRADE_SIGNS

_SIGNS, _OPERATORS = "+-\N{MINUS SIGN}", "*/=<>()^"
_ORDINALS: Final = frozenset("eoardshEOARDSH")
"""Letters that are raised in abbreviations of numerals and titles: 2e, no, Dr."""
_ENDS: Final = frozenset(".,;:!?\"'“”‘’»")
_WORD_BEFORE_NOTE = 4
"""Letters of a word from which a raised number after it is a note, not a power of a unit."""
_PLAIN = ("", "")


def lowered_marks(before: str, lowered: str) -> tuple[str, str]:
    """Return what to write before and after text that is lowered, given the line before it."""
    kinds = _kinds(lowered)
    if not before or before[-1].isspace() or not kinds or "other" in kinds or _is_sign(before, lowered):
        return _PLAIN
    last = _kind(before[-1])
    if before[-1] in "/\N{FRACTION SLASH}" or (last not in {"digit", "letter"} and before[-1] not in ")]"):
        return _PLAIN
    if "operator" in kinds or ("sign" in kinds and kinds[0] != "sign"):
        return "_(", ")"
    return ("_", "") if kinds[0] == "letter" or (kinds[0] == last == "digit") else _PLAIN


def raised_marks(before: str, raised: str, *, is_link: bool, is_numerator: bool = False) -> tuple[str, str]:
    """Return what to write before and after text that is raised, given the line before it.

    `is_link`: the raised text is a link, as those to notes are; `is_numerator`: a fraction's bar follows it.
    """
    kinds = _kinds(raised)
    if not before or before[-1].isspace() or not kinds or "other" in kinds or _is_sign(before, raised):
        return _PLAIN
    last = _kind(before[-1])
    digits = all(kind == "digit" for kind in kinds)
    if digits and is_numerator:
        return (" ", "") if last == "digit" else _PLAIN
    if is_link:
        return "[", "]"
    letters = _letters_before(before)
    if digits:
        note = before[-1] in _ENDS or (letters >= _WORD_BEFORE_NOTE and before[-1].isascii()) or before[-1] >= "\u3000"
        return ("[", "]") if note else ("^", "")
    if last not in {"digit", "letter"} and before[-1] not in ")]":
        return _PLAIN
    return _power(kinds, raised.strip(), before[-1], letters)


def _is_sign(before: str, placed: str) -> bool:
    """Return whether a text is the sign of a trade mark or the like after a name."""
    sign = "".join(placed.split())
    return sign in TRADE_SIGNS or (sign in LETTER_SIGNS and _letters_before(before) != 1)


def _letters_before(before: str) -> int:
    return len(before) - len(before.rstrip("".join(set(filter(str.isalpha, before)))))


def _power(kinds: list[str], raised: str, base: str, letters: int) -> tuple[str, str]:
    if "operator" in kinds:
        if not {"digit", "letter"} & set(kinds):
            return _PLAIN
        return ("^", "") if kinds[0] == "operator" else ("^(", ")")
    if "sign" in kinds:
        if set(kinds) == {"sign"}:
            return _PLAIN
        return ("^", "") if "sign" in (kinds[0], kinds[-1]) else ("^(", ")")
    if "digit" in kinds:
        return ("^", "") if letters <= 1 else _PLAIN
    if len(kinds) == 1:
        return _PLAIN if raised in _ORDINALS else ("^", "")
    return ("^", "") if letters == 1 and base.islower() and base.isascii() and raised.isascii() else _PLAIN


def _kinds(text: str) -> list[str]:
    return [_kind(character) for character in text if not character.isspace()]


def _kind(character: str) -> str:
    if character in _SIGNS:
        return "sign"
    if character in _OPERATORS:
        return "operator"
    if character.isascii() and not character.isalnum():
        return "other"
    return "digit" if character.isascii() and character.isdigit() else "letter"
