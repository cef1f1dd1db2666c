"""Pages out of archived HTTP responses: what becomes of each, whichever kind of archive holds it."""

import re

from prep.stages.read.archives.responses import HttpError, decode_body, is_html, may_be_html, media_type, parse_response
from prep.stages.read.rows import Row, failed, rejected, too_large

_PAGE_STATUS = frozenset({200, 203})

KEPT_HEADERS = (
    "content-language",
    "content-location",
    "content-type",
    "content-usage",
    "last-modified",
    "link",
    "tdm-policy",
    "tdm-reservation",
    "x-robots-tag",
)
"""What later stages ask about a response: rights, language, date, address."""
_KEPT = re.compile(rf"^({'|'.join(KEPT_HEADERS)})[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)", re.IGNORECASE | re.MULTILINE)
_MAX_KEPT = 8 << 10


def response_row(row_id: str, block: bytes, length: int, limit: int, *, cut: bool = False) -> Row:
    """Return the page in a response of which `block` is what was read of `length` bytes.

    `cut` says that the crawler stopped early.
    """
    if not block or block.isspace():
        return rejected(row_id, "empty")
    try:
        response = parse_response(block)
        if response.status not in _PAGE_STATUS:
            return rejected(row_id, "http_status", float(response.status))
        content, charset = media_type(response.headers.get("content-type", ""))
        if not may_be_html(content):
            return rejected(row_id, "not_html", detail=content)
        if len(block) < length:
            return too_large(row_id, length, limit)
        body = decode_body(response, limit, cut=cut)
    except HttpError as error:
        return failed(row_id, error.rule, str(error))
    row = page_row(row_id, content, charset, body, len(body), limit)
    return row if row.rule is not None else row._replace(headers=_kept(response.head))


def page_row(row_id: str, content: str, charset: str | None, body: bytes, length: int, limit: int) -> Row:
    """Return a page of which `body` is what was read of `length` bytes."""
    if not body or body.isspace():
        return rejected(row_id, "empty")
    if not is_html(content, body):
        return rejected(row_id, "not_html", detail=content or "no type")
    if length > limit:
        return too_large(row_id, length, limit)
    return Row(row_id, html=body, charset=charset)


def _kept(head: str) -> str | None:
    """Write the headers that later stages ask about, one a line; a name may come several times."""
    lines = [f"{name.lower()}: {' '.join(value.split())}" for name, value in _KEPT.findall(head)]
    return "\n".join(lines)[:_MAX_KEPT] or None
