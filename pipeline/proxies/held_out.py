"""Text that no proxy learns from: given files, tasks, and documents held out of all corpora alike.

Documents are held out by a hash of their URL, or of their id where they have none, so that a page that two corpora hold
is held out of both, whatever they made of it. Texts that all corpora have alike make the set of their source; those
that differ make a set for each corpus, since none's way of cleaning is the measure of the other's. Documents are cut
into passages, of which those with the lowest hashes are measured, some `measure_bytes`, so that one book does not
outweigh many pages. Passages and tasks are also sought in what is left of the corpora, as spans of words, and cut out
of it (the stage `decontaminate`). Cost: one pass over the texts of all corpora, and some 50 bytes for each document.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import atomic_output, write_bytes
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.tasks import TaskItem, read_task
from prep.pipeline.takedown.tracing import document_parts
from prep.stages.catalogue import STAGES
from prep.stages.sampling.chance import id_hashes
from prep.stages.stage import RowStage
from prep.stages.tokenizer.texts import Texts

PASSAGE = 3000
"""Characters of a passage, at most."""
ITEM_WORDS = 60
"""Words of the spans by which passages are sought in the corpora."""
FEWEST_WORDS = 8
DRAW = 0
"""The seed of what is held out and measured: other seeds of proxies are measured on the same text."""
LEAST_BYTES = 2000
"""A set of less text is none."""
UNKNOWN = "unknown"
DOCUMENTS = "documents"
"""What the source of documents is called that name none."""


@dataclass(frozen=True)
class TextSet:
    """Passages to measure on."""

    name: str
    texts: tuple[str, ...]
    languages: tuple[str, ...]
    """Of each passage; `unknown` where nobody said."""
    documents: int
    """That the passages come from."""

    @property
    def bytes(self) -> int:
        """Return the size of all passages in UTF-8."""
        return sum(len(text.encode()) for text in self.texts)

    @property
    def digest(self) -> str:
        """Identify the passages."""
        return sha256(orjson.dumps([self.texts, self.languages])).hexdigest()[:16]


@dataclass(frozen=True)
class TaskSet:
    """Questions with choices, or beginnings with what follows."""

    name: str
    items: tuple[TaskItem, ...]

    @property
    def digest(self) -> str:
        """Identify the items."""
        return sha256(orjson.dumps([list(item) for item in self.items])).hexdigest()[:16]


@dataclass(frozen=True)
class HeldOut:
    """What is measured on, and how it is kept out of the corpora."""

    folder: str
    texts: tuple[TextSet, ...]
    tasks: tuple[TaskSet, ...]
    removed: tuple[int, ...]
    """Documents held out of each corpus."""
    text_bytes: tuple[Mapping[str, int], ...]
    """Size of each corpus's text by source."""
    small: Mapping[str, int] = field(default_factory=dict)
    """Sets of too little text to measure on, with their bytes."""

    def removal(self, corpus: int | None) -> list[object]:
        """Return the stage that keeps held-out documents out of a corpus, or out of all of them together."""
        if not (sum(self.removed) if corpus is None else self.removed[corpus]):
            return []
        return [{"remove": {"ids": f"{self.folder}/{'all' if corpus is None else corpus}.parquet"}}]

    def decontamination(self) -> list[object]:
        """Return the stage that cuts passages and tasks out of texts."""
        path = f"{self.folder}/items.jsonl"
        if not Path(path).exists():
            return []
        sets = {"held_out": {"path": path, "columns": ["text"]}}
        return [{"decontaminate": {"sets": sets, "action": "cut", "skip_short": True}}]


def hold_out(
    corpora: Mapping[str, str],
    files: Mapping[str, Sequence[str]],
    tasks: Mapping[str, str],
    settings: ProxySettings,
    folder: str,
) -> HeldOut:
    """Choose what to measure on, and write what keeps it out of the corpora to a folder.

    `corpora` are runs' folders by name, `files` text files by the set's name, `tasks` JSON Lines by the task's name.
    Raises RunError where nothing is left to measure on, ConfigurationError for files that cannot be read.
    """
    tables = [_survey(output) for output in corpora.values()]
    chosen = _choose(tables, settings)
    removed = [table.filter(pc.is_in(table["key"], pa.array(list(chosen), pa.uint64()))) for table in tables]
    sets: dict[str, list[tuple[str, str]]] = {}
    for name, paths in files.items():
        sets[name] = list(_texts_of(paths))
    for name, documents in _by_source(corpora, removed, chosen).items():
        sets.setdefault(name, []).extend(documents)
    measured = [_passages(name, documents, settings) for name, documents in sets.items() if documents]
    texts = tuple(each for each in measured if each.bytes >= LEAST_BYTES)
    read = tuple(TaskSet(name, tuple(read_task(path))) for name, path in tasks.items())
    if not texts and not read:
        raise RunError(
            "expected held-out text to measure on, seen none: give files with --on, or raise held_out (here "
            f"{settings.held_out:g}) so that documents of the corpora are held out"
        )
    found = HeldOut(
        folder,
        texts,
        read,
        tuple(table.num_rows for table in removed),
        tuple(map(_text_bytes, tables)),
        {each.name: each.bytes for each in measured if each.bytes < LEAST_BYTES},
    )
    _write(found, removed)
    return found


