"""Conversations: every usual form is the same messages, and what is none is lost under its rule."""

import json
from pathlib import Path

import pytest

from prep.stages.read.read import Read

from .reading import documents, outcomes, problems

QUESTION, ANSWER = "What is 2 + 2?", "It is 4."
PAIR = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
SYSTEM = {"role": "system", "content": "Be brief."}


def read(folder: Path, *records: object) -> list[dict[str, object]]:
    path = folder / "chats.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return documents(Read(paths=str(path), conversations=True))


@pytest.mark.parametrize(
    ("record", "messages"),
    [
        ({"messages": PAIR}, PAIR),
        ({"messages": [{"role": "Human", "content": [{"type": "text", "text": QUESTION}]}, PAIR[1]]}, PAIR),
        (
            {
                "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}],
                "system": "Be brief.",
            },
            [SYSTEM, *PAIR],
        ),
        ({"prompt": QUESTION, "completion": ANSWER}, PAIR),
        ({"prompt": QUESTION, "response": ANSWER}, PAIR),
        (
            {"prompt": [*PAIR, PAIR[0]], "completion": [PAIR[1]]},
            [PAIR[0], {**PAIR[1], "weight": 0}, *PAIR],
        ),
        (
            {"instruction": "Add.", "input": "2 + 2", "output": ANSWER},
            [{"role": "user", "content": "Add.\n\n2 + 2"}, PAIR[1]],
        ),
        ({"instruction": QUESTION, "output": ANSWER, "history": [["Hi", "Hello"]]}, [
            {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, *PAIR]),
        ({"messages": [PAIR[0], {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}, PAIR[1]]}, [
            PAIR[0], {"role": "assistant", "content": "", "tool_calls": [{"id": 1}]}, PAIR[1]]),
    ],
)  # fmt: skip
def test_every_form_is_the_same_messages(
    tmp_path: Path, record: dict[str, object], messages: list[dict[str, object]]
) -> None:
    (row,) = read(tmp_path, {**record, "id": "a", "text": "of its own", "rating": 5})
    assert row["rule"] is None
    assert json.loads(str(row["conversation"])) == {"messages": messages}
    assert row["text"] == "\n\n".join(str(message["content"]) for message in messages if message["content"])
    assert json.loads(str(row["metadata"])) == {"text": "of its own", "rating": 5}


def test_tools_go_with_the_messages(tmp_path: Path) -> None:
    (row,) = read(tmp_path, {"messages": PAIR, "tools": [{"name": "add"}]})
    assert json.loads(str(row["conversation"])) == {"messages": PAIR, "tools": [{"name": "add"}]}


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"messages": []}, "no_text"),
        ({"messages": [PAIR[0], {"role": "assistant", "content": ""}]}, "no_answer"),
        ({"messages": [PAIR[0], {"role": "assistant"}]}, "no_answer"),
        ({"prompt": QUESTION}, "no_answer"),
        ({"instruction": QUESTION, "output": ""}, "no_answer"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}, PAIR[1]]}, "not_text"),
        ({"messages": [{"role": "narrator", "content": "Once"}, PAIR[1]]}, "!unknown_role"),
        ({"messages": [{"content": "Once"}, PAIR[1]]}, "!unknown_role"),
        ({"messages": ["Hello", PAIR[1]]}, "!bad_conversation"),
        ({"messages": "Hello"}, "!bad_conversation"),
        ({"messages": [{"role": "user", "content": 5}, PAIR[1]]}, "!bad_conversation"),
        ({"instruction": [1], "output": ANSWER}, "!bad_conversation"),
        ({"title": "no conversation"}, "!no_text"),
    ],
)  # fmt: skip
def test_what_is_no_conversation_is_lost_under_its_rule(tmp_path: Path, record: dict[str, object], rule: str) -> None:
    lost, kept = read(tmp_path, record, {"messages": PAIR})
    assert (lost["rule"], kept["rule"]) == (rule, None)


def test_without_the_option_a_conversation_says_which_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"messages": PAIR}), encoding="utf-8")
    (outcome,) = outcomes(Read(paths=str(path)))
    assert outcome.verdicts is not None
    assert outcome.verdicts.detail is not None
    assert "set read.conversations to true" in outcome.verdicts.detail[0].as_py()


def test_a_source_of_conversations_without_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    assert any("conversations" in problem for problem in problems(Read(paths=str(tmp_path), conversations=True)))
