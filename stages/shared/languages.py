"""Which language codes mean the same: settings by language apply to all of them.

Engines write codes in two letters (ISO 639-1), in three (639-3), or with a script (`arb_Arab`, `sr-Latn`), and call a
language by its own code or by that of its macrolanguage: `cmn` or `zh`, `arb` or `ar`, `pes` or `fa`. Unicode's CLDR
(`languageAlias`) says which single language a macrolanguage's code stands for; a macrolanguage's other members stay
languages of their own (`yue` is not `zh`). Bosnian, Croatian and Serbian are together `hbs` (deprecated: `sh`),
Bokmål and Nynorsk are together `no`.
"""

from functools import cache

from langcodes import Language
from langcodes.tag_parser import LanguageTagError

SERBO_CROATIAN = ("hbs", "sh")
_SCRIPT = 4
"""Letters of a script's code."""
_MEMBERS = {"hbs": ("sh", "sr", "hr", "bs"), "sh": ("hbs", "sr", "hr", "bs"), "no": ("nb", "nn")}
_WHOLES = {"sr": ("hbs", "sh"), "hr": ("hbs", "sh"), "bs": ("hbs", "sh"), "nb": ("no",), "nn": ("no",)}
_OWN = frozenset((*_MEMBERS, *_WHOLES))
_DOMINANT = (
    *("arb", "azj", "ayr", "cmn", "ekk", "gaz", "gug", "kmr", "khk", "lvs", "npi", "ory", "pbt", "pes", "plt", "swh"),
    *("uzn", "ydd", "zsm", "als"),
)
"""Single languages that macrolanguages' codes stand for."""
_MODELS_SCRIPTS = {"zh": ("Hani",), "ko": ("Hang",)}
"""What models call a script beside its usual name."""
_FORMER = {
    **{"he": ("iw",), "id": ("in",), "yi": ("ji",), "ro": ("mo", "mol"), "jv": ("jw",)},
    **{"sr": ("scc",), "hr": ("scr",), "fil": ("tl", "tgl"), "bho": ("bh", "bih")},
}
"""Codes that were withdrawn, and those that CLDR takes for another language's, by the code that stands for them now."""


@cache
def related_codes(code: str) -> tuple[str, ...]:
    """Return the codes under which settings for a language may stand: the code itself, then the closest first."""
    language, _, rest = code.replace("_", "-").partition("-")
    script = rest.partition("-")[0]
    short = shortest_code(language)
    close = [*_MEMBERS.get(short, ()), *_WHOLES.get(short, ())]
    names = [short, language, *close, *_long_codes(short), *(long for each in close for long in _long_codes(each))]
    scripts = (script,) if script else _usual_scripts(short)
    written = [f"{name}{mark}{each}" for each in scripts for name in names for mark in "-_"]
    return tuple(dict.fromkeys([code, *written, *names] if script else [code, *names, *written]))


@cache
def _usual_scripts(short: str) -> tuple[str, ...]:
    """Return the scripts that a language without one is written in; none where several are usual."""
    if short in _OWN:
        return ()
    try:
        usual = Language.get(short).maximize().script
    except (LanguageTagError, LookupError):
        return ()
    return (*([usual] if usual else []), *_MODELS_SCRIPTS.get(short, ()))


@cache
def shortest_code(code: str) -> str:
    """Return the two-letter code of a language that has one, also by what its macrolanguage's code stands for."""
    if code in _OWN:
        return code
    try:
        language = Language.get("ps" if code == "pbt" else code)
        own = language.prefer_macrolanguage().language or code
    except (LanguageTagError, LookupError):
        return code
    return {"nob": "nb", "nno": "nn", "nor": "no", "hbs": "hbs"}.get(code, own)


@cache
def canonical_code(code: str) -> str:
    """Return one code for all that mean a language in a script: `zh` for `cmn`, `sr-Cyrl` for `srp_Cyrl`."""
    language, _, rest = code.replace("_", "-").partition("-")
    script = rest.partition("-")[0]
    return f"{shortest_code(language)}-{script}" if script else shortest_code(language)


@cache
def _long_codes(short: str) -> tuple[str, ...]:
    """Return the codes of three letters that mean the same as one of two."""
    found = [*_FORMER.get(short, ()), *(long for long in _DOMINANT if shortest_code(long) == short)]
    try:
        language = Language.get(short)
        found += [language.to_alpha3(), language.to_alpha3(variant="B")]
    except (LanguageTagError, LookupError):
        pass
    return tuple(found)


def is_known(code: str) -> bool:
    """Return whether a code names a language by ISO 639, with or without a script, in the usual case of letters.

    Settings are looked up as they are written, so that `EN` would be no document's language.
    """
    language, *rest = code.replace("_", "-").split("-")
    if not language.islower() or any(len(part) == _SCRIPT and not part.istitle() for part in rest):
        return False
    try:
        return Language.get(code.replace("_", "-")).is_valid()
    except (LanguageTagError, LookupError):
        return False
