"""Packs documents into rows of one length: the shards that trainers read."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from prep.corpus.errors import Problem
from prep.corpus.shards import token_dtype
from prep.stages.pack.plan import Packing, Strategy, make_plan
from prep.stages.pack.tokens import RowFormat, read_sizes, tokenize_part
from prep.stages.pack.write import write_manifests, write_share
from prep.stages.stage import CheckContext, GlobalContext, GlobalStage, Phase

TOKENIZE, PLAN, WRITE, FINISH = "tokenize", "plan", "write", "finish"


class Pack(GlobalStage):
    """Turn documents into token ids and pack them into rows of one length.

    Makes `shards/train` and `shards/validation`, each a folder that `datasets.load_from_disk` opens; `shards` itself
    opens as both. A separator ends every document. Nothing is cropped: every token of every document lies in exactly
    one row. A document longer than a row is cut; what is left over beside full rows is its beginning, so that only the
    first piece of a row can continue a document begun in another. Each row tells the lengths of its pieces, their
    documents and where in its document the first one begins (`prep.corpus.shards`). Rows are shuffled.
    """

    name: ClassVar[str] = "pack"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "sentencepiece", "tokenizers")
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    makes: ClassVar[str | None] = "shards"
    needs: ClassVar[tuple[str, ...]] = ("tokenizer",)

    length: int = Field(default=2048, ge=2, le=1 << 20)
    """Tokens in a row."""
    strategy: Strategy = "best_fit"
    """How documents come into rows. `best_fit` cuts only those longer than a row, and puts each piece where it leaves
    the fewest places free; those are padding, about one in a thousand. `concatenate` lays documents end to end and cuts
    wherever a row is full: no padding, but many documents cut."""
    window: int = Field(default=10_000, ge=1)
    """Documents that `best_fit` sorts by length and places before it goes on to the next; more leave less padding."""
    minimum_piece: int = Field(default=1, ge=1)
    """No cut leaves a piece of fewer tokens; `concatenate` leaves places free instead. At most half a row."""
    validation: float = Field(default=0.01, ge=0, lt=1)
    """Share of the documents that are kept for validation. A hash of its id and the seed decides for each document, so
    the choice depends neither on the order of the documents nor on the others. Two documents or more are never all on
    one side: the lowest hash is for validation, the highest for training. 0 keeps none."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Decides the validation documents and the order of the rows."""
    shard_bytes: int = Field(default=256 << 20, ge=1)
    """Largest size of a shard, in bytes of token ids. Shards of a split differ by one row at most."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a minimum piece that rows have no room for."""
        if 2 * self.minimum_piece > self.length:
            yield Problem(
                "a document cut at the end of a row can leave pieces that short",
                ("minimum_piece",),
                f"at most {self.length // 2}, half of length",
                str(self.minimum_piece),
            )

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: tokens part by part, a plan of the rows, the shards in as many tasks, the manifests."""
        return Phase(TOKENIZE, parts), Phase(PLAN, 1), Phase(WRITE, parts), Phase(FINISH, 1)

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        """Run one task."""
        from prep.tokenizers.encode import open_tokenizer

        tokenizer = open_tokenizer(context.artefacts["tokenizer"])
        rows = RowFormat(
            length=self.length,
            dtype=token_dtype(tokenizer.vocabulary),
            vocabulary=tokenizer.vocabulary,
            separator_id=tokenizer.separator_id,
            padding_id=tokenizer.padding_id,
            tokenizer_sha256=tokenizer.sha256,
        )
        if phase == TOKENIZE:
            tokenize_part(task, context, tokenizer.encode_column, rows, self.seed)
        elif phase == PLAN:
            documents = read_sizes(context.scratch, len(context.upstream.parts), rows.dtype)
            packing = Packing(self.strategy, self.length, self.minimum_piece, self.window)
            make_plan(documents, packing, self.validation, self.seed, context.scratch)
        elif phase == WRITE:
            write_share(task, context, rows, self.shard_bytes)
        else:
            write_manifests(context, rows, self.strategy, self.seed, self.shard_bytes)
