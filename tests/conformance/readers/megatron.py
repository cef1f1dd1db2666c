"""Reads a Megatron export with Megatron Core: python megatron.py PREFIX LENGTH OUT.npz VOCABULARY SEPARATOR PADDING."""

import sys

import numpy as np
import torch
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.indexed_dataset import IndexedDataset
from megatron.core.datasets.utils import Split

prefix, length, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dataset = IndexedDataset(prefix)
documents = [np.asarray(dataset[index]) for index in range(len(dataset))]
assert dataset.document_indices.tolist() == list(range(len(documents) + 1))


class Tokenizer:
    """What GPTDataset asks of a tokenizer."""

    eod = int(sys.argv[5])
    pad = int(sys.argv[6])
    vocab_size = int(sys.argv[4])
    unique_identifiers = {}  # noqa: RUF012


config = GPTDatasetConfig(
    random_seed=1,
    sequence_length=length,
    split="1",
    tokenizer=Tokenizer(),
    reset_position_ids=False,
    reset_attention_mask=False,
    eod_mask_loss=False,
    create_attention_mask=False,
    add_extra_token_to_sequence=False,
    path_to_cache=f"{out}.cache",
)
indices = np.arange(len(documents), dtype=np.int32)
samples = GPTDataset(dataset, prefix, indices, None, Split.train, config)
rows = torch.stack([samples[index]["tokens"] for index in range(len(samples))]).numpy()
np.savez(out, ids=np.concatenate(documents), lengths=[len(each) for each in documents], rows=rows)
