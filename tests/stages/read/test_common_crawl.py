"""Captures of a crawl: chosen by either index, fetched by their bytes alone, at any address."""

import gzip
import io
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from pyarrow.parquet import read_table
from pydantic import ValidationError

from prep.corpus.errors import StorageError
from prep.corpus.files.retrying import StorageAccess, storage_access
from prep.pipeline.config import load
from prep.pipeline.contract import check
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import run
from prep.stages.read.crawl.crawl import crawl_partitions
from prep.stages.read.crawl.fetching import GAP, Capture, spans
from prep.stages.read.read import Read

from .crawls import CRAWL, TABLE, Page, Stored, body_of, served, write_archive, write_cdx, write_table
from .reading import documents, problems

FIRST, SECOND = (f"crawl-data/{CRAWL}/segments/1/warc/{name}.warc.gz" for name in ("a", "b"))
PAGES = (
    Page("https://example.org/one"),
    Page("https://www.example.org/two", "dan,eng"),
    Page("https://sub.example.org/three", "deu"),
    Page("https://example.org.evil.net/four"),
    Page("https://myexample.org/five", "dan"),
    Page("http://example.org:8080/six"),
    Page("https://blog.example.co.uk/seven"),
    Page("https://other.co.uk/eight", "fra"),
    Page("https://example.net/nine.pdf", mime="application/pdf"),
    Page("https://example.net/ten", status=404),
    Page("https://xn--bcher-kva.example/eleven", "deu"),
    Page("https://example.net/twelve", "nob"),
)
QUICK = StorageAccess(timeout_seconds=5, retries=4, wait_seconds=0.01)


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("crawl")
    captures = [*write_archive(root, FIRST, PAGES[:7]), *write_archive(root, SECOND, PAGES[7:])]
    write_table(root, captures)
    write_cdx(root, captures)
    return root


def read(root: object, **options: object) -> Read:
    return Read.model_validate({"common_crawl": {"crawl": CRAWL, "address": str(root), **options}})


def urls(stage: Read) -> list[str]:
    """Return the last segments of the pages read."""
    return [str(row["url"]).rpartition("/")[2] for row in documents(stage) if row["rule"] is None]


@pytest.mark.parametrize("index", ["columnar", "cdx"])
def test_what_is_chosen(crawl: Path, index: str) -> None:
    def chosen(**options: object) -> list[str]:
        stage = read(crawl, index=index, **options)
        assert problems(stage) == []
        return sorted(urls(stage))

    everything = ["eight", "eleven", "five", "four", "one", "seven", "six", "three", "twelve", "two"]
    assert chosen() == everything
    assert chosen(domains=["example.org"]) == ["one", "six", "three", "two"]
    assert chosen(domains=["sub.example.org", "www.example.co.uk"]) == ["seven", "three"]
    assert chosen(domains=["co.uk"]) == ["eight", "seven"]
    assert chosen(domains=["bücher.example"]) == ["eleven"]
    assert chosen(languages=["da"]) == ["five", "two"]
    assert chosen(languages=["nor", "de"]) == ["eleven", "three", "twelve"]
    assert chosen(languages=["dan"], domains=["example.org"]) == ["two"]


@pytest.mark.parametrize("index", ["columnar", "cdx"])
def test_documents_are_those_of_the_archive(crawl: Path, index: str) -> None:
    whole = {row["id"]: row for row in documents(Read(paths=f"{crawl}/crawl-data/**/*.warc.gz")) if row["rule"] is None}
    chosen = documents(read(crawl, index=index, languages=["da"]))
    for row in chosen:
        same = whole[row["id"]]
        assert {**same, "declared_language": None} == {**row, "declared_language": None}
    assert {row["url"]: row["declared_language"] for row in chosen} == {PAGES[1].url: "da", PAGES[4].url: "da"}


def test_a_larger_sample_contains_the_smaller(crawl: Path) -> None:
    shares = [set(urls(read(crawl, sample=share, seed=3))) for share in (0.2, 0.5, 0.9)]
    assert shares[0] < shares[1] < shares[2]
    assert shares[1] == set(urls(read(crawl, sample=0.5, seed=3, index="cdx")))
    assert shares[1] != set(urls(read(crawl, sample=0.5, seed=4)))


