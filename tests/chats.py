"""Conversations of our own, a chat template with marked answers and one without, and a tokenizer for both."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from samples import sample_of

from prep.corpus.arrow.documents import CONVERSATION
from prep.stages.pack.pack import Pack
from prep.stages.shared.conversations import conversation_text
from prep.stages.upstream import GlobalContext, Upstream
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.saving.folder import with_template, write_folder
from prep.tokenizers.training.train import TokenizerSettings, train

from .stages.contract import run_task

MARKED = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}
        {{- message.content + '<|im_end|>' }}
        {%- endgeneration %}
    {%- else %}
        {{- message.content + '<|im_end|>' }}
    {%- endif %}
    {{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

PLAIN = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

Message = dict[str, str]


def said(*turns: str, system: str = "") -> list[Message]:
    """Return a conversation in which user and assistant speak in turn."""
    roles = [{"role": ("user", "assistant")[number % 2], "content": turn} for number, turn in enumerate(turns)]
    return ([{"role": "system", "content": system}] if system else []) + roles


CHATS = [
    said("What is 2 + 2?", "It is 4."),
    said("Spell  cat,\n  please.", "c-a-t\n", "And dog?", "d-o-g", system="You spell words."),
    said("Wie heißt das?", "Ein Körnchen Salz 🧂."),
    said("def f(x):\n    return", "  return x\n\n"),
    said("一二三", "四五六", "七", "八"),
]


def write_chat_tokenizer(folder: Path, template: str = MARKED) -> None:
    """Write a small byte-level BPE with a chat template; none where it is empty."""
    texts = [message["content"] for chat in CHATS for message in chat] * 20
    settings = TokenizerSettings("bpe", 300, control=("<|im_start|>", "<|im_end|>"), pattern=PATTERNS["gpt2"])
    files = train(sample_of(texts), settings).files
    write_folder(str(folder), with_template(files, template.encode()) if template else files, {})


def pack_chats(
    folder: Path,
    tokenizer: str,
    chats: Sequence[Sequence[Message]],
    stage: Pack,
    parts: int = 2,
    texts: Mapping[int, str] = {},
) -> dict[str, str]:
    """Pack conversations in parts, some with another text than their own; return the rules by which some are lost."""
    paths = []
    for part in range(parts):
        numbers = range(len(chats) * part // parts, len(chats) * (part + 1) // parts)
        columns = {
            "id": pa.array([f"chat-{number}" for number in numbers]),
            "text": pa.array([texts.get(n, conversation_text(chats[n])) for n in numbers], pa.large_string()),
            CONVERSATION.name: pa.array(
                [json.dumps({"messages": chats[n]}) if chats[n] else None for n in numbers], CONVERSATION.type
            ),
            "source": pa.array(["ours" if number % 2 else "theirs" for number in numbers]),
        }
        paths.append(folder / f"{part:05d}.parquet")
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), paths[-1])
    upstream = Upstream(tuple(map(str, paths)))
    context = GlobalContext(upstream, str(folder / "shards"), str(folder / "scratch"), {"tokenizer": tokenizer})
    for phase in stage.phases(parts):
        for task in range(phase.tasks):
            run_task(stage, phase.name, task, context)
    lost = [pq.read_table(path) for path in sorted((folder / "shards" / "rejected").glob("*.parquet"))]
    return {row["id"]: row["rule"] for table in lost for row in table.to_pylist()}
