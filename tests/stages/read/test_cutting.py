"""How the input is cut: tasks are bounded and in order, and no record depends on where the cuts are."""

import bz2
import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read import cutting
from prep.stages.read.cutting import TASK_BYTES
from prep.stages.read.read import Read
from prep.stages.stage import InputFile

from .reading import documents


def of_sizes(suffix: str, sizes: Sequence[int]) -> list[InputFile]:
    return [InputFile(f"in/{number:03}{suffix}", size) for number, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 3 * TASK_BYTES), max_size=60))
def test_whole_files_are_gathered_in_order_into_bounded_tasks(sizes: list[int]) -> None:
    files = of_sizes(".txt", sizes)
    parts = Read(paths="in").partitions(files)
    assert [item.file for part in parts for item in part.ranges] == files
    assert all(len(part.ranges) == 1 or part.size <= TASK_BYTES for part in parts)


def test_small_input_is_still_cut_for_several_workers() -> None:
    stage = Read(paths="in")
    assert len(stage.partitions(of_sizes(".txt", [4 << 20] * 64))) == 16
    assert len(stage.partitions(of_sizes(".txt", [100] * 1000))) == 1
    assert len(stage.partitions(of_sizes(".txt.gz", [4 << 20] * 64))) == 16
    assert stage.partitions([]) == ()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut everything into very small tasks."""
    monkeypatch.setattr(cutting, "TASK_BYTES", 3000)
    monkeypatch.setattr(cutting, "LEAST_BYTES", 3000)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {".txt": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}


def members(data: bytes, suffix: str, step: int) -> bytes:
    """Compress the data as members of so many bytes each."""
    return b"".join(COMPRESS[suffix](data[start : start + step]) for start in range(0, len(data), step))


def record(number: int, rng: random.Random) -> bytes:
    body = (
        b"<html><p>\r\n\r\nWARC/1.0\r\nContent-Length: 5\r\n\r\n%s</p></html>"
        % rng.randbytes(rng.randrange(1, 600)).hex().encode()
    )
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:%d>\r\nContent-Length: %d\r\n\r\n"
    return head % (number, len(http)) + http + b"\r\n\r\n"


def warc(suffix: str) -> bytes:
    rng = random.Random(1)
    records = [record(number, rng) for number in range(300)]
    return b"".join(map(gzip.compress, records)) if suffix else b"".join(records)


def jsonl() -> bytes:
    rng = random.Random(2)
    return b"".join(
        json.dumps({"text": rng.randbytes(rng.randrange(1, 700)).hex(), "n": number}).encode() + b"\n"
        for number in range(400)
    )


def table() -> bytes:
    rng = random.Random(3)
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["n", "text"])
    for number in range(400):
        writer.writerow([number, '"' * rng.randrange(3) + "line, one\nline two " * rng.randrange(1, 40) + "end"])
    return sink.getvalue().encode()


def wiki() -> bytes:
    rng = random.Random(4)
    page = "  <page><title>T{0}</title><ns>0</ns><id>{0}</id><revision><text>{1}</text></revision></page>\n"
    pages = "".join(page.format(number, rng.randbytes(rng.randrange(1, 500)).hex()) for number in range(200))
    return f"<mediawiki>\n{pages}</mediawiki>\n".encode()


CASES = {
    "a.warc": (warc(""), 10),
    "a.warc.gz": (warc(".gz"), 10),
    "a.jsonl": (jsonl(), 10),
    "a.jsonl.gz": (members(jsonl(), ".gz", 1500), 5),
    "a.jsonl.bz2": (members(jsonl(), ".bz2", 5000), 10),
    "a.jsonl.xz": (b"", 1),
    "whole.jsonl.gz": (gzip.compress(jsonl()), 1),
    "a.csv": (table(), 10),
    "a.csv.gz": (members(table(), ".gz", 2000), 1),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", CASES)
def test_no_record_depends_on_the_cuts(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, least = CASES[name]
    path = tmp_path / name
    if name.endswith(".xz"):
        import lzma

        data = lzma.compress(jsonl())
    path.write_bytes(data)
    stage = Read(paths=str(path))
    parts = stage.partitions(stage.list_files())
    assert len(parts) >= least
    assert (len(parts) == 1) == (least == 1)
    assert sum(part.size for part in parts) == len(data)
    ranges = [item for part in parts for item in part.ranges]
    assert all(left.end == right.start for left, right in pairwise(ranges))
    cut = documents(stage)
    assert len({row["id"] for row in cut}) == len(cut) >= 200
    monkeypatch.setattr(cutting, "TASK_BYTES", 1 << 30)
    monkeypatch.setattr(cutting, "LEAST_BYTES", 1 << 30)
    assert len(stage.partitions(stage.list_files())) == 1
    assert documents(stage) == cut


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("ab\n", max_size=40).map(str.encode), min_size=1, max_size=30),
    st.sampled_from(["a.txt", "a.txt.gz", "a.txt.bz2"]),
)
def test_lines_over_several_members(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(b"".join(map(COMPRESS[path.suffix], contents)))
    stage = Read(paths=str(path), format="lines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "TASK_BYTES", 20)
        patch.setattr(cutting, "LEAST_BYTES", 20)
        texts = [row["text"] for row in documents(stage)]
    assert texts == [line.decode() for line in b"".join(contents).split(b"\n") if line]


@pytest.mark.usefixtures("small")
def test_a_table_with_stray_quotes_is_not_cut_inside_a_field(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'n,text\n1,the 5" screen\n' + table().removeprefix(b"n,text\n"))
    stage = Read(paths=str(path))
    assert [row["n"] for row in documents(stage)] == ["1", *map(str, range(400))]
