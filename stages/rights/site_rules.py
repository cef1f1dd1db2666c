"""What a host's site-wide statements say of a URL: robots.txt by agent, AIPREF preferences, ai.txt, tdmrep.json.

Sources: RFC 9309 (robots.txt); IETF AIPREF, "Associating AI Usage Preferences with Content in HTTP" (`Content-Usage`
in headers and robots.txt) and Cloudflare's `Content-Signal`, which says the same in other words; Spawning's ai.txt,
which has the syntax of robots.txt; W3C community group report "TDM Reservation Protocol" (`/.well-known/tdmrep.json`).
Whether an agent may fetch a URL is decided by protego; which line decided is found again by asking it about each line
alone. Cost: one parse per file, 5 to 50 µs per URL and agent.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import orjson
from protego import Protego

from prep.stages.rights.site_records import SiteFile, SiteRecord
from prep.stages.shared.targets import host_of

Moment = Literal["newest", "fetched"]
TRAINING = ("train-ai", "train-genai", "ai-train", "ai", "tdm", "bots")
"""AIPREF categories that cover training, the most specific first; `ai-train` is Cloudflare's."""
_PREFERENCE = re.compile(r"([a-z][a-z-]*)\s*=\s*(y|n)(?:es|o)?\b", re.IGNORECASE)
_PREFERENCES = ("content-usage", "content-signal")


class SiteStatement(NamedTuple):
    """What a host says of one URL."""

    disallowed: tuple[str, ...] = ()
    """The agents that robots.txt keeps out, of those asked about."""
    line: str | None = None
    """The line of robots.txt that keeps the first of them out."""
    robots_date: str | None = None
    """When the robots.txt that applies was fetched; None where there is none or its date is not known."""
    usage: str | None = None
    """AIPREF preferences that apply, as `train-ai=n, search=y`."""
    ai_txt: bool = False
    """Whether ai.txt forbids to train on it."""
    ai_txt_line: str | None = None
    """The line of ai.txt that does."""
    reserved: int | None = None
    """The reservation in tdmrep.json: 1, 0, or None where it says nothing."""
    policy: str | None = None


NOTHING_SAID = SiteStatement()


class SiteRules:
    """The statements of all hosts."""

    def __init__(self, records: Iterable[SiteRecord], agents: Sequence[str], moment: Moment) -> None:
        self._agents = tuple(agents)
        self._moment = moment
        found: defaultdict[tuple[str, SiteFile], list[tuple[str, str]]] = defaultdict(list)
        for record in records:
            found[record.host, record.file].append((record.date, record.content))
        self._contents = {key: sorted(dated) for key, dated in found.items()}

    def statement(self, url: str | None, date: str | None) -> SiteStatement:
        """Return what the host of a URL says of it; `date` is when the page was fetched."""
        host = None if url is None else host_of(url)
        if url is None or host is None:
            return NOTHING_SAID
        robots, robots_date = self._content(host, "robots.txt", date)
        ai_txt, _ = self._content(host, "ai.txt", date)
        reservations, _ = self._content(host, "tdmrep.json", date)
        disallowed = () if robots is None else tuple(agent for agent in self._agents if not allows(robots, url, agent))
        reserved, policy = (None, None) if reservations is None else reservation(reservations, url)
        return SiteStatement(
            disallowed,
            deciding_line(robots, url, disallowed[0]) if robots is not None and disallowed else None,
            robots_date,
            None if robots is None else usage_of(robots, url, self._agents),
            ai_txt is not None and not allows_training(ai_txt, url),
            None if ai_txt is None else line_against_training(ai_txt, url),
            reserved,
            policy,
        )

    def _content(self, host: str, file: SiteFile, date: str | None) -> tuple[str | None, str | None]:
        """Return a host's file and its date: the newest, or the newest when the page was fetched; None for none."""
        dated = self._contents.get((host, file))
        if dated is None:
            return None, None
        place = len(dated)
        if self._moment == "fetched" and date:
            place = max(bisect_right([each for each, _ in dated], date + "\x7f"), 1)
        when, content = dated[place - 1]
        return content, when or None


@lru_cache(maxsize=4096)
def _parsed(robots: str) -> Protego:
    return Protego.parse(robots)


def allows(robots: str, url: str, agent: str) -> bool:
    """Say whether robots.txt lets an agent fetch a URL."""
    return bool(_parsed(robots).can_fetch(url, agent))


def allows_training(ai_txt: str, url: str) -> bool:
    """Say whether ai.txt lets a page be trained on: pages count as `.html`, whatever their address ends in."""
    return allows(ai_txt, url, "*") and allows(ai_txt, _as_html(url), "*")


