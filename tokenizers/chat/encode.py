"""Conversations as token ids, with a mask of those that are to be learnt.

A template writes control tokens into the text, so it is encoded by `tokenizers`, which takes them whole. A text that
holds the name of a control token would have it too: such a conversation is refused. A token is to be learnt where it
has a character of an answer, as transformers' `return_assistant_tokens_mask` has it. Cost: about 1 MB/s, most of it
rendering.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from prep.corpus.errors import RunError
from prep.corpus.files.storage import exists, join, open_input
from prep.tokenizers.chat.template import ChatTemplate, Message, NotRenderedError, Span
from prep.tokenizers.saving.config import CONFIG, TEMPLATE, token_name
from prep.tokenizers.saving.folder import TOKENIZER_JSON

CONTROL_TOKEN, NOT_RENDERED, NO_ANSWER = "control_token", "bad_conversation", "no_answer"
"""Rules under which conversations are lost."""
EXCHANGE = ({"role": "user", "content": "Good morning"}, {"role": "assistant", "content": "Good evening"})
"""The simplest conversation."""


class EncodedConversation(NamedTuple):
    """A conversation's ids, and which of them are to be learnt; both (tokens,)."""

    ids: npt.NDArray[np.uint32]
    learnt: npt.NDArray[np.uint8]


class Refusal(NamedTuple):
    """Why a conversation cannot be learnt from."""

    rule: str
    detail: str
    failed: bool = False


class ChatEncoder:
    """A tokenizer's folder, opened to encode conversations.

    `template` is a file to take instead of the folder's own. Raises RunError where there is none, where it cannot be
    read, and where the folder has no tokenizer.json.
    """

    def __init__(
        self,
        folder: str,
        template: str = "",
        roles: Collection[str] = ("assistant",),
        today: date | None = None,
    ) -> None:
        from tokenizers import Tokenizer

        path = join(folder, TOKENIZER_JSON)
        if not exists(path):
            raise RunError(f"{path}: not found; conversations need a tokenizer that `tokenizers` opens")
        content = orjson.loads(_read(path))
        config = orjson.loads(_read(join(folder, CONFIG)))
        # Its offsets would leave out spaces, and what it adds the template has already.
        self._tokenizer: Tokenizer = Tokenizer.from_str(orjson.dumps({**content, "post_processor": None}).decode())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._control = [token["content"] for token in content["added_tokens"] if token["special"]]
        self._roles = roles
        source = _read(template).decode() if template else find_template(folder)
        self.template = ChatTemplate(source, _special(config), today)
        self._check()

    def encode(self, conversation: str) -> EncodedConversation | Refusal:
        """Return the ids of a conversation, given as the column `conversation` holds it, or why it has none."""
        found = json.loads(conversation)
        messages: list[Message] = found["messages"]
        named = next((token for token in self._control if _holds(messages, token)), None)
        if named is not None:
            return Refusal(CONTROL_TOKEN, f"a message holds {named!r}, which is a token of the template's alone")
        try:
            text, learnt = self.template.render(messages, found.get("tools"), self._roles)
        except NotRenderedError as error:
            return Refusal(NOT_RENDERED, str(error), failed=True)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids, np.uint32)
        mask = spanned(encoding.offsets, learnt)
        if not mask.any():
            return Refusal(NO_ANSWER, f"no message of {', '.join(self._roles)} has tokens to learn")
        return EncodedConversation(ids, mask)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a conversation up to the beginning of the next answer. Raises RunError if refused."""
        try:
            text = self.template.text(messages, answer_next=True)
        except NotRenderedError as error:
            raise RunError(f"the chat template does not take the conversation: {error}") from error
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    @property
    def end_id(self) -> int | None:
        """The control token that ends answers; None where the template has none there."""
        found = self.encode(json.dumps({"messages": EXCHANGE}))
        if isinstance(found, Refusal):
            return None
        control = {self._tokenizer.token_to_id(token) for token in self._control}
        return next((int(token) for token in reversed(found.ids[found.learnt == 1].tolist()) if token in control), None)

    def _check(self) -> None:
        """Raise RunError where answers cannot be separated from the rest of even the simplest conversation."""
        try:
            rendered = self.template.render(EXCHANGE, None, ("assistant",))
        except NotRenderedError as error:
            raise RunError(
                f"the chat template does not take a question and an answer: {error}; "
                + (
                    "set pack.chat.date to the date that it writes"
                    if "strftime_now" in str(error)
                    else "give one that marks answers by {% generation %} with pack.chat.template"
                )
            ) from error
        if EXCHANGE[1]["content"] not in "".join(rendered.text[start:end] for start, end in rendered.learnt):
            raise RunError(
                f"the chat template does not show the answer where it is to be learnt: {rendered.text[:200]!r}; put "
                "{% generation %} and {% endgeneration %} around it, and name the file in pack.chat.template"
            )


def spanned(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> npt.NDArray[np.uint8]:
    """Return 1 for each token that has a character of a span (tokens,); both in the order of the text."""
    mask = np.zeros(len(offsets), np.uint8)
    if not offsets:
        return mask
    starts, ends = np.array(offsets, np.int64).T
    for start, end in spans:
        mask[(starts < end) & (ends > start)] = 1
    return mask


def find_template(folder: str) -> str:
    """Return the chat template of a tokenizer's folder. Raises RunError where it has none."""
    path = join(folder, TEMPLATE)
    if exists(path):
        return _read(path).decode()
    given = orjson.loads(_read(join(folder, CONFIG))).get("chat_template")
    if isinstance(given, list):
        named = {item.get("name"): item.get("template") for item in given if isinstance(item, dict)}
        given = named.get("default")
    if isinstance(given, str) and given:
        return given
    raise RunError(
        f"{folder}: the tokenizer has no chat template; expected {TEMPLATE}, or chat_template in {CONFIG}; name a file "
        "with pack.chat.template, or take the tokenizer of a chat model"
    )


def _special(config: Mapping[str, object]) -> dict[str, str]:
    """Return the special tokens by the names that templates call them."""
    return {name: token_name(value) for name, value in config.items() if name.endswith("_token") and token_name(value)}


def _holds(messages: Sequence[Message], token: str) -> bool:
    return any(isinstance(content := message.get("content"), str) and token in content for message in messages)


def _read(path: str) -> bytes:
    try:
        with open_input(path) as source:
            return source.read()
    except FileNotFoundError as error:
        raise RunError(f"{path}: not found") from error
