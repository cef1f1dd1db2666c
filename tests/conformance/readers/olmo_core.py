"""Reads an OLMo-core export with OLMo-core.

python olmo_core.py PATTERN LENGTH OUT.npz DTYPE VOCABULARY SEPARATOR PADDING.
"""

import sys
from glob import glob

import numpy as np
from olmo_core.data import NumpyDatasetDType, NumpyFSLDatasetConfig, TokenizerConfig
from olmo_core.data.utils import iter_document_indices

pattern, length, out, dtype = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
vocabulary, separator, padding = map(int, sys.argv[5:8])
dataset = NumpyFSLDatasetConfig(
    paths=[pattern],
    expand_glob=True,
    sequence_length=length,
    dtype=NumpyDatasetDType[dtype],
    tokenizer=TokenizerConfig(vocab_size=vocabulary, eos_token_id=separator, pad_token_id=padding),
    work_dir=f"{out}.work",
).build()
dataset.prepare()
rows = [dataset[index]["input_ids"].numpy() for index in range(len(dataset))]
lengths = [
    end - start
    for path in sorted(glob(pattern))
    for start, end in iter_document_indices(path, use_array_if_local=False)
]
np.savez(out, rows=np.stack(rows), lengths=lengths)
