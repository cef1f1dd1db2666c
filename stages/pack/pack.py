"""Packs documents into rows of one length: the shards that trainers read."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from prep.corpus.errors import Problem, RunError
from prep.corpus.files.storage import join
from prep.corpus.shards.shards import read_manifest, token_dtype
from prep.corpus.shards.splits import SPLITS, TRAIN, VALIDATION
from prep.stages.pack.left_out import left_out
from prep.stages.pack.mixture import Mixture
from prep.stages.pack.plan import Packing, PlanTask, Strategy
from prep.stages.pack.scatter import scatter_share
from prep.stages.pack.tokens import Drawing, RowFormat, read_part, read_row_format, tokenize_part
from prep.stages.pack.write import write_manifests, write_share
from prep.stages.results import Results, RunWarning
from prep.stages.stage import CheckContext, GlobalStage, PartVerdicts, Phase
from prep.stages.upstream import GlobalContext

TOKENIZE, PLAN, SCATTER, WRITE, FINISH = "tokenize", "plan", "scatter", "write", "finish"

SplitShare = Annotated[float, Field(ge=0, lt=1)]


class Pack(GlobalStage):
    """Turn documents into token ids and pack them into rows of one length.

    Makes `shards/train`, `shards/validation` and, if asked for, `shards/test`, each a folder that
    `datasets.load_from_disk` opens; `shards` itself opens as all of them. A separator ends every document, cropped ones
    too. Nothing is cropped unless `long_documents` or a budget of the `mixture` says so: every token of every document
    is in exactly one row. A document longer than a row is cut; its first piece takes what does not fill a whole row, so
    that only the first piece of a row can continue a document from another row. Each row records the lengths of its
    pieces, their documents and where in its document the first piece begins (`prep.corpus.shards.shards`). All rows are
    shuffled. The folders `validation` and `test` also hold `labels.parquet`, the source and language of each document.
    """

    name: ClassVar[str] = "pack"
    produces: ClassVar[tuple[str, ...]] = ("shards",)
    version: ClassVar[int] = 6
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "sentencepiece", "tokenizers")
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
    long_documents: Literal["split", "crop"] = "split"
    """What becomes of documents longer than a row: cut into pieces, all of which are kept; or only the beginning is."""
    separator: Literal["after", "before", "both"] = "after"
    """Whether the separator ends each document or begins it. `both`: the tokenizer's beginning token begins it and the
    separator ends it, as Llama 3 and Gemma have them; they are different tokens. A cropped document has its separator
    too, in place of its last token."""
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
    shard_bytes: int = Field(default=256 << 20, ge=1)
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
        looked_at: dict[tuple[str, ...], str] = {("split_by",): self.split_by}
        if self.mixture is not None:
            looked_at["mixture", "by"] = self.mixture.by
        for location, column in looked_at.items():
            if column not in names:
                yield Problem("no stage before makes this column", location, f"one of {', '.join(names)}", column)
        if self.mixture is not None and self.mixture.by in names:
            numeric = _is_number(context.schema.field(self.mixture.by).type)
            if numeric != (self.mixture.buckets is not None):
                yield Problem(
                    "numbers are divided into groups by buckets, other columns by their values",
                    ("mixture", "buckets"),
                    "names and least values" if numeric else "nothing",
                    str(self.mixture.buckets),
                )

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: tokens part by part, a plan of the rows, rows scattered, shards, manifests."""
        return (
            Phase(TOKENIZE, parts),
            Phase(PLAN, 1),
            Phase(SCATTER, parts),
            Phase(WRITE, parts),
            Phase(FINISH, 1),
        )

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task."""
        parts = len(context.upstream.parts)
        if phase == TOKENIZE:
            from prep.tokenizers.encoding.encode import open_tokenizer

            tokenizer = open_tokenizer(context.artefacts["tokenizer"])
            begin_id = tokenizer.begin_id if self.separator == "both" else None
            if self.separator == "both" and begin_id is None:
                raise RunError(
                    "pack.separator: both needs a tokenizer with a token of its own that begins documents; seen one "
                    "token for both ends; set tokenizer.begin_token, or separator to after or before"
                )
            rows = RowFormat(
                length=self.length,
                dtype=token_dtype(tokenizer.vocabulary),
                vocabulary=tokenizer.vocabulary,
                separator_id=tokenizer.separator_id,
                separator=self.separator,
                begin_id=begin_id,
                padding_id=tokenizer.padding_id,
                tokenizer_sha256=tokenizer.sha256,
            )
            drawing = Drawing(self.seed, self.split_by, self.mixture)
            tokenize_part(task, context, tokenizer.encode_column, rows, drawing)
            return None
        rows = read_row_format(context.scratch)
        plan = PlanTask(context.scratch, parts, rows.dtype, self._packing(), self.mixture, self.validation, self.test)
        if phase == PLAN:
            plan.run()
        elif phase == SCATTER:
            scatter_share(task, parts, context.scratch, rows, self.seed, self._splits)
            if self.mixture is not None:
                return left_out(task, context, plan)
            return PartVerdicts.keeping(len(read_part(context.scratch, task, rows.dtype).tokens))
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
        rows = read_manifest(join(results.output, VALIDATION)).rows
        if self.validation and rows < results.thresholds.validation_rows:
            message = f"{self.name}: the validation split has {rows:,} rows of {self.length} tokens; its loss is noise"
            yield RunWarning("validation_rows", message, "prep report {output}")

    def documents_in(self, output: str) -> int:
        """Return how many documents the shards of all splits hold, each as often as it comes."""
        return sum(read_manifest(join(output, split)).documents for split in self._splits)

    def _packing(self) -> Packing:
        crop = self.long_documents == "crop"
        separators = 2 if self.separator == "both" else 1
        return Packing(self.strategy, self.length, self.minimum_piece, self.window, crop, separators)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
