"""What a page says about its own character set: `<meta charset>`, `<meta http-equiv>` and XML declarations.

As in a browser, what stands in comments, in values of attributes and in elements whose content is text says nothing.
Cost: linear in the bytes that are looked at, also where a tag, a comment or an element never ends.
"""

import re
from collections.abc import Iterator
from typing import Final

_OPENER: Final = re.compile(rb"<(!--|\?xml|/?[a-z][^\s/>]*)", re.IGNORECASE)
_REST: Final = re.compile(rb"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')|=)*+>")
"""Attributes, in whose values `>` may stand, and the end of the tag."""
_COMMENT_END: Final = re.compile(rb"--!?>")
_EMPTY_COMMENT: Final = re.compile(rb"-?>")
_TEXT: Final = {
    name: re.compile(rb"</" + name, re.IGNORECASE)
    for name in (b"script", b"style", b"title", b"textarea", b"iframe", b"noembed", b"noframes", b"xmp", b"template")
}
"""Elements whose content declares nothing, and what ends them."""
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([^\"']+)", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(rb"""([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_CONTENT: Final = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s\"';]+)", re.IGNORECASE)


def declared_labels(data: bytes, end: int) -> Iterator[bytes]:
    """Yield the labels that a page declares in its first `end` bytes, in order."""
    at = 0
    unclosed: set[bytes] = set()
    while opener := _OPENER.search(data, at, end):
        name, at = opener[1].lower(), opener.end()
        if name == b"!--":
            comment = _EMPTY_COMMENT.match(data, at, end) or _COMMENT_END.search(data, at, end)
            if comment is None:
                return
            at = comment.end()
            continue
        rest = _REST.match(data, at, end)
        if rest is None:
            return
        at = rest.end()
        label = _meta_label(rest[0]) if name == b"meta" else None
        if name == b"?xml" and (encoding := _ENCODING.search(rest[0])):
            label = encoding[1]
        if label:
            yield label
        if name in _TEXT and name not in unclosed:
            closing = _TEXT[name].search(data, at, end)
            if closing is None:
                unclosed.add(name)
            else:
                at = closing.end()


def _meta_label(attributes: bytes) -> bytes | None:
    values: dict[bytes, bytes] = {}
    for name, *value in _ATTRIBUTE.findall(attributes):
        values.setdefault(name.lower(), b"".join(value))
    content = _CONTENT.search(values.get(b"content", b""))
    if b"charset" in values:
        inside = _CONTENT.search(values[b"charset"])
        return inside[1] if inside else values[b"charset"]
    says_type = any(values.get(name, b"").strip().lower() == b"content-type" for name in (b"http-equiv", b"name"))
    return content[1] if says_type and content else None
