"""Chat templates: how a tokenizer's model sees a conversation, and which of its text the assistant wrote.

A template is Jinja as transformers renders it: white space after and before blocks is trimmed, `raise_exception`
refuses a conversation, `tojson` leaves characters as they are, and special tokens have names such as `eos_token`. What
a template puts between `{% generation %}` and `{% endgeneration %}` is the assistant's. Where it has no such blocks, a
conversation is rendered up to each answer, with the prompt for it, and up to its end; what was added is the answer, the
token that ends it included. That takes three renderings for each answer.

The date that templates may ask for is given, not today's, so that the same conversation has the same text tomorrow.
Source: transformers, utils/chat_template_utils.py and docs/source/en/chat_templating_writing.md.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prep.corpus.errors import RunError

OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Mark the assistant's text while a template is rendered. They are no characters: no text for interchange has them."""

Message = Mapping[str, object]


class Span(NamedTuple):
    """A stretch of a text, in characters."""

    start: int
    end: int


class Rendered(NamedTuple):
    """A conversation as the model sees it."""

    text: str
    learnt: Sequence[Span]
    """Rising, without overlap."""


class NotRenderedError(ValueError):
    """A conversation that the template refuses, or of which it does not tell the answers apart."""


class Generation(Extension):
    """The block `{% generation %}`."""

    tags = {"generation"}  # noqa: RUF012 - declared by jinja2 as a class's own set

    def parse(self, parser: Parser) -> nodes.Node:
        """Return a node that renders the block's content between marks."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    def _marked(self, caller: Callable[[], str]) -> str:
        return f"{OPEN}{caller()}{CLOSE}"


class ChatTemplate:
    """A template, ready to render. Raises RunError where it is no template."""

    def __init__(self, source: str, special: Mapping[str, str], today: date | None = None) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
        )
        environment.filters["tojson"] = _as_json
        environment.globals["raise_exception"] = _refuse
        if today is not None:
            environment.globals["strftime_now"] = today.strftime
        try:
            self._template = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise RunError(f"the chat template cannot be read: line {error.lineno}: {error.message}") from error
        self._special = special
        self.marks_answers = "endgeneration" in source
        """Whether it says itself what the assistant writes."""

    def text(self, messages: Sequence[Message], tools: object = None, *, answer_next: bool = False) -> str:
        """Return a conversation as the model sees it; `answer_next` ends it with the beginning of an answer.

        Raises NotRenderedError where the template refuses it.
        """
        return self._marked(messages, tools, answer_next).replace(OPEN, "").replace(CLOSE, "")

    def render(self, messages: Sequence[Message], tools: object, roles: Collection[str]) -> Rendered:
        """Return a conversation and what is to be learnt of it: messages of these roles whose `weight` is not 0.

        Raises NotRenderedError where the template refuses it, or renders a message in another way once others follow.
        """
        content = json.dumps(messages, ensure_ascii=False)
        if OPEN in content or CLOSE in content:
            raise NotRenderedError("it holds the noncharacters U+FDD0 or U+FDD1, by which answers are marked")
        if self.marks_answers and set(roles) == {"assistant"}:
            rendered = _unmarked(self._marked(messages, tools, answer_next=False))
            answers = [message for message in messages if message["role"] == "assistant"]
            if all(message.get("weight") != 0 for message in answers):
                return rendered
            if len(answers) == len(rendered.learnt):
                pairs = zip(answers, rendered.learnt, strict=True)
                return Rendered(rendered.text, [span for message, span in pairs if message.get("weight") != 0])
        text = self.text(messages, tools)
        spans = []
        for number, message in enumerate(messages):
            if message["role"] in roles and message.get("weight") != 0:
                spans.append(self._added(messages, number, tools, text))
        return Rendered(text, spans)

    def _added(self, messages: Sequence[Message], number: int, tools: object, text: str) -> Span:
        """Return what a message adds to the text of those before it."""
        before = ""
        if number:
            answer_next = messages[number]["role"] == "assistant"
            before = _shared(self.text(messages[:number], tools, answer_next=answer_next), text)
            if not before.startswith(self.text(messages[:number], tools)):
                raise NotRenderedError(f"message {number} is rendered in another way once an answer follows")
        until = text if number == len(messages) - 1 else self.text(messages[: number + 1], tools)
        if not text.startswith(until):
            raise NotRenderedError(f"message {number + 1} is rendered in another way once others follow")
        return Span(len(before), len(until))

    def _marked(self, messages: Sequence[Message], tools: object, answer_next: bool) -> str:
        try:
            return self._template.render(
                messages=[{name: value for name, value in message.items() if name != "weight"} for message in messages],
                tools=tools,
                documents=None,
                add_generation_prompt=answer_next,
                **self._special,
            )
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise NotRenderedError(f"the template refuses it: {str(error) or type(error).__name__}") from error


def _shared(first: str, second: str) -> str:
    """Return what two texts begin with."""
    if second.startswith(first):
        return first
    pairs = enumerate(zip(first, second, strict=False))
    return first[: next((place for place, (left, right) in pairs if left != right), len(second))]


def _unmarked(marked: str) -> Rendered:
    text, spans = "", []
    for number, part in enumerate(marked.split(OPEN)):
        if number == 0:
            text = part
            continue
        inside, _, after = part.partition(CLOSE)
        spans.append(Span(len(text), len(text) + len(inside)))
        text += inside + after
    return Rendered(text, spans)


def _as_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> None:
    raise TemplateError(message)
