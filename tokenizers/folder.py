"""A tokenizer's folder: the same ids for everyone who opens it.

tokenizer.json         `tokenizers`, and through it transformers' AutoTokenizer
tokenizer_config.json  what AutoTokenizer wants to know
tokenizer.model        sentencepiece (sentencepiece kinds)
spiece.model           the same, under the name that AutoTokenizer looks for (unigram, which has no tokenizer.json)
token_bytes.npy        how many bytes of text each token stands for (int32; 0 for control tokens)
card.json              how the tokenizer was made
"""

import hashlib
import io
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
import orjson

from prep.corpus.storage import join, write_bytes, write_json
from prep.tokenizers import byte_level, train_sentencepiece
from prep.tokenizers.pieces import Pieces, byte_level_pieces, sentencepiece_pieces
from prep.tokenizers.sentencepiece_json import as_tokenizer
from prep.tokenizers.train_sentencepiece import Algorithm

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_JSON = "tokenizer.json"
MODEL = "tokenizer.model"
CONFIG = "tokenizer_config.json"
TOKEN_BYTES = "token_bytes.npy"
CARD = "card.json"

LIBRARIES = ("tokenizers", "sentencepiece", "gigatoken")

Files = Mapping[str, bytes]
"""Content by name."""


def byte_level_files(tokenizer: "Tokenizer") -> Files:
    """Return the files of a byte-level BPE tokenizer, without the card."""
    separator, padding = byte_level.CONTROL
    return {
        TOKENIZER_JSON: tokenizer.to_str(pretty=True).encode(),
        CONFIG: _config("PreTrainedTokenizerFast", bos_token=separator, eos_token=separator, pad_token=padding),
        TOKEN_BYTES: _token_bytes(byte_level_pieces(tokenizer)),
    }


def sentencepiece_files(model: bytes, algorithm: Algorithm) -> Files:
    """Return the files of a sentencepiece model, without the card."""
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_proto=model)
    unknown, begin, separator, padding = train_sentencepiece.CONTROL
    control = {"unk_token": unknown, "bos_token": begin, "eos_token": separator, "pad_token": padding}
    files = {MODEL: model, TOKEN_BYTES: _token_bytes(sentencepiece_pieces(processor))}
    if algorithm == "bpe":
        converted = as_tokenizer(processor).to_str(pretty=True).encode()
        return files | {TOKENIZER_JSON: converted, CONFIG: _config("PreTrainedTokenizerFast", **control)}
    # The one class of transformers, in versions 4 and 5, that leaves text and ids to sentencepiece alone.
    config = _config("BertGenerationTokenizer", **control, sep_token=separator)
    return files | {"spiece.model": model, CONFIG: config}


def write_folder(folder: str, files: Files, made: Mapping[str, object]) -> None:
    """Write the files and, last, the card: how the tokenizer was made, the files' hashes and libraries' versions."""
    for name, content in files.items():
        write_bytes(join(folder, name), content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    libraries = {library: _version(library) for library in LIBRARIES}
    write_json(join(folder, CARD), {**made, "sha256": hashes, "libraries": libraries})


def _config(tokenizer_class: str, **control: str) -> bytes:
    config = {"tokenizer_class": tokenizer_class, **control, "clean_up_tokenization_spaces": False}
    return orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _token_bytes(pieces: Pieces) -> bytes:
    target = io.BytesIO()
    np.save(target, np.array([len(piece) for piece in pieces], np.int32))
    return target.getvalue()


def _version(library: str) -> str:
    """Return a library's version. Without gigatoken the others do its work, and the files are the same."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
