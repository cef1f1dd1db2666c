"""What a model is given to go on from: the ids of a text, or of a conversation up to the next answer."""

from typing import NamedTuple

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.encode import Tokenizer


class Prompt(NamedTuple):
    """Token ids to go on from."""

    ids: tuple[int, ...]
    stops: tuple[int, ...] = ()
    """Ids that end what the model writes, beside the separator."""


def begin(tokenizer: Tokenizer, folder: str, text: str, *, chat: bool) -> Prompt:
    """Return a prompt: the text as it stands, or with `chat` what a user says by the chat template of the folder.

    Without a text conversations too begin as they are. Raises RunError where the folder has no template, or it does not
    take the text.
    """
    if not chat or not text:
        return Prompt(tuple(tokenizer.encode(text)) if text else ())
    from prep.tokenizers.chat.encode import ChatEncoder

    encoder = ChatEncoder(folder)
    end = encoder.end_id
    return Prompt(tuple(encoder.prompt([{"role": "user", "content": text}])), () if end is None else (end,))


def has_template(folder: str) -> bool:
    """Say whether a tokenizer's folder has a chat template."""
    from prep.tokenizers.chat.encode import find_template

    try:
        find_template(folder)
    except RunError:
        return False
    return True
