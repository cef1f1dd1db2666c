"""Parts and forms of URLs against slow reference implementations, and against urllib and idna where they agree."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

import idna
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import lower_table
from prep.stages.shared.url.form_kernels import Form, form
from prep.stages.shared.url.parts_kernels import host_capacity, is_address, port_number, split_url, write_host
from prep.stages.shared.url.punycode_kernels import CodePoints

from .normal_forms import normal_form

PIECES = st.lists(
    st.sampled_from(
        [
            *("http://", "HTTPS://", "ftp://", "//", "mailto:", "a", "B", "ex", "www.", "example.org", "Bücher.DE"),
            *("user:pw@", "@", ":", ":80", ":443", ":0080", ":99999", "[::1]", "[", "]", "1.2.3.4", "。", "xn--"),
            *("/", "/", "//", "\\", "/.", "/..", "/%2e", "/a/../b", "/index.html", "/INDEX.PHP", "?", "?", "&", "="),
            *("utm_source=x", "&b=2", "&a=1", "&a=0", "gclid", "%", "%4", "%41", "%c3%a9", "%2F", "é", "ß", "İ", "ſ"),
            *(";", ";gclid=1", ";UTM_x", "%3B", ";x=1"),
            *("#", "#!", "#x", " ", "\t", "\x00", "<", "|", "+", ".", "..", "-", "😀", "́", "٣"),
        ]
    ),
    max_size=12,
).map("".join)
URLS = st.one_of(st.text(), PIECES)
STRICT = form()
LOOSE = form(
    ignore_scheme=True,
    ignore_www=True,
    ignore_slash=True,
    fragments="drop",
    sort=True,
    dropped=("utm_*", "gclid"),
    index_files=("index.html", "index.php"),
)
HASHBANG = form(fragments="keep_hashbang", sort=True, index_files=("index.html",))


class Cut(NamedTuple):
    """A URL in its parts; host and port are None where it is opaque."""

    scheme: str
    host: str | None
    port: str | None
    path: str
    query: str
    fragment: str


def slow_split(url: str) -> Cut:
    url = url.strip("".join(map(chr, range(0x21))))
    scheme, rest = "", url
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    if found and url[found.end() :].startswith("//"):
        scheme, rest = found[1], url[found.end() + 2 :]
    elif found and not re.match(r"[0-9]*([/?#]|\Z)", url[found.end() :]):
        before, mark, fragment = url[found.end() :].partition("#")
        path, question, query = before.partition("?")
        return Cut(found[1], None, None, path, question + query, mark + fragment)
    elif url.startswith("//"):
        rest = url[2:]
    rest, mark, fragment = rest.partition("#")
    rest, question, query = rest.partition("?")
    authority = re.match(r"[^/\\]*", rest)
    assert authority
    address = authority[0].rpartition("@")[2]
    bracketed = re.match(r"\[[^\]]*\]?", address)
    host = (bracketed[0] if bracketed else "") + re.sub(
        r":.*", "", address[bracketed.end() if bracketed else 0 :], flags=re.S
    )
    port = address[len(host) + 1 :]
    return Cut(scheme, host, port, rest[authority.end() :], question + query, mark + fragment)


def lower(text: str) -> str:
    return "".join(chr(code) for code in lower_table()[[ord(character) for character in text] or [97]])[: len(text)]


def lower_ascii(text: str) -> str:
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def slow_host(host: str) -> str:
    if not host.isascii():
        host = ".".join(map(slow_label, re.split("[.。．｡]", host)))
    return lower_ascii(host).rstrip(".")


def slow_label(label: str) -> str:
    encoded = "xn--" + lower(label).encode("punycode").decode()
    return label if label.isascii() or len(encoded) > 63 else encoded


def slow_escape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1] is not None:
            character = chr(int(found[1], 16))
            return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else found[0].upper()
        return "".join(f"%{byte:02X}" for byte in found[0].encode())

    return re.sub(r"""%([0-9A-Fa-f]{2})|[^!-~]|[%"<>\\^`{|}]""", one, text)


def slow_port(url: Cut, ignore_scheme: bool) -> str:
    port = url.port or ""
    if re.fullmatch("[0-9]+", port) and int(port) <= 65535:
        scheme = lower_ascii(url.scheme)
        web = not scheme or (ignore_scheme and scheme in {"http", "https"})
        own = {"http": (0, 80), "https": (0, 443), "ftp": (0, 21)}.get(scheme, (0,))
        return "" if int(port) in ((0, 80, 443) if web else own) else f":{int(port)}"
    return ":" + slow_escape(port) if port else ""


