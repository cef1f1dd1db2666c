"""MediaWiki dumps: which pages are documents, what is left of their markup, and broken dumps."""

import bz2
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.files import compression
from prep.stages.read import cutting
from prep.stages.read.read import Read
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions
from prep.stages.read.wiki.mediawiki import mediawiki_rows
from prep.stages.read.wiki.wikitext import plain_text

from .reading import documents

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
  <siteinfo><sitename>Wikipedia</sitename><base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
    <namespaces><namespace key="0" case="first-letter" /><namespace key="6" case="first-letter">Datei</namespace>
    <namespace key="14" case="first-letter">Kategorie</namespace></namespaces></siteinfo>
"""


def page(number: int, text: str, ns: int = 0, title: str = "", extra: str = "", model: str = "wikitext") -> str:
    return (
        f"  <page>\n    <title>{title or f'Seite {number}'}</title>\n    <ns>{ns}</ns>\n    <id>{number}</id>{extra}\n"
        f"    <revision><id>9{number}</id><timestamp>2024-01-02T03:04:05Z</timestamp>"
        f"<contributor><username>u</username><id>5</id></contributor><model>{model}</model>"
        f'<text bytes="1" xml:space="preserve">{text}</text></revision>\n  </page>\n'
    )


def rows(path: Path, **options: object) -> list[Row]:
    return list(mediawiki_rows(Input(str(path), path.name, SourceOptions.model_validate(options))))


def dump(folder: Path, *pages: str, head: str = HEAD) -> Path:
    path = folder / "a.xml"
    path.write_text(head + "".join(pages) + "</mediawiki>\n", "utf-8")
    return path


def verdicts(found: list[Row]) -> list[str | None]:
    return [f"!{row.rule}" if row.failed else row.rule for row in found]


def test_pages_are_documents(tmp_path: Path) -> None:
    text = "'''Ä''' [[Datei:x.jpg|mini|no]] &amp;lt; [[B|b]]s [[Kategorie:C]]"
    (row,) = rows(dump(tmp_path, page(7, text, title="Ä und B")))
    assert row.id == "a.xml#7"
    assert row.url == "https://de.wikipedia.org/wiki/%C3%84_und_B"
    assert row.date == "2024-01-02T03:04:05Z"
    assert row.text == "Ä < bs"
    assert (row.title, row.declared_language, row.metadata) == ("Ä und B", "de", None)


@pytest.mark.parametrize(
    ("broken", "verdict"),
    [
        (page(1, "words"), None),
        (page(1, "#REDIRECT [[B]]", extra='<redirect title="B" />'), "redirect"),
        (page(1, " #WEITERLEITUNG [[B#C|b]] {{R}}"), "redirect"),
        (page(1, "#перенаправление: [[B]]\n"), "redirect"),
        (page(1, "# [[One]]\n# [[Two]]"), None),
        (page(1, "words", ns=10), "namespace"),
        (page(1, "a {}", model="css"), "content_model"),
        (page(1, "{{Only a template}}"), "empty"),
        (page(1, ""), "empty"),
        (page(1, "&lol9;"), "!bad_xml"),
        (page(1, "a < b"), "!bad_xml"),
        (page(1, "x" * 5000), "too_large"),
        (page(1, "\x01"), "!bad_xml"),
    ],
)
def test_what_becomes_of_a_page(tmp_path: Path, broken: str, verdict: str | None) -> None:
    found = rows(dump(tmp_path, broken, page(2, "the next")), max_bytes=4000)
    assert verdicts(found) == [verdict, None]
    assert found[1].text == "the next"


def test_namespaces_are_an_option(tmp_path: Path) -> None:
    path = dump(tmp_path, page(1, "a"), page(2, "b", ns=4))
    assert verdicts(rows(path, namespaces=(0, 4))) == [None, None]
    assert verdicts(rows(path, namespaces=(4,))) == ["namespace", None]


def test_the_last_of_several_revisions(tmp_path: Path) -> None:
    both = page(1, "the first").replace(
        "</revision>", "</revision><revision><id>8</id><text>the last</text></revision>"
    )
    assert [row.text for row in rows(dump(tmp_path, both))] == ["the last"]


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    path = dump(tmp_path, page(1, "&l11;"), page(2, "sound"), head=f"<!DOCTYPE m [{laughs}]>\n" + HEAD)
    tracemalloc.start()
    found = rows(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert verdicts(found) == ["!entity_declaration", "!bad_xml", None]
    assert peak < 4 << 20


def test_what_is_no_dump(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<rss><item>words</item></rss>")
    assert verdicts(rows(path)) == ["!bad_mediawiki"]
    path.write_text("")
    assert rows(path) == []


def test_a_dump_cut_off_gives_the_pages_before(tmp_path: Path) -> None:
    path = dump(tmp_path, *(page(number, f"words {number}") for number in range(20)))
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 2 // 3])
    found = rows(path)
    assert len(found) > 10
    assert verdicts(found) == [None] * (len(found) - 1) + ["!truncated"]


def test_memory_is_bounded_however_long_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.xml.bz2"
    path.write_bytes(bz2.compress((HEAD + page(1, "x" * (32 << 20)) + page(2, "the next") + "</mediawiki>").encode()))
    tracemalloc.start()
    found = rows(path, max_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert verdicts(found) == ["too_large", None]
    assert found[0].value is not None
    assert found[0].value > 32 << 20
    assert peak < 8 << 20


def test_a_multi_stream_dump_is_cut_between_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "TASK_BYTES", 2000)
    monkeypatch.setattr(cutting, "LEAST_BYTES", 2000)
    streams = ["".join(page(n, f"words {n}") for n in range(start, start + 10)) for start in range(0, 200, 10)]
    path = tmp_path / "a.xml-p1p200.bz2"
    path.write_bytes(b"".join(bz2.compress(part.encode()) for part in [HEAD, *streams, "</mediawiki>\n"]))
    stage = Read(paths=str(path))
    assert len(stage.partitions(stage.list_files())) > 3
    assert [row["text"] for row in documents(stage)] == [f"words {n}" for n in range(200)]
    plain = dump(tmp_path, *streams)
    stage = Read(paths=str(plain))
    assert len(stage.partitions(stage.list_files())) > 10
    assert [row["text"] for row in documents(stage)] == [f"words {n}" for n in range(200)]


@settings(deadline=None)
@given(st.lists(st.sampled_from([page(1, "a"), "<page>", "</page>", "<pa", "x", "</mediawiki>"])), st.integers(1, 50))
def test_no_dump_is_too_broken(tmp_path_factory: pytest.TempPathFactory, parts: list[str], piece: int) -> None:
    path = tmp_path_factory.getbasetemp() / "broken.xml"
    path.write_text(HEAD + "".join(parts))
    with pytest.MonkeyPatch.context() as patch:
        whole = rows(path)
        patch.setattr(compression, "PIECE", piece)
        assert rows(path) == whole


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("[[A]] and [[B|the b]]s, [[:File:x.png|a file]]", "A and the bs, a file"),
        ("[[File:x.jpg|thumb|A [[link]] in it]]words", "words"),
        ("[[Category:X]][[de:Seite]]words", "words"),
        ("{{Infobox|a={{b|c}}|d=[[e]]}}words", "words"),
        ("{{lang|fr|mot}} {{nowrap|a b}} {{formatnum:70}} {{convert|5|km}}", "mot a b 70 5 km"),
        ("a<ref>{{cite|x}}</ref>b<ref name=c />c<!-- d -->", "abc"),
        ("a<ref>never closed", "a"),
        ("'''''both''''' ''i'' '''b'''", "both i b"),
        ("[https://a.example/ the label] [https://b.example/] https://c.example/", "the label https://c.example/"),
        ("== H ==\ntext\n=== Empty ===\n== Also empty ==", "H\ntext"),
        ("* one\n** two\n# three\n: four\n; five", "- one\n- two\n- three\nfour\nfive"),
        ('{| class="w"\n|+ Cap\n! a !! b\n|-\n| style="x" | 1 || [[A|2]]\n|}', "Cap\na | b\n1 | 2"),
        ("{|\n| a\n{|\n| inner\n|}\n|}after", "a inner\nafter"),
        ("[[not closed", "[[not closed"),
        ("closed too often]] }} |}", "closed too often]] }} |}"),
        ("{{a [[b }} c", "c"),
        ("<nowiki>[[a]] {{b}}</nowiki>", "[[a]] {{b}}"),
        ("H<sub>2</sub>O &amp; &nbsp;x<br/>y", "H2O & x\ny"),
        ("born ({{date}}) in", "born in"),
        ("__NOTOC__", ""),
        ("[[" * 60 + "a" + "]]" * 60, None),
        ("H{{sub|2}}O at 10{{sup|5}} {{val|5.2|u=m}}{{nbsp}}or {{frac|1|2}}", "H2O at 10^5 5.2 m or 1/2"),
        ("in {{w|steam engine|engines}} and {{w|pump}}s", "in engines and pumps"),
        ("a {{langx|de|Rad}} is a {{transl|ja|wa}}, {{ill|Ada Fall|de|lt=x}}", "a Rad is a wa, Ada Fall"),
        ("The {{nihongo|'''Club'''|倶楽部|extra=''Kurabu''}} won", "The Club (倶楽部, Kurabu) won"),
        ("it is {{convert|3|-|5|km|mi|abbr=on}} to {{cvt|2|by|3|m}}", "it is 3 - 5 km to 2 by 3 m"),
        ("on {{start date|1920|7|1}} for {{USD|5}} {{circa|1920}}", "on 1920-07-01 for US$5 c. 1920"),
        ("an {{unheard of|plain word}} and {{other thing|a=1|b=c}}.", "an plain word and ."),
        ("x{{efn|a note}}y{{sfn|A|1920|p=3}}z{{citation needed|date=May}}", "xyz"),
        ("{{Main|Other}}\n{{Infobox x|a=b}}\nwords", "words"),
        ("{{Blockquote|To be read.|Ada|1920}}\nAfter", "To be read.\n— Ada, 1920\nAfter"),
        ("{{Zeige|Ein ganzer Satz, der so im Text steht.}}", "Ein ganzer Satz, der so im Text steht."),
        ("{{cols|\n* one\n* two\n}}", "- one\n- two"),
        ("{{#if: x | yes | no}} {{#if:| yes | no}} {{lc:ABC}}{{DEFAULTSORT:X}}", "yes no ABC"),
        ("keep {{|this}} and call f() or ({{IPA|}}; {{lang|fr|}})", "keep {{|this}} and call f() or"),
        ("<code>a[0] < [[b]]</code> <pre>x\n  y {{z}}</pre>", "a[0] < [[b]]\nx\n  y {{z}}"),
        (
            '<syntaxhighlight lang="c">\nint f() {\n  return [[1]];\n}\n</syntaxhighlight>',
            "int f() {\n  return [[1]];\n}",
        ),
        ('so <syntaxhighlight lang="c" inline>x[1]</syntaxhighlight> is', "so x[1] is"),
        ("Code:\n a()\n   b()\n\nend", "Code:\na()\n  b()\nend"),
        ("<math>\\frac{a}{b} < [[c]]</math> &lt;", "\\frac{a}{b} < [[c]] <"),
        ("x<sup>2</sup> word<sup>2</sup> 10<sup>−3</sup>", "x^2 word[2] 10^−3"),
        ("x<sub>i</sub>, ''e''<sup>x+1</sup>, SO<sub>4</sub>, 1<sup>st</sup>", "x_i, e^(x+1), SO4, 1st"),
        ("so {{math|''x'' {{=}} 2}} and {{nowrap|a {{!}} b}}", "so x = 2 and a | b"),
        ("one{{dash}}two {{em dash}} three{{thinsp}}four{{wbr}}", "one – two — three four"),
        ("{{{1|default}}} and {{{2}}}.", "default and ."),
        ("-{zh-hans:简体; zh-hant:繁體}-字 -{A|zh-cn:甲;zh-tw:乙}- -{原}- x-{}-y", "简体字 甲 原 xy"),
        ("[[Foo (bar)|]] in [[Paris, Texas|]] and [[Help:Here|]]", "Foo in Paris and Here"),
        ("above\n----\nbelow", "above\nbelow"),
        ("of {{plainlist|\n* one\n* two\n}}", "of\n- one\n- two"),
        ("[[Datei:a.jpg|mini|b]][[Файл:a.jpg]][[カテゴリ:x]]words", "words"),
        ("{|\n! a !! b !! c\n|-\n| 1 || || 3\n|}", "a | b | c\n1 | | 3"),
        ("{|\n| {{foo|one|two}} || {{w|a|x}}\n|}", "one two | x"),
    ],
)
def test_markup(markup: str, expected: str | None) -> None:
    found = plain_text(markup)
    assert expected is None or found == expected


@settings(deadline=None)
@given(st.text("[]{}|='*<>!&;: \nrefa/-", max_size=200))
def test_any_markup_is_text(markup: str) -> None:
    assert plain_text(markup) == plain_text(markup)
    assert len(plain_text(markup)) <= 3 * len(markup) + 10


@pytest.mark.parametrize(
    "unit",
    ["[[", "{{", "{|\n", "<ref>", "[[a|", "{{a|b=[[c", "[http://", "[//a ", "<!--", "'''", "(", " ", "<a ", "=a=\n"],
)
def test_the_cost_grows_with_the_length_alone(unit: str) -> None:
    """Half a million characters would take hours if the cost grew with their square."""
    plain_text(unit * (500_000 // len(unit)))


def test_the_shared_wiki(test_data: Path) -> None:
    found = {row.title: row.text for row in rows(test_data / "cases" / "wiki" / "enwiki-pages-articles.xml")}
    assert found["w"] == "Thorium is an element that can be used in reactors and in gas mantles."
    assert "The Mill League (水車リーグ, Suisha Rīgu)" in str(found["nihongo"])
    assert "Louise, the brothers, and others were there when the sluice broke." in str(found["quote"])
    assert "H2O flows at 10^5 litres a day – or 5.2 m3." in str(found["lang"])
    assert found["file"] == "The mill stands. Next. End."
    assert found["table"] == "Levels:\nYear | Level\n1911 | 3.2\n1912 | 3.4\nThat was all."
    assert "def f():\n    return 1\n" in str(found["nested"])
    assert "{{|icFilter}} should be kept" in str(found["emptyname"])
    assert "int main() {\n  return 0;\n}" in str(found["pre"])
    assert found["ref"] == "The mill was built in 1911."
