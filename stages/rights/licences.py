"""Names of licences: from the URLs and words by which pages name them to one spelling, as SPDX writes it in lower case.

`cc-by-sa-4.0`, `cc-by-3.0-de` (ported to a jurisdiction), `cc-by` (no version given), `cc0-1.0`, `cc-pdm-1.0` (public
domain mark), `gfdl-1.3`, `mit`. Source: the SPDX licence list, spdx.org/licenses.
"""

import re
from functools import lru_cache
from urllib.parse import urljoin

_COMMONS_URL = re.compile(
    r"creativecommons\.org/(?:licen[cs]es|publicdomain)/(?P<parts>[a-z+-]+)"
    r"(?:/(?P<version>\d\.\d))?(?:/(?!deed|legalcode|rdf)(?P<place>[a-z]{2,8}))?(?![\w.])"
)
_COMMONS_SHORT = re.compile(r"\bcc[ -]?(?P<parts>0|by(?:[ -](?:nc|nd|sa))*)(?:[ -]v?(?P<version>\d\.\d)\b|$|[).,;])")
_COMMONS_LONG = re.compile(
    r"\b(?:creative commons|cc)[ -]+"
    r"(?P<parts>zero|attribution(?:[ -]+(?:non[ -]?commercial|no[ -]?deriv\w*|share[ -]?alike))*)"
    r"(?:[ -]+v?(?P<version>\d\.\d))?"
)
_LETTERS = {"attribution": "by", "noncommercial": "nc", "sharealike": "sa", "zero": "zero", "0": "zero"}
_ORDER = ("by", "nc", "nd", "sa")

_OTHERS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"spdx\.org/licenses/([\w.+-]+?)(?:\.html|\.json)?$", r"\1"),
        (r"opensource\.org/licen[cs]es?/(?:alphabetical/)?([\w.+-]+?)(?:\.(?:php|html))?/?$", r"\1"),
        (r"choosealicense\.com/licenses/([\w.+-]+)", r"\1"),
        (r"apache\.org/licenses/license-2\.0", "apache-2.0"),
        (r"gnu\.org/(?:licenses|copyleft)/(?:old-licenses/)?fdl-(\d\.\d)", r"gfdl-\1"),
        (r"gnu\.org/(?:licenses|copyleft)/fdl\b", "gfdl"),
        (r"gnu\.org/(?:licenses|copyleft)/(?:old-licenses/)?([al]?gpl)-(\d\.\d)", r"\1-\2"),
        (r"gnu\.org/(?:licenses|copyleft)/([al]?gpl)\b", r"\1"),
        (r"opendatacommons\.org/licenses/(odbl|pddl)\b", r"\1-1.0"),
        (r"opendatacommons\.org/licenses/by\b", "odc-by-1.0"),
        (r"nationalarchives\.gov\.uk/doc/open-government-licence/version/(\d)", r"ogl-uk-\1.0"),
        (r"^(?:gnu )?(?:gfdl|free documentation licen[cs]e)\b(?:[ -]v?(\d\.\d))?", r"gfdl-\1"),
    )
)
_URL = re.compile(r"(?:https?:)?/|\.{0,2}/|[\w.-]+\.\w+/", re.IGNORECASE)


@lru_cache(maxsize=4096)
def licence_name(text: str) -> str | None:
    """Return the name of the licence that a URL or a phrase names, None where it is none of the known ones."""
    folded = " ".join(text.lower().split())
    for pattern in (_COMMONS_URL, _COMMONS_SHORT, _COMMONS_LONG):
        found = pattern.search(folded)
        if found:
            return _commons_name(found["parts"], found["version"], found.groupdict().get("place"))
    for pattern, name in _OTHERS:
        found = pattern.search(folded)
        if found:
            return found.expand(name).rstrip("-")
    return None


def licence_of_link(text: str, page: str | None) -> str | None:
    """Return the name of the licence, its URL where it is another, None where the text is no URL.

    A relative URL is resolved against the page's.
    """
    name = licence_name(text)
    if name is not None or not _URL.match(text) or any(map(str.isspace, text)):
        return name
    try:
        return urljoin(page or "", text)
    except ValueError:  # such as a host in broken brackets
        return text


def _commons_name(parts: str, version: str | None, place: str | None) -> str:
    words = re.sub(r"no[ -]?deriv\w*", "nd", re.sub(r"(non|share)[ -](?=commercial|alike)", r"\1", parts))
    letters = [_LETTERS.get(word, word) for word in re.split("[ -]+", words.strip("-"))]
    if letters[0] in {"zero", "mark", "publicdomain"}:
        return {"zero": "cc0", "mark": "cc-pdm", "publicdomain": "cc-pddc"}[letters[0]] + "-" + (version or "1.0")
    if set(letters) <= set(_ORDER):
        letters = [part for part in _ORDER if part in letters]
    return "-".join(["cc", *letters, *([version] if version else []), *([place] if place else [])])
