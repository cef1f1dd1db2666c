"""The stage `rights`: what pages and headers say, in columns and as rules."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from prep.corpus.arrow.documents import HEADERS, HTML, URL
from prep.corpus.errors import ConfigurationError
from prep.pipeline.config import load
from prep.pipeline.contract import check
from prep.stages.rights.licences import licence_name, licence_of_link
from prep.stages.rights.rights import Rights
from prep.stages.stage import CheckContext
from prep.stages.verdicts import Outcome

CONTEXT = CheckContext(pa.schema([HTML]), 0, frozenset())
Page = tuple[str | None, str | None]
"""A page's HTML and its headers."""


def read(stage: Rights, *pages: Page, url: str | None = "http://a.org/b/c") -> Outcome:
    batch = pa.record_batch(
        {
            "url": pa.array([url] * len(pages), URL.type),
            "html": pa.array([None if html is None else html.encode() for html, _ in pages], HTML.type),
            "headers": pa.array([headers for _, headers in pages], HEADERS.type),
        }
    )
    outcome = stage.open()(batch)
    assert outcome.batch.schema == stage.output_schema(batch.schema)
    return outcome


def columns(*pages: Page) -> list[tuple[object, ...]]:
    """Return licence, origin, robots, reservation and policy of each page."""
    names = ("licence", "licence_origin", "robots", "tdm_reservation", "tdm_policy")
    return [tuple(row[name] for name in names) for row in read(Rights(), *pages).batch.to_pylist()]


def rules(stage: Rights, *pages: str) -> list[tuple[str | None, str | None]]:
    verdicts = read(stage, *((page, None) for page in pages)).verdicts
    if verdicts is None:
        return [(None, None)] * len(pages)
    assert verdicts.detail is not None
    return list(zip(verdicts.rule.to_pylist(), verdicts.detail.to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://creativecommons.org/licenses/by-sa/4.0/", "cc-by-sa-4.0"),
        ("HTTPS://www.CreativeCommons.org/licenses/by-nc-sa/2.0/de/deed.de", "cc-by-nc-sa-2.0-de"),
        ("//creativecommons.org/licenses/by/3.0/deed.en_US", "cc-by-3.0"),
        ("https://creativecommons.org/licenses/by-nd-nc/1.0/legalcode", "cc-by-nc-nd-1.0"),
        ("https://creativecommons.org/licenses/by/3.0/igo/", "cc-by-3.0-igo"),
        ("https://creativecommons.org/licenses/by/", "cc-by"),
        ("https://creativecommons.org/publicdomain/zero/1.0/?ref=x", "cc0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0", "cc-pdm-1.0"),
        ("CC BY-SA 4.0", "cc-by-sa-4.0"),
        ("Licensed under CC-BY.", "cc-by"),
        ("CC0", "cc0-1.0"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "cc-by-sa-4.0"),
        ("Creative Commons  Attribution Non-Commercial No Derivatives v3.0", "cc-by-nc-nd-3.0"),
        ("https://www.gnu.org/licenses/fdl-1.3.html", "gfdl-1.3"),
        ("http://www.gnu.org/copyleft/fdl.html", "gfdl"),
        ("https://www.gnu.org/licenses/old-licenses/gpl-2.0.html", "gpl-2.0"),
        ("https://opensource.org/licenses/MIT", "mit"),
        ("https://opensource.org/license/bsd-3-clause/", "bsd-3-clause"),
        ("https://www.apache.org/licenses/LICENSE-2.0", "apache-2.0"),
        ("https://spdx.org/licenses/Apache-2.0.html", "apache-2.0"),
        ("https://opendatacommons.org/licenses/odbl/", "odbl-1.0"),
        ("https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/", "ogl-uk-3.0"),
        ("All rights reserved", None),
        ("cc by design", None),
        ("https://creativecommons.org/about", None),
        ("", None),
    ],
)
def test_licences_have_one_name(text: str, name: str | None) -> None:
    assert licence_name(text) == name


def test_other_licences_are_their_urls() -> None:
    links = ["/terms", "../l.html", "https://x.org/l", "//x.org/l", "my own", "terms"]
    assert [licence_of_link(link, "http://a.org/b/c") for link in links] == [
        *("http://a.org/terms", "http://a.org/l.html", "https://x.org/l", "http://x.org/l", None, None),
    ]
    assert licence_of_link("/terms", None) == "/terms"
    assert licence_of_link("http://[x/l", "http://a.org") == "http://[x/l"


BY = "https://creativecommons.org/licenses/by/4.0/"
BY_SA = "https://creativecommons.org/licenses/by-sa/4.0/"


def test_the_weightiest_place_names_the_licence() -> None:
    link, rel = f"<a href={BY}>", f'<link rel="license" href="{BY_SA}">'
    data = f'<script type="application/ld+json">{{"@type": "WebPage", "license": "{BY}"}}</script>'
    meta = '<meta name="dcterms.license" content="CC0">'
    assert [row[:2] for row in columns((link, None), (link + meta, None), (link + meta + data, None))] == [
        ("cc-by-4.0", "link"),
        ("cc0-1.0", "meta"),
        ("cc-by-4.0", "json-ld"),
    ]
    header = f'link: </style.css>; rel=preload, <{BY}>; title="x"; rel="foo license"'
    assert [row[:2] for row in columns((link + data + rel, None), (rel, header), (None, None))] == [
        ("cc-by-sa-4.0", "rel"),
        ("cc-by-4.0", "header"),
        (None, None),
    ]


