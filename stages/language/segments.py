"""The share of each document that is in its own language, line by line.

A line with enough letters is identified by the engine and is the document's own where its code means the same; a
shorter one, which no engine is sure of, is where its script is the document's. Lines are weighted by their letters
(Burchell et al. 2025, "HPLT", section 3, identify languages by segments likewise).
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.stages.language.engines import Codes, Engine
from prep.stages.language.script_kernels import find_scripts, script_table
from prep.stages.shared.languages import related_codes

LETTERS = 30
"""Fewest letters of a line whose language is identified."""


def language_shares(
    texts: pa.LargeStringArray, codes: Codes, scripts: npt.NDArray[np.int32], engine: Engine
) -> npt.NDArray[np.float64]:
    """Return the share of each document's letters that stand in lines of its language; NaN without letters.

    `codes` are the documents' languages, `scripts` their scripts by number.
    """
    split = pc.split_pattern(texts, "\n")
    lines = pc.list_flatten(split)
    documents = pc.list_parent_indices(split).to_numpy()
    line_scripts, _, letters = find_scripts(*string_buffers(lines), script_table())
    own = line_scripts == scripts[documents]
    long = np.flatnonzero(letters >= LETTERS)
    identified = engine.identify(lines.take(pa.array(long))).codes
    for line, code in zip(long.tolist(), identified, strict=True):
        own[line] = _same(code, codes[documents[line]])
    total = np.bincount(documents, letters, len(texts))
    inside = np.bincount(documents, letters * own, len(texts))
    return np.where(total > 0, inside / np.maximum(total, 1), np.nan)


def _same(code: str | None, other: str | None) -> bool:
    return code == other or (code is not None and other is not None and other in related_codes(code))
