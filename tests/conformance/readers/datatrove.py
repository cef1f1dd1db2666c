"""Reads a datatrove export with datatrove: python datatrove.py FOLDER LENGTH OUT.npz TOKEN_SIZE."""

import sys

import numpy as np
from datatrove.utils.dataset import DatatroveFolderDataset

folder, length, out, token_size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
dataset = DatatroveFolderDataset(
    folder, seq_len=length, filename_pattern="*.ds", token_size=token_size, return_positions=True
)
items = [dataset[index] for index in range(len(dataset))]
np.savez(
    out,
    rows=np.stack([item["input_ids"].numpy() for item in items]),
    positions=np.stack([item["positions"].numpy() for item in items]),
)
