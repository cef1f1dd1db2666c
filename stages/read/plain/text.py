"""Plain text from bytes: by its byte order mark, as UTF-8, or as what its bytes look like.

That is the order of the WHATWG Encoding standard where nothing else declares the character set. Detection is a guess
about a sample, so it is recorded with the document, and few places of the text may contradict it.
"""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE

import orjson

from prep.stages.read.rows import Row, failed, rejected
from prep.stages.shared.charset.decoding import decode
from prep.stages.shared.charset.detection import detect_charset, undecodable

_BOMS = ((BOM_UTF8, "utf-8"), (BOM_UTF32_LE, "utf-32-le"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
_MAX_UNDECODABLE = 0.01
"""Largest share of characters that replace undecodable bytes where the character set was detected."""


def text_row(row_id: str, data: bytes) -> Row:
    """Return a plain text as a document; its character set is in `metadata` where it was detected."""
    try:
        text, detected, replaced = decode_text(data)
    except UnicodeDecodeError as error:
        return failed(row_id, "bad_encoding", f"byte {error.start} is no {error.encoding}: {error.reason}")
    if replaced > _MAX_UNDECODABLE * len(text):
        return failed(row_id, "bad_encoding", f"it looks like {detected}, but {replaced} places are not")
    if not text or text.isspace():
        return rejected(row_id, "empty")
    if "\0" in text:
        return failed(row_id, "bad_encoding", "it holds zero bytes, so it is no text")
    about: dict[str, str | int] = {} if detected is None else {"charset": detected}
    if replaced:
        about["undecodable"] = replaced
    return Row(row_id, text=text, metadata=orjson.dumps(about).decode() if about else None)


def decode_text(data: bytes) -> tuple[str, str | None, int]:
    """Return the text without a byte order mark, its character set where that was detected, and replaced places.

    Raises UnicodeDecodeError where the bytes are not in the character set that their mark announces.
    """
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset), None, 0
    found = detect_charset(data)
    text = decode(data, found)
    replaced = undecodable(data, text, found)
    return text, None if found == "utf-8" and not replaced else found, replaced
