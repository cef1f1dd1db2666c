"""Content in pieces against Python's own decompressors: sound, cut off anywhere, and damaged in the middle."""

import bz2
import gzip
import io
import lzma
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import lz4.frame
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.files import compression, decompressors
from prep.corpus.files.compression import (
    BOMB,
    BOMB_BYTES,
    PIECE,
    TRUNCATED,
    Piece,
    Place,
    codec_of,
    find_member,
    pieces,
    strip_codec,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENTS = st.lists(
    st.binary(max_size=60) | st.integers(1, 900).map(lambda size: b"word %d " % size * size), max_size=6
)


class Content(NamedTuple):
    """What pieces add up to: the content, the same cut where members begin, and the damage."""

    data: bytes
    members: list[bytes]
    rules: list[str]


def joined(found: list[Piece]) -> Content:
    members: list[bytearray] = []
    for piece in found:
        assert len(piece.data) <= PIECE
        assert not (piece.data and piece.rule)
        if piece.begins_member and piece.data:
            members.append(bytearray())
        if piece.data:
            members[-1] += piece.data
    return Content(
        b"".join(members), [bytes(member) for member in members], [piece.rule for piece in found if piece.rule]
    )


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, str], Content]:
    folder = tmp_path_factory.mktemp("pieces")

    def read_bytes(raw: bytes, suffix: str) -> Content:
        path = folder / f"file{suffix}"
        path.write_bytes(raw)
        return joined(list(pieces(str(path))))

    return read_bytes


Read = Callable[[bytes, str], Content]


SUFFIX = {"gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst", "lz4": ".lz4"}


def compress(data: bytes, codec: str) -> bytes:
    """Compress with what people use."""
    match codec:
        case "gzip":
            return gzip.compress(data, 6, mtime=0)
        case "bz2":
            return bz2.compress(data)
        case "xz":
            return lzma.compress(data)
        case "zstd":
            return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
        case _:
            return bytes(lz4.frame.compress(data, content_checksum=True))


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
        ("a.xz", "xz", "a"),
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


@pytest.mark.parametrize("codec", SUFFIX)
def test_every_codec_reads_large_and_concatenated_files(read: Read, codec: str) -> None:
    first, second = lines(40_000), lines(20_000, seed=1)
    suffix = SUFFIX[codec]
    content = read(compress(first, codec) + compress(second, codec), suffix)
    assert content.data == first + second
    assert content.rules == []
    assert read(b"", suffix) == Content(b"", [], [])


