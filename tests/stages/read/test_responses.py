"""HTTP responses as careless servers and crawlers leave them."""

import gzip
import io
import random
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from fastwarc.stream_io import BrotliWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read.archives.responses import (
    MAX_HEADER,
    HttpError,
    Response,
    decode_body,
    is_html,
    may_be_html,
    media_type,
    parse_fields,
    parse_response,
)

PAGE = b"<!DOCTYPE html><html><body>" + b"<p>words and words</p>" * 500
LIMIT = 1 << 20


def brotli(data: bytes) -> bytes:
    sink = io.BytesIO()
    writer = BrotliWriter(sink)
    writer.write(data)
    writer.close()
    return sink.getvalue()


def raw_deflate(data: bytes) -> bytes:
    deflator = zlib.compressobj(wbits=-15)
    return deflator.compress(data) + deflator.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli,
    "zstd": zstandard.ZstdCompressor().compress,
}


def coded(body: bytes, coding: str = "", transfer: str = "") -> Response:
    return Response(200, {"content-encoding": coding, "transfer-encoding": transfer}, body)


def chunks(data: bytes, size: int, extension: bytes = b"", end: bytes = b"\r\n") -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%s%s%s%s" % (len(part), extension, end, part, end) for part in parts) + b"0" + end + end


@pytest.mark.parametrize(
    ("block", "status", "headers", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 200, {"a": "b"}, b"body"),
        (b"HTTP/1.0 404\n\nbody\r\n\r\nmore", 404, {}, b"body\r\n\r\nmore"),
        (b"HTTP/2 301 \r\nLocation: x:y\r\n\r\n", 301, {"location": "x:y"}, b""),
        (b"HTTP/1.1  200 OK\r\nA:b\r\n a: b\r\n\tc\r\na: second\r\n\nbody", 200, {"a": "b a: b c"}, b"body"),
        (b"HTTP/1.1 200 Sans corps\r\nA: \xe9", 200, {"a": "é"}, b""),
    ],
)
def test_responses(block: bytes, status: int, headers: dict[str, str], body: bytes) -> None:
    assert parse_response(block)[:3] == (status, headers, body)


@pytest.mark.parametrize(
    ("block", "seen"),
    [
        (b"<html>", "no status line"),
        (b"HTTP/1.1", "no status line"),
        (b"HTTP/1.1 OK 200\r\n\r\n", "no status line"),
        (b"HTTP/1.1 " + b"2" * 5000 + b"\r\n\r\n", "no status line"),
        (b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\n" + b"a\n" * MAX_HEADER, "does not end within"),
    ],
)
def test_what_is_no_response(block: bytes, seen: str) -> None:
    with pytest.raises(HttpError, match=seen) as caught:
        parse_response(block)
    assert caught.value.rule == "bad_http"


def test_fields_are_found_in_any_case_and_the_first_wins() -> None:
    fields = parse_fields("WARC/1.0\r\nWARC-Type: response\r\nEmpty:\r\nnothing\r\n: x\r\nwarc-type: other\r")
    assert fields == {"warc-type": "response", "empty": "", "": "x"}


@pytest.mark.parametrize(
    ("value", "kind", "charset"),
    [
        ("text/html", "text/html", None),
        ("Text/HTML; Charset=UTF-8", "text/html", "UTF-8"),
        ("text/html;charset='iso-8859-1'", "text/html", "iso-8859-1"),
        ('text/html; charset = "utf-8"; x=y', "text/html", "utf-8"),
        ("text/html; charset=", "text/html", None),
        ("", "", None),
        ("text/html charset=utf-8", "text/html", "utf-8"),
        ("text/html, charset=utf-8", "text/html", "utf-8"),
        ("text/html,text/html; charset=koi8-r", "text/html", "koi8-r"),
        ("charset=utf-8", "", "utf-8"),
        ("text/html; charset=none; charset=koi8-r", "text/html", "koi8-r"),
        ("text/html; charset=charset=utf-8", "text/html", "utf-8"),
        ('text/html; profile="charset=koi8-r"; charset=utf-8', "text/html", "utf-8"),
    ],
)
def test_content_types(value: str, kind: str, charset: str | None) -> None:
    assert media_type(value) == (kind, charset)


@pytest.mark.parametrize(
    ("kind", "body", "page"),
    [
        ("text/html", b"anything", True),
        ("application/xhtml+xml", b"", True),
        ("", b"\xef\xbb\xbf \n<!-- a > b --><?xml version='1.0'?>\n<!DOCTYPE HTML>", True),
        ("", b"<p>text", True),
        ("", b"<person>", False),
        ("", b"%PDF-1.4 <html>", False),
        ("unk", b"<BODY>", True),
        ("text/plain", b"<html lang='x'>", True),
        ("text/plain", b"<p>text", False),
        ("application/xml", b"<?xml version='1.0'?><html xmlns='x'>", True),
        ("application/xml", b"<?xml version='1.0'?><rss>", False),
        ("image/png", b"<html>", False),
    ],
)
def test_which_bodies_are_pages(kind: str, body: bytes, *, page: bool) -> None:
    assert is_html(kind, body) is page
    assert may_be_html(kind) or not page


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("declared", ["{}", " {} ", "identity, {}"])
def test_content_codings_are_undone(coding: str, declared: str) -> None:
    body = CODINGS[coding](PAGE)
    assert decode_body(coded(body, declared.format(coding)), LIMIT) == PAGE


def test_codings_are_undone_last_first() -> None:
    body = chunks(brotli(gzip.compress(PAGE)), 1000)
    assert decode_body(coded(body, "gzip, br", "chunked"), LIMIT) == PAGE
    assert decode_body(coded(raw_deflate(PAGE), "deflate"), LIMIT) == PAGE
    assert decode_body(coded(gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:]), "gzip"), LIMIT) == PAGE
    assert decode_body(coded(gzip.compress(PAGE) + b"padding", "gzip"), LIMIT) == PAGE


