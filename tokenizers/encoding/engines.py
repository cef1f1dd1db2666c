"""What turns text into token ids: the libraries behind one interface.

`TokenizersEngine` and `SentencePieceEngine` are the references: they define the ids. `GigatokenEngine` gives the same
ids many times faster, straight from the buffers of an Arrow column. All of them run on the calling thread and take
every text as text: what looks like a control token in a document is encoded as the characters it is made of.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from prep.corpus.arrow.columns import Bytes, Offsets

if TYPE_CHECKING:
    import gigatoken
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.uint32]


class Engine(Protocol):
    """Encodes the texts of a column."""

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        """Return where the ids of each UTF-8 text `data[offsets[i]:offsets[i + 1]]` begin (rows + 1), and all ids."""
        ...


class _RowEngine:
    """Encodes text by text, for libraries that take Python strings."""

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        rows = [
            np.array(self.encode_text(data[start:end].tobytes().decode()), np.uint32)
            for start, end in pairwise(offsets)
        ]
        lengths = [len(row) for row in rows]
        return np.cumsum([0, *lengths], dtype=np.int64), np.concatenate([np.empty(0, np.uint32), *rows])

    def encode_text(self, text: str) -> list[int]:
        raise NotImplementedError


class TokenizersEngine(_RowEngine):
    """The reference for byte-level BPE: `tokenizers`, about 2 MB/s."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True  # as text

    def encode_text(self, text: str) -> list[int]:
        """Return the ids of a text."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids


class SentencePieceEngine(_RowEngine):
    """The reference for sentencepiece models, and the only engine for unigram ones: 5 to 25 MB/s."""

    def __init__(self, model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self._processor = SentencePieceProcessor(model_proto=model)

    def encode_text(self, text: str) -> list[int]:
        """Return the ids of a text."""
        ids: list[int] = self._processor.encode(text)
        return ids


class GigatokenEngine:
    """`gigatoken`, from a tokenizer.json: 100 to 400 MB/s for byte-level BPE, 30 to 80 for sentencepiece BPE.

    Raises RuntimeError where it does not know the tokenizer's pattern or kind.
    """

    RENEWED_AFTER = 512 << 20
    """It caches the ids of the pretokens it has seen. After so many bytes of text it is opened again, so that its
    memory is bounded: about 150 MB on text that people wrote, 1.2 GB on random words. Opening takes up to a second."""

    def __init__(self, tokenizer_json: str) -> None:
        self._json = orjson.dumps(orjson.loads(tokenizer_json) | {"added_tokens": []}).decode()
        self._tokenizer = self._open()
        self._encoded = 0

    def _open(self) -> "gigatoken.Tokenizer":
        import gigatoken

        return gigatoken.Tokenizer.from_json(self._json)

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        """Return where the ids of each text begin (rows + 1), and all ids."""
        import awkward

        if self._encoded > self.RENEWED_AFTER:
            self._tokenizer = self._open()
            self._encoded = 0
        self._encoded += int(offsets[-1] - offsets[0])
        characters = awkward.contents.NumpyArray(data, parameters={"__array__": "char"})
        index = awkward.index.Index64(offsets)
        texts = awkward.contents.ListOffsetArray(index, characters, parameters={"__array__": "string"})
        encoded = self._tokenizer.encode_batch(awkward.Array(texts), parallel=False).layout
        return encoded.offsets.data, encoded.content.data
