"""Reads shards through torchdata's StatefulDataLoader, stopped and resumed.

python stateful.py SHARDS LENGTH OUT.npz WORKERS.
"""

import sys
from itertools import islice

import numpy as np
from torchdata.stateful_dataloader import StatefulDataLoader

from prep.corpus.shards.loader import Loader, LoaderSettings
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.torch_loader import RowBatches

shards, out, workers = sys.argv[1], sys.argv[3], int(sys.argv[4])


def opened() -> StatefulDataLoader:
    """Return a fresh loader over the shards."""
    loader = Loader(ShardReader(shards), LoaderSettings(batch_rows=8, seed=3))
    return StatefulDataLoader(RowBatches(loader), batch_size=None, num_workers=workers)


whole = [batch["input_ids"].numpy() for batch in islice(opened(), 30)]
parts, state = [], None
for _ in range(3):
    loader = opened()
    if state is not None:
        loader.load_state_dict(state)
    parts += [batch["input_ids"].numpy() for batch in islice(loader, 10)]
    state = loader.state_dict()
np.savez(out, whole=np.stack(whole), parts=np.stack(parts))
