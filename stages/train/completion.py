"""What a trained model writes after a prompt, piece by piece, with the probability of each."""

import codecs
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from prep.corpus.errors import RunError
from prep.stages.train.prompts import begin
from prep.tokenizers.encoding.encode import Tokenizer, open_tokenizer

if TYPE_CHECKING:
    from prep.trainer.devices.device import DeviceName


class Drawing(NamedTuple):
    """How to draw what the model writes."""

    tokens: int
    temperature: float
    top: int
    seed: int


class Written(NamedTuple):
    """Characters that the model wrote."""

    text: str
    """Empty for a token that ends the text, or that completes no character yet."""
    probability: float
    """Of the token that completed them."""


class Completion:
    """A model and its tokenizer, opened to write.

    Raises RunError for an encoder and for the tokenizer of another model, CorruptFileError where a file is damaged.
    """

    def __init__(self, model_folder: str, tokenizer_folder: str, device: "DeviceName" = "auto") -> None:
        from prep.trainer.devices.device import choose_device
        from prep.trainer.network.model import Transformer
        from prep.trainer.network.weights import read_shape, read_training, read_weights

        objective, expected, _ = read_training(model_folder)
        if not objective.causal:
            raise RunError(f"{model_folder}: expected a model of the next token, seen one that fills in hidden tokens")
        self._folder = tokenizer_folder
        self._tokenizer: Tokenizer = open_tokenizer(tokenizer_folder)
        shape = read_shape(model_folder)
        if expected not in (None, self._tokenizer.sha256) or shape.vocabulary != self._tokenizer.vocabulary:
            raise RunError(f"{tokenizer_folder}: not the tokenizer of {model_folder}; give the one it was trained with")
        model = Transformer(shape)
        read_weights(model_folder, model)
        self._model: Transformer = model.to(choose_device(device)).eval()

    def write(self, prompt: str, drawing: Drawing, *, chat: bool = False) -> Iterator[Written]:
        """Yield what follows the prompt; with `chat`, the answer to it as a user's message.

        Raises RunError where the tokenizer has no chat template.
        """
        from prep.trainer.judging.sample import SampleSettings, draw_tokens

        tokenizer = self._tokenizer
        given = begin(tokenizer, self._folder, prompt, chat=chat)
        beginning = () if chat or tokenizer.begin_id is None else (tokenizer.begin_id,)
        settings = SampleSettings(*drawing, stops=given.stops)
        drawn = draw_tokens(
            self._model, (*beginning, *given.ids), tokenizer.separator_id, tokenizer.padding_id, settings
        )
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        probability = 0.0
        for token, probability in drawn:
            yield Written(decoder.decode(tokenizer.token_bytes[token]), probability)
        rest = decoder.decode(b"", final=True)
        if rest:
            yield Written(rest, probability)


def shade(probability: float) -> int:
    """Return which of five classes a probability is in: 0 for less than 5 %, 4 for 80 % and more."""
    return sum(probability >= least for least in SHADES[1:])


SHADES: Sequence[float] = (0.0, 0.05, 0.2, 0.5, 0.8)
"""The least probability of each class."""