@pytest.mark.parametrize(
    ("codec", "block"), [("zstd", 128 << 10), ("bz2", 900_000), ("lz4", 64 << 10), ("xz", 64 << 10)]
)
def test_a_cut_file_gives_all_whole_blocks_before_the_cut(read: Read, codec: str, block: int) -> None:
    data = lines(60_000)
    raw = compress(data, codec)
    suffix = SUFFIX[codec]
    for cut in (len(raw) - 1, len(raw) // 2, 5):
        content = read(raw[:cut], suffix)
        assert data.startswith(content.data)
        assert content.rules == [TRUNCATED]
        if cut == len(raw) - 1:
            assert len(content.data) >= len(data) - block


@pytest.mark.parametrize("codec", ["zstd", "bz2", "lz4", "xz"])
def test_damage_is_named_after_what_was_read_before_it(read: Read, codec: str) -> None:
    data = lines(30_000)
    suffix = SUFFIX[codec]
    assert read(compress(data, codec) + b"trailing garbage", suffix) == Content(data, [data], [f"bad_{codec}"])
    assert read(b"just text" * 100, suffix) == Content(b"", [], [f"bad_{codec}"])


@pytest.mark.parametrize("codec", ["zstd", "bz2"])
def test_a_broken_member_costs_itself_alone(read: Read, codec: str) -> None:
    contents = [lines(3000, seed) for seed in range(4)]
    members = [bytearray(compress(content, codec)) for content in contents]
    middle = len(members[1]) // 2
    members[1][middle : middle + 40] = bytes(40)
    content = read(b"".join(members), SUFFIX[codec])
    assert [member for member in content.members if member in contents] == [contents[0], *contents[2:]]
    assert content.rules == [f"bad_{codec}"]


@pytest.mark.parametrize(("codec", "block"), [("zstd", 128 << 10), ("bz2", 900_000), ("lz4", 0), ("xz", 0)])
def test_a_broken_member_gives_its_blocks_before_the_damage(read: Read, codec: str, block: int) -> None:
    data = random.Random(7).randbytes(2 << 20)
    raw = bytearray(compress(data, codec))
    raw[2_000_000:2_000_100] = bytes(100)
    content = read(bytes(raw), SUFFIX[codec])
    kept = zip(content.data, data, strict=False)
    sound = next((at for at, (seen, true) in enumerate(kept) if seen != true), len(content.data))
    assert sound >= 1_990_000 - block
    assert content.rules[0] == f"bad_{codec}"


@pytest.mark.parametrize("codec", SUFFIX)
def test_a_bomb_comes_in_bounded_pieces_and_is_left(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"bomb{SUFFIX[codec]}"
    path.write_bytes(compress(bytes(3 * BOMB_BYTES), codec))
    tracemalloc.start()
    found = [(len(piece.data), piece.rule) for piece in pieces(str(path))]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(size <= PIECE for size, _ in found)
    if codec == "lz4":  # which makes nothing 500 times smaller
        assert sum(size for size, _ in found) == 3 * BOMB_BYTES
    else:
        assert BOMB_BYTES < sum(size for size, _ in found) <= BOMB_BYTES + PIECE
        assert found[-1] == (0, BOMB)
    assert peak < 16 << 20  # the dictionary of xz is 8 MiB


def test_members_after_a_bomb_are_read(read: Read) -> None:
    raw = compress(b"before", "gzip") + compress(bytes(2 * BOMB_BYTES), "gzip") + compress(b"after", "gzip")
    content = read(raw, ".gz")
    assert (content.members[0], content.members[-1]) == (b"before", b"after")
    assert content.rules == [BOMB]


def test_a_member_that_wants_too_much_memory_is_refused(read: Read) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    raw = lzma.compress(b"words", filters=filters)
    assert read(raw, ".xz").rules == ["bad_xz"]
    parameters: dict[int, int] = {
        zstd.CompressionParameter.window_log: 30,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    compressor = zstd.ZstdCompressor(options=parameters)
    raw = compressor.compress(b"words") + compressor.flush()
    assert read(raw, ".zst").rules == ["bad_zstd"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_dictionary_before_the_frames_that_need_it(tmp_path: Path, packed: bool) -> None:
    contents = [lines(30, seed) for seed in range(200)]
    dictionary = zstd.train_dict(contents, 10_000)
    data = zstd.compress(dictionary.dict_content) if packed else dictionary.dict_content
    head = b"\x5d\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data
    frames = [zstd.compress(content, zstd_dict=dictionary) for content in contents]
    path = tmp_path / "a.zst"
    path.write_bytes(head + b"".join(frames))
    assert joined(list(pieces(str(path)))) == Content(b"".join(contents), contents, [])
    member = find_member(str(path), len(head) + 1, len(head) + 10_000)
    assert member == len(head) + len(frames[0])
    assert joined(list(pieces(str(path), Place(member, 0)))).members == contents[1:]
    path.write_bytes(head[:8] + b"no dictionary".ljust(len(data)) + frames[0])
    assert joined(list(pieces(str(path)))).rules == ["bad_zstd"]


# Members from the middle of a file.


NOISE = st.integers(0, 1 << 32).map(lambda seed: random.Random(seed).randbytes(100 + seed % 90_000))
NESTED = st.lists(NOISE, min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(
    codec=st.sampled_from(["gzip", "zstd", "bz2"]),
    contents=st.lists(NOISE | st.binary(min_size=1, max_size=60) | NESTED, min_size=1, max_size=5),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    plain_frames=st.booleans(),
)
def test_members_are_found_from_any_byte(
    tmp_path_factory: pytest.TempPathFactory,
    codec: str,
    contents: list[bytes | list[bytes]],
    shares: list[float],
    plain_frames: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"members{SUFFIX[codec]}"

    def packed(content: bytes) -> bytes:
        return zstd.compress(content) if codec == "zstd" and plain_frames else compress(content, codec)

    plain = [b"".join(map(packed, content)) if isinstance(content, list) else content for content in contents]
    members = list(map(packed, plain))
    places = [sum(map(len, members[:number])) for number in range(len(members) + 1)]
    path.write_bytes(b"".join(members))
    for share in shares:
        at = round(share * places[-1])
        following = [place for place in places[:-1] if place >= at]
        assert find_member(str(path), at, places[-1]) == (following[0] if following else None)
        assert find_member(str(path), at, at) == (0 if at == 0 else None)
        if following:
            number = places.index(following[0])
            found = list(pieces(str(path), Place(following[0], 0)))
            assert joined(found) == Content(b"".join(plain[number:]), plain[number:], [])
            assert {piece.place.member for piece in found} == set(following)
            inside = Place(following[0], len(plain[number]) // 2)
            rest = list(pieces(str(path), inside))
            assert rest[0].place == inside
            assert b"".join(piece.data for piece in rest) == b"".join(plain[number:])[inside.offset :]


def test_members_longer_than_the_longest_stored_block_may_lie_in_others(tmp_path: Path) -> None:
    inner = b"".join(compress(random.Random(seed).randbytes(50_000), "gzip") for seed in range(9))
    outer = compress(b"HTTP header" + inner, "gzip")
    assert len(outer) > len(inner)  # it is stored
    last = compress(b"after it", "gzip")
    path = tmp_path / "a.gz"
    path.write_bytes(outer + last)
    assert {find_member(str(path), at, 1 << 40) for at in range(1, len(outer), 997)} == {len(outer)}
    assert find_member(str(path), 1, len(outer)) is None


def test_only_members_whose_content_begins_right_are_found(tmp_path: Path) -> None:
    members = [compress(content, "gzip") for content in (b"WARC/1.0 one", b"x", b"", b"WARC/", b"WARC/1.1 two")]
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(members))
    places = [sum(map(len, members[:number])) for number in range(len(members))]
    assert find_member(str(path), 1, 1 << 40, b"WARC/") == places[3]
    assert find_member(str(path), places[3] + 1, 1 << 40, b"WARC/1") == places[4]
    assert find_member(str(path), 1, 1 << 40) == places[1]


def test_damaged_members_are_no_proof(tmp_path: Path) -> None:
    members = [bytearray(compress(lines(100, seed), "gzip")) for seed in range(5)]
    members[2][300] ^= 0xFF
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(members))
    places = [sum(map(len, members[:number])) for number in range(len(members))]
    assert find_member(str(path), 1, 1 << 40) == places[3]
    path.write_bytes(b"".join(members)[:-5])
    assert find_member(str(path), 1, 1 << 40) is None


@pytest.mark.parametrize("codec", ["xz", "lz4"])
def test_some_codecs_have_no_members_to_be_found(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"a{SUFFIX[codec]}"
    path.write_bytes(compress(b"one", codec) * 3)
    assert find_member(str(path), 0, 100) == 0
    assert find_member(str(path), 1, 1 << 40) is None


def test_a_store_that_gives_a_file_only_from_its_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Stream(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            if (offset, whence) != (self.tell(), 0):
                raise ValueError("Cannot seek streaming HTTP file")
            return offset

    contents = [lines(2000, seed) for seed in range(3)]
    members = [bytearray(compress(content, "gzip")) for content in contents]
    raw = b"".join(members)
    members[1][len(members[1]) // 2] ^= 0xFF
    for module in (compression, decompressors):
        monkeypatch.setattr(module, "open_input", lambda _: Stream(raw))
    assert find_member("a.gz", 1, 1 << 40) == len(members[0])
    assert joined(list(pieces("a.gz", Place(len(members[0]), 0)))).members == contents[1:]
    assert b"".join(piece.data for piece in pieces("a.txt", Place(0, 7))) == raw[7:]
    raw = b"".join(members)
    content = joined(list(pieces("a.gz")))
    assert (content.members[0], content.members[-1]) == (contents[0], contents[2])
    assert content.rules == ["bad_gzip"]


def test_an_error_of_the_file_system_is_no_damage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Broken:
        closed = False

        def seek(self, offset: int) -> None:
            pass

        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            self.closed = True

        def __enter__(self) -> "Broken":
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    for module in (compression, decompressors):
        monkeypatch.setattr(module, "open_input", lambda _: Broken())
    for name in ("a.txt", "a.gz", "a.zst"):
        with pytest.raises(OSError, match="Input/output error"):
            list(pieces(name))
