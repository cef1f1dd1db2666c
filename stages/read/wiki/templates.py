"""What a reader sees of a template, judged by how it is used, since its definition is not in a dump of articles.

A template within a line of text is part of the sentence, so its words are kept: all that is given to it without a name,
but language codes, and the target where a label repeats it. One that stands alone on its lines is furniture (a box, a
note on the article, navigation) unless what it is given is prose or a list. Few templates need to be known by name:
those that show notes elsewhere, that stand for a character, or whose parts are put together in a way of their own.
Source: https://en.wikipedia.org/wiki/Help:Template and the documentation of the templates named here.
"""

import re
from collections.abc import Callable, Mapping, Sequence

_NAMED = re.compile(r"\s*([^\W\d][\w \-]{0,40}|\d{1,2})\s*=", re.UNICODE)
_LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Za-z]{2,8})*")
_NUMBER = re.compile(r"[+\-\N{MINUS SIGN}]?\d[\d,. ]*")
_YEAR = re.compile(r"\d{4}")
_PROSE = 6
"""From so many words on, what a template that stands alone is given is text."""
_LIST = re.compile(r"\n[ \t]*[*#:;]")
_WORD = re.compile(r"\w+")
_STEM = 4
"""Words that share so many first letters are taken for forms of one."""

_CONTENT = frozenset({"text", "quote", "content", "1"})
"""Names under which what is shown may be given."""
_NOTES = re.compile(
    r"(?:efn|sfn|refn|rp|r|cn|harv|cite|citation|note|ref|fact|who|when|which|where|whom|by whom|according to whom|age"
    r"|clarif\w+|dubious|dead link|webarchive|better source|page needed|full citation|failed verification|vague|pp|toc"
    r"|verify source|disputed inline|original research|anchor|coord|short description|flag ?icon|main|see also|further"
    r"|about|for|distinguish|redirect|other uses|hatnote|authority control|portal|commons category|clear|defaultsort"
    r"|displaytitle|stub|use \w+ dates|use \w+ english|audio|einzelnachweis|beleg|refnec)"
    r"(?:[ \-_]?(?:ref|tag|list|needed|begin|end|inline|note|book|web|news|journal|nb|txt|vb|in \w+|\d*))*",
    re.IGNORECASE,
)
"""Templates that show nothing where they stand: notes, sources, remarks on the article, and what has to be computed."""
_CHARACTERS: Mapping[str, str] = {
    **dict.fromkeys(("nbsp", "spaces", "space"), " "),
    **dict.fromkeys(("thinsp", "thin space", "hair space", "hsp", "narrow no-break space", "nnbsp"), " "),
    **dict.fromkeys(("snd", "spnd", "snds", "spaced ndash", "spaced en dash", "dash"), " – "),
    **dict.fromkeys(("en dash", "endash"), "–"),
    **dict.fromkeys(("em dash", "emdash", "em-dash"), "—"),
    **dict.fromkeys(("wbr", "zwsp", "zwj", "zwnj", "shy"), ""),
    **dict.fromkeys(("·", "dot", "middot"), " · "),
    **dict.fromkeys(("•", "bull"), " • "),
    **dict.fromkeys(("clr", "-", "clear"), ""),
    **{"ndash": "–", "mdash": "—", "minus": "−", "times": "×", "pi": "π", "br": "\n", "check mark": "✓"},
    **{"!": "|", "=": "=", "'": "'", "''": "''", "(": "{", ")": "}", "((": "{{", "))": "}}"},
}
_CURRENCIES: Mapping[str, str] = {
    **{"usd": "US$", "us$": "US$", "gbp": "£", "£": "£", "eur": "€", "€": "€", "inr": "₹", "cad": "CA$", "aud": "A$"},
    **{"jpy": "¥", "cny": "CN¥", "krw": "₩", "chf": "CHF "},
}

_INLINE = frozenset({"nowrap", "nobr", "small", "big", "math", "ipa"})
"""Templates that are part of a sentence even where they are all of a line."""

Given = Sequence[str]
_RANGE = frozenset({"to", "and", "or", "by", "x", "-", "–", "+/-", "±", "×", "to(-)", "and(-)"})


def _quantity(given: Given) -> str:
    """Return numbers and the unit behind them: what follows are the units to convert to, and settings."""
    for place, part in enumerate(given):
        if place and not _NUMBER.fullmatch(part) and part not in _RANGE:
            return " ".join(given[: place + 1])
    return " ".join(given)


def _fraction(given: Given) -> str:
    if len(given) == 3:
        return f"{given[0]} {given[1]}/{given[2]}"
    return "/".join(given if len(given) > 1 else ["1", *given])


def _quotation(given: Given) -> str:
    source = ", ".join(given[1:3])
    return f"\n{given[0]}\n" + (f"— {source}\n" if source else "") if given else ""


def _with_original(given: Given) -> str:
    other = ", ".join(given[1:3])
    return (f"{given[0]} ({other})" if other else given[0]) if given else ""


def _listed(given: Given) -> str:
    """Return items one after another; where they are written as the lines of a list, those lines."""
    if any(_LIST.search(f"\n{part}") for part in given):
        return "\n" + "\n".join(given) + "\n"
    return ", ".join(given)


def _date(given: Given) -> str:
    """Return the first date: year, month, day."""
    numbers = [part for part in given if part.isdigit()][:3]
    if numbers and _YEAR.fullmatch(numbers[0]):
        return "-".join([numbers[0], *(part.zfill(2) for part in numbers[1:])])
    return " ".join(given)


