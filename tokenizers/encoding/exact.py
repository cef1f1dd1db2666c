"""Holds the fast engine to the reference's ids.

- When it is opened, both encode a probe, and later the beginning of the first texts that come. Where the ids differ,
  the reference encodes everything, and a warning says so.
- The two know different versions of Unicode, and cut byte-level text differently around letters that one of them does
  not know. Texts with a code point that Unicode has not assigned always go to the reference.

What a text's ids are never depends on the texts beside it.
"""

import logging
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.tokenizers.encoding.engines import Engine, Ids
from prep.tokenizers.encoding.pattern import PatternError
from prep.tokenizers.row_kernels import cut_rows, flagged_rows
from prep.tokenizers.training.unassigned import unassigned_table

PROBE = (
    "The cat's 1234 mats, don't they? We'LL see: x=3.14; y_1 != {a, b}\n\n\t  indented\r\n    again   \n",
    "L'été dernier, où étais-tu ? Straße, Ærø, naïve, e\u0301 İstanbul ﬁ CamelCase HTTPServer",
    "Привет, мир! Γειά σου Κόσμε 12½ שלום עולם مرحبا ١٢٣ हिन्दी ภาษาไทย",
    "中文，日本語のテキスト。한국어 １２３ 👩\u200d👩\u200d👧 🇩🇪 \u200b\u00a0\u2028\u3000\ufeff\x00\x7f",
    "<|endoftext|> <s></s><pad><unk> <0x41> \u2581 aaaaaaaaaaaa ------- ababababa",
)
"""Texts whose ids differ where libraries differ in scripts, letter case, spaces, digits or control tokens."""

logger = logging.getLogger(__name__)


def fast_or_reference(open_fast: Callable[[], Engine], reference: Engine) -> Engine:
    """Return the fast engine where it can be opened and gives the reference's ids on the probe."""
    data, offsets = string_buffers(pa.array(PROBE, pa.large_string()))
    try:
        fast = open_fast()
        if _same(fast.encode(data, offsets), reference.encode(data, offsets)):
            return CheckedEngine(fast, reference)
        reason = "its ids differ from the reference's"
    except (ImportError, RuntimeError, PatternError) as error:
        reason = f"{type(error).__name__}: {error}"
    logger.warning("no fast engine can encode for this tokenizer (%s); its own library does, more slowly", reason)
    return reference


class CheckedEngine:
    """The fast engine, compared with the reference on the first texts that come."""

    CHECKED_BYTES = 1 << 16

    def __init__(self, fast: Engine, reference: Engine) -> None:
        self.engine = fast
        """What encodes."""
        self._reference = reference
        self._checked = False

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        """Return where the ids of each text begin (rows + 1), and all ids."""
        if not self._checked and len(offsets) > 1:
            self._checked = True
            rows = max(1, int(np.searchsorted(offsets, offsets[0] + self.CHECKED_BYTES, side="right")) - 1)
            first = offsets[: rows + 1]
            if first[-1] - first[0] > self.CHECKED_BYTES:  # a single long text
                first = cut_rows(data, first[:-1], first[1:], self.CHECKED_BYTES)
                first = np.array([offsets[0], first[0]])
            if not _same(self.engine.encode(data, first), self._reference.encode(data, first)):
                logger.warning("the fast engine's ids differ from the reference's on this text, which encodes it all")
                self.engine = self._reference
        return self.engine.encode(data, offsets)


def _same(left: tuple[Offsets, Ids], right: tuple[Offsets, Ids]) -> bool:
    return np.array_equal(left[0], right[0]) and np.array_equal(left[1], right[1])


class ByteLevelEngine:
    """The fast engine for all texts but those with an unassigned code point, which go to the reference."""

    def __init__(self, fast: Engine, reference: Engine) -> None:
        self._fast = fast
        self._reference = reference

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        """Return where the ids of each text begin (rows + 1), and all ids."""
        encoded = self._fast.encode(data, offsets)
        damaged = np.flatnonzero(flagged_rows(data, offsets[:-1], offsets[1:], unassigned_table()))
        if not len(damaged):
            return encoded
        replacements = {int(row): self._reference.encode(data, offsets[row : row + 2])[1] for row in damaged}
        return _replace_rows(*encoded, replacements)


def _replace_rows(offsets: Offsets, ids: Ids, replacements: dict[int, Ids]) -> tuple[Offsets, Ids]:
    lengths = np.diff(offsets)
    pieces = []
    copied = 0
    for row, replacement in replacements.items():
        pieces += [ids[copied : offsets[row]], replacement]
        lengths[row] = len(replacement)
        copied = offsets[row + 1]
    return np.concatenate([[0], np.cumsum(lengths)]), np.concatenate([*pieces, ids[copied:]])
