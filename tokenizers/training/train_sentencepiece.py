"""Training with sentencepiece: BPE (Sennrich et al. 2016) and the unigram model (Kudo 2018).

Text is taken as it is: no normalisation, no space put before it, white space kept. What the vocabulary lacks is
written in tokens for single bytes, so every text comes back from its ids, except for one character: U+2581, which
sentencepiece uses for the space and which comes back as a space. The space itself is always in the vocabulary, however
rare: its bytes would come back as U+2581.

Training the unigram model adds up floating-point numbers thread by thread, so the number of threads decides the last
bits. It is therefore fixed; a machine with fewer processors shares the threads among them. The scores of the trained
model are then made exact (`prep.tokenizers.saving.sentencepiece_model`).
"""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pyarrow as pa

from prep.corpus.errors import RunError
from prep.tokenizers.saving.sentencepiece_model import SPACE, with_exact_scores

Algorithm = Literal["bpe", "unigram"]

UNKNOWN, BEGIN, SEPARATOR, PADDING = "<unk>", "<s>", "</s>", "<pad>"
CONTROL = (UNKNOWN, BEGIN, SEPARATOR, PADDING)
"""The control tokens in the order of their ids: names and ids are the library's own, but for the padding's id."""
THREADS = 16
BYTE_NAMES = "<0x123456789ABCDEF>"
"""The characters in the names of tokens for single bytes."""
LONGEST_TEXT = 1 << 30
"""Bytes; the library skips longer ones, and takes no higher limit."""

_TOO_HIGH = re.compile(r"Vocabulary size too high .*<= (\d+)")
_TOO_LOW = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def train_sentencepiece(
    texts: Iterable[pa.Array],
    vocabulary: int,
    algorithm: Algorithm,
    character_coverage: float,
    control: Sequence[str] = (),
    user_symbols: Sequence[str] = (),
    split_digits: bool = False,
) -> bytes:
    """Train a model of `vocabulary` tokens, these control tokens and symbols among them; return `tokenizer.model`.

    Spaces in symbols are those of the text. Raises RunError where the texts do not hold so many tokens, or more
    characters than the vocabulary has tokens for.
    """
    import sentencepiece

    model = io.BytesIO()
    symbols = [symbol.replace(" ", SPACE) for symbol in user_symbols]
    required = {SPACE, *("".join((*CONTROL, *control, BYTE_NAMES)) if algorithm == "unigram" else "")}
    wanted: dict[str, Any] = {
        "control_symbols": list(control),
        "user_defined_symbols": symbols,
        "split_digits": split_digits,
        "required_chars": "".join(sorted(required - {" ", *symbols})),
    }
    further = {name: value for name, value in wanted.items() if value}  # the model's file records what was set
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(text.as_py() for column in texts for text in column),
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
            **further,
            num_threads=THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _translated(str(error), vocabulary) from error
    return with_exact_scores(model.getvalue()) if algorithm == "unigram" else model.getvalue()


def _translated(message: str, vocabulary: int) -> RunError:
    if high := _TOO_HIGH.search(message):
        return RunError(
            f"the sample is too small for a vocabulary of {vocabulary}: it holds at most {high[1]} tokens; "
            f"set vocabulary to {high[1]} or less, or give more text"
        )
    if low := _TOO_LOW.search(message):
        return RunError(
            f"a vocabulary of {vocabulary} is too small for the characters of the sample, which take {low[1]} tokens; "
            f"set vocabulary to more than {low[1]}, or lower character_coverage"
        )
    return RunError(f"sentencepiece could not train on the sample: {message}")
