"""nanochat: Parquet files of texts, the last of them for validation, and a tokenizer as it saves its own.

nanochat tokenizes and packs while it trains, so documents are turned back into text; a byte-level tokenizer gives back
every byte. Files have many small row groups, because each process of a training takes groups of its own. The tokenizer
is a pickled tiktoken encoding with nanochat's control tokens, of which `<|bos|>` is our separator, and `token_bytes.pt`
the bytes of each token, 0 for control tokens. Source: karpathy/nanochat, dataset.py, dataloader.py, tokenizer.py.
"""

import io
import pickle
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import atomic_output, exists, join, read_json, write_bytes
from prep.exports.format import Format, Split
from prep.exports.text_kernels import decode_documents
from prep.tokenizers.saving.folder import TIKTOKEN_OPTIONS

if TYPE_CHECKING:
    from prep.tokenizers.encoding.encode import Tokenizer

FILE_BYTES = 128 << 20
"""Of token ids, in one file; their texts take about twice as much, compressed a little less."""
LARGEST_GROUP = 1024
GROUPS = 64
"""Row groups in a file, at least, where it has so many documents."""
SCHEMA = pa.schema([pa.field("text", pa.large_string())])
VALIDATION = "validation"
FOLDER = "base_data_climbmix"
BEGIN = "<|bos|>"
OTHERS = tuple(f"<|{name}_{side}|>" for name in ("user", "assistant", "python", "output") for side in ("start", "end"))


class Nanochat(Format):
    """Documents as text, and the tokenizer."""

    name: ClassVar[str] = "nanochat"
    reader: ClassVar[str] = "nanochat"
    version: ClassVar[int] = 2

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with the tokenizer or the splits."""
        folder = self.settings.tokenizer
        if folder is None:
            return "nanochat needs the tokenizer that made the shards; give its folder with --tokenizer"
        if not exists(join(folder, "tokenizer.json")) or exists(join(folder, "tokenizer.model")):
            return f"nanochat reads byte-level BPE only; {folder} holds another kind of tokenizer"
        if not exists(join(folder, TIKTOKEN_OPTIONS)):
            return f"nanochat reads what tiktoken reads; {folder} has no {TIKTOKEN_OPTIONS}, for its ids are no ranks"
        seen, expected = self._tokenizer.sha256, splits[0].reader.manifest.tokenizer_sha256
        if seen != expected:
            return f"{folder} is not the tokenizer that made the shards: expected {expected[:12]}…, seen {seen[:12]}…"
        if not any(split.name == VALIDATION and len(split.reader) for split in splits):
            return "nanochat takes the last file for validation; expected shards with a validation split that has rows"
        return None

    def tasks(self, split: Split) -> int:
        """Return one task for each file; validation is one file, and a test split has none."""
        if split.name not in ("train", VALIDATION):
            return 0
        return -(-split.index.blocks.blocks // self._file_blocks(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a file of a split."""
        step = self._file_blocks(split)
        blocks = range(task * step, min(split.index.blocks.blocks, (task + 1) * step))
        before = split.stream.documents_before
        documents = int(before[blocks.stop] - before[blocks.start])
        group = max(1, min(LARGEST_GROUP, documents // GROUPS))
        with (
            atomic_output(join(output, FOLDER, _name(split, task))) as sink,
            pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer,
        ):
            for texts in _groups((self._texts(split, block) for block in blocks), group):
                writer.write_table(texts, row_group_size=group)

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Write the tokenizer."""
        import torch

        encoding = self._encoding()
        folder = join(output, "tokenizer")
        write_bytes(join(folder, "tokenizer.pkl"), pickle.dumps(encoding, protocol=4))
        counts = np.zeros(self._tokenizer.vocabulary + len(OTHERS), np.int32)
        counts[: self._tokenizer.vocabulary] = [len(token) for token in self._tokenizer.token_bytes]
        saved = io.BytesIO()
        torch.save(torch.from_numpy(counts), saved)
        write_bytes(join(folder, "token_bytes.pt"), saved.getvalue())

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return the environment variable that nanochat looks at."""
        return (
            f"export NANOCHAT_BASE_DIR={output}; then nanochat's scripts.base_train finds {FOLDER}/ and tokenizer/.\n"
            "Leave out its own download and tok_train. "
            f"Its vocabulary has {len(OTHERS)} control tokens more than that of the shards.\n"
            "Each row is the text of a document, cropped ones up to their last whole character; nanochat tokenizes it\n"
            f"  with the same tokenizer, {BEGIN} before each."
        )

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from prep.tokenizers.encoding.encode import open_tokenizer

        assert self.settings.tokenizer is not None
        return open_tokenizer(self.settings.tokenizer)

    @cached_property
    def _token_bytes(self) -> tuple[Bytes, Offsets]:
        """The bytes of all tokens, and where those of each begin and the last ends."""
        tokens = self._tokenizer.token_bytes
        return (
            np.frombuffer(b"".join(tokens), np.uint8),
            np.append(0, np.cumsum([len(token) for token in tokens], dtype=np.int64)),
        )

    def _file_blocks(self, split: Split) -> int:
        if split.name != "train":
            return max(1, split.index.blocks.blocks)
        blocks = split.index.blocks
        row_bytes = split.reader.manifest.length * split.token_bytes
        return max(1, (self.settings.file_bytes or FILE_BYTES) // (blocks.block_rows * row_bytes))

    def _texts(self, split: Split, block: int) -> pa.Table:
        documents = split.stream.read_documents(block)
        offsets, data = decode_documents(*documents, *self._token_bytes)
        texts = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise RunError(f"{split.folder}: documents are no text with this tokenizer ({error})") from error
        return pa.table([texts], schema=SCHEMA)

    def _encoding(self) -> object:
        try:
            import tiktoken
        except ImportError as error:
            raise ConfigurationError(
                ["nanochat's tokenizer is a tiktoken encoding; install it with: pip install 'corpus-prep[nanochat]'"]
            ) from error
        assert self.settings.tokenizer is not None
        options = read_json(join(self.settings.tokenizer, TIKTOKEN_OPTIONS))
        named: dict[str, int] = options["special_tokens"]  # type: ignore[assignment]
        separator = self._tokenizer.separator_id
        control = {BEGIN if index == separator else token: index for token, index in named.items()}
        control |= {token: self._tokenizer.vocabulary + index for index, token in enumerate(OTHERS)}
        ranks = {token: rank for rank, token in enumerate(self._tokenizer.token_bytes) if token}
        return tiktoken.Encoding("prep", pat_str=str(options["pat_str"]), mergeable_ranks=ranks, special_tokens=control)


def _name(split: Split, task: int) -> str:
    """Return a file's name; that for validation sorts last."""
    return f"train_{task:05d}.parquet" if split.name == "train" else f"{VALIDATION}.parquet"


def _groups(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield the rows of tables in tables of `rows` rows, the last with what is left."""
    held = SCHEMA.empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        whole = held.num_rows // rows * rows
        if whole:
            yield held.slice(0, whole)
            held = held.slice(whole)
    if held.num_rows:
        yield held
