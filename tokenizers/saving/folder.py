"""A tokenizer's folder: the same ids for everyone who opens it.

tokenizer.json         `tokenizers`, and through it transformers' AutoTokenizer
tokenizer_config.json  what AutoTokenizer reads
ranks.tiktoken         tiktoken, with the options in tiktoken.json (byte-level BPE)
tokenizer.model        sentencepiece (sentencepiece kinds)
spiece.model           the same, under the name that AutoTokenizer looks for (where there is no tokenizer.json)
token_bytes.npy        how many bytes of text each token stands for (int32; 0 for control tokens)
card.json              how the tokenizer was made
"""

import base64
import hashlib
import io
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
import orjson

from prep.corpus.files.storage import join, write_bytes, write_json
from prep.tokenizers.encoding import byte_level
from prep.tokenizers.encoding.token_bytes import TokenBytes, byte_level_token_bytes, sentencepiece_token_bytes
from prep.tokenizers.saving.config import CONFIG, TEMPLATE, Existing, choose_separator, config_bytes
from prep.tokenizers.saving.ranks import merges_in_order_of_ids
from prep.tokenizers.saving.sentencepiece_json import as_tokenizer, can_be_converted
from prep.tokenizers.saving.sentencepiece_model import with_control

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_JSON = "tokenizer.json"
MODEL = "tokenizer.model"
TIKTOKEN = "ranks.tiktoken"
TIKTOKEN_OPTIONS = "tiktoken.json"
TOKEN_BYTES = "token_bytes.npy"
CARD = "card.json"

LIBRARIES = ("tokenizers", "sentencepiece", "gigatoken")

Files = Mapping[str, bytes]
"""Content by name."""


def byte_level_files(
    tokenizer: "Tokenizer",
    pattern: str,
    separator: str = "",
    padding: str = "",
    begin: str = "",
    existing: Existing | None = None,
) -> Files:
    """Return the files of a byte-level BPE tokenizer, without the card. Left out, the control tokens are our own."""
    separator, padding = separator or byte_level.SEPARATOR, padding or byte_level.PADDING
    token_bytes = byte_level_token_bytes(tokenizer)
    named = {"bos_token": begin or separator, "eos_token": separator, "pad_token": padding}
    if existing is not None and existing.names_any():
        named = {}
    files: dict[str, bytes] = {
        **(existing.files if existing is not None else {}),
        TOKENIZER_JSON: tokenizer.to_str(pretty=True).encode(),
        CONFIG: config_bytes("PreTrainedTokenizerFast", named, separator, padding, existing),
        TOKEN_BYTES: _token_lengths(token_bytes),
    }
    special = all(token.special for token in tokenizer.get_added_tokens_decoder().values())
    has_ranks = bool(pattern) and special and merges_in_order_of_ids(tokenizer)
    return {**files, **_tiktoken(tokenizer, token_bytes, pattern)} if has_ranks else files


def sentencepiece_files(
    model: bytes, file: str = MODEL, separator: str = "", existing: Existing | None = None
) -> Files:
    """Return the files of a sentencepiece model, without the card.

    Raises RunError where no token ends documents, or where tokens that its configuration adds do not follow its own.
    """
    from sentencepiece import SentencePieceProcessor

    if existing is not None:
        model = with_control(model, existing.added(), file)
    processor = SentencePieceProcessor(model_proto=model)
    ids = {"unk_token": processor.unk_id(), "bos_token": processor.bos_id(), "eos_token": processor.eos_id()}
    named = {name: processor.id_to_piece(index) for name, index in ids.items() if index >= 0}
    control = {processor.id_to_piece(index) for index in range(processor.vocab_size()) if processor.is_control(index)}
    eos = (existing.named("eos_token") if existing is not None else "") or named.get("eos_token", "")
    ending = choose_separator(file, control, eos, separator)
    pad = existing.named("pad_token") if existing is not None else ""
    if not pad and processor.pad_id() >= 0:
        pad = processor.id_to_piece(processor.pad_id())
    padding = pad if pad in control else ending
    fields = {**named, "eos_token": eos or ending, "pad_token": padding if existing is None or pad else None}
    files: dict[str, bytes] = {
        **(existing.files if existing is not None else {}),
        MODEL: model,
        TOKEN_BYTES: _token_lengths(sentencepiece_token_bytes(processor)),
    }
    if can_be_converted(model):
        converted = as_tokenizer(model).to_str(pretty=True).encode()
        config = config_bytes("PreTrainedTokenizerFast", fields, ending, padding, existing)
        return files | {TOKENIZER_JSON: converted, CONFIG: config}
    # The one class of transformers, in versions 4 and 5, that leaves text and ids to sentencepiece alone.
    config = config_bytes("BertGenerationTokenizer", {**fields, "sep_token": None}, ending, padding, existing)
    return files | {"spiece.model": model, CONFIG: config}


def _tiktoken(tokenizer: "Tokenizer", token_bytes: TokenBytes, pattern: str) -> Files:
    """Return the ranks, and what else `tiktoken.Encoding` takes."""
    control = {token.content: index for index, token in tokenizer.get_added_tokens_decoder().items()}
    ranks = [(token, index) for index, token in enumerate(token_bytes) if token]
    lines = [base64.b64encode(token) + b" %d\n" % index for token, index in ranks]
    options = {"pat_str": pattern, "special_tokens": control, "explicit_n_vocab": len(token_bytes)}
    return {TIKTOKEN: b"".join(lines), TIKTOKEN_OPTIONS: _json(options)}


def with_template(files: Files, template: bytes) -> Files:
    """Return a folder's files with a chat template, in place of another."""
    config = {name: value for name, value in orjson.loads(files[CONFIG]).items() if name != "chat_template"}
    return {**files, CONFIG: _json(config), TEMPLATE: template}


def write_folder(folder: str, files: Files, made: Mapping[str, object]) -> None:
    """Write the files and, last, the card: how the tokenizer was made, the files' hashes and libraries' versions."""
    for name, content in files.items():
        write_bytes(join(folder, name), content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    libraries = {library: _version(library) for library in LIBRARIES}
    write_json(join(folder, CARD), {**made, "sha256": hashes, "libraries": libraries})


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _token_lengths(token_bytes: TokenBytes) -> bytes:
    target = io.BytesIO()
    np.save(target, np.array([len(token) for token in token_bytes], np.int32))
    return target.getvalue()


def _version(library: str) -> str:
    """Return a library's version. Without gigatoken the others do its work, and the files are the same."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
