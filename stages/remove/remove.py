"""Removes documents by request: those that lists of ids, URLs, domains or hosts name."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pyarrow as pa

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.storage import exists
from prep.stages.shared.target_lists import read_list, read_targets
from prep.stages.shared.targets import KINDS
from prep.stages.stage import CheckContext, RowFunction, RowStage
from prep.stages.verdicts import Outcome, Verdicts

RULES = tuple(f"removed_by_{kind[:-1]}" for kind in KINDS)


class Remove(RowStage):
    """Reject the documents that people or authorities have asked to remove.

    Each option names a list file: text with one entry per line, where empty lines and lines that begin with `#` are
    left out; or a CSV, TSV, JSON Lines or Parquet table with a column `id`, `url`, `domain` or `host`. The rules are
    `removed_by_id`, `removed_by_url`, `removed_by_domain` and `removed_by_host`; `detail` is the list's entry. Put it
    early to save work on what goes anyway, or late to see what would have been kept. `prep remove` does the same to a
    run that has ended.
    """

    example: ClassVar[str] = "- remove: {domains: removed-domains.txt}"
    name: ClassVar[str] = "remove"
    does: ClassVar[str] = "removing what was asked to be removed"
    columns: ClassVar[tuple[str, ...]] = ("id",)
    opt_outs: ClassVar[str] = "requests for removal"

    ids: str | None = None
    """A file of documents' ids."""
    urls: str | None = None
    """A file of URLs. Scheme, `www.`, a slash at the end, fragments and the order of parameters do not count."""
    domains: str | None = None
    """A file of domains; each covers its subdomains."""
    hosts: str | None = None
    """A file of hosts, each of which stands for itself alone."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield lists that are missing, and URLs asked for where documents have none."""
        files = self.files()
        if not files:
            yield Problem("nothing is named", (), f"at least one of {', '.join(KINDS)}")
        for kind, path in files.items():
            if not exists(path):
                yield Problem("there is no such file", (kind,), "a file with one entry per line", path)
            else:
                yield from _unreadable(kind, path)
            if kind != "ids" and "url" not in context.schema.names:
                yield Problem("the documents have no column 'url'", (kind,), hint="name documents by id")

    def files(self) -> Mapping[str, str]:
        """Return the lists."""
        named = {"ids": self.ids, "urls": self.urls, "domains": self.domains, "hosts": self.hosts}
        return {kind: path for kind, path in named.items() if path is not None}

    def open(self) -> RowFunction:
        """Return the function over batches."""
        targets = read_targets(self.files())

        def remove(batch: pa.RecordBatch) -> Outcome:
            match = targets.match(batch)
            verdicts = Verdicts.from_codes(match.kind, RULES)
            return Outcome(batch, Verdicts(verdicts.rule, detail=pa.array(match.entry, pa.string())))

        return remove


def _unreadable(kind: str, path: str) -> Iterator[Problem]:
    try:
        read_list(kind, path)
    except ConfigurationError as error:
        yield Problem(str(error), (kind,))
