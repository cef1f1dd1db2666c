"""Real web archives: sound ones against FastWARC's reading, cut and damaged ones against what the sound ones hold."""

import hashlib
import random
from base64 import b32encode
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from fastwarc import ArchiveIterator, WarcRecordType

from prep.corpus.files.compression import pieces
from prep.stages.read.archives.framing import Frame, Framer
from prep.stages.read.archives.warc import WARC, warc_rows
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions

LIMIT = 20 << 20
UNLIKE_FASTWARC = {
    "aut--badexample.arc.gz": "ARC, which FastWARC refuses",
    "aut--example.arc.gz": "ARC",
    "ukwa-discovery--IAH-20080430204825-00000-blackbook-truncated.arc": "ARC",
    "ukwa-discovery--IAH-20080430204825-00000-blackbook-truncated.arc.gz": "ARC",
    "cc-whirlwind--CC-MAIN-2024-22.warc.paths.gz": "a list of paths, which FastWARC refuses",
    "resiliparse--clipped.warc.gz": "cut off, which FastWARC does not notice",
    "solrwayback--transfer_compression_none_truncated.warc.gz": "cut off",
    "solrwayback--Evil-Warc-Headers.warc": "header lines end in bare newlines; FastWARC takes all for one header",
    "warc_nom_parser--bbc.warc": "bare newlines",
}


def frames(path: Path) -> list[Frame]:
    return list(Framer(pieces(str(path)), WARC, LIMIT).frames())


def rows(path: Path, max_bytes: int = LIMIT, *, extracts: bool = False) -> list[Row]:
    return list(warc_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)), extracts=extracts))


def archives(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir())
    assert len(found) > 45
    return found


def verdicts(found: list[Row]) -> list[str | None]:
    return [f"!{row.rule}" if row.failed else row.rule for row in found]


def test_odd_archives_have_the_records_that_fastwarc_finds(test_data: Path) -> None:
    for path in archives(test_data / "warc-odd"):
        if path.name in UNLIKE_FASTWARC:
            continue
        with path.open("rb") as stream:
            theirs = [(item.record_id, item.reader.read()) for item in ArchiveIterator(stream, parse_http=False)]
        ours = frames(path)
        assert [frame.header["warc-record-id"] for frame in ours] == [name for name, _ in theirs], path.name
        assert [frame.block for frame in ours] == [block for _, block in theirs], path.name
        assert all(frame.rule is None and frame.length == len(frame.block) for frame in ours), path.name


def test_blocks_have_the_digests_that_their_headers_give(test_data: Path) -> None:
    checked = 0
    for path in archives(test_data / "warc-odd"):
        if path.name in UNLIKE_FASTWARC:  # among them one whose newlines were changed after it was written
            continue
        for frame in frames(path):
            digest = frame.header.get("warc-block-digest", "").removeprefix("sha1:")
            if len(digest) == 32 and frame.rule is None:
                checked += 1
                assert b32encode(hashlib.sha1(frame.block).digest()).decode() == digest, path.name
    assert checked > 300


def test_bodies_are_decoded_as_fastwarc_decodes_them(test_data: Path) -> None:
    compared = 0
    for path in archives(test_data / "warc-odd"):
        if path.name in UNLIKE_FASTWARC:
            continue
        found = {row.id: row for row in rows(path) if row.html is not None}
        with path.open("rb") as stream, suppress(OSError):  # FastWARC raises where the crawler has joined the chunks
            for item in ArchiveIterator(stream, record_types=WarcRecordType.response, auto_decode="all"):
                row = found.get(str(item.record_id).strip("<>").removeprefix("urn:uuid:"))
                if row is not None:
                    body = item.reader.read()
                    assert row.html == body, path.name
                    compared += 1
    assert compared > 200


def test_what_becomes_of_the_records_of_odd_archives(test_data: Path) -> None:
    found = {
        path.name: Counter(verdicts(rows(path))) for path in archives(test_data / "warc-odd") if ".arc" not in path.name
    }
    damaged = {name for name, counts in found.items() if any((rule or "").startswith("!") for rule in counts)}
    assert damaged == {name for name in UNLIKE_FASTWARC if ".arc" not in name} - {"warc_nom_parser--bbc.warc"}
    assert found["cc-whirlwind--CC-MAIN-2024-22.warc.paths.gz"] == {"!bad_header": 1}
    assert found["resiliparse--clipped.warc.gz"] == {"!truncated": 1}
    assert found["solrwayback--transfer_compression_none_truncated.warc.gz"] == {"record_type": 2, "!truncated": 1}
    assert found["solrwayback--Evil-Warc-Headers.warc"] == {"!truncated": 1}
    assert found["warc_nom_parser--bbc.warc"] == {None: 1}
    assert found["aut--example.pdf.warc.gz"] == {
        "record_type": 39,
        "not_html": 31,
        "http_status": 3,
        "revisit": 2,
        None: 1,
    }
    total = sum(found.values(), Counter[str | None]())
    assert (total[None], total.total()) == (249, 1855)


