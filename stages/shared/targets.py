"""Documents named by their owners or by authorities: by id, by URL, by domain or by host.

URLs are compared in one form (`prep.stages.shared.url.form_kernels`): scheme, `www.`, a slash at the end and the order
of parameters do not count. A domain covers its subdomains, `www.` before it does not count; a host stands for itself
alone. Ports do not count in domains and hosts; international names match however they are written. Cost per batch: one
hash per URL, and one look-up per different host.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from courlan import extract_domain

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.errors import ConfigurationError
from prep.corpus.text.hashing import lower_table
from prep.stages.shared.url.form_kernels import form
from prep.stages.shared.url.hash_kernels import url_hashes

KINDS = ("ids", "urls", "domains", "hosts")
_HOST = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@\\]*@)?(?P<host>\[[^\]/?#]*\]|[^/?#:\\]+)"
_BARE_HOST = r"^(?P<host>[\pL\pN_-]+(?:\.[\pL\pN_-]+)+)\.?(?::[0-9]+)?(?:[/?#]|$)"
"""The host of a URL that is written without a scheme and slashes."""
_HOST_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\]")
_HOST_ENTRY = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//([^/?#@]+)/?|([^/?#@]+)", re.IGNORECASE)
_PORT = re.compile(r":[0-9]*$")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_FORM = form(ignore_scheme=True, ignore_www=True, ignore_slash=True, fragments="keep_hashbang", sort=True)

Hashes = npt.NDArray[np.uint64]


class Match(NamedTuple):
    """Which documents of a batch are named."""

    kind: npt.NDArray[np.int64]
    """Place in `KINDS` of the first kind that names each document, −1 where none does (documents)."""
    entry: list[str | None]
    """The entry of the list that names it (documents)."""


@dataclass(frozen=True)
class Targets:
    """The entries of the lists."""

    ids: frozenset[str] = frozenset()
    urls: tuple[str, ...] = ()
    domains: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    @staticmethod
    def of(entries: Mapping[str, Iterable[str]]) -> "Targets":
        """Build from entries by kind; empty lines and lines that begin with `#` are no entries.

        Raises ConfigurationError for an entry that cannot name anything.
        """
        kept = {kind: [line.strip() for line in lines] for kind, lines in entries.items()}
        kept = {kind: [line for line in lines if line and not line.startswith("#")] for kind, lines in kept.items()}
        return Targets(
            frozenset(kept.get("ids", ())),
            tuple(sorted(set(map(_url_entry, kept.get("urls", ()))))),
            frozenset(_without_www(_host_entry(entry, "domain")) for entry in kept.get("domains", ())),
            frozenset(_host_entry(entry, "host") for entry in kept.get("hosts", ())),
        )

    def entries(self) -> dict[str, tuple[str, ...]]:
        """Return the entries by kind, sorted, without kinds that have none; `Targets.of` reads them back."""
        found = {"ids": self.ids, "urls": self.urls, "domains": self.domains, "hosts": self.hosts}
        return {kind: tuple(sorted(entries)) for kind, entries in found.items() if entries}

    def __bool__(self) -> bool:
        return bool(self.ids or self.urls or self.domains or self.hosts)

    def match(self, batch: pa.RecordBatch) -> Match:
        """Find the documents of a batch that are named, by its columns `id` and `url`; it need not have `url`."""
        kind = np.full(batch.num_rows, -1, np.int64)
        entry: list[str | None] = [None] * batch.num_rows
        for place, found in enumerate((self._by_id(batch), *self._by_url(batch))):
            for row, name in found.items():
                if kind[row] < 0:
                    kind[row], entry[row] = place, name
        return Match(kind, entry)

    def _by_id(self, batch: pa.RecordBatch) -> dict[int, str]:
        if not self.ids:
            return {}
        column = batch.column("id").cast(pa.string())
        rows = np.flatnonzero(pc.is_in(column, pa.array(sorted(self.ids), pa.string())).to_numpy(zero_copy_only=False))
        return dict(zip(rows.tolist(), column.take(pa.array(rows)).to_pylist(), strict=True))

    def _by_url(self, batch: pa.RecordBatch) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
        if "url" not in batch.schema.names or not (self.urls or self.domains or self.hosts):
            return {}, {}, {}
        column = batch.column("url").cast(pa.string())
        domains: dict[int, str] = {}
        hosts: dict[int, str] = {}
        if self.domains or self.hosts:
            encoded = _hosts(column).dictionary_encode()
            names = [ascii_host(name) for name in encoded.dictionary.to_pylist()]
            domains = _rows_of(encoded, [_covering(name, self.domains) for name in names])
            hosts = _rows_of(encoded, [name if name in self.hosts else None for name in names])
        return self._same_urls(column), domains, hosts

    def _same_urls(self, column: pa.Array) -> dict[int, str]:
        if not self.urls:
            return {}
        wanted = dict(_keys(*url_keys(pa.array(self.urls, pa.string()))))
        named = {key: self.urls[row] for row, key in wanted.items()}
        hashes, missing = url_keys(column)
        missing |= ~np.isin(hashes[0], np.array([first for first, _ in named], np.uint64))
        return {row: named[key] for row, key in _keys(hashes, missing) if key in named}


def ascii_host(name: str) -> str:
    """Return a host's name in lower case, without a full stop at its end, international labels as `xn--`."""
    lowered = unicodedata.normalize("NFKC", name.strip().translate(_DOTS)).lower().strip(".").removeprefix("*.")
    labels = lowered.split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def _host_entry(entry: str, kind: str) -> str:
    """Return the host that an entry of a list of domains or hosts names, which may be written as its address."""
    written = _HOST_ENTRY.fullmatch(entry)
    if written is None:
        hint = "list it under urls" if "@" not in entry else "mail addresses name no documents"
        raise ConfigurationError([f"expected a {kind}, such as example.org, seen {entry}; {hint}"])
    name = ascii_host(_PORT.sub("", written[1] or written[2]))
    if not _HOST_NAME.fullmatch(name):
        raise ConfigurationError([f"expected a {kind}, such as example.org, seen {entry}"])
    return name


