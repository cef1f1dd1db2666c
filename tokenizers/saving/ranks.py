"""tiktoken's ranks and a tokenizer.json's merges, one turned into the other.

tiktoken merges the pair whose joined bytes have the lowest rank; a tokenizer.json lists the pairs. So every cut of a
token into two tokens is a pair, listed by the token's rank. The other way round, a token's rank is its id, where ids
were given in the order of the merges.
"""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ranks = Mapping[bytes, int]


def read_ranks(content: bytes) -> dict[bytes, int]:
    """Return the ranks of a `.tiktoken` file: a token in base64, a space and its rank on each line."""
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def merges_of_ranks(ranks: Ranks) -> list[tuple[bytes, bytes]]:
    """Return the pairs that are merged, in their order."""
    cuts = [
        (rank, ranks[token[:at]], ranks[token[at:]], token, at)
        for token, rank in ranks.items()
        for at in range(1, len(token))
        if token[:at] in ranks and token[at:] in ranks
    ]
    return [(token[:at], token[at:]) for _, _, _, token, at in sorted(cuts)]


def merges_in_order_of_ids(tokenizer: "Tokenizer") -> bool:
    """Say whether the ids of what the merges make rise with the merges, so that they can be ranks."""
    vocabulary = tokenizer.get_vocab()
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    made = [vocabulary["".join(pair)] for pair in merges]
    return made == sorted(made)
