"""Reads a TRL export with datasets and TRL's collator: python trl_rows.py FOLDER LENGTH OUT.npz SPLIT PADDING."""

import sys

import numpy as np
from datasets import load_from_disk
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

folder, out, split, padding = sys.argv[1], sys.argv[3], sys.argv[4], int(sys.argv[5])
dataset = load_from_disk(folder)[split]
collate = DataCollatorForLanguageModeling(pad_token_id=padding, padding_free=True)
batches = [collate([dataset[index]]) for index in range(len(dataset))]
np.savez(
    out,
    ids=np.concatenate([batch["input_ids"][0].numpy() for batch in batches]),
    positions=np.concatenate([batch["position_ids"][0].numpy() for batch in batches]),
)