@pytest.mark.parametrize("coding", [*CODINGS, "utf-8", "none", "", "anything"])
def test_a_coding_that_the_crawler_has_undone(coding: str) -> None:
    assert decode_body(coded(b" \n" + PAGE, coding), LIMIT) == b" \n" + PAGE
    assert decode_body(coded(b"", coding), LIMIT) == b""


@pytest.mark.parametrize("coding", [*CODINGS, "compress", "aws-chunked"])
def test_a_body_that_is_not_what_its_header_says(coding: str) -> None:
    with pytest.raises(HttpError, match=coding) as caught:
        decode_body(coded(b"\xff\xfe\xfd neither coded nor a page", coding), LIMIT)
    assert caught.value.rule == "bad_content"


@pytest.mark.parametrize(
    ("coding", "rule"),
    [("gzip", "truncated_body"), ("deflate", "truncated_body"), ("br", "bad_content"), ("zstd", "bad_content")],
)
def test_a_body_that_ends_early(coding: str, rule: str) -> None:
    varied = PAGE + random.Random(1).randbytes(300_000)
    whole = CODINGS[coding](varied)
    cut = coded(whole[: len(whole) - 3], coding)
    with pytest.raises(HttpError) as caught:
        decode_body(cut, LIMIT)
    assert caught.value.rule == rule
    kept = decode_body(cut, LIMIT, cut=True)
    assert len(kept) > 1000
    assert varied.startswith(kept)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_not_inflated(coding: str) -> None:
    body = CODINGS[coding](bytes(8 << 20))
    assert len(decode_body(coded(body, coding), 1000)) == 1001


def test_a_body_of_very_many_gzip_members() -> None:
    body = gzip.compress(b"x") * 100_000
    assert decode_body(coded(body, "gzip"), LIMIT) == b"x" * 100


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.integers(1, 50),
    st.sampled_from([b"", b";a=b", b" "]),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_chunks_are_joined(data: bytes, size: int, extension: bytes, end: bytes) -> None:
    body = chunks(data, size, extension, end)
    assert decode_body(coded(body, transfer="Chunked"), LIMIT) == data
    assert decode_body(coded(body + b"Trailer: x\r\n\r\n", transfer="chunked"), LIMIT) == data


def test_a_body_whose_chunks_the_crawler_has_joined() -> None:
    assert decode_body(coded(PAGE, transfer="chunked"), LIMIT) == PAGE


def test_a_missing_last_chunk() -> None:
    body = chunks(PAGE, 4096)
    for cut in (-5, -100, -5000):
        response = coded(body[:cut], transfer="chunked")
        with pytest.raises(HttpError) as caught:
            decode_body(response, LIMIT)
        assert caught.value.rule == "truncated_body"
        assert PAGE.startswith(decode_body(response, LIMIT, cut=True))


def test_what_follows_a_chunk_is_no_chunk() -> None:
    with pytest.raises(HttpError, match="no chunk size at byte 8") as caught:
        decode_body(coded(b"3\r\nabc\r\nxyz", transfer="chunked"), LIMIT)
    assert caught.value.rule == "bad_content"


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([*CODINGS, "", "other"]), st.booleans(), st.booleans())
def test_no_body_is_too_broken(body: bytes, coding: str, chunked: bool, cut: bool) -> None:
    with suppress(HttpError):
        assert len(decode_body(coded(body, coding, "chunked" if chunked else ""), 50, cut=cut)) <= 51
