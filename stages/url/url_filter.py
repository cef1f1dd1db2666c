"""Rejects documents by their URL: block lists, allow lists, and rules for its length, scheme, host and port."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import string_array, string_buffers
from prep.corpus.errors import Problem
from prep.corpus.text.hashing import lower_table
from prep.stages.settings import PathName
from prep.stages.shared.url.name_kernels import names
from prep.stages.shared.url.word_kernels import letter_table
from prep.stages.stage import CheckContext, RowFunction, RowStage, Tagging
from prep.stages.url.lists import (
    EXACT,
    ListKind,
    find_problem,
    load_domains,
    load_substrings,
    load_urls,
    load_words,
)
from prep.stages.url.rule_kernels import RULES, Limits, Lists, judge_urls
from prep.stages.verdicts import Outcome, Verdicts

Paths = tuple[PathName, ...]
Length = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]

_KINDS: Mapping[str, ListKind] = {
    "domains": "domains",
    "urls": "urls",
    "words": "words",
    "soft_words": "words",
    "substrings": "substrings",
    "allow_domains": "domains",
    "allow_urls": "urls",
}


class UrlFilter(Tagging, RowStage):
    """Reject documents by their URL. The rules come in the order of the fields; the first that applies rejects.

    Lists are files of one entry per line, plain or compressed (.gz, .zst, .bz2, .lz4); a `#` at the beginning of a
    line or behind white space begins a comment. A rejection's `detail` is what was found: the domain, word, host.
    Documents without a URL pass unless `require_url` is set.
    """

    example: ClassVar[str] = "- url_filter: {domains: [blocked.txt], soft_words: [words.txt]}"
    name: ClassVar[str] = "url_filter"
    does: ClassVar[str] = "filtering URLs"
    columns: ClassVar[tuple[str, ...]] = ("url",)
    libraries: ClassVar[tuple[str, ...]] = ("regex",)

    allow_domains: Paths = ()
    """Lists of domains whose documents, and those of all domains below them, are kept whatever the other rules say."""
    allow_urls: Paths = ()
    """Lists of URLs whose documents are kept whatever the other rules say; compared as `urls` are."""
    require_url: bool = False
    """Reject documents without a URL, or with an empty one (rule `no_url`)."""
    min_length: Length | None = None
    """Fewest bytes of the URL, white space at its ends left out (rule `short_url`)."""
    max_length: Length | None = None
    """Most bytes of the URL (rule `long_url`)."""
    schemes: tuple[str, ...] = ()
    """Schemes that are allowed, such as `https`; empty allows all, and URLs without one (rule `scheme`)."""
    ip_hosts: bool = True
    """Whether the host may be an IP address: in brackets, or its last label a number (rule `ip_host`)."""
    ports: tuple[Port, ...] = ()
    """Ports that a URL may name; empty allows all. A URL that names none passes (rule `port`)."""
    domains: Paths = ()
    """Lists of domains to reject, with all domains below them (rule `blocked_domain`). Case, full stops at the end and
    `*.` before a domain do not count; names in other scripts and their `xn--` form are the same. An IP address is
    rejected where it is listed itself."""
    urls: Paths = ()
    """Lists of URLs to reject (rule `blocked_url`). Compared without `http://` or `https://`, user information, the
    scheme's own port, the fragment and slashes at the path's end; the host in lower case, escapes in one form."""
    words: Paths = ()
    """Lists of words, any of which rejects (rule `banned_word`). Words are the runs of letters and digits of the whole
    URL, escapes decoded, in lower case."""
    soft_words: Paths = ()
    """Lists of words of which `soft_word_threshold` different ones reject (rule `soft_words`)."""
    soft_word_threshold: int = Field(2, ge=1)
    """How many different soft words reject."""
    substrings: Paths = ()
    """Lists of strings, any of which rejects wherever it stands in the URL's letters and digits, everything between
    them left out (rule `banned_substring`): `free casino` is found in `/freecasino` and in `/free-casino`."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield lists that cannot be used, bounds that contradict each other, and a filter without a rule."""
        for option, kind in _KINDS.items():
            for index, path in enumerate(self._paths(option)):
                found = find_problem(path, kind)
                if found is not None:
                    yield Problem(found.message, (option, index), found.expected, found.seen, found.hint)
        if self.min_length and self.max_length and self.min_length > self.max_length:
            yield Problem(
                "no URL can be so long and so short",
                ("min_length",),
                f"at most {self.max_length}",
                str(self.min_length),
            )
        if not self.has_rules():
            yield Problem("no rule is set", expected="a list or a limit", hint="set one, or take the stage out")

    def has_rules(self) -> bool:
        """Whether documents can be rejected."""
        options = type(self).model_fields.keys() - Tagging.model_fields.keys()
        return any(getattr(self, option) != type(self).model_fields[option].default for option in options)

    def files(self) -> Mapping[str, str]:
        """Return the lists: their content decides the output, their place does not."""
        return {f"{option}.{index}": path for option in _KINDS for index, path in enumerate(self._paths(option))}

    def identity(self) -> dict[str, object]:
        """Return the settings without the lists' places."""
        return self.model_dump(mode="json", exclude=set(_KINDS))

    def open(self) -> RowFunction:
        """Return the function over batches, the lists loaded."""
        lists, limits = self._lists(), self._limits()
        letters, lower = letter_table(), lower_table()
        rule_names = pa.array(RULES, pa.string())

        def judge(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("url"))
            rules, values, details, detail_offsets = judge_urls(data, offsets, limits, lists, EXACT, letters, lower)
            if (rules < 0).all():
                return Outcome(batch)
            detail = string_array(details[: detail_offsets[-1]], detail_offsets).cast(pa.string())
            verdicts = Verdicts(
                rule_names.take(pa.array(np.maximum(rules, 0), mask=rules < 0)),
                value=pa.array(values, mask=np.isnan(values)),
                detail=pa.compute.if_else(pa.array(np.diff(detail_offsets) > 0), detail, None),
            )
            return Outcome(batch, verdicts)

        return judge

    def _lists(self) -> Lists:
        blocked, allowed = load_domains(self.domains), load_domains(self.allow_domains)
        return Lists(
            allowed_domains=allowed.keys,
            longest_allowed=allowed.longest,
            allowed_urls=load_urls(self.allow_urls),
            domains=blocked.keys,
            longest_domain=blocked.longest,
            urls=load_urls(self.urls),
            words=load_words(self.words),
            soft_words=load_words(self.soft_words),
            substrings=load_substrings(self.substrings),
        )

    def _limits(self) -> Limits:
        return Limits(
            require_url=self.require_url,
            shortest=-1 if self.min_length is None else self.min_length,
            longest=-1 if self.max_length is None else self.max_length,
            schemes=names(self.schemes),
            addresses=self.ip_hosts,
            ports=np.array(self.ports, np.int64),
            soft_words=self.soft_word_threshold,
        )

    def _paths(self, option: str) -> Paths:
        paths: Paths = getattr(self, option)
        return paths
