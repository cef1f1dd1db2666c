"""Replaces what can identify persons: e-mail addresses, public IP addresses, telephone numbers by option."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from prep.corpus.arrow.columns import Bytes, set_column, string_array, string_buffers
from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import Problem
from prep.stages.pii import top_level_domains
from prep.stages.pii.email_kernels import word_characters
from prep.stages.pii.mailbox_kernels import mailboxes
from prep.stages.pii.mask_kernels import EMAIL, IP, PHONE, Findings, Sought, find_personal, mask
from prep.stages.pii.phone_formats import FORMATS, Region
from prep.stages.pii.phone_kernels import compile_patterns
from prep.stages.pii.version_kernels import version_words
from prep.stages.stage import CheckContext, RowFunction, RowStage
from prep.stages.verdicts import Outcome

COUNTS = {EMAIL: "pii_emails", IP: "pii_ips", PHONE: "pii_phones"}
"""Columns of counts."""
Mask = Annotated[str, Field(min_length=1)]


class Pii(RowStage):
    """Replace e-mail addresses, public IPv4 addresses and, by option, telephone numbers in the text.

    How many were replaced is counted in the columns `pii_emails`, `pii_ips` and `pii_phones`. E-mail addresses end with
    a top-level domain, may be international (`иван@пример.рф`), and are found beside letters of any script; IP
    addresses are no part of a longer number or word, and no version, section or object identifier. Accounts such as
    `@keeper@mill.social` and `git@mill.org:a/b` are no addresses. No document is lost.
    """

    version: ClassVar[int] = 4
    example: ClassVar[str] = "- pii: {national_phones: [DE, FR]}"
    name: ClassVar[str] = "pii"
    does: ClassVar[str] = "masking personal data"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("text",)

    emails: bool = True
    """Whether e-mail addresses are replaced."""
    ips: bool = True
    """Whether IPv4 addresses are replaced."""
    public_ips_only: bool = True
    """Whether IP addresses stay that lead to nobody: private networks, examples, this machine."""
    international_phones: bool = False
    """Whether telephone numbers that begin with `+` and a calling code are replaced."""
    national_phones: tuple[Region, ...] = ()
    """Countries in whose formats telephone numbers are replaced too. The more there are, the more numbers that are no
    telephone's follow one by chance."""
    check_phones: bool = False
    """Whether telephone numbers are replaced only where the library phonenumbers, which knows all numbering plans,
    takes them for possible and assigned: about 50 µs each."""
    fineweb: bool = False
    """Whether e-mail and IP addresses are exactly what FineWeb's regular expressions take for them: also
    `logo@2x.png` and `Version 5.10.15.20`, and no address directly beside a letter that is not in ASCII."""
    action: Literal["mask", "tag"] = "mask"
    """`mask` replaces what is found; `tag` leaves the text as it is and only counts."""
    email_mask: Mask = "email@example.com"
    """What stands in place of an e-mail address."""
    ip_mask: Mask = "22.214.171.124"
    """What stands in place of an IP address."""
    phone_mask: Mask = "+1-202-555-0100"
    """What stands in place of a telephone number; the default is one of those kept free for use in fiction."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield a stage that replaces nothing, and a check that has nothing to check or no library."""
        phones = self.international_phones or self.national_phones
        if not (self.emails or self.ips or phones):
            yield Problem("nothing is replaced", hint="set emails, ips or international_phones, or take the stage out")
        if self.check_phones and not phones:
            hint = "set international_phones or national_phones, or take it out"
            yield Problem("no telephone numbers are looked for", ("check_phones",), hint=hint)
        elif self.check_phones and find_spec("phonenumbers") is None:
            hint = "pip install 'corpus-prep[phones]'"
            yield Problem("the library phonenumbers is not installed", ("check_phones",), hint=hint)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the counts of what is looked for."""
        made = [pa.field(COUNTS[kind], pa.int32()) for kind in self._kinds()]
        names = {field.name for field in made}
        return pa.schema([*(field for field in schema if field.name not in names), *made])

    def open(self) -> RowFunction:
        """Return the function over batches."""
        formats = [pattern for region in self.national_phones for pattern in FORMATS[region]]
        sought = Sought(
            emails=self.emails,
            addresses=self.ips,
            public_only=self.public_ips_only,
            international=self.international_phones,
            national=compile_patterns(formats),
            fineweb=self.fineweb,
            words=word_characters(),
            mailboxes=mailboxes(top_level_domains.ALL),
            versions=version_words(),
        )
        masks = [text.encode() for text in (self.email_mask, self.ip_mask, self.phone_mask)]
        mask_offsets = np.concatenate(([0], np.cumsum([len(text) for text in masks], dtype=np.int64)))
        mask_data = np.frombuffer(b"".join(masks), np.uint8)
        is_phone = _phone_check(self.national_phones) if self.check_phones else None
        schema = self.output_schema

        def replace(batch: pa.RecordBatch) -> Outcome:
            texts = batch.column(TEXT.name)
            data, offsets = string_buffers(texts)
            found = find_personal(data, offsets, sought)
            found = _taken(found, np.argsort(found.starts, kind="stable"))
            if is_phone is not None:
                found = _taken(found, _checked(data, found, is_phone))
            if len(found.rows) and self.action == "mask":
                masked = string_array(*mask(data, offsets, found, mask_data, mask_offsets))
                masked = pc.if_else(texts.is_valid(), masked, None) if texts.null_count else masked
                batch = set_column(batch, TEXT.name, masked)
            for kind in self._kinds():
                counts = np.bincount(found.rows[found.kinds == kind], minlength=batch.num_rows)
                batch = set_column(batch, COUNTS[kind], pa.array(counts, pa.int32()))
            return Outcome(batch.select(schema(batch.schema).names))

        return replace

    def _kinds(self) -> list[int]:
        looked_for = {EMAIL: self.emails, IP: self.ips, PHONE: self.international_phones or bool(self.national_phones)}
        return [kind for kind, wanted in looked_for.items() if wanted]


def _taken(found: Findings, which: npt.NDArray[np.int64]) -> Findings:
    return Findings(*(column[which] for column in found))


def _checked(data: Bytes, found: Findings, is_phone: Callable[[str], bool]) -> npt.NDArray[np.int64]:
    """Return which findings stay."""
    stays = [
        kind != PHONE or is_phone(data[start:end].tobytes().decode())
        for kind, start, end in zip(found.kinds.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True)
    ]
    return np.flatnonzero(np.array(stays, np.bool_))


def _phone_check(regions: tuple[Region, ...]) -> Callable[[str], bool]:
    import phonenumbers

    def is_phone(text: str) -> bool:
        for region in regions or (None,):
            try:
                if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                    return True
            except phonenumbers.NumberParseException:
                continue
        return False

    return is_phone
