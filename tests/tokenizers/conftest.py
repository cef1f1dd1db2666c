"""Texts to train on and to encode, and a small tokenizer of each kind."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from samples import sample_of

from prep.tokenizers.encoding.encode import Tokenizer, open_tokenizer
from prep.tokenizers.saving.folder import write_folder
from prep.tokenizers.training.train import Kind, TokenizerSettings, train

KINDS: tuple[Kind, ...] = ("bpe", "sentencepiece_bpe", "sentencepiece_unigram")


class GoldLine(NamedTuple):
    """A text, how tiktoken cuts it and how many tokens it gives."""

    text: str
    pieces: tuple[str, ...]
    tokens: int


def gold_lines(path: Path) -> list[GoldLine]:
    """Return the whole lines of a gold file.

    The other 725 were torn where a U+0085, U+2028 or U+2029 stood, and parts of every one are gone: no way to put those
    that are left together gives the number of tokens that they tell.
    """
    lines = []
    for line in path.read_bytes().split(b"\n"):
        with suppress(ValueError, TypeError):
            content = json.loads(line)
            lines.append(GoldLine(content["text"], tuple(content["pieces"]), content["tokens"]))
    assert len(lines) == 1302
    return lines


Folders = Mapping[Kind, str]
Tokenizers = Mapping[Kind, Tokenizer]


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
        write_folder(str(folder / "tokenizer"), train(sample_of(training_texts), settings).files, {})
        made[kind] = str(folder / "tokenizer")
    return made


@pytest.fixture(scope="session")
def tokenizers(folders: Folders) -> Tokenizers:
    return {kind: open_tokenizer(folder) for kind, folder in folders.items()}
