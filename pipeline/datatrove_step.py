"""A pass of `prep` as one step of somebody's datatrove script.

    LocalPipelineExecutor(
        pipeline=[
            WarcReader("crawl/"),
            Trafilatura(),
            PrepStages([{"language": {"keep": ["en"]}}, {"quality": {"recipe": "gopher"}}]),
            JsonlWriter("out/"),
        ]
    )

The documents travel through the stages in batches of columns, as in a run, and go on as the same objects, with the text
as it is then and what the stages added in their metadata. Dropped documents are counted in the step's statistics under
their rules (`dropped_…`, `failed_…`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy

import numpy as np
import pyarrow as pa
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.typeshelper import StatHints

from prep.corpus.arrow.documents import DATE, ID, SOURCE, TEXT, URL
from prep.corpus.errors import ConfigurationError
from prep.pipeline import config
from prep.pipeline.execution.isolation import isolate
from prep.pipeline.steps.passes import opened, repeated, tagged
from prep.stages.stage import CheckContext, RowStage
from prep.stages.verdicts import Verdicts

METADATA: Mapping[str, pa.DataType] = {field.name: field.type for field in (URL, DATE, SOURCE)} | {
    "language": pa.string()
}
BATCH_BYTES = 8 << 20


class PrepStages(PipelineStep):  # type: ignore[misc]
    """Applies row stages (filters and what adds columns) to documents.

    Args:
        stages: as below `stages` in a pipeline's YAML: names, or one name with its options; or the path of a YAML file
            that has such a list under `stages`
        metadata: metadata that the stages read as columns, with the Arrow type of each; null where a document has none
        exclusion_writer: gets the dropped documents, with the rule as `filter_reason` in their metadata
        batch_bytes: documents travel in batches of about so many bytes of text

    Raises ConfigurationError where the stages cannot work. Tables of findings (of `pii`) are not kept.

    """

    type = "PREP"
    name = "prep stages"

    def __init__(
        self,
        stages: Sequence[object] | str,
        metadata: Mapping[str, pa.DataType] = METADATA,
        exclusion_writer: DiskWriter | None = None,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        super().__init__()
        fields = [pa.field(name, kind) for name, kind in metadata.items()]
        self._schema = pa.schema([ID, TEXT, *fields])
        self._stages = _row_stages(stages, self._schema)
        self._exclusion_writer = exclusion_writer
        self._batch_bytes = batch_bytes

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Yield the documents that the stages keep."""
        with self._exclusion_writer or nullcontext() as writer:
            for documents in _batched(data, self._batch_bytes):
                with self.track_time("batch"):
                    kept, dropped = self._apply(documents)
                for document, label in dropped:
                    self.stat_update(StatHints.dropped, label)
                    if writer is not None:
                        document.metadata["filter_reason"] = label.partition("_")[2]
                        writer.write(document, rank)
                for document in kept:
                    self.stat_update(StatHints.forwarded)
                    self.update_doc_stats(document)
                    yield document

    def _apply(self, documents: list[Document]) -> tuple[list[Document], list[tuple[Document, str]]]:
        """Return the documents that stay, changed, and those that go, with what they are counted under."""
        self.stat_update(StatHints.total, value=len(documents))
        batch, dropped = self._batch(documents), list[tuple[Document, str]]()
        for stage in self._stages:
            outcome = isolate(opened(stage), batch)
            batch, verdicts = outcome if stage.tag is None else tagged(outcome, stage.tag)
            if verdicts is not None:
                batch, documents, lost = _settle(batch, documents, verdicts)
                dropped += lost
            if not documents:
                break
        added = [name for name in batch.schema.names if name not in (ID.name, TEXT.name)]
        names = batch.column(ID.name).to_pylist()
        texts = batch.column(TEXT.name).to_pylist()
        for document, name, text, row in zip(documents, names, texts, batch.select(added).to_pylist(), strict=True):
            document.id, document.text = name, text or ""
            document.metadata |= {key: value for key, value in row.items() if value is not None}
        return documents, dropped

    def _batch(self, documents: list[Document]) -> pa.RecordBatch:
        columns = [pa.array([str(document.id) for document in documents], ID.type)]
        columns.append(pa.array([document.text for document in documents], TEXT.type))
        for field in self._schema.names[2:]:
            values = [document.metadata.get(field) for document in documents]
            columns.append(pa.array(values, self._schema.field(field).type))
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def _row_stages(stages: Sequence[object] | str, schema: pa.Schema) -> tuple[RowStage, ...]:
    """Validate the stages and check them against the documents' columns, as a run does before data moves."""
    found = config.stages_of(stages)
    complaints = []
    for position, stage in enumerate(found):
        label = f"{stages if isinstance(stages, str) else 'stages'}: stage {position + 1} ({stage.name})"
        if not isinstance(stage, RowStage):
            complaints.append(f"{label} needs all documents at once; it runs only in a pipeline of prep's own")
            continue
        missing = [name for name in stage.columns if name not in schema.names]
        if missing:
            complaints.append(f"{label} needs a column '{missing[0]}'; name it in `metadata`")
            continue
        problems = list(stage.problems(CheckContext(schema, 0, frozenset(), found[:position])))
        complaints += [f"{label}: {problem}" for problem in problems]
        schema = schema if problems else stage.columns_after(schema)
    if complaints:
        raise ConfigurationError(complaints)
    return tuple(stage for stage in found if isinstance(stage, RowStage))


def _settle(
    batch: pa.RecordBatch, documents: list[Document], verdicts: Verdicts
) -> tuple[pa.RecordBatch, list[Document], list[tuple[Document, str]]]:
    """Drop and repeat documents as the verdicts say; return what is left, and what was lost and why."""
    rules = verdicts.rule.to_pylist()
    failed = [False] * len(rules) if verdicts.failed is None else verdicts.failed.to_pylist()
    lost = [
        (document, f"{'failed' if failure else 'dropped'}_{rule}")
        for document, rule, failure in zip(documents, rules, failed, strict=True)
        if rule is not None
    ]
    kept = np.array([rule is None for rule in rules], np.bool_)
    copies = np.ones(len(rules), np.int64) if verdicts.copies is None else verdicts.copies
    batch = repeated(batch.filter(pa.array(kept)), copies[kept])
    whole = [
        copy
        for document, stays, count in zip(documents, kept, copies, strict=True)
        if stays
        for copy in (document, *(deepcopy(document) for _ in range(count - 1)))
    ]
    return batch, whole, lost


def _batched(documents: Iterable[Document], most: int) -> Iterator[list[Document]]:
    held: list[Document] = []
    size = 0
    for document in documents or ():
        held.append(document)
        size += len(document.text)
        if size >= most:
            yield held
            held, size = [], 0
    if held:
        yield held
