"""Training with sentencepiece: BPE (Sennrich et al. 2016) and the unigram model (Kudo 2018).

Text is taken as it is: no normalisation, no space put before it, white space kept. What the vocabulary lacks is
written in tokens for single bytes, so every text comes back from its ids, but for one character: U+2581, which
sentencepiece uses for the space.

The unigram model adds up floating-point numbers thread by thread, so that the number of threads decides its last bits.
It is therefore always the same; a machine with fewer processors shares them.
"""

import io
import re
from typing import Literal

import pyarrow as pa

from prep.corpus.errors import RunError

Algorithm = Literal["bpe", "unigram"]

UNKNOWN, BEGIN, SEPARATOR, PADDING = "<unk>", "<s>", "</s>", "<pad>"
CONTROL = (UNKNOWN, BEGIN, SEPARATOR, PADDING)
"""The control tokens in the order of their ids: names and ids are the library's own, but for the padding's id."""
FIXED = len(CONTROL) + 256
"""Tokens of every vocabulary: the control tokens and the bytes."""
THREADS = 16
LONGEST_TEXT = 1 << 30
"""Bytes; the library skips longer ones, and takes no higher limit."""

_TOO_HIGH = re.compile(r"Vocabulary size too high .*<= (\d+)")
_TOO_LOW = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def train_sentencepiece(
    texts: pa.LargeStringArray, vocabulary: int, algorithm: Algorithm, character_coverage: float
) -> bytes:
    """Train a model of `vocabulary` tokens and return the bytes of `tokenizer.model`.

    Raises RunError where the texts do not hold so many tokens, or more characters than the vocabulary has room for.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(text.as_py() for text in texts),
            model_writer=model,
            model_type=algorithm,
            vocab_size=vocabulary,
            character_coverage=character_coverage,
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=LONGEST_TEXT,
            pad_id=CONTROL.index(PADDING),
            num_threads=THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _translated(str(error), vocabulary) from error
    return model.getvalue()


def _translated(message: str, vocabulary: int) -> RunError:
    if high := _TOO_HIGH.search(message):
        return RunError(
            f"the sample is too small for a vocabulary of {vocabulary}: it holds at most {high[1]} tokens; "
            f"set vocabulary to {high[1]} or less, or give more text"
        )
    if low := _TOO_LOW.search(message):
        return RunError(
            f"a vocabulary of {vocabulary} has no room for the characters of the sample, which take {low[1]} tokens; "
            f"set vocabulary to more than {low[1]}, or lower character_coverage"
        )
    return RunError(f"sentencepiece could not train on the sample: {message}")
