"""Reads an MDS export with MosaicML Streaming: python mds.py FOLDER LENGTH OUT.npz."""

import sys

import numpy as np
from streaming import StreamingDataset

folder, out = sys.argv[1], sys.argv[3]
dataset = StreamingDataset(local=folder, shuffle=False, batch_size=1)
samples = [dataset[index] for index in range(len(dataset))]
np.savez(
    out,
    rows=np.stack([sample["tokens"] for sample in samples]),
    lengths=np.concatenate([sample["lengths"] for sample in samples]),
    counts=[len(sample["lengths"]) for sample in samples],
    continued=[sample["continued"] for sample in samples],
)
