"""The stage `url_filter`: lists and rules against a reference implementation, bad lists, and the stage's contract."""

import gzip
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.arrow.columns import Bytes
from prep.corpus.errors import Problem
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import lower_table
from prep.pipeline.fingerprint import stage_identity
from prep.stages.shared.url.parts_kernels import host_capacity, split_url, write_host
from prep.stages.shared.url.punycode_kernels import CodePoints
from prep.stages.stage import CheckContext
from prep.stages.url.lists import EXACT, load_domains
from prep.stages.url.url_filter import UrlFilter

from .normal_forms import normal_form

CONTEXT = CheckContext(pa.schema([pa.field("url", pa.string())]), 0, frozenset())
Write = Callable[..., str]
Decision = tuple[str | None, str | None, float | None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a list file and returns its path."""

    def write_list(name: str, *lines: str) -> str:
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return str(path)

    return write_list


def decide(stage: UrlFilter, urls: Sequence[str | None]) -> list[Decision]:
    """Return rule, detail and value for URLs in the middle of a longer column."""
    column = pa.array(["x", *urls, "y"], pa.string()).slice(1, len(urls))
    batch, verdicts = stage.open()(pa.record_batch({"url": column}))
    assert batch.column("url").to_pylist() == list(urls)
    if verdicts is None:
        return [(None, None, None)] * len(urls)
    assert verdicts.detail is not None
    assert verdicts.value is not None
    return list(zip(verdicts.rule.to_pylist(), verdicts.detail.to_pylist(), verdicts.value.to_pylist(), strict=True))


def rules_of(stage: UrlFilter, urls: Sequence[str | None]) -> list[str | None]:
    return [rule for rule, _, _ in decide(stage, urls)]


DOMAINS = ("example.org", "bücher.de", "1.2.3.4", "co.uk", "deep.sub.example.net", "[::1]", "xn--p1ai")
URLS = ("http://a.net/x?b=%41", "b.net/y/", "https://user@c.net:443/#top")
WORDS = ("casino", "İx", "ñandú", "42")
SOFT = ("one", "two", "three", "ôté")
SUBSTRINGS = ("free-casino", "ünder", "x1")


@kernel
def host_of(data: Bytes, lower: CodePoints) -> Bytes:
    """Return a URL's host, cut and written by functions that have reference implementations of their own."""
    parts = split_url(data, 0, len(data))
    out = np.empty(host_capacity(len(data)), np.uint8)
    return out[: write_host(data, parts.host, parts.host_end, lower, out, 0)]


def slow_words(url: str) -> list[str]:
    """Cut a URL into words: decode it, lower it character by character, take the runs of letters, marks and digits."""
    lower = lower_table()
    text = unquote_to_bytes(url.strip("".join(map(chr, range(0x21))))).decode("utf-8", errors="replace")
    kept = "".join(
        chr(lower[ord(character)]) if unicodedata.category(character)[0] in "LMN" else " " for character in text
    )
    return kept.split()


def slow_decision(url: str) -> Decision:
    """Apply all lists of this file, one after the other."""
    form = normal_form(url, EXACT)
    host = bytes(host_of(np.frombuffer(url.encode(), np.uint8), lower_table())).decode()
    whole = re.search(r"(\A|\.)[0-9]+\Z|\A\[", host)
    names = [host] if whole else [host[at:] for at in range(len(host)) if at == 0 or host[at - 1] == "."]
    blocked = {normal_form(domain, EXACT).removeprefix("//") for domain in DOMAINS}
    for name in names:
        if name in blocked:
            return "blocked_domain", name, None
    if form in {normal_form(listed, EXACT) for listed in URLS} and url.strip():
        return "blocked_url", None, None
    words = slow_words(url)
    folded = [slow_words(word)[0] for word in WORDS]
    for word in words:
        if word in folded:
            return "banned_word", word, None
    soft = [word for word in dict.fromkeys(words) if word in SOFT]
    if len(soft) >= 2:
        return "soft_words", ", ".join(soft), float(len(soft))
    squeezed = "".join(words)
    places = {pattern: squeezed.find(pattern) for pattern in ("".join(slow_words(entry)) for entry in SUBSTRINGS)}
    ends = {at + len(pattern): pattern for pattern, at in places.items() if at >= 0}
    return ("banned_substring", ends[min(ends)], None) if ends else (None, None, None)


PIECES = st.lists(
    st.sampled_from(
        [
            *("http://", "https://", "a.net", "b.net", "c.net", "example.org", "sub.", "Bücher.de", "xn--bcher-kva.de"),
            *("1.2.3.4", "5.", "bbc.co.uk", "deep.sub.example.net", "[::1]", "рф", ":80", ":443", "user@", "/", "/x"),
            *(
                "?b=A",
                "/y",
                "#top",
                "casino",
                "Casino",
                "%63asino",
                "-",
                "free",
                "one",
                "Two",
                "THREE",
                "%C3%B4t%C3%A9",
            ),
            *("İx", "ñandu", "ñandú", "42", "ü", "nder", "%fcnder", "x%31", ".", " ", "%", "%4", "%E2%82", "mailto:"),
        ]
    ),
    max_size=8,
).map("".join)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> UrlFilter:
    folder = tmp_path_factory.mktemp("lists")
    lists = {"domains": DOMAINS, "urls": URLS, "words": WORDS, "soft_words": SOFT, "substrings": SUBSTRINGS}
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return UrlFilter(**{name: (str(folder / name),) for name in lists})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=30)), max_size=20))
@example(["http://5.1.2.3.4/", "http://1.2.3.4./", "//co.uk", "http://acasino-casinox/", "one/two%2Fone"])
def test_lists_decide_as_the_slow_reference_implementation(stage: UrlFilter, urls: list[str]) -> None:
    decided = decide(stage, urls)
    assert decided == [
        slow_decision(url) if url.strip("".join(map(chr, range(0x21)))) else (None, None, None) for url in urls
    ]