def _survey(output: str) -> pa.Table:
    """Return the documents of a run: `id`, `key` (a hash of the URL, or of the id), `source`, `bytes` of text."""
    parts = []
    for path in document_parts(output):
        file = pq.ParquetFile(path)
        there = [name for name in ("id", "url", "source", "text") if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=there):
            ids = batch.column("id").cast(pa.large_string())
            named = pc.coalesce(batch.column("url").cast(pa.large_string()), ids) if "url" in there else ids
            source = batch.column("source").cast(pa.string()) if "source" in there else pa.nulls(len(ids), pa.string())
            sizes = pc.binary_length(batch.column("text")).cast(pa.int64())
            keys = pa.array(id_hashes(named, DRAW))
            parts.append(pa.table({"id": ids, "key": keys, "source": _named(source), "bytes": sizes}))
    return pa.concat_tables(parts).combine_chunks()


def sources_of(output: str) -> list[str]:
    """Return the sources of a run's documents, in alphabetical order; those of no name are not among them."""
    found: set[str] = set()
    for path in document_parts(output):
        file = pq.ParquetFile(path)
        if "source" in file.schema_arrow.names:
            for batch in file.iter_batches(columns=["source"]):
                found.update(pc.unique(batch.column("source")).to_pylist())
    return sorted(name for name in found if name)


def _named(source: pa.Array) -> pa.Array:
    """Return sources with a name for documents that have none."""
    return pc.if_else(pc.equal(pc.coalesce(source, ""), ""), DOCUMENTS, source)


def _text_bytes(documents: pa.Table) -> dict[str, int]:
    sums = documents.group_by("source").aggregate([("bytes", "sum")])
    return dict(sorted(zip(sums["source"].to_pylist(), sums["bytes_sum"].to_pylist(), strict=True)))


def _choose(tables: Sequence[pa.Table], settings: ProxySettings) -> dict[int, str]:
    """Return the keys to hold out, each with its source: the lowest of each source, up to the text that is needed."""
    if not settings.held_out:
        return {}
    whole = (
        pa.concat_tables(tables).group_by("key", use_threads=False).aggregate([("source", "first"), ("bytes", "max")])
    )
    order = whole.sort_by("key")
    keys = order["key"].to_numpy()
    low = keys.astype(np.float64) * 2.0**-64 < settings.held_out
    sources, sizes = np.array(order["source_first"].to_pylist(), object), order["bytes_max"].to_numpy()
    chosen: dict[int, str] = {}
    for source in sorted(set(sources[low].tolist())):
        rows = np.flatnonzero(low & (sources == source))
        before = np.cumsum(sizes[rows]) - sizes[rows]
        chosen |= {int(keys[row]): source for row in rows[before < settings.measure_bytes]}
    return chosen


def _by_source(
    corpora: Mapping[str, str], removed: Sequence[pa.Table], chosen: Mapping[int, str]
) -> dict[str, list[tuple[str, str]]]:
    """Return the texts held out, with their languages, by the set's name."""
    held: dict[int, dict[str, tuple[str, str]]] = {}
    for (name, output), table in zip(corpora.items(), removed, strict=True):
        keys = dict(zip(table["id"].to_pylist(), table["key"].to_pylist(), strict=True))
        for identifier, text, language in _texts_by_id(output, list(keys)):
            held.setdefault(keys[identifier], {}).setdefault(name, (text, language))
    sets: dict[str, list[tuple[str, str]]] = {}
    for key in sorted(held):
        versions = held[key]
        alike = len(versions) == len(corpora) and len({text for text, _ in versions.values()}) == 1
        for name, version in versions.items():
            sets.setdefault(chosen[key] if alike else f"{chosen[key]} ({name})", []).append(version)
            if alike:
                break
    return dict(sorted(sets.items()))


