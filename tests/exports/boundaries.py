"""Shards of texts packed with every separator, cropped and mixed, and what readers find that look for separators."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from samples import sample_of

from prep.corpus.shards.shards import ShardManifest, ShardReader
from prep.exports.format import ExportSettings
from prep.exports.job import Export
from prep.stages.pack.mixture import Mixture, MixturePhase
from prep.stages.pack.pack import Pack
from prep.stages.upstream import GlobalContext, Upstream
from prep.tokenizers.saving.folder import write_folder
from prep.tokenizers.training.train import TokenizerSettings, train

from .conftest import run
from .test_documents import documents_of

Separator = Literal["after", "before", "both"]
Cropping = Literal["none", "crop", "mixture"]
SEPARATORS: tuple[Separator, ...] = ("after", "before", "both")
LENGTH = 32
CASES = tuple((separator, cropping) for separator in SEPARATORS for cropping in ("none", "crop", "mixture"))


def own_texts() -> list[str]:
    words = "the river carried seven grey boats past Ærøskøbing, naïve and slow; 日本語 и ещё".split()
    return [" ".join(words[(number + step) % len(words)] for step in range(number * 7 % 60)) for number in range(90)]


class Packed(NamedTuple):
    """A folder of shards, the tokenizer's folder, and a split's documents in the order of its rows."""

    folder: Path
    tokenizer: str

    def manifest(self, split: str) -> ShardManifest:
        return ShardReader(str(self.folder / split)).manifest

    def documents(self, split: str) -> list[list[int]]:
        return documents_of(ShardReader(str(self.folder / split)))


def pack_texts(folder: Path, texts: Sequence[str], separator: Separator, cropping: Cropping) -> Packed:
    tokenizer = str(folder / "tokenizer")
    settings = TokenizerSettings("bpe", 300, control=("<|bos|>",), begin="<|bos|>")
    write_folder(tokenizer, train(sample_of([*texts, *own_texts()]), settings).files, {})
    part = str(folder / "part.parquet")
    columns = {"id": [f"id-{number}" for number in range(len(texts))], "text": pa.array(texts, pa.large_string())}
    pq.write_table(pa.table({**columns, "source": [f"s{number % 3}" for number in range(len(texts))]}), part)
    phase = MixturePhase(shares={"s0": 2, "s1": 1}, tokens=401)
    stage = Pack(
        length=LENGTH,
        separator=separator,
        validation=0.2,
        long_documents="crop" if cropping == "crop" else "split",
        mixture=Mixture(phases=(phase, phase), max_epochs=9) if cropping == "mixture" else None,
    )
    context = GlobalContext(
        Upstream((part,)), str(folder / "shards"), str(folder / "scratch"), {"tokenizer": tokenizer}
    )
    for each in stage.phases(1):
        stage.run(each.name, 0, context)
    return Packed(folder / "shards", tokenizer)


def export(packed: Packed, name: str, output: Path, file_bytes: int = 800) -> Path:
    settings = ExportSettings(file_bytes=file_bytes, tokenizer=packed.tokenizer)
    run(Export(str(packed.folder), name, str(output), settings))
    return output


def ended_by(tokens: Sequence[int], separator: int) -> Iterator[list[int]]:
    """Yield what a reader finds that looks for the id at the end of each document; the rest it leaves out."""
    found: list[int] = []
    for token in tokens:
        found.append(token)
        if token == separator:
            yield found
            found = []


def begun_by(tokens: Sequence[int], separator: int) -> Iterator[list[int]]:
    """Yield what a reader finds that looks for the id at the beginning of each document; it skips what is before."""
    starts = [place for place, token in enumerate(tokens) if token == separator]
    yield from (list(tokens[start:end]) for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True))


def split_stream(tokens: Sequence[int], manifest: ShardManifest) -> list[list[int]]:
    find = begun_by if manifest.separator == "before" else ended_by
    return list(find(tokens, manifest.separator_id))
