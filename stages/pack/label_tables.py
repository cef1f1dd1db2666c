"""Writes which source and language the documents of a split have, in a table in the folder of its shards.

The names of a label stand in the order in which they first come among all documents, so that the table depends neither
on the parts nor on the batches.
"""

import numpy as np
import pyarrow as pa

from prep.corpus.shards.labels import LABELS, write_labels
from prep.corpus.shards.shards import ShardFile
from prep.corpus.shards.splits import TRAIN
from prep.stages.pack.plan import read_split_rule
from prep.stages.pack.tokens import read_parts


def write_split_labels(folder: str, scratch: str, parts: int, dtype: str, split: str) -> ShardFile | None:
    """Write the labels of a split's documents; None for training, and where documents have none."""
    if split == TRAIN:
        return None
    rule = read_split_rule(scratch)
    tables = []
    for part in read_parts(scratch, parts, dtype):
        here = np.flatnonzero(rule.chosen(part.split_hashes, split))
        columns: dict[str, pa.Array] = {"document": pa.array(part.first + here, pa.int64())}
        for name in LABELS:
            if name in part.labels:
                codes, names = part.labels[name]
                columns[name] = pa.DictionaryArray.from_arrays(codes[here], pa.array(names, pa.string()))
        tables.append(pa.table(columns))
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return write_labels(folder, table) if table.num_columns > 1 else None
