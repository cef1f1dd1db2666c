"""Other extractors over the same pages, their outputs kept on disk.

Each starts from the page's text, decoded as our engine does it. What an extractor made of the pages and the CPU
seconds it took lie in `.cache/extraction` under the extractor's version and a digest of the pages, so that it runs
once. An extractor that raises has no text for that page.
"""

import gzip
import hashlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from web_pages import Page

from prep.stages.extract.content import Extractor
from prep.stages.extract.peers import open_resiliparse, open_trafilatura
from prep.stages.shared.charset.page import decode_page

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "extraction"


class Outputs(NamedTuple):
    """What an extractor made of pages, in order."""

    texts: list[str]
    seconds: float
    """CPU time for all pages, after one that loads what is loaded once."""


class Peer(NamedTuple):
    """An extractor and the distribution that holds it."""

    distribution: str
    open: Callable[[], Callable[[str], str]]


def _of_engine(extractor: Extractor) -> Callable[[str], str]:
    return lambda page: extractor(page.encode(), None).text


def _readability() -> Callable[[str], str]:
    from lxml.html import fromstring
    from readability import Document

    return lambda page: "\n".join(fromstring(Document(page).summary(html_partial=True)).itertext())


def _newspaper() -> Callable[[str], str]:
    from newspaper import Article

    def extract(page: str) -> str:
        article = Article("https://page.example/", fetch_images=False)
        article.download(input_html=page)
        article.parse()
        return str(article.text)

    return extract


def _goose() -> Callable[[str], str]:
    from goose3 import Goose

    goose = Goose({"enable_image_fetching": False})
    return lambda page: str(goose.extract(raw_html=page).cleaned_text)


def _boilerpy() -> Callable[[str], str]:
    from boilerpy3.extractors import ArticleExtractor

    extractor = ArticleExtractor(raise_on_failure=False)
    return lambda page: str(extractor.get_content(page))


def _justext() -> Callable[[str], str]:
    from justext import get_stoplist, justext

    words = get_stoplist("English")
    return lambda page: "\n".join(part.text for part in justext(page, words) if not part.is_boilerplate)


PEERS = {
    "trafilatura": Peer("trafilatura", lambda: _of_engine(open_trafilatura("default", comments=True))),
    "trafilatura recall": Peer("trafilatura", lambda: _of_engine(open_trafilatura("recall", comments=True))),
    "trafilatura precision": Peer("trafilatura", lambda: _of_engine(open_trafilatura("precision", comments=True))),
    "trafilatura without comments": Peer("trafilatura", lambda: _of_engine(open_trafilatura("default"))),
    "trafilatura fast": Peer("trafilatura", lambda: _of_engine(open_trafilatura("fast", comments=True))),
    "resiliparse": Peer("resiliparse", lambda: _of_engine(open_resiliparse(main_content=True))),
    "readability-lxml": Peer("readability-lxml", _readability),
    "newspaper4k": Peer("newspaper4k", _newspaper),
    "goose3": Peer("goose3", _goose),
    "boilerpy3": Peer("boilerpy3", _boilerpy),
    "justext": Peer("justext", _justext),
}


def run_peer(name: str, pages: Sequence[Page], *, fresh: bool = False) -> Outputs:
    """Return what a peer makes of pages, from the cache where it is there and nothing fresh is asked for."""
    peer = PEERS[name]
    digest = hashlib.sha256()
    for page in pages:
        digest.update(page.html)
    path = CACHE / f"{name.replace(' ', '-')}-{version(peer.distribution)}-{digest.hexdigest()[:16]}.json.gz"
    if fresh or not path.exists():
        outputs = _run(peer.open(), pages)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps(outputs._asdict()).encode("utf-8", "surrogatepass"), 1))
    found = json.loads(gzip.decompress(path.read_bytes()))
    return Outputs(found["texts"], found["seconds"])


def _run(extract: Callable[[str], str], pages: Sequence[Page]) -> Outputs:
    logging.disable(logging.CRITICAL)  # peers report every page in which they find nothing
    texts = []
    decoded = [decode_page(page.html, page.charset).text for page in pages]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extract("<html><body><p>A first page, which loads what is loaded once.</p></body></html>")
        start = time.process_time()
        for page in decoded:
            try:
                texts.append(extract(page))
            except Exception:  # a peer may raise anything; it has no text then
                texts.append("")
        seconds = time.process_time() - start
    logging.disable(logging.NOTSET)
    return Outputs(texts, seconds)