def _without_www(domain: str) -> str:
    """Return a domain without `www.`, unless a public suffix would be left."""
    rest = domain.removeprefix("www.")
    below = f"any.{rest}"
    return rest if "." in rest and extract_domain(f"http://{below}") != below else domain


def _url_entry(entry: str) -> str:
    """Return a URL of a list as it is compared: with two slashes before its host."""
    if host_of(entry) is None and ":" not in entry.partition("/")[0]:
        raise ConfigurationError([f"expected a URL, such as https://example.org/page, seen {entry}"])
    return entry


def host_of(url: str) -> str | None:
    """Return the host of a URL in one form, None where it has none."""
    found: Sequence[str | None] = _hosts(pa.array([url], pa.string())).to_pylist()
    return None if found[0] is None else ascii_host(found[0])


def _hosts(column: pa.Array) -> pa.Array:
    whole, bare = (pc.struct_field(pc.extract_regex(column, pattern), [0]) for pattern in (_HOST, _BARE_HOST))
    return pc.coalesce(whole, bare)


def _covering(host: str, domains: frozenset[str]) -> str | None:
    """Return the domain of a set that is a host or one above it."""
    while host:
        if host in domains:
            return host
        host = host.partition(".")[2]
    return None


def _rows_of(hosts: pa.DictionaryArray, entries: list[str | None]) -> dict[int, str]:
    """Return the rows whose host has an entry, and the entry; `entries` follow the dictionary of hosts."""
    found = pa.DictionaryArray.from_arrays(hosts.indices, pa.array(entries, pa.string())).dictionary_decode()
    rows = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    return dict(zip(rows.tolist(), found.take(pa.array(rows)).to_pylist(), strict=True))


def url_keys(urls: pa.Array) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """Return the halves of the hash of each URL's form (2 × rows), and which rows have no URL (rows)."""
    return url_hashes(*string_buffers(urls), _FORM, lower_table())


def _keys(hashes: Hashes, missing: npt.NDArray[np.bool_]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the rows that have a URL, each with both halves of its hash."""
    rows = np.flatnonzero(~missing)
    return zip(rows.tolist(), zip(*hashes[:, rows].tolist(), strict=True), strict=True)
