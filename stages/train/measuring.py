"""What texts, and answers to what is asked, cost a trained model: the measure of proxies.

A text's cost is that of all its tokens, the first from the separator alone; its end is not predicted, since passages
are cut anywhere. An answer's cost is that of its tokens after the prompt; white space at a prompt's end belongs to the
answer, where tokenizers have it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.encode import open_tokenizer

if TYPE_CHECKING:
    from prep.trainer.devices.device import DeviceName

PLACES = 4096
"""Tokens that go through a model at once."""


class Costs(NamedTuple):
    """What texts or answers cost; every array has one entry for each."""

    nats: npt.NDArray[np.float64]
    bytes: npt.NDArray[np.int64]
    """UTF-8 bytes predicted."""
    whole: npt.NDArray[np.bool_]
    """Whether every token was the most likely one."""


class Measurer:
    """A decoder and its tokenizer, opened to measure texts.

    Raises RunError where they do not belong together, CorruptFileError where a file is damaged.
    """

    def __init__(
        self, model_folder: str, tokenizer_folder: str, device: "DeviceName" = "auto", threads: int = 1
    ) -> None:
        from prep.trainer.devices.device import choose_device
        from prep.trainer.network.model import Transformer
        from prep.trainer.network.weights import read_shape, read_training, read_weights

        self._threads = threads
        self._tokenizer = open_tokenizer(tokenizer_folder)
        training, shape = read_training(model_folder), read_shape(model_folder)
        if not training.objective.causal:
            raise RunError(f"{model_folder}: expected a model of the next token, seen one that fills in hidden tokens")
        if (
            training.tokenizer_sha256 not in (None, self._tokenizer.sha256)
            or shape.vocabulary != self._tokenizer.vocabulary
        ):
            raise RunError(f"{tokenizer_folder}: not the tokenizer of {model_folder}; give the one it was trained with")
        model = Transformer(shape)
        read_weights(model_folder, model)
        self._model = model.to(choose_device(device)).eval()

    def texts(self, texts: pa.Array) -> Costs:
        """Return what each text costs."""
        from prep.trainer.devices.device import reproducible
        from prep.trainer.judging.sequences import score_sequences, windows

        offsets, ids = self._tokenizer.encode_column(texts)
        length = self._model.settings.length
        sequences, owners = windows(
            ids.astype(np.int64), offsets.astype(np.int64), self._tokenizer.separator_id, length
        )
        with reproducible(0, self._threads):
            scores = score_sequences(self._model, sequences, PLACES)
        nats = np.bincount(owners, scores.nats, len(texts)).astype(np.float64)
        missed = np.bincount(owners, scores.tokens - scores.hits, len(texts))
        return Costs(nats, _sizes(texts), missed == 0)

    def answers(self, pairs: Sequence[tuple[str, str]]) -> Costs:
        """Return what each answer costs after its prompt; of a prompt too long for the model its end is taken.

        Raises RunError for an answer that alone is longer than the model's rows.
        """
        from prep.trainer.devices.device import reproducible
        from prep.trainer.judging.sequences import Sequences, score_sequences

        length, encode = self._model.settings.length, self._tokenizer.encode
        pieces, scored, texts = [], [], []
        for prompt, answer in pairs:
            asked = prompt.rstrip()
            text = prompt[len(asked) :] + answer
            before, after = [self._tokenizer.separator_id, *encode(asked)], encode(text)
            if len(after) > length:
                raise RunError(
                    f"an answer of {len(after)} tokens: expected at most {length}, the model's row: {answer[:60]!r}"
                )
            kept = before[-(length + 1 - len(after)) :]
            pieces.append(np.array([*kept, *after], np.int64))
            scored.append(len(kept))
            texts.append(text)
        sizes = np.array([len(piece) for piece in pieces], np.int64)
        joined = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
        sequences = Sequences(joined, np.concatenate(([0], np.cumsum(sizes))), np.array(scored, np.int64))
        with reproducible(0, self._threads):
            scores = score_sequences(self._model, sequences, PLACES)
        return Costs(scores.nats, _sizes(pa.array(texts, pa.string())), scores.hits == scores.tokens)


def _sizes(texts: pa.Array) -> npt.NDArray[np.int64]:
    sizes = pa.compute.binary_length(texts)
    counts: npt.NDArray[np.int64] = sizes.to_numpy(zero_copy_only=False).astype(np.int64)
    return counts