@pytest.mark.parametrize("index", ["columnar", "cdx"])
def test_limit(crawl: Path, index: str) -> None:
    def chosen(**options: object) -> set[str]:
        return set(urls(read(crawl, index=index, **options)))

    limited = [chosen(limit=limit) for limit in range(1, 12)]
    assert [len(found) for found in limited] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]
    assert all(smaller <= larger for smaller, larger in pairwise(limited))
    assert chosen(limit=2, languages=["de", "fr"]) == {"eleven", "three"}


def test_both_indexes_give_the_same_limit(crawl: Path) -> None:
    for limit in (1, 5, 7):
        assert set(urls(read(crawl, limit=limit))) == set(urls(read(crawl, limit=limit, index="cdx")))


def test_a_domain_s_part_of_the_index(crawl: Path) -> None:
    """Blocks and row groups that cannot hold a domain are no tasks."""
    for index in ("columnar", "cdx"):
        stage = read(crawl, index=index, domains=["example.net"])
        found = stage.partitions(stage.list_files())
        assert 1 <= len(found) <= 2
        assert sum(part.size for part in found) < sum(file.size for file in stage.list_files())


def test_there_are_not_too_many_tasks(crawl: Path) -> None:
    stage = read(crawl)
    files = stage.list_files()
    whole = crawl_partitions(files, stage._origins[0].options)
    joined = crawl_partitions(files, stage._origins[0].options, most=2)
    assert (len(whole), len(joined)) == (3, 2)
    assert [part for item in joined for part in item.ranges] == [part for item in whole for part in item.ranges]
    schema = stage.output_schema(files)
    rows = [outcome.batch.num_rows for item in joined for outcome in stage.read(item, schema, 1 << 20)]
    assert sum(rows) == len(documents(stage))


def test_over_http(crawl: Path) -> None:
    with served(crawl) as server, storage_access(QUICK):
        local = documents(read(crawl))
        assert documents(read(server.address)) == local
        requests = server.archives()
        # one task per row group of four captures; neighbours come with one request
        assert len(requests) <= 6
        server.requests.clear()
        server.refusals = [503, 403, 429]
        assert documents(read(server.address, domains=["example.org"])) == documents(
            read(crawl, domains=["example.org"])
        )
        assert server.refused == 3
        assert all(asked.startswith("bytes=") for _, asked, _ in server.archives())
        sizes = {str(path.relative_to(crawl)): path.stat().st_size for path in crawl.rglob("*.warc.gz")}
        assert sum(size for _, _, size in server.archives()) < sizes[FIRST]


def test_only_the_bytes_of_one_capture(crawl: Path) -> None:
    with served(crawl) as server:
        for index in ("columnar", "cdx"):
            server.requests.clear()
            assert urls(read(server.address, index=index, domains=["myexample.org"])) == ["five"]
            ((path, _, size),) = server.archives()
            assert path == f"/{FIRST}"
            assert size == _length(crawl, "myexample.org")


def _length(crawl: Path, host: str) -> int:
    text = b"".join(gzip.decompress(path.read_bytes()) for path in crawl.rglob("cdx-*.gz")).decode()
    line = next(line for line in text.splitlines() if f"//{host}/" in line)
    return int(line.partition('"length": "')[2].partition('"')[0])


def test_a_server_that_cuts_answers(crawl: Path) -> None:
    with served(crawl) as server, storage_access(QUICK):
        server.cut = 2
        assert documents(read(server.address)) == documents(read(crawl))


def test_a_server_that_stays_away(crawl: Path) -> None:
    with served(crawl) as server, storage_access(QUICK):
        server.refusals, server.headers = [403] * 20, {"Retry-After": "0"}
        with pytest.raises(StorageError, match=r"failed 5 times .* 403"):
            documents(read(server.address))


def test_a_server_without_ranges(crawl: Path) -> None:
    with served(crawl) as server, storage_access(QUICK):
        server.ranges = False
        with pytest.raises(StorageError, match="the server sends all of the file where bytes"):
            documents(read(server.address, index="cdx"))


