"""What the statements that pages and their headers make about rights mean, one document at a time."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import orjson

from prep.stages.rights.licences import licence_of_link

Origin = Literal["header", "rel", "json-ld", "meta", "link"]
Place = Literal["head", "body", "footer"]
ORIGINS: tuple[Origin, ...] = ("header", "rel", "json-ld", "meta", "link")
"""Where a licence can be named; a place outweighs those behind it."""
_MEDIA = frozenset({"ImageObject", "VideoObject", "AudioObject", "MediaObject", "3DModel", "SoftwareApplication"})
"""Types of JSON-LD objects whose licence is not the page's."""
_AGENT = re.compile(r"\s*([A-Za-z][\w -]*?)\s*:\s*(.*)", re.DOTALL)
_WITH_VALUE = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
_LICENCE_LINK = re.compile(r"""<([^>]*)>(?=[^,<]*;\s*rel\s*=\s*(?:license\b|"[^"]*\blicense\b))""", re.IGNORECASE)


@dataclass
class Rights:
    """What one document says; filled statement by statement."""

    licences: dict[Origin, set[str]] = field(default_factory=dict)
    robots: set[str] = field(default_factory=set)
    reserved: int | None = None
    """1: text and data mining is reserved; 0: it is expressly not; None: nothing is said."""
    policy: str | None = None
    usage: str | None = None
    """AIPREF preferences, as `train-ai=n`."""
    places: dict[tuple[Origin, str], Place] = field(default_factory=dict)
    """Where in the page each licence is named."""

    def licence(self) -> tuple[str | None, Origin | None]:
        """Return the licences that the weightiest place names, sorted, with a space between; and the place."""
        for origin in ORIGINS:
            if origin in self.licences:
                return " ".join(sorted(self.licences[origin])), origin
        return None, None

    def names(self) -> set[tuple[Origin, str]]:
        """Return the licences with what names each."""
        return {(origin, name) for origin, found in self.licences.items() for name in found}

    def place(self) -> Place | None:
        """Return where in the page the weightiest licence is named, the first by name of several."""
        named, origin = self.licence()
        return None if named is None or origin is None else self.places.get((origin, named.split(" ")[0]))

    def disagrees(self) -> bool:
        """Say whether different places name different licences."""
        return len({frozenset(found) for found in self.licences.values()}) > 1

    def add_licence(self, origin: Origin, name: str | None) -> None:
        """Note a licence; None is none."""
        if name is not None:
            self.licences.setdefault(origin, set()).add(name)

    def add_reservation(self, value: str) -> None:
        """Note the value of `tdm-reservation`; where statements differ, the rights are reserved."""
        if value.strip() in {"0", "1"}:
            self.reserved = max(self.reserved or 0, int(value))

    def add_policy(self, value: str) -> None:
        """Note where the policy is found; the first counts."""
        self.policy = self.policy or value.strip() or None


def place_of(page: npt.NDArray[np.uint8], at: int) -> Place:
    """Return whether a byte of a page stands in its head, its footer, or elsewhere."""
    before = page[:at].tobytes().lower()
    if before.rfind(b"<footer") > before.rfind(b"</footer"):
        return "footer"
    return "body" if b"</head" in before or b"<body" in before else "head"


@lru_cache(maxsize=4096)
def directives(value: str) -> frozenset[str]:
    """Return what the content of a robots meta tag forbids, in lower case; `none` is `noindex` and `nofollow`."""
    said = {part.strip() for part in value.lower().split(",")}
    forbidden = {part for part in said if part.startswith("no") and part != "none"}
    return frozenset(forbidden | ({"noindex", "nofollow"} if "none" in said else set()))


def read_headers(headers: str, agents: frozenset[str], page: str | None, rights: Rights) -> None:
    """Note what response headers say: lines of `name: value`, names in lower case."""
    for line in headers.splitlines():
        name, _, value = line.partition(":")
        if name == "x-robots-tag":
            agent = _AGENT.match(value)
            if agent and agent[1].lower() not in _WITH_VALUE:
                rights.robots |= directives(agent[2]) if agent[1].lower() in agents else frozenset()
            else:
                rights.robots |= directives(value)
        elif name in {"content-usage", "content-signal"}:
            rights.usage = ", ".join(filter(None, (rights.usage, " ".join(value.split())))) or None
        elif name == "tdm-reservation":
            rights.add_reservation(value)
        elif name == "tdm-policy":
            rights.add_policy(value)
        elif name == "link":
            for target in _LICENCE_LINK.findall(value):
                rights.add_licence("header", licence_of_link(target.strip(), page))


def read_json_ld(content: bytes, page: str | None, rights: Rights) -> None:
    """Note the licences that a script of JSON-LD gives the page; one that is broken says nothing."""
    try:
        tree = orjson.loads(content)
    except orjson.JSONDecodeError:
        return
    for value in _licence_values(tree):
        rights.add_licence("json-ld", licence_of_link(value, page))


def _licence_values(tree: object) -> Iterator[str]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict) and _MEDIA.isdisjoint(_strings(node.get("@type"))):
            yield from (text for value in _listed(node.get("license")) for text in _names(value))
            pending += [value for key, value in node.items() if key != "license"]


def _names(value: object) -> Iterator[str]:
    """Yield what a licence's value names it by: itself, or an object's URL, id or name, the first that is there."""
    if isinstance(value, dict):
        yield from [text for key in ("url", "@id", "name") for text in _strings(value.get(key))][:1]
    else:
        yield from _strings(value)


def _strings(value: object) -> Iterable[str]:
    return [item for item in _listed(value) if isinstance(item, str)]


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]
