"""The stage `pack`: every token found again, whatever the parts, the batches and the strategy."""

import hashlib
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Literal

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.errors import CorruptFileError, Problem, RunError
from prep.corpus.files.storage import write_arrow
from prep.corpus.shards.labels import read_labels
from prep.corpus.shards.permutation_kernels import permuted
from prep.corpus.shards.shards import Ids, ShardReader
from prep.corpus.shards.splits import make_split_rule
from prep.corpus.shards.verification import verify_shards
from prep.stages.pack.mixture import Mixture, MixturePhase
from prep.stages.pack.pack import FINISH, PLAN, SCATTER, TOKENIZE, WRITE, Pack
from prep.stages.pack.plan import Strategy
from prep.stages.pack.shards import cut_shards
from prep.stages.results import Counts
from prep.stages.stage import CheckContext, Phase
from prep.stages.upstream import GlobalContext, Upstream

from ...file_hashes import file_hashes
from ..contract import run_task

SEPARATOR = 256
PADDING = 257
BEGIN = 258
Text = str | None


class ByteTokenizer:
    """One token per byte, in 16 bits."""

    vocabulary: ClassVar[int] = 259
    begin_id: ClassVar[int | None] = BEGIN
    separator_id: ClassVar[int] = SEPARATOR
    padding_id: ClassVar[int] = PADDING
    sha256: ClassVar[str] = "bytes"
    dtype: ClassVar[str] = "uint16"

    def encode_column(self, column: pa.Array) -> tuple[Offsets, Ids]:
        data, offsets = string_buffers(column)
        return offsets - offsets[0], data[offsets[0] : offsets[-1]].astype(self.dtype)


class WideTokenizer(ByteTokenizer):
    """The same with a vocabulary that needs 32 bits."""

    vocabulary: ClassVar[int] = 100_000
    dtype: ClassVar[str] = "uint32"


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Replace the module that opens tokenizers, which has its own tests, by one with the tokenizer of this file."""
    module = ModuleType("prep.tokenizers.encoding.encode")
    module.open_tokenizer = lambda folder: ByteTokenizer()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "prep.tokenizers.encoding.encode", module)
    return module


def write_part(path: Path, first: int, texts: Sequence[Text], batch: int) -> None:
    """Write documents whose source is that of their first letter, and whose score is their length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = [f"page-{first + index}" for index in range(len(texts))]
    sources = [text[0] if text else None for text in texts]
    scores = [float(len(text or "")) for text in texts]
    columns = {"id": ids, "text": pa.array(texts, pa.large_string()), "url": ids}
    table = pa.table({**columns, "source": pa.array(sources, pa.string()), "score": pa.array(scores, pa.float64())})
    pq.write_table(table, path, row_group_size=batch)


def run(
    stage: Pack,
    folder: Path,
    parts: Sequence[Sequence[Text]],
    batch: int = 3,
    drops: Sequence[Sequence[bool]] = (),
    counts: list[Counts] | None = None,
) -> GlobalContext:
    """Pack parts of texts into `folder/shards`, task by task."""
    first = 0
    for number, texts in enumerate(parts):
        write_part(folder / "parts" / f"{number:05d}.parquet", first, texts, batch)
        first += len(texts)
    for number, lost in enumerate(drops):
        write_arrow(str(folder / "drops" / f"{number:05d}.arrow"), pa.table({"drop": pa.array(lost, pa.bool_())}))
    upstream = Upstream(
        tuple(str(folder / "parts" / f"{number:05d}.parquet") for number in range(len(parts))),
        drops=tuple((str(folder / "drops" / f"{number:05d}.arrow"),) for number in range(len(drops))),
    )
    context = GlobalContext(upstream, str(folder / "shards"), str(folder / "scratch"), {"tokenizer": "anywhere"})
    for phase in stage.phases(len(parts)):
        for task in reversed(range(phase.tasks)):
            result = run_task(stage, phase.name, task, context)
            if result is not None and counts is not None:
                counts.append(result)
    return context


