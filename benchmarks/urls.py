"""URL rules, PII and text repair beside datatrove, forms of URLs beside ada-url: URLs/s, MB/s on real text, agreement.

    python benchmarks/urls.py [--domains 4000000]

CPU seconds of one core, each function run once before for its compilation. Domains are made up with a fixed seed; URLs
are made of them, one in ten listed. Texts are the pages and books of the data folder (PREP_TEST_DATA). datatrove's
domain list is a Python set, here given the same entries; its load time is that of reading the file into it.

Forms of URLs: each real URL of the data folder is written in other ways that lead to the same page by the WHATWG's URL
standard, or by RFC 3986 alone, or by custom. `found` is the share that an engine takes for the same as the original,
`merged` how many different originals it takes for one.
"""

import argparse
import os
import random
import resource
import tempfile
from collections.abc import Callable, Sequence
from operator import eq
from pathlib import Path
from string import ascii_lowercase
from time import process_time
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
from texts import books, megabytes, pages

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import TEXT, URL
from prep.corpus.text.hashing import lower_table
from prep.stages.dedup.unique_url import UniqueUrl
from prep.stages.pii.pii import Pii
from prep.stages.repair.repair import Repair
from prep.stages.shared.matching.exact_kernels import CodePoints
from prep.stages.shared.url.form_kernels import Form, form
from prep.stages.shared.url.hash_kernels import url_hashes
from prep.stages.stage import RowFunction
from prep.stages.url.lists import load_domains
from prep.stages.url.url_filter import UrlFilter

SUFFIXES = ("com", "net", "org", "de", "ru", "co.uk", "info", "xyz")
URLS = 100_000


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time that some work takes."""
    start = process_time()
    work()
    return process_time() - start


def resident() -> float:
    """Return the most memory that this process has held so far, in 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def write_domains(path: Path, count: int) -> None:
    """Write made-up domains, one per line."""
    rng = random.Random(1)
    with path.open("w") as sink:
        for _ in range(count):
            name = "".join(rng.choices(ascii_lowercase, k=rng.randint(6, 20)))
            sink.write(f"{name}.{rng.choice(SUFFIXES)}\n")


def made_up_urls(listed: Sequence[str]) -> list[str]:
    """Return URLs of which one in ten lies under a listed domain."""
    rng = random.Random(2)
    urls = []
    for number in range(URLS):
        domain = rng.choice(listed)
        path = "/".join(rng.choice(listed)[:8] for _ in range(4))
        urls.append(f"https://www.{domain if number % 10 == 0 else 'x-' + domain}/{path}?id={number}")
    return urls


