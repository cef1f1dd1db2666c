"""Real pages with their main text written down by people, and how near to it an extractor comes."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import tldextract
from fastwarc import ArchiveIterator, WarcRecordType

_WORD = re.compile(r"\w+")
_domain_of = tldextract.TLDExtract(suffix_list_urls=())


class Page(NamedTuple):
    """A page and what of it is the main text."""

    url: str
    html: bytes
    charset: str | None
    """As the server declared it."""
    kind: str
    """One of seven page types."""
    gold: str


class Score(NamedTuple):
    """How near one text is to another."""

    f1: float
    precision: float
    recall: float


def read_pages(folder: Path) -> list[Page]:
    """Return the pages of the WARC files in a folder that its `gold.jsonl` tells about, in order."""
    lines = (folder / "gold.jsonl").read_text("utf-8").splitlines()
    gold = {label["url"]: label for label in map(json.loads, lines)}
    pages = []
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                url = record.headers["WARC-Target-URI"]
                html = record.reader.read()
                label = gold[url]
                pages.append(Page(url, html, record.http_charset, label["page_type"], label["text"]))
    return pages


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.lower())


def word_score(text: str, gold: str) -> Score:
    """Compare texts as bags of words: each occurrence of a word counts, its place does not."""
    found, wanted = Counter(words_of(text)), Counter(words_of(gold))
    both = (found & wanted).total()
    if both == 0:
        return Score(0.0, 0.0, 0.0)
    precision, recall = both / found.total(), both / wanted.total()
    return Score(2 * precision * recall / (precision + recall), precision, recall)


def folds(pages: list[Page], count: int, seed: int = 0) -> list[int]:
    """Return the fold of each page. All pages of a registered domain are in one, drawn by its hash and the seed."""
    domains = {page.url: _domain_of(page.url).top_domain_under_public_suffix or page.url for page in pages}
    drawn = sorted(set(domains.values()), key=lambda domain: hashlib.sha256(f"{seed} {domain}".encode()).digest())
    fold = {domain: place % count for place, domain in enumerate(drawn)}
    return [fold[domains[page.url]] for page in pages]
