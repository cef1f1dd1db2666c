"""Decisions and rules against datatrove's URLFilter, given the same lists, on real and made-up URLs.

Where the two differ, each case is listed with its reason; everywhere else they agree.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from fastwarc import ArchiveIterator, WarcRecordType

from prep.stages.url.url_filter import UrlFilter

pytest.importorskip("tldextract", reason="datatrove's filter needs tldextract: pip install -e '.[benchmarks]'")
pytest.importorskip("fasteners", reason="datatrove's filter needs fasteners: pip install -e '.[benchmarks]'")
pytest.importorskip("ahocorasick", reason="datatrove's filter needs pyahocorasick: pip install -e '.[benchmarks]'")

pytestmark = pytest.mark.filterwarnings("ignore:The 'registered_domain' property is deprecated")

RULES = {
    "domain": "blocked_domain",
    "subdomain": "blocked_domain",
    "url": "blocked_url",
    "hard_blacklisted": "banned_word",
    "soft_blacklisted": "soft_words",
    "blacklisted_subword": "banned_substring",
}
"""The peer's names for rules."""
ARGUMENTS = {
    "domains": "extra_domains",
    "urls": "extra_urls",
    "words": "banned_words",
    "soft_words": "soft_banned_words",
    "substrings": "banned_subwords",
}
"""The peer's names for lists."""
Lists = Mapping[str, Sequence[str]]


def ours(lists: Lists, urls: Sequence[str], folder: Path) -> list[str | None]:
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    stage = UrlFilter(**{name: (str(folder / name),) for name in lists})
    verdicts = stage.open()(pa.record_batch({"url": pa.array(urls, pa.string())})).verdicts
    return [None] * len(urls) if verdicts is None else verdicts.rule.to_pylist()


def theirs(lists: Lists, urls: Sequence[str]) -> list[str | None]:
    from datatrove.data import Document
    from datatrove.pipeline.filters import URLFilter
    from tldextract import TLDExtract

    peer = URLFilter(use_integrated_lists=False, **{ARGUMENTS[name]: lines for name, lines in lists.items()})
    peer.tldextractor = TLDExtract(suffix_list_urls=())  # the list in the package, not one from the network
    results = (peer.filter(Document(text="", id="", metadata={"url": url})) for url in urls)
    return [None if result is True else RULES[result[1]] for result in results]


@pytest.fixture(scope="module")
def real_urls(test_data: Path) -> list[str]:
    urls = []
    for path in [*sorted((test_data / "web").glob("*.warc.gz")), *sorted((test_data / "docs").glob("*.warc.gz"))]:
        with path.open("rb") as stream:
            urls += [
                record.headers["WARC-Target-URI"]
                for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False)
            ]
    # The peer blocks no host under a made-up top-level domain (see the differences below).
    return [url.replace("//installation-guide.example/", "//installation-guide.example.org/") for url in urls]


def lists_for(urls: Sequence[str]) -> Lists:
    """Return lists that each reject some of the URLs."""
    hosts = sorted({url.split("/")[2] for url in urls})
    bare = [host.removeprefix("www.") for host in hosts]
    return {
        "domains": [host for host in bare[::6] if host.count(".") == 1] + hosts[3::9],
        "urls": urls[5::11],
        "words": ["ch03s05", "posts", "kayaks", "beginners", "forum"],
        "soft_words": ["blog", "guide", "best", "the", "for", "i386", "sv", "ru"],
        "substrings": ["ch04s", "bookch", "plantbased", "watch"],
    }


def test_real_urls_are_judged_as_by_the_peer(real_urls: list[str], tmp_path: Path) -> None:
    """In lower case: the peer compares words of the URL as they are with lists in lower case."""
    urls = [url.lower() for url in real_urls]
    lists = lists_for(urls)
    found = ours(lists, urls, tmp_path)
    assert found == theirs(lists, urls)
    counts = Counter(found)
    assert set(counts) == {None, *RULES.values()}
    assert min(counts.values()) >= 10