def without_dropped(text: str) -> str:
    first, *others = text.split(";")
    kept = [other for other in others if not re.match(r"utm_|gclid\Z", other.partition("=")[0], re.I | re.A)]
    return ";".join([first, *kept])


def slow_path(path: str, slashes: bool, index_files: tuple[str, ...]) -> str:
    segments: list[str] = []
    pieces = slow_escape(path.replace("\\", "/")).split("/")[1:] or [""]
    pieces = list(map(without_dropped, pieces)) if slashes else pieces
    for index, piece in enumerate(pieces):
        if piece in {".", ".."}:
            segments = segments[: len(segments) - (piece == "..")] if segments else []
            segments += [""] if index == len(pieces) - 1 else []
        else:
            segments.append(piece)
    written = "/" + "/".join(segments)
    names = "|".join(map(re.escape, index_files))
    if not slashes:
        return re.sub(rf"/(?:{names})\Z", "/", written, flags=re.I | re.A) if names else written
    return re.sub(rf"(/(?:{names})|/)+\Z", "", written, flags=re.I | re.A)


def slow_form(url: str, loose: bool, fragments: str) -> str:
    cut = slow_split(url)
    if cut.host is None:
        return f"{lower_ascii(cut.scheme)}:{slow_escape(cut.path + cut.query + cut.fragment)}"
    scheme, host = lower_ascii(cut.scheme), slow_host(cut.host)
    scheme = "" if loose and scheme in {"http", "https"} else scheme
    if loose and re.match(r"www\.[^.]*\.", host):
        host = host[4:]
    parameters = [slow_escape(parameter) for parameter in cut.query[1:].split("&") if parameter]
    if loose:
        parameters = [parameter for parameter in map(without_dropped, parameters) if parameter]
    names = [re.split("[=;]", parameter)[0] for parameter in parameters]
    order = range(len(names))
    if loose:
        order = [index for index in order if not re.match(r"utm_|gclid\Z", names[index], re.I | re.A)]  # type: ignore[assignment]
    if loose or fragments == "keep_hashbang":
        order = sorted(order, key=names.__getitem__)  # type: ignore[assignment]
    query = "&".join(parameters[index] for index in order)
    index_files = {"drop": ("index.html", "index.php"), "keep_hashbang": ("index.html",), "keep": ()}[fragments]
    path = slow_path(cut.path, loose, index_files)
    kept = fragments == "keep" or (fragments == "keep_hashbang" and cut.fragment.startswith("#!"))
    return "".join(
        [
            scheme + ":" if scheme else "",
            f"//{host}{slow_port(cut, loose)}{path}",
            "?" + query if query else "",
            slow_escape(cut.fragment) if kept else "",
        ]
    )


@kernel
def parts_of(data: Bytes) -> tuple[int, ...]:
    parts = split_url(data, 0, len(data))
    at = (parts.start, parts.scheme_end, parts.host, parts.host_end, parts.port, parts.path, parts.query)
    return (*at, parts.fragment, parts.end, int(parts.opaque), port_number(data, parts))


@kernel
def host_of(data: Bytes, table: CodePoints) -> tuple[Bytes, bool]:
    out = np.empty(host_capacity(len(data)), np.uint8)
    end = write_host(data, 0, len(data), table, out, 0)
    return out[:end].copy(), is_address(out, 0, end)


def written_host(host: str) -> tuple[str, bool]:
    written, address = host_of(np.frombuffer(host.encode(), np.uint8), lower_table())
    return bytes(written).decode(), address


@settings(max_examples=500, deadline=None)
@given(URLS)
@example("example.org:8080/a:b@c")
@example("http://a@b@c:1:2\\d?e#f")
@example("http://[::1")
def test_a_url_is_cut_as_the_rules_say(url: str) -> None:
    data = url.encode()
    start, scheme, host, host_end, port, path, query, fragment, end, opaque, number = parts_of(
        np.frombuffer(data, np.uint8)
    )
    pieces = (data[start:scheme], data[host:host_end], data[port:path], data[path:query], data[query:fragment])
    cut = Cut(*(piece.decode() for piece in (*pieces, data[fragment:end])))
    assert cut._replace(host=None, port=None) if opaque else cut == slow_split(url)
    expected = int(cut.port or "0") if re.fullmatch("[0-9]*", cut.port or "") else -1
    assert number == (expected if expected <= 65535 else -1)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), PIECES, st.text(st.characters(min_codepoint=0x80, codec="utf-8"), max_size=70)))
