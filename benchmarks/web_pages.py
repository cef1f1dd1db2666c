"""Real pages with their main text marked by people, and how near to it an extractor comes."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import fasttext
import numpy as np
import regex
import tldextract
from fastwarc import ArchiveIterator, WarcRecordType

KINDS = ("article", "documentation", "service", "forum", "product", "collection", "listing")
"""Page types of the folders `web` and `web-more`; the type of news pages is `news`."""

Key = TypeVar("Key", str, int)
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]|[\w--[{_UNSPACED}]]+", regex.V1)
_CANONICAL = regex.compile(
    rb"""<(?:link|meta)\s[^>]*?(?:canonical|og:url)["']?[^>]*?(?:href|content)=["']?(https?:[^"'\s>]+)"""
    rb"""|<link\s[^>]*?href=["']?(https?:[^"'\s>]+)[^>]*?canonical""",
    regex.IGNORECASE,
)
_domain_of = tldextract.TLDExtract(suffix_list_urls=())


class Page(NamedTuple):
    """A page and what of it is the main text."""

    url: str
    html: bytes
    charset: str | None
    """As the server declared it."""
    kind: str
    """One of `KINDS`, `news` or `snippets`."""
    language: str
    """ISO 639-1 code; `??` where it is not known."""
    gold: str
    """Empty for pages of which only snippets are known."""
    included: tuple[str, ...] = ()
    """Snippets of the main text."""
    excluded: tuple[str, ...] = ()
    """Snippets of what surrounds it."""

    @property
    def site(self) -> str:
        """The registered domain, from the canonical URL where the page's own URL is invented."""
        url = self.url
        if _domain_of(url).suffix == "":
            found = _CANONICAL.search(self.html)
            url = (found[1] or found[2]).decode("ascii", "replace") if found else url
        return _domain_of(url).top_domain_under_public_suffix or url


class Score(NamedTuple):
    """How near one text is to another."""

    f1: float
    precision: float
    recall: float


def read_pages(data: Path, name: str) -> list[Page]:
    """Return the pages of the folder `web`, `web-more` or `news` that have a gold text, in order."""
    news = name == "news"
    gold = _labels(data / name / "gold.jsonl")
    files = [data / name / "pages.warc.gz"] if news else sorted((data / name).glob("*.warc.gz"))
    language_of = _Identifier(data)
    pages = []
    for url, html, charset in _responses(files):
        label = gold[url]
        text = str(label["text"])
        language = str(label.get("language", "?"))[:2]
        kind = "news" if news else str(label["page_type"])
        included, excluded = _snippets(label)
        known = language if language.isalpha() else language_of(text)
        pages.append(Page(url, html, charset, kind, known, text, included, excluded))
    return pages


def read_snippet_pages(data: Path) -> list[Page]:
    """Return the pages of which only snippets are known, that must or must not be in the main text."""
    labels = _labels(data / "news" / "snippets.jsonl")
    language_of = _Identifier(data)
    pages = []
    for url, html, charset in _responses([data / "news" / "snippets.warc.gz"]):
        included, excluded = _snippets(labels[url])
        pages.append(Page(url, html, charset, "snippets", language_of(" ".join(included)), "", included, excluded))
    return pages


def _labels(path: Path) -> dict[str, dict[str, object]]:
    return {str(label["url"]).strip(): label for label in map(json.loads, path.read_bytes().splitlines())}


def _responses(files: Sequence[Path]) -> list[tuple[str, bytes, str | None]]:
    found: list[tuple[str, bytes, str | None]] = []
    for path in files:
        with path.open("rb") as stream:
            found += [
                (record.headers["WARC-Target-URI"], record.reader.read(), record.http_charset)
                for record in ArchiveIterator(stream, record_types=WarcRecordType.response)
            ]
    return found


def _snippets(label: dict[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def listed(*names: str) -> tuple[str, ...]:
        values = next((label[name] for name in names if name in label), [])
        return tuple(map(str, values)) if isinstance(values, list) else ()

    return listed("with", "must_contain"), listed("without", "must_not_contain")


class _Identifier:
    """Says the language of a text, by fastText's model of 176 languages."""

    def __init__(self, data: Path) -> None:
        self._model = fasttext.load_model(str(data / "models" / "lid.176.ftz"))

    def __call__(self, text: str) -> str:
        line = " ".join(text.split())
        if not line:
            return "??"
        (_, label), *_ = self._model.f.predict(line, 1, 0.0, "strict")
        return str(label).removeprefix("__label__")


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case; in scripts without spaces each character is one."""
    return _WORD.findall(text.lower())


def word_score(text: str, gold: str) -> Score:
    """Compare texts as bags of words: each occurrence of a word counts, its place does not."""
    return _score(Counter(words_of(text)), Counter(words_of(gold)))


def bigram_score(text: str, gold: str) -> Score:
    """Compare texts as bags of pairs of neighbouring characters, in lower case and without white space."""
    return _score(_bigrams(text), _bigrams(gold))


def snippet_counts(text: str, page: Page) -> tuple[int, int, int]:
    """Return how many snippets of the main text are in a text, how many of any kind, and how many should be."""
    flat = " ".join(text.split())
    right = sum(" ".join(snippet.split()) in flat for snippet in page.included)
    wrong = sum(" ".join(snippet.split()) in flat for snippet in page.excluded)
    return right, right + wrong, len(page.included)


def _bigrams(text: str) -> Counter[int]:
    codes = np.frombuffer("".join(text.lower().split()).encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    pairs, counts = np.unique(codes[:-1] << np.uint64(32) | codes[1:], return_counts=True)
    return Counter(dict(zip(pairs.tolist(), counts.tolist(), strict=True)))


def _score(found: Counter[Key], wanted: Counter[Key]) -> Score:
    return _ratios((found & wanted).total(), found.total(), wanted.total())


def _ratios(both: int, found: int, wanted: int) -> Score:
    if both == 0:
        return Score(0.0, 0.0, 0.0)
    precision, recall = both / found, both / wanted
    return Score(2 * precision * recall / (precision + recall), precision, recall)


def folds(pages: Sequence[Page], count: int, seed: int = 0) -> list[int]:
    """Return the fold of each page. All pages of a site are in one, drawn by its name's hash and the seed."""
    sites = [page.site for page in pages]
    drawn = sorted(set(sites), key=lambda site: hashlib.sha256(f"{seed} {site}".encode()).digest())
    fold = {site: place % count for place, site in enumerate(drawn)}
    return [fold[site] for site in sites]
