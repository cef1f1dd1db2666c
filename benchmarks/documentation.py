"""Reference documentation stays whole: how much of the code and of the main text of real pages comes through.

    python benchmarks/documentation.py FOLDER… [--pages 250] [--show 5]

Each folder holds the HTML of one generator, such as a package's `usr/share/doc` (`apt-get download libboost1.81-doc;
dpkg -x …`). Pages are drawn evenly. What a page holds is read with lxml from the element that the generator puts its
text in (`MAIN`), or the body without its navigation. Reported are the recall of words in `<pre>`, the recall of all
words of the main text, and the share of code lines that come out with the indentation they have, all as means over
pages with such words; and the pages that lose most.
"""

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from lxml import html
from web_pages import words_of

from prep.stages.extract.engine import open_engine
from prep.stages.extract.extract import Extract
from prep.stages.shared.charset.page import decode_page

MAIN = (
    "//div[@role='main']", "//main", "//div[@class='body']", "//div[@class='contents']", "//div[@id='doc-content']",
    "//div[contains(@class,'section') or contains(@class,'chapter') or contains(@class,'refentry')]", "//body",
)  # fmt: skip
"""Where generators put the text, the surest first; the first that holds anything counts."""
FRAME = (
    "self::nav or self::script or self::style or self::noscript or self::header or self::footer or"
    " contains(@class,'nav') or contains(@class,'sidebar') or contains(@class,'spirit-nav') or contains(@class,'toc')"
    " or contains(@class,'lineno') or contains(@class,'headerlink') or contains(@class,'ttc') or @id='side-nav'"
    " or contains(@class,'copyright') or contains(@class,'footer')"
)


class Recall(NamedTuple):
    """What of a page comes through; None where it holds nothing of the kind."""

    path: Path
    code: float | None
    text: float | None
    lines: float | None


def measured(path: Path) -> Recall | None:
    """Compare a page with what is extracted from it; None for one that holds no text to compare."""
    data = path.read_bytes()
    decoded = decode_page(data, None)
    try:
        tree = html.document_fromstring(decoded.utf8, parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
    except (ValueError, html.etree.ParserError):
        return None
    main = next((found[0] for where in MAIN if (found := tree.xpath(where)) and found[0].text_content().strip()), None)
    if main is None:
        return None
    for element in main.xpath(f".//*[{FRAME}]"):
        element.drop_tree()
    text = extractor(decoded.utf8, None).text
    kept = Counter(words_of(text))
    pieces = [pre.text_content() for pre in main.xpath(".//pre")]
    wanted_lines = Counter(line.rstrip() for piece in pieces for line in plain(piece).split("\n") if line[:1].isspace())
    lines = Counter(line.rstrip() for line in text.split("\n"))
    return Recall(
        path,
        recall(Counter(word for piece in pieces for word in words_of(piece)), kept),
        recall(Counter(words_of(" ".join(main.itertext()))), kept),
        recall(wanted_lines, lines),
    )


def plain(piece: str) -> str:
    return piece.replace("\xa0", " ").replace("\r", "").strip("\n")


def recall(wanted: Counter[str], found: Counter[str]) -> float | None:
    """Return which share of what is wanted was found; None where nothing is wanted."""
    wanted.pop("", None)
    return (wanted & found).total() / wanted.total() if wanted else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=250, help="pages of each folder (default 250)")
    parser.add_argument("--show", type=int, default=5, help="pages that lose most, of each folder (default 5)")
    options = parser.parse_args()
    print(f"extract, version {Extract.version}")
    print(f"{'':40} {'pages':>6} {'pre words':>10} {'main text':>10} {'indented lines':>15}")
    for folder in options.folders:
        paths = sorted(path for path in folder.rglob("*.htm*") if path.is_file() and re.search(r"\.html?$", path.name))
        step = max(1, len(paths) // options.pages)
        found = [result for path in paths[::step][: options.pages] if (result := measured(path))]
        means = [mean([getattr(result, field) for result in found]) for field in ("code", "text", "lines")]
        print(f"{folder.name:40} {len(found):6} {means[0]:10.3f} {means[1]:10.3f} {means[2]:15.3f}", flush=True)
        for result in sorted(found, key=lambda its: its.code if its.code is not None else 1.0)[: options.show]:
            if result.code is not None and result.code < 0.98:
                print(f"    {result.code:.2f} of the code: {result.path.relative_to(folder)}")


def mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / max(1, len(known))


extractor = open_engine()

if __name__ == "__main__":
    main()
