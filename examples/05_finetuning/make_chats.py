"""Writes conversations about days, months and the order of words, in the forms that chat data comes in.

    python make_chats.py FOLDER [--conversations N]

- `messages.jsonl`: OpenAI's and TRL's `messages`, of several turns.
- `sharegpt.jsonl`: ShareGPT's `conversations`.
- `instructions.jsonl`: Alpaca's `instruction`, `input` and `output`.

The same bytes every time. Takes a second.
"""

import argparse
import json
import random
from pathlib import Path

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
WORDS = ["red", "green", "blue", "white", "black", "brown", "pink", "grey", "gold", "silver"]

Turn = tuple[str, str]


def next_day(draw: random.Random) -> Turn:
    """Ask which day follows."""
    place = draw.randrange(7)
    return f"Which day comes after {DAYS[place]}?", f"{DAYS[(place + 1) % 7]} comes after {DAYS[place]}."


def month_before(draw: random.Random) -> Turn:
    """Ask which month comes before."""
    place = draw.randrange(12)
    return f"Which month is before {MONTHS[place]}?", f"Before {MONTHS[place]} it is {MONTHS[place - 1]}."


def last_word(draw: random.Random) -> Turn:
    """Ask for the last of three words."""
    words = draw.sample(WORDS, 3)
    return f"What is the last word of: {', '.join(words)}?", f"The last word is {words[-1]}."


TASKS = (next_day, month_before, last_word)


def conversation(draw: random.Random) -> list[Turn]:
    """Return one to three questions with their answers."""
    return [draw.choice(TASKS)(draw) for _ in range(draw.choice((1, 1, 2, 3)))]


def as_messages(turns: list[Turn]) -> dict[str, object]:
    """Return a conversation as `messages`."""
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    for question, answer in turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}


def as_sharegpt(turns: list[Turn]) -> dict[str, object]:
    """Return a conversation as ShareGPT has it."""
    return {
        "conversations": [
            {"from": who, "value": text} for turn in turns for who, text in zip(("human", "gpt"), turn, strict=True)
        ]
    }


def as_instruction(turns: list[Turn]) -> dict[str, object]:
    """Return a conversation's first question as an instruction."""
    instruction, colon, given = turns[0][0].partition(": ")
    return {"instruction": instruction + colon.strip(), "input": given, "output": turns[0][1]}


FORMS = {"messages": as_messages, "sharegpt": as_sharegpt, "instructions": as_instruction}


def write_chats(folder: Path, count: int) -> None:
    """Write so many conversations, a third in each form."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in FORMS.items():
        draw = random.Random(name)
        lines = (json.dumps(form(conversation(draw))) for _ in range(count // len(FORMS)))
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--conversations", type=int, default=6000)
    options = parser.parse_args()
    write_chats(options.folder, options.conversations)
