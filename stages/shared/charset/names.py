"""The names of character sets: which decoder browsers take for a label (WHATWG Encoding, section 4.2).

The standard knows labels exactly as they are listed there. Declarations in the wild also say `win-1251`, `cp949` or
`utf_8`; a label that the standard does not know is compared again without its punctuation.
"""

from typing import Final

_LABELS: Final = """
utf-8: unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8 utf8mb3 utf8mb4 utf-8-sig
ibm866: 866 cp866 csibm866
iso-8859-2: csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
iso-8859-3: csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
iso-8859-4: csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
iso-8859-5: csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988
iso-8859-6: arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127
    iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
iso-8859-7: csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987
    sun_eu_greek
iso-8859-8: csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8
    iso_8859-8:1988 visual
iso-8859-8-i: csiso88598i logical
iso-8859-10: csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6
iso-8859-13: iso8859-13 iso885913
iso-8859-14: iso8859-14 iso885914
iso-8859-15: csisolatin9 iso8859-15 iso885915 iso_8859-15 l9
iso-8859-16:
koi8-r: cskoi8r koi koi8 koi8_r
koi8-u: koi8-ru
macintosh: csmacintosh mac x-mac-roman macroman
windows-874: dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 cp874
windows-1250: cp1250 x-cp1250
windows-1251: cp1251 x-cp1251
windows-1252: ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1
    iso_8859-1:1987 l1 latin1 us-ascii x-cp1252 ansi
windows-1253: cp1253 x-cp1253
windows-1254: cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 x-cp1254
windows-1255: cp1255 x-cp1255
windows-1256: cp1256 x-cp1256
windows-1257: cp1257 x-cp1257
windows-1258: cp1258 x-cp1258
x-mac-cyrillic: x-mac-ukrainian maccyrillic
gbk: chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk cp936 windows-936 euc-cn
gb18030: gb18030-2000 gb18030-2005 gb18030-2022
big5: big5-hkscs cn-big5 csbig5 x-x-big5 cp950 windows-950 big5-eten
euc-jp: cseucpkdfmtjapanese x-euc-jp ujis
iso-2022-jp: csiso2022jp
shift_jis: csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis cp932 windows-932
euc-kr: cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 cp949 uhc
utf-16le: csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16
utf-16be: unicodefffe
x-user-defined:
hz-gb-2312: hz
iso-2022-kr: csiso2022kr
johab: ms1361 cp1361
utf-7: csutf7 unicode-1-1-utf-7
utf-32le: utf-32 ucs-4
utf-32be:
ibm437: 437 cp437 cspc8codepage437 dos-437
ibm737: cp737 dos-737
ibm775: cp775 dos-775
ibm850: 850 cp850 cspc850multilingual dos-850
ibm852: 852 cp852 cspcp852 dos-852
ibm855: 855 cp855 dos-855
ibm857: 857 cp857 dos-857
ibm858: 858 cp858 cp00858 ibm00858
ibm860: 860 cp860
ibm861: 861 cp861 cp-is
ibm862: 862 cp862 dos-862
ibm863: 863 cp863
ibm864: 864 cp864
ibm865: 865 cp865
ibm869: 869 cp869 cp-gr dos-869
"""
"""The standard's labels by name, then those of other registries. The standard does not decode the names from `hz` on:
some for reasons that concern scripts, which do not matter for text, and some because they are rare."""


def _by_label() -> dict[str, str]:
    names: dict[str, str] = {}
    name = ""
    for token in _LABELS.split():
        if token.endswith(":"):
            name = token[:-1]
        names[token.removesuffix(":")] = name
    return names


def _squeezed(label: str) -> str:
    letters = "".join(character for character in label if character.isalnum())
    return letters.replace("windows", "win").replace("wincp", "win")


_NAMES: Final = _by_label()
_SQUEEZED: Final = {_squeezed(label): name for label, name in reversed(_NAMES.items())}


def charset_of(label: str | None) -> str | None:
    """Return the standard's name, in lower case, of the character set with a label; None for one that is not known."""
    if not label:
        return None
    plain = label.strip("\t\n\f\r \"';").lower()
    return _NAMES.get(plain) or _SQUEEZED.get(_squeezed(plain))
