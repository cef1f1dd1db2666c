"""Trains a tokenizer on a sample of the documents."""

from collections.abc import Iterator
from typing import ClassVar
from unicodedata import unidata_version

from pydantic import Field

from prep.corpus.errors import Problem
from prep.corpus.storage import join
from prep.stages.stage import CheckContext, GlobalContext, GlobalStage, Phase
from prep.tokenizers.byte_level import PreTokenizerName
from prep.tokenizers.folder import LIBRARIES, write_folder
from prep.tokenizers.sample import Sample, Sampler, SampleSettings, read_sample
from prep.tokenizers.train import Kind, TokenizerSettings, control_tokens, fixed_tokens, most_learnt_tokens, train
from prep.tokenizers.train_sentencepiece import LONGEST_TEXT

SAMPLE, TRAIN = "sample", "train"


class TrainTokenizer(GlobalStage):
    """Train a tokenizer on a sample of the documents.

    Makes `tokenizer/`, a folder that transformers' AutoTokenizer opens, and sentencepiece where the tokenizer is one of
    its own. Every text can be encoded and comes back from its ids as it was (with the sentencepiece kinds, U+2581
    comes back as a space). What looks like a control token in a document is encoded as text. The sample is the same
    however the documents are split among files and workers, and so is the tokenizer, to the byte.
    """

    name: ClassVar[str] = "tokenizer"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    makes: ClassVar[str | None] = "tokenizer"

    kind: Kind = "bpe"
    """`bpe` merges bytes, as GPT and Llama 3 do. `sentencepiece_bpe` merges characters, as Llama 2 and Gemma do.
    `sentencepiece_unigram` keeps the pieces that make the text most likely, as T5 does; it takes a CPU second to train
    for every 200 KB of the sample. transformers encodes with it through sentencepiece, and its own `decode` does not
    put the bytes of rare characters together."""
    vocabulary: int = Field(default=32_768, ge=300, le=1_000_000)
    """Token ids. Up to 65,499 take two bytes each in shards, more take four."""
    pre_tokenizer: PreTokenizerName = "gpt2"
    """Where `bpe` cuts text before merging: the pattern of a published tokenizer. `gpt2` trains three times faster
    than the others; they keep digits in groups of three (`llama3`, `o200k`) or apart (`qwen2`), and o200k cuts words
    where upper case begins."""
    character_coverage: float = Field(default=0.9995, ge=0.9, le=1)
    """Share of the sample's characters that the sentencepiece kinds have tokens for; the rest is written in bytes."""
    sample_bytes: int = Field(default=100_000_000, ge=1, le=2_000_000_000)
    """Text to train on; the last document may go beyond. A seeded hash of its id decides whether a document is in the
    sample. Memory is a small multiple of this."""
    document_bytes: int = Field(default=65_536, ge=1, le=LONGEST_TEXT)
    """Of longer documents only the beginning is in the sample, so that no book outweighs many pages."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Decides the sample."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a vocabulary that input or sample are too small for, and an option that the kind has no use for."""
        for name, size, mend in (
            ("the input", context.input_bytes, "lower it, or give more text"),
            ("the sample", self.sample_bytes, "lower it, or raise sample_bytes"),
        ):
            largest = fixed_tokens(self.kind) + most_learnt_tokens(self.kind, size)
            if self.vocabulary > largest:
                yield Problem(
                    f"{name} of {size} bytes is too small for this vocabulary",
                    ("vocabulary",),
                    f"at most {largest}",
                    str(self.vocabulary),
                    mend,
                )
        if self._unused in self.model_fields_set:
            yield Problem(f"the kind {self.kind} has no use for it", (self._unused,), mend="take it out")

    def identity(self) -> dict[str, object]:
        """Return the settings and the version of Unicode, which decides what text is damaged."""
        return {**super().identity(), "unicode": unidata_version}

    @property
    def _unused(self) -> str:
        """The option that the kind has no use for."""
        return "character_coverage" if self.kind == "bpe" else "pre_tokenizer"

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: a sample of each part, then the training."""
        return Phase(SAMPLE, parts), Phase(TRAIN, 1)

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        """Run one task."""
        parts = [join(context.scratch, SAMPLE, f"{part:05d}.arrow") for part in range(len(context.upstream.parts))]
        if phase == SAMPLE:
            sampler = Sampler(SampleSettings(self.sample_bytes, self.document_bytes, self.seed))
            for batch in context.upstream.documents(task, ["id", "text"]):
                sampler.add(batch.column("id"), batch.column("text"))
            sampler.write(parts[task])
            return
        sample = read_sample(parts, self.sample_bytes)
        settings = TokenizerSettings(self.kind, self.vocabulary, self.pre_tokenizer, self.character_coverage)
        write_folder(context.output, train(sample, settings, context.scratch), self._card(sample))

    def _card(self, sample: Sample) -> dict[str, object]:
        return {
            "settings": self.model_dump(mode="json", exclude={self._unused}),
            "control_tokens": {token: index for index, token in enumerate(control_tokens(self.kind))},
            "sample": {
                "documents": len(sample.texts),
                "bytes": sample.bytes,
                "documents_passed_over": sample.passed_over,
                "of_documents": sample.of_documents,
                "of_bytes": sample.of_bytes,
            },
        }
