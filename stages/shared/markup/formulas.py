"""Formulas in HTML, each written once: as the LaTeX that the page carries, else as a line of text.

Pages hold a formula several times: MathML with LaTeX beside it (KaTeX, LaTeXML), MathML and an image (Wikipedia), what
a script has drawn and the script's source (MathJax), an attribute of an element that a script fills (`data-tex`), or an
image whose alternative text or address is LaTeX. Each group of these is replaced by one text before the page is read.
MathML without LaTeX is written in a line, `(a+b)/2`, `x^2`, `√(x+1)`, by joining the parts of each element as it ends.
Cost: linear in the page, of which no tag is read further than some thousand bytes; a page without any is not looked at.
"""

import json
import re
from functools import cache
from html import escape, unescape
from typing import Final, Literal, NamedTuple

from prep.stages.shared.markup.formula_addresses import latex_in_address

Delimiters = Literal["dollars", "brackets", "none"]

_DELIMITERS: Final = {
    "dollars": (("$", "$"), ("$$", "$$")),
    "brackets": (("\\(", "\\)"), ("\\[", "\\]")),
    "none": (("", ""), ("", "")),
}
"""What stands around a formula in a line, and around a displayed one."""

_TAG_END: Final = rb"""(?>[^>=]+|=\s*"[^"]*"|=\s*'[^']*'|=)*+>"""
"""The attributes of a start tag, in whose values `>` may stand, and its end."""
_ELEMENT: Final = (
    rb"""<(?P<name>(?:\w+:)?math|mjx-container|img)\b"""
    + _TAG_END
    + rb"""|<(?P<script>script)\b[^>]{0,1000}math/(?:tex|asciimath|mml)[^>]*>
    |<(?P<group>span|div)\b(?=[^>]{0,1000}?\bclass\s*=\s*["']?[^"'>]{0,1000}?\b
        (?P<class>mwe-math-element|MathJax(?:_Display|_SVG|_SVG_Display|_CHTML|_Preview)?|mjx-chtml|katex-html)(?![\w-]))"""
    + _TAG_END
)
_HELD: Final = (
    rb"""<(?P<held>span|div|p|figure|code|em|i|b)\b
        (?=[^<>]{0,4000}?(?:\sdata-(?:tex|latex|formula|math|equation-content)\s*=|\b(?:ql-formula|latex-rendered)\b))"""
    + _TAG_END
)
_OPENER: Final = re.compile(_ELEMENT, re.IGNORECASE | re.VERBOSE)
_OPENER_OR_HOLDER: Final = re.compile(_ELEMENT + b"|" + _HELD, re.IGNORECASE | re.VERBOSE)
_HOLDER_SIGNS: Final = (b"data-tex", b"data-latex", b"data-formula", b"data-math", b"data-equation-content",
                        b"ql-formula", b"latex-rendered")  # fmt: skip