def test_a_domain_rejects_what_is_below_it_and_nothing_else(write: Write) -> None:
    stage = UrlFilter(domains=(write("list", "# adult", "Example.ORG.", "*.bad.net  # all of it", ".worse.net", ""),))
    urls = ["http://example.org", "a.b.EXAMPLE.org:8080/x", "https://u@example.org./", "http://example.org.evil.com"]
    urls += ["http://notexample.org", "http://bad.net/", "http://x.worse.net", "http://org/", "mailto:a@example.org"]
    domain = "blocked_domain"
    assert rules_of(stage, urls) == [domain, domain, domain, None, None, domain, domain, None, None]
    assert [detail for _, detail, _ in decide(stage, urls)][1] == "example.org"


def test_urls_are_compared_in_one_form(write: Write) -> None:
    stage = UrlFilter(urls=(write("list", "example.org/a b/", "http://EXAMPLE.org/%7Eme?q=1#x"),))
    urls = ["https://example.org:443/a%20b", "http://example.org/a%20b/c", "example.org/~me?q=1", "example.org/~me?q=2"]
    assert rules_of(stage, urls) == ["blocked_url", None, "blocked_url", None]


def test_words_are_whole_and_substrings_are_not(write: Write) -> None:
    stage = UrlFilter(words=(write("words", "sex"),), substrings=(write("parts", "free casino"),))
    urls = ["http://essex.gov.uk/", "http://a/x-SEX_y", "http://a/my-Free/casinos", "http://a/carefreecas/ino"]
    assert decide(stage, urls) == [
        (None, None, None),
        ("banned_word", "sex", None),
        ("banned_substring", "freecasino", None),
        ("banned_substring", "freecasino", None),
    ]


def test_soft_words_need_a_number_of_different_ones(write: Write) -> None:
    stage = UrlFilter(soft_words=(write("soft", "one", "two", "three"),), soft_word_threshold=2)
    assert decide(stage, ["a/one/one", "a/three-one", "a/two"]) == [
        (None, None, None),
        ("soft_words", "three, one", 2.0),
        (None, None, None),
    ]


def test_allow_lists_win(write: Write) -> None:
    stage = UrlFilter(
        allow_domains=(write("good", "good.example.org"),),
        allow_urls=(write("pages", "http://example.org/fine"),),
        domains=(write("bad", "example.org"),),
        max_length=30,
    )
    urls = ["http://a.good.example.org/" + "x" * 50, "https://example.org/fine/", "http://example.org/not"]
    assert rules_of(stage, urls) == [None, None, "blocked_domain"]


def test_limits() -> None:
    stage = UrlFilter(require_url=True, min_length=12, max_length=40, schemes=("HTTPS",), ip_hosts=False, ports=(8443,))
    assert decide(
        stage, [None, " ", "https://a.b", "https://a.org/" + "x" * 40, "http://a.org/x", "//a.org/xxxxxxx"]
    ) == [
        ("no_url", None, None),
        ("no_url", None, None),
        ("short_url", None, 11.0),
        ("long_url", None, 54.0),
        ("scheme", "http", None),
        ("scheme", None, None),
    ]
    assert decide(
        stage, ["https://1.2.3.4/x", "https://[::1]/x", "https://a.org:80/x", "https://a.org:8443", "https://a.org"]
    ) == [
        ("ip_host", "1.2.3.4", None),
        ("ip_host", "[::1]", None),
        ("port", "80", None),
        (None, None, None),
        (None, None, None),
    ]


