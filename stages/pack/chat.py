"""Conversations as rows' tokens: encoded by the tokenizer's chat template, with a mask of what is to be learnt."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
import orjson
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.documents import CONVERSATION
from prep.corpus.errors import Problem, RunError
from prep.corpus.files.storage import exists, open_input
from prep.corpus.shards.shards import Ids
from prep.stages.pack.tokens import EncodedBatch
from prep.stages.settings import PathName, Settings
from prep.stages.shared.conversations import GivesTokenizer, conversation_text

if TYPE_CHECKING:
    from prep.tokenizers.chat.encode import EncodedConversation, Refusal

NO_CONVERSATION = "no_conversation"
"""Rule: the document is no conversation."""
TEXT_CHANGED = "text_changed"
"""Rule: a stage before has changed the document's text, of which its turns know nothing."""


class Chat(Settings):
    """How conversations become tokens."""

    template: PathName = ""
    """A file with the chat template to take in place of the tokenizer's own, which is Jinja as transformers has it."""
    roles: tuple[Literal["assistant", "user", "system", "developer", "tool"], ...] = Field(("assistant",), min_length=1)
    """Whose messages are learnt; all others are only read. A template that marks answers by `{% generation %}` decides
    itself which of the assistant's tokens these are; otherwise they are all that a message adds to those before it."""
    date: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    """The date that templates which write today's are given, such as 2026-01-31: rows must not depend on the day."""

    def problems(self, tokenizers: Sequence[GivesTokenizer]) -> Iterator[Problem]:
        """Find a template that is not there, or is none; `tokenizers` are the stages that make the tokenizer."""
        from prep.tokenizers.chat.template import ChatTemplate

        place = ("chat", "template")
        if self.template and not exists(self.template):
            yield Problem("the chat template", place, "a file", self.template)
        elif self.template:
            try:
                with open_input(self.template) as opened:
                    ChatTemplate(opened.read().decode(), {})
            except (OSError, ValueError, RunError) as error:
                yield Problem(f"the chat template cannot be read: {error}", place, "a file of Jinja")
        elif tokenizers and not tokenizers[-1].has_template():
            hint = "set tokenizer.chat_template or pack.chat.template to one, or take the tokenizer of a chat model"
            yield Problem("the tokenizer has no chat template", ("chat",), "a file of Jinja", "none", hint)


class ConversationEncoder:
    """Encodes the documents of a batch that are conversations. Raises RunError for a folder without a template."""

    def __init__(self, folder: str, chat: Chat, dtype: str, longest: int | None) -> None:
        from prep.tokenizers.chat.encode import ChatEncoder

        today = date.fromisoformat(chat.date) if chat.date else None
        self._encoder = ChatEncoder(folder, chat.template, chat.roles, today)
        self._dtype = dtype
        self._longest = longest

    def encode(self, batch: pa.RecordBatch) -> EncodedBatch:
        """Return the tokens of each document, none of those that are lost, and the rules by which they are."""
        from prep.tokenizers.chat.encode import Refusal

        found = list(self._each(batch))
        kept = [each for each in found if not isinstance(each, Refusal)]
        lengths = [0 if isinstance(each, Refusal) else len(each.ids) for each in found]
        ids: Ids = np.concatenate([np.empty(0, self._dtype), *(each.ids.astype(self._dtype) for each in kept)])
        learnt = np.concatenate([np.empty(0, np.uint8), *(each.learnt for each in kept)])
        lost = [each if isinstance(each, Refusal) else None for each in found]
        return EncodedBatch(
            np.cumsum([0, *lengths], dtype=np.int64),
            ids,
            learnt,
            pa.array([each and each.rule for each in lost], pa.string()),
            pa.array([each is not None and each.failed for each in lost], pa.bool_()),
            pa.array([each and each.detail for each in lost], pa.string()),
        )

    def _each(self, batch: pa.RecordBatch) -> "Iterator[EncodedConversation | Refusal]":
        from prep.tokenizers.chat.encode import NO_ANSWER, EncodedConversation, Refusal

        texts, conversations = batch.column("text"), batch.column(CONVERSATION.name)
        for text, conversation in zip(texts, conversations, strict=True):
            turns = conversation.as_py()
            if turns is None:
                yield Refusal(NO_CONVERSATION, "it has no turns; read it with conversations: true, or pack it apart")
                continue
            if conversation_text(orjson.loads(turns)["messages"]) != text.as_py():
                detail = "a stage before has changed its text, which its turns do not show; take the stage out"
                yield Refusal(TEXT_CHANGED, detail)
                continue
            encoded = self._encoder.encode(turns)
            if isinstance(encoded, EncodedConversation) and not encoded.learnt[: self._longest].any():
                encoded = Refusal(NO_ANSWER, f"its first answer begins behind the {self._longest} tokens of a row")
            yield encoded
