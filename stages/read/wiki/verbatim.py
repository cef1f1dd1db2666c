"""Text of wiki pages that is no wikitext: code, formulas, quoted markup. It is set aside and put back at the end.

Code keeps its brackets, lines and indentation; a formula is its LaTeX. Source:
https://www.mediawiki.org/wiki/Extension:SyntaxHighlight, https://www.mediawiki.org/wiki/Help:Formatting.
"""

import html
import re

_BLOCKS = "syntaxhighlight|source|pre"
_INLINE = "nowiki|code|math|chem|ce|kbd|samp|tt"
_FOUND = re.compile(
    rf"<!--.*?(?:-->|\Z)|<(?P<tag>{_BLOCKS}|{_INLINE})(?P<rest>\s[^<>]*|)>(?P<body>.*?)(?:</(?P=tag)\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_MARK = re.compile("\x02(\\d+)\x03")
_NOWIKI = re.compile(r"</?nowiki\s*/?>", re.IGNORECASE)
_IN_LINE = re.compile(r"""\binline\b(?!\s*=\s*["']?(?:0|false))""", re.IGNORECASE)
_EMPTY = re.compile(r"<nowiki\s*/>", re.IGNORECASE)
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_CODE_WITH_MARKUP = frozenset({"code", "kbd", "samp", "tt"})


class Verbatim:
    """What was taken out of a text."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def take_out(self, text: str) -> str:
        """Return a text with a mark in place of each stretch that is no wikitext, and without comments."""
        return _FOUND.sub(self._mark, _EMPTY.sub("", text.replace("\x02", "").replace("\x03", "")))

    def put_back(self, line: str) -> str:
        """Return a line with what its marks stand for."""
        return _MARK.sub(lambda mark: self._held[int(mark[1])], line)

    def _mark(self, found: re.Match[str]) -> str:
        if found["tag"] is None:
            return ""
        tag = found["tag"].lower()
        if found["rest"].endswith("/"):
            return ""
        body = _NOWIKI.sub("", found["body"]) if tag != "nowiki" else found["body"]
        if tag in _CODE_WITH_MARKUP:
            body = _TAGS.sub("", body)
        body = html.unescape(body)
        block = tag in _BLOCKS.split("|") and not _IN_LINE.search(found["rest"])
        if block:
            body = "\n".join(line.rstrip() for line in body.splitlines()).strip("\n")
        self._held.append(body)
        mark = f"\x02{len(self._held) - 1}\x03"
        return f"\n{mark}\n" if block else mark
