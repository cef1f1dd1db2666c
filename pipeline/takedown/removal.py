"""Takes documents out of a run that has ended, without reading its input or tokenizing anything again.

    OUTPUT/documents/…     the published documents without those that are named
    OUTPUT/rejected/…      the records of lost documents without those that are named
    OUTPUT/shards/…        the shards without them, as `prep.corpus.shards.removal` writes them
    OUTPUT/tokenizer/      as it was
    OUTPUT/ledger.json, and the cards, which count the removal as one more stage
    OUTPUT/removed.json    what was asked for and what went, for this removal and those before it

The output is the folder of a run like any other: it can be traced and exported, and documents can be taken out of it
again. A near-duplicate that deduplication kept in the place of what is removed stays, since it is another document; the
report names it. Cost: one pass over what is published; memory for a row group.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import REJECTED, DocumentWriter, read_documents, read_rows, read_schema
from prep.corpus.errors import RunError
from prep.corpus.files.storage import read_json, write_json
from prep.corpus.shards.hugging_face import write_splits
from prep.corpus.shards.removal import Numbers, Removal, RemovedDocuments, Renumbering, remove_documents
from prep.corpus.shards.shards import ShardManifest, mapped_rows, open_shard
from prep.exports.job import DESCRIPTION
from prep.pipeline.cards.publish_cards import card_facts, write_cards
from prep.pipeline.results.ledger import LEDGER, Ledger, read_ledger
from prep.pipeline.results.publish import ARTEFACTS, PICTURES
from prep.pipeline.takedown.requests import REPORT, earlier_removals
from prep.pipeline.takedown.tracing import count_documents, document_parts, find_kept, read_splits, rows_of
from prep.stages.results import Counts
from prep.stages.shared.targets import KINDS, Targets

STAGE = "removal"
"""What the ledger calls a removal."""
OPT_OUTS = "requests for removal"
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class RemovalReport:
    """What was taken out of a run."""

    run: str
    requests: Mapping[str, tuple[str, ...]]
    """The entries that were asked for, by kind."""
    documents: int
    """Published documents that the request names."""
    ids: tuple[str, ...]
    rules: Mapping[str, int]
    """How many of them each kind of entry names, as `removed_by_domain`."""
    rejected: int
    """Records of lost documents that the request names."""
    stand_ins: tuple[str, ...]
    """Published documents that stay, of which a lost document that the request names was a copy or nearly one."""
    splits: Mapping[str, Removal]
    exports: tuple[str, ...]
    """Folders inside the run that hold an export of the old shards."""


def remove(run: str, targets: Targets, output: str) -> RemovalReport:
    """Write a run's results to an output folder without the documents that targets name.

    Raises RunError where no run has ended there, or the output folder holds something.
    """
    ledger = read_ledger(run)
    if Path(output).exists() and any(Path(output).iterdir()):
        raise RunError(f"{output}: expected an empty folder, seen files in it; name another one")
    kept = list(find_kept(run, targets))
    gone = np.array([each.number for each in kept], np.int64)
    ids = frozenset(each.id for each in kept)
    _write_documents(run, output, gone)
    lost, stand_ins = _write_rejected(run, output, targets, ids)
    splits = _write_shards(run, output, gone)
    rules = Counter(f"removed_by_{KINDS[each.kind].removesuffix('s')}" for each in kept)
    report = RemovalReport(
        str(Path(run).absolute()), targets.entries(), len(kept), tuple(each.id for each in kept), dict(rules), lost,
        stand_ins, splits, tuple(_exports(run)),
    )  # fmt: skip
    write_json(f"{output}/{REPORT}", {"removals": [*earlier_removals(run), asdict(report)]})
    artefacts = [TOKENIZER] if Path(run, TOKENIZER).is_dir() else []
    if artefacts:
        shutil.copytree(Path(run, TOKENIZER), Path(output, TOKENIZER))
    shards = ["shards"] if splits else []
    published = {ARTEFACTS: sorted(artefacts + shards), PICTURES: list[str]()}
    write_json(f"{output}/{LEDGER}", {**_with_removal(ledger, rules).as_json(), **published})
    title, opt_outs, card = card_facts(run)
    write_cards(output, title, [*opt_outs, OPT_OUTS], card)
    return report


def _write_documents(run: str, output: str, gone: Numbers) -> None:
    first = 0
    for part in document_parts(run):
        schema = read_schema(str(part))
        with DocumentWriter(f"{output}/documents/{part.name}", schema) as writer:
            for batch in read_documents(str(part)):
                inside = np.arange(first, first + batch.num_rows)
                writer.write(batch.filter(pa.array(~np.isin(inside, gone))).replace_schema_metadata(schema.metadata))
                first += batch.num_rows


def _write_rejected(run: str, output: str, targets: Targets, ids: frozenset[str]) -> tuple[int, tuple[str, ...]]:
    """Write the records of lost documents, and return how many went and which documents stand for those that went.

    A record that names a removed document as the one kept in its place loses that name.
    """
    lost = 0
    stand_ins: set[str] = set()
    removed = pa.array(sorted(ids), pa.string())
    for path in sorted(Path(run, "rejected").glob("*.parquet")):
        with DocumentWriter(f"{output}/rejected/{path.name}", REJECTED) as writer:
            for batch in read_documents(str(path)):
                named = targets.match(batch).kind >= 0
                lost += int(np.count_nonzero(named))
                stand_ins.update(filter(None, batch.filter(pa.array(named)).column("detail").to_pylist()))
                rest = batch.filter(pa.array(~named))
                place = rest.schema.get_field_index("detail")
                detail = rest.column(place)
                detail = pc.if_else(pc.is_in(detail, removed), pa.scalar(None, pa.string()), detail)
                writer.write(rest.set_column(place, rest.schema.field(place), detail))
    return lost, tuple(_published(run, stand_ins - ids))


def _published(run: str, ids: set[str]) -> Iterator[str]:
    """Yield those ids that published documents have."""
    wanted = pa.array(sorted(ids), pa.string())
    for part in document_parts(run) if ids else ():
        column = pq.read_table(part, columns=["id"]).column("id").cast(pa.string())
        yield from column.filter(pc.is_in(column, wanted)).to_pylist()


def _write_shards(run: str, output: str, gone: Numbers) -> dict[str, Removal]:
    splits = read_splits(run)
    total = count_documents(run)
    found: dict[str, Removal] = {}
    for name, (folder, manifest) in splits.items():
        present = _present(folder, manifest, gone, total)
        removed = _described(run, present, Renumbering(total, gone), tuple(manifest.tokens_by))
        found[name] = remove_documents(folder, f"{output}/shards/{name}", removed)
    if splits:
        write_splits(f"{output}/shards", tuple(splits))
    return found


def _present(folder: str, manifest: ShardManifest, gone: Numbers, total: int) -> Numbers:
    """Return the numbers that documents, given by their places among the published, have in a split's rows, rising."""
    found = [np.empty(0, np.int64)]
    for shard in manifest.shards:
        for batch in open_shard(folder, shard, manifest):
            documents = mapped_rows(batch).documents
            found.append(np.unique(documents[np.isin(documents % total, gone)]))
    return np.unique(np.concatenate(found))


