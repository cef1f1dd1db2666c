"""From a model's labels to language codes that mean the same whatever the model.

Codes are ISO 639-1 where the language has one, else 639-3. Labels come as `en`, as `eng` or, with the script (ISO
15924), as `eng_Latn`. The script stays in the code, as in BCP 47, where the model tells scripts of that language apart:
`sr-Cyrl` and `sr-Latn`, but `en`. Languages are never merged with their macrolanguages. The model lid.176 names
languages as Wikipedia names its editions.
"""

from collections import Counter
from collections.abc import Sequence

from langcodes import Language, closest_supported_match
from langcodes.tag_parser import LanguageTagError

from prep.corpus.closeness import nearest

EDITIONS = {"als": "gsw", "bh": "bho"}
"""Editions of Wikipedia whose code is another language's, or none, in ISO 639."""
FARTHEST = 15
"""Distance, by Unicode's language matching, up to which a code is taken for another way to write one that is known."""


def language_codes(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the code of each label, in order."""
    pairs = [label.partition("_") for label in labels]
    by_script = any(script for _, _, script in pairs)
    languages = [_shortest(language if by_script else EDITIONS.get(language, language)) for language, _, _ in pairs]
    seen = Counter(languages)
    return tuple(
        f"{language}-{script}" if script and seen[language] > 1 else language
        for language, (_, _, script) in zip(languages, pairs, strict=True)
    )


def nearest_code(wrong: str, known: Sequence[str]) -> str | None:
    """Return the known code that is most likely meant: `en` for `eng` or `en-GB`, `de` for `ger`; None for no idea."""
    try:
        match = closest_supported_match(wrong.replace("_", "-"), list(known), max_distance=FARTHEST)
    except LanguageTagError:
        match = None
    return match or nearest(wrong, known)


def _shortest(code: str) -> str:
    """Return the code of two letters of a language that has one, otherwise the code as it is."""
    if len(code) == 3:
        try:
            short = Language.get(code)
            if short.language and short.to_alpha3() == code:
                return short.language
        except (LanguageTagError, LookupError):
            pass  # a model's own label
    return code
