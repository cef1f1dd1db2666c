"""Packs documents into rows of one length: the shards that trainers read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import is_number
from prep.corpus.arrow.documents import CONVERSATION
from prep.corpus.errors import Problem, RunError
from prep.corpus.files.storage import join
from prep.corpus.shards.shards import read_manifest, token_dtype
from prep.corpus.shards.splits import SPLITS, TRAIN, VALIDATION
from prep.stages.pack.chat import Chat, ConversationEncoder
from prep.stages.pack.left_out import left_out
from prep.stages.pack.merge import groups, merge_group
from prep.stages.pack.mixture import Mixture
from prep.stages.pack.plan import Packing, PlanTask, Strategy
from prep.stages.pack.scatter import scatter_share
from prep.stages.pack.tokens import Drawing, EncodedBatch, RowFormat, read_row_format, tokenize_part
from prep.stages.pack.write import write_manifests, write_share
from prep.stages.results import Results, RunWarning
from prep.stages.settings import Size
from prep.stages.shared.conversations import GivesTokenizer
from prep.stages.stage import CheckContext, GlobalStage, Phase, Stage
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts

TOKENIZE, PLAN, SCATTER, MERGE, WRITE, FINISH = "tokenize", "plan", "scatter", "merge", "write", "finish"

SplitShare = Annotated[float, Field(ge=0, lt=1)]

BYTES_PER_TOKEN = 3
"""Of an input, about, however its text is encoded and compressed."""


class Pack(GlobalStage):
    """Turn documents into token ids and pack them into rows of one length.

    Makes `shards/train`, `shards/validation` and, if asked for, `shards/test`, each a folder that
    `datasets.load_from_disk` opens; `shards` itself opens as all of them. A separator ends every document, cropped ones
    too. Nothing is cropped unless `long_documents` or a budget of the `mixture` says so: every token of every document
    is in exactly one row. A document longer than a row is cut; its first piece takes what does not fill a whole row, so
    that only the first piece of a row can continue a document from another row. Each row records the lengths of its
    pieces, their documents and where in its document the first piece begins (`prep.corpus.shards.shards`). All rows are
    shuffled. With `chat` the documents are conversations, and each row has a mask of what is learnt. The folders
    `validation` and `test` also hold `labels.parquet`, the source and language of each document.

    With `chat`, rejected are documents that are `no_conversation`, those whose text a stage has changed
    (`text_changed`), that name a `control_token`, or have `no_answer` to learn; `bad_conversation` is an error of the
    template. Documents that do not fit into a row are rejected as `long_document` with `long_documents: drop`;
    `not_in_mixture` and `over_budget` are what a mixture leaves out.
    """

    example: ClassVar[str] = "- pack: {length: 2048, validation: 0.01}"
    name: ClassVar[str] = "pack"
    does: ClassVar[str] = "packing"
    produces: ClassVar[tuple[str, ...]] = ("shards",)
    version: ClassVar[int] = 8
    libraries: ClassVar[tuple[str, ...]] = ("jinja2", "numpy", "sentencepiece", "tokenizers")
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    makes: ClassVar[str | None] = "shards"
    needs: ClassVar[tuple[str, ...]] = ("tokenizer",)

    length: int = Field(default=2048, ge=2, le=1 << 20)
    """Tokens in a row."""
    strategy: Strategy = "best_fit"
    """How documents come into rows. `best_fit` cuts only those longer than a row, and puts each piece where it leaves
    the fewest places free; those are padding, about one in a thousand. `concatenate` lays documents end to end and cuts
    wherever a row is full: no padding, but many documents cut. `one_per_row` gives each document a row of its own, or
    as many as it fills."""
    window: int = Field(default=100_000, ge=1)
    """Documents that `best_fit` sorts by length and places together; more leave less padding and take more memory,
    some 100 bytes each."""
    minimum_piece: int = Field(default=1, ge=1)
    """No cut leaves a piece of fewer tokens; `concatenate` leaves places free instead. At most half a row."""
    long_documents: Literal["split", "crop", "drop"] | None = None
    """What becomes of documents longer than a row: cut into pieces, all of which are kept (`split`); only the
    beginning is kept (`crop`); or they are rejected as `long_document` (`drop`). Left out: `split`, and `crop` of
    conversations."""
    separator: Literal["after", "before", "both"] = "after"
    """Whether the separator ends each document or begins it. `both`: the tokenizer's beginning token begins it and the
    separator ends it, as Llama 3 and Gemma have them; they are different tokens. A cropped document has its separator
    too, in place of its last token."""
    chat: Chat | None = None
    """How conversations become tokens (`read` with `conversations: true`), by the tokenizer's chat template; `chat: {}`
    takes it as it is. Only what the assistant says is learnt. Left out: documents are text."""
    mixture: Mixture | None = None
    """How many tokens of which documents the training rows hold, how often they may come, and in which order. Left
    out: every document once. Validation and test are not mixed."""
    validation: SplitShare = 0.01
    """Share of the documents that are kept for validation. A hash of its id and the seed decides for each document, so
    the choice depends neither on the order of the documents nor on the others. Two documents or more are never all on
    one side: the lowest hash is for validation, the highest for training. 0 keeps none."""
    test: SplitShare = 0
    """Share of the documents that are kept for a test; 0 makes none."""
    split_by: str = Field(default="id", min_length=1)
    """The column whose values are hashed to draw the splits. Documents with the same value are in the same split: with
    the clusters of a deduplication that keeps near-duplicates, these never straddle splits."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Decides the splits, the order in which a mixture takes documents, and the order of the rows."""
    shard_bytes: Size = Field(default=256 << 20, ge=1)
    """Largest size of a shard, in bytes of token ids. Shards of a split differ by one row at most. A task holds one
    shard in memory."""

    @property
    def _splits(self) -> tuple[str, ...]:
        return SPLITS if self.test else SPLITS[:2]

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield pieces too long for rows, shares that leave nothing, and columns that no stage makes."""
        if 2 * self.minimum_piece > self.length:
            yield Problem(
                "a document cut at the end of a row can leave pieces that short",
                ("minimum_piece",),
                f"at most {self.length // 2}, half of length",
                str(self.minimum_piece),
            )
        if self.validation + self.test >= 1:
            yield Problem(
                "no document would be left for training",
                ("validation",),
                "validation and test to be less than 1 together",
                str(self.validation + self.test),
            )
        names = context.schema.names
        looked_at: list[tuple[tuple[str, ...], str]] = [(("split_by",), self.split_by)]
        if self.mixture is not None:
            looked_at += [(("mixture", "by"), name) for name in self.mixture.columns]
            if self.mixture.curve is not None:
                looked_at.append((("mixture", "curve", "score"), self.mixture.curve.score))
        missing = [(location, column) for location, column in looked_at if column not in names]
        for location, column in missing:
            yield Problem("no stage before makes this column", location, f"one of {', '.join(names)}", column)
        yield from self._chat_problems(names, context.upstream)
        if self.mixture is not None and not missing:
            yield from self._mixture_problems(self.mixture, context.schema)

    @staticmethod
    def _mixture_problems(mixture: Mixture, schema: pa.Schema) -> Iterator[Problem]:
        """Yield columns that cannot be grouped or ranked by as the mixture says."""
        numeric = [name for name in mixture.columns if is_number(schema.field(name).type)]
        if len(numeric) != (mixture.buckets is not None):
            yield Problem(
                "one column of numbers is divided into groups by buckets, other columns by their values",
                ("mixture", "buckets"),
                "names and least values"
                if len(numeric) == 1
                else "nothing"
                if not numeric
                else "one column of numbers",
                str(mixture.buckets) if len(numeric) < 2 else ", ".join(numeric),
            )
        if mixture.curve is not None and not is_number(schema.field(mixture.curve.score).type):
            kind = str(schema.field(mixture.curve.score).type)
            yield Problem("this column cannot be ranked by", ("mixture", "curve", "score"), "numbers", kind)

    def _chat_problems(self, names: Sequence[str], upstream: Sequence[Stage]) -> Iterator[Problem]:
        if self.chat is None:
            return
        if CONVERSATION.name not in names:
            hint = "set conversations: true in read"
            yield Problem("no stage before makes conversations", ("chat",), f"a column {CONVERSATION.name}", hint=hint)
        if self.strategy == "concatenate" or self.long_documents == "split":
            option = "strategy" if self.strategy == "concatenate" else "long_documents"
            expected = "best_fit or one_per_row" if self.strategy == "concatenate" else "crop or drop"
            yield Problem("conversations are not continued in other rows", (option,), expected, getattr(self, option))
        if "separator" in self.model_fields_set:
            yield Problem("the template delimits conversations", ("separator",), hint="take it out")
        yield from self.chat.problems([stage for stage in upstream if isinstance(stage, GivesTokenizer)])

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Yield that conversations are packed as text, where they are, and that the input is too small for a row."""
        if context.input_bytes < BYTES_PER_TOKEN * self.length:
            length = max(1, context.input_bytes // (8 * BYTES_PER_TOKEN))
            yield (
                f"the input of {context.input_bytes:,} bytes hardly fills a row of {self.length:,} tokens; set "
                f"pack.length to {length:,} or less, or give more documents"
            )
        if self.chat is None and CONVERSATION.name in context.schema.names:
            yield "conversations are packed as text, without their turns; set pack.chat to learn the answers alone"

    def files(self) -> Mapping[str, str]:
        """Return the chat template, where it is not the tokenizer's."""
        return {"chat.template": self.chat.template} if self.chat is not None and self.chat.template else {}

    def identity(self) -> dict[str, object]:
        """Return the settings without the template's path."""
        return self.model_dump(mode="json", exclude={"chat": {"template"}})

    def abridged(self, run: int, share: float) -> "Pack":
        """Return the stage with a mixture of so large a share of the tokens."""
        return self if self.mixture is None else self.model_copy(update={"mixture": self.mixture.of_share(share)})

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: tokens part by part, a plan of rows, rows scattered (and merged), shards, manifests."""
        return (
            Phase(TOKENIZE, parts),
            Phase(PLAN, 1),
            Phase(SCATTER, parts),
            *([Phase(MERGE, groups(parts))] if groups(parts) else []),
            Phase(WRITE, parts),
            Phase(FINISH, 1),
        )

    def is_light(self, phase: str) -> bool:
        """Return True: texts become tokens once, which are copied a few times."""
        return True

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task."""
        parts = len(context.upstream.parts)
        if phase == TOKENIZE:
            from prep.tokenizers.encoding.encode import open_tokenizer

            tokenizer = open_tokenizer(context.artefacts["tokenizer"])
            begin_id = tokenizer.begin_id if self.separator == "both" else None
            if self.separator == "both" and self.chat is None and begin_id is None:
                raise RunError(
                    "pack.separator: both needs a tokenizer with a token of its own that begins documents; seen one "
                    "token for both ends; set tokenizer.begin_token, or separator to after or before"
                )
            rows = RowFormat(
                length=self.length,
                dtype=token_dtype(tokenizer.vocabulary),
                vocabulary=tokenizer.vocabulary,
                separator_id=tokenizer.separator_id,
                separator=self.separator if self.chat is None else "none",
                begin_id=begin_id,
                padding_id=tokenizer.padding_id,
                tokenizer_sha256=tokenizer.sha256,
                loss_mask=self.chat is not None,
            )
            drawing = Drawing(self.seed, self.split_by, self.mixture)
            if self.chat is None:
                tokenize_part(
                    task,
                    context,
                    lambda batch: EncodedBatch(*tokenizer.encode_column(batch.column("text"))),
                    rows,
                    drawing,
                )
                return None
            longest = self.length if self._long_documents == "crop" else None
            encoder = ConversationEncoder(context.artefacts["tokenizer"], self.chat, rows.dtype, longest)
            tokenize_part(task, context, encoder.encode, rows, drawing, ("text", CONVERSATION.name))
            return None
        rows = read_row_format(context.scratch)
        plan = PlanTask(
            context.scratch,
            context.output,
            parts,
            rows.dtype,
            self._packing(),
            self.mixture,
            self.validation,
            self.test,
        )
        if phase == PLAN:
            plan.run()
        elif phase == SCATTER:
            scatter_share(task, parts, context.scratch, rows, self.seed, self._splits)
            return left_out(task, context, plan)
        elif phase == MERGE:
            merge_group(task, parts, context.scratch, rows, self.shard_bytes, self._splits)
        elif phase == WRITE:
            write_share(task, context, rows, self.shard_bytes, self._splits)
        else:
            write_manifests(context, rows, self.strategy, self.seed, self.shard_bytes, self._splits)
        return None

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of a training split that does not fill a row, and of a validation split too small to measure by."""
        tokens = read_manifest(join(results.output, TRAIN)).tokens
        if tokens < self.length:
            message = (
                f"{self.name}: the training split has {tokens:,} tokens, which do not fill one row of {self.length:,}; "
                + (f"set pack.length to {max(2, tokens)} or less, or give more documents" if tokens else "it is empty")
            )
            yield RunWarning("training_tokens", message, "prep report {output}")
        cropped = sum(read_manifest(join(results.output, split)).cropped_documents for split in self._splits)
        if self.chat is not None and self.mixture is None and cropped:
            message = (
                f"{self.name}: {cropped:,} conversations are longer than {self.length:,} tokens and lose their end"
            )
            yield RunWarning("cropped_conversations", message, "prep report {output}")
        rows = read_manifest(join(results.output, VALIDATION)).rows
        if self.validation and rows < results.thresholds.validation_rows:
            message = f"{self.name}: the validation split has {rows:,} rows of {self.length} tokens; its loss is noise"
            yield RunWarning("validation_rows", message, "prep report {output}")

    def documents_in(self, output: str) -> int:
        """Return how many documents the shards of all splits hold, each as often as it comes."""
        return sum(read_manifest(join(output, split)).documents for split in self._splits)

    def _packing(self) -> Packing:
        long = self._long_documents
        separators = 2 if self.separator == "both" else 1
        return Packing(
            self.strategy, self.length, self.minimum_piece, self.window, long == "crop", long == "drop", separators
        )

    @property
    def _long_documents(self) -> Literal["split", "crop", "drop"]:
        return self.long_documents or ("split" if self.chat is None else "crop")
