"""Reads what pages and hosts say of rights: licences, directives to robots, reservations of text and data mining.

Statements stand in the page (meta tags, links, JSON-LD), in the response's headers, and in files of the host
(`prep.stages.rights.site_rules`). Sources: the microformat rel-license; schema.org `license`; Dublin Core; robots meta
tag and `X-Robots-Tag`; IETF AIPREF (`Content-Usage`); W3C community group report "TDM Reservation Protocol" (2024).
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from prep.corpus.arrow.columns import set_column, string_buffers
from prep.corpus.arrow.documents import DATE, HEADERS, HTML, URL
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.rights.licences import licence_name, licence_of_link
from prep.stages.rights.markup_kernels import JSON_LD, LICENCE_LINK, META, PLAIN_LINK, find_statements
from prep.stages.rights.site_records import read_records, record_files
from prep.stages.rights.site_rules import NOTHING_SAID, Moment, SiteRules, SiteStatement, forbids_training
from prep.stages.rights.statements import Rights as Found
from prep.stages.rights.statements import directives, place_of, read_headers, read_json_ld
from prep.stages.settings import Settings
from prep.stages.shared.url.name_kernels import names
from prep.stages.stage import CheckContext, RowFunction, RowStage, Tagging
from prep.stages.verdicts import Outcome, Verdicts

LICENCE = pa.field("licence", pa.string())
ORIGIN = pa.field("licence_origin", pa.string())
ROBOTS = pa.field("robots", pa.string())
RESERVATION = pa.field("tdm_reservation", pa.int8())
POLICY = pa.field("tdm_policy", pa.string())
PLACE = pa.field("licence_place", pa.string())
DISAGREEMENT = pa.field("licence_disagreement", pa.bool_())
USAGE = pa.field("content_usage", pa.string())
ROBOTS_TXT = pa.field("robots_txt", pa.string())
ROBOTS_LINE = pa.field("robots_txt_line", pa.string())
ROBOTS_DATE = pa.field("robots_txt_date", pa.string())
AI_TXT = pa.field("ai_txt", pa.bool_())

Directive = Literal["noindex", "nofollow", "noarchive", "nosnippet", "noimageindex", "noai", "noimageai"]
_RESERVATIONS = ("tdm-reservation", "tdm-policy")
_LICENCES = ("license", "licence", "dcterms.license", "dc.license", "dcterms:license", "cc:license", "og:license")
_RIGHTS = ("rights", "copyright", "dc.rights", "dcterms.rights", "dc.rights.license", "citation_license")
_ASKED_HEADERS = r"(?m)^(?:content-usage|content-signal|x-robots-tag|tdm-reservation|tdm-policy|link):"
SiteRule = Literal["tdm_reservation", "content_usage", "robots_txt", "ai_txt"]
AI_AGENTS = (
    *("GPTBot", "CCBot", "Google-Extended", "ClaudeBot", "anthropic-ai", "Applebot-Extended", "Meta-ExternalAgent"),
    *("Bytespider", "Amazonbot", "cohere-ai", "Diffbot", "AI2Bot", "omgili", "PanguBot", "ImagesiftBot"),
)
"""Agents that fetch pages to train models, or by whose name hosts speak of that."""


class Sites(Settings):
    """Where the site-wide statements of hosts are found, and how they apply."""

    paths: tuple[str, ...] = Field(min_length=1)
    """Web archives with the hosts' robots.txt, ai.txt and tdmrep.json; folders of `HOST/robots.txt`; or tables
    (Parquet, JSON Lines, CSV, TSV) with the columns url, content and, where it is known, date."""
    agents: tuple[str, ...] = AI_AGENTS
    """Agents of robots.txt whose rules count; where a host names none of them, its rules for `*` do."""
    moment: Moment = "newest"
    """Which statement applies where a host's was fetched several times: the `newest`, to older pages too, or the one
    that stood when the page was `fetched`."""


class Rights(Tagging, RowStage):
    """Record what pages say of rights in columns, and reject documents by it. It must stand before `extract`.

    - `licence`: the licence's name as SPDX writes it, in lower case (`cc-by-sa-4.0`), or its URL where it is another;
      several, sorted, with a space between. Null where none is named. `licence_origin` says where it is named:
      `header` (a `Link`), `rel` (a link with `rel=license`), `json-ld`, `meta`, `link` (a plain link to Creative
      Commons). Where several do, the first of these counts.
    - `robots`: what is forbidden (`noai, noindex`), sorted, from meta tags and `X-Robots-Tag`; null where nothing is.
    - `tdm_reservation`: 1 where text and data mining is reserved, 0 where it expressly is not, else null; 1 where
      statements differ. `tdm_policy`: the URL of the policy.

    - `licence_place`: `head`, `body` or `footer` of the page, null where it is in a header; `licence_disagreement`:
      whether places name different licences.
    - `content_usage`: AIPREF preferences (`train-ai=n`), from the header of that name, else from robots.txt; what
      `Content-Signal` says counts like them (`ai-train=n`).
    - With `sites`: `robots_txt`, the agents that robots.txt keeps from the page; `robots_txt_line`, the line that keeps
      the first of them out; `robots_txt_date`, when the file that applies was fetched; `ai_txt`, whether ai.txt forbids
      training. tdmrep.json counts as the page's reservation where the page itself makes none.

    Headers are read where the documents have a column `headers`. Of documents that came as text only their host speaks.
    """

    example: ClassVar[str] = "- rights: {reject: [noai, tdm_reservation]}"
    name: ClassVar[str] = "rights"
    does: ClassVar[str] = "reading licences and opt-outs"
    version: ClassVar[int] = 5
    libraries: ClassVar[tuple[str, ...]] = ("orjson", "protego")
    opt_outs: ClassVar[str] = "licences, directives to robots and reservations of text and data mining"
    columns: ClassVar[tuple[str, ...]] = ("html",)

    reject: tuple[Directive | SiteRule, ...] = ()
    """What rejects a document that says so, under a rule of the same name."""
    require: tuple[Literal["licence"], ...] = ()
    """What a document must have: `licence` rejects those that name none (rule `no_licence`)."""
    licences: tuple[str, ...] = ()
    """Licences that are allowed, `*` standing for any letters (`cc-by-*`); empty allows all. A document that names
    another, beside allowed ones too, is rejected (rule `other_licence`)."""
    plain_links: bool = True
    """Whether links to Creative Commons without `rel=license` count, which may be about a picture on the page."""
    agents: tuple[str, ...] = ()
    """Robots whose directives count beside those to all, such as `gptbot`: names of meta tags, and of agents in
    `X-Robots-Tag`."""

    sites: Sites | None = None
    """The site-wide statements of hosts; left out: pages and headers alone speak."""

    def has_rules(self) -> bool:
        """Whether documents can be rejected."""
        return bool(self.reject or self.require or self.licences)

    def files(self) -> Mapping[str, str]:
        """Return the files with site-wide statements."""
        found = record_files(self.sites.paths) if self.sites else []
        return {f"sites.{number}": path for number, path in enumerate(found)}

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield licences that can never be named, and site-wide statements that are asked for and not given."""
        for rule in ("robots_txt", "ai_txt"):
            if rule in self.reject and self.sites is None:
                yield Problem(f"the rule {rule} looks at files of hosts", ("sites",), "where they are found")
        if self.sites is not None:
            try:
                record_files(self.sites.paths)
            except ConfigurationError as error:
                yield Problem(str(error), ("sites", "paths"))
        for index, pattern in enumerate(self.licences):
            name = licence_name(pattern)
            if "*" not in pattern and name not in (None, pattern):
                hint = f"write {name}"
                yield Problem(
                    "licences are compared as they are recorded", ("licences", index), str(name), pattern, hint
                )

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the columns of rights."""
        fields = [LICENCE, ORIGIN, PLACE, DISAGREEMENT, ROBOTS, RESERVATION, POLICY, USAGE]
        fields += [ROBOTS_TXT, ROBOTS_LINE, ROBOTS_DATE, AI_TXT] if self.sites else []
        made = {field.name for field in fields}
        return pa.schema([*(field for field in schema if field.name not in made), *fields])

    def open(self) -> RowFunction:
        """Return the function over batches."""
        agents = ("robots", *self.agents)
        groups = (agents, _RESERVATIONS, _LICENCES, _RIGHTS)
        meta_names = tuple(name for group in groups for name in group)
        sought = names(meta_names)
        kinds = {META + number: name.lower() for number, name in enumerate(meta_names)}
        hosts = self._hosts()

        def read(batch: pa.RecordBatch) -> Outcome:
            found: dict[int, Found] = {}
            pages = _Column(batch, URL)
            if HEADERS.name in batch.schema.names:
                headers = batch.column(HEADERS.name)
                asked = pc.fill_null(pc.match_substring_regex(headers, _ASKED_HEADERS), False)
                for row in pc.indices_nonzero(asked).to_pylist():
                    read_headers(headers[row].as_py(), frozenset(agents), pages[row], found.setdefault(row, Found()))
            data, offsets = string_buffers(batch.column(HTML.name))
            statements = find_statements(data, offsets, sought)
            for row, kind, start, end in zip(*(column.tolist() for column in statements), strict=True):
                value = data[start:end].tobytes()
                rights = found.setdefault(row, Found())
                named = rights.names()
                self._note(kinds.get(kind, ""), kind, value, pages[row], rights)
                for origin, name in rights.names() - named:
                    rights.places[origin, name] = place_of(data[offsets[row] : offsets[row + 1]], start - offsets[row])
            statements_of_hosts = self._statements(batch, hosts, found)
            return self._outcome(batch, found, statements_of_hosts)

        return read

    def _hosts(self) -> SiteRules | None:
        if self.sites is None:
            return None
        records = (record for path in self.files().values() for record in read_records(path))
        return SiteRules(records, self.sites.agents, self.sites.moment)

    def _statements(
        self, batch: pa.RecordBatch, hosts: SiteRules | None, found: dict[int, Found]
    ) -> Sequence[SiteStatement]:
        """Return what hosts say of each document, and note what stands for the page's own statement."""
        if hosts is None:
            return ()
        pages, dates = _Column(batch, URL), _Column(batch, DATE)
        said = [hosts.statement(pages[row], dates[row]) for row in range(batch.num_rows)]
        for row, statement in enumerate(said):
            if statement.reserved is not None or statement.usage is not None:
                rights = found.setdefault(row, Found())
                rights.usage = rights.usage or statement.usage
                if rights.reserved is None and statement.reserved is not None:
                    rights.reserved, rights.policy = statement.reserved, rights.policy or statement.policy
        return said

    def _note(self, name: str, kind: int, content: bytes, page: str | None, rights: Found) -> None:
        """Note one statement of a page."""
        if kind == JSON_LD:
            read_json_ld(content, page, rights)
            return
        value = html.unescape(content.decode("utf-8", "replace"))
        if kind == LICENCE_LINK:
            rights.add_licence("rel", licence_of_link(value, page))
        elif kind == PLAIN_LINK:
            rights.add_licence("link", licence_name(value) if self.plain_links else None)
        elif name == "tdm-reservation":
            rights.add_reservation(value)
        elif name == "tdm-policy":
            rights.add_policy(value)
        elif name in _LICENCES:
            rights.add_licence("meta", licence_of_link(value, page))
        elif name in _RIGHTS:
            rights.add_licence("meta", licence_name(value))
        else:
            rights.robots |= directives(value)

    def _outcome(self, batch: pa.RecordBatch, found: Mapping[int, Found], said: Sequence[SiteStatement]) -> Outcome:
        rows = [found.get(row) for row in range(batch.num_rows)]
        licences = [(None, None) if rights is None else rights.licence() for rights in rows]
        columns = {
            LICENCE: [name for name, _ in licences],
            ORIGIN: [origin for _, origin in licences],
            ROBOTS: [", ".join(sorted(rights.robots)) or None if rights else None for rights in rows],
            RESERVATION: [rights.reserved if rights else None for rights in rows],
            POLICY: [rights.policy if rights else None for rights in rows],
            PLACE: [rights.place() if rights else None for rights in rows],
            DISAGREEMENT: [rights.disagrees() if rights else False for rights in rows],
            USAGE: [rights.usage if rights else None for rights in rows],
        }
        if self.sites is not None:
            columns[ROBOTS_TXT] = [", ".join(each.disallowed) or None for each in said]
            columns[ROBOTS_LINE] = [each.line for each in said]
            columns[ROBOTS_DATE] = [each.robots_date for each in said]
            columns[AI_TXT] = [each.ai_txt for each in said]
        for field, values in columns.items():
            batch = set_column(batch, field.name, pa.array(values, field.type))
        batch = batch.select(self.output_schema(batch.schema).names)
        verdicts = [
            self._verdict(rights or Found(), name, said[row] if said else NOTHING_SAID)
            for row, (rights, (name, _)) in enumerate(zip(rows, licences, strict=True))
        ]
        if all(rule is None for rule, _ in verdicts):
            return Outcome(batch)
        rule = pa.array([rule for rule, _ in verdicts], pa.string())
        return Outcome(batch, Verdicts(rule, detail=pa.array([detail for _, detail in verdicts], pa.string())))

    def _verdict(self, rights: Found, licence: str | None, said: SiteStatement) -> tuple[str | None, str | None]:
        """Return the rule that rejects a document and what it says, None where none does."""
        for rule in self.reject:
            if rule == "tdm_reservation":
                applies, detail = rights.reserved == 1, rights.policy
            elif rule == "content_usage":
                applies, detail = rights.usage is not None and forbids_training(rights.usage), rights.usage
            elif rule == "robots_txt":
                when = f" (fetched {said.robots_date})" if said.robots_date else ""
                applies, detail = bool(said.disallowed), f"{', '.join(said.disallowed)}; {said.line}{when}"
            elif rule == "ai_txt":
                applies, detail = said.ai_txt, said.ai_txt_line
            else:
                applies, detail = rule in rights.robots, ", ".join(sorted(rights.robots))
            if applies:
                return rule, detail
        if licence is None:
            return ("no_licence", None) if "licence" in self.require else (None, None)
        if self.licences and not all(self._allows(name) for name in licence.split(" ")):
            return "other_licence", licence
        return None, None

    def _allows(self, licence: str) -> bool:
        return any(fnmatchcase(licence, pattern.lower()) for pattern in self.licences)


class _Column:
    """A column of strings that may be missing."""

    def __init__(self, batch: pa.RecordBatch, field: pa.Field) -> None:
        index = batch.schema.get_field_index(field.name)
        self._column = None if index < 0 else batch.column(index)

    def __getitem__(self, row: int) -> str | None:
        value: str | None = None if self._column is None else self._column[row].as_py()
        return value
