"""The scan for statements against a slow reference over arbitrary bytes, and against lexbor's tree on real pages."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
from fastwarc import ArchiveIterator, WarcRecordType
from hypothesis import example, given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from prep.corpus.arrow.columns import string_buffers
from prep.stages.rights.markup_kernels import JSON_LD, LICENCE_LINK, META, PLAIN_LINK, find_statements
from prep.stages.shared.url.name_kernels import names

META_NAMES = ("robots", "tdm-reservation", "dc.rights")
SOUGHT = names(META_NAMES)
Statement = tuple[int, bytes]


def statements(pages: list[bytes | None]) -> list[list[Statement]]:
    data, offsets = string_buffers(pa.array(pages, pa.large_binary()))
    found: list[list[Statement]] = [[] for _ in pages]
    for row, kind, start, end in zip(
        *(column.tolist() for column in find_statements(data, offsets, SOUGHT)), strict=True
    ):
        found[row].append((kind, bytes(data[start:end])))
    return found


SPACE = rb"[\x00-\x20]"
ATTRIBUTE = re.compile(
    rb"[\x00-\x20/]*([^>\x00-\x20/][^\x00-\x20/>=]*)[\x00-\x20]*(?:=[\x00-\x20]*(?:\"([^\"]*)\"?|'([^']*)'?|([^\x00-\x20>]*)))?"
)


def slow_statements(page: bytes) -> list[Statement]:
    found: list[Statement] = []
    at = 0
    while (at := page.find(b"<", at)) >= 0 and at + 1 < len(page):
        comment = re.compile(rb"<!--(?:>|.*?-->|(?<=!-)->|.*)", re.DOTALL).match(page, at)
        other = re.compile(rb"<[!?][^>]*>?").match(page, at)
        tag = re.compile(rb"<(/?)([A-Za-z][^\x00-\x20>/]*|)").match(page, at)
        if comment or other:
            at = (comment or other).end()  # type: ignore[union-attr]
            continue
        if tag is None or not (tag[1] or tag[2]):
            at += 1
            continue
        name, attributes = (b"" if tag[1] else tag[2].lower()), dict[bytes, bytes]()
        at = tag.end()
        while attribute := ATTRIBUTE.match(page, at):
            value = next((group for group in attribute.groups()[1:] if group is not None), b"")
            attributes.setdefault(attribute[1].lower(), value.strip(bytes(range(0x21))))
            at = attribute.end()
        ended = re.compile(rb"[\x00-\x20/]*>?").match(page, at)
        assert ended
        at = ended.end()
        found += said(name, attributes, list(attributes))
        if name in {b"script", b"style", b"title", b"textarea"}:
            closing = re.compile(rb"</" + name + rb"(?=[\x00-\x20/>]|\Z)", re.IGNORECASE).search(page, at)
            end = closing.start() if closing else len(page)
            ld = name == b"script" and attributes.get(b"type", b"").lower() == b"application/ld+json"
            found += [(JSON_LD, page[at:end])] if ld and b"license" in page[at:end].lower() else []
            at = end
    return found


def said(name: bytes, attributes: dict[bytes, bytes], order: list[bytes]) -> list[Statement]:
    """Return what a tag says of rights."""
    if name == b"meta":
        called = [attributes[key].decode("latin-1").lower() for key in order if key in NAMING and attributes[key]][:1]
        return (
            [(META + META_NAMES.index(called[0]), attributes.get(b"content", b""))]
            if called and called[0] in META_NAMES
            else []
        )
    href = attributes.get(b"href", b"")
    if name not in {b"a", b"link"}:
        return []
    if b"license" in re.split(SPACE, attributes.get(b"rel", b"").lower()):
        return [(LICENCE_LINK, href)]
    return [(PLAIN_LINK, href)] if b"creativecommons.org/" in href.lower() else []


NAMING = (b"name", b"property", b"http-equiv", b"itemprop")
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                b"<meta ",
                b"<META\n",
                b"<link ",
                b"<a ",
                b"<aside ",
                b"<script ",
                b"<script",
                b"</script",
                b"</Script>",
                b"<style>",
            ),
            *(b"</style>", b"<title>", b"<", b"</", b"<!--", b"-->", b"<!-->", b"<!", b"<?", b">", b"/", b"/>", b"="),
            *(
                b"name=robots ",
                b'name="robots"',
                b"NAME = 'Robots'",
                b"property=dc.rights ",
                b"content='a > b'",
                b"content=x",
            ),
            *(
                b"name= content=",
                b'rel="a License"',
                b"rel=nolicense ",
                b"href=/x ",
                b'href="http://CreativeCommons.org/x"',
            ),
            *(
                b"type=application/ld+json",
                b'{"license": "x"}',
                b'"',
                b"'",
                b" ",
                b"-",
                b"x",
                b"\x00",
                b"\xe9",
                b"license",
            ),
        ]
    ),
    max_size=15,
).map(b"".join)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=4))
@example([b"<meta name=robots content=noai>", b"<!-- <meta name=robots content=x> --><meta content='y' name=ROBOTS />"])
@example(
    [
        b"<a title='<meta name=robots content=x>' rel=license href=\"y\">",
        b"<script><meta name=robots content=x></script>",
    ]
)
@example([b"<script type=application/ld+json>{'License': 1}</scripts></script >", b"<meta name=robots content", b""])
@example([b"</content='a > b'<meta name=robots "])
def test_statements_are_found_as_by_the_slow_reference_implementation(pages: list[bytes]) -> None:
    assert statements(list(pages)) == [slow_statements(page) for page in pages]


def test_pages_without_html_say_nothing() -> None:
    assert statements([None, b"", b"<a rel=license href=x>"]) == [[], [], [(LICENCE_LINK, b"x")]]


def from_tree(page: bytes) -> set[Statement]:
    """Return the statements of a page's elements, as lexbor builds them."""
    found: set[Statement] = set()
    document = HTMLTree.parse(page.decode()).document
    assert document is not None
    for element in document.query_selector_all("meta, link, a[rel], a[href*='creativecommons' i], script[type*=ld]"):
        attributes = {name.lower().encode(): str(element.getattr(name) or "").encode() for name in element.attrs}
        attributes = {name: value.strip(bytes(range(0x21))) for name, value in attributes.items()}
        found |= set(said(str(element.tag).encode(), attributes, list(attributes)))
        if element.tag == "script" and attributes.get(b"type", b"").lower() == b"application/ld+json":
            text = str(element.text).encode()
            found |= {(JSON_LD, text)} if b"license" in text.lower() else set()
    return found


def test_real_pages_say_what_their_trees_say(test_data: Path) -> None:
    pages = []
    for path in sorted((test_data / "web").glob("*.warc.gz")):
        with path.open("rb") as stream:
            records = ArchiveIterator(stream, record_types=WarcRecordType.response)
            pages += [record.reader.read().decode(errors="replace").encode() for record in records]
    # Character references in values are left to who reads them; here they are taken out of both.
    found = [{statement for statement in page if b"&" not in statement[1]} for page in statements(list(pages))]
    expected = [
        {statement for statement in from_tree(page) if b"&" not in statement[1]} for page in pages[::3]
    ]  # trees are slow
    assert found[::3] == expected
    counts = np.bincount([kind for page in found for kind, _ in page], minlength=META + 1)
    assert counts[META] > 100
    assert counts[LICENCE_LINK] > 0
