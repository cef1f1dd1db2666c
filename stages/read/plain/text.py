"""Plain text from bytes: by its byte order mark, as UTF-8, or as what its bytes look like.

That is the order of the WHATWG Encoding standard where nothing else declares the character set. Detection is a guess
about a sample, so the guess must hold for all bytes, and is recorded with the document.
"""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE

import orjson
from resiliparse.parse.encoding import detect_encoding

from prep.stages.read.rows import Row, failed, rejected

_BOMS = ((BOM_UTF8, "utf-8"), (BOM_UTF32_LE, "utf-32-le"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
_SAMPLE = 256 << 10


def text_row(row_id: str, data: bytes) -> Row:
    """Return a plain text as a document; its character set is in `metadata` where it was detected."""
    try:
        text, detected = decode_text(data)
    except UnicodeDecodeError as error:
        return failed(row_id, "bad_encoding", f"byte {error.start} is no {error.encoding}: {error.reason}")
    if not text or text.isspace():
        return rejected(row_id, "empty")
    if "\0" in text:
        return failed(row_id, "bad_encoding", "it holds zero bytes, so it is no text")
    metadata = None if detected is None else orjson.dumps({"charset": detected}).decode()
    return Row(row_id, text=text, metadata=metadata)


def decode_text(data: bytes) -> tuple[str, str | None]:
    """Return the text without a byte order mark, and its character set where that was detected.

    Raises UnicodeDecodeError where the bytes are not in the character set that they announce or look like.
    """
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset), None
    try:
        return data.decode(), None
    except UnicodeDecodeError as error:
        start = max(0, error.start - _SAMPLE // 2)
        charset = str(detect_encoding(data[start : start + _SAMPLE]))
        return data.decode(charset), charset