def test_a_document_without_a_url_passes(stage: UrlFilter) -> None:
    assert rules_of(stage, [None, "", "  "]) == [None, None, None]


def test_a_row_depends_on_itself_alone(stage: UrlFilter) -> None:
    urls = ["http://example.org", "a/one", "a/two", "a/one-two", None, "http://casino/"]
    assert decide(stage, urls) == [decide(stage, [url])[0] for url in urls]
    assert decide(stage, []) == []


def test_lists_are_read_whatever_their_wrapping(tmp_path: Path) -> None:
    text = "\ufeffone.org\r\n" + "".join(f"d{number}.example.com\n" for number in range(100_000)) + "last.org"
    (tmp_path / "plain").write_bytes(text.encode())
    (tmp_path / "list.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "list.zst").write_bytes(zstandard.compress(text.encode()))
    for path in tmp_path.iterdir():
        domains = load_domains([str(path)])
        assert (domains.keys != 0).sum() == 100_002
        assert domains.longest == len("d99999.example.com")
        stage = UrlFilter(domains=(str(path),))
        urls = ["one.org", "x.d0.example.com", "d99999.example.com", "d100000.example.com", "last.org", "example.com"]
        hit = "blocked_domain"
        assert rules_of(stage, urls) == [hit, hit, hit, None, hit, None]


@pytest.mark.parametrize(
    ("option", "content", "expected"),
    [
        ("domains", b"ok.org\nhttp://example.org\n", "line 2; expected a domain such as example.org"),
        ("domains", b"\n0.0.0.0 example.org\n", "line 2; expected a domain"),
        ("domains", b"ok.org\n" * 100_000 + b"a/b", "line 100001; expected a domain"),
        ("words", b"two words\n", "line 1; expected one word of letters and digits, seen 'two words'"),
        ("soft_words", b"fine\n--\n", "line 2; expected one word"),
        ("substrings", b"fine\n.-.\n", "line 2; expected at least one letter or digit, seen '.-.'"),
        ("urls", b"# only\n \n", "holds no entry"),
        ("domains", b"", "holds no entry"),
        ("words", b"PK\x03\x04\0\0", "is no list; expected lines of text"),
    ],
)
def test_a_list_that_cannot_work_is_a_problem(option: str, content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "good").write_text("fine\n")
    (tmp_path / "list").write_bytes(content)
    paths = (str(tmp_path / "good"), str(tmp_path / "list"))
    problems = list(UrlFilter(**{option: paths}).problems(CONTEXT))
    assert [problem.field for problem in problems] == [(option, 1)]
    assert expected in str(problems[0])


def test_a_list_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"example.org\n" * 1000)[:-20])
    paths = (str(tmp_path / "none"), str(tmp_path), str(tmp_path / "cut.gz"))
    problems = [str(problem) for problem in UrlFilter(domains=paths).problems(CONTEXT)]
    *missing, cut = (problem.removeprefix(path) for problem, path in zip(problems, paths, strict=True))
    assert missing == [
        " cannot be read: No such file or directory; name a file that is there",
        " cannot be read: Is a directory; name a file that is there",
    ]
    assert cut.startswith(" is damaged (truncated): the gzip member at byte 0 is cut off after ")


def test_a_filter_without_a_rule_and_contradicting_bounds_are_problems() -> None:
    assert [problem.message for problem in UrlFilter().problems(CONTEXT)] == ["no rule is set"]
    assert [problem.field for problem in UrlFilter(min_length=9, max_length=8).problems(CONTEXT)] == [("min_length",)]
    assert list(UrlFilter(schemes=("https",)).problems(CONTEXT)) == list[Problem]()
    with pytest.raises(ValidationError):
        UrlFilter(ports=(70_000,))


def test_the_lists_count_by_content(write: Write) -> None:
    one, same, other = (write(name, line) for name, line in (("a", "x.org"), ("b", "x.org"), ("c", "y.org")))
    identities = [stage_identity(UrlFilter(domains=(path,))) for path in (one, same, other)]
    assert identities[0] == identities[1] != identities[2]
    assert stage_identity(UrlFilter(words=(one,))) != stage_identity(UrlFilter(soft_words=(one,)))
