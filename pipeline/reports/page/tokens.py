"""The parts of the page about tokens: the tokenizer on the run's own text, the packed rows, and the model."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from prep.corpus.files.storage import read_json
from prep.corpus.shards.shards import ShardManifest
from prep.pipeline.reports.page.markup import Child, Markup, element, section, share, table

CHARACTERS = 800
"""Of a text that is shown in its tokens."""


def tokenizer(output: str) -> Markup | None:
    """Return how the tokenizer does by source and language, its longest tokens, and a text in tokens."""
    path = Path(output, "tokenizer", "card.json")
    if not path.exists():
        return None
    card: dict[str, Any] = dict(read_json(str(path)))
    measured = card.get("evaluation") or {}
    rows = [
        (kind, name, f"{each['documents']:,}", f"{each['bytes_per_token']:.2f}", f"{each['tokens_per_word']:.2f}")
        for kind in ("sources", "languages")
        for name, each in (measured.get(kind) or {}).items()
    ]
    longest = [element("code", token, kind="token") for token in measured.get("longest", ())]
    headings = ("by", "", "documents", "bytes per token", "tokens per word")
    return section(
        "Tokenizer",
        table(headings, rows, words=2) if rows else None,
        element("p", "Longest tokens: ", *(child for token in longest for child in (token, " "))) if longest else None,
        *_in_tokens(output),
    )


def _in_tokens(output: str) -> Iterator[Markup]:
    from prep.tokenizers.encoding.encode import open_tokenizer

    parts = sorted(Path(output, "documents").glob("*.parquet"))
    batch = next((batch for part in parts for batch in pq.ParquetFile(part).iter_batches(1, columns=["text"])), None)
    if batch is None:
        return
    opened = open_tokenizer(str(Path(output, "tokenizer")))
    ids = opened.encode((batch["text"][0].as_py() or "")[:CHARACTERS])
    pieces: list[Child] = []
    waiting: list[int] = []
    for number in ids:
        waiting.append(int(number))
        text = opened.decode(waiting)
        if not text.endswith("\N{REPLACEMENT CHARACTER}") or len(waiting) == 4:  # a character's bytes are together
            title = " ".join(map(str, waiting))
            pieces.append(element("span", text, kind=f"piece piece-{len(pieces) % 4}", title=title))
            waiting = []
    yield element("h3", "A text in tokens")
    yield element("pre", *pieces)


def shards(manifests: Mapping[str, ShardManifest]) -> Markup | None:
    """Return what the packed rows hold by split, source and language, and each phase of a mixture."""
    if not manifests:
        return None
    rows = [
        (
            name,
            f"{each.documents:,}",
            f"{each.tokens:,}",
            f"{each.rows:,}",
            f"{each.length:,}",
            f"{each.utilisation:.2%}",
        )
        for name, each in manifests.items()
    ]
    headings = ("split", "documents", "tokens", "rows", "row length", "filled")
    return section("Packed rows", table(headings, rows), *_by_label(manifests), *_phases(manifests))


def _by_label(manifests: Mapping[str, ShardManifest]) -> Iterator[Markup]:
    for label in ("source", "language"):
        values = sorted({value for each in manifests.values() for value in each.tokens_by.get(label, {})})
        if values:
            rows = [
                (
                    value or "unknown",
                    *(f"{each.tokens_by.get(label, {}).get(value, 0):,}" for each in manifests.values()),
                )
                for value in values
            ]
            yield table((label, *(f"{name} tokens" for name in manifests)), rows)


def _phases(manifests: Mapping[str, ShardManifest]) -> Iterator[Markup]:
    for name, manifest in manifests.items():
        rows = [
            (f"{place}", group, f"{tokens:,}", share(tokens, phase.tokens))
            for place, phase in enumerate(manifest.phases, start=1)
            for group, tokens in phase.groups.items()
        ]
        if rows:
            yield element("h3", f"Mixture, {name}")
            yield table(("phase", "group", "tokens", "share of the phase"), rows, words=2)


def model(output: str) -> Markup | None:
    """Return the model's loss curve, what was measured, and text that it wrote."""
    path = Path(output, "model", "report.json")
    if not path.exists():
        return None
    report: dict[str, Any] = dict(read_json(str(path)))
    measured = {f"validation, {name}": value for name, value in (report.get("validation") or {}).items()}
    numbers = [
        (name.replace("_", " "), _number(value)) for name, value in {**report, **measured}.items() if _is_number(value)
    ]
    picture, text = Path(output, "loss.svg"), Path(output, "model", "sample.txt")
    return section(
        "Model",
        _picture(picture) if picture.exists() else None,
        table(("measure", "value"), numbers),
        element("h3", "What it writes") if text.exists() else None,
        element("pre", text.read_text(encoding="utf-8")[:2000]) if text.exists() else None,
    )


def _picture(path: Path) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    return element("img", kind="paper", src=f"data:image/svg+xml;base64,{data}", alt="bits per byte by step")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
