"""Conversations as a column holds them, and who says how a model sees them."""

from collections.abc import Iterable, Mapping

from prep.stages.stage import Stage


class GivesTokenizer(Stage):
    """A stage that makes a tokenizer, of which later stages may need the chat template."""

    def has_template(self) -> bool:
        """Say whether the tokenizer will have a chat template."""
        raise NotImplementedError


def conversation_text(messages: Iterable[Mapping[str, object]]) -> str:
    """Return what was said, a blank line between two turns."""
    said = (message.get("content") for message in messages)
    return "\n\n".join(content for content in said if isinstance(content, str) and content)
