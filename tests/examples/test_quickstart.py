"""The quickstart's crawl: real pages, valid records, the same bytes every time, nothing of this machine in them."""

import gzip
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from .scripts import EXAMPLES, load

EXAMPLE = EXAMPLES / "01_quickstart"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load(EXAMPLE / "make_warcs.py")


@pytest.fixture(scope="module")
def crawl(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crawl: a few modules of the standard library, and an installed package."""
    folder = tmp_path_factory.mktemp("crawl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "PACKAGES", ("yaml", "a_package_that_is_not_there"))
        patch.setattr(
            script,
            "CRAWL",
            {"topics": script.topics, "library": lambda: some_modules(script), "packages": script.packages},
        )
        script.write_crawl(folder, script.CRAWL)
    return folder


def some_modules(script: ModuleType) -> Iterator[object]:
    yield from script.library("o", "o")
    yield from script.library("w", "z")


def test_every_record_is_valid_and_a_gzip_member_of_its_own(crawl: Path) -> None:
    for file in sorted(crawl.iterdir()):
        with file.open("rb") as stream:
            records = list(ArchiveIterator(stream))
        kinds = Counter(record.headers["WARC-Type"] for record in records)
        assert kinds["warcinfo"] == 1
        assert kinds["response"] == len(records) - 1 >= 15
        assert len({record.record_id for record in records}) == len(records)
        offsets = [record.stream_pos for record in records]
        content = file.read_bytes()
        assert offsets[0] == 0
        for start, end in zip(offsets, [*offsets[1:], len(content)], strict=True):
            assert gzip.decompress(content[start:end]).startswith(b"WARC/1.1\r\n")


def answers(crawl: Path) -> dict[str, tuple[int | None, str | None, bytes]]:
    found = {}
    for file in sorted(crawl.iterdir()):
        with file.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                uri = record.headers["WARC-Target-URI"].removeprefix("http://python.example/")
                found[uri] = (record.http_headers.status_code, record.http_content_type, record.reader.read())
    return found


def test_holds_pages_a_redirect_a_pdf_and_missing_modules(crawl: Path) -> None:
    found = answers(crawl)
    status, kind, body = found["library/zipfile.html"]
    assert (status, kind) == (200, "text/html")
    assert b"Class with methods to open, read, write, close, list zip files." in body
    assert found["library/os.path.html"][0] == 301
    assert found["packages/leaflet.pdf"][1] == "application/pdf"
    assert found["packages/leaflet.pdf"][2].startswith(b"%PDF-")
    missing = [uri for uri, answer in found.items() if answer[0] == 404]
    assert ("library/winreg.html" in missing) == (sys.platform != "win32")
    assert found["packages/yaml.html"][2] == found["packages/yaml/index.html"][2]
    assert b"augmented assignment" in found["topics/assignment.html"][2].lower()
    assert not any("a_package_that_is_not_there" in uri for uri in found)


def test_pages_are_as_pydoc_says_them_but_for_this_machine(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "A_SECRET", "hunter2")
    module = ModuleType("some", "Text.")
    monkeypatch.setitem(sys.modules, "some", module)
    source = f"""
import os
marker = object()
path = {sys.prefix!r}
limit = 7
def read(environ=os.environ, marker=marker, name="n"):
    '''Read  two  spaces.'''
"""
    exec(source, module.__dict__)
    page = script.render(module, "some")
    assert "<pre>Read  two  spaces.</pre>" in page
    assert "(environ=environ, marker=&lt;object object&gt;, name='n')" in page
    assert "<strong>limit</strong> = 7" in page
    for private in ("hunter2", sys.prefix, " at 0x", "file:"):
        assert private not in page


def test_the_same_files_again(script: ModuleType, crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "CRAWL", {"library": lambda: some_modules(script)})
    script.write_crawl(tmp_path, script.CRAWL)
    assert (tmp_path / "library.warc.gz").read_bytes() == (crawl / "library.warc.gz").read_bytes()


def test_what_stands_is_not_made_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in script.CRAWL:
        (tmp_path / f"{name}.warc.gz").write_bytes(b"here")
    monkeypatch.setattr(sys, "argv", ["make_warcs.py", str(tmp_path)])
    assert script.main() == 0
    assert "nothing to do" in capsys.readouterr().out
    assert {file.read_bytes() for file in tmp_path.iterdir()} == {b"here"}
