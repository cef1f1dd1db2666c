"""Documents named by id, URL, domain or host: which are, and under which rule they go."""

from pathlib import Path

import pyarrow as pa
import pytest

from prep.corpus.errors import ConfigurationError
from prep.stages.remove.remove import Remove
from prep.stages.shared.target_lists import read_list
from prep.stages.shared.targets import KINDS, Targets, ascii_host, host_of
from prep.stages.stage import CheckContext

from ..shared.tables import write_table

URLS = [
    "https://www.example.org/a?x=1&y=2",
    "http://blog.example.org/",
    "https://example.org.evil.net/",
    "https://user:word@EXAMPLE.org:8443/b",
    "https://xn--bcher-kva.example/katalog",
    "mailto:someone@example.org",
    None,
    "shop.example.org./c",
    "http://[2001:db8::1]:8080/d",
    "https://fass.example/",
]
BATCH = pa.record_batch({"id": pa.array([str(row) for row in range(len(URLS))]), "url": pa.array(URLS)})


def named(**entries: list[str]) -> dict[int, str]:
    match = Targets.of(entries).match(BATCH)
    return {row: KINDS[kind] for row, kind in enumerate(match.kind.tolist()) if kind >= 0}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"ids": ["1", "5", "77"]}, {1: "ids", 5: "ids"}),
        *(
            ({"domains": [entry]}, {0: "domains", 1: "domains", 3: "domains", 7: "domains"})
            for entry in (
                *("example.org", "Example.ORG.", "*.example.org", "www.example.org", "example.org:8443", "org"),
                *("https://www.example.org/", "//example.org"),
            )
        ),
        ({"domains": ["ample.org"]}, {}),
        ({"hosts": ["example.org"]}, {3: "hosts"}),
        ({"hosts": ["bücher.example"]}, {4: "hosts"}),
        ({"urls": ["http://example.org/a/?y=2&x=1"]}, {0: "urls"}),
        ({"urls": ["https://blog.example.org"]}, {1: "urls"}),
        ({"urls": ["https://bücher.example/katalog"]}, {4: "urls"}),
        ({"urls": ["http://example.org/A?x=1&y=2"]}, {}),
        ({"urls": ["", "# https://blog.example.org"]}, {}),
        ({"ids": ["0"], "domains": ["example.org"]}, {0: "ids", 1: "domains", 3: "domains", 7: "domains"}),
        ({"hosts": ["shop.example.org"]}, {7: "hosts"}),
        ({"hosts": ["[2001:DB8::1]"]}, {8: "hosts"}),
        ({"hosts": ["faß.example"]}, {}),
        ({"hosts": ["bücher\u3002example"]}, {4: "hosts"}),
        ({"urls": ["example.org/a?x=1&y=2"]}, {0: "urls"}),
        ({"domains": ["www.co.uk"]}, {}),
    ],
)
def test_which_documents_are_named(entries: dict[str, list[str]], expected: dict[int, str]) -> None:
    assert named(**entries) == expected


def test_hosts_have_one_form() -> None:
    assert ascii_host(" WWW.Bücher.Example. ") == "www.xn--bcher-kva.example"
    assert host_of("HTTPS://Example.org:80/x") == "example.org"
    assert host_of("//cdn.example.org/x") == "cdn.example.org"
    assert host_of("no url") is None


def test_the_stage_says_which_entry_names_a_document(tmp_path: Path) -> None:
    (tmp_path / "domains.txt").write_text("\ufeff# asked for in May\nexample.org\n\n", "utf-8")
    (tmp_path / "ids.txt").write_text("4\r\n", "utf-8")
    stage = Remove(domains=str(tmp_path / "domains.txt"), ids=str(tmp_path / "ids.txt"))
    verdicts = stage.open()(BATCH).verdicts
    assert verdicts is not None
    domain = "removed_by_domain"
    assert verdicts.rule.to_pylist() == [domain, domain, None, domain, "removed_by_id", None, None, domain, None, None]
    assert verdicts.detail is not None
    name = "example.org"
    assert verdicts.detail.to_pylist() == [name, name, None, name, "4", None, None, name, None, None]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"domains": ["example.org/private"]},
            "expected a domain, such as example.org, seen example.org/private; list",
        ),
        ({"domains": ["someone@example.org"]}, "mail addresses name no documents"),
        ({"hosts": ["two words"]}, "expected a host, such as example.org, seen two words"),
        ({"urls": ["no address"]}, "expected a URL, such as https://example.org/page, seen no address"),
    ],
)
def test_an_entry_that_can_name_nothing_is_said(entries: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Targets.of(entries)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".jsonl", ".parquet"])
def test_lists_come_as_tables(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"asked{suffix}"
    write_table(
        path, ("received", "domain"), [("2026-05-02", "example.org"), ("2026-05-03", None), ("2026-05-04", "b.org")]
    )
    assert [entry for entry in read_list("domains", str(path)) if entry] == ["example.org", "b.org"]
    with pytest.raises(ConfigurationError, match="expected a column url or urls, seen "):
        read_list("urls", str(path))


def test_a_table_of_one_column_needs_no_heading(tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    path.write_text("a.org\nb.org\n")
    assert read_list("domains", str(path)) == ["a.org", "b.org"]
    path.write_text("hosts\na.org\n")
    assert read_list("hosts", str(path)) == ["a.org"]


def test_what_is_no_list_is_said_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "asked.txt"
    path.write_bytes("bücher.example".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"asked\.txt: expected UTF-8 text"):
        read_list("domains", str(path))
    path.write_text("a.org\nb.org/page\n")
    with pytest.raises(ConfigurationError, match=r"asked\.txt: expected a domain"):
        read_list("domains", str(path))
    context = CheckContext(pa.schema({"id": pa.string(), "url": pa.string()}), 0, frozenset())
    assert "asked.txt: expected a domain" in str(next(iter(Remove(domains=str(path)).problems(context))))


def test_documents_without_urls_can_be_named_by_id(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("b\n", "utf-8")
    verdicts = Remove(ids=str(tmp_path / "ids.txt")).open()(pa.record_batch({"id": ["a", "b"]})).verdicts
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == [None, "removed_by_id"]


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    context = CheckContext(pa.schema({"id": pa.string()}), 0, frozenset())
    assert [str(problem) for problem in Remove().problems(context)] == [
        "nothing is named; expected at least one of ids, urls, domains, hosts"
    ]
    path = str(tmp_path / "none.txt")
    messages = [str(problem) for problem in Remove(hosts=path).problems(context)]
    assert messages == [
        f"there is no such file; expected a file with one entry per line, seen {path}",
        "the documents have no column 'url'; name documents by id",
    ]
