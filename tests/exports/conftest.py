"""Shards to export, and a tokenizer with documents of real text."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from samples import sample_of

from prep.exports.job import PHASES, Export
from prep.tokenizers.encoding.encode import open_tokenizer
from prep.tokenizers.encoding.exact import PROBE
from prep.tokenizers.saving.folder import write_folder
from prep.tokenizers.training.train import TokenizerSettings, train

from ..packed_shards import random_documents, write_packed
from .test_documents import documents_of

LENGTH = 24


@dataclass(frozen=True)
class Shards:
    """A folder of both splits, the documents of each in the order of their rows, and the dtype."""

    folder: Path
    documents: dict[str, list[list[int]]]
    dtype: str

    def tokens(self, split: str) -> list[int]:
        return [token for document in self.documents[split] for token in document]


def make_shards(folder: Path, vocabulary: int) -> Shards:
    from prep.corpus.shards.shards import ShardReader

    write_packed(folder, random_documents(150, vocabulary), length=LENGTH, vocabulary=vocabulary)
    readers = {split: ShardReader(str(folder / split)) for split in ("train", "validation")}
    documents = {split: documents_of(reader) for split, reader in readers.items()}
    return Shards(folder, documents, readers["train"].manifest.dtype)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return make_shards(tmp_path_factory.mktemp("shards16"), 500)


@pytest.fixture(scope="session")
def wide_shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return make_shards(tmp_path_factory.mktemp("shards32"), 100_000)


def run(export: Export) -> None:
    """Run an export, one task after another."""
    export.check()
    for phase in PHASES:
        for task in export.pending(phase):
            export.run(phase, task)
    assert export.complete()


@dataclass(frozen=True)
class TextShards:
    """Shards of documents of text, the texts, and the tokenizer's folder."""

    folder: Path
    texts: list[str]
    tokenizer: str


def make_text_shards(folder: Path, pattern: str) -> TextShards:
    root = Path(__file__).parents[2]
    texts = [path.read_text(encoding="utf-8")[:3000] for path in sorted((root / "corpus").rglob("*.py"))]
    texts += ["", " ", *PROBE]
    tokenizer = str(folder / "tokenizer")
    settings = TokenizerSettings("bpe", 700, pattern=pattern)
    write_folder(tokenizer, train(sample_of(texts), settings).files, {})
    opened = open_tokenizer(tokenizer)
    documents = [np.array([*opened.encode(text), opened.separator_id], np.int64) for text in texts]
    write_packed(folder / "shards", documents, length=64, vocabulary=opened.vocabulary, tokenizer_sha256=opened.sha256)
    return TextShards(folder / "shards", texts, tokenizer)