def test_upper_case_makes_the_only_difference_on_real_urls(real_urls: list[str], tmp_path: Path) -> None:
    lists = lists_for(real_urls)
    pairs = zip(real_urls, ours(lists, real_urls, tmp_path), theirs(lists, real_urls), strict=True)
    different = [(url, mine, peer) for url, mine, peer in pairs if mine != peer]
    assert all(url != url.lower() and mine in {"banned_word", "soft_words"} for url, mine, _ in different)


def made_up(count: int, seed: int) -> list[str]:
    """Return URLs of known suffixes in lower case, with ports, queries and fragments."""
    rng = random.Random(seed)
    words = ["casino", "free", "poker", "news", "x", "guide", "best", "1", "online", "cheap", "pills", "essex"]
    hosts = ["example.org", "bad.net", "news.co.uk", "x.github.io", "münchen.de", "spam.info", "a-b.com", "best.xyz"]
    urls = []
    for _ in range(count):
        host = rng.choice(["", "www.", "a.b.", "m."]) + rng.choice(hosts) + rng.choice(["", "", ":8080"])
        path = "".join(rng.choice("/-_.+/") + rng.choice(words) for _ in range(rng.randint(0, 5)))
        query = rng.choice(["", "", "?q=" + rng.choice(words) + "&p=" + rng.choice(words), "#" + rng.choice(words)])
        urls.append(f"{rng.choice(['http', 'https'])}://{host}/{path.lstrip('/')}{query}")
    return urls


def test_made_up_urls_are_judged_as_by_the_peer(tmp_path: Path) -> None:
    urls = made_up(5_000, seed=1)
    lists = {
        "domains": ["bad.net", "www.news.co.uk", "m.x.github.io", "münchen.de"],
        "words": ["casino", "pills"],
        "soft_words": ["best", "free", "online", "cheap"],
        "substrings": ["onlinepoker", "ssex", "1guide"],
    }
    found = ours(lists, urls, tmp_path)
    assert found == theirs(lists, urls)
    assert min(Counter(found).values()) >= 20


@pytest.mark.parametrize(
    ("option", "entry", "url", "mine", "peer"),
    [
        # The peer looks up the registered domain and the whole host, but no domain between them,
        ("domains", "b.example.org", "http://a.b.example.org/", True, False),
        # and no host without a public suffix, IP addresses among them;
        ("domains", "1.2.3.4", "http://1.2.3.4/", True, False),
        ("domains", "intranet", "http://intranet/", True, False),
        # it takes a domain that is itself a public suffix for no domain;
        ("domains", "co.uk", "http://bbc.co.uk/", True, False),
        # it tells the two spellings of an international name apart, and upper from lower case.
        ("domains", "münchen.de", "http://xn--mnchen-3ya.de/", True, False),
        ("domains", "example.org", "http://EXAMPLE.org/", True, False),
        # URLs must be equal in every byte there; here scheme, escapes, fragment and the last slash do not count.
        ("urls", "example.org/a", "http://example.org/a", True, False),
        ("urls", "http://example.org/~a", "https://example.org/%7Ea/#b", True, False),
        # Words in upper case, escaped, or in other letters than a to z are not found by the peer,
        ("words", "casino", "http://a.org/Casino", True, False),
        ("words", "casino", "http://a.org/%63asino", True, False),
        ("words", "казино", "http://a.org/%D0%BA%D0%B0%D0%B7%D0%B8%D0%BD%D0%BE", True, False),
        # which also takes the digits of an escape, and the rest of a word with other letters, for words.
        ("words", "a4", "http://a.org/%c3%a4", False, True),
        ("words", "sino", "http://a.org/cäsino", False, True),
        ("substrings", "casino", "http://a.org/c%61sino", True, False),
    ],
)
def test_differences_from_the_peer(option: str, entry: str, url: str, mine: bool, peer: bool, tmp_path: Path) -> None:
    assert [rule is not None for rule in ours({option: [entry]}, [url], tmp_path)] == [mine]
    assert [rule is not None for rule in theirs({option: [entry]}, [url])] == [peer]
