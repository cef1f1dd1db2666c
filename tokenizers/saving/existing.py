"""Tokenizers that others made, as the files of a tokenizer's folder: the ids stay what they are.

    tokenizer.json                     byte-level BPE, as `tokenizers` and transformers write it
    *.model                            sentencepiece
    *.tiktoken                         tiktoken's ranks; the pattern is known by the name, or given by the caller
    encoder.json and vocab.bpe         GPT-2's files, also under the names vocab.json and merges.txt

A folder is searched for these, a `.model` first.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prep.corpus.errors import RunError
from prep.corpus.files.storage import exists, expand, join, open_input
from prep.tokenizers.encoding.byte_level import (
    CHARACTERS,
    PATTERNS,
    SEPARATOR,
    pattern_of,
    pre_tokenizer,
    to_characters,
)
from prep.tokenizers.encoding.encode import Tokenizer, open_files, open_tokenizer
from prep.tokenizers.saving.config import Existing, choose_separator, read_existing
from prep.tokenizers.saving.folder import CARD, Files, byte_level_files, sentencepiece_files
from prep.tokenizers.saving.ranks import merges_of_ranks, read_ranks

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

_GPT2 = {"encoder.json": "vocab.bpe", "vocab.json": "merges.txt"}
"""Where the merges of a vocabulary lie."""


class Published(NamedTuple):
    """What a file of ranks does not say."""

    pattern: str
    control: Mapping[str, int]


_FILL = {"<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276}
PUBLISHED: Mapping[str, Published] = {
    "r50k_base": Published(PATTERNS["gpt2"], {SEPARATOR: 50256}),
    "cl100k_base": Published(PATTERNS["llama3"], {SEPARATOR: 100257, **_FILL}),
    "o200k_base": Published(PATTERNS["o200k"], {SEPARATOR: 199999, "<|endofprompt|>": 200018}),
}
"""By the name of the file."""


def find_existing(path: str) -> str:
    """Return the file that defines a tokenizer: the path itself, or the file in that folder.

    Raises RunError where there is none.
    """
    files = expand(path)
    for wanted in (".model", "/tokenizer.json", ".tiktoken", *(f"/{name}" for name in _GPT2)):
        for file in files:
            if f"/{file}".endswith(wanted):
                return file
    kinds = "tokenizer.json, *.model, *.tiktoken, or encoder.json with vocab.bpe"
    raise RunError(f"{path}: there is no tokenizer; expected {kinds}")


def existing_files(path: str, pattern: str = "", separator: str = "") -> Files:
    """Return the files of the folder of an existing tokenizer, without the card.

    `pattern` is for ranks whose file has no published name; `separator` names the control token that ends documents;
    left out, `choose_separator` does. Raises RunError for what cannot be used.
    """
    file = find_existing(path)
    existing = read_existing(file)
    if file.endswith(".model"):
        return sentencepiece_files(_read(file), file, separator, existing)
    if file.endswith(".tiktoken"):
        name = Path(file).name.removesuffix(".tiktoken")
        known = PUBLISHED.get(name, Published(pattern, {}))
        if not known.pattern:
            raise RunError(f"{file}: ranks do not say how text is cut; set pre_tokenizer or pattern")
        tokenizer, pattern = _from_ranks(read_ranks(_read(file)), known, separator), known.pattern
    elif file.endswith("/tokenizer.json"):
        tokenizer, pattern = _from_json(file)
    else:
        tokenizer, pattern = _from_gpt2(file), PATTERNS["gpt2"]
    _add_control(tokenizer, existing, file)
    control = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    chosen = choose_separator(file, control, existing.named("eos_token"), separator)
    padding = existing.named("pad_token")
    padding = padding if padding in control else chosen
    return byte_level_files(tokenizer, pattern, chosen, padding, existing=existing)


def _add_control(tokenizer: "HuggingFaceTokenizer", existing: Existing, file: str) -> None:
    """Add the control tokens of the configuration that the tokenizer's own file lacks, under their ids."""
    from tokenizers import AddedToken

    for index, token in sorted(existing.added().items()):
        if tokenizer.token_to_id(token) is None:
            following = tokenizer.get_vocab_size(with_added_tokens=True)
            if index != following:
                raise RunError(f"{file}: the configuration adds {token!r} with the id {index}; expected {following}")
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
    for field in ("bos_token", "eos_token", "pad_token"):
        token = existing.named(field)
        if token and tokenizer.token_to_id(token) is None:
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])


def open_any(path: str, pattern: str = "", separator: str = "") -> Tokenizer:
    """Open a folder that `prep` wrote, or any other tokenizer that `existing_files` takes."""
    if exists(join(path, CARD)):
        return open_tokenizer(path)
    return open_files(existing_files(path, pattern, separator))


def _from_ranks(ranks: dict[bytes, int], known: Published, separator: str) -> "HuggingFaceTokenizer":
    control = dict(known.control or {separator or SEPARATOR: max(ranks.values()) + 1})
    ids = {to_characters(token): rank for token, rank in ranks.items()} | control
    taken = set(ids.values())
    unused = {f"<|reserved_{index}|>": index for index in range(max(taken)) if index not in taken}
    merges = [(to_characters(left), to_characters(right)) for left, right in merges_of_ranks(ranks)]
    return _byte_level(ids | unused, merges, known.pattern, control | unused)


def _from_gpt2(file: str) -> "HuggingFaceTokenizer":
    path = Path(file)
    ids = json.loads(_read(file))
    lines = _read(str(path.with_name(_GPT2[path.name]))).decode().splitlines()
    parts = (line.partition(" ") for line in lines if line and not line.startswith("#version"))
    merges = [(left, right) for left, _, right in parts]
    return _byte_level(ids, merges, PATTERNS["gpt2"], {SEPARATOR: ids[SEPARATOR]})


def _byte_level(
    ids: Mapping[str, int], merges: Sequence[tuple[str, str]], pattern: str, control: Mapping[str, int]
) -> "HuggingFaceTokenizer":
    from tokenizers import AddedToken, Tokenizer, decoders, models

    tokenizer = Tokenizer(models.BPE(dict(ids), merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    in_order = sorted(control, key=control.__getitem__)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in in_order])
    return tokenizer


def _from_json(file: str) -> tuple["HuggingFaceTokenizer", str]:
    """Return the tokenizer and its pattern; no pattern where text is cut in a way that no single pattern says."""
    from tokenizers import Tokenizer

    content = json.loads(_read(file))
    vocabulary = content["model"].get("vocab", {})
    if content["model"].get("type") != "BPE" or not all(character in vocabulary for character in CHARACTERS):
        raise RunError(
            f"{file}: not byte-level BPE, whose vocabulary holds all bytes; use the tokenizer's .model, or another one"
        )
    return Tokenizer.from_str(json.dumps(content)), pattern_of(content["pre_tokenizer"])


def _read(file: str) -> bytes:
    with open_input(file) as source:
        return source.read()
