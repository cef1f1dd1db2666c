"""Content in pieces against Python's own decompressors: sound, cut off anywhere, and damaged in the middle."""

import bz2
import gzip
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus import compression
from prep.corpus.compression import PIECE, TRUNCATED, Piece, codec_of, pieces, strip_codec

CONTENTS = st.lists(
    st.binary(max_size=60) | st.integers(1, 900).map(lambda size: b"word %d " % size * size), max_size=6
)


class Content(NamedTuple):
    """What pieces add up to: the content, the same cut where members begin, and the damage."""

    data: bytes
    members: list[bytes]
    rules: list[str]


def joined(found: list[Piece]) -> Content:
    members: list[bytes] = []
    for piece in found:
        assert len(piece.data) <= PIECE
        assert not (piece.data and piece.rule)
        if piece.begins_member and piece.data:
            members.append(b"")
        if piece.data:
            members[-1] += piece.data
    return Content(b"".join(members), members, [piece.rule for piece in found if piece.rule])


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, str], Content]:
    folder = tmp_path_factory.mktemp("pieces")

    def read_bytes(raw: bytes, suffix: str) -> Content:
        path = folder / f"file{suffix}"
        path.write_bytes(raw)
        return joined(list(pieces(str(path))))

    return read_bytes


Read = Callable[[bytes, str], Content]


def compress(data: bytes, codec: str) -> bytes:
    """Compress with what people use; Arrow where Python has nothing."""
    if codec == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if codec == "bz2":
        return bz2.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def lines(count: int, seed: int = 0) -> bytes:
    rng = random.Random(seed)
    return b"".join(b"line %d of %x\n" % (number, rng.getrandbits(64)) for number in range(count))


@pytest.mark.parametrize(
    ("path", "codec", "stripped"),
    [
        ("a.warc.gz", "gzip", "a.warc"),
        ("A.JSONL.GZ", "gzip", "A.JSONL"),
        ("s3://b/a.txt.zst", "zstd", "s3://b/a.txt"),
        ("a.bz2", "bz2", "a"),
        ("a.lz4", "lz4", "a"),
        ("a.gz/b.txt", None, "a.gz/b.txt"),
        ("gz", None, "gz"),
    ],
)
def test_the_name_tells_the_codec(path: str, codec: str | None, stripped: str) -> None:
    assert codec_of(path) == codec
    assert strip_codec(path) == stripped


def test_a_missing_file(tmp_path: Path) -> None:
    for name in ("none.txt", "none.gz", "none.zst"):
        with pytest.raises(FileNotFoundError):
            list(pieces(str(tmp_path / name)))


@settings(deadline=None)
@given(data=st.binary(max_size=50))
@example(data=lines(40_000))
def test_plain_files(read: Read, data: bytes) -> None:
    assert read(data, ".txt") == Content(data, [data] if data else [], [])


@settings(deadline=None)
@given(contents=CONTENTS, padding=st.integers(0, 3), block=st.integers(1, 300))
def test_gzip_members_are_found_one_by_one(read: Read, contents: list[bytes], padding: int, block: int) -> None:
    raw = b"".join(compress(content, "gzip") + bytes(padding) for content in contents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "_BLOCK", block)
        content = read(raw, ".gz")
    assert content.data == gzip.decompress(raw) if raw else content.data == b""
    assert content == Content(b"".join(contents), [content for content in contents if content], [])


@settings(deadline=None)
@given(contents=CONTENTS, share=st.floats(0, 1))
def test_a_cut_gzip_file_gives_all_it_holds(read: Read, contents: list[bytes], share: float) -> None:
    members = [compress(content, "gzip") for content in contents]
    raw = b"".join(members)
    cut = int(share * len(raw))
    expected, inside, at = b"", False, 0
    for member in members:
        kept = member[: max(0, cut - at)]
        expected += zlib.decompressobj(31).decompress(kept)
        inside |= 0 < len(kept) < len(member)
        at += len(member)
    content = read(raw[:cut], ".gz")
    assert content.data == expected
    assert content.rules == [TRUNCATED] * inside


@settings(deadline=None, max_examples=300)
@given(
    contents=st.lists(st.integers(0, 1 << 32).map(lambda seed: lines(20, seed)), min_size=1, max_size=5, unique=True),
    broken=st.integers(0, 4),
    place=st.floats(0, 0.999),
    damage=st.binary(min_size=1, max_size=4),
)
@example(contents=[lines(20, 119083), lines(20, 1)], broken=0, place=0.9375, damage=bytes(2))
def test_members_after_a_broken_one_are_found_again(
    read: Read, contents: list[bytes], broken: int, place: float, damage: bytes
) -> None:
    members = [bytearray(compress(content, "gzip")) for content in contents]
    broken %= len(members)
    at = int(place * len(members[broken]))
    before = bytes(members[broken])
    members[broken][at : at + len(damage)] = damage[: len(before) - at]
    content = read(b"".join(members), ".gz")
    sound = contents[:broken] + contents[broken + 1 :]
    assert [member for member in content.members if member in sound] == sound
    try:
        intact = gzip.decompress(members[broken]) == contents[broken]
    except (OSError, EOFError, zlib.error):
        intact = False
    assert intact or content.rules