def _texts_by_id(output: str, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    wanted = pa.array(ids, pa.large_string())
    for path in document_parts(output):
        file = pq.ParquetFile(path)
        there = [name for name in ("id", "text", "language") if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=there):
            rows = batch.filter(pc.is_in(batch.column("id").cast(pa.large_string()), wanted))
            languages = rows.column("language").to_pylist() if "language" in there else [None] * rows.num_rows
            for row in zip(rows.column("id").to_pylist(), rows.column("text").to_pylist(), languages, strict=True):
                yield row[0], row[1], row[2] or UNKNOWN


def _texts_of(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    for batch in Texts(paths).batches():
        languages = (
            batch.column("language").to_pylist() if "language" in batch.schema.names else [None] * batch.num_rows
        )
        for text, language in zip(batch.column("text").to_pylist(), languages, strict=True):
            yield text, language or UNKNOWN


def _passages(name: str, documents: Sequence[tuple[str, str]], settings: ProxySettings) -> TextSet:
    """Cut documents into passages and keep those with the lowest hashes, until there is as much text as is measured."""
    passages: dict[str, tuple[str, int]] = {}
    for number, (text, language) in enumerate(documents):
        for passage in cut(text):
            passages.setdefault(passage, (language, number))
    listed = [(passage, *rest) for passage, rest in passages.items()]
    hashes = id_hashes(pa.array(list(passages), pa.large_string()), DRAW)
    order = np.argsort(hashes, kind="stable")
    sizes: npt.NDArray[np.int64] = np.array([len(listed[at][0].encode()) for at in order], np.int64)
    kept = order[: int(np.searchsorted(np.cumsum(sizes), settings.measure_bytes)) + 1]
    rows = [listed[at] for at in kept]
    languages = [row[1] for row in rows]
    if settings.identify_languages and UNKNOWN in languages:
        identified = _languages([row[0] for row in rows])
        languages = [found if said == UNKNOWN else said for said, found in zip(languages, identified, strict=True)]
    return TextSet(name, tuple(row[0] for row in rows), tuple(languages), len({row[2] for row in rows}))


def _languages(texts: Sequence[str]) -> list[str]:
    """Identify the language of each text by the stage's usual model. Raises RunError where that is not there."""
    stage = STAGES["language"].model_validate({"threshold": 0})
    assert isinstance(stage, RowStage)
    outcome = stage.open()(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    return [language or UNKNOWN for language in outcome.batch.column("language").to_pylist()]


def cut(text: str) -> Iterator[str]:
    """Yield a text's passages: of at most `PASSAGE` characters, cut at the last white space before that if there is."""
    at = 0
    while at < len(text):
        end = min(at + PASSAGE, len(text))
        if end < len(text):
            space = max(text.rfind(mark, at + PASSAGE // 2, end) for mark in "\n ")
            end = space + 1 if space >= 0 else end
        passage = text[at:end].strip()
        if passage:
            yield passage
        at = end


def _items(held_out: HeldOut) -> Iterator[str]:
    """Yield the spans by which what is held out is sought in the corpora."""
    for texts in held_out.texts:
        for text in texts.texts:
            words = text.split()
            spans = [words[at : at + ITEM_WORDS] for at in range(0, len(words), ITEM_WORDS)] or [[text]]
            if len(spans) > 1 and len(spans[-1]) < ITEM_WORDS // 2:
                spans[-2:] = [spans[-2] + spans[-1]]
            yield from (" ".join(span) for span in spans)
    for task in held_out.tasks:
        yield from (f"{item.prompt}\n{item.choices[item.answer]}" for item in task.items)


def _write(held_out: HeldOut, removed: Sequence[pa.Table]) -> None:
    for name, table in [*enumerate(removed), ("all", pa.concat_tables(removed))]:
        with atomic_output(f"{held_out.folder}/{name}.parquet") as sink:
            pq.write_table(pa.table({"id": pc.unique(table["id"])}), sink)
    spans = [span for span in dict.fromkeys(_items(held_out)) if len(span.split()) >= FEWEST_WORDS or len(span) > 100]
    if spans:
        write_bytes(f"{held_out.folder}/items.jsonl", b"".join(orjson.dumps({"text": span}) + b"\n" for span in spans))
    else:
        Path(held_out.folder, "items.jsonl").unlink(missing_ok=True)


def sets_by_name(given: Sequence[str]) -> dict[str, list[str]]:
    """Return files by the name of their set, given as `NAME=FILES` or as the files alone, which are named after them.

    Raises ConfigurationError for an empty name or place.
    """
    sets: dict[str, list[str]] = {}
    for each in given:
        name, equals, place = each.partition("=")
        if not equals or "/" in name:
            name, place = Path(each.rstrip("/*")).name.partition(".")[0] or each, each
        if not name or not place:
            raise ConfigurationError([f"{each}: expected NAME=FILES, such as books=books/*.txt"])
        sets.setdefault(name, []).append(place)
    return sets
