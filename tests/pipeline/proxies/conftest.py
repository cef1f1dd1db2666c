"""Small corpora of made text, and settings under which proxies take seconds."""

import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import yaml

WORDS = (
    "river stone winter keeper lantern bridge copper meadow signal harbour engine violet thunder paper garden".split()
)

SMALL = (
    "--size nano --seeds 2 --tokens 1024 --set vocabulary=300 --set length=32 --set batch_rows=4 "
    "--set measure_bytes=3000 --set held_out=0.2 --workers 1"
).split()


def made_texts(count: int, seed: int) -> list[str]:
    """Return texts of sentences of which each word decides the next, by and large."""
    drawn = random.Random(seed)
    texts = []
    for _ in range(count):
        at, words = drawn.randrange(len(WORDS)), []
        for _ in range(60):
            words.append(WORDS[at])
            at = (at * 2 + drawn.randrange(2)) % len(WORDS)
        texts.append(" ".join(words))
    return texts


def shuffled(text: str, seed: int) -> str:
    words = text.split()
    random.Random(seed).shuffle(words)
    return " ".join(words)


WriteCorpus = Callable[..., Path]


@pytest.fixture(scope="module")
def write_corpus(tmp_path_factory: pytest.TempPathFactory) -> WriteCorpus:
    """Return a function that writes a corpus of (id, source, text), and the pipeline that reads it; gives its path."""
    folder = tmp_path_factory.mktemp("corpora")

    def write(name: str, documents: list[tuple[str, str, str]]) -> Path:
        sources = []
        for source in sorted({source for _, source, _ in documents}):
            lines = [orjson.dumps({"id": key, "text": text}) for key, own, text in documents if own == source]
            (folder / f"{name}-{source}.jsonl").write_bytes(b"\n".join(lines))
            sources.append({"name": source, "paths": str(folder / f"{name}-{source}.jsonl")})
        pipeline = {
            "output": str(folder / f"{name}-run"),
            "workers": 1,
            "stages": [{"read": {"sources": sources}}],
        }
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(pipeline))
        return path

    return write
