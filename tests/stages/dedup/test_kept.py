"""The table of the ids that clusters keep: one file for all parts, however large its batches."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import write_arrow
from prep.stages.dedup import kept
from prep.stages.shared.matching.documents import Documents, KnownPart
from prep.stages.upstream import GlobalContext, Upstream

KNOWN, NEW, ROWS = 2, 4, 9


@pytest.fixture
def context(tmp_path: Path) -> GlobalContext:
    taps = tuple(f"{tmp_path}/tap/{part:05d}.arrow" for part in range(NEW))
    for part, path in enumerate(taps):
        write_arrow(path, pa.table({"id": [f"new {part} {row}" for row in range(ROWS)]}))
    return GlobalContext(Upstream(taps, taps), f"{tmp_path}/output", f"{tmp_path}/scratch")


@pytest.fixture
def documents(context: GlobalContext, tmp_path: Path) -> Documents:
    """Return the documents of an index, of which every third was lost to another, and of a run."""
    parts = tuple(KnownPart(f"{tmp_path}/known/{part}.arrow", "", 1) for part in range(KNOWN))
    for part, known in enumerate(parts):
        ids = [f"known {part} {row}" for row in range(ROWS)]
        write_arrow(
            known.documents, pa.table({"id": ids, "kept_id": [None if row % 3 else "other" for row in range(ROWS)]})
        )
    return Documents(context, parts)


@pytest.mark.parametrize("batch_rows", [1, 5, 1 << 20])
def test_ids_are_those_in_the_parts(
    batch_rows: int, documents: Documents, context: GlobalContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "BATCH_ROWS", batch_rows)
    rng = np.random.default_rng(batch_rows)
    chosen = [np.flatnonzero(rng.random(ROWS) < 0.5) if part else np.empty(0, np.int64) for part in range(NEW)]
    for part, rows in enumerate(chosen):
        kept.write_kept(part, rows, documents, context)
    kept.gather_kept(context)
    places = [(KNOWN + part, row) for part, rows in enumerate(chosen) for row in rows.tolist()]
    places += [(part, row) for part in range(KNOWN) for row in range(ROWS)]
    for count in (0, 1, len(places), 60):  # in any order, and again and again
        parts, rows = np.array([places[at] for at in rng.integers(0, len(places), count)], np.int64).reshape(-1, 2).T
        found = kept.kept_ids(documents, parts, rows, context).to_pylist()
        for part, row, name in zip(parts.tolist(), rows.tolist(), found, strict=True):
            expected = f"new {part - KNOWN} {row}" if part >= KNOWN else f"known {part} {row}"
            assert name == ("other" if part < KNOWN and row % 3 == 0 else expected)
        assert documents.kept_ids(parts, rows).to_pylist() == found


@pytest.mark.parametrize("row", [0, 2, 8])
def test_an_id_that_is_not_there_is_an_error(row: int, documents: Documents, context: GlobalContext) -> None:
    for part in range(NEW):
        kept.write_kept(part, np.array([1, 3]), documents, context)
    kept.gather_kept(context)
    with pytest.raises(CorruptFileError, match=r"kept/all\.arrow lacks ids"):
        kept.kept_ids(documents, np.full(2, KNOWN + 1), np.array([1, row]), context)
