"""The commands of the guides, run on small data in the order of the guides, in one folder; and what they stand in."""

import random
import re
import shlex
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from prep.pipeline.cli import main

PAGES = Path(__file__).parents[2] / "docs" / "pages"
GUIDES = (
    *("quickstart", "report", "trainers", "books-and-pdf", "national-language"),
    *("tokenizer", "own-stage", "clusters", "continual"),
)
FENCE = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```$', re.MULTILINE | re.DOTALL)
SYLLABLES = "ha bo ur sh ip se ca pt mo rn wi nd le tt ga rd ri ve st on li gh pe mar ket ter".split(" ")
ENGLISH = ("the", "of", "and", "to", "that", "with", "have", "be")
DANISH = "det og er en på for af med til ikke der som jeg den han var hun havnen båden vinteren åen".split(" ")
PDF = """%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length {length}>>stream
{content}
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""
CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf">
<manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="a"/></spine></package>"""


def sentences(seed: int, number: int, usual: Sequence[str] = ENGLISH) -> str:
    """Return sentences of a language's usual words, "harbour", and made ones."""
    draw = random.Random(seed)
    words = [*("".join(draw.choices(SYLLABLES, k=3)) for _ in range(40)), *(word for word in usual for _ in range(5))]
    lines = (" ".join([*draw.choices(words, k=10), "harbour"]).capitalize() + "." for _ in range(number))
    return " ".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data that the guides speak of."""
    made = tmp_path_factory.mktemp("guides")
    for name in ("pages", "library", "trusted", "crawl"):
        (made / name).mkdir()
    for number in range(110):
        (made / "trusted" / f"{number:03d}.txt").write_text(sentences(500 + number, 20, DANISH))
        page = f"<html><body><main><p>{sentences(700 + number, 20, DANISH)}</p></main></body></html>"
        (made / "crawl" / f"{number:03d}.html").write_text(page, encoding="utf-8")
    for number in range(30):
        text = sentences(number // 2 if number < 4 else number, 30)
        (made / "pages" / f"{number:02d}.txt").write_text(text)
    for name, first in (("texts", 100), ("new", 300)):
        rows = [orjson.dumps({"id": f"{name}-{row}", "text": sentences(first + row, 20)}) for row in range(60)]
        (made / f"{name}.jsonl").write_bytes(b"\n".join(rows))
    with zipfile.ZipFile(made / "library" / "book.epub", "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr("META-INF/container.xml", CONTAINER)
        book.writestr("book.opf", PACKAGE)
        chapter = f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>{sentences(7, 900)}</p></body></html>"
        book.writestr("a.xhtml", chapter)
    lines = "".join(f"({sentences(row, 1)})' " for row in range(50))
    content = f"BT /F 10 Tf 14 TL 40 760 Td {lines} ET"
    (made / "library" / "paper.pdf").write_text(PDF.format(length=len(content), content=content))
    return made


def blocks(page: Path) -> list[re.Match[str]]:
    return list(FENCE.finditer(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_works(
    guide: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # worker processes take seconds to begin
    monkeypatch.syspath_prepend(str(folder))
    found = blocks(PAGES / "guides" / f"{guide}.md")
    for block in found:
        if block["title"]:
            Path(block["title"]).write_text(block["body"])
    for block in found:
        for line in block["body"].splitlines() if block["kind"] == "bash" else ():
            program, *arguments = shlex.split(line)
            assert program == "prep"
            monkeypatch.setattr(sys, "argv", [program, *arguments])
            try:
                main()
                status: object = 0
            except SystemExit as stop:
                status = stop.code
            shown = capsys.readouterr()
            assert status in (0, None), f"{line}\n{shown.out}\n{shown.err}"


def test_commands_stand_where_they_are_run() -> None:
    for page in sorted(PAGES.rglob("*.md")):
        others = [block["body"] for block in blocks(page) if block["kind"] != "bash"]
        assert not [body for body in others if re.search(r"^prep ", body, re.MULTILINE)], page
        assert page.stem in GUIDES or not [block for block in blocks(page) if block["kind"] == "bash"], page


def test_files_that_the_pages_name_are_there() -> None:
    root = PAGES.parents[1]
    for page in sorted(PAGES.rglob("*.md")):
        named = re.findall(
            r"`((?:tests|pipeline|stages|examples|benchmarks)/[\w/.-]*)`", page.read_text(encoding="utf-8")
        )
        assert [name for name in named if not (root / name).exists()] == [], page