def test_refused(crawl: Path, tmp_path: Path) -> None:
    (found,) = problems(read(crawl, domains=["nobody.example"], languages=["de"]))
    assert "no capture of the crawl fits the choice" in found
    assert "nobody.example" in found
    (found,) = problems(Read.model_validate({"common_crawl": {"crawl": "CC-MAIN-2020-05", "address": str(crawl)}}))
    assert f"no crawl 'CC-MAIN-2020-05' at {crawl}; expected {CRAWL}" in found
    (found,) = problems(read(tmp_path))
    assert "no index of the crawl" in found
    with served(crawl) as server:
        stage = Read.model_validate({"common_crawl": {"crawl": "CC-MAIN-2020-05", "address": server.address}})
        (found,) = problems(stage)
        assert "no index of the crawl 'CC-MAIN-2020-05'" in found
        assert "cc-index-table.paths.gz" in found
    (found,) = problems(read(crawl, index=str(tmp_path / "*.gz")))
    assert "matches no index file" in found
    with pytest.raises(ValidationError, match="'xq' is none"):
        read(crawl, languages=["xq"])
    with pytest.raises(ValidationError, match="seen a b"):
        read(crawl, domains=["a b"])
    with pytest.raises(ValidationError):
        Read.model_validate({"common_crawl": {"crawl": "2026-40"}})
    both = Read.model_validate({"paths": str(crawl), "common_crawl": {"crawl": CRAWL, "address": str(crawl)}})
    assert "expected one of paths, sources and common_crawl, seen paths and common_crawl" in problems(both)[0]
    idle = Read.model_validate({"text_column": "body", "common_crawl": {"crawl": CRAWL, "address": str(crawl)}})
    assert problems(idle) == ["text_column has no effect beside common_crawl"]


def test_a_list_of_index_files_that_are_not_there(crawl: Path, tmp_path: Path) -> None:
    shutil.copytree(crawl / "crawl-data", tmp_path / "crawl-data")
    (found,) = problems(read(tmp_path))
    assert f"lists {tmp_path}/{TABLE}/part-00000.c000.gz.parquet, which is not there" in found


def test_an_index_that_is_wrong(tmp_path: Path) -> None:
    right = write_archive(tmp_path, FIRST, PAGES[:3])
    gone = Stored(Page("https://example.org/gone"), f"{FIRST}.lost.warc.gz", 0, 500)
    behind = Stored(Page("https://example.org/behind"), FIRST, 1 << 20, 500)
    wrong = Stored(Page("https://example.org/wrong"), FIRST, right[2].offset, right[2].length)
    short = Stored(PAGES[0], FIRST, right[0].offset, right[0].length - 20)
    write_table(tmp_path, [right[1], gone, behind, wrong, short])
    found = {str(row["url"]).rpartition("/")[2]: row["rule"] for row in documents(read(tmp_path))}
    assert found == {
        "one": "!truncated",
        "two": None,
        "gone": "!unreadable",
        "behind": "!truncated",
        "wrong": "!bad_index",
    }


def test_lines_that_are_no_captures(tmp_path: Path) -> None:
    captures = write_archive(tmp_path, FIRST, PAGES[:3])
    path = write_cdx(tmp_path, captures)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    plain = tmp_path / "index.cdxj"
    plain.write_bytes(b"!meta {}\n" + lines[0] + b"org,example)/x 2026 {}\nnonsense\n" + lines[1])
    rows = documents(read(tmp_path, index=str(plain)))
    assert [row["rule"] for row in rows] == ["!bad_index", "!bad_index", None, None]


