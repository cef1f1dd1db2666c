"""The commands of the guides, run on small data in the order of the guides, in one folder; and what they stand in."""

import random
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import orjson
import pytest
import yaml
from books import epub, pdf

from prep.pipeline.cli import main
from prep.pipeline.reports.schema import pipeline_schema

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "pages"
GUIDES = (
    *("quickstart", "estimates", "report", "trainers", "books-and-pdf", "national-language"),
    *("tokenizer", "own-stage", "clusters", "continual"),
)
FENCE = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```$', re.MULTILINE | re.DOTALL)
SYLLABLES = "ha bo ur sh ip se ca pt mo rn wi nd le tt ga rd ri ve st on li gh pe mar ket ter".split(" ")
ENGLISH = ("the", "of", "and", "to", "that", "with", "have", "be")
DANISH = "det og er en på for af med til ikke der som jeg den han var hun havnen båden vinteren åen".split(" ")


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
    (made / "library" / "book.epub").write_bytes(epub([f"<p>{sentences(7, 900)}</p>"]))
    (made / "library" / "paper.pdf").write_bytes(pdf([[sentences(row, 1) for row in range(50)]]))
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


TEXTS = [*sorted(PAGES.rglob("*.md")), *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("[be]*/**/README.md"))]


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w./])(?:tests|pipeline|stages|examples|benchmarks)/[\w/.-]*\w", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_options_that_pages_set_are_there() -> None:
    """Whole pipelines, lists of stages, and settings without stages."""
    validator, pipelines = jsonschema.Draft7Validator(pipeline_schema()), []
    for page in TEXTS:
        for block in blocks(page):
            if block["kind"] == "yaml":
                found = yaml.safe_load(block["body"])
                settings = {"stages": found} if isinstance(found, list) else found
                pipelines.append({"output": "runs/x", "stages": ["extract"], **settings})
    assert len(pipelines) > 10
    assert [error.message for pipeline in pipelines for error in validator.iter_errors(pipeline)] == []
