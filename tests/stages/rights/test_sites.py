"""Site-wide statements: which URLs robots.txt, AIPREF preferences, ai.txt and tdmrep.json are about."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError
from prep.stages.rights.rights import Rights, Sites
from prep.stages.rights.site_records import SiteRecord, iso_date, read_records, record_files
from prep.stages.rights.site_rules import (
    SiteRules,
    allows,
    allows_training,
    deciding_line,
    forbids_training,
    line_against_training,
    reservation,
    usage_of,
)
from prep.stages.rights.statements import place_of
from prep.stages.stage import CheckContext

from ..shared.tables import write_table

ROBOTS = """\
# our rules
User-agent: GPTBot
User-agent: CCBot
Disallow: /

User-agent: *
Disallow: /private/
Allow: /private/open
Content-Usage: train-ai=n
Content-Usage: /papers/ train-ai=y
"""


@pytest.mark.parametrize(
    ("path", "url", "matches"),
    [  # Google, "How Google interprets the robots.txt specification", URL matching based on path values
        ("/", "/any", True),
        ("/*", "/any", True),
        ("/fish", "/fish", True),
        ("/fish", "/fish.html", True),
        ("/fish", "/fishheads/yummy.html", True),
        ("/fish", "/fish.php?id=anything", True),
        ("/fish", "/Fish.asp", False),
        ("/fish", "/catfish", False),
        ("/fish", "/desert/fish", False),
        ("/fish*", "/fishheads", True),
        ("/fish/", "/fish/salmon.htm", True),
        ("/fish/", "/fish", False),
        ("/*.php", "/folder/filename.php?parameters", True),
        ("/*.php", "/windows.PHP", False),
        ("/*.php$", "/folder/filename.php", True),
        ("/*.php$", "/filename.php?parameters", False),
        ("/*.php$", "/filename.php/", False),
        ("/fish*.php", "/fishheads/catfish.php?parameters", True),
        ("/fish*.php", "/Fish.PHP", False),
    ],
)
def test_paths_match_as_crawlers_read_them(path: str, url: str, matches: bool) -> None:
    robots = f"User-agent: *\nDisallow: {path}\n"
    assert allows(robots, f"https://example.org{url}", "AnyBot") is not matches


@pytest.mark.parametrize(
    ("rules", "url", "allowed"),
    [  # the same source, order of precedence for rules
        ("Allow: /p\nDisallow: /", "/page", True),
        ("Allow: /folder\nDisallow: /folder", "/folder/page", True),
        ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
        ("Allow: /page\nDisallow: /*.ph", "/page.php5", True),
        ("Allow: /$\nDisallow: /", "/", True),
        ("Allow: /$\nDisallow: /", "/page.htm", False),
        ("Disallow:", "/page", True),
    ],
)
def test_the_longest_rule_decides(rules: str, url: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}\n", f"https://example.org{url}", "AnyBot") is allowed


def test_the_line_that_decides_is_named() -> None:
    assert deciding_line(ROBOTS, "https://a.org/x", "gptbot") == "line 4: Disallow: /"
    assert deciding_line(ROBOTS, "https://a.org/private/x", "OtherBot") == "line 7: Disallow: /private/"
    assert deciding_line(ROBOTS, "https://a.org/x", "OtherBot") is None


def test_preferences_follow_the_longest_path() -> None:
    assert usage_of(ROBOTS, "https://a.org/x", ()) == "train-ai=n"
    assert usage_of(ROBOTS, "https://a.org/papers/1", ()) == "train-ai=y"
    assert usage_of("User-agent: *\nDisallow: /", "https://a.org/", ()) is None


@pytest.mark.parametrize(
    ("usage", "forbidden"),
    [("train-ai=n", True), ("train-ai=y, search=n", False), ("search=n", False), ("bots=n", True),
     ("bots=n, train-ai=y", False), ("tdm=n", True), ("Train-AI=N", True), ("ai-train=no,search=yes", True),
     ("ai-train=yes", False), ("", False)],
)  # fmt: skip
def test_the_most_specific_category_that_covers_training_decides(usage: str, forbidden: bool) -> None:
    assert forbids_training(usage) is forbidden


def test_pages_count_as_html_in_ai_txt() -> None:
    ai_txt = "User-Agent: *\nDisallow: *.html\nDisallow: *.txt\nAllow: *.png\n"
    assert not allows_training(ai_txt, "https://a.org/story?page=2")
    assert allows_training("User-Agent: *\nDisallow: *.pdf\n", "https://a.org/story")
    assert not allows_training("User-Agent: *\nDisallow: /\n", "https://a.org/story")


def test_the_line_of_ai_txt_is_named() -> None:
    ai_txt = "User-Agent: *\nDisallow: *.html\nAllow: *.png\n"
    assert line_against_training(ai_txt, "https://a.org/story?page=2") == "line 2: Disallow: *.html"
    assert line_against_training("User-Agent: *\nDisallow: *.pdf\n", "https://a.org/story") is None


def test_content_signals_count_like_preferences() -> None:
    robots = "User-Agent: *\nContent-Signal: search=yes,ai-train=no\nAllow: /\n"
    assert usage_of(robots, "https://a.org/x", ()) == "ai-train=n, search=y"


def test_the_longest_location_reserves() -> None:
    tdmrep = json.dumps(
        [
            {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://a.org/policy.json"},
            {"location": "/open/*", "tdm-reservation": 0},
            {"location": 7, "tdm-reservation": 1},
            "broken",
        ]
    )
    assert reservation(tdmrep, "https://a.org/story") == (1, "https://a.org/policy.json")
    assert reservation(tdmrep, "https://a.org/open/data") == (0, None)
    assert reservation("{", "https://a.org/") == (None, None)


def test_which_of_several_statements_applies() -> None:
    records = [
        SiteRecord("a.org", "robots.txt", "2024-01-01T00:00:00Z", "User-agent: *\nAllow: /\n"),
        SiteRecord("a.org", "robots.txt", "2026-01-01T00:00:00Z", "User-agent: CCBot\nDisallow: /\n"),
    ]
    newest, fetched = (SiteRules(records, ("CCBot",), moment) for moment in ("newest", "fetched"))
    url = "http://A.org:80/x"
    assert newest.statement(url, "2024-06-01").disallowed == ("CCBot",)
    assert fetched.statement(url, "2024-06-01").disallowed == ()
    assert fetched.statement(url, "2026-01-01T00:00:00Z").disallowed == ("CCBot",)
    assert fetched.statement(url, "2023-01-01").disallowed == ()
    assert newest.statement(url, None).robots_date == "2026-01-01T00:00:00Z"
    assert fetched.statement(url, "2024-06-01").robots_date == "2024-01-01T00:00:00Z"
    assert newest.statement("https://b.org/", None).disallowed == ()
    assert newest.statement(None, None).line is None


def response(url: str, body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    fields = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-02-01T00:00:00Z\r\n"
    return (
        f"{fields}Content-Type: application/http\r\nContent-Length: {len(head)}\r\n\r\n".encode() + head + b"\r\n\r\n"
    )


def test_statements_come_from_archives_folders_and_tables(tmp_path: Path) -> None:
    records = [response("https://www.a.org/robots.txt", ROBOTS), response("https://a.org/page", "no statement")]
    (tmp_path / "crawl.warc.gz").write_bytes(b"".join(map(gzip.compress, records)))
    (tmp_path / "hosts" / "b.org").mkdir(parents=True)
    (tmp_path / "hosts" / "b.org" / "tdmrep.json").write_text("[]")
    (tmp_path / "hosts" / "b.org" / "notes.md").write_text("no statement")
    table = pa.table({"url": ["https://c.org/ai.txt", "https://c.org/"], "content": ["User-Agent: *", "x"]})
    pq.write_table(table, tmp_path / "sites.parquet")
    (tmp_path / "sites.jsonl").write_text('{"url": "https://d.org/robots.txt", "content": "", "date": "2026"}\n')
    paths = ("crawl.warc.gz", "hosts", "sites.parquet", "sites.jsonl")
    files = record_files(tuple(str(tmp_path / path) for path in paths))
    assert [Path(file).name for file in files] == ["crawl.warc.gz", "tdmrep.json", "sites.jsonl", "sites.parquet"]
    found = [record for file in files for record in read_records(file)]
    assert [(record.host, record.file, record.date) for record in found] == [
        ("www.a.org", "robots.txt", "2026-02-01T00:00:00Z"),
        ("b.org", "tdmrep.json", ""),
        ("d.org", "robots.txt", "2026"),
        ("c.org", "ai.txt", ""),
    ]
    assert found[0].content == ROBOTS


@pytest.mark.parametrize(
    "name", ["sites.csv", "sites.tsv", "sites.csv.gz", "sites.jsonl", "sites.ndjson.zst", "sites.parquet"]
)
def test_long_files_over_many_lines_come_from_every_kind_of_table(tmp_path: Path, name: str) -> None:
    paths = "".join(f'Disallow: /"{number}",\t/\n' for number in range(9000))
    robots = f"User-agent: *\n{paths}"
    rows = [(f"https://{host}.org/robots.txt", "2025-02-01", robots) for host in "abcdefgh"]
    write_table(tmp_path / name, ("url", "date", "content"), rows)
    found = list(read_records(str(tmp_path / name)))
    assert found == [SiteRecord(f"{host}.org", "robots.txt", "2025-02-01", robots) for host in "abcdefgh"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [("20250201101112", "2025-02-01T10:11:12Z"), ("2025-02-01 10:11:12", "2025-02-01T10:11:12"), ("2025", "2025"),
     ("Sat, 01 Feb 2025 10:11:12 GMT", "2025-02-01"), ("some day", ""), ("", "")],
)  # fmt: skip
def test_dates_of_all_sources_sort(written: str, expected: str) -> None:
    assert iso_date(written) == expected


def test_what_is_no_table_of_statements_is_said(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("url,when\nhttps://a.org/robots.txt,2025\n")
    with pytest.raises(ConfigurationError, match="expected the columns url and content, seen only url"):
        list(read_records(str(tmp_path / "sites.csv")))
    (tmp_path / "sites.jsonl").write_text("[1, 2]\n")
    with pytest.raises(ConfigurationError, match=r"sites\.jsonl:1: expected a JSON object, seen list"):
        list(read_records(str(tmp_path / "sites.jsonl")))
    for name in ("sites.csv.gz", "sites.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"url,content\n" * 500)[:-9])
        with pytest.raises(ConfigurationError, match=rf"{name}: truncated"):
            list(read_records(str(tmp_path / name)))
    (tmp_path / "sites.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigurationError, match="cannot be read as the table"):
        list(read_records(str(tmp_path / "sites.parquet")))


def stage(tmp_path: Path, *rules: str) -> Rights:
    (tmp_path / "a.org").mkdir(exist_ok=True)
    (tmp_path / "a.org" / "robots.txt").write_text(ROBOTS)
    (tmp_path / "a.org" / "tdmrep.json").write_text('[{"location": "/paid", "tdm-reservation": 1}]')
    return Rights.model_validate({"sites": {"paths": [str(tmp_path / "a.org")]}, "reject": list(rules)})


def test_hosts_speak_for_their_pages(tmp_path: Path) -> None:
    batch = pa.record_batch(
        {
            "url": ["https://a.org/x", "https://a.org/papers/x", "https://a.org/paid/x", "https://b.org/x"],
            "html": pa.array([b"<p>words"] * 4, pa.large_binary()),
            "headers": [None, "content-usage: train-ai=n", None, None],
        }
    )
    found = stage(tmp_path).open()(batch).batch.to_pydict()
    assert found["robots_txt"] == ["GPTBot, CCBot"] * 3 + [None]
    assert found["robots_txt_line"] == ["line 4: Disallow: /"] * 3 + [None]
    assert found["robots_txt_date"] == [None] * 4
    assert found["content_usage"] == ["train-ai=n", "train-ai=n", "train-ai=n", None]
    assert found["tdm_reservation"] == [None, None, 1, None]
    verdicts = stage(tmp_path, "content_usage", "robots_txt").open()(batch).verdicts
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == ["content_usage", "content_usage", "content_usage", None]
    verdicts = stage(tmp_path, "robots_txt").open()(batch).verdicts
    assert verdicts is not None
    assert verdicts.detail is not None
    assert verdicts.detail.to_pylist() == ["GPTBot, CCBot; line 4: Disallow: /"] * 3 + [None]


def test_rules_of_hosts_need_their_statements() -> None:
    context = CheckContext(pa.schema([]), 0, frozenset())
    messages = [str(problem) for problem in Rights(reject=("robots_txt",)).problems(context)]
    assert messages == ["the rule robots_txt looks at files of hosts; expected where they are found"]
    messages = [str(problem) for problem in Rights(sites=Sites(paths=("nowhere",))).problems(context)]
    assert "nowhere: expected web archives" in messages[0]


def test_where_a_licence_is_named_and_whether_places_agree() -> None:
    by, sa = (f"https://creativecommons.org/licenses/{name}/4.0/" for name in ("by", "by-sa"))
    pages = [
        f'<head><link rel=license href="{by}"></head><body><p>words',
        f'<head></head><body>words<footer><a rel="license" href="{by}">x</a></footer>',
        f'<body><a rel="license" href="{by}">x</a><footer><a href="{sa}">y</a></footer>',
        "<p>words",
    ]
    batch = pa.record_batch({"html": pa.array([page.encode() for page in pages], pa.large_binary())})
    found = Rights().open()(batch).batch.to_pydict()
    assert found["licence_place"] == ["head", "footer", "body", None]
    assert found["licence_disagreement"] == [False, False, True, False]


def test_places_of_bytes() -> None:
    import numpy as np

    page = b"<html><title>x</title><BODY>a<FOOTER>b</FOOTER>c"
    data = np.frombuffer(page, np.uint8)
    assert [place_of(data, page.index(mark)) for mark in (b"x<", b"a<", b"b<", b"c")] == [
        "head",
        "body",
        "footer",
        "body",
    ]
