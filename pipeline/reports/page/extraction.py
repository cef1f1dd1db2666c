"""The part of the page about extraction: all text of some pages, what was left out of it marked, beside the result.

Pages are not kept by a run, so some are read from its source again, out of the beginnings of a few stretches of input
that are spread over all of it. Cost: at most three batches of about a megabyte for each stretch.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from difflib import SequenceMatcher
from itertools import islice
from typing import NamedTuple

import pyarrow as pa

from prep.corpus.errors import PrepError
from prep.corpus.files.retrying import storage_access
from prep.pipeline.config import Configuration
from prep.pipeline.monitor.opening import opened
from prep.pipeline.reports.page.markup import Child, Markup, element, folded, section, share
from prep.stages.extract.extract import Extract
from prep.stages.stage import SourceStage

PAGES = 4
CHARACTERS = 6000
"""Of a page's text that are shown."""
_BATCH_BYTES = 1 << 20
_BATCHES = 3
"""Looked at for a page in a stretch of input."""


class PageSample(NamedTuple):
    """A page and its text."""

    id: str
    whole: str
    """All its text that can be seen."""
    text: str
    """What was extracted; empty where nothing was."""


def extraction(run: str) -> Markup | None:
    """Return some pages as they were extracted; None for a run that extracts nothing, or whose source is not there."""
    try:
        with opened(run) as (configuration, _):
            samples = list(_samples(configuration))
    except (PrepError, OSError):
        return None
    if not samples:
        return None
    note = "All text of each page, with what extraction left out marked, and what it kept beside it."
    return section("Extraction", element("p", note), *map(_page, samples))


def _samples(configuration: Configuration) -> Iterator[PageSample]:
    source, stages = configuration.stages[0], configuration.stages
    extract = next((stage for stage in stages if isinstance(stage, Extract)), None)
    if extract is None or not isinstance(source, SourceStage):
        return
    everything = Extract(main_content=False, format=extract.format, formulas=extract.formulas)
    functions = extract.open(), everything.open()
    with storage_access(configuration.settings.storage):
        for batch in _pages(source):
            kept, whole = (function(batch).batch.column("text")[0].as_py() or "" for function in functions)
            yield PageSample(batch.column("id")[0].as_py(), whole, kept)


def _pages(source: SourceStage) -> Iterator[pa.RecordBatch]:
    """Yield a page each of stretches of input that are spread over all of it, as batches of one row."""
    files = source.list_files()
    schema, partitions = source.output_schema(files), source.partitions(files)
    if "html" not in schema.names:
        return
    step = max(1, len(partitions) // PAGES)
    for number, partition in enumerate(partitions[::step][:PAGES]):
        wanted = PAGES if len(partitions) < PAGES and number == 0 else 1
        with closing(source.read(partition, schema, _BATCH_BYTES)) as outcomes:  # type: ignore[type-var]
            for outcome in islice(outcomes, _BATCHES):
                batch, verdicts = outcome
                there = batch.column("html").is_valid().to_numpy(zero_copy_only=False)
                if verdicts is not None:
                    there &= verdicts.rule.is_null().to_numpy(zero_copy_only=False)
                rows = there.nonzero()[0]
                for row in rows[:: max(1, len(rows) // wanted)][:wanted].tolist():
                    yield batch.slice(row, 1)
                    wanted -= 1
                if wanted <= 0:
                    break


def _page(sample: PageSample) -> Markup:
    kept = share(len(sample.text), len(sample.whole))
    beside = element("div", element("h3", "Extracted"), element("pre", _cut(sample.text) or "(nothing)"))
    whole = element("div", element("h3", "All text of the page"), element("pre", *_marked(sample)))
    note = f"{len(sample.text):,} of {len(sample.whole):,} characters kept ({kept})"
    return folded(sample.id, element("div", whole, beside, kind="columns"), note=note)


def _marked(sample: PageSample) -> Sequence[Child]:
    """Return the lines of a page's whole text, those that extraction left out marked."""
    lines, kept = sample.whole.split("\n"), sample.text.split("\n")
    shown: list[Child] = []
    length = 0
    for kind, start, end, _, _ in SequenceMatcher(None, lines, kept, autojunk=False).get_opcodes():
        text = "\n".join(lines[start:end])
        if start < end:
            shown += [text if kind == "equal" else element("del", text), "\n"]
            length += len(text)
        if length > CHARACTERS:
            return [*shown, "…"]
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]} …"
