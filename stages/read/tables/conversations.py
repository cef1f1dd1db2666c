"""Conversations out of records of the usual forms, as messages with a role and text.

    {"messages": [{"role": "user", "content": "…"}, …]}                      OpenAI, TRL
    {"conversations": [{"from": "human", "value": "…"}, …], "system": "…"}   ShareGPT
    {"prompt": "…", "completion": "…"}                                       TRL; both may be lists of messages
    {"instruction": "…", "input": "…", "output": "…", "history": […]}        Alpaca

Roles have one name each (`human` is `user`, `gpt` is `assistant`); other fields of a message, such as `tool_calls` and
`weight`, stay for the template. What a prompt's own assistant said gets the weight 0: it is not to be learnt. A list of
turns may be given as an object of lists, as tables store it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prep.stages.read.tables.json_values import Value

Message = dict[str, Value]

ROLES: Mapping[str, str] = {
    **{name: name for name in ("system", "developer", "user", "assistant", "tool")},
    **dict.fromkeys(("human", "prompter"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bot", "model", "ai", "function_call"), "assistant"),
    **dict.fromkeys(("function", "observation", "function_response"), "tool"),
}
"""What records call a role, in lower case, and its name here."""

LISTS = ("messages", "conversations", "conversation")
"""Fields that hold a list of turns."""
ANSWERS = ("completion", "response", "output", "answer")
"""Fields that hold what is to be learnt."""
FORMS = "messages, conversations, prompt and completion, or instruction and output"


class Conversation(NamedTuple):
    """A conversation taken out of a record."""

    messages: Sequence[Message]
    tools: Value

    def as_json(self) -> dict[str, Value]:
        """Return what the column holds."""
        found: dict[str, Value] = {"messages": self.messages}
        return found | {"tools": self.tools} if self.tools else found


class NoConversationError(ValueError):
    """A record that is no conversation to learn from; `rule` says why, `broken` whether it is an error."""

    def __init__(self, rule: str, detail: str, *, broken: bool = True) -> None:
        super().__init__(detail)
        self.rule, self.broken = rule, broken


def has_conversation(record: Mapping[str, Value]) -> bool:
    """Say whether a record has the fields of a conversation."""
    return any(isinstance(record.get(name), list) for name in LISTS) or (
        ("prompt" in record or "instruction" in record) and any(name in record for name in ANSWERS)
    )


def take_conversation(record: dict[str, Value]) -> Conversation:
    """Take a conversation out of a record; what is no part of it stays there. Raises NoConversationError."""
    turns = next((name for name in LISTS if record.get(name) is not None), None)
    if turns is not None:
        messages = list(_messages(record.pop(turns), turns))
        if isinstance(record.get("system"), str):
            system = record.pop("system")
            messages = [*([_said("system", system)] if system else []), *messages]
    elif "prompt" in record:
        messages = _prompted(record)
    elif "instruction" in record:
        messages = _instructed(record)
    else:
        raise NoConversationError("no_text", f"expected {FORMS}; there are {', '.join(sorted(record)[:20]) or 'none'}")
    if not messages:
        raise NoConversationError("no_text", "a conversation without messages", broken=False)
    for number, message in enumerate(messages, 1):
        if message["role"] == "assistant" and not message["content"] and not message.get("tool_calls"):
            raise NoConversationError("no_answer", f"message {number}: the assistant says nothing", broken=False)
    return Conversation(messages, record.pop("tools", None))


def _prompted(record: dict[str, Value]) -> list[Message]:
    answer = _answer(record)
    prompt, completion = record.pop("prompt"), record.pop(answer)
    asked = [_said("user", prompt)] if isinstance(prompt, str) else list(_messages(prompt, "prompt"))
    for message in asked:
        if message["role"] == "assistant":
            message["weight"] = 0
    answers = [_said("assistant", completion)] if isinstance(completion, str) else list(_messages(completion, answer))
    return [*asked, *answers]


def _instructed(record: dict[str, Value]) -> list[Message]:
    answer = _answer(record)
    fields = {name: record.pop(name, None) or "" for name in ("instruction", "input", "system")}
    for name, value in {**fields, answer: record.get(answer)}.items():
        if not isinstance(value, str):
            raise NoConversationError("bad_conversation", f"field {name!r}: expected a string, seen {_kind(value)}")
    question = "\n\n".join(str(fields[name]) for name in ("instruction", "input") if fields[name])
    messages = [_said("system", fields["system"])] if fields["system"] else []
    for number, turn in enumerate(_list(record.pop("history", None) or [], "history"), 1):
        if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(text, str) for text in turn):
            raise NoConversationError("bad_conversation", f"history {number}: expected a question and an answer")
        messages += [_said("user", turn[0]), _said("assistant", turn[1])]
    return [*messages, _said("user", question), _said("assistant", record.pop(answer))]


def _answer(record: Mapping[str, Value]) -> str:
    found = next((name for name in ANSWERS if record.get(name) is not None), None)
    if found is None:
        raise NoConversationError("no_answer", f"expected one of {', '.join(ANSWERS)}, seen none", broken=False)
    return found


def _messages(value: Value, field: str) -> Iterator[Message]:
    """Yield messages with their roles and texts by their names here."""
    for number, turn in enumerate(_list(value, field), 1):
        place = f"{field}, message {number}"
        if not isinstance(turn, dict):
            raise NoConversationError("bad_conversation", f"{place}: expected an object, seen {_kind(turn)}")
        message = {name: item for name, item in turn.items() if item is not None}
        given = message.pop("role", None) or message.pop("from", None)
        role = ROLES.get(given.lower()) if isinstance(given, str) else None
        if role is None:
            known = ", ".join(ROLES)
            raise NoConversationError("unknown_role", f"{place}: expected a role of {known}, seen {given!r}"[:300])
        content = next((message.pop(name) for name in ("content", "value", "text") if name in message), "")
        yield {"role": role, "content": _text(content, place), **message}


def _text(content: Value, place: str) -> str:
    """Return a message's text, which may be given as a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise NoConversationError("bad_conversation", f"{place}: expected text, seen {_kind(content)}")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, dict) else _kind(part)
            raise NoConversationError("not_text", f"{place}: expected parts of text, seen {kind!r}", broken=False)
        texts.append(text)
    return "".join(texts)


def _list(value: Value, field: str) -> Sequence[Value]:
    if isinstance(value, dict) and value and all(isinstance(each, list) for each in value.values()):
        columns = [each for each in value.values() if isinstance(each, list)]
        if len({len(each) for each in columns}) == 1:
            return [dict(zip(value, turn, strict=True)) for turn in zip(*columns, strict=True)]
    if not isinstance(value, list):
        raise NoConversationError("bad_conversation", f"field {field!r}: expected a list, seen {_kind(value)}")
    return value


def _said(role: str, text: Value) -> Message:
    return {"role": role, "content": text}


def _kind(value: Value) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
