"""Trains a tokenizer on a sample of the documents, or takes one that exists."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from prep.corpus.errors import PrepError, Problem, RunError
from prep.corpus.files.storage import join, read_json, write_batches
from prep.corpus.shards.shards import LARGEST_16_BIT_VOCABULARY
from prep.stages.results import Results, RunWarning
from prep.stages.settings import PathName, Size
from prep.stages.shared.conversations import GivesTokenizer
from prep.stages.shared.language_names import expected_language
from prep.stages.shared.languages import is_known
from prep.stages.stage import CheckContext, GlobalStage, Phase
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts
from prep.tokenizers.chat.encode import find_template
from prep.tokenizers.chat.template import ChatTemplate
from prep.tokenizers.encoding.byte_level import PATTERNS, PreTokenizerName, with_single_digits
from prep.tokenizers.encoding.encode import open_files
from prep.tokenizers.encoding.pattern import PatternError, parse
from prep.tokenizers.judging.evaluate import evaluate
from prep.tokenizers.saving.config import CONFIG, KEPT_FILES, separator_of, separator_warning, token_name
from prep.tokenizers.saving.existing import existing_files, find_existing
from prep.tokenizers.saving.folder import LIBRARIES, Files, with_template, write_folder
from prep.tokenizers.saving.identity import check_identity
from prep.tokenizers.saving.sentencepiece_model import SPACE
from prep.tokenizers.training.counts import stretches
from prep.tokenizers.training.sample import (
    DRAWN,
    SURVEY,
    SampleSettings,
    Stratum,
    choose,
    draw,
    read_sample,
    read_strata,
    survey,
    write_strata,
)
from prep.tokenizers.training.train import (
    Kind,
    TokenizerSettings,
    control_tokens,
    fixed_tokens,
    most_learnt_tokens,
    train,
    write_counts,
)
from prep.tokenizers.training.train_sentencepiece import LONGEST_TEXT

LOOK, CHOOSE, DRAW, COUNT, TRAIN, TAKE = "look", "choose", "draw", "count", "train", "take"

IDS_OF_16_BITS = 1 << 16
LEAST = 300
"""The smallest vocabulary: a byte-level one has 256 bytes before it learns anything."""

BYTE_LEVEL_ONLY = ("pre_tokenizer", "pattern", "memory", "begin_token")
SENTENCEPIECE_ONLY = ("character_coverage", "user_symbols")
TAKES = ("existing", "pre_tokenizer", "pattern", "separator", "chat_template")
"""Options that an existing tokenizer takes."""
SAMPLED = ("id", "text", "source", "language")
"""Columns that decide the sample, the last two where there are any."""

IN_CARD = tuple(field.name for field in fields(Stratum) if not field.name.startswith("last"))
"""What the card says of each source and language."""

Weights = Mapping[str, Annotated[float, Field(ge=0)]]
Token = Annotated[str, Field(min_length=1)]


class TrainTokenizer(GlobalStage, GivesTokenizer):
    """Train a tokenizer on a sample of the documents, or take one that exists.

    Makes `tokenizer/`, a folder that transformers' AutoTokenizer opens, and sentencepiece or tiktoken where the
    tokenizer is one of theirs. With `bpe` every text comes back from its ids as it was; with the sentencepiece kinds
    U+2581 comes back as a space. What looks like a control token in a document is encoded as text. The sample is the
    same however the documents are split among files and workers, and so is the tokenizer, to the byte.
    """

    example: ClassVar[str] = "- tokenizer: {kind: bpe, vocabulary: 32768}"
    name: ClassVar[str] = "tokenizer"
    does: ClassVar[str] = "training the tokenizer"
    produces: ClassVar[tuple[str, ...]] = ("tokenizer",)
    version: ClassVar[int] = 6
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    grows: ClassVar[bool] = False
    makes: ClassVar[str | None] = "tokenizer"

    existing: PathName = ""
    """Use this tokenizer instead of training one: a folder, or a file `tokenizer.json`, `*.model` (sentencepiece),
    `*.tiktoken` or `encoder.json` (GPT-2, with `vocab.bpe` beside it). Byte-level BPE or sentencepiece."""
    separator: str = ""
    """The control token of an existing tokenizer that ends documents. Left out: `eos_token` where its name is usual for
    the end of a document, else a control token with such a name, else `eos_token`. The run says which, where it is not
    `eos_token` or has an unusual name."""
    kind: Kind = "bpe"
    """`bpe` merges bytes, as GPT and Llama 3 do. `sentencepiece_bpe` merges characters, as Llama 2 and Gemma do.
    `sentencepiece_unigram` keeps the pieces that make the text most likely, as T5 does; it takes a CPU second to train
    for every 200 KB of the sample. transformers encodes with it through sentencepiece, and its own `decode` does not
    put the bytes of rare characters together."""
    vocabulary: int = Field(default=32_768, ge=LEAST, le=1_000_000)
    """Token ids, control tokens and reserved ones included. Up to 65,499 take two bytes each in shards, more take
    four: other trainers' formats say with 16 bits how many bytes an id has, and read no more than that."""
    multiple: int = Field(default=1, ge=1, le=1 << 16)
    """The vocabulary is filled with reserved tokens up to a multiple of this; 64 or 128 suit GPUs."""
    special_tokens: tuple[Token, ...] = ()
    """Further control tokens, such as `<|im_start|>`; they follow those that the kind has."""
    begin_token: str = ""
    """One of `special_tokens` that begins each document where `pack.separator` is `both`. For `bpe`, which otherwise
    has one token for both ends; the sentencepiece kinds have `<s>`."""
    chat_template: PathName = ""
    """A file with the chat template that the tokenizer's folder gets, Jinja as transformers has it; its control tokens
    are `special_tokens`. Left out: that of an existing tokenizer, if it has one."""
    reserved: int = Field(default=0, ge=0, le=100_000)
    """Further control tokens without a meaning yet: `<|reserved_0|>` and so on."""
    split_digits: bool = False
    """Keep every digit a token of its own."""
    pre_tokenizer: PreTokenizerName = "gpt2"
    """Where `bpe` cuts text before merging: the pattern of a published tokenizer. They keep digits in groups of three
    (`llama3`, `o200k`) or apart (`qwen2`), and o200k cuts words where upper case begins."""
    pattern: str = ""
    """A pattern of your own for `bpe`, in place of `pre_tokenizer`: a regular expression of characters, sets,
    alternatives, groups, greedy repeats and looks at the next character. What it does not match is cut off too.
    Encoding is slower than with the published patterns."""
    memory: int = Field(default=2 << 30, ge=64 << 20)
    """Bytes that `bpe` may use for counting and merging. Beyond that the rarest pretokens are dropped; the card says
    how many occurrences."""
    character_coverage: float = Field(default=0.9995, ge=0.98, le=1)
    """Share of the sample's characters that the sentencepiece kinds have tokens for; the rest is written in bytes."""
    user_symbols: tuple[Token, ...] = ()
    """Strings that the sentencepiece kinds take whole wherever a text holds them."""
    sample_bytes: Size = Field(default=100_000_000, ge=1, le=1 << 40)
    """Text to train on. A seeded hash of its id decides whether a document is in the sample. sentencepiece holds all
    of it in memory: five to eight times its size for BPE, up to twenty times for unigram."""
    document_bytes: Size = Field(default=65_536, ge=1, le=LONGEST_TEXT)
    """Of longer documents only the beginning is in the sample, so that no book outweighs many pages."""
    held_out_bytes: Size = Field(default=10_000_000, ge=0, le=1 << 40)
    """Text of documents outside the sample that the tokenizer is judged on: `evaluation` in the card. Where the sample
    leaves none, it is judged on the sample, and the card says so. 0 judges nothing."""
    source_weights: Weights = Field(default_factory=dict)
    """How much more densely than others a source's documents are drawn: `{books: 2}`; 0 leaves it out."""
    language_weights: Weights = Field(default_factory=dict)
    """The same by the column `language`: `{de: 2}`. It multiplies the source's weight."""
    balance: float = Field(default=1.0, ge=0, le=1)
    """Exponent on how much text each source and language has: 1 keeps their proportions, 0 gives all the same share,
    0.3 is usual for many languages."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Decides the sample."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a vocabulary that cannot be learnt or stored well, and options that have no use or no meaning."""
        if self.chat_template:
            try:
                ChatTemplate(Path(self.chat_template).read_text(encoding="utf-8"), {})
            except (OSError, ValueError, RunError) as error:
                yield Problem(f"the chat template cannot be read: {error}", ("chat_template",), "a file of Jinja")
        if self.existing:
            yield from self._problems_of_existing()
            return
        yield from self._problems_of_vocabulary(context)
        for option in self._unused:
            if option in self.model_fields_set:
                yield Problem(f"the kind {self.kind} has no use for it", (option,), hint="take it out")
        if self.pattern:
            try:
                parse(self.pattern)
            except PatternError as error:
                yield Problem(f"text cannot be cut by this pattern: {error}", ("pattern",))
        if self.language_weights and "language" not in context.schema.names:
            hint = "put the stage 'language' before it"
            yield Problem("no stage says what language documents are in", ("language_weights",), hint=hint)
        elif any("language" in stage.produces for stage in context.upstream):
            for language in self.language_weights:
                if not is_known(language):
                    hint = expected_language(language)
                    yield Problem(f"{language!r} is no language", ("language_weights", language), hint=hint)
        if self.begin_token and self.begin_token not in self.special_tokens:
            expected = f"one of special_tokens: {', '.join(self.special_tokens) or 'there are none'}"
            yield Problem("documents begin with a control token", ("begin_token",), expected, self.begin_token)
        symbols = [symbol.replace(SPACE, " ") for symbol in self.user_symbols]
        tokens = [*control_tokens(self.kind), *self.special_tokens, *symbols]
        twice = sorted({token for token in tokens if tokens.count(token) > 1})
        if twice:
            yield Problem(f"a token that there is already: {', '.join(twice)}", ("special_tokens",))

    def _problems_of_existing(self) -> Iterator[Problem]:
        try:
            find_existing(self.existing)
        except PrepError as error:
            yield Problem(str(error), ("existing",))
        for option in sorted(self.model_fields_set - set(TAKES)):
            yield Problem("an existing tokenizer is taken as it is", (option,), hint="take it out")

    def _problems_of_vocabulary(self, context: CheckContext) -> Iterator[Problem]:
        size = self.size
        if LARGEST_16_BIT_VOCABULARY < size <= IDS_OF_16_BITS:
            yield Problem(
                f"ids of this vocabulary would take four bytes in shards, though 16 bits seem to hold them: formats "
                f"that use 16 bits end at {LARGEST_16_BIT_VOCABULARY} entries",
                ("vocabulary",),
                f"at most {LARGEST_16_BIT_VOCABULARY // self.multiple * self.multiple}, or more than {IDS_OF_16_BITS}",
                f"{size}" if size == self.vocabulary else f"{size}, the next multiple of {self.multiple}",
            )
        fixed = fixed_tokens(self.kind) + len(self.control) + len(self.user_symbols)
        if size <= fixed:
            yield Problem(
                "the vocabulary leaves no tokens to be learnt", ("vocabulary",), f"more than {fixed}", str(size)
            )
        for name, text_bytes, hint in (
            ("the input", context.input_bytes, "lower it, or give more text"),
            ("the sample", self.sample_bytes, "lower it, or raise sample_bytes"),
        ):
            largest = fixed + most_learnt_tokens(self.kind, text_bytes)
            if size > largest:
                yield Problem(
                    f"{name} of {text_bytes} bytes is too small for this vocabulary",
                    ("vocabulary",),
                    f"at most {largest}" if largest >= LEAST else "a larger input",
                    str(size),
                    hint if largest >= LEAST else "give more text, or take a tokenizer that exists",
                )

    def has_template(self) -> bool:
        """Say whether the tokenizer's folder will have a chat template: that of the options, or an existing one."""
        if self.chat_template or not self.existing:
            return bool(self.chat_template)
        try:
            return bool(find_template(str(Path(find_existing(self.existing)).parent)))
        except (PrepError, OSError, ValueError):
            return False

    def files(self) -> Mapping[str, str]:
        """Return the files that define an existing tokenizer, and the chat template."""
        template = {"chat_template": self.chat_template} if self.chat_template else {}
        if not self.existing:
            return template
        file = find_existing(self.existing)
        beside = {name: str(Path(file).with_name(name)) for name in KEPT_FILES}
        found = {f"existing: {name}": path for name, path in beside.items() if Path(path).exists()}
        return {"existing": file, **found, **template}

    def identity(self) -> dict[str, object]:
        """Return the settings without the template's path."""
        return self.model_dump(mode="json", exclude={"chat_template"})

    @property
    def _unused(self) -> tuple[str, ...]:
        """The options that the kind has no use for."""
        return ("separator", *(SENTENCEPIECE_ONLY if self.kind == "bpe" else BYTE_LEVEL_ONLY))

    @property
    def size(self) -> int:
        """The vocabulary, filled up to the multiple."""
        return -(-self.vocabulary // self.multiple) * self.multiple

    @property
    def control(self) -> tuple[str, ...]:
        """The control tokens beyond those that the kind has."""
        reserved = self.reserved + self.size - self.vocabulary
        return (*self.special_tokens, *(f"<|reserved_{index}|>" for index in range(reserved)))

    def settings(self) -> TokenizerSettings:
        """Return what to train."""
        pattern = self.pattern or PATTERNS[self.pre_tokenizer]
        return TokenizerSettings(
            kind=self.kind,
            vocabulary=self.size,
            control=self.control,
            pattern=with_single_digits(pattern) if self.split_digits else pattern,
            memory=self.memory,
            character_coverage=self.character_coverage,
            user_symbols=self.user_symbols,
            split_digits=self.split_digits,
            begin=self.begin_token,
        )

    def smaller(self) -> "TrainTokenizer | None":
        """Return the stage with half the vocabulary; None for an existing tokenizer, and where hardly any is left."""
        least = max(LEAST, fixed_tokens(self.kind) + len(self.control) + len(self.user_symbols) + 1)
        if self.existing or self.vocabulary // 2 < least:
            return None
        return self.model_copy(update={"vocabulary": self.vocabulary // 2})

    def amount(self, phase: str, text_bytes: float) -> float:
        """Return the bytes of text: for training, those of the sample."""
        if phase == TAKE:
            return 1
        return min(text_bytes, self.sample_bytes + self.held_out_bytes) if phase in (COUNT, TRAIN) else text_bytes

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: look at each part, choose the sample, draw it from each part, count, train."""
        if self.existing:
            return (Phase(TAKE, 1),)
        counting = [Phase(COUNT, stretches(self.sample_bytes))] if self.kind == "bpe" else []
        return Phase(LOOK, parts), Phase(CHOOSE, 1), Phase(DRAW, parts), *counting, Phase(TRAIN, 1)

    def is_light(self, phase: str) -> bool:
        """Return whether nothing is trained."""
        return phase != TRAIN

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those that look at all documents count them."""
        if phase == TAKE:
            pattern = self.pattern or (PATTERNS[self.pre_tokenizer] if "pre_tokenizer" in self.model_fields_set else "")
            self._take(context, existing_files(self.existing, pattern, self.separator))
            return None
        strata = join(context.scratch, "strata.json")
        if phase == CHOOSE:
            write_strata(strata, choose(_tables(context, LOOK), self.sample_settings()))
        elif phase == COUNT:
            part = read_sample(_tables(context, DRAW)).stretch(task, stretches(self.sample_bytes))
            write_counts(_table(context, COUNT, task), part.texts(), self.settings())
        elif phase == TRAIN:
            self._train(context, read_strata(strata))
        else:
            batches = context.upstream.documents(task, SAMPLED)
            settings, path = self.sample_settings(), _table(context, phase, task)
            if phase == LOOK:
                looked_at: list[int] = []
                write_batches(path, SURVEY, (survey(batch, settings) for batch in _counted(batches, looked_at)))
                return PartVerdicts.keeping(sum(looked_at))
            chosen = read_strata(strata)
            write_batches(path, DRAWN, (draw(batch, settings, chosen) for batch in batches))
        return None

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of documents that do not come back from their ids, and of a separator that may not be what was meant."""
        card = read_json(join(results.output, "card.json"))
        if warning := card.get("warning"):
            yield RunWarning("separator", f"{self.name}: {warning}", "prep report {output}")
        evaluation = card.get("evaluation")
        if isinstance(evaluation, dict) and evaluation["failures"]:
            failures, documents = evaluation["failures"], evaluation["documents"]
            message = f"{self.name}: {failures:,} of {documents:,} documents do not come back as they were"
            command = "prep tokenizer evaluate {output}/tokenizer {output}/documents"
            yield RunWarning("text_not_given_back", message, command)

    def sample_settings(self) -> SampleSettings:
        """Return what decides the sample."""
        return SampleSettings(
            sample_bytes=self.sample_bytes,
            document_bytes=self.document_bytes,
            seed=self.seed,
            source_weights=self.source_weights,
            language_weights=self.language_weights,
            balance=self.balance,
            held_out_bytes=self.held_out_bytes,
        )

    def _train(self, context: GlobalContext, strata: tuple[Stratum, ...]) -> None:
        tables = _tables(context, DRAW)
        sample = read_sample(tables)
        counts = [_table(context, COUNT, number) for number in range(stretches(self.sample_bytes))]
        trained = train(sample, self.settings(), counts)
        card = {
            "settings": self.model_dump(mode="json", exclude={"chat_template", *self._unused}),
            "control_tokens": {token: index for index, token in enumerate((*control_tokens(self.kind), *self.control))},
            "sample": [{name: vars(stratum)[name] for name in IN_CARD} for stratum in strata],
            "dropped_pretokens": trained.dropped,
            "identity": check_identity(trained.files, self.user_symbols),
        }
        if self.held_out_bytes:
            held_out = read_sample(tables, held_out=True)
            texts = held_out if len(held_out) else sample
            evaluation = evaluate("", open_files(trained.files), texts.batches())
            card["evaluation"] = {"on": "held out" if len(held_out) else "the sample", **evaluation.as_json()}
        write_folder(context.output, self._with_template(trained.files), card)

    def _take(self, context: GlobalContext, files: Files) -> None:
        """Write an existing tokenizer's folder."""
        config = json.loads(files[CONFIG])
        separator, eos = separator_of(config), token_name(config.get("eos_token"))
        card = {
            "settings": {"existing": self.existing},
            "separator": separator,
            "identity": check_identity(files),
        }
        warning = None if self.separator else separator_warning(separator, eos)
        card = card if warning is None else {**card, "warning": warning}
        write_folder(context.output, self._with_template(files), card)

    def _with_template(self, files: Files) -> Files:
        """Return a folder's files with the chat template of the options, if there is one, in place of another."""
        return with_template(files, Path(self.chat_template).read_bytes()) if self.chat_template else files


def _counted(batches: Iterator[pa.RecordBatch], counts: list[int]) -> Iterator[pa.RecordBatch]:
    """Pass batches on, adding the number of documents of each to the counts."""
    for batch in batches:
        counts.append(batch.num_rows)
        yield batch


def _table(context: GlobalContext, phase: str, part: int) -> str:
    return join(context.scratch, phase, f"{part:05d}.arrow")


def _tables(context: GlobalContext, phase: str) -> list[str]:
    return [_table(context, phase, part) for part in range(len(context.upstream.parts))]
