"""Hugging Face `datasets`, as TRL takes packed rows: `input_ids` without padding and `seq_lengths`, both lists.

Conversations have `labels` too: the ids that are to be learnt, −100 for all others, as TRL makes them itself of chats.
Arrow stream files, which `datasets.load_from_disk` maps into memory. TRL's collator makes the positions of each piece
from `seq_lengths`. Source: trl, trainer/sft_trainer.py, DataCollatorForLanguageModeling.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa

from prep.corpus.files.storage import atomic_output, join
from prep.corpus.shards.hugging_face import list_feature, write_dataset, write_splits
from prep.corpus.shards.row_kernels import IGNORED
from prep.exports.format import Format, Split, delimited

FILE_BYTES = 256 << 20
BATCH_BYTES = 16 << 20
COLUMNS = ("input_ids", "seq_lengths")
LABELS = "labels"


class HuggingFace(Format):
    """Rows as they were packed, without their padding."""

    name: ClassVar[str] = "trl"
    reader: ClassVar[str] = "TRL, datasets, transformers"
    documents: ClassVar[bool] = False
    masks: ClassVar[bool] = True

    def tasks(self, split: Split) -> int:
        """Return one task for each file; a split without rows has one file."""
        return max(1, -(-len(split.reader) // self._file_rows(split)))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a file."""
        first = task * self._file_rows(split)
        end = min(len(split.reader), first + self._file_rows(split))
        with (
            atomic_output(join(output, split.name, _name(task))) as sink,
            pa.ipc.new_stream(sink, _schema(split)) as writer,
        ):
            for batch in _batches(split, first, end):
                writer.write_batch(batch)

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Write what `datasets` needs to open the folder."""
        for split in splits:
            features = {name: list_feature("int32") for name in _schema(split).names}
            files = [_name(task) for task in range(self.tasks(split))]
            write_dataset(join(output, split.name), files, features, split.reader.manifest.fingerprint)
        write_splits(output, [split.name for split in splits])

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return how TRL is given the rows."""
        learnt = any(split.reader.manifest.loss_mask for split in splits)
        return (
            f'datasets = load_from_disk("{output}")\n'
            f'SFTTrainer(model, train_dataset=datasets["{splits[0].name}"], args=SFTConfig(padding_free=True,\n'
            '  dataset_kwargs={"skip_prepare_dataset": True})) with attn_implementation="flash_attention_2";\n'
            + (
                "seq_lengths are the tokens of each conversation, which the chat template delimits; labels are -100\n"
                "  where nothing is to be learnt."
                if learnt
                else f"seq_lengths are the tokens of each piece of a document, {delimited(splits)} document;\n"
                "  they keep documents apart. A row's first piece may continue a document from another row."
            )
        )

    def _file_rows(self, split: Split) -> int:
        row_bytes = split.reader.manifest.length * 4
        return max(1, (self.settings.file_bytes or FILE_BYTES) // row_bytes)


def _schema(split: Split) -> pa.Schema:
    names = (*COLUMNS, LABELS) if split.reader.manifest.loss_mask else COLUMNS
    return pa.schema([pa.field(name, pa.list_(pa.int32())) for name in names])


def _batches(split: Split, first: int, end: int) -> Iterator[pa.RecordBatch]:
    """Yield rows without their padding."""
    length = split.reader.manifest.length
    step = max(1, BATCH_BYTES // (4 * length))
    for start in range(first, end, step):
        rows = np.arange(start, min(end, start + step))
        pieces, ids = split.reader.pieces(rows), split.reader.gather(rows, "int32")
        before = np.append(0, np.cumsum(pieces.lengths, dtype=np.int64))[pieces.offsets]
        kept = np.arange(length) < np.diff(before)[:, None]
        columns = [
            pa.ListArray.from_arrays(pa.array(before.astype(np.int32)), pa.array(ids[kept])),
            pa.ListArray.from_arrays(pa.array(pieces.offsets), pa.array(pieces.lengths)),
        ]
        mask = split.reader.loss_mask(rows)
        if mask is not None:
            labels = np.where(mask == 1, ids, np.int32(IGNORED))[kept]
            columns.append(pa.ListArray.from_arrays(columns[0].offsets, pa.array(labels)))
        yield pa.RecordBatch.from_arrays(columns, schema=_schema(split))


def _name(task: int) -> str:
    return f"data-{task:05d}.arrow"