def compare_filters(path: Path) -> None:
    """Print how long both filters take to load the domains, and to judge URLs."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import URLFilter
    from tldextract import TLDExtract

    warm = path.with_name("warm")
    warm.write_text("example.org\n")
    load_domains([str(warm)])
    before = resident()
    loading = seconds(lambda: load_domains([str(path)]))
    print(f"prep       {loading:8.2f} s to load   {resident() - before:8.0f} MB at most")
    listed = path.read_text().split()
    urls = made_up_urls(listed)
    batch = pa.record_batch({"url": pa.array(urls, URL.type)})
    judge = UrlFilter(domains=(str(path),)).open()
    judge(batch.slice(0, 1))
    print(f"prep       {URLS / seconds(lambda: judge(batch)):10,.0f} URLs/s")
    before = resident()
    peer = URLFilter(use_integrated_lists=False)
    peer.tldextractor = TLDExtract(suffix_list_urls=())
    loading = seconds(lambda: peer.block_listed_domains.update(path.read_text().split()))
    print(f"datatrove  {loading:8.2f} s to load   {resident() - before:8.0f} MB at most")
    documents = [Document(text="", id="", metadata={"url": url}) for url in urls[: URLS // 10]]
    peer.filter(documents[0])
    time = seconds(lambda: [peer.filter(document) for document in documents])
    print(f"datatrove  {len(documents) / time:10,.0f} URLs/s")


def compare_texts(texts: Sequence[str]) -> None:
    """Print how fast personal data is masked and texts are repaired."""
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter

    size = megabytes(texts)
    batch = pa.record_batch({"text": pa.array(texts, TEXT.type)})
    print(f"{len(texts)} documents, {size:.1f} MB of real text, MB/s:")
    ours: dict[str, RowFunction] = {
        "pii": Pii().open(),
        "pii with phones": Pii(international_phones=True, national_phones=("US", "GB", "DE", "FR")).open(),
        "repair": Repair().open(),
        "repair without lines": Repair(boilerplate=()).open(),
        "repair with ftfy": Repair(encoding=True).open(),
    }
    for name, function in ours.items():
        function(batch)
        print(f"prep       {name:24} {size / seconds(lambda function=function: function(batch)):8.1f}")  # type: ignore[misc]
    peers = {"pii": PIIFormatter(), "ftfy": FTFYFormatter()}
    for name, peer in peers.items():
        peer.format(texts[0])
        time = seconds(lambda peer=peer: [peer.format(text) for text in texts])  # type: ignore[misc]
        print(f"datatrove  {name:24} {size / time:8.1f}")


def real_urls(data: Path) -> list[str]:
    """Return the different URLs of the labelled pages, in order."""
    files = [data / folder / "gold.jsonl" for folder in ("web", "web-more", "news")]
    lines = (line for file in files if file.exists() for line in file.read_bytes().splitlines())
    urls = (orjson.loads(line).get("url") for line in lines)
    return sorted({url for url in urls if url and url.startswith("http")})


def respelled(url: str) -> dict[str, str]:
    """Return other ways to write a URL, by who says that they lead to the same page."""
    parts = urlsplit(url)
    port = 443 if parts.scheme == "https" else 80
    segments = parts.path.rpartition("/")
    escaped = parts.path.replace("-", "%2D").replace("e", "%65", 1)
    return {
        "WHATWG: case, port": parts._replace(
            scheme=parts.scheme.upper(), netloc=f"{parts.netloc.upper()}:{port}"
        ).geturl(),
        "WHATWG: dot segments": parts._replace(path=f"{segments[0]}/x/../{segments[2]}").geturl(),
        "RFC 3986: escapes": parts._replace(path=escaped).geturl(),
        "custom: www, tracking": parts._replace(
            netloc=parts.netloc.removeprefix("www."), query="&".join(filter(None, (parts.query, "utm_source=a")))
        ).geturl(),
    }


def compare_forms(urls: Sequence[str]) -> None:
    """Print which spellings of real URLs are found to be the same, beside ada-url, and URLs/s."""
    import ada_url

    spellings = [respelled(url) for url in urls]
    column = pa.array([*urls, *(other for each in spellings for other in each.values())], URL.type)
    lower, written = lower_table(), column.to_pylist()
    engines: dict[str, Callable[[], Sequence[object]]] = {
        "prep, plain": lambda: _hashes(column, form(), lower),
        "prep, unique_url": lambda: _hashes(column, UniqueUrl().compiled(), lower),
        "ada-url": lambda: [ada_url.normalize_url(url) for url in written],
    }
    kinds = list(spellings[0])
    print(f"{len(urls)} real URLs, each spelled in {len(kinds)} other ways")
    print(f"{'':18}{'URLs/s':>12} {'merged':>7}  found: {'; '.join(kinds)}")
    for name, engine in engines.items():
        forms = engine()
        speed = len(written) / seconds(engine)
        others = [forms[len(urls) + place :: len(kinds)] for place in range(len(kinds))]
        found = (sum(map(eq, forms, other)) / len(urls) for other in others)
        merged = len(urls) - len(set(forms[: len(urls)]))
        print(f"{name:18}{speed:12,.0f} {merged:7}  {'; '.join(f'{share:.1%}' for share in found)}")


def _hashes(urls: pa.Array, like: Form, lower: CodePoints) -> Sequence[object]:
    hashes, _ = url_hashes(*string_buffers(urls), like, lower)
    return list(zip(*hashes.tolist(), strict=True))


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", type=int, default=4_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "domains"
        write_domains(path, arguments.domains)
        compare_filters(path)
    data = Path(os.environ["PREP_TEST_DATA"])
    compare_forms(real_urls(data))
    compare_texts([*pages(data / "web"), *books(data / "books")])


if __name__ == "__main__":
    main()
