"""Texts to train on and to encode, and a small tokenizer of each kind."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text

from prep.tokenizers.encode import Tokenizer, open_tokenizer
from prep.tokenizers.folder import write_folder
from prep.tokenizers.sample import Sample
from prep.tokenizers.train import Kind, TokenizerSettings, train

KINDS: tuple[Kind, ...] = ("bpe", "sentencepiece_bpe", "sentencepiece_unigram")

Folders = Mapping[Kind, str]
Tokenizers = Mapping[Kind, Tokenizer]


def column(texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


def sample_of(texts: list[str]) -> Sample:
    return Sample(column(texts), 0, len(texts), sum(len(text.encode()) for text in texts))


@pytest.fixture(scope="session")
def sentences(test_data: Path) -> list[str]:
    """200 sentences in each of 75 languages."""
    texts: list[str] = pq.read_table(test_data / "language" / "sentences.parquet").column("text").to_pylist()
    return texts


@pytest.fixture(scope="session")
def pages(test_data: Path) -> list[str]:
    """Real web pages, and pages of the installation guide in many languages."""
    texts = []
    for archive, step in (("web/pages-0.warc.gz", 2), ("docs/installation-guide-0.warc.gz", 16)):
        with (test_data / archive).open("rb") as stream:
            for index, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response)):
                if index % step == 0:
                    texts.append(extract_plain_text(record.reader.read().decode("utf-8", "replace"), main_content=True))
    return texts


@pytest.fixture(scope="session")
def training_texts(sentences: list[str], pages: list[str]) -> list[str]:
    """About 400 KB in many scripts."""
    return [*sentences[::9], *(page[:2000] for page in pages)]


@pytest.fixture(scope="session")
def folders(training_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a trained tokenizer of each kind."""
    made = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        settings = TokenizerSettings(kind, 4000, character_coverage=0.99)
        write_folder(str(folder / "tokenizer"), train(sample_of(training_texts), settings, str(folder)), {})
        made[kind] = str(folder / "tokenizer")
    return made


@pytest.fixture(scope="session")
def tokenizers(folders: Folders) -> Tokenizers:
    return {kind: open_tokenizer(folder) for kind, folder in folders.items()}