def _described(run: str, numbers: Numbers, renumber: Renumbering, labels: tuple[str, ...]) -> RemovedDocuments:
    """Return documents, given by their numbers in the shards, with the sizes of their texts and their labels."""
    rows = np.unique(numbers % renumber.total)
    sizes: dict[int, int] = {}
    values: dict[str, dict[int, str]] = {label: {} for label in labels}
    first = 0
    for part in document_parts(run):
        names = [name for name in ("text", *labels) if name in read_schema(str(part)).names]
        end = first + rows_of(part)
        inside = rows[slice(*np.searchsorted(rows, (first, end)))] - first
        for found, batch in read_rows(str(part), inside, names):
            numbered = (found + first).tolist()
            sizes |= dict(zip(numbered, pc.binary_length(batch.column("text")).to_pylist(), strict=True))
            for label in labels:
                column = batch.column(label).cast(pa.string()).fill_null("unknown").to_pylist()
                values[label] |= dict(zip(numbered, column, strict=True))
        first = end
    places = (numbers % renumber.total).tolist()
    return RemovedDocuments(
        numbers,
        np.array([sizes[place] for place in places], np.int64),
        {label: [values[label][place] for place in places] for label in labels},
        renumber,
    )


def _with_removal(ledger: Ledger, rules: Mapping[str, int]) -> Ledger:
    """Return a ledger with one stage more."""
    before = ledger.counts[-1].kept
    counts = Counts(before, before - sum(rules.values()), dict(sorted(rules.items())), {})
    return Ledger([*ledger.names, STAGE], [*ledger.counts, counts], ledger.truncated)


def _exports(run: str) -> Iterator[str]:
    """Yield the folders inside a run that hold an export of its shards."""
    fingerprints = {manifest.fingerprint for _, manifest in read_splits(run).values()}
    for path in sorted({*Path(run).glob(f"*/{DESCRIPTION}"), *Path(run).glob(f"*/*/{DESCRIPTION}")}):
        shards = read_json(str(path)).get("shards")
        if isinstance(shards, dict) and fingerprints & {each["fingerprint"] for each in shards.values()}:
            yield str(path.parent)
