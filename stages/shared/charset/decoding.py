"""Decodes bytes as browsers do: the tables of the WHATWG Encoding standard, by Python's codecs and what they lack.

Python's codecs were compared with the standard's tables, byte by byte and pair by pair. Where they differ, an error
handler supplies the characters that a codec does not know (NEC's row 13 and IBM's extensions in EUC-JP and ISO-2022-JP,
ETEN's and later Hong Kong characters in Big5) and a translation changes those that it takes for others (the wave dash
of EUC-JP). What is no character becomes one U+FFFD; a pair of bytes that is none is passed over as a pair, so that the
characters after it are not read from its second byte. Cost: that of Python's codecs.
"""

import codecs
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

_Handler = Callable[[UnicodeError], tuple[str, int]]

_CODECS: Final = {
    "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "ibm866": "cp866", "iso-8859-8-i": "iso-8859-8",
    "macintosh": "mac_roman", "x-mac-cyrillic": "mac_cyrillic", "windows-874": "cp874", "gbk": "gb18030",
    "big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "iso-2022-jp": "iso2022_jp_ext",
    "x-user-defined": "latin-1", "hz-gb-2312": "hz", "iso-2022-kr": "iso2022_kr",
    "utf-7": "utf_7", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be", "ibm858": "cp858",
    **{f"ibm{page}": f"cp{page}" for page in (437, 737, 775, 850, 852, 855, 857, *range(860, 866), 869)},
}  # fmt: skip
"""Python's codec where it has another name than the standard's."""


def _mapped(characters: str, others: str) -> dict[int, str]:
    return dict(zip(map(ord, characters), others, strict=True))


_CHANGED: Final[dict[str, dict[int, str]]] = {
    "koi8-u": {0x255D: "ў", 0x256C: "Ў"},
    "shift_jis": dict.fromkeys(range(0xF8F0, 0xF8F4), REPLACEMENT),
    "euc-jp": _mapped("〜‖−¢£¬", "～∥－￠￡￢"),
    "iso-2022-jp": _mapped("〜‖−¢£¬", "～∥－￠￡￢"),
    "big5": _mapped("•､‾∼♁☉¥¢£", "‧﹑¯～⊕⊙￥￠￡"),
    "gb18030": {
        0xE5E5: "\u3000", 0xE7C7: "ḿ",
        **{0xE78D + place: character for place, character in enumerate("︐︒︑︓︔︕︖︗︘︙")},
        **dict(zip((0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE832, 0xE843, 0xE854, 0xE864), "龴龵龶龷龸龹龺龻", strict=True)),
    },
    "x-user-defined": {byte: chr(0xF700 + byte) for byte in range(0x80, 0x100)},
}  # fmt: skip
"""Characters of Python's codecs that are others in the standard."""
_CHANGED["gbk"] = _CHANGED["gb18030"]

_BIG5: Final = """
877a㡵𡵓𣚞𦀡㻬 87a1𥣞㫵竼龗𤅡𨤍𣇪𠪊𣉞䌊蒄龖鐯䤰蘓墖靊鈘秐稲 87b5晠権袝瑌篅枂稬剏遆㓦珄𥶹瓆鿇垳䤯呌䄱𣚎堘
87c9穲𧭥讏䚮𦺈䆁𥶙箮𢒼鿈𢓁𢓉𢓌鿉蔄𣖻䂴鿊䓡𪷿 87dd拁灮鿋 8e69箸 8e6f簆 8e7e糎 8eab緒 8eb4縝 8ecd者 8ed0耨 8f57菁
8f69蒨 8f6e萏 8fcb覦覩 8ffe起 906d都 907a銹 90dc靜 90f1響 91bf鼖 9244蔃 92af兙兛兝兞 92c8鍮 92d1瑹 9447浧
94ca禛 95d9邗 9644靝 96ed瀞 96fc嬨 9b76爁 9b78矗 9b7b纇 9bc6駖 9bde釔 9bec惞 9bf6澶 9c42輶 9c53侻 9c62營 9c68鄄
9c6b鷰 9c77菏 9cbc尐秣 9cd0婧 9d57輋 9d5a筑 9dc4拐 9ea9恢 9eef痹 9efd汊 9f60鬮 9f66鼗 9fcb僭 9fd8弌 a063蠏
a077拎 a0d5瑨 a0df煢 a0e4牐 a3c0␀␁␂␃␄␅␆␇␈␉␊␋␌␍␎␏␐␑␒␓ a3d4␔␕␖␗␘␙␚␛␜␝␞␟␡ a3e1€ c6cf廴 c6d3无 c6d5癶 c6d7隶
c6de〃仝 fa5f倩 fa66偽 fabd包 fac5卄 fad5卿 fb48嘅 fbb8婷 fbf3幵 fbf9廐 fc4f彘 fc6c悤 fcb9撐 fce2晴 fcf1杞
fdb7沜渝 fdbb港 fdf1煮 fe52猪 fe6f瑜 feaa瓩 fedd砉
"""
"""Runs of the pairs that Python's codec of Big5 with HKSCS does not know: the first pair, then the characters."""


