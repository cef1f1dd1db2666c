"""Pages of reference documentation whose main text is known by their generator's markup.

They come from Debian's packages of documentation (bookworm), unpacked into one folder each:

    apt-get download PACKAGE && dpkg-deb -x PACKAGE_*.deb FOLDER/PACKAGE

Each generator puts what a reader came for into an element of its own; the gold text is that element's text, without
what moves between pages. Pages whose text is next to nothing but links are indexes and are left out. The generators of
`HELD_OUT` are never trained on.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lxml.etree
import lxml.html
from web_pages import Page, words_of

from prep.stages.extract.engine import read_page, whole_text
from prep.stages.shared.charset.page import decode_page


class Generator(NamedTuple):
    """Where a generator's pages are, and where their main text is."""

    packages: tuple[str, ...]
    main: str
    """XPath of the elements that hold the main text."""
    without: str = "//a[@class='headerlink']"
    """XPath of what is in them but no text: marks of links, numbers of lines."""


_MARGINS = (
    "//div[contains(@class, 'navheader') or contains(@class, 'navfooter') or contains(@class, 'spirit-nav')"
    " or contains(@class, 'copyright-footer')] | //table[@class='navigation' or @class='copyright-footer']"
    " | //body/div[@class='header'] | //div[@class='footer']"
)
TRAINED = {
    "sphinx": Generator(("python3.11-doc", "python-django-doc", "cmake-doc"), "//*[@role='main']"),
    "doxygen": Generator(
        ("libstdc++-12-doc", "libeigen3-doc"), "//div[@class='headertitle'] | //div[@class='contents']"
    ),
    "javadoc": Generator(("libcommons-lang3-java-doc",), "//main"),
    "docbook": Generator(("postgresql-doc-15",), "//body", _MARGINS),
    "asciidoc": Generator(("git-doc",), "//div[@id='content']"),
    "texinfo": Generator(("octave-doc",), "//body", "//div[@class='header']"),
    "haddock": Generator(("ghc-doc",), "//div[@id='content']"),
    "httpd": Generator(("apache2-doc",), "//div[@id='page-content'] | //div[@id='preamble']"),
}
HELD_OUT = {
    "boostbook": Generator(("libboost1.74-doc",), "//body", _MARGINS),
    "gtk-doc": Generator(("libglib2.0-doc",), "//body", f"{_MARGINS} | //td[@class='listing_lines']"),
    "qdoc": Generator(("qtbase5-doc-html",), "//div[@class='content mainContent']"),
    "rustdoc": Generator(("rust-doc",), "//section[@id='main-content']"),
    "erlang": Generator(("erlang-doc",), "//div[@id='content']", "//div[@class='footer']"),
}
_FEWEST_WORDS = 60
_LARGEST = 400_000
"""Bytes of a page."""
_INDEX = 0.95
"""Share of the words in links from which a page is an index."""


class DocumentationScore(NamedTuple):
    """What is kept of a page's main text and of its program code."""

    precision: float
    recall: float
    code_recall: float | None
    """Of the words in `<pre>`; None where there are none."""
    indented_kept: float | None
    """Share of the indented lines of `<pre>` that are in the text with their indentation."""


def read_documentation(folder: Path, generators: dict[str, Generator], count: int) -> list[Page]:
    """Return so many pages of each generator, drawn by the hashes of their names."""
    found = []
    for name, generator in generators.items():
        kept = 0
        for path in _drawn(folder, generator.packages):
            html = decode_page(path.read_bytes(), None).utf8
            gold = main_text_of(html, generator) if len(html) <= _LARGEST and not _is_index(html, generator) else ""
            if len(words_of(gold)) >= _FEWEST_WORDS:
                found.append(Page(f"https://{name}.example/{path.name}", html, "utf-8", name, "en", gold))
                kept += 1
            if kept == count:
                break
    return found


def _drawn(folder: Path, packages: tuple[str, ...]) -> list[Path]:
    """Return the pages of packages in turn."""
    lists = [
        sorted((folder / package).rglob("*.html"), key=lambda path: hashlib.sha256(path.name.encode()).digest())
        for package in packages
    ]
    places = [(place, path) for listed in lists for place, path in enumerate(listed) if path.is_file()]
    return [path for _, path in sorted(places, key=lambda entry: entry[0])]


def main_text_of(html: bytes, generator: Generator) -> str:
    """Return the main text of a page as its markup has it; empty where it has none."""
    return "\n\n".join(
        whole_text(read_page(lxml.html.tostring(element, encoding="utf-8"))) for element in _main(html, generator)
    )


def _is_index(html: bytes, generator: Generator) -> bool:
    main = list(_main(html, generator))
    linked = sum(len(words_of(link.text_content())) for element in main for link in element.iter("a"))
    return linked >= _INDEX * sum(len(words_of(element.text_content())) for element in main)


def documentation_score(text: str, page: Page, generator: Generator) -> DocumentationScore:
    """Compare an extractor's text of a page with its main text and its program code."""
    found, wanted = Counter(words_of(text)), Counter(words_of(page.gold))
    both = (found & wanted).total()
    code = [pre.text_content().replace("\xa0", " ") for part in _main(page.html, generator) for pre in part.iter("pre")]
    words = Counter(word for pre in code for word in words_of(pre))
    indented = [line.rstrip() for pre in code for line in pre.splitlines() if line[:1].isspace() and line.strip()]
    lines = {line.rstrip() for line in text.splitlines()}
    return DocumentationScore(
        both / max(1, found.total()),
        both / max(1, wanted.total()),
        (found & words).total() / words.total() if words else None,
        sum(line in lines for line in indented) / len(indented) if indented else None,
    )


def _main(html: bytes, generator: Generator) -> Iterator[lxml.html.HtmlElement]:
    try:
        page = lxml.html.document_fromstring(html, parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return
    for element in page.xpath(generator.without):
        element.drop_tree()
    yield from page.xpath(generator.main)
