"""A trained tokenizer, opened from its folder to encode and decode."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.run_folders import part_hint
from prep.corpus.files.storage import exists, join, open_input
from prep.corpus.shards.shards import token_dtype
from prep.tokenizers.encoding.bpe_engine import BPEEngine
from prep.tokenizers.encoding.engines import Engine, GigatokenEngine, SentencePieceEngine, TokenizersEngine
from prep.tokenizers.encoding.exact import ByteLevelEngine, fast_or_reference
from prep.tokenizers.encoding.token_bytes import TokenBytes, byte_level_token_bytes, joined, sentencepiece_token_bytes
from prep.tokenizers.saving.config import CONFIG, padding_of, separator_of, token_name
from prep.tokenizers.saving.folder import MODEL, TOKENIZER_JSON, Files
from prep.tokenizers.saving.sentencepiece_model import BPE, parse_model, user_symbols


@dataclass(frozen=True)
class Tokenizer:
    """Turns text into token ids and back. No text becomes a control token; what looks like one stays text."""

    separator_id: int
    """The id that ends each document."""
    padding_id: int
    """The id that fills rows."""
    sha256: str
    """Identifies the tokenizer: the hash of the file that defines it."""
    token_bytes: TokenBytes = field(repr=False)
    """The bytes of text that each id stands for."""
    open_engine: Callable[[], Engine] = field(repr=False)
    begin_id: int | None = None
    """The id that begins each document, where the tokenizer has one beside the separator."""

    @property
    def vocabulary(self) -> int:
        """The number of ids."""
        return len(self.token_bytes)

    @cached_property
    def _engine(self) -> Engine:
        return self.open_engine()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. Raises UnicodeEncodeError for a lone surrogate, which UTF-8 cannot hold."""
        data = np.frombuffer(text.encode(), np.uint8)
        ids: list[int] = self._engine.encode(data, np.array([0, len(data)], np.int64))[1].tolist()
        return ids

    def encode_column(self, column: pa.Array | pa.ChunkedArray) -> tuple[Offsets, npt.NDArray[np.unsignedinteger]]:
        """Return where the ids of each text begin (rows + 1) and all ids, of the dtype that shards have.

        Takes a string column; a null has no ids. The ids of a text depend on it alone. Runs on the calling thread.
        Raises RunError for a column that is not UTF-8, which some engines would crash on; `read` lets none in.
        """
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise RunError(
                f"only text in UTF-8 can be encoded: {error}; let the stage read reject such rows"
            ) from error
        offsets, ids = self._engine.encode(*string_buffers(column))
        return offsets, ids.astype(token_dtype(self.vocabulary))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; control tokens have none, bytes that are no UTF-8 become U+FFFD."""
        return joined(self.token_bytes, ids)


def open_tokenizer(folder: str) -> Tokenizer:
    """Open a folder that `prep` wrote. The engine is loaded when the first text is encoded.

    A process keeps the tokenizer that it opened last, for the next task, which opens the same one: a large vocabulary
    takes seconds to load. Raises CorruptFileError where a file is missing or cannot be read.
    """
    try:
        wanted = [name for name in (CONFIG, MODEL, TOKENIZER_JSON) if name == CONFIG or exists(join(folder, name))]
        return _open_again(tuple((name, _read(folder, name)) for name in wanted))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        hint = part_hint(folder, "tokenizer") or "; train it again"
        raise CorruptFileError(f"{folder}: cannot be opened as a tokenizer ({reason}){hint}") from error


@lru_cache(maxsize=1)
def _open_again(files: tuple[tuple[str, bytes], ...]) -> Tokenizer:
    return open_files(dict(files))


def open_files(files: Files) -> Tokenizer:
    """Open a tokenizer whose files are in memory."""
    config = orjson.loads(files[CONFIG])
    if MODEL in files:
        return _open_sentencepiece(files[MODEL], files.get(TOKENIZER_JSON), config)
    return _open_byte_level(files[TOKENIZER_JSON], config)


def _open_byte_level(content: bytes, config: dict[str, object]) -> Tokenizer:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    text = content.decode()
    tokenizer = HuggingFaceTokenizer.from_str(text)
    ids = tokenizer.get_vocab()
    apart = _without_control(content)
    reference = TokenizersEngine(HuggingFaceTokenizer.from_str(apart) if apart else tokenizer)

    def open_engine() -> Engine:
        if not all(token.special for token in tokenizer.get_added_tokens_decoder().values()):
            return reference  # some tokens are taken whole wherever a text holds them
        return fast_or_reference(lambda: _fast_byte_level(text, reference), reference)

    return Tokenizer(
        separator_id=ids[separator_of(config)],
        begin_id=_begin_id(config, ids.get),
        padding_id=ids[padding_of(config)],
        sha256=hashlib.sha256(content).hexdigest(),
        token_bytes=byte_level_token_bytes(tokenizer),
        open_engine=open_engine,
    )


def _without_control(content: bytes) -> str:
    """Return a tokenizer.json that takes no piece of text for a control token; empty where it takes no piece whole.

    In the vocabulary the names of control tokens get a space, which no byte is written as.
    """
    parsed = orjson.loads(content)
    model, added = parsed["model"], parsed["added_tokens"]
    if not model.get("ignore_merges"):
        return ""
    control = {token["content"] for token in added if token["special"]}
    vocabulary = {f" {token}" if token in control else token: index for token, index in model["vocab"].items()}
    rest = [token for token in added if not token["special"]]
    return orjson.dumps(parsed | {"model": model | {"vocab": vocabulary}, "added_tokens": rest}).decode()


def _fast_byte_level(tokenizer_json: str, reference: Engine) -> Engine:
    try:
        return ByteLevelEngine(GigatokenEngine(tokenizer_json), reference)
    except (ImportError, RuntimeError):  # a pattern that it does not know
        return BPEEngine(tokenizer_json)


def _open_sentencepiece(content: bytes, converted: bytes | None, config: dict[str, object]) -> Tokenizer:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_proto=content)

    def open_engine() -> Engine:
        reference = SentencePieceEngine(content)
        if converted is None or user_symbols(content) or parse_model(content).trainer_spec.model_type != BPE:
            return reference
        text = converted.decode()
        return fast_or_reference(lambda: GigatokenEngine(text), reference)

    return Tokenizer(
        separator_id=processor.piece_to_id(separator_of(config)),
        begin_id=_begin_id(config, processor.piece_to_id),
        padding_id=processor.piece_to_id(padding_of(config)),
        sha256=hashlib.sha256(content).hexdigest(),
        token_bytes=sentencepiece_token_bytes(processor),
        open_engine=open_engine,
    )


def _begin_id(config: dict[str, object], id_of: Callable[[str], int | None]) -> int | None:
    token = token_name(config.get("bos_token"))
    return id_of(token) if token and token != separator_of(config) else None


def _read(folder: str, name: str) -> bytes:
    with open_input(join(folder, name)) as source:
        return source.read()
