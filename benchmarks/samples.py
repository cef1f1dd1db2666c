"""Samples of texts to train tokenizers on, without a corpus."""

from collections.abc import Sequence

import pyarrow as pa

from prep.tokenizers.training.sample import DRAWN, Sample


def sample_of(texts: Sequence[str]) -> Sample:
    """Return a sample of texts in their order."""
    rows = [
        {"order": number, "tie": number, "held_out": False, "source": "", "language": "", "text": text}
        for number, text in enumerate(texts)
    ]
    return Sample([pa.Table.from_pylist(rows, schema=DRAWN)])
