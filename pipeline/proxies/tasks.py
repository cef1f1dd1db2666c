"""Tasks from a local file: questions with choices, and beginnings to be gone on with (cloze), one a line.

    {"question": "The sun rises in the", "choices": ["west", "east"], "answer": 1}
    {"prompt": "The sun rises in the ", "completion": "east"}

A question is answered by the choice that costs the fewest bits per byte, so that long choices are at no disadvantage
(`acc_norm` of lm-evaluation-harness: https://github.com/EleutherAI/lm-evaluation-harness). A cloze is solved where
every token of what follows is the most likely one, as LAMBADA is scored (Paperno et al. 2016, arXiv 1606.06031). Small
models rarely do better than chance, but the bits per byte of the right answer fall before accuracy rises
(Bhagia et al. 2024, arXiv 2412.04403), so both are given.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prep.corpus.errors import ConfigurationError
from prep.stages.shared.json_records import json_records

QUESTIONS = ("question", "query", "prompt", "context")
CHOICES = ("choices", "options", "endings")
ANSWERS = ("answer", "label", "gold")
COMPLETIONS = ("completion", "answer", "target")
_HINT = "expected question, choices and answer (a number from 0, or the choice itself), or prompt and completion"


class TaskItem(NamedTuple):
    """A prompt and what may follow it; a cloze has one choice."""

    prompt: str
    choices: tuple[str, ...]
    answer: int
    """The place of the right choice."""


def read_task(path: str) -> Iterator[TaskItem]:
    """Yield the items of a file. Raises ConfigurationError, with file and record, for what is no item."""
    number = -1
    for number, record in enumerate(json_records(path)):
        item = _item(record)
        if isinstance(item, str):
            raise ConfigurationError([f"{path}: record {number}: {item}; {_HINT}"])
        yield item
    if number < 0:
        raise ConfigurationError([f"{path}: the file is empty; {_HINT}"])


def _item(record: Mapping[str, object]) -> TaskItem | str:
    """Return an item, or what is wrong with it."""
    prompt = _first(record, QUESTIONS)
    if not isinstance(prompt, str):
        return f"seen the fields {', '.join(map(str, record)) or 'none'}"
    choices = _first(record, CHOICES)
    if isinstance(choices, dict):  # as ARC and CommonsenseQA have them
        labels, choices = choices.get("label"), choices.get("text")
    else:
        labels = None
    if choices is None:
        text = _first(record, COMPLETIONS)
        return TaskItem(prompt, (text,), 0) if isinstance(text, str) and text.strip() else "a prompt without completion"
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(each, str) and each for each in choices):
        return f"choices: expected two or more texts, seen {choices!r}"
    answer = _first(record, ANSWERS)
    place = _place(answer, choices, labels)
    if place is None:
        return f"answer: expected one of {len(choices)} choices, seen {answer!r}"
    separate = "" if prompt[-1:].isspace() or not prompt else " "
    return TaskItem(prompt + separate, tuple(choices), place)


def _place(answer: object, choices: list[str], labels: object) -> int | None:
    """Return the place of the right choice, given as it, its label, its letter or its number from 0."""
    if isinstance(labels, list) and answer in labels:
        return labels.index(answer)
    if isinstance(answer, str) and answer in choices:
        return choices.index(answer)
    if isinstance(answer, str) and len(answer) == 1 and answer.isalpha():
        answer = ord(answer.upper()) - ord("A")
    if isinstance(answer, str) and answer.isdigit():
        answer = int(answer)
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    return None


def _first(record: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((record[name] for name in names if name in record), None)
