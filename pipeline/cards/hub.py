"""The card that dataset hubs show: a README.md whose header says how `datasets.load_dataset` opens the folder.

Source: Hugging Face, "Repository cards" and "Manual configuration" (the fields `configs`, `language`, `license`,
`size_categories` and `dataset_info`).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import pyarrow as pa
import yaml

from prep.corpus.shards.shards import ShardManifest
from prep.pipeline.cards.card import Card
from prep.pipeline.cards.facts import UNKNOWN, CorpusFacts

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B"))  # fmt: skip
MOST_VALUES = 20
"""Values of a label that a table shows; the others are added up."""


def corpus_readme(facts: CorpusFacts, title: str, card: Card) -> str:
    """Return the card of a published corpus; `datasets.load_dataset(folder)` opens its documents."""
    header = {
        "pretty_name": title,
        **_shared(facts.documents),
        **_language(facts),
        **_licence(card.licences(facts.licences)),
        "configs": [{"config_name": "documents", "data_files": "documents/*.parquet", "default": True}],
    }
    lines = [
        f"# {title}",
        f"{facts.documents:,} documents, {facts.text_bytes:,} bytes of text"
        + (f", {facts.tokens:,} tokens" if facts.shards else "")
        + ", prepared with [prep](https://pypi.org/project/corpus-prep/).",
        "## Documents",
        *(_table(f"{name}", counts) for name, counts in facts.counts.items()),
        *([_table("domain", facts.domains)] if facts.domains else []),
        *([f"Fetched or published from {facts.dates.first} to {facts.dates.last}."] if facts.dates else []),
        "Columns: " + ", ".join(f"`{field.name}` ({_kind(field.type)})" for field in facts.schema) + ".",
        "## What was done",
        _funnel(facts),
        *_shards_section(facts.shards),
        "## Citation",
        f"```bibtex\n{card.cited(title)}\n```",
    ]
    return _page(header, lines)


def shards_readme(shards: Mapping[str, ShardManifest], title: str) -> str:
    """Return the card of a folder of shards; `datasets.load_dataset(folder)` opens its rows by split."""
    files = [{"split": name, "path": f"{name}/*.arrow"} for name in shards]
    header = {
        "pretty_name": f"{title}: packed rows",
        **_shared(sum(manifest.rows for manifest in shards.values())),
        "configs": [{"config_name": "rows", "data_files": files, "default": True}],
    }
    lines = [f"# {title}: packed rows", *_shards_section(shards)]
    return _page(header, lines)


def _page(header: Mapping[str, object], blocks: Sequence[str]) -> str:
    front = yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(blocks) + "\n"


def _shared(rows: int) -> dict[str, object]:
    size = next((name for most, name in _SIZES if rows < most), "n>1T")
    return {"task_categories": ["text-generation"], "size_categories": [size], "tags": ["pretraining", "corpus-prep"]}


def _licence(licences: Sequence[str]) -> dict[str, object]:
    """Return the field of licences, which takes names alone."""
    if not licences or any("://" in licence for licence in licences):
        return {}
    names = [licence.lower() for licence in licences]
    return {"license": names[0] if len(names) == 1 else names}


def _language(facts: CorpusFacts) -> dict[str, object]:
    languages = [name for name in facts.counts.get("language", {}) if name != UNKNOWN]
    return {"language": languages} if languages else {}


def _table(heading: str, counts: Mapping[str, int]) -> str:
    rows = [f"| {_cell(value)} | {count:,} |" for value, count in islice(counts.items(), MOST_VALUES)]
    others = list(counts.values())[MOST_VALUES:]
    if others:
        rows.append(f"| {len(others):,} others | {sum(others):,} |")
    return "\n".join([f"| {heading} | documents |", "|---|---:|", *rows])


def _kind(kind: pa.DataType) -> str:
    return f"struct of {kind.num_fields}" if pa.types.is_struct(kind) else str(kind)


def _cell(text: str) -> str:
    """Return a text that ends no table cell and begins no markup."""
    return "".join(f"\\{character}" if character in "|\\`*_<>[]" else character for character in " ".join(text.split()))


def _funnel(facts: CorpusFacts) -> str:
    rows = ["| stage | in | kept | lost, by rule |", "|---|---:|---:|---|"]
    for name, counts in zip(facts.ledger.names, facts.ledger.counts, strict=True):
        losses = sorted({**counts.rejected, **counts.failed}.items(), key=lambda item: (-item[1], item[0]))
        lost = ", ".join(f"{_cell(rule)} {count:,}" for rule, count in losses)
        rows.append(f"| {_cell(name)} | {counts.entered:,} | {counts.kept:,} | {lost} |")
    return "\n".join(rows)


def _shards_section(shards: Mapping[str, ShardManifest]) -> Iterator[str]:
    if not shards:
        return
    rows = ["| split | documents | tokens | rows | row length | filled |", "|---|---:|---:|---:|---:|---:|"]
    for name, manifest in shards.items():
        numbers = (manifest.documents, manifest.tokens, manifest.rows, manifest.length)
        cells = " | ".join(f"{number:,}" for number in numbers)
        rows.append(f"| {name} | {cells} | {manifest.utilisation:.2%} |")
    yield "## Shards"
    yield "\n".join(rows)
    first = next(iter(shards.values()))
    yield (
        f"A row holds {first.length:,} token ids (`input_ids`, {first.dtype}) of a vocabulary of {first.vocabulary:,}; "
        f"`lengths` and `documents` say which documents' pieces they are. The separator is token {first.separator_id}, "
        f"{first.separator} each document; padding is token {first.padding_id}."
    )
