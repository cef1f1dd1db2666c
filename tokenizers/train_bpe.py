"""Training byte-level BPE (Sennrich et al. 2016; on bytes, Radford et al. 2019).

From the 256 bytes on, the pair of neighbouring tokens that is most frequent in the sample becomes a token, again and
again. Ties go to the pair of the smaller ids. A pair must occur twice: what occurs once is no pattern.

`tokenizers` is the reference. `gigatoken` finds the same merges in a third of its time, but knows the pattern of GPT-2
alone, prints to the terminal and goes on with pairs that never occur when the sample is used up. It therefore runs in
a process of its own, and where its last token does not occur twice in the sample, the reference decides.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from prep.corpus.columns import string_buffers
from prep.corpus.errors import RunError
from prep.corpus.storage import atomic_output
from prep.tokenizers.byte_level import ALPHABET, CONTROL, PreTokenizerName, pre_tokenizer, to_bytes, to_characters
from prep.tokenizers.engines import GigatokenEngine
from prep.tokenizers.gigatoken_merges import DOCUMENT_END

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Merges = Sequence[tuple[bytes, bytes]]

FIXED = len(CONTROL) + len(ALPHABET)
"""Tokens of every vocabulary: the control tokens and the bytes."""
LEAST_OCCURRENCES = 2
CHECKED_AT_ONCE = 1000
"""Documents."""

logger = logging.getLogger(__name__)


def train_bpe(texts: pa.LargeStringArray, vocabulary: int, pattern: PreTokenizerName, scratch: str) -> "Tokenizer":
    """Train a tokenizer of `vocabulary` tokens. Writes to the local folder `scratch`.

    Raises RunError where the texts do not hold so many.
    """
    wanted = vocabulary - FIXED
    if pattern == "gpt2":
        tokenizer = tokenizer_of(gigatoken_merges(texts, wanted, scratch), pattern)
        if tokenizer.get_vocab_size() == vocabulary and _last_token_occurs(tokenizer, texts):
            return tokenizer
    tokenizer = tokenizer_of(reference_merges(texts, wanted, pattern), pattern)
    largest = tokenizer.get_vocab_size()
    if largest < vocabulary:
        raise RunError(
            f"the sample is too small for a vocabulary of {vocabulary}: it holds at most {largest} tokens that occur "
            f"twice; set vocabulary to {largest} or less, or give more text"
        )
    return tokenizer


def tokenizer_of(merges: Merges, pattern: PreTokenizerName) -> "Tokenizer":
    """Return the tokenizer that these merges make: control tokens first, then bytes, then a token for each merge."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    pairs = [(to_characters(left), to_characters(right)) for left, right in merges]
    ids = {token: index for index, token in enumerate((*CONTROL, *ALPHABET))}
    for left, right in pairs:
        ids.setdefault(left + right, len(ids))
    tokenizer = Tokenizer(models.BPE(ids, pairs))
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    return tokenizer


def reference_merges(texts: pa.LargeStringArray, count: int, pattern: PreTokenizerName) -> Merges:
    """Return the merges that `tokenizers` finds, fewer than `count` where the texts hold no more."""
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    trainer = trainers.BpeTrainer(
        vocab_size=len(ALPHABET) + count,
        min_frequency=LEAST_OCCURRENCES,
        initial_alphabet=list(ALPHABET),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.as_py() for text in texts), trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(to_bytes(left), to_bytes(right)) for left, right in merges]


def gigatoken_merges(texts: pa.LargeStringArray, count: int, scratch: str) -> Merges:
    """Return the merges that `gigatoken` finds with GPT-2's pattern; none, with a warning, where it fails."""
    sample, result = Path(scratch, "texts.bin"), Path(scratch, "merges.json")
    data, offsets = string_buffers(texts)
    with atomic_output(str(sample)) as sink:
        for start, end in pairwise(offsets):
            sink.write(data[start:end].data)
            sink.write(DOCUMENT_END)
    module = ["-P", "-m", "prep.tokenizers.gigatoken_merges"]  # -P: not from the current folder
    command = [sys.executable, *module, str(sample), str(count), str(result)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        logger.warning("gigatoken failed, tokenizers trains instead: %s", done.stderr.strip()[-500:])
        return ()
    pairs = json.loads(result.read_bytes())
    return [(left.encode("latin-1"), right.encode("latin-1")) for left, right in pairs]


def _last_token_occurs(tokenizer: "Tokenizer", texts: pa.LargeStringArray) -> bool:
    """Say whether the last token occurs often enough; no later merge takes it in, so encoding shows all of it."""
    engine, last = GigatokenEngine(tokenizer.to_str()), tokenizer.get_vocab_size() - 1
    seen = 0
    for start in range(0, len(texts), CHECKED_AT_ONCE):
        ids = engine.encode(*string_buffers(texts.slice(start, CHECKED_AT_ONCE)))[1]
        seen += int(np.count_nonzero(ids == last))
        if seen >= LEAST_OCCURRENCES:
            return True
    return False