"""What a page has where an attribute of an element may hold a formula."""
_ATTRIBUTE: Final = re.compile(rb"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_ANNOTATION: Final = re.compile(
    rb"<(?:\w+:)?annotation\b[^>]*encoding\s*=\s*[\"']?[^\"'>]*(?:tex|latex)[^>]*>(.*?)</(?:\w+:)?annotation",
    re.IGNORECASE | re.DOTALL,
)
_IMAGE_CLASS: Final = re.compile(
    r"\b(?:mwe-math-fallback-image-\w+|tex|latex|math|texrender|equation_image|ql-img-\w+-\w+)(?![\w-])"
)
_IMAGE_SOURCE: Final = re.compile(
    r"latex\.codecogs\.com|/(?:math)?tex\.cgi|/latex\.php|s0\.wp\.com/latex", re.IGNORECASE
)
_EQUATION_CLASS: Final = re.compile(r"\b(?:equation|formula|eqn|math-image|inline-formula|display-formula)(?![\w-])")
_LATEX: Final = re.compile(r"\\[A-Za-z]+|[\w)}][\^_][\w{(]")
_HOLDERS: Final = ("data-tex", "data-latex", "data-equation-content")
"""Attributes that hold LaTeX."""
_DOUBTFUL_HOLDERS: Final = ("data-math", "data-formula")
"""Attributes that hold LaTeX where it looks like it, or the element is empty."""
_NO_LATEX: Final = re.compile(r"\s*|=.*|\d+|true|false|yes|no|inline|block|display", re.IGNORECASE | re.DOTALL)
_HOLDS_BLOCKS: Final = re.compile(rb"<(?:p|h[1-6]|li|table|article|section)\b", re.IGNORECASE)
_MARKUP: Final = re.compile(rb"<!--.*?-->|<(script|style|svg)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_DISPLAYED: Final = re.compile(r"display|block", re.IGNORECASE)
_WIRIS: Final = str.maketrans({"«": "<", "»": ">", "¨": '"', "§": "&", "`": "'"})
"""What the editor of WIRIS writes in an attribute for the signs of markup."""
_STYLE: Final = re.compile(r"\{\\(?:displaystyle|textstyle|scriptstyle)\s+(.*)\}", re.DOTALL)
_SOURCE_NEAR: Final = re.compile(
    rb"(?:\s*</?(?:span|div)\b[^>]{0,1000}>){0,20}\s{0,100}<script\b[^>]{0,1000}math/(?:tex|asciimath|mml)",
    re.IGNORECASE,
)
_IMAGE: Final = re.compile(rb"<img\b[^>]*>", re.IGNORECASE)
_MATH: Final = re.compile(rb"<(?:\w+:)?math\b.*</(?:\w+:)?math\s*>", re.IGNORECASE | re.DOTALL)
_LONGEST: Final = 1 << 16
"""Bytes in which a formula ends."""
_SPACES: Final = re.compile(r"\s+")


class _Formula(NamedTuple):
    text: str
    display: bool = False
    latex: bool = True


def write_formulas(page: bytes, delimiters: Delimiters = "dollars") -> bytes:
    """Return a page (HTML in UTF-8) with each formula as text."""
    parts: list[bytes] = []
    done = 0
    unclosed: set[bytes] = set()
    pattern = _OPENER_OR_HOLDER if any(sign in page for sign in _HOLDER_SIGNS) else _OPENER
    for opener in pattern.finditer(page, 0, page.rfind(b">") + 1):
        name = (opener["name"] or opener["script"] or _holder(opener) or opener["group"]).lower()
        if opener.start() < done or name in unclosed:
            continue
        end = opener.end() if name == b"img" else _element_end(page, opener, name)
        if end < 0:
            unclosed.add(name)
            continue
        end, formula = _read(page, opener, end)
        if end < 0:
            continue
        parts += (page[done : opener.start()], b"" if formula is None else _written(formula, delimiters))
        done = end
    return b"".join((*parts, page[done:])) if parts else page


def _holder(opener: re.Match[bytes]) -> bytes | None:
    """Return the name of an element that may hold a formula in an attribute."""
    return opener["held"] if "held" in opener.re.groupindex else None


def _written(formula: _Formula, delimiters: Delimiters) -> bytes:
    before, after = _DELIMITERS[delimiters][formula.display] if formula.latex else ("", "")
    return escape(f"{before}{formula.text}{after}", quote=False).encode() if formula.text else b""


def _read(page: bytes, opener: re.Match[bytes], end: int) -> tuple[int, _Formula | None]:
    """Return where the formula ends that an element is, and it; −1 where it is none."""
    name, kind = (opener["name"] or b"").lower(), (opener["class"] or b"").lower()
    if name == b"img":
        formula = _from_image(opener[0])
        return (end, formula) if formula else (-1, None)
    if opener["script"]:
        content = page[opener.end() : page.rfind(b"<", 0, end)]
        if b"math/mml" in opener[0].lower():
            return end, _from_mathml(content)
        display = b"mode=display" in opener[0].replace(b" ", b"")
        return end, _Formula(
            _cleaned(content.decode("utf-8", "replace")), display, b"asciimath" not in opener[0].lower()
        )
    if _holder(opener):
        formula = _from_attributes(opener, page[opener.end() : end])
        return (end, formula) if formula else (-1, None)
    if name.endswith(b"math"):
        return end, _from_mathml(page[opener.start() : end])
    if kind in (b"katex-html", b"mathjax_preview") or (kind != b"mwe-math-element" and _SOURCE_NEAR.match(page, end)):
        return end, None
    inner = page[opener.end() : end]
    images = (_from_image(image[0]) for image in _IMAGE.finditer(inner))
    if formula := next(filter(None, images), None):
        return end, formula
    if math := _MATH.search(inner):
        return end, _from_mathml(math[0])
    if mathml := _attributes(opener[0]).get("data-mathml"):
        return end, _from_mathml(mathml.encode())
    return (end, None) if name else (-1, None)


def _element_end(page: bytes, opener: re.Match[bytes], name: bytes) -> int:
    """Return where the element ends that begins with a tag; −1 where it does not end near."""
    depth = 1
    for tag in _tags(name.lower()).finditer(page, opener.end(), opener.end() + _LONGEST):
        if not tag[2]:
            depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.end()
    return -1


@cache
def _tags(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"<(/?)" + re.escape(name) + rb"\b[^>]*?(/?)>", re.IGNORECASE)


def _attributes(tag: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(tag):
        found.setdefault(name.decode().lower(), unescape(b"".join(values).decode("utf-8", "replace")))
    return found


def _from_attributes(opener: re.Match[bytes], inner: bytes) -> _Formula | None:
    """Return the formula that an element holds in an attribute, whatever a script has drawn in it."""
    attributes = _attributes(opener[0])
    kind = attributes.get("class", "")
    held = next((attributes[name] for name in _HOLDERS if name in attributes), "")
    if not held and "ql-formula" in kind:
        held = attributes.get("data-value", "")
    if not held and "latex-rendered" in kind:
        held = _expression(attributes.get("data-attrs", ""))
    if not held:
        doubtful = next((attributes[name] for name in _DOUBTFUL_HOLDERS if name in attributes), "")
        if _LATEX.search(doubtful) or not _MARKUP.sub(b"", inner).strip():
            held = doubtful
    if _NO_LATEX.fullmatch(held) or _HOLDS_BLOCKS.search(inner):
        return None
    display = (
        opener["held"].lower() in (b"div", b"p", b"figure")
        or b"mode=display" in inner.replace(b" ", b"")
        or any(_DISPLAYED.search(attributes.get(name, "")) for name in ("class", "data-mode", "data-type"))
        or attributes.get("data-display") == "true"
    )
    return _Formula(_cleaned(held), display or _ends_line(held))


def _expression(attributes: str) -> str:
    """Return the LaTeX among the attributes that Substack writes as JSON."""
    try:
        found = json.loads(attributes)
    except ValueError:
        return ""
    latex = found.get("persistentExpression", "") if isinstance(found, dict) else ""
    return latex if isinstance(latex, str) else ""


def _ends_line(latex: str) -> bool:
    """Return whether LaTeX ends with a line's end, by which Zhihu displays a formula."""
    return latex.rstrip().endswith("\\\\")


def _from_image(tag: bytes) -> _Formula | None:
    attributes = _attributes(tag)
    if mathml := attributes.get("data-mathml"):
        return _from_mathml(mathml.translate(_WIRIS).encode())
    kind, source = attributes.get("class", ""), attributes.get("src", "")
    held = next((attributes[name] for name in _HOLDERS if name in attributes), "")
    addresses = (source, attributes.get("data-src", ""), attributes.get("data-original", ""))
    held = held or next(filter(None, map(latex_in_address, addresses)), "")
    if not _NO_LATEX.fullmatch(held):
        return _Formula(_cleaned(held), "display" in kind or _ends_line(held))
    alternative = attributes.get("alt", "").strip()
    of_formulas = _IMAGE_CLASS.search(kind) or _IMAGE_SOURCE.search(source)
    if alternative and (of_formulas or (_EQUATION_CLASS.search(kind) and _LATEX.search(alternative))):
        return _Formula(_cleaned(alternative.removeprefix("LaTeX:")), "display" in kind)
    return None


def _from_mathml(math: bytes) -> _Formula:
    attributes = _attributes(math[: math.find(b">")])
    display = attributes.get("display") == "block" or attributes.get("mode") == "display"
    annotation = _ANNOTATION.search(math)
    latex = unescape(annotation[1].decode("utf-8", "replace")) if annotation else attributes.get("alttext", "")
    if latex.strip():
        return _Formula(_cleaned(latex), display)
    return _Formula(linear_mathml(math.decode("utf-8", "replace")), display, latex=False)


def _cleaned(latex: str) -> str:
    """Return LaTeX in one line, without the style that Wikipedia puts around it, and without delimiters of its own."""
    text = _SPACES.sub(" ", latex.removeprefix("%")).strip()
    for before, after in (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$")):
        if len(text) > len(before + after) and text.startswith(before) and text.endswith(after):
            text = text[len(before) : -len(after)].strip()
            break
    text = text.removesuffix("\\\\").rstrip()
    styled = _STYLE.fullmatch(text)
    return styled[1].strip() if styled and _balanced(styled[1]) else text


def _balanced(latex: str) -> bool:
    depth = 0
    for character in re.sub(r"\\.", "", latex):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


_TOKEN: Final = re.compile(r"<!--.*?-->|<(/?)([\w:-]+)((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>|([^<]+)", re.DOTALL)
_TERM: Final = re.compile(r"[-+\u2212]?(?:\d+(?:[.,]\d+)?|\w[\u0300-\u036f\u20d7]?|\u221e)|\([^()]*\)|\S")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b"))
_LEAVES: Final = frozenset({"mi", "mn", "mo", "mtext", "ms"})
_DROPPED: Final = frozenset({"annotation", "annotation-xml", "mphantom", "maction-hidden", "none", "mprescripts"})
_EMPTY: Final = {"mspace": " ", "mprescripts": "\0", "none": "", "malignmark": "", "maligngroup": ""}
"""Elements without content, and what stands for them; the null begins what stands before a base."""
_OPERATOR: Final = re.compile(
    r"(?:arg ?)?(?:lim(?: ?(?:sup|inf))?|max|min|sup|inf|log|ln|lg|exp|det|dim|ker|gcd|Pr"
    r"|[a-z]{0,3}(?:sin|cos|tan|cot|sec|csc)h?)"
)
"""Names that stand as one term before what is raised or lowered."""
_ACCENTS: Final = {"¯": "\u0304", "‾": "\u0304", "^": "\u0302", "ˆ": "\u0302", "~": "\u0303", "˜": "\u0303",
                   "→": "\u20d7", "⃗": "\u20d7", "˙": "\u0307", ".": "\u0307", "¨": "\u0308"}  # fmt: skip


def linear_mathml(math: str) -> str:
    """Return MathML as a line of text in which fractions, powers, indices and roots stay distinct."""
    stack: list[tuple[str, dict[str, str], list[str]]] = [("", {}, [])]
    for token in _TOKEN.finditer(math):
        closing, name, attributes, closed, text = token.groups()
        if text is not None:
            if stack[-1][0] in _LEAVES:
                stack[-1][2].append(unescape(text))
        elif name is None:
            continue
        elif not closing:
            element = name.rpartition(":")[2].lower()
            opened = (element, _attributes(attributes.encode()), list[str]())
            if closed or element in _EMPTY:
                stack[-1][2].append(_EMPTY.get(element, ""))
            else:
                stack.append(opened)
        elif any(name.rpartition(":")[2].lower() == element for element, _, _ in stack):
            ended = ""
            while len(stack) > 1 and ended != name.rpartition(":")[2].lower():
                ended, its, parts = stack.pop()
                stack[-1][2].append(_joined(ended, its, parts))
    while len(stack) > 1:
        ended, its, parts = stack.pop()
        stack[-1][2].append(_joined(ended, its, parts))
    return _SPACES.sub(" ", _row(stack[0][2])).strip()


def _joined(name: str, attributes: dict[str, str], parts: list[str]) -> str:
    """Return the text of an element from that of its parts."""
    if name in _DROPPED:
        return ""
    if name in _LEAVES:
        text = _SPACES.sub(" ", "".join(parts)).strip().translate(_INVISIBLE)
        return f"{text} " if name == "mo" and text in {",", ";"} else text
    if name in {"mfrac", "msup", "msub", "msubsup", "munder", "mover", "munderover", "mroot"}:
        return _placed(name, attributes, parts)
    if name == "msqrt":
        return f"√{_term(_row(parts))}"
    if name == "mfenced":
        separator = (attributes.get("separators", ",") or " ")[0]
        return f"{attributes.get('open', '(')}{f'{separator} '.join(parts)}{attributes.get('close', ')')}"
    if name == "mtable":
        return f"[{'; '.join(parts)}]"
    if name == "mmultiscripts":
        return _with_scripts(parts)
    if name in {"mtr", "mlabeledtr"}:
        return ", ".join(parts)
    return _row(parts)


def _with_scripts(parts: list[str]) -> str:
    """Return a base with what is lowered and raised after it, and, from a null on, before it."""
    at = parts.index("\0") if "\0" in parts else len(parts)
    after, before = _scripts(parts[1:at]), _scripts(parts[at + 1 :])
    return f"{before}{' ' if before else ''}{_base(parts[0]) if parts else ''}{after}"


def _scripts(parts: list[str]) -> str:
    """Return pairs of lowered and raised texts."""
    signs = ("_", "^")
    return "".join(f"{signs[place % 2]}{_term(part)}" for place, part in enumerate(parts) if part)


def _base(text: str) -> str:
    return text.strip() if _OPERATOR.fullmatch(text.strip()) else _term(text)


def _placed(name: str, attributes: dict[str, str], parts: list[str]) -> str:
    first, second, third = (*parts, "", "", "")[:3]
    if name == "mfrac":
        if attributes.get("linethickness") in {"0", "0px", "0pt"}:
            return f"{first} choose {second}"
        return f"{_term(first)}/{_term(second)}"
    if name == "mroot":
        return f"{_term(first)}^(1/{_term(second)})"
    if name == "mover" and second in _ACCENTS:
        return f"{_term(first)}{_ACCENTS[second]}"
    below = second if name in {"msub", "msubsup", "munder", "munderover"} else ""
    above = third if name in {"msubsup", "munderover"} else second if name in {"msup", "mover"} else ""
    if set(above) <= {"′", "'", "*", "†"}:  # primes stand beside their base without a sign
        return f"{_base(first)}{f'_{_term(below)}' if below else ''}{above}"
    return f"{_base(first)}{f'_{_term(below)}' if below else ''}{f'^{_term(above)}' if above else ''}"


def _term(text: str) -> str:
    """Return a text in brackets unless it is one term."""
    text = text.strip()
    return text if not text or _TERM.fullmatch(text) else f"({text})"


_ENDS_APART: Final = re.compile(r"(?:^|[^^_])\b[^\W\d_]{2,}$|[\^_][^\W_]+$")
"""A text that ends in a word, or in what is raised or lowered."""


def _row(parts: list[str]) -> str:
    """Return parts beside each other, with a space where two words would become one."""
    row = ""
    for part in filter(None, parts):
        words = (len(part) > 1 and part[:2].isalpha()) or _ENDS_APART.search(row)
        row += f" {part}" if words and row[-1:].isalnum() and part[0].isalnum() else part
    return row
