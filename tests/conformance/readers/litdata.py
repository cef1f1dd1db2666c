"""Reads a litdata export with litdata: python litdata.py FOLDER LENGTH OUT.npz."""

import sys

import numpy as np
from litdata import StreamingDataset, TokensLoader

folder, length, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dataset = StreamingDataset(folder, item_loader=TokensLoader(block_size=length + 1), shuffle=False)
np.savez(out, rows=np.stack([np.asarray(dataset[index]) for index in range(len(dataset))]))
