"""Encodes byte-level BPE with numba kernels, for any pattern that `prep.tokenizers.encoding.pattern` accepts.

`gigatoken` is faster but knows only published patterns; this engine serves patterns of the user's own at about 60 MB/s,
where `tokenizers` reaches 2. Where a tokenizer maps a pretoken that is a token straight to its id (`ignore_merges`, as
tiktoken does), all tokens are entered in the table from the start.
"""

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.tokenizers.encoding.bpe_engine_kernels import (
    Ids,
    MergeTable,
    look_up,
    merge_pretokens,
    merge_table,
    number_pretokens,
)
from prep.tokenizers.encoding.byte_level import CHARACTERS, pattern_of, to_bytes
from prep.tokenizers.encoding.cutting_kernels import cut
from prep.tokenizers.encoding.pattern_automaton import compile_pattern
from prep.tokenizers.string_table_kernels import StringTable, copy_strings, new_table

_FIRST_STRINGS, _FIRST_BYTES = 1 << 12, 1 << 16


def read_merges(tokenizer_json: str) -> MergeTable:
    """Return the merges of a tokenizer.json."""
    model = json.loads(tokenizer_json)["model"]
    ids = model["vocab"]
    rows = [(ids[left], ids[right], ids[left + right]) for left, right in model["merges"]]
    byte_tokens = np.array([ids[character] for character in CHARACTERS], np.int32)
    return merge_table(np.array(rows, np.int32).reshape(-1, 3), byte_tokens)


class BPEEngine:
    """Caches the ids of the pretokens seen so far, in bounded memory."""

    MOST_BYTES = 64 << 20
    """When the cached pretokens take more, the cache is emptied."""

    def __init__(self, tokenizer_json: str) -> None:
        """Raises RuntimeError or PatternError for a tokenizer that does more than cut by a pattern and merge."""
        content = json.loads(tokenizer_json)
        pattern = pattern_of(content["pre_tokenizer"])
        if content["normalizer"] or not pattern:
            raise RuntimeError("text is changed, or cut by more than one pattern")
        self._cutter = compile_pattern(pattern)
        self._merges = read_merges(tokenizer_json)
        control = {token["content"] for token in content["added_tokens"]}
        whole = content["model"]["vocab"] if content["model"]["ignore_merges"] else {}
        self._whole = {to_bytes(token): index for token, index in whole.items() if token not in control}
        self._begin()

    def _begin(self) -> None:
        self._table = new_table(_FIRST_STRINGS, _FIRST_BYTES)
        self._number(*string_buffers(pa.array(list(self._whole), pa.large_binary())))
        self._bounds = np.arange(len(self._whole) + 1)
        self._tokens = np.array(list(self._whole.values()), np.int32)

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        """Return where the ids of each text begin (rows + 1), and all ids."""
        if self._table.offsets[self._table.size[0]] > self.MOST_BYTES:
            self._begin()
        bounds = cut(data, offsets, self._cutter)
        numbers = self._number(data, bounds)
        self._merge_new()
        starts, ids = look_up(numbers, self._bounds, self._tokens)
        return starts[np.searchsorted(bounds, offsets)], ids

    def _number(self, data: Bytes, bounds: Offsets) -> npt.NDArray[np.int64]:
        """Return the number of each pretoken, adding new ones."""
        numbers = np.empty(len(bounds) - 1, np.int64)
        done = 0
        while (done := number_pretokens(self._table, data, bounds, done, numbers)) < len(numbers):
            self._table = _grown(self._table, int(bounds[done + 1] - bounds[done]))
        return numbers

    def _merge_new(self) -> None:
        """Find the tokens of the pretokens that have none yet."""
        known, size = len(self._bounds) - 1, int(self._table.size[0])
        if size > known:
            bounds, tokens = merge_pretokens(self._table.data, self._table.offsets[known : size + 1], self._merges)
            self._bounds = np.concatenate([self._bounds, self._bounds[-1] + bounds[1:]])
            self._tokens = np.concatenate([self._tokens, tokens])


def _grown(table: StringTable, wanted: int) -> StringTable:
    """Return the table with twice the capacity, and at least `wanted` bytes more."""
    grown = new_table(2 * len(table.counts), 2 * (len(table.data) + wanted))
    copy_strings(table, 0, grown)
    return grown
