"""Reading all files of a run again: those of its steps, by their digests, and the published ones, which are copies."""

from collections.abc import Iterator
from pathlib import Path

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import sha256
from prep.pipeline.integrity.checking import manifest_damage
from prep.pipeline.integrity.digesting import digests_here
from prep.pipeline.monitor.answer import Answer
from prep.pipeline.results.ledger import PUBLISHED
from prep.pipeline.steps import records


class VerifiedPart(Answer):
    """A step, a published folder or a split of shards that was read again."""

    name: str
    faults: list[str]
    """What is not as it was written."""


class VerifyAnswer(Answer):
    """What was read again."""

    parts: list[VerifiedPart]
    faults: int


def verify_run(output: str, threads: int) -> Iterator[tuple[str, list[str]]]:
    """Yield each step and published folder, with what is damaged in it."""
    known, digests = set[str](), digests_here(threads)
    for manifest in sorted(Path(output, "steps").glob(f"*/{records.MANIFEST}")):
        folder = str(manifest.parent)
        yield folder, [str(damage) for damage in manifest_damage(folder, thorough=True, digests=digests)]
        try:
            known |= {stamp.sha256 for stamp in records.read_manifest(folder).files.values()}
        except CorruptFileError:  # already named
            continue
    for name in PUBLISHED:
        folder = f"{output}/{name}"
        files = [path for path in records.list_files(output, name) if path.endswith(".parquet")]
        strange = [path for path in files if sha256(f"{output}/{path}") not in known]
        if files:
            yield folder, [f"{output}/{path} is not what any step wrote; run 'prep run' again" for path in strange]