def line_against_training(ai_txt: str, url: str) -> str | None:
    """Return the line of ai.txt that keeps a page from training, with its number; None where none does."""
    for address in (url, _as_html(url)):
        if not allows(ai_txt, address, "*"):
            return deciding_line(ai_txt, address, "*")
    return None


def _as_html(url: str) -> str:
    return re.sub(r"[?#].*", "", url).rstrip("/") + ".html"


class _Line(NamedTuple):
    agents: frozenset[str]
    field: str
    value: str
    text: str


def deciding_line(robots: str, url: str, agent: str) -> str | None:
    """Return the line of robots.txt that keeps an agent from a URL, with its number; None where none does."""
    best: tuple[int, str] | None = None
    for line in _group_of(robots, agent):
        if line.field == "disallow" and line.value and not allows(f"User-agent: *\nDisallow: {line.value}", url, "*"):
            best = max(best or (-1, ""), (len(line.value), line.text), key=lambda found: found[0])
    return None if best is None else best[1]


def usage_of(robots: str, url: str, agents: Sequence[str]) -> str | None:
    """Return the AIPREF preferences that robots.txt has for a URL, the longest path first, None where it has none."""
    found: dict[str, tuple[int, str]] = {}
    for agent in ("*", *agents):
        for line in _group_of(robots, agent):
            if line.field not in _PREFERENCES:
                continue
            path = line.value.split()[0] if line.value.startswith("/") else ""
            if path and allows(f"User-agent: *\nDisallow: {path}", url, "*"):
                continue
            for category, answer in preferences(line.value).items():
                known = found.get(category)
                if known is None or len(path) > known[0] or (len(path) == known[0] and answer == "n"):
                    found[category] = (len(path), answer)
    return ", ".join(f"{category}={answer}" for category, (_, answer) in sorted(found.items())) or None


def preferences(value: str) -> dict[str, str]:
    """Return the preferences in a value of `Content-Usage` or `Content-Signal`: `y` or `n` by category."""
    return {category.lower(): answer.lower() for category, answer in _PREFERENCE.findall(value)}


def forbids_training(usage: str) -> bool:
    """Say whether preferences forbid training: the most specific category that covers it decides."""
    stated = preferences(usage)
    return next((stated[category] == "n" for category in TRAINING if category in stated), False)


def _group_of(robots: str, agent: str) -> Iterator[_Line]:
    """Yield the lines of the groups that apply to an agent: those that name it, else those for all."""
    lines = _lines(robots)
    name = agent.lower()
    named = {own for line in lines for own in line.agents if own != "*" and own.rstrip("*") == name}
    return (line for line in lines if (line.agents & named if named else "*" in line.agents))


@lru_cache(maxsize=1024)
def _lines(robots: str) -> tuple[_Line, ...]:
    """Return the lines of robots.txt with the agents of their groups."""
    found: list[_Line] = []
    agents: frozenset[str] = frozenset()
    open_group = False
    for number, text in enumerate(robots.splitlines(), start=1):
        field, colon, value = text.partition("#")[0].partition(":")
        field, value = field.strip().lower(), value.strip()
        if not colon:
            continue
        if field == "user-agent":
            agents = agents | {value.lower()} if open_group else frozenset({value.lower()})
            open_group = True
        elif field in {"allow", "disallow", *_PREFERENCES}:
            open_group = False
            found.append(_Line(agents, field, value, f"line {number}: {text.strip()}"))
    return tuple(found)


@lru_cache(maxsize=4096)
def _reservations(content: str) -> tuple[Mapping[str, object], ...]:
    try:
        tree = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ()
    return tuple(item for item in (tree if isinstance(tree, list) else [tree]) if isinstance(item, dict))


def reservation(content: str, url: str) -> tuple[int | None, str | None]:
    """Return what tdmrep.json says of a URL, reservation and policy; the longest matching location decides."""
    best: tuple[int, int, str | None] | None = None
    for item in _reservations(content):
        location, reserved, policy = (item.get(key) for key in ("location", "tdm-reservation", "tdm-policy"))
        if not isinstance(location, str) or str(reserved) not in {"0", "1"}:
            continue
        if not allows(f"User-agent: *\nDisallow: {location}", url, "*"):
            found = (len(location), int(str(reserved)), policy if isinstance(policy, str) else None)
            best = found if best is None else max(best, found, key=lambda each: each[:2])
    return (None, None) if best is None else best[1:]
