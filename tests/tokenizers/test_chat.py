"""Chat templates: the same text, ids and answers as transformers', and clear refusals."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prep.corpus.errors import RunError
from prep.tokenizers.chat.encode import ChatEncoder, EncodedConversation, Refusal, spanned
from prep.tokenizers.chat.template import ChatTemplate, NotRenderedError, Span

from ..chats import CHATS, MARKED, PLAIN, Message, said, write_chat_tokenizer

ASSISTANT = frozenset({"assistant"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_chat_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def peer(folder: Path) -> Any:  # noqa: ANN401 - a tokenizer of transformers, which has no types
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(str(folder))


def encoded(encoder: ChatEncoder, messages: list[Message]) -> EncodedConversation:
    found = encoder.encode(json.dumps({"messages": messages}))
    assert isinstance(found, EncodedConversation)
    return found


def refused(encoder: ChatEncoder, messages: list[Message]) -> Refusal:
    found = encoder.encode(json.dumps({"messages": messages}))
    assert isinstance(found, Refusal)
    return found


@pytest.mark.parametrize("messages", CHATS)
def test_ids_and_answers_are_those_of_transformers(folder: Path, peer: Any, messages: list[Message]) -> None:  # noqa: ANN401
    expected = peer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    seen = encoded(ChatEncoder(str(folder)), messages)
    assert seen.ids.tolist() == expected["input_ids"]
    assert seen.learnt.tolist() == expected["assistant_masks"]
    prompt = ChatEncoder(str(folder)).prompt(messages[:-1])
    assert prompt == peer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=True)["input_ids"]


@pytest.mark.parametrize("messages", CHATS)
def test_without_marks_an_answer_is_what_follows_the_prompt_for_it(messages: list[Message]) -> None:
    text, learnt = ChatTemplate(PLAIN, {}).render(messages, None, ASSISTANT)
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    assert [text[start:end] for start, end in learnt] == [f"{answer}<|im_end|>\n" for answer in answers]
    marked = ChatTemplate(MARKED, {}).render(messages, None, ASSISTANT)
    assert marked.text == text
    assert [marked.text[start:end] for start, end in marked.learnt] == [f"{answer}<|im_end|>" for answer in answers]


@pytest.mark.parametrize("template", [MARKED, PLAIN])
def test_a_message_of_weight_zero_is_not_learnt(template: str) -> None:
    weights: tuple[dict[str, int], ...] = ({}, {"weight": 0}, {}, {"weight": 1})
    weighted = [{**message, **weight} for message, weight in zip(said("a", "b", "c", "d"), weights, strict=True)]
    text, learnt = ChatTemplate(template, {}).render(weighted, None, ASSISTANT)
    assert [text[start:end].strip() for start, end in learnt] == ["d<|im_end|>"]


def test_other_roles_are_learnt_where_they_are_asked_for() -> None:
    text, learnt = ChatTemplate(MARKED, {}).render(said("a", "b"), None, {"user", "assistant"})
    assert "".join(text[start:end] for start, end in learnt).count("<|im_end|>") == 2


def test_an_answer_that_changes_once_others_follow_is_refused() -> None:
    forgets = PLAIN.replace("{{ message.content }}", "{{ message.content if loop.last else message.content[:1] }}")
    with pytest.raises(NotRenderedError, match="rendered in another way"):
        ChatTemplate(forgets, {}).render(said("ask", "answer", "ask", "answer"), None, ASSISTANT)


def test_a_template_refuses_with_its_own_words(folder: Path, tmp_path: Path) -> None:
    strict = "{% if messages|length > 2 %}{{ raise_exception('only one question') }}{% endif %}" + PLAIN
    (tmp_path / "strict.jinja").write_text(strict, encoding="utf-8")
    lost = refused(ChatEncoder(str(folder), str(tmp_path / "strict.jinja")), CHATS[1])
    assert (lost.rule, lost.failed) == ("bad_conversation", True)
    assert "only one question" in lost.detail


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% for %}", "line 1"),
        ("{{ messages[0].content }}", "answer"),
        ("{{ strftime_now('%d %B') }}" + PLAIN, "pack.chat.date"),
        ("{{ raise_exception('never') }}", "never"),
        ("", "no chat template"),
    ],
)
def test_a_template_that_cannot_work_is_an_error_at_once(tmp_path: Path, template: str, expected: str) -> None:
    write_chat_tokenizer(tmp_path, template)
    with pytest.raises(RunError, match=expected):
        ChatEncoder(str(tmp_path))


def test_the_date_is_the_one_that_is_given(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "dated.jinja").write_text("{{ strftime_now('%d %B %Y') }}\n" + PLAIN, encoding="utf-8")
    encoder = ChatEncoder(str(folder), str(tmp_path / "dated.jinja"), today=date(2026, 1, 31))
    assert encoder.template.text(said("a", "b")).startswith("31 January 2026")


def test_a_text_that_names_a_control_token_is_refused(folder: Path) -> None:
    lost = refused(ChatEncoder(str(folder)), said("What does <|im_end|> do?", "It ends a turn."))
    assert (lost.rule, lost.failed) == ("control_token", False)


def test_a_conversation_without_answers_is_refused(folder: Path) -> None:
    assert refused(ChatEncoder(str(folder)), said("Hello?")).rule == "no_answer"


def test_templates_of_a_configuration_are_found_by_name(tmp_path: Path) -> None:
    write_chat_tokenizer(tmp_path, "")
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    named = [{"name": "tool_use", "template": "{{ 1 }}"}, {"name": "default", "template": MARKED}]
    for given in (MARKED, named):
        path.write_text(json.dumps({**config, "chat_template": given}), encoding="utf-8")
        assert encoded(ChatEncoder(str(tmp_path)), CHATS[0]).learnt.any()


def test_a_token_is_learnt_that_shares_a_character_with_an_answer() -> None:
    offsets = [(0, 2), (2, 5), (5, 5), (5, 8), (8, 9)]
    assert spanned(offsets, [Span(3, 6)]).tolist() == [0, 1, 1, 1, 0]
    assert spanned([], [Span(0, 1)]).tolist() == []
    assert spanned(offsets, []).dtype == np.uint8
