"""Code points that Unicode has not assigned.

Libraries know Unicode in different versions: a code point that one takes for a letter is nothing to another, and the
two cut the text around it differently. Text that people wrote holds hardly any; damaged text does.

Unassigned is what the tables of this Python call so. They are older than those of the libraries, so that their
differences lie among these code points (held by a test over all of them).
"""

import unicodedata
from functools import cache

import numpy as np

from prep.corpus.text.utf8 import CODE_POINTS
from prep.tokenizers.row_kernels import Flags


@cache
def unassigned_table() -> Flags:
    """Return whether each code point is unassigned (bool; read-only)."""
    table = np.fromiter((unicodedata.category(chr(code)) == "Cn" for code in range(CODE_POINTS)), np.bool_, CODE_POINTS)
    table.flags.writeable = False
    return table
