"""Texts of rejected documents, where the configuration asks for them: all, or a sample.

    NN-title-fingerprint/rejected_texts/00000.parquet           of a pass
    NN-title-fingerprint/output/rejected_texts/00000.parquet    of a Global stage

A text is as the stage that rejected the document met it. What has no text, such as a page that nothing could be
extracted from, is not kept. The sample is decided by the hash of the document's id, so that it is the same however
documents are spread over tasks and batches, and a document is in it whichever stage rejects it.
"""

from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import set_column, string_buffers
from prep.corpus.arrow.documents import ID, TEXT
from prep.tokenizers.row_kernels import hash_rows

REJECTED_TEXTS = "rejected_texts"
"""The folder's name, also in the output folder."""
RejectedText = Literal["none", "sample", "all"]
ONE_IN: Final = 20
"""Of a sample."""
_SEED = np.uint64(0x70726570)
SCHEMA = pa.schema([ID, pa.field("stage", pa.string()), pa.field("rule", pa.string()), TEXT])


def with_texts(recorded: pa.RecordBatch, documents: pa.RecordBatch) -> pa.RecordBatch:
    """Return what is recorded of rejected documents with their texts, null where they have none."""
    there = TEXT.name in documents.schema.names
    texts = documents.column(TEXT.name).cast(TEXT.type) if there else pa.nulls(recorded.num_rows, TEXT.type)
    return set_column(recorded, TEXT.name, texts)


def texts_to_keep(choice: RejectedText, rejected: pa.RecordBatch) -> pa.RecordBatch:
    """Return what is kept (columns of SCHEMA) of rejected documents with their texts; see `with_texts`."""
    keep = rejected.column(TEXT.name).is_valid()
    if choice == "sample":
        data, offsets = string_buffers(rejected.column("id"))
        hashes = hash_rows(data, offsets[:-1], offsets[1:], _SEED)
        keep = pc.and_(keep, pa.array(hashes % np.uint64(ONE_IN) == 0))
    columns = [rejected.column(name) for name in SCHEMA.names]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA).filter(keep)