def test_a_broken_member_of_many_blocks_does_not_hide_the_next(read: Read) -> None:
    first, second = lines(60_000), lines(10)
    raw = bytearray(compress(first, "gzip"))
    assert len(raw) > 4 * (64 << 10)
    raw[len(raw) // 2] ^= 0xFF
    content = read(bytes(raw) + compress(second, "gzip"), ".gz")
    assert content.members[-1] == second
    assert content.members[0][:100_000] == first[:100_000]
    assert content.rules == ["bad_gzip"]


@pytest.mark.parametrize("raw", [b"no gzip at all, just text", compress(b"good", "gzip") + b"trailing garbage"])
def test_what_is_no_member_is_named(read: Read, raw: bytes) -> None:
    content = read(raw, ".gz")
    assert content.data == (b"good" if raw.startswith(b"\x1f") else b"")
    assert content.rules == ["bad_gzip"]


def test_a_broken_member_gives_all_it_holds_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    for size in (100, 2000, 20_000):  # members smaller and larger than the blocks that are read
        contents = [lines(size, seed) for seed in range(3)]
        members = [bytearray(compress(content, "gzip")) for content in contents]
        at = len(members[1]) // 2
        members[1][at:] = b"\xff" * (len(members[1]) - at)
        path.write_bytes(b"".join(members))
        content = joined(list(pieces(str(path))))
        assert content.members[::2] == contents[::2]
        assert content.members[1].startswith(zlib.decompressobj(31).decompress(bytes(members[1][:at])))
        assert content.rules == ["bad_gzip"]


def test_damage_says_whether_it_left_something_of_a_member(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    good = compress(b"good", "gzip")
    for raw, whole in ((good[:-2], False), (good + good[:3], True), (good + b"\x1f\x8b\x08\x00 broken", True)):
        path.write_bytes(raw)
        assert [(piece.begins_member, piece.rule is None) for piece in pieces(str(path))] == [
            (True, True),
            (whole, False),
        ]


@pytest.mark.parametrize("codec", ["gzip", "zstd", "bz2", "lz4"])
def test_every_codec_reads_large_and_concatenated_files(read: Read, codec: str) -> None:
    first, second = lines(40_000), lines(20_000, seed=1)
    suffix = f".{'gz' if codec == 'gzip' else 'zst' if codec == 'zstd' else codec}"
    content = read(compress(first, codec) + compress(second, codec), suffix)
    assert content.data == first + second
    assert content.rules == []
    assert read(b"", suffix) == Content(b"", [], [])


@pytest.mark.parametrize(("codec", "block"), [("zstd", 128 << 10), ("bz2", 900_000), ("lz4", 64 << 10)])
def test_a_cut_file_gives_all_whole_blocks_before_the_cut(read: Read, codec: str, block: int) -> None:
    data = lines(60_000)
    raw = compress(data, codec)
    suffix = ".zst" if codec == "zstd" else f".{codec}"
    for cut in (len(raw) - 1, len(raw) // 2, 5):
        content = read(raw[:cut], suffix)
        assert data.startswith(content.data)
        assert content.rules == [TRUNCATED]
        if cut == len(raw) - 1:
            assert len(content.data) >= len(data) - block


@pytest.mark.parametrize("codec", ["zstd", "bz2", "lz4"])
def test_damage_is_named_after_what_was_read_before_it(read: Read, codec: str) -> None:
    data = lines(30_000)
    suffix = ".zst" if codec == "zstd" else f".{codec}"
    assert read(compress(data, codec) + b"trailing garbage", suffix) == Content(data, [data], [f"bad_{codec}"])
    assert read(b"just text" * 100, suffix) == Content(b"", [], [f"bad_{codec}"])


@pytest.mark.parametrize("codec", ["gzip", "zstd", "bz2"])
def test_a_bomb_comes_in_bounded_pieces(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"bomb.{'gz' if codec == 'gzip' else 'zst' if codec == 'zstd' else codec}"
    path.write_bytes(compress(bytes(64 << 20), codec))
    assert path.stat().st_size < 200_000
    size = 0
    for piece in pieces(str(path)):
        assert len(piece.data) <= PIECE
        assert piece.rule is None
        size += len(piece.data)
    assert size == 64 << 20


def test_an_error_of_the_file_system_is_no_damage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Broken:
        closed = False

        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            self.closed = True

        def __enter__(self) -> "Broken":
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    monkeypatch.setattr(compression, "open_input", lambda _: Broken())
    for name in ("a.txt", "a.gz", "a.zst"):
        with pytest.raises(OSError, match="Input/output error"):
            list(pieces(name))