def test_several_licences_stand_beside_each_other() -> None:
    page = f'<a rel=license href="{BY_SA}">x</a><a rel="nofollow LICENSE" href="{BY}">y</a><a rel=license href="/own">'
    assert columns((page, None))[0][0] == "cc-by-4.0 cc-by-sa-4.0 http://a.org/own"


def test_plain_links_count_by_option() -> None:
    outcome = read(Rights(plain_links=False), (f"<a href={BY}>", None))
    assert outcome.batch.column("licence").to_pylist() == [None]


def test_json_ld_of_pictures_and_broken_json_ld_say_nothing() -> None:
    picture = f'"image": {{"@type": "ImageObject", "license": "{BY_SA}"}}'
    pages = [
        f'{{"@graph": [{{"@type": ["Article"], "license": {{"@id": "{BY}"}}, {picture}}}]}}',
        f'{{"license": "{BY}',
        f'{{"license": ["{BY_SA}", {{"name": "CC0"}}]}}',
        '{"license": 7}',
    ]
    scripts = [(f"<script type=application/ld+json>{page}</script>", None) for page in pages]
    assert [row[0] for row in columns(*scripts)] == ["cc-by-4.0", None, "cc-by-sa-4.0 cc0-1.0", None]


def test_meta_tags_of_rights_in_general_count_only_where_they_name_a_known_licence() -> None:
    pages = [f'<meta name=copyright content="{text}">' for text in ("(c) 2020 A", "CC BY 4.0", "http://a.org/terms")]
    assert [row[0] for row in columns(*((page, None) for page in pages))] == [None, "cc-by-4.0", None]


def test_robots() -> None:
    pages: list[Page] = [
        ('<meta name="ROBOTS" content="NoIndex, follow, max-snippet:-1">', None),
        ("<meta name=robots content=none><meta name=robots content='noai,noimageai'>", "x-robots-tag: noarchive"),
        ("<meta name=googlebot content=noindex>", "x-robots-tag: otherbot: noindex, nofollow"),
        ("<!-- <meta name=robots content=noai> -->", "content-type: noindex\nx-robots-tag: unavailable_after: 25 Jun"),
        ("<meta name=robots content='index, follow'>", None),
        (None, "x-robots-tag: noai"),
    ]
    assert [row[2] for row in columns(*pages)] == [
        *("noindex", "noai, noarchive, nofollow, noimageai, noindex", None, None, None, "noai"),
    ]
    outcome = read(Rights(agents=("GoogleBot", "otherbot")), pages[2])
    assert outcome.batch.column("robots").to_pylist() == ["nofollow, noindex"]


def test_reservations_of_text_and_data_mining() -> None:
    pages: list[Page] = [
        ('<meta name="tdm-reservation" content="1"><meta name="tdm-policy" content="https://a.org/p&amp;q">', None),
        ("<meta name=tdm-reservation content=0>", None),
        ("<meta name=tdm-reservation content=0>", "tdm-reservation: 1\ntdm-policy: https://a.org/policy.json"),
        ("<meta name=tdm-reservation content=yes>", None),
    ]
    assert [row[3:] for row in columns(*pages)] == [
        (1, "https://a.org/p&q"),
        (0, None),
        (1, "https://a.org/policy.json"),
        (None, None),
    ]


def test_rules() -> None:
    pages = [
        "<meta name=robots content=noai,noindex>",
        "<meta name=tdm-reservation content=1><meta name=tdm-policy content=/p>",
        f"<a rel=license href={BY}>",
        f"<a rel=license href={BY_SA}><a rel=license href=/own>",
        "",
    ]
    nothing = (None, None)
    assert rules(Rights(), *pages) == [nothing] * 5
    assert rules(Rights(reject=("noai", "tdm_reservation")), *pages) == [
        *[("noai", "noai, noindex"), ("tdm_reservation", "/p"), nothing, nothing, nothing],
    ]
    assert rules(Rights(require=("licence",), licences=("CC-BY-*",)), *pages) == [
        *[("no_licence", None), ("no_licence", None), nothing, ("other_licence", "cc-by-sa-4.0 http://a.org/own")],
        ("no_licence", None),
    ]


def test_documents_without_headers_or_urls() -> None:
    batch = pa.record_batch({"html": pa.array([b"<a rel=license href=/x>"], HTML.type)})
    assert Rights().open()(batch).batch.column("licence").to_pylist() == ["/x"]


def test_a_row_depends_on_itself_alone() -> None:
    pages: Sequence[Page] = [("<meta name=robots content=noai>", None), (None, None), ("", "x-robots-tag: noindex")]
    assert columns(*pages) == [columns(page)[0] for page in pages]


def test_licences_are_written_as_they_are_recorded() -> None:
    problems = list(Rights(licences=("cc-by-*", "CC BY 4.0", "cc0-1.0")).problems(CONTEXT))
    assert [(problem.field, problem.expected, problem.seen) for problem in problems] == [
        (("licences", 1), "cc-by-4.0", "CC BY 4.0")
    ]
    with pytest.raises(ValidationError):
        Rights.model_validate({"reject": ["noaii"]})


def test_it_must_stand_before_extract(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>x")
    text = f"output: {tmp_path}/out\nstages:\n  - read: {{paths: {tmp_path}/a.html}}\n  - extract\n  - rights\n"
    (tmp_path / "pipeline.yaml").write_text(text)
    with pytest.raises(
        ConfigurationError, match="'html', which the stage 'extract' takes away; put it before 'extract'"
    ):
        check(*load(str(tmp_path / "pipeline.yaml")))
