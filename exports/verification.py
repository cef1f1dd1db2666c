"""Verifying shards together with the tokenizer that they are to be used with."""

from collections.abc import Iterator

from prep.corpus.shards.verification import Fault, verify_shards
from prep.exports.job import split_folders
from prep.tokenizers.encoding.encode import open_tokenizer


def verify(shards: str, tokenizer: str | None, workers: int) -> Iterator[tuple[str, str, list[Fault]]]:
    """Yield each split, its folder and its faults; without a tokenizer's folder that is not compared.

    Raises ConfigurationError where there are no shards, CorruptFileError where the tokenizer cannot be opened.
    """
    sha256 = None if tokenizer is None else open_tokenizer(tokenizer).sha256
    for name, folder in split_folders(shards).items():
        yield name, folder, list(verify_shards(folder, sha256, workers))
