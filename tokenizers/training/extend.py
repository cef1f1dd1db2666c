"""Adds tokens to a byte-level BPE tokenizer for a new domain or language, so that a trained model can go on with it.

Old ids and old merges stay unchanged. Pretokens of the new text are written in the old tokens, and merging continues
from there as if training had not stopped: the most frequent pair becomes the next id. New merges come after all old
ones, so that text in which no new token occurs keeps its ids.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.bpe_engine import read_merges
from prep.tokenizers.encoding.bpe_engine_kernels import merge_pretokens
from prep.tokenizers.encoding.byte_level import pattern_of, to_bytes, to_characters
from prep.tokenizers.encoding.pattern import PatternError
from prep.tokenizers.encoding.pattern_automaton import compile_pattern
from prep.tokenizers.saving.config import CONFIG, TEMPLATE, Existing, padding_of, separator_of
from prep.tokenizers.saving.folder import TOKENIZER_JSON, Files, byte_level_files
from prep.tokenizers.training.counts import count
from prep.tokenizers.training.sample import Sample
from prep.tokenizers.training.train import BYTES_PER_PRETOKEN_BYTE
from prep.tokenizers.training.train_bpe import Merge, continue_learning

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def extend(files: Files, sample: Sample, more: int, memory: int = 2 << 30) -> Files:
    """Return the files of a tokenizer with `more` tokens, learnt from a sample.

    Raises RunError for a tokenizer that is not byte-level BPE cut by one pattern, and for a sample that is too small.
    """
    if TOKENIZER_JSON not in files:
        raise RunError("only byte-level BPE can be extended; this tokenizer has no tokenizer.json")
    content = json.loads(files[TOKENIZER_JSON])
    pattern = pattern_of(content["pre_tokenizer"])
    try:
        compile_pattern(pattern)
    except PatternError as error:
        raise RunError(f"text is cut in a way that cannot be learnt from: {error}") from error
    config = json.loads(files[CONFIG])
    merges = _learn(content, pattern, sample, more, memory)
    extended = with_merges(content, merges)
    kept = {name: files[name] for name in (TEMPLATE,) if name in files}
    existing = Existing(config, kept)
    return byte_level_files(extended, pattern, separator_of(config), padding_of(config), existing=existing)


def _learn(content: dict[str, Any], pattern: str, sample: Sample, more: int, memory: int) -> list[Merge]:
    """Return merges that make `more` tokens that the vocabulary lacks."""
    control = {token["content"] for token in content["added_tokens"]}
    vocabulary = content["model"]["vocab"]
    tokens = sorted((token for token in vocabulary if token not in control), key=vocabulary.__getitem__)
    numbers = np.zeros(max(vocabulary.values()) + 1, np.int32)
    numbers[[vocabulary[token] for token in tokens]] = np.arange(len(tokens))
    pretokens, _ = count(sample.texts(), pattern, memory // BYTES_PER_PRETOKEN_BYTE)
    bounds, ids = merge_pretokens(pretokens.data, pretokens.offsets, read_merges(json.dumps(content)))
    known = [to_bytes(token) for token in tokens]
    merges = continue_learning(numbers[ids], bounds, pretokens.counts, known, more)
    made = {merge.left + merge.right for merge in merges} - set(known)
    if len(made) < more:
        raise RunError(
            f"the sample is too small for {more} tokens more: it holds at most {len(made)} that occur twice; "
            f"ask for {len(made)} or less, or give more text"
        )
    return merges


def with_merges(content: dict[str, Any], merges: Sequence[Merge]) -> "Tokenizer":
    """Return the tokenizer of a tokenizer.json with further merges, what they make having the next ids."""
    from tokenizers import Tokenizer

    pairs = [[to_characters(merge.left), to_characters(merge.right)] for merge in merges]
    model = content["model"]
    vocabulary = dict(model["vocab"])
    following = 1 + max([*vocabulary.values(), *(token["id"] for token in content["added_tokens"])])
    for left, right in pairs:
        if left + right not in vocabulary:
            vocabulary[left + right] = following
            following += 1
    extended = {**model, "vocab": vocabulary, "merges": [*model["merges"], *pairs]}
    return Tokenizer.from_str(json.dumps({**content, "model": extended}))
