"""`tokenizer_config.json`: what AutoTokenizer reads, and which tokens delimit documents and fill rows.

An existing tokenizer keeps every field of its own file: bos, eos and pad tokens, chat template, special tokens. What
`prep` itself needs stands beside them in two fields of its own, since documents need not be separated by `eos_token`:
a chat model's ends a turn.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from prep.corpus.errors import RunError

CONFIG = "tokenizer_config.json"
NAMES = "special_tokens_map.json"
"""Where older tokenizers name their special tokens."""
TEMPLATE = "chat_template.jinja"
KEPT_FILES = (CONFIG, NAMES, TEMPLATE)

SEPARATOR_FIELD, PADDING_FIELD = "document_separator", "row_padding"

ENDS = (
    *("<|endoftext|>", "<|end_of_text|>", "<|end_of_document|>", "</s>", "<eos>", "<|eos|>", "[EOS]"),
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
)
"""Usual names of tokens that end a document."""
_REPLACED = ("tokenizer_class", "tokenizer_file", "vocab_file", "auto_map", "name_or_path", "backend", "is_local")
"""Fields that say how the files of another folder are opened."""


class Existing(NamedTuple):
    """What lies beside the file that defines an existing tokenizer."""

    config: Mapping[str, object]
    """Fields of tokenizer_config.json, completed by special_tokens_map.json."""
    files: Mapping[str, bytes]
    """Other files to keep, by name."""

    def named(self, field: str) -> str:
        """Return the token that a field names; empty where it names none."""
        return token_name(self.config.get(field))

    def names_any(self) -> bool:
        """Say whether the configuration names a token that begins, ends or fills."""
        return any(self.named(field) for field in ("bos_token", "eos_token", "pad_token"))

    def added(self) -> dict[int, str]:
        """Return the tokens that the configuration adds to the vocabulary, by their ids."""
        found = self.config.get("added_tokens_decoder") or {}
        assert isinstance(found, dict)
        return {int(index): token_name(token) for index, token in found.items()}


def token_name(value: object) -> str:
    """Return the token that a field of a configuration names, which may be an object with its `content`."""
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def read_existing(file: str) -> Existing:
    """Return what lies beside a tokenizer's file. Raises RunError where a file there is not JSON."""
    folder = Path(file).parent
    config: dict[str, object] = {}
    for name in (NAMES, CONFIG):
        path = folder / name
        if path.exists():
            try:
                config |= json.loads(path.read_bytes())
            except ValueError as error:
                raise RunError(f"{path}: expected JSON ({error}); repair it, or remove it") from error
    template = folder / TEMPLATE
    return Existing(config, {TEMPLATE: template.read_bytes()} if template.exists() else {})


def config_bytes(
    tokenizer_class: str,
    named: Mapping[str, str | None],
    separator: str,
    padding: str,
    existing: Existing | None = None,
) -> bytes:
    """Return the content of tokenizer_config.json.

    `named` are special tokens by their fields; what an existing tokenizer's own fields say takes precedence.
    """
    own: Mapping[str, object] = existing.config if existing is not None else {}
    kept = {name: value for name, value in own.items() if name not in _REPLACED}
    config = {"tokenizer_class": tokenizer_class, "clean_up_tokenization_spaces": False, **named, **kept}
    if token_name(config.get("eos_token")) != separator:
        config[SEPARATOR_FIELD] = separator
    if token_name(config.get("pad_token")) != padding:
        config[PADDING_FIELD] = padding
    return orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def separator_of(config: Mapping[str, object]) -> str:
    """Return the token that ends documents."""
    return token_name(config.get(SEPARATOR_FIELD)) or token_name(config.get("eos_token"))


def padding_of(config: Mapping[str, object]) -> str:
    """Return the token that fills rows."""
    return token_name(config.get(PADDING_FIELD)) or token_name(config.get("pad_token"))


def choose_separator(file: str, control: Collection[str], eos: str, wanted: str) -> str:
    """Return the token that ends documents: the wanted one, `eos_token` or another by its usual name, `eos_token`.

    Raises RunError where there is none, or where the wanted one is no control token.
    """
    if wanted and wanted not in control:
        raise RunError(f"{file}: separator: expected one of the control tokens {sorted(control)}, seen {wanted!r}")
    candidates = (wanted, eos if eos in ENDS else "", *ENDS, eos)
    found = next((token for token in candidates if token and token in control), "")
    if not found:
        raise RunError(
            f"{file}: no control token that ends documents; expected separator to name one of {sorted(control)}"
        )
    return found


def separator_warning(separator: str, eos: str) -> str | None:
    """Return what to say about a choice that may not be what was meant, or None."""
    if eos and separator != eos:
        return (
            f"documents are separated by {separator!r}, not by the tokenizer's eos_token {eos!r}; set "
            f"tokenizer.separator to choose another"
        )
    if separator not in ENDS:
        return (
            f"documents are separated by {separator!r}, the tokenizer's eos_token, whose name is none of the usual "
            "ones for the end of a document; set tokenizer.separator to choose another"
        )
    return None
