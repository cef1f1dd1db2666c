"""Text that was decoded with a wrong character set (mojibake), put right by ftfy.

ftfy (Speer 2019, "ftfy", Zenodo) looks for sequences of characters that are likely in mojibake and unlikely elsewhere,
with a regular expression over the whole text. Each of its sequences has two characters beside each other of a few
hundred, or a control character U+0080 to U+009F: a kernel looks for these first, and most texts never reach ftfy.
"""

import re
from collections.abc import Callable, Mapping

from prep.stages.repair.character_kernels import ALONE, COMMON, HEAD, SUSPECT

_HEADS = "ВГРСвΒΓΞΟβØÙÂÃÎÐ√≈‚ÄāàØ×âó"
"""Characters that sequences can begin with beside characters that are common elsewhere."""
_LETTERS = "ВГРСвΒΓΞΟβ"
"""Heads that are no part of mojibake unless they begin a sequence."""
_ALONE = "ŒœÃÂ"
"""Characters that a space, or all but a letter of ASCII, can follow in a sequence."""


def sequences() -> Mapping[int, str]:
    """Return the characters of ftfy's sequences by their flags, as the inside of a pattern's brackets."""
    from ftfy.badness import BADNESS_RE, MOJIBAKE_CATEGORIES

    letters = MOJIBAKE_CATEGORIES["lower_common"] + MOJIBAKE_CATEGORIES["upper_common"]
    common = MOJIBAKE_CATEGORIES["common"]
    suspects = "".join(text for text in MOJIBAKE_CATEGORIES.values() if text not in letters and text != common)
    literals = {character for character in BADNESS_RE.pattern if ord(character) >= 0x80}
    suspects += "".join(sorted(literals.difference(common, letters, _LETTERS)))
    heads = _HEADS + letters
    return {SUSPECT: _escaped(suspects), HEAD: _escaped(heads), COMMON: _escaped(common), ALONE: _escaped(_ALONE)}


def _escaped(ranges: str) -> str:
    """Return ranges of characters without what a set in a pattern takes for more than characters."""
    return re.sub(r"([\[\]\\&~|^])", r"\\\1", ranges)


def fixer() -> Callable[[str], str]:
    """Return the function that puts the encoding of a text right, and changes nothing else."""
    from ftfy import TextFixerConfig, fix_text

    config = TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return lambda text: fix_text(text, config)
