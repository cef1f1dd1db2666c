"""Checks that everyone who opens a tokenizer's folder gets the same ids from it, before the folder is written.

The ids of the shards are compared with those of each library that the folder has files for (sentencepiece,
`tokenizers`, transformers, tiktoken; what is not installed is left out), on texts in which they are known to differ:
user symbols, names of control tokens, white space and line ends of all kinds, all scripts. Where the tokenizer gives
back every text, so must each library. Texts hold no unassigned code points, which libraries with different versions of
Unicode cut differently. Cost: about a second, and the libraries' imports.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.encode import Tokenizer, open_files
from prep.tokenizers.encoding.exact import PROBE
from prep.tokenizers.saving.config import CONFIG
from prep.tokenizers.saving.folder import MODEL, TIKTOKEN, TIKTOKEN_OPTIONS, TOKENIZER_JSON, Files
from prep.tokenizers.saving.sentencepiece_model import SPACE, user_symbols

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHOWN = 60
"""Characters of a text, and ids, that a message shows."""

LINE_ENDS = ("\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\n\n\n", "\r\n\r\n")
BLANKS = (" ", "\t", "\u00a0", "\u1680", "\u2003", "\u202f", "\u205f", "\u3000", "\u200b", "\u2060", "\ufeff", "\x00")
NAMES = "<s> </s> <unk> <0x0A> <0x4F> <pad> <|endoftext|> <|padding|> <|im_start|> <|reserved_0|> [UNK] \u2581"
MIXED = (
    *(
        "",
        " ",
        "  leading two",
        "trailing two  ",
        "a  b   c    d     e",
        "\t\tlead\ttabs\t",
        "\u2581start low\u2581line",
    ),
    *("e\u0301 vs \u00e9 \ufb01 \u2460 \u00bd", "12345 \u0969\u096a\u096b 1,234.56 0001", "\ud7ff\ue000\U0010fffd"),
    *("def f(x):\n    if x > 1:\n        return\tx\n\n\n", "don't DON'T we'll 'S 's' \u017f", "ab" * 300, "-" * 300),
)
EVERY = 64
"""Beyond U+3400, one code point in so many is looked at."""


class Library(NamedTuple):
    """A library that reads the folder."""

    encode: Callable[[str], Sequence[int]]
    decode: Callable[[Sequence[int]], str]


def check_identity(files: Files, symbols: Sequence[str] = (), texts: Sequence[str] = ()) -> dict[str, object]:
    """Compare the libraries' ids with those of the shards, on further texts too; return what was compared.

    `symbols` are strings that the tokenizer takes whole. Raises RunError with the text where an id differs, or where a
    text does not come back.
    """
    tokenizer = open_files(files)
    content = orjson.loads(files[TOKENIZER_JSON]) if TOKENIZER_JSON in files else None
    given_back = content is not None and _gives_back(content, MODEL in files)
    everything = list(dict.fromkeys([*hostile_texts((*symbols, *_symbols_of(files, content))), *texts]))
    offsets, encoded = tokenizer.encode_column(pa.array(everything, pa.large_string()))
    expected = [encoded[start:end].tolist() for start, end in pairwise(offsets.tolist())]
    if given_back:
        for text, ids in zip(everything, expected, strict=True):
            _compare_text("the shards' ids", text, _expected_text(text, files), tokenizer.decode(ids))
    with TemporaryDirectory() as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        libraries = dict(_libraries(folder, files))
        for name, library in libraries.items():
            for text, ids in zip(everything, expected, strict=True):
                _compare_ids(name, text, ids, list(library.encode(text)), tokenizer)
                if given_back:
                    _compare_text(name, text, _expected_text(text, files), library.decode(ids))
    return {"libraries": sorted(libraries), "texts": len(everything)}


def hostile_texts(symbols: Sequence[str] = ()) -> Iterator[str]:
    """Yield texts in which libraries are known to differ, and those around user symbols."""
    yield from PROBE
    yield from MIXED
    yield NAMES
    for end in LINE_ENDS:
        yield f"one{end}two {end} three{end}"
    for blank in BLANKS:
        yield f"{blank}a{blank}b {blank} c{blank}{blank}"
    for symbol in symbols:
        yield from (symbol, f"a{symbol}b", f" {symbol} {symbol}{symbol} ", f"{symbol[:-1]}{symbol}\n", f"({symbol})")
    for text in _characters():
        yield from (text, " ".join(text))


@cache
def _characters() -> tuple[str, ...]:
    codes = [*range(0xD800), *range(0xF900, 0x10000), *range(0x10000, 0x40000, EVERY), *range(0xE0000, 0xE0200)]
    chosen = [code for code in codes if code < 0x3400 or code % EVERY == 0 or code >= 0xF900]
    known = "".join(chr(code) for code in chosen if unicodedata.category(chr(code)) != "Cn")
    return tuple(known[start : start + 128] for start in range(0, len(known), 128))


def _symbols_of(files: Files, content: dict[str, Any] | None) -> list[str]:
    symbols = [symbol.replace(SPACE, " ") for symbol in user_symbols(files[MODEL])] if MODEL in files else []
    if content is not None:
        added = content["added_tokens"]
        symbols += [token["content"].replace(SPACE, " ") for token in added if not token["special"]]
    return symbols


def _gives_back(content: dict[str, object], sentencepiece: bool) -> bool:
    """Say whether a tokenizer.json promises that every text comes back from its ids."""
    added = content["added_tokens"]
    assert isinstance(added, list)
    strips = any(token["lstrip"] or token["rstrip"] for token in added if not token["special"])
    return not strips and (sentencepiece or not content["normalizer"])


def _expected_text(text: str, files: Files) -> str:
    return text.replace(SPACE, " ") if MODEL in files else text


def _libraries(folder: str, files: Files) -> Iterator[tuple[str, Library]]:
    if MODEL in files:
        yield "sentencepiece", _sentencepiece(folder)
    if TOKENIZER_JSON in files:
        yield "tokenizers", _tokenizers(folder)
    for name, open_library, needed in (("tiktoken", _tiktoken, TIKTOKEN), ("transformers", _transformers, "")):
        if not needed or needed in files:
            try:
                yield name, open_library(folder)
            except ImportError:  # an optional library
                continue


def _sentencepiece(folder: str) -> Library:
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_file=f"{folder}/{MODEL}")
    return Library(model.encode, lambda ids: str(model.decode(list(ids))))


def _tokenizers(folder: str) -> Library:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    opened = HuggingFaceTokenizer.from_file(f"{folder}/{TOKENIZER_JSON}")
    opened.encode_special_tokens = True
    return Library(
        lambda text: opened.encode(text, add_special_tokens=False).ids,
        lambda ids: str(opened.decode(list(ids), skip_special_tokens=False)),
    )


def open_with_transformers(folder: str) -> "PreTrainedTokenizerBase":
    """Open a tokenizer's folder as AutoTokenizer does: by the class that its configuration names.

    AutoTokenizer itself looks for a model's configuration too, and loads PyTorch for that.
    """
    import transformers

    named = json.loads(Path(folder, CONFIG).read_text(encoding="utf-8"))["tokenizer_class"]
    opened: PreTrainedTokenizerBase = getattr(transformers, named).from_pretrained(folder)
    return opened


def _transformers(folder: str) -> Library:
    opened = open_with_transformers(folder)

    def encode(text: str) -> list[int]:
        ids: list[int] = opened(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    return Library(encode, lambda ids: str(opened.decode(list(ids), clean_up_tokenization_spaces=False)))


def _tiktoken(folder: str) -> Library:
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    options = json.loads(Path(folder, TIKTOKEN_OPTIONS).read_text(encoding="utf-8"))
    encoding = tiktoken.Encoding("checked", mergeable_ranks=load_tiktoken_bpe(f"{folder}/{TIKTOKEN}"), **options)
    return Library(encoding.encode_ordinary, encoding.decode)


def _compare_ids(name: str, text: str, expected: list[int], seen: list[int], tokenizer: Tokenizer) -> None:
    if expected == seen:
        return
    at = next((place for place, pair in enumerate(zip(expected, seen, strict=False)) if pair[0] != pair[1]), -1)
    at = min(len(expected), len(seen)) if at < 0 else at
    start = len(tokenizer.decode(expected[:at]))
    raise RunError(
        f"{name} gives other ids than the shards would hold, from character {start} of the text "
        f"{_shown(text, start)}: expected {expected[at : at + 8]}, seen {seen[at : at + 8]}; "
        "take out the user symbol or the option that the text shows, or choose another kind of tokenizer"
    )


def _compare_text(name: str, text: str, expected: str, seen: str) -> None:
    if expected == seen:
        return
    start = next((place for place, pair in enumerate(zip(expected, seen, strict=False)) if pair[0] != pair[1]), -1)
    start = min(len(expected), len(seen)) if start < 0 else start
    raise RunError(
        f"{name}: a text does not come back from its ids, from character {start}: expected {_shown(text, start)}, "
        f"seen {_shown(seen, start)}; choose another kind of tokenizer"
    )


def _shown(text: str, start: int) -> str:
    return ascii(text[max(0, start - SHOWN // 2) : start + SHOWN // 2])