def decode(data: bytes, charset: str) -> str:
    """Return bytes in a character set, named as in the standard, as text; what is no character becomes U+FFFD."""
    if charset == "utf-8":
        return data.removeprefix(BOM_UTF8).decode("utf-8", "replace")
    text = data.decode(_CODECS.get(charset, charset), f"prep.{charset}" if charset in _HANDLERS else "replace")
    changed = _CHANGED.get(charset)
    text = text.translate(changed) if changed else text
    return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def _single_byte(known: dict[int, str]) -> _Handler:
    """Windows' sets have the C1 controls where they have nothing else."""

    def handle(error: UnicodeError) -> tuple[str, int]:
        data, start = _place(error)
        byte = data[start]
        return known.get(byte, chr(byte) if byte < 0xA0 else REPLACEMENT), start + 1

    return handle


def _pairs(first_lead: int = 0x81, known: Callable[[bytes], str] = lambda pair: "") -> _Handler:
    """Look a pair up among those that the codec lacks; `known` returns an empty text for one that it lacks too."""

    def handle(error: UnicodeError) -> tuple[str, int]:
        data, start = _place(error)
        pair = data[start : start + 2]
        if found := known(pair):
            return found, start + 2
        is_pair = len(pair) == 2 and first_lead <= pair[0] <= 0xFE and pair[1] >= 0x80
        return REPLACEMENT, start + (2 if is_pair else 1)

    return handle


def _gb18030(error: UnicodeError) -> tuple[str, int]:
    data, start = _place(error)
    return ("€", start + 1) if data[start] == 0x80 else _pairs()(error)


def _euc_jp(error: UnicodeError) -> tuple[str, int]:
    data, start = _place(error)
    if data[start] == 0x8F and len(data) > start + 2 and min(data[start + 1], data[start + 2]) >= 0xA1:
        return REPLACEMENT, start + 3
    return _pairs(0xA1, lambda pair: _jis(pair, 0xA0))(error)


def _iso_2022_jp(error: UnicodeError) -> tuple[str, int]:
    data, start = _place(error)
    pair = data[start : start + 2]
    is_pair = len(pair) == 2 and min(pair) >= 0x21 and max(pair) <= 0x7E  # alone, such a byte is a character
    return _jis(pair, 0x20) or REPLACEMENT, start + (2 if is_pair else 1)


def _place(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object, error.start


def _jis(pair: bytes, before: int) -> str:
    """Return the character of windows-31j's table whose row and cell, from `before` + 1, are a pair; empty for none."""
    if len(pair) < 2:
        return ""
    row, cell = pair[0] - before, pair[1] - before
    if not (1 <= row <= 94 and 1 <= cell <= 94):
        return ""
    lead = (row - 1) // 2 + (0x81 if row <= 62 else 0xC1)
    trail = cell + 0x9E if row % 2 == 0 else cell + 0x3F + (cell >= 64)
    try:
        return bytes((lead, trail)).decode("cp932")
    except UnicodeDecodeError:
        return ""


def _big5_pairs() -> dict[bytes, str]:
    pairs: dict[bytes, str] = {}
    for run in _BIG5.split():
        first = int(run[:4], 16)
        pairs |= {(first + place).to_bytes(2, "big"): character for place, character in enumerate(run[4:])}
    return pairs


_BIG5_PAIRS: Final = _big5_pairs()
_HANDLERS: Final[dict[str, _Handler]] = {
    **{f"windows-{page}": _single_byte({}) for page in (874, 1250, 1251, 1252, 1253, 1254, 1256, 1257, 1258)},
    "windows-1255": _single_byte({0xCA: "\N{HEBREW POINT HOLAM HASER FOR VAV}"}),
    "shift_jis": _pairs(),
    "euc-kr": _pairs(),
    "big5": _pairs(known=lambda pair: _BIG5_PAIRS.get(pair, "")),
    "euc-jp": _euc_jp,
    "iso-2022-jp": _iso_2022_jp,
    "gbk": _gb18030,
    "gb18030": _gb18030,
}
for _charset, _handler in _HANDLERS.items():
    codecs.register_error(f"prep.{_charset}", _handler)