def documents_of(folder: Path, split: str) -> dict[int, list[int]]:
    """Put a split's documents together from the rows' pieces."""
    reader = ShardReader(str(folder / "shards" / split))
    pieces: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for row in range(len(reader)):
        ids, lengths = reader.ids(row).tolist(), reader.lengths(row).tolist()
        assert min(lengths) > 0
        assert ids[sum(lengths) :] == [PADDING] * (reader.manifest.length - sum(lengths))
        starts = [reader.continued(row), *[0] * (len(lengths) - 1)]
        for index, (document, start) in enumerate(zip(reader.documents(row).tolist(), starts, strict=True)):
            begin = sum(lengths[:index])
            pieces[document].append((start, ids[begin : begin + lengths[index]]))
    found = {}
    for document, unordered in pieces.items():
        in_order = sorted(unordered)
        found[document] = [token for _, piece in in_order for token in piece]
        lengths = [len(piece) for _, piece in in_order]
        assert [start for start, _ in in_order] == [sum(lengths[:index]) for index in range(len(lengths))]
    return found


def all_documents(folder: Path) -> dict[int, list[int]]:
    """Put the documents of both splits together; none lies in both."""
    train, validation = documents_of(folder, "train"), documents_of(folder, "validation")
    assert not train.keys() & validation.keys()
    return train | validation


def tokens_of(texts: Sequence[Text]) -> dict[int, list[int]]:
    return {number: [*(text or "").encode(), SEPARATOR] for number, text in enumerate(texts)}


def files(folder: Path) -> dict[str, str]:
    return file_hashes(folder / "shards")


