"""Which rows of a split each of its shards holds, once the plan stands."""

from typing import NamedTuple

from prep.stages.pack.plan import read_facts
from prep.stages.pack.tokens import RowFormat


class Shard(NamedTuple):
    """A shard to write: the rows of a split from `first` to `end`."""

    split: str
    number: int
    """Its place among those of the split."""
    first: int
    end: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"data-{self.number:05d}.arrow"


def cut_shards(split: str, rows: int, rows_per_shard: int) -> list[Shard]:
    """Return the fewest shards of at most `rows_per_shard` rows; they differ by one row at most.

    A split without rows has one shard without rows, so that it opens like any other.
    """
    count = max(1, -(-rows // rows_per_shard))
    bounds = [rows * index // count for index in range(count + 1)]
    return [Shard(split, index, *bounds[index : index + 2]) for index in range(count)]


def planned_shards(scratch: str, split: str, rows: RowFormat, shard_bytes: int) -> list[Shard]:
    """Return the shards of a split, of at most so many bytes of ids each, or one row."""
    return cut_shards(split, read_facts(scratch, split).rows, max(1, shard_bytes // rows.row_bytes))
