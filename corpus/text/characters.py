"""What characters are to rules over text: punctuation, terminal marks, digits, capitals, white space."""

from functools import cache

from prep.corpus.arrow.columns import Bytes
from prep.corpus.text.utf8 import code_point_table
from prep.corpus.text.words import SPACE, WHITE_SPACE

# Flags in a byte of the table, beside SPACE.
PUNCTUATION = 0x01
TERMINAL = 0x02
DECIMAL = 0x04
UPPER = 0x08

# Khmer's three marks end no sentence by Unicode, but lines by FineWeb.
_TERMINAL_MARKS = r"\p{Sentence_Terminal}\u17d6\u17d9\u17da"
_ASCII_MARKS = r"\x00-\x08\x0b-\x1f!-/:-@\[-`{-\x9f"
_OTHER_MARKS = "«´»–—’“”„…∶━►、。〈-》「」【】！％（），．：；？～"


@cache
def character_table() -> Bytes:
    """Return the flags of each code point (uint8; read-only).

    Punctuation follows the list that CCNet (Wenzek et al. 2020) made for web text and FineWeb took over, without the
    full-width digit one that slipped into it, and with all terminal marks. Terminal marks have the property
    Sentence_Terminal.
    """
    return code_point_table(
        [
            (f"[{_ASCII_MARKS}{_OTHER_MARKS}{_TERMINAL_MARKS}]", PUNCTUATION),
            (f"[{_TERMINAL_MARKS}]", TERMINAL),
            (r"\p{Nd}", DECIMAL),
            (r"\p{Uppercase}", UPPER),
            (WHITE_SPACE, SPACE),
        ]
    )
