"""The parts of the page about tokens: the tokenizer on the run's own text, and the packed rows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from yaml import safe_load

from prep.corpus.files.storage import read_json
from prep.corpus.shards.shards import ShardManifest
from prep.corpus.shards.splits import TRAIN
from prep.pipeline.monitor.state import CONFIGURATION
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
        (kind, name, f"{each['bytes_per_token']:.2f}", f"{each['tokens_per_word']:.2f}", f"{each['documents']:,}")
        for kind in ("source", "language")
        for name, each in (measured.get(f"{kind}s") or {}).items()
    ]
    longest = [element("code", token, kind="token") for token in measured.get("longest", ())]
    headings = ("by", "", "bytes per token", "tokens per word", "documents")
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


def shards(manifests: Mapping[str, ShardManifest], output: str) -> Markup | None:
    """Return what the packed rows hold by split, source and language, and each phase of a mixture as it was asked."""
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
    return section("Packed rows", table(headings, rows), *_by_label(manifests), *_phases(manifests, _asked(output)))


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


def _phases(manifests: Mapping[str, ShardManifest], asked: Sequence[Mapping[str, float]]) -> Iterator[Markup]:
    for name, manifest in manifests.items():
        rows: list[tuple[Child, ...]] = []
        for place, phase in enumerate(manifest.phases):
            wanted = asked[place] if name == TRAIN and place < len(asked) else {}
            for group, tokens in phase.groups.items():
                goal = wanted.get(group)
                shown = "–" if goal is None else f"{goal:.1%}"
                rows.append((f"{place + 1}", group, shown, share(tokens, phase.tokens), f"{tokens:,}"))
        if rows:
            yield element("h3", f"Mixture, {name}")
            yield table(("phase", "group", "share asked for", "share realised", "tokens"), rows, words=2)


def _asked(output: str) -> list[dict[str, float]]:
    """Return the shares that the published configuration asks for, of each phase by group; none without a mixture."""
    path = Path(output, CONFIGURATION)
    stages = safe_load(path.read_text(encoding="utf-8")).get("stages", []) if path.exists() else []
    packs = [stage["pack"] for stage in stages if isinstance(stage, dict) and isinstance(stage.get("pack"), dict)]
    phases = [phase["shares"] for pack in packs for phase in (pack.get("mixture") or {}).get("phases", ())]
    whole = [sum(phase.values()) for phase in phases]
    return [{name: part / all_ for name, part in each.items()} for each, all_ in zip(phases, whole, strict=True)]
