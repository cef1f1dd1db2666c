"""The script of each text, and texts without capitals, as numba kernels over UTF-8 bytes. Cost: O(bytes)."""

from functools import cache

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import inner, kernel
from prep.corpus.text.utf8 import code_point_table, decode, write_code_point

SCRIPTS = (
    *("Zyyy", "Latn", "Cyrl", "Grek", "Arab", "Hebr", "Hani", "Hira", "Kana", "Hang", "Thai", "Laoo", "Khmr", "Mymr"),
    *("Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Tibt", "Geor", "Armn", "Ethi"),
    *("Mong", "Cher", "Cans", "Thaa", "Syrc", "Tfng", "Nkoo", "Vaii", "Yiii", "Bopo", "Java", "Bali", "Sund", "Bugi"),
    *("Tglg", "Lana", "Talu", "Tale", "Olck", "Mtei", "Cakm", "Limb", "Lepc", "Copt", "Goth", "Runr", "Ogam", "Adlm"),
    *("Rohg", "Hmnp", "Nagm", "Jpan", "Kore"),
)
"""Scripts by number (ISO 15924); 0: no letters. The last two are made of others: Jpan of Hani, Hira and Kana; Kore of
Hang and Hani."""
_HANI, _HIRA, _KANA, _HANG, _BOPO, _JPAN, _KORE = (
    SCRIPTS.index(name) for name in ("Hani", "Hira", "Kana", "Hang", "Bopo", "Jpan", "Kore")
)
_KANA_SHARE = 0.02
"""Share of kana among Han and kana from which on they are Japanese."""

Numbers = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@cache
def script_table() -> Bytes:
    """Return the number of each letter's script (uint8, one per code point; read-only); 0 for what is no letter."""
    single = SCRIPTS[1:_JPAN]
    return code_point_table([(rf"[\p{{Script={name}}}&&\p{{L}}]", number) for number, name in enumerate(single, 1)])


@kernel
def find_scripts(data: Bytes, offsets: Offsets, table: Bytes) -> tuple[Numbers, Floats, npt.NDArray[np.int64]]:
    """Return the script that most letters of each text have, their share of its letters (NaN for none), and these."""
    rows = len(offsets) - 1
    found = np.zeros(rows, np.int32)
    shares = np.full(rows, np.nan)
    letters = np.zeros(rows, np.int64)
    counts = np.zeros(len(SCRIPTS), np.int64)
    for row in range(rows):
        counts[:] = 0
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            code, at = decode(data, at, end)
            counts[table[code]] += 1
        counts[0] = 0
        total = counts.sum()
        _join(counts)
        if total:
            found[row] = counts.argmax()
            shares[row] = counts[found[row]] / total
            letters[row] = total
    return found, shares, letters


@inner
def _join(counts: npt.NDArray[np.int64]) -> None:
    """Count the letters of scripts that are written together as one script."""
    kana = counts[_HIRA] + counts[_KANA]
    if kana and kana >= _KANA_SHARE * (kana + counts[_HANI]):
        counts[_JPAN] = kana + counts[_HANI]
        counts[_HANI] = counts[_HIRA] = counts[_KANA] = 0
    elif counts[_HANG] > counts[_HANI]:
        counts[_KORE] = counts[_HANG] + counts[_HANI]
        counts[_HANI] = counts[_HANG] = 0
    else:
        counts[_HANI] += counts[_BOPO]
        counts[_BOPO] = 0


@kernel
def fold_capitals(
    data: Bytes, offsets: Offsets, table: Bytes, lower: npt.NDArray[np.int32], share: float
) -> tuple[Bytes, Offsets]:
    """Return the texts, those in lower case in which more than a share of the letters are capitals.

    Takes `lower_table`. A letter in lower case takes at most one byte more.
    """
    size = offsets[-1] - offsets[0]
    written = np.empty(size + size // 2 + 8, np.uint8)
    written_offsets = np.zeros(len(offsets), np.int64)
    to = 0
    for row in range(len(offsets) - 1):
        capitals = letters = 0
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            code, at = decode(data, at, end)
            capitals += lower[code] != code
            letters += table[code] != 0
        at = offsets[row]
        if capitals > share * letters:
            while at < end:
                code, at = decode(data, at, end)
                to = write_code_point(written, to, int(lower[code]))
        else:
            for place in range(at, end):
                written[to] = data[place]
                to += 1
        written_offsets[row + 1] = to
    return written[:to].copy(), written_offsets