_KNOWN: Mapping[str, Callable[[Given], str]] = {
    **dict.fromkeys(("convert", "cvt"), _quantity),
    **dict.fromkeys(("frac", "fraction", "sfrac"), _fraction),
    **dict.fromkeys(("quote", "blockquote", "cquote", "quotation", "quote box", "poem quote", "zitat"), _quotation),
    **dict.fromkeys(("nihongo", "nihongo2", "nihongo3", "nihongo krt", "korean", "zh"), _with_original),
    **dict.fromkeys(
        ("abbr", "tooltip", "hover title", "h:title", "sic", "abk", "ill", "interlanguage link"), lambda g: g[0]
    ),
    **dict.fromkeys(("start date", "end date", "birth date", "death date", "film date", "start date and age"), _date),
    **dict.fromkeys(("birth date and age", "death date and age", "dts", "date"), _date),
    **dict.fromkeys(("circa", "c."), lambda given: f"c. {' – c. '.join(given)}"),
    **dict.fromkeys(("sup", "superscript"), lambda given: f"<sup>{given[0]}</sup>"),
    **dict.fromkeys(("angbr", "angle bracket"), lambda given: f"⟨{given[0]}⟩"),
    **dict.fromkeys(("unbulleted list", "ubl", "plainlist", "flatlist", "hlist"), _listed),
    **dict.fromkeys(("lang", "langx", "transl", "transliteration"), lambda given: given[-1] if given[1:] else ""),
    **dict.fromkeys(("w", "wp", "link", "wikt", "lien", "lnk"), lambda given: given[-1]),
    "val": lambda given: " ± ".join(given[:2]),
    "sort": lambda given: given[-1],
    "as of": lambda given: f"As of {_date(given)}",
}
"""Templates whose parts are put together in a way of their own."""


def shown(name: str, parts: Sequence[str], *, alone: bool) -> str | None:
    """Return what is seen of a template of this name and these parts; None for what MediaWiki shows as it is written.

    `alone` says that nothing but templates shares its lines.
    """
    function, colon, value = name.partition(":")
    name = " ".join(name.replace("_", " ").split()).lower()
    if not name:
        return None
    if colon and not name.startswith("template:"):
        return _function(function.strip(), [value, *parts])
    given, named = _parts(parts)
    known = _KNOWN.get(name)
    if name in _CHARACTERS and not given:
        return _CHARACTERS[name]
    if known is not None:
        content = known(given) if given else ""
        return content + _units(name, named)
    if _NOTES.fullmatch(name):
        return ""
    if name in _CURRENCIES and given:
        return _CURRENCIES[name] + given[0]
    if alone and name not in _INLINE:
        return _alone(given)
    return _inline(given)


def _function(name: str, parts: Sequence[str]) -> str:
    """Return what a parser function gives, as far as it can be known."""
    name = name.lower()
    if name in {"formatnum", "lc", "uc", "lcfirst", "ucfirst", "plural", "nowrap"}:
        return parts[0].strip()
    if name == "#if":
        return "".join(parts[1:2] if parts[0].strip() else parts[2:3]).strip()
    return ""


def _parts(parts: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Part what is given by place from what is given by name; numbers as names are places."""
    given: list[str] = []
    named: dict[str, str] = {}
    for part in parts:
        found = _NAMED.match(part)
        if found is None:
            given.append(part.strip())
        elif (key := found[1].strip().lower()) in _CONTENT or key.isdigit():
            given.append(part[found.end() :].strip())
        else:
            named[key] = part[found.end() :].strip()
    if extra := named.get("extra"):
        given.append(extra)
    return [part for part in given if part], named


def _units(name: str, named: Mapping[str, str]) -> str:
    """Return what the templates of numbers take by name: an exponent and a unit."""
    if name != "val":
        return ""
    power = f" × 10<sup>{named['e']}</sup>" if named.get("e") else ""
    unit = named.get("u") or named.get("ul")
    return power + (f" {unit}" if unit else "")


def _alone(given: Given) -> str:
    """Return the prose and lists of a template that stands alone."""
    kept = [part for part in given if _LIST.search("\n" + part) or len(_WORD.findall(part)) >= _PROSE]
    return "\n" + "\n".join(kept) + "\n" if kept else ""


def _inline(given: Given) -> str:
    """Return the words of a template in a sentence."""
    words = list(given)
    if len(words) > 1 and _LANGUAGE.fullmatch(words[0]) and len(words[0]) < len(words[1]) + 2:
        words = words[1:]
    while len(words) > 1 and _LANGUAGE.fullmatch(words[-1]) and not _is_in(words[-1], words[0]):
        words = words[:-1]
    if len(words) > 1 and _YEAR.fullmatch(words[0]) and all(word.isdigit() and len(word) <= 2 for word in words[1:3]):
        return _date(words)
    if len(words) == 2 and _repeats(*words):
        return words[1]
    return " ".join(words)


def _repeats(target: str, label: str) -> bool:
    """Say whether a label has words of its target, so that the target is only where a link leads."""
    stems = {word[:_STEM].lower() for word in _WORD.findall(target) if len(word) >= _STEM or word.isdigit()}
    return any(word[:_STEM].lower() in stems for word in _WORD.findall(label))


def _is_in(word: str, text: str) -> bool:
    return word.lower() in text.lower()