def test_several_sources(crawl: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A text.")
    source = {"name": "crawl", "common_crawl": {"crawl": CRAWL, "address": str(crawl), "languages": ["fr"]}}
    stage = Read.model_validate({"sources": [{"name": "own", "paths": f"{tmp_path}/a.txt"}, source]})
    assert problems(stage) == []
    assert [row["source"] for row in documents(stage)] == ["own", "crawl"]
    with pytest.raises(ValidationError, match="either paths or common_crawl"):
        Read.model_validate({"sources": [{"name": "none"}]})


def test_identity_is_the_choice(crawl: Path) -> None:
    same = (read(crawl), read(crawl, requests_per_second=1), read("/other"))
    assert len({str(stage.identity()) for stage in same}) == 1
    assert read(crawl, sample=0.5).identity() != read(crawl).identity()
    assert "common_crawl" not in Read(paths="x").identity()


def test_spans() -> None:
    def capture(name: str, offset: int, length: int) -> Capture:
        return Capture(name, offset, length, "", None, None)

    given = [capture("b", 0, 10), capture("a", 100, 50), capture("a", 0, 50), capture("a", 200 + GAP, 1)]
    assert [(span.filename, span.start, span.end) for span in spans(given)] == [
        ("a", 0, 150),
        ("a", 200 + GAP, 201 + GAP),
        ("b", 0, 10),
    ]
    huge = [capture("a", at * (9 << 20), 9 << 20) for at in range(3)]
    assert len(list(spans(huge))) == 3
    assert list(spans([])) == []


def test_real_captures(test_data: Path, tmp_path: Path) -> None:
    """Every answer of a real archive of the crawl, fetched by its place, is the document that reading it all gives."""
    for name in ("whirlwind.warc.gz", "whirlwind.warc"):
        source = test_data / "warc-odd" / f"cc-whirlwind--{name}"
        root = tmp_path / name
        place = root / "crawl-data" / source.name
        place.parent.mkdir(parents=True)
        shutil.copyfile(source, place)
        whole = [row for row in documents(Read(paths=str(source))) if row["rule"] is None]
        assert len(whole) == 1
        content = place.read_bytes()
        if name.endswith(".gz"):
            starts = [at for at in range(len(content)) if content.startswith(b"\x1f\x8b\x08", at)]
        else:
            starts = [at for at in range(len(content)) if content.startswith(b"WARC/1.0", at)]
        sizes = [end - start for start, end in zip(starts, [*starts[1:], len(content)], strict=True)]
        at = max(range(len(starts)), key=sizes.__getitem__)
        stored = Stored(Page(str(whole[0]["url"]), "arg"), f"crawl-data/{source.name}", starts[at], sizes[at])
        write_table(root, [stored])
        (row,) = documents(read(root, languages=["an"]))
        assert row["declared_language"] == "an"
        assert row["html"] == whole[0]["html"]
        assert row["id"] == whole[0]["id"]


def test_pages_are_as_written(crawl: Path) -> None:
    (row,) = documents(read(crawl, domains=["other.co.uk"]))
    assert row["html"] == body_of(PAGES[7]).encode()
    assert row["date"] == "2026-10-05T10:00:00Z"


def test_a_run_goes_on_and_runs_again_where_the_choice_changes(crawl: Path, tmp_path: Path) -> None:
    def steps(address: str, **options: object) -> tuple[str, ...]:
        stage = {"read": {"common_crawl": {"crawl": CRAWL, "address": address, "domains": ["example.org"], **options}}}
        file = tmp_path / "pipeline.yaml"
        file.write_text(yaml.safe_dump({"output": str(tmp_path / "run"), "workers": 1, "stages": [stage]}))
        configuration, located = load(str(file))
        check(configuration, located)
        return run(configuration, Progress(Terminal(file=io.StringIO()))).ran

    with served(crawl) as server:
        assert steps(server.address) == ("read",)
        records = sorted((tmp_path / "run" / "steps").glob("00-*/tasks/*.json"))
        assert len(records) > 1
        kept = [read_table(path)["url"].to_pylist() for path in sorted((tmp_path / "run/documents").iterdir())]
        assert sorted(str(url).rpartition("/")[2] for urls in kept for url in urls) == ["one", "six", "three", "two"]
        assert steps(server.address) == ()
        assert steps(server.address, requests_per_second=1000) == ()
        (records[0].parents[1] / "manifest.json").unlink()
        records[1].unlink()
        server.requests.clear()
        assert steps(server.address) == ("read",)
        assert len(server.archives()) <= 2
        assert steps(server.address, sample=0.9) == ("read",)
