"""Training byte-level BPE (Sennrich et al. 2016; on bytes, Radford et al. 2019).

From the 256 bytes on, the pair of neighbouring tokens that is most frequent in the sample becomes a token, again and
again. Ties go to the pair of the smaller ids. A pair must occur twice: what occurs once is no pattern. The merges are
those of `tokenizers`, and of any smaller vocabulary the first of them.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.errors import RunError
from prep.tokenizers.encoding.byte_level import ALPHABET, CONTROL, pre_tokenizer, to_bytes, to_characters
from prep.tokenizers.string_table_kernels import Counts, count_strings, new_table, with_bytes
from prep.tokenizers.training.counts import CountedPretokens
from prep.tokenizers.training.merge_kernels import Tokens, learn_merges

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LEAST_OCCURRENCES = 2
BYTES = tuple(to_bytes(character) for character in ALPHABET)
"""The bytes in the order of their ids."""


class Merge(NamedTuple):
    """Two tokens that become one."""

    left: bytes
    right: bytes


def train_bpe(
    pretokens: CountedPretokens, sizes: Sequence[int], pattern: str, control: Sequence[str] = CONTROL
) -> "list[Tokenizer]":
    """Train a tokenizer for each number of tokens, control tokens included, on pretokens that the pattern has cut.

    Raises RunError where the pretokens do not hold so many.
    """
    merges = _learn_apart(pretokens, max(sizes) - len(control) - len(BYTES), control)
    tokens = [*BYTES, *dict.fromkeys(merge.left + merge.right for merge in merges)]
    largest = len(control) + len(tokens)
    if largest < max(sizes):
        raise RunError(
            f"the sample is too small for a vocabulary of {max(sizes)}: it holds at most {largest} tokens that occur "
            f"twice; set vocabulary to {largest} or less, or give more text"
        )
    tokenizers = []
    for size in sizes:
        known = set(tokens[: size - len(control)])
        first = takewhile(lambda merge: merge.left + merge.right in known, merges)  # noqa: B023 - used at once
        tokenizers.append(tokenizer_of(list(first), pattern, control))
    return tokenizers


def _learn_apart(pretokens: CountedPretokens, wanted: int, control: Sequence[str]) -> list[Merge]:
    """Return merges that make `wanted` tokens, none of them a control token, which text must not become."""
    reserved = {token.encode() for token in control}
    more = 0
    while True:
        learnt = learn(pretokens, wanted + more)
        known, merges = set(BYTES), []
        for merge in learnt:
            made = merge.left + merge.right
            if made not in reserved and known.issuperset(merge):
                known.add(made)
                merges.append(merge)
        missing = wanted - (len(known) - len(BYTES))
        left_out = len({merge.left + merge.right for merge in learnt} - known)
        if missing <= 0 or left_out <= more:
            return merges
        more = left_out


def learn(pretokens: CountedPretokens, wanted: int) -> list[Merge]:
    """Return the merges that make `wanted` tokens beyond the bytes, fewer where the pretokens hold no more."""
    numbers = np.argsort(np.frombuffer(b"".join(BYTES), np.uint8)).astype(np.int32)
    return continue_learning(numbers[pretokens.data], pretokens.offsets, pretokens.counts, BYTES, wanted)


def continue_learning(
    tokens: Tokens, offsets: Offsets, counts: Counts, known: Sequence[bytes], wanted: int
) -> list[Merge]:
    """Return the merges that make `wanted` tokens beyond the known ones.

    Pretoken i is written as `tokens[offsets[i]:offsets[i + 1]]`, which are numbers of known tokens.
    """
    table = new_table(1 << (len(known) + max(wanted, 0)).bit_length(), 1 << 16)
    data, bounds = string_buffers(pa.array(known, pa.large_binary()))
    table = with_bytes(table, len(data))
    count_strings(table, data, bounds, np.zeros(1, np.int64), 0)
    merges, table = learn_merges(tokens, offsets, counts, table, wanted, LEAST_OCCURRENCES)
    made = [table.data[table.offsets[token] : table.offsets[token + 1]].tobytes() for token in range(table.size[0])]
    return [Merge(made[left], made[right]) for left, right, _ in merges.tolist()]


def tokenizer_of(merges: Sequence[Merge], pattern: str, control: Sequence[str] = CONTROL) -> "Tokenizer":
    """Return the tokenizer that these merges make: control tokens first, then bytes, then a token for each merge."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    pairs = [(to_characters(left), to_characters(right)) for left, right in merges]
    ids = {token: index for index, token in enumerate((*control, *ALPHABET))}
    for left, right in pairs:
        ids.setdefault(left + right, len(ids))
    tokenizer = Tokenizer(models.BPE(ids, pairs))
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer
