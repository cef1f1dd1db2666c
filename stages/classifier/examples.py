"""Labelled texts to train and test a classifier on, from files of any kind or an earlier run's documents."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import ConfigurationError
from prep.stages.shared.matching.text_hashes import hash_texts
from prep.stages.shared.text_source import TextSource


class Examples(TextSource):
    """The texts of one label."""

    limit: int | None = Field(None, ge=1)
    """Most texts to take: those with the smallest hashes, which is a random choice that never changes."""

    def texts(self) -> pa.LargeStringArray:
        """Return the texts, each once, in the order of their hashes. They are held in memory."""
        texts = pa.concat_arrays([pa.array([], TEXT.type), *self.columns()])
        _, rows = np.unique(hash_texts(texts)[0], return_index=True)
        return texts.take(pa.array(rows[: self.limit]))


@dataclass(frozen=True)
class Split:
    """Texts with their labels, for training and held out."""

    labels: tuple[str, ...]
    train: pa.LargeStringArray
    train_labels: npt.NDArray[np.int64]
    """Index in `labels` of each training text."""
    held_out: pa.LargeStringArray
    held_out_labels: npt.NDArray[np.int64]


def split(examples: Mapping[str, Examples], held_out: float) -> Split:
    """Read all texts and hold back about a share of them.

    Whether a text is held out depends on its hash alone, so that a copy of it under another name or label is on the
    same side. Training texts come in the order of their other hash, the labels mixed.

    Raises ConfigurationError where a label has no text on one of the sides.
    """
    texts = {label: item.texts() for label, item in examples.items()}
    whole = pa.concat_arrays(list(texts.values()))
    of_text = np.repeat(np.arange(len(texts)), [len(column) for column in texts.values()])
    side, order = hash_texts(whole)
    held = (side >> np.uint64(11)).astype(np.float64) * 2.0**-53 < held_out
    for index, label in enumerate(texts):
        for name, mask in (("to train on", ~held), ("held out", held)):
            if not (mask & (of_text == index)).any():
                raise ConfigurationError(
                    [f"label {label!r}: none of its {len(texts[label])} texts is {name}; give more texts"]
                )
    rows = np.lexsort((of_text, order))
    train, test = rows[~held[rows]], rows[held[rows]]
    return Split(tuple(texts), whole.take(pa.array(train)), of_text[train], whole.take(pa.array(test)), of_text[test])
