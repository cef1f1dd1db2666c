"""What character set bytes look like.

UTF-8 is recognised by its form: in text of another character set, well-formed sequences of it are rare. 16- and 32-bit
text is recognised by its zero bytes. For all others the detector of Firefox is asked (chardetng, Sivonen 2020),
which weighs pairs of letters of the web's legacy character sets; it leaves out the Macintosh's Roman, which is
recognised here by letters at places that hold no letters, or nothing, in windows-1252. A page with a few signs beyond
ASCII (`£3`, `•`) says too little: there the language that it declares stands for the top-level domain that chardetng
asks for (on 1,223 English pages in windows-1252 it is wrong 101 times without, 10 times with it). Cost: a pass for
UTF-8; chardetng reads 10 MB/s, so it sees a sample.
"""

import re
from typing import Final, NamedTuple

import regex
from chardetng_py import detect

from prep.stages.shared.charset.decoding import REPLACEMENT, decode
from prep.stages.shared.charset.names import charset_of

MULTI_BYTE: Final = frozenset({"gbk", "gb18030", "big5", "euc-jp", "shift_jis", "euc-kr"})
TOLERATED: Final = 0.02
"""Share of the characters beyond ASCII that may be damaged before a character set is doubted."""

_SAMPLE = 128 << 10
_ASCII = bytes(range(128))
_UTF8_SHARE = 0.9
"""Share of the bytes beyond ASCII in well-formed sequences from which a text is UTF-8."""
_ZEROS = 0.1
"""Share of zero bytes on one side of the pairs from which a text is taken as 16-bit."""
_MOSTLY = 0.9
"""Share of zero bytes at a place of each four from which a text is taken as 32-bit."""
_KOREAN_ESCAPE = b"\x1b$)C"
_ESCAPES = (b"\x1b$@", b"\x1b$B", b"\x1b$(D", b"\x1b(J", b"\x1b(I")
_MAC_LETTER = re.compile(rb"[a-z][\x80-\x84\x86-\x90\x98\x9b\x9d\x9f](?=[a-z])")
"""Letters of the Macintosh between letters, where windows-1252 has none and no dash, quotation mark or ellipsis."""
_WINDOWS_LETTER = re.compile(rb"[a-z][\xd6-\xff](?=[a-z])")
_DOUBTFUL = re.compile("[\x80-\x9f\ue000-\uf8ff\ufffd\uff61-\uff9f]")
"""Controls, private use, undecodable, and half-width kana, which other character sets look like in Shift_JIS."""
_CONTROL = re.compile("[\x80-\x9f]")
_RUN = re.compile("[^\x00-\x7f]{4,}")
_LONE = re.compile("(?<![^\x00-\x7f])[^\x00-\xbf](?![^\x00-\x7f])(?:(?<=[A-Za-z].)|(?=[A-Za-z]))")
"""A letter of another script alone in a word of ASCII, as Latin text looks in another script's character set."""
_MISPLACED = regex.compile(
    r"(?<=\p{L})[¡-§©¬®-³¶¸¹»-¿×÷](?=\p{Ll})|(?<!\d)[ªº](?=\p{Ll})|(?<=\p{Ll}{2})[\p{Lu}--[A-Z]]", regex.V1
)
"""Signs within words and capitals behind small letters, as one Latin character set looks in another."""
_OTHER_SCRIPT = regex.compile(r"([\p{L}--\p{Latin}])(?!\1)[[\p{L}\p{M}]--\p{Latin}]{2}", regex.V1)
"""The beginning of a word of another script."""
_ESCAPE = re.compile(r"\x1b(?:\$[@B]|\$\(D|\$\)C|\([JI])")
_FEW = 3
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
LATIN: Final = frozenset(
    {"windows-1250", "windows-1252", "windows-1254", "windows-1257", "windows-1258", "macintosh"}
    | {f"iso-8859-{part}" for part in (2, 3, 4, 10, 13, 14, 15, 16)}
    | {f"ibm{page}" for page in (437, 775, 850, 852, 857, 858, 860, 861, 863, 865)}
)
SEVEN_BIT: Final = frozenset({"iso-2022-jp", "hz-gb-2312", "iso-2022-kr", "utf-7"})
"""Character sets that write all characters in ASCII."""
_DOMAINS: Final = {
    **{language: language for language in ("bg", "de", "es", "fi", "fr", "hr", "hu", "is", "it", "lt", "lv", "mk")},
    **{language: language for language in ("nl", "no", "pl", "pt", "ro", "ru", "sk", "th", "tr", "fo")},
    "en": "uk", "ga": "ie", "cy": "uk", "ca": "es", "eu": "es", "gl": "es", "da": "dk", "sv": "se", "nb": "no",
    "nn": "no", "cs": "cz", "sl": "si", "bs": "ba", "sr": "rs", "sq": "al", "et": "ee", "el": "gr", "uk": "ua",
    "be": "by", "kk": "kz", "ky": "kg", "he": "il", "ar": "sa", "fa": "ir", "ja": "jp", "ko": "kr", "zh": "cn",
    "vi": "vn",
}  # fmt: skip
"""Languages → the top-level domain whose pages are written in them."""