@example("é" * 56 + "." + "é" * 60)
@example("a" * 70 + "é")
@example("ΑΣΣΑΣ.GR")
def test_a_host_is_written_in_one_form(host: str) -> None:
    assert written_host(host)[0] == slow_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "bücher.example",
        "例え.テスト",
        "пример.рф",
        "उदाहरण.परीक्षा",
        "xn--bcher-kva.example",
        "مثال.إختبار",
        "ÅNGSTRÖM.se",
    ],
)
def test_international_names_are_written_as_idna_writes_them(host: str) -> None:
    assert written_host(host)[0] == idna.encode(host, uts46=True).decode()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *(("1.2.3.4", True), ("[::1]", True), ("127.1", True), ("7", True), ("1.2.3.4.", True)),
        *(("1.2.3.4a", False), ("a4", False), ("", False), ("1.example", False), (".", False)),
    ],
)
def test_addresses_are_told_from_names(host: str, address: bool) -> None:
    assert written_host(host)[1] == address


@settings(max_examples=600, deadline=None)
@given(URLS)
@example("http://a/b/../..//c/.?&&b&a=%&a#")
@example("HTTP://www.b:80/%7e%2f%zz/")
@example("www.x.y?gclid=1&GCLID&utm_=")
def test_forms_are_those_of_the_reference_implementation(url: str) -> None:
    assert normal_form(url, STRICT) == slow_form(url, loose=False, fragments="keep")
    assert normal_form(url, LOOSE) == slow_form(url, loose=True, fragments="drop")
    assert normal_form(url, HASHBANG) == slow_form(url, loose=False, fragments="keep_hashbang")


@settings(max_examples=300, deadline=None)
@given(PIECES.map("http://example.org/".__add__), st.sampled_from([STRICT, LOOSE, HASHBANG]))
def test_a_form_is_its_own_form(url: str, kind: Form) -> None:
    once = normal_form(url, kind)
    assert normal_form(once, kind) == once


WORD = st.text(st.sampled_from("abcXYZ019-._~é ü語"), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORD, max_size=4), st.lists(st.tuples(WORD, WORD), max_size=4), st.sampled_from(["", ":8080", ":80"]))
def test_ordinary_urls_are_cut_and_escaped_as_by_urllib(
    segments: list[str], parameters: list[tuple[str, str]], port: str
) -> None:
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in parameters)
    url = f"http://Example.org{port}/{'/'.join(map(quote, segments))}?{query}#top"
    cut = urlsplit(url)
    kept = [segment for segment in segments if segment not in {".", ".."}]
    if kept == segments:
        suffix = f"?{cut.query}" if cut.query else ""
        own = "" if port == ":80" else port
        assert normal_form(url, STRICT) == f"http://{cut.hostname}{own}{cut.path}{suffix}#top"
        assert unquote(normal_form(url, STRICT)) == unquote(f"http://{cut.hostname}{own}{cut.path}{suffix}#top")


@pytest.mark.parametrize(
    "variants",
    [
        ["http://example.org", "https://EXAMPLE.org:443/", "//example.org./?#top", "example.org:80/index.html"],
        [
            "http://a.org/x?b=2&a=1",
            "http://www.a.org/x/?a=1&utm_source=n&b=2",
            "https://a.org/y/../%78?&a=1&b=2&gclid=3",
        ],
        ["http://a.org/%e4%bd%a0", "http://a.org/%E4%BD%A0", "http://a.org/你/"],
        ["http://BÜCHER.de/", "http://xn--bcher-kva.DE"],
    ],
)
def test_variants_of_a_url_have_one_form(variants: list[str]) -> None:
    assert len({normal_form(url, LOOSE) for url in variants}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.org/x", "http://a.org/X"),
        ("http://a.org/?a=1&a=2", "http://a.org/?a=2&a=1"),
        ("http://a.org/a%2Fb", "http://a.org/a/b"),
        ("http://a.org/?a", "http://a.org/?a="),
        ("http://a.org:8080/", "http://a.org/"),
        ("ftp://a.org/", "http://a.org/"),
        ("http://www.org/", "http://org/"),
    ],
)
def test_different_urls_keep_different_forms(one: str, other: str) -> None:
    assert normal_form(one, LOOSE) != normal_form(other, LOOSE)


def test_a_long_url_takes_time_in_proportion() -> None:
    """A million parameters in falling order, a million segments that go up, a host of half a million labels."""
    parameters = "&".join(f"{number:07d}" for number in range(1_000_000, 0, -1))
    assert normal_form("a.b/?" + parameters, LOOSE).startswith("//a.b?0000001&0000002")
    assert normal_form("a.b" + "/x/.." * 1_000_000, LOOSE) == "//a.b"
    assert normal_form("é." * 500_000 + "x/", LOOSE).endswith(".x")