TEXTS = [
    *("to be or not to be", "that is the question", "", None, "é" * 40),
    *("whether 'tis nobler in the mind to suffer", "the slings and arrows", "of outrageous fortune"),
    *("or to take arms against a sea of troubles " * 4, "and by opposing end them", "to die", "to sleep"),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.lists(st.one_of(st.text(max_size=8), st.text(max_size=90)), max_size=8), min_size=1, max_size=3),
    length=st.integers(2, 40),
    strategy=st.sampled_from(["best_fit", "concatenate", "one_per_row"]),
    window=st.integers(1, 9),
    validation=st.sampled_from([0.0, 0.3, 0.9]),
    shard_bytes=st.integers(1, 400),
    data=st.data(),
)
def test_every_token_is_found_again_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[list[str]],
    length: int,
    strategy: str,
    window: int,
    validation: float,
    shard_bytes: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("pack")
    minimum = data.draw(st.integers(1, length // 2))
    options = {"length": length, "strategy": strategy, "window": window, "minimum_piece": minimum}
    run(Pack(**options, validation=validation, shard_bytes=shard_bytes), folder, parts)
    assert all_documents(folder) == tokens_of([text for part in parts for text in part])


@pytest.mark.parametrize("strategy", ["best_fit", "concatenate", "one_per_row"])
def test_parts_and_batches_leave_no_trace(tmp_path: Path, strategy: str) -> None:
    stage = Pack(length=32, strategy=strategy, validation=0.2, window=5, shard_bytes=300)
    run(stage, tmp_path / "one", [TEXTS])
    run(stage, tmp_path / "same", [TEXTS], batch=100)
    run(stage, tmp_path / "three", [TEXTS[:2], [], TEXTS[2:9], TEXTS[9:]], batch=1)
    assert len(files(tmp_path / "one")) > 8
    assert files(tmp_path / "one") == files(tmp_path / "same") == files(tmp_path / "three")


def test_running_a_task_again_changes_nothing(tmp_path: Path) -> None:
    stage = Pack(length=32, validation=0.2, shard_bytes=300)
    parts = [TEXTS[:5], TEXTS[5:]]
    context = run(stage, tmp_path, parts)
    before = files(tmp_path)
    for phase in reversed(stage.phases(len(parts))):
        run_task(stage, phase.name, 0, context)
    assert files(tmp_path) == before


def test_dropped_documents_stay_out(tmp_path: Path) -> None:
    lost = [index in {0, 4, 5, 8} for index in range(len(TEXTS))]
    run(Pack(length=32, validation=0), tmp_path, [TEXTS[:7], TEXTS[7:]], drops=[lost[:7], lost[7:]])
    kept = [text for text, drop in zip(TEXTS, lost, strict=True) if not drop]
    assert all_documents(tmp_path) == tokens_of(kept)


def test_the_manifest_says_what_the_rows_are(tmp_path: Path) -> None:
    texts = ["a" * 70, "b" * 9, "c" * 20, "d" * 10]  # 71, 10, 21 and 11 tokens
    run(Pack(length=32, validation=0, seed=5, shard_bytes=128), tmp_path, [texts])
    manifest = ShardReader(str(tmp_path / "shards" / "train")).manifest
    assert manifest.rows == 4  # 32, 32, 21 + 11, 10 + 7
    assert [shard.rows for shard in manifest.shards] == [2, 2]
    assert (manifest.length, manifest.dtype, manifest.vocabulary) == (32, "uint16", 259)
    assert (manifest.separator_id, manifest.padding_id, manifest.tokenizer_sha256) == (SEPARATOR, PADDING, "bytes")
    assert (manifest.strategy, manifest.seed) == ("best_fit", 5)
    assert (manifest.documents, manifest.cut_documents, manifest.max_documents_per_row) == (4, 1, 2)
    assert (manifest.tokens, manifest.text_bytes) == (113, 109)
    assert manifest.utilisation == 113 / 128
    for shard in manifest.shards:
        content = (tmp_path / "shards" / "train" / shard.name).read_bytes()
        assert (shard.bytes, shard.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_best_fit_cuts_only_what_is_longer_than_a_row_and_fills_rows(tmp_path: Path) -> None:
    run(Pack(length=32, validation=0), tmp_path, [TEXTS])
    manifest = ShardReader(str(tmp_path / "shards" / "train")).manifest
    tokens = tokens_of(TEXTS)
    assert manifest.cut_documents == sum(len(document) > 32 for document in tokens.values())
    assert manifest.rows == -(-sum(map(len, tokens.values())) // 32)


def test_concatenation_is_the_documents_end_to_end(tmp_path: Path) -> None:
    run(Pack(length=32, strategy="concatenate", validation=0), tmp_path, [TEXTS])
    reader = ShardReader(str(tmp_path / "shards" / "train"))
    rows = [reader.ids(row).tolist() for row in range(len(reader))]
    first = [(int(reader.documents(row)[0]), reader.continued(row)) for row in range(len(reader))]
    stream = [token for row in sorted(range(len(rows)), key=first.__getitem__) for token in rows[row]]
    expected = [token for document in tokens_of(TEXTS).values() for token in document]
    assert stream == expected + [PADDING] * (-len(expected) % 32)


def test_rows_are_shuffled_by_the_seed(tmp_path: Path) -> None:
    def order(seed: int) -> list[int]:
        folder = tmp_path / str(seed)
        run(Pack(length=8, validation=0, seed=seed), folder, [["seven.."] * 60])
        reader = ShardReader(str(folder / "shards" / "train"))
        return [int(reader.documents(row)[0]) for row in range(len(reader))]

    assert sorted(order(0)) == sorted(order(1)) == list(range(60))
    assert len({tuple(order(0)), tuple(order(1)), tuple(range(60))}) == 3


def test_a_trainer_with_the_same_seed_does_not_undo_the_shuffle(tmp_path: Path) -> None:
    run(Pack(length=8, validation=0, seed=3), tmp_path, [["seven.."] * 60])
    reader = ShardReader(str(tmp_path / "shards" / "train"))
    read = [int(reader.documents(int(row))[0]) for row in permuted(0, 60, len(reader), 3)]
    assert sorted(read) == list(range(60))
    assert sum(document == place for place, document in enumerate(read)) < 10


def test_rows_are_written_in_batches_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Pack(length=32, validation=0, window=4)
    run(stage, tmp_path / "one", [TEXTS[:6], TEXTS[6:]])
    monkeypatch.setattr("prep.stages.pack.write.BATCH_BYTES", 3 * 32 * 2)
    monkeypatch.setattr("prep.stages.pack.scatter.RUN_BYTES", 2 * 32 * 2)
    run(stage, tmp_path / "several", [TEXTS[:6], TEXTS[6:]])
    one, several = (ShardReader(str(tmp_path / name / "shards" / "train")) for name in ("one", "several"))
    with pa.memory_map(str(tmp_path / "several" / "shards" / "train" / "data-00000.arrow")) as source:
        assert max(batch.num_rows for batch in pa.ipc.open_stream(source)) == 3 < len(one) == len(several)
    assert np.array_equal(one.gather(range(len(one))), several.gather(range(len(one))))
    assert all_documents(tmp_path / "several") == tokens_of(TEXTS)


@pytest.mark.parametrize("shard_bytes", [100, 1000, 10**9])
def test_runs_that_are_merged_make_the_same_shards(
    shard_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Pack(length=16, validation=0.2, window=4, shard_bytes=shard_bytes)
    parts = [TEXTS[part::7] if part % 3 else TEXTS[:part] for part in range(7)]
    monkeypatch.setattr("prep.stages.pack.scatter.RUN_BYTES", 2 * 16 * 2)
    run(stage, tmp_path / "runs", parts)
    monkeypatch.setattr("prep.stages.pack.merge.MERGED_FROM", 7)
    monkeypatch.setattr("prep.stages.pack.merge.GROUP", 3)
    run(stage, tmp_path / "merged", parts)
    files = [
        path.relative_to(tmp_path / "runs") for path in (tmp_path / "runs" / "shards").rglob("*") if path.is_file()
    ]
    assert len(files) > 4
    for name in files:
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "runs" / name).read_bytes()


def test_documents_stay_in_their_split_whatever_else_is_there(tmp_path: Path) -> None:
    stage = Pack(length=64, validation=0.3)
    texts = [f"document {number}" for number in range(60)]
    run(stage, tmp_path / "all", [texts])
    run(stage, tmp_path / "fewer", [texts[:25], texts[25:40]])
    drawn = documents_of(tmp_path / "all", "validation").keys()
    assert documents_of(tmp_path / "fewer", "validation").keys() == {number for number in drawn if number < 40}
    assert 8 <= len(drawn) <= 28
    run(stage.model_copy(update={"seed": 1}), tmp_path / "reseeded", [texts])
    assert documents_of(tmp_path / "reseeded", "validation").keys() != drawn


@pytest.mark.parametrize(
    ("hashes", "validation", "test", "expected"),
    [
        ([], 0.5, 0.0, ""),
        ([0.7], 0.9, 0.0, "t"),
        ([0.1, 0.6, 0.2], 0.0, 0.0, "ttt"),
        ([0.1, 0.6, 0.2], 0.5, 0.0, "vtv"),
        ([0.3, 0.6, 0.2], 0.01, 0.0, "ttv"),
        ([0.3, 0.6, 0.2], 0.99, 0.0, "vtv"),
        ([0.3, 0.6, 0.2, 0.9], 0.1, 0.4, "etvt"),
        ([0.3, 0.6, 0.2, 0.9], 0.0, 0.5, "etet"),
        ([0.2, 0.6, 0.2, 0.6], 0.01, 0.0, "vtvt"),
    ],
)
def test_the_draw(hashes: list[float], validation: float, test: float, expected: str) -> None:
    drawn = np.array([int(share * 2.0**64) for share in hashes], np.uint64)
    draw = make_split_rule(validation, test, [drawn[:2], drawn[2:]])
    splits = {split: draw.chosen(drawn, split) for split in ("train", "validation", "test")}
    letters = {"train": "t", "validation": "v", "test": "e"}
    found = [[letters[split] for split, chosen in splits.items() if chosen[number]] for number in range(len(hashes))]
    assert found == [[letter] for letter in expected]


@pytest.mark.parametrize("parts", [[[]], [[], []], [["alone"]]])
def test_a_split_may_be_empty(tmp_path: Path, parts: list[list[str]]) -> None:
    run(Pack(length=16, validation=0.5), tmp_path, parts)
    count = sum(map(len, parts))
    found = datasets.load_from_disk(str(tmp_path / "shards"))
    assert (found["train"].num_rows, found["validation"].num_rows) == (count, 0)
    assert ShardReader(str(tmp_path / "shards" / "validation")).manifest.documents == 0


def test_two_documents_are_one_for_each_split(tmp_path: Path) -> None:
    run(Pack(length=16), tmp_path, [["one", "two"]])
    assert len(documents_of(tmp_path, "train")) == len(documents_of(tmp_path, "validation")) == 1


def test_three_splits_by_a_column_keep_what_is_alike_together(tmp_path: Path) -> None:
    texts = [f"{chr(97 + number % 20)} document {number}" for number in range(200)]
    run(Pack(length=64, validation=0.3, test=0.3, split_by="source"), tmp_path, [texts[:90], texts[90:]])
    splits = {split: documents_of(tmp_path, split) for split in ("train", "validation", "test")}
    assert datasets.load_from_disk(str(tmp_path / "shards")).keys() == splits.keys()
    assert sorted(number for found in splits.values() for number in found) == list(range(200))
    letters = [{number % 20 for number in found} for found in splits.values()]
    assert all(letters)
    assert sum(map(len, letters)) == 20


BOUNDARIES: dict[str, tuple[list[int], list[int]]] = {
    "after": ([], [SEPARATOR]),
    "before": ([SEPARATOR], []),
    "both": ([BEGIN], [SEPARATOR]),
}
"""What stands before and after each document."""


@pytest.mark.parametrize("separator", list(BOUNDARIES))
def test_a_cropped_document_keeps_its_separators_and_is_counted(
    separator: Literal["after", "before", "both"], tmp_path: Path
) -> None:
    run(Pack(length=32, validation=0, long_documents="crop", separator=separator), tmp_path, [TEXTS])
    before, after = BOUNDARIES[separator]
    whole = {number: [*before, *(text or "").encode(), *after] for number, text in enumerate(TEXTS)}
    expected = {number: [*document[: 32 - len(after)], *after][:32] for number, document in whole.items()}
    expected |= {number: document for number, document in whole.items() if len(document) <= 32}
    assert documents_of(tmp_path, "train") == expected
    manifest = ShardReader(str(tmp_path / "shards" / "train")).manifest
    assert (manifest.cut_documents, manifest.separator) == (0, separator)
    assert manifest.begin_id == (BEGIN if separator == "both" else None)
    assert manifest.cropped_documents == sum(len(document) > 32 for document in whole.values())
    assert manifest.cropped_tokens == sum(max(len(document) - 32, 0) for document in whole.values())


@pytest.mark.parametrize("budget", [7, 150, 151, 152, 153, 400])
@pytest.mark.parametrize("separator", list(BOUNDARIES))
@pytest.mark.parametrize("strategy", ["best_fit", "concatenate", "one_per_row"])
def test_a_document_cropped_by_a_budget_keeps_its_separators(
    strategy: Strategy, separator: Literal["after", "before", "both"], budget: int, tmp_path: Path
) -> None:
    phase = MixturePhase(shares={"t": 1, "w": 1}, tokens=budget)
    mixture = Mixture(phases=(phase, phase), max_epochs=20)
    stage = Pack(length=16, validation=0, separator=separator, strategy=strategy, mixture=mixture)
    run(stage, tmp_path, [TEXTS])
    before, after = BOUNDARIES[separator]
    found = documents_of(tmp_path, "train")
    manifest = ShardReader(str(tmp_path / "shards" / "train")).manifest
    assert sum(map(len, found.values())) == manifest.tokens
    spare = 4 if separator == "both" else 0
    assert 2 * budget <= manifest.tokens <= 2 * budget + spare
    for number, document in found.items():
        text = list((TEXTS[number % len(TEXTS)] or "").encode())
        assert document[: len(before)] == before
        assert document[len(document) - len(after) :] == after
        kept = document[len(before) : len(document) - len(after)]
        assert kept == text[: len(kept)]


def test_both_separators_need_a_tokenizer_that_has_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ByteTokenizer, "begin_id", None)
    with pytest.raises(RunError, match=r"pack\.separator: both needs .*begin_token"):
        run(Pack(length=16, separator="both"), tmp_path, [TEXTS])


def test_one_per_row_pads(tmp_path: Path) -> None:
    run(Pack(length=32, strategy="one_per_row", validation=0), tmp_path, [TEXTS])
    reader = ShardReader(str(tmp_path / "shards" / "train"))
    assert all(len(reader.lengths(row)) == 1 for row in range(len(reader)))
    assert documents_of(tmp_path, "train") == tokens_of(TEXTS)


def test_a_large_vocabulary_takes_32_bits(tmp_path: Path, tokenizer: ModuleType) -> None:
    tokenizer.open_tokenizer = lambda folder: WideTokenizer()  # type: ignore[attr-defined]
    run(Pack(length=32), tmp_path, [TEXTS])
    assert ShardReader(str(tmp_path / "shards" / "train")).manifest.dtype == "uint32"
    assert all_documents(tmp_path) == tokens_of(TEXTS)


def test_datasets_and_a_plain_data_loader_read_the_shards(tmp_path: Path) -> None:
    run(Pack(length=32, validation=0.2, shard_bytes=200), tmp_path, [TEXTS])
    found = datasets.load_from_disk(str(tmp_path / "shards"))
    assert found["train"]["input_ids"][:] == datasets.load_from_disk(str(tmp_path / "shards" / "train"))["input_ids"][:]
    rows = found["train"].with_format("torch", columns=["input_ids"])
    loader: torch.utils.data.DataLoader[dict[str, torch.Tensor]] = torch.utils.data.DataLoader(rows, batch_size=4)
    seen = torch.cat([batch["input_ids"] for batch in loader])
    reader = ShardReader(str(tmp_path / "shards" / "train"))
    assert np.array_equal(seen.numpy(), reader.gather(np.arange(len(reader))))


def test_the_sources_of_documents_to_judge_on_lie_beside_the_shards(tmp_path: Path) -> None:
    run(Pack(length=32, validation=0.4, test=0.2), tmp_path, [TEXTS[:5], [], TEXTS[5:]])
    for split in ("validation", "test"):
        reader = ShardReader(str(tmp_path / "shards" / split))
        labels = read_labels(reader)
        assert labels is not None
        assert labels.documents.tolist() == sorted(documents_of(tmp_path, split))
        codes, names = labels.columns["source"]
        texts = [TEXTS[number] for number in labels.documents]
        assert [names[code] for code in codes] == [text[0] if text else "unknown" for text in texts]
        assert "language" not in labels.columns
        assert list(verify_shards(reader.folder)) == []
    assert read_labels(ShardReader(str(tmp_path / "shards" / "train"))) is None


def test_damaged_and_missing_labels_are_named(tmp_path: Path) -> None:
    run(Pack(length=32, validation=0.4), tmp_path, [TEXTS])
    folder = tmp_path / "shards" / "validation"
    content = bytearray((folder / "labels.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "labels.parquet").write_bytes(content)
    assert [fault.kind for fault in verify_shards(str(folder))] == ["damaged labels"]
    with pytest.raises(CorruptFileError, match=r"labels\.parquet: does not hold what was written"):
        read_labels(ShardReader(str(folder)))
    (folder / "labels.parquet").unlink()
    assert [fault.kind for fault in verify_shards(str(folder))] == ["missing labels"]


def test_tokens_that_do_not_fit_their_table_are_named(tmp_path: Path) -> None:
    stage = Pack(length=32)
    context = run(stage, tmp_path, [TEXTS[:3], TEXTS[3:]])
    path = tmp_path / "scratch" / "tokens" / "00001.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(CorruptFileError, match=rf"{path}: expected \d+ bytes, seen \d+"):
        run_task(stage, PLAN, 0, context)


@pytest.mark.parametrize(
    ("rows", "per_shard", "sizes"), [(0, 5, [0]), (5, 5, [5]), (11, 5, [3, 4, 4]), (3, 1, [1] * 3)]
)
def test_shards_are_even(rows: int, per_shard: int, sizes: list[int]) -> None:
    shards = cut_shards("train", rows, per_shard)
    assert [shard.end - shard.first for shard in shards] == sizes
    assert [shard.name for shard in shards] == [f"data-{index:05d}.arrow" for index in range(len(sizes))]
    assert [shard.first for shard in shards] == [0, *(shard.end for shard in shards[:-1])]


def test_real_books_are_found_again(tmp_path: Path, test_data: Path) -> None:
    books = [path.read_text(errors="replace") for path in sorted((test_data / "books").glob("*.txt"))]
    chapters = [chapter for book in books for chapter in book.split("\n\n\n")]
    run(Pack(length=512, validation=0.05, shard_bytes=1 << 20), tmp_path, [chapters[:400], chapters[400:]], batch=100)
    assert all_documents(tmp_path) == tokens_of(chapters)
    manifest = ShardReader(str(tmp_path / "shards" / "train")).manifest
    assert manifest.utilisation > 0.998


def check(stage: Pack) -> list[Problem]:
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string()), ("score", pa.float64())])
    return list(stage.problems(CheckContext(schema, 0, frozenset({"tokenizer"}))))


@pytest.mark.parametrize(("input_bytes", "said"), [(396, True), (6143, True), (6144, False), (1 << 30, False)])
def test_a_check_says_that_an_input_hardly_fills_a_row(input_bytes: int, said: bool) -> None:
    context = CheckContext(pa.schema([("text", pa.string())]), input_bytes, frozenset({"tokenizer"}))
    assert [remark[:12] for remark in Pack(length=2048).remarks(context)] == ["the input of"] * said


def test_a_minimum_of_more_than_half_a_row_is_a_problem() -> None:
    (problem,) = check(Pack(length=9, minimum_piece=5))
    assert problem.field == ("minimum_piece",)
    assert problem.expected.startswith("at most 4")
    assert check(Pack(length=9, minimum_piece=4)) == []


def test_columns_that_nobody_makes_and_splits_that_leave_nothing_are_problems() -> None:
    phases = [{"shares": {"web": 1}}]
    found = [
        *check(Pack(split_by="cluster")),
        *check(Pack(validation=0.5, test=0.5)),
        *check(Pack.model_validate({"mixture": {"phases": phases}})),
        *check(Pack.model_validate({"mixture": {"by": "score", "phases": phases}})),
        *check(Pack.model_validate({"mixture": {"by": "id", "buckets": {"low": 0}, "phases": phases}})),
    ]
    fields = [("split_by",), ("validation",), ("mixture", "by"), ("mixture", "buckets"), ("mixture", "buckets")]
    assert [problem.field for problem in found] == fields
    assert check(Pack.model_validate({"mixture": {"by": "score", "buckets": {"low": 0}, "phases": phases}})) == []


@pytest.mark.parametrize(
    "options",
    [
        *({"length": 1}, {"length": 2_000_000}, {"window": 0}, {"validation": 1.0}, {"validation": -0.1}, {"seed": -1}),
        *({"strategy": "first_fit"}, {"minimum_piece": 0}, {"shard_bytes": 0}, {"lenght": 512}),
        *({"mixture": {"phases": []}}, {"mixture": {"phases": [{"shares": {}}]}}),
        *(
            {"mixture": {"phases": [{"shares": {"web": 0}}]}},
            {"mixture": {"phases": [{"shares": {"web": 1}, "tokens": 0}]}},
        ),
        {"mixture": {"by": "score", "buckets": {"high": 0.7, "low": 0.1}, "phases": [{"shares": {"low": 1}}]}},
    ],
)
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Pack.model_validate(options)


def test_tasks_follow_from_the_number_of_parts() -> None:
    assert Pack().phases(7) == (
        *(Phase(TOKENIZE, 7), Phase(PLAN, 1), Phase(SCATTER, 7)),
        *(Phase(WRITE, 7), Phase(FINISH, 1)),
    )
