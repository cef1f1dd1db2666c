"""The documents in files, for commands about tokenizers that are no pipelines."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.documents import select
from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import join, write_batches
from prep.stages.catalogue import STAGES
from prep.stages.stage import CheckContext, SourceStage
from prep.tokenizers.training.sample import DRAWN, SURVEY, Sample, SampleSettings, choose, draw, read_sample, survey

BATCH_BYTES = 4 << 20


class Texts:
    """The documents in files of text, in order; what `read` rejects is left out."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Look at the files. Raises ConfigurationError where they cannot be read or hold no text."""
        reader = STAGES["read"].model_validate({"paths": tuple(paths)})
        assert isinstance(reader, SourceStage)
        self._source = reader
        problems = [str(problem) for problem in self._source.problems(CheckContext(pa.schema([]), 0, frozenset()))]
        if problems:
            raise ConfigurationError(problems)
        self._files = self._source.list_files()
        self._schema = self._source.output_schema(self._files)
        if "text" not in self._schema.names:
            raise ConfigurationError([f"{', '.join(paths)}: pages, not text; run the stage extract over them first"])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the documents, of files' own columns all."""
        for partition in self._source.partitions(self._files):
            for outcome in self._source.read(partition, self._schema, BATCH_BYTES):
                batch = outcome.batch
                if outcome.verdicts is not None:
                    batch = select(batch, pc.is_null(outcome.verdicts.rule))
                yield select(batch, pc.is_valid(batch.column("text")))


def draw_sample(texts: Texts, settings: SampleSettings, folder: str) -> Sample:
    """Draw a sample of the documents; its files lie in the local folder, which must stay as long as the sample."""
    surveyed, drawn = join(folder, "survey.arrow"), join(folder, "drawn.arrow")
    write_batches(surveyed, SURVEY, (survey(batch, settings) for batch in texts.batches()))
    strata = choose([surveyed], settings)
    write_batches(drawn, DRAWN, (draw(batch, settings, strata) for batch in texts.batches()))
    return read_sample([drawn])