class Utf8(NamedTuple):
    """How far bytes are UTF-8."""

    text: str
    """Decoded; what is not well-formed is replaced."""
    ascii: bool
    """Whether there is nothing beyond ASCII."""
    broken: int = 0
    """Places that were replaced."""
    share: float = 1.0
    """Share of the bytes beyond ASCII in well-formed sequences; 1 where there are none."""

    @property
    def characters(self) -> int:
        """Characters beyond ASCII that are well-formed."""
        return sum(map(len, _BEYOND_ASCII.findall(self.text))) - self.broken

    @property
    def plausible(self) -> bool:
        """Whether the text is UTF-8, if need be with some broken bytes."""
        return self.broken == 0 or (self.share >= _UTF8_SHARE and self.characters > self.broken)


def read_utf8(data: bytes) -> Utf8:
    """Return how far bytes are UTF-8."""
    try:
        text = data.decode()
        return Utf8(text, len(text) == len(data))
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    beyond = len(data.translate(None, _ASCII))
    broken = text.count(REPLACEMENT) - data.count(REPLACEMENT.encode())  # a text may say U+FFFD itself
    well_formed = len(text.encode()) - len(REPLACEMENT.encode()) * broken - (len(data) - beyond)
    return Utf8(text, False, broken, well_formed / beyond)


def wide_charset(data: bytes) -> str | None:
    """Return the name of the 16- or 32-bit character set that bytes without a mark are in; None for any other."""
    sample = data[:4096]
    sample = sample[: len(sample) // 2 * 2]
    if len(sample) < 8:
        return None
    zeros = [sample[place::4].count(0) > _MOSTLY * len(sample) // 4 for place in range(4)]
    if zeros in ([False, False, True, True], [False, True, True, True]):
        return "utf-32le"
    if zeros in ([True, True, False, False], [True, True, True, False]):
        return "utf-32be"
    high, low = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if max(high, low) < _ZEROS * half or min(high, low) > 0.05 * max(high, low):
        return None
    return "utf-16be" if high > low else "utf-16le"


def detect_charset(data: bytes, language: str | None = None) -> str:
    """Return the standard's name of the character set that bytes look like, in a language if that is known."""
    if found := wide_charset(data):
        return found
    if _KOREAN_ESCAPE in data:
        return "iso-2022-kr"
    if any(escape in data for escape in _ESCAPES):
        return "iso-2022-jp"
    if read_utf8(data).plausible:
        return "utf-8"
    first = len(data) - len(data.lstrip(_ASCII))
    start = max(0, first - 1024) // 2 * 2
    sample = data[start : start + _SAMPLE]
    domain = _DOMAINS.get(re.split("[-_]", language.lower())[0]) if language else None
    found = charset_of(detect(sample, allow_utf8=False, tld=domain.encode() if domain else None)) or "windows-1252"
    if found == "windows-1252" and len(_MAC_LETTER.findall(sample)) > 3 * len(_WINDOWS_LETTER.findall(sample)) + 2:
        return "macintosh"
    if found not in LATIN | MULTI_BYTE and not _OTHER_SCRIPT.search(decode(sample, found)):
        return "windows-1252"  # a few signs, which some other script has letters for
    return found


def damage(text: str, charset: str, utf8: Utf8) -> float:
    """Return which share of the characters beyond ASCII speaks against a decoding.

    That is what is undecodable, controls, private use and half-width kana. In Latin character sets it is also signs and
    capitals within words, long runs of characters beyond ASCII, where they are most of them, for other scripts look
    like that, and what is UTF-8; in others letters alone among those of ASCII, where they are most. Escapes of
    character sets of seven bits speak against all others.
    """
    if charset not in SEVEN_BIT and _ESCAPE.search(text):
        return 1.0
    beyond = sum(map(len, _BEYOND_ASCII.findall(text)))
    if beyond == 0:
        return 0.0
    doubtful = len(_DOUBTFUL.findall(text))
    if charset not in LATIN:
        alone = 0 if charset.startswith("utf-") else len(_LONE.findall(text))
        return max(doubtful, alone if alone >= _FEW and alone > beyond / 2 else 0) / beyond
    in_runs = sum(map(len, _RUN.findall(text)))
    doubtful += len(_MISPLACED.findall(text))
    return max(doubtful / beyond, in_runs / beyond if in_runs > beyond / 2 else 0.0, utf8.share)


def undecodable(data: bytes, text: str, charset: str) -> int:
    """Return how many places of a decoded text are no characters.

    A text in UTF-8 may say U+FFFD itself; the controls of Windows' sets stand where they have no character.
    """
    if charset == "utf-8":
        return text.count(REPLACEMENT) - data.count(REPLACEMENT.encode())
    return text.count(REPLACEMENT) + (len(_CONTROL.findall(text)) if charset.startswith("windows-") else 0)