def test_extracted_text_is_read_from_wet_files(test_data: Path) -> None:
    for name in ("cc-whirlwind--whirlwind.warc.wet", "cc-whirlwind--whirlwind.warc.wet.gz"):
        path = test_data / "warc-odd" / name
        assert verdicts(rows(path, extracts=True)) == ["record_type", None]
        document = rows(path, extracts=True)[1]
        assert document.text is not None
        assert document.text.startswith("Escopete - Biquipedia")
        assert document.url == "https://an.wikipedia.org/wiki/Escopete"
        assert verdicts(rows(path)) == ["record_type", "record_type"]


@pytest.mark.parametrize(("folder", "pages"), [("web", 302), ("docs", 3192)])
def test_real_pages_are_all_documents(test_data: Path, folder: str, pages: int) -> None:
    documents = 0
    ids = set()
    for path in sorted((test_data / folder).glob("*.warc.gz")):
        with path.open("rb") as stream:
            for row, item in zip(rows(path), ArchiveIterator(stream), strict=True):
                assert row.rule is None
                assert row.html == item.reader.read()
                assert row.charset == "utf-8"
                assert row.url == item.headers["WARC-Target-URI"]
                assert row.date == item.headers["WARC-Date"]
                ids.add(row.id)
                documents += 1
    assert documents == len(ids) == pages


def sound_and_starts(path: Path) -> tuple[list[Row], list[int]]:
    """Return a sound archive's rows, and where its records begin in the file."""
    with path.open("rb") as stream:
        starts = [item.stream_pos for item in ArchiveIterator(stream, parse_http=False)]
    found = rows(path)
    assert len(found) == len(starts)
    return found, [*starts, path.stat().st_size]


CUT = [
    "resiliparse--warcfile.warc.gz",
    "resiliparse--warcfile.warc",
    "cc-whirlwind--whirlwind.warc",
    "aut--issue-514.warc",
]


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_anywhere_gives_all_records_before_the_cut(test_data: Path, tmp_path: Path, name: str) -> None:
    whole = test_data / "warc-odd" / name
    sound, starts = sound_and_starts(whole)
    raw = whole.read_bytes()
    rng = random.Random(name)
    path = tmp_path / name
    for cut in [
        *(rng.randrange(len(raw)) for _ in range(60)),
        *(start + offset for start in starts[1:4] for offset in (-9, -4, -3, -2, -1, 0, 1, 4)),
    ]:
        path.write_bytes(raw[:cut])
        found = rows(path)
        complete = sum(end <= cut for end in starts[1:])
        assert found[:complete] == sound[:complete]
        rest = found[complete:]
        between = cut - starts[complete]  # bytes of the record that is cut
        assert len(rest) == (between > 0)
        if rest and rest[0] != sound[complete]:
            assert rest[0].rule == "truncated"
            assert rest[0].failed
            assert rest[0].id == f"{name}@{starts[complete]}"
            assert rest[0].detail
        elif rest:  # only the empty lines that end the record are missing
            assert starts[complete + 1] - cut <= 4
            assert not name.endswith(".gz")


def test_real_pages_cut_off(test_data: Path, tmp_path: Path) -> None:
    whole = test_data / "docs" / "installation-guide-3.warc.gz"
    sound, starts = sound_and_starts(whole)
    raw = whole.read_bytes()
    rng = random.Random(3)
    path = tmp_path / "cut.warc.gz"
    for _ in range(4):
        cut = rng.randrange(len(raw))
        path.write_bytes(raw[:cut])
        found = rows(path)
        complete = sum(end <= cut for end in starts[1:])
        assert found[:complete] == sound[:complete]
        assert verdicts(found[complete:]) in ([], ["!truncated"])


def test_damage_in_the_middle_of_a_gzip_file_costs_one_record(test_data: Path, tmp_path: Path) -> None:
    whole = test_data / "docs" / "installation-guide-3.warc.gz"
    sound, starts = sound_and_starts(whole)
    raw = whole.read_bytes()
    rng = random.Random(5)
    path = tmp_path / "damaged.warc.gz"
    for _ in range(6):
        at = rng.randrange(len(raw) - 8)
        broken = sum(start <= at for start in starts) - 1
        path.write_bytes(raw[:at] + rng.randbytes(8) + raw[at + 8 :])
        found = rows(path)
        kept = [row for row in found if row.rule is None]
        lost = sound[broken : broken + 2] if at + 8 > starts[broken + 1] else sound[broken : broken + 1]
        assert kept == [row for row in sound if row not in lost]
        failures = [row for row in found if row.rule is not None]
        assert 1 <= len(failures) <= 2
        assert all(row.failed and row.rule in {"bad_gzip", "truncated", "bad_header"} for row in failures)
