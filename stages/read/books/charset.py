"""The character set of a book's chapter: as its bytes show, as it declares, or as its bytes look like.

Names mean what browsers mean by them (`iso-8859-1` is windows-1252, `shift_jis` is windows-31j). A declaration that the
bytes contradict is not believed. Source: the WHATWG Encoding standard.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_BOMS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
_WIDE = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_HEAD = 2048
_DECLARED = re.compile(
    rb"""<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)|<meta[^>]*?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_SAMPLE = 256 << 10
_ALIASES = {"cp932": "shift_jis", "ms932": "shift_jis", "cp949": "euc-kr", "cp1252": "windows-1252", "cp936": "gbk"}
"""Names that Python and Windows know and browsers do not."""
_CODECS = {"shift_jis": "cp932", "euc_kr": "cp949", "gbk": "gb18030", "big5": "big5hkscs", "iso8859-11": "cp874"}
"""What browsers mean by a character set → Python's codec of it."""


def decoded(data: bytes) -> str:
    """Return a chapter's markup. Raises UnicodeDecodeError where no character set fits."""
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset)
    for start, charset in _WIDE:
        if data.startswith(start):
            return data.decode(charset)
    declared = _DECLARED.search(data[:_HEAD])
    name = "utf-8" if declared is None else _known((declared[1] or declared[2]).decode("ascii", "replace"))
    for charset in dict.fromkeys((name, "utf-8")):
        try:
            return data.decode(charset)
        except UnicodeDecodeError as error:
            start_at = max(0, error.start - _SAMPLE // 2)
    return data.decode(_known(str(detect_encoding(data[start_at : start_at + _SAMPLE]))))


def _known(label: str) -> str:
    """Return the codec that a label means; UTF-8 for labels that mean none."""
    mapped = map_encoding_to_html5(_ALIASES.get(label.lower(), label), False)
    if not mapped or str(mapped).startswith("utf-16"):  # what can be read as ASCII is not UTF-16
        return "utf-8"
    return _CODECS.get(str(mapped), str(mapped))
