"""Conversations as a column holds them: what a reader of the turns sees, for stages that look at text."""

from collections.abc import Iterable, Mapping


def conversation_text(messages: Iterable[Mapping[str, object]]) -> str:
    """Return what was said, a blank line between two turns."""
    said = (message.get("content") for message in messages)
    return "\n\n".join(content for content in said if isinstance(content, str) and content)
