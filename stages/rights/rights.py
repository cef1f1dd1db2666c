"""Reads what pages say of rights: licences, directives to robots, reservations of text and data mining.

Statements stand in the page (meta tags, links, JSON-LD) and in the response's headers. Sources: the microformat
rel-license; schema.org `license`; Dublin Core; robots meta tag and `X-Robots-Tag` (RFC 9309 covers robots.txt only);
W3C community group report "TDM Reservation Protocol" (2024).
"""

import html
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import set_column, string_buffers
from prep.corpus.arrow.documents import HEADERS, HTML, URL
from prep.corpus.errors import Problem
from prep.stages.rights.licences import licence_name, licence_of_link
from prep.stages.rights.markup_kernels import JSON_LD, LICENCE_LINK, META, PLAIN_LINK, find_statements
from prep.stages.rights.statements import Rights as Found
from prep.stages.rights.statements import directives, read_headers, read_json_ld
from prep.stages.shared.url.name_kernels import names
from prep.stages.stage import CheckContext, Outcome, RowFunction, RowStage, Verdicts

LICENCE = pa.field("licence", pa.string())
ORIGIN = pa.field("licence_origin", pa.string())
ROBOTS = pa.field("robots", pa.string())
RESERVATION = pa.field("tdm_reservation", pa.int8())
POLICY = pa.field("tdm_policy", pa.string())

Directive = Literal["noindex", "nofollow", "noarchive", "nosnippet", "noimageindex", "noai", "noimageai"]
_RESERVATIONS = ("tdm-reservation", "tdm-policy")
_LICENCES = ("license", "licence", "dcterms.license", "dc.license", "dcterms:license", "cc:license", "og:license")
_RIGHTS = ("rights", "copyright", "dc.rights", "dcterms.rights", "dc.rights.license", "citation_license")
_ASKED_HEADERS = r"(?m)^(?:x-robots-tag|tdm-reservation|tdm-policy|link):"


class Rights(RowStage):
    """Record what pages say of rights in columns, and reject documents by it. It must stand before `extract`.

    - `licence`: the licence's name as SPDX writes it, in lower case (`cc-by-sa-4.0`), or its URL where it is another;
      several, sorted, with a space between. Null where none is named. `licence_origin` says where it is named:
      `header` (a `Link`), `rel` (a link with `rel=license`), `json-ld`, `meta`, `link` (a plain link to Creative
      Commons). Where several do, the first of these counts.
    - `robots`: what is forbidden (`noai, noindex`), sorted, from meta tags and `X-Robots-Tag`; null where nothing is.
    - `tdm_reservation`: 1 where text and data mining is reserved, 0 where it expressly is not, else null; 1 where
      statements differ. `tdm_policy`: the URL of the policy.

    Headers are read where the documents have a column `headers`. Documents that came as text have nothing to say.
    """

    name: ClassVar[str] = "rights"
    libraries: ClassVar[tuple[str, ...]] = ("orjson",)
    opt_outs: ClassVar[str] = "licences, directives to robots and reservations of text and data mining"
    columns: ClassVar[tuple[str, ...]] = ("html",)

    reject: tuple[Directive | Literal["tdm_reservation"], ...] = ()
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

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield licences that can never be named."""
        for index, pattern in enumerate(self.licences):
            name = licence_name(pattern)
            if "*" not in pattern and name not in (None, pattern):
                hint = f"write {name}"
                yield Problem(
                    "licences are compared as they are recorded", ("licences", index), str(name), pattern, hint
                )

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the columns of rights."""
        fields = (LICENCE, ORIGIN, ROBOTS, RESERVATION, POLICY)
        made = {field.name for field in fields}
        return pa.schema([*(field for field in schema if field.name not in made), *fields])

    def open(self) -> RowFunction:
        """Return the function over batches."""
        agents = ("robots", *self.agents)
        groups = (agents, _RESERVATIONS, _LICENCES, _RIGHTS)
        meta_names = tuple(name for group in groups for name in group)
        sought = names(meta_names)
        kinds = {META + number: name.lower() for number, name in enumerate(meta_names)}

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
                self._note(kinds.get(kind, ""), kind, value, pages[row], found.setdefault(row, Found()))
            return self._outcome(batch, found)

        return read

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

    def _outcome(self, batch: pa.RecordBatch, found: Mapping[int, Found]) -> Outcome:
        rows = [found.get(row) for row in range(batch.num_rows)]
        licences = [(None, None) if rights is None else rights.licence() for rights in rows]
        columns = {
            LICENCE: [name for name, _ in licences],
            ORIGIN: [origin for _, origin in licences],
            ROBOTS: [", ".join(sorted(rights.robots)) or None if rights else None for rights in rows],
            RESERVATION: [rights.reserved if rights else None for rights in rows],
            POLICY: [rights.policy if rights else None for rights in rows],
        }
        for field, values in columns.items():
            batch = set_column(batch, field.name, pa.array(values, field.type))
        batch = batch.select(self.output_schema(batch.schema).names)
        verdicts = [self._verdict(rights or Found(), name) for rights, (name, _) in zip(rows, licences, strict=True)]
        if all(rule is None for rule, _ in verdicts):
            return Outcome(batch)
        rule = pa.array([rule for rule, _ in verdicts], pa.string())
        return Outcome(batch, Verdicts(rule, detail=pa.array([detail for _, detail in verdicts], pa.string())))

    def _verdict(self, rights: Found, licence: str | None) -> tuple[str | None, str | None]:
        """Return the rule that rejects a document and what it says, None where none does."""
        for rule in self.reject:
            if rule in rights.robots or (rule == "tdm_reservation" and rights.reserved == 1):
                return rule, rights.policy if rule == "tdm_reservation" else ", ".join(sorted(rights.robots))
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
