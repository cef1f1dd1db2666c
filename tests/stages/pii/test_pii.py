"""The stage `pii` against slow reference implementations over arbitrary text, and against datatrove's decisions."""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from datatrove.pipeline.formatters import PIIFormatter
from fastwarc import ArchiveIterator, WarcRecordType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import TEXT
from prep.stages.pii.phone_formats import FORMATS, Region
from prep.stages.pii.pii import Pii
from prep.stages.stage import CheckContext

CONTEXT = CheckContext(pa.schema([TEXT]), 0, frozenset())
PEER = PIIFormatter()
PEER_EMAIL = PEER.emails_replacer.regex
PEER_IP = PEER.ip_replacer.regex
MASKS = {"email_mask": "<E>", "ip_mask": "<I>", "phone_mask": "<P>"}


def masked(stage: Pii, texts: Sequence[str | None]) -> list[str | None]:
    batch = pa.record_batch({"text": pa.array(texts, TEXT.type)})
    outcome = stage.open()(batch)
    assert outcome.verdicts is None
    assert outcome.batch.schema == stage.output_schema(batch.schema)
    found: list[str | None] = outcome.batch.column("text").to_pylist()
    return found


BEGINS = r"(?<![A-Za-z0-9_])(?<![0-9][.,/-])"
ENDS = r"(?![A-Za-z0-9_])(?![.,/-][0-9])"
BETWEEN = r"[-./() \xa0]{0,2}+"
FIXED = re.compile(rf"{BEGINS}\+\(?+(?=[17])[0-9](?:{BETWEEN}[0-9]){{10}}{ENDS}")
INTERNATIONAL = re.compile(rf"{BEGINS}\+\(?+(?=[^17])[0-9](?:{BETWEEN}[0-9])*+{ENDS}")
ASSIGNED = re.compile(
    "1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[12368]|2[234]|25[0-8]|26|29[01789]|35|37[0-8]"
    "|38[0-35-79]|42[013]|50|59|67[02-9]|68[0-35-9]|69[0-2]|80[08]|85[02356]|87[08]|88[0-368]|96[0-8]|97[0-79]|99[2-68]"
)
NATIONAL_BEGINS = rf"{BEGINS}(?<!\+)"
SYMBOLS = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", "S": "[6-9]", "x": "[0-9]?+", "_": r"[-./ \xa0]", " ": r"[ \xa0]"}
NATIONAL = {
    region: [
        re.compile(NATIONAL_BEGINS + "".join(SYMBOLS.get(symbol, re.escape(symbol)) for symbol in pattern) + ENDS)
        for pattern in patterns
    ]
    for region, patterns in FORMATS.items()
}
REGIONS: tuple[Region, ...] = ("US", "GB", "DE", "FR")


def slow_mask(text: str) -> str:
    """Mask as FineWeb does, and telephone numbers where no address begins."""
    spans = [(*found.span(), "<E>") for found in PEER_EMAIL.finditer(text)]
    gaps = zip([0, *(last for _, last, _ in spans)], [*(first for first, _, _ in spans), len(text)], strict=True)
    for floor, last in list(gaps):
        at = floor
        while at < last:
            address = PEER_IP.match(text, at, last)
            phone = slow_phone(text, at) if text[at] in "0123456789" and not address else None
            if address:
                spans += [(*address.span(), "<I>")] if PEER.ip_replacer.validator(address[0]) else []
                at = address.end()
            elif phone and phone[1] <= last:
                spans.append((*phone, "<P>"))
                at = phone[1]
            else:
                at += 1
    for first, last, mask in sorted(spans, reverse=True):
        text = text[:first] + mask + text[last:]
    return text


def slow_phone(text: str, at: int) -> tuple[int, int] | None:
    bracket = at - 1 if text[:at].endswith("(") else at
    if text[:bracket].endswith("+"):
        found = FIXED.match(text, bracket - 1) or INTERNATIONAL.match(text, bracket - 1)
        digits = re.sub("[^0-9]", "", found[0]) if found else ""
        if found and 8 <= len(digits) <= 15 and ASSIGNED.match(digits):
            return found.span()
    for start in dict.fromkeys((bracket, at)) if re.compile(NATIONAL_BEGINS).match(text, bracket) else ():
        for pattern in (pattern for region in REGIONS for pattern in NATIONAL[region]):
            found = pattern.match(text, start)
            if found:
                return found.span()
    return None


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b.c",
                "@",
                "@",
                ".",
                "..",
                "-",
                "x.org",
                "mail@",
                "@x.org",
                "é",
                "ß",
                "!",
                "#",
                "_",
                "'",
                "[",
                "]",
                ":",
            ),
            *(
                "[",
                "]",
                ":",
                "123456",
                "[1.2.3.4]",
                "[1.2.3.ab:]",
                "1.2.3.4",
                "8.8.8.8",
                "10.0.0.1",
                "255.255.255.255",
                "256",
                "01",
                "1",
                "12.",
            ),
            *(
                "+",
                "(",
                ")",
                "+49",
                "+1",
                " ",
                "\xa0",
                "/",
                "212",
                "555",
                "1234",
                "030",
                "(030)",
                "01",
                "23",
                "45",
                "123456",
            ),
            *("(212) 555-1234", "+44 (0)20 7946 0958", "2125551234", "01 23 45 67 89", "+800", ",", "٣", "中", "\n"),
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text()), max_size=4))
@example(["a@b.c@d.e", "éa@b.cd", "a..b@c.de", ".a@b.cd", "a@b-.cd", "a@b.cd-", "x@1.2.3.4", "@a.b", "a@[1.2.3.4]."])
@example(["+1 212 555 1234 99", "+49 30 1 (2) 3456789-1", "x+491234567890", "+4912345678901234", "(+49) 30 123456"])
def test_text_is_masked_as_by_the_slow_reference_implementation(texts: list[str]) -> None:
    stage = Pii(international_phones=True, national_phones=REGIONS, fineweb=True, **MASKS)
    assert masked(stage, texts) == [slow_mask(text) for text in texts]


@settings(max_examples=300, deadline=None)
@given(st.one_of(PIECES, st.text()))
def test_email_addresses_are_those_of_the_peer(text: str) -> None:
    peer = PIIFormatter(remove_ips=False, email_replacement=("<E>",))
    assert masked(Pii(ips=False, email_mask="<E>", fineweb=True), [text]) == [peer.format(text)]


EDGES = (
    *(
        "9.255.255.255",
        "100.63.255.255",
        "100.128.0.0",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.31.196.1",
        "192.88.99.1",
        "198.20.0.0",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1))
@example([int(ipaddress.ip_address(address)) for address in EDGES])
def test_public_addresses_are_those_of_the_peer(numbers: list[int]) -> None:
    numbers = [
        number for number in numbers if number >> 8 != 0xC00000
    ]  # Python's releases judge 192.0.0.0/24 differently
    addresses = [str(ipaddress.ip_address(number)) for number in numbers]
    peer = PIIFormatter(ip_replacement=("<I>",))
    assert masked(Pii(ip_mask="<I>"), addresses) == [peer.format(address) for address in addresses]
    assert masked(Pii(ip_mask="<I>", public_ips_only=False), addresses) == ["<I>"] * len(addresses)


def test_two_addresses_for_protocols_are_public() -> None:
    addresses = [f"192.0.0.{number}" for number in range(256)]
    found = masked(Pii(ip_mask="<I>"), addresses)
    assert [address for address in found if address == "<I>"] == ["<I>"] * 2
    assert [found[9], found[10]] == ["<I>"] * 2


@pytest.fixture(scope="module")
def pages(test_data: Path) -> list[str]:
    """Return pages as they are written, with all their addresses, version numbers and lists of numbers."""
    found = []
    for path in sorted((test_data / "web").glob("*.warc.gz")):
        with path.open("rb") as stream:
            records = ArchiveIterator(stream, record_types=WarcRecordType.response)
            found += [record.reader.read().decode(errors="replace") for record in records]
    return found[::2]


def test_email_addresses_in_real_pages_are_those_of_the_peer(pages: list[str]) -> None:
    peer = PIIFormatter(remove_ips=False, email_replacement=("<E>",))
    expected = [peer.format(page) for page in pages]
    assert masked(Pii(ips=False, email_mask="<E>", fineweb=True), pages) == expected
    assert sum(page.count("<E>") for page in expected) > 100


def test_ip_addresses_in_real_pages_are_those_of_the_peer_by_option(pages: list[str]) -> None:
    peer = PIIFormatter(remove_emails=False, ip_replacement=("<I>",))
    expected = [peer.format(page) for page in pages]
    assert masked(Pii(emails=False, ip_mask="<I>", fineweb=True), pages) == expected
    assert sum(page.count("<I>") for page in expected) > 5


@pytest.mark.parametrize(
    ("region", "numbers"),
    [
        ("US", ["(212) 555-1234", "212-555-1234", "1-800-555-1234", "212.555.1234"]),
        ("GB", ["020 7946 0958", "(0121) 496 0123", "07700 900 123", "01632 960123"]),
        ("DE", ["030/1234567", "(089) 1234567", "0171-1234567", "0221 / 123456"]),
        ("FR", ["01 23 45 67 89", "01.23.45.67.89", "0612345678"]),
        ("JP", ["03-1234-5678", "090-1234-5678"]),
        ("BR", ["(11) 91234-5678", "(11) 3123-4567"]),
        ("CN", ["010-12345678", "13812345678"]),
        ("RU", ["8 (495) 123-45-67", "8-800-555-35-35"]),
    ],
)
def test_national_formats(region: str, numbers: list[str]) -> None:
    stage = Pii.model_validate({"emails": False, "ips": False, "national_phones": [region], "phone_mask": "<P>"})
    assert masked(stage, [f"call {number}, now" for number in numbers]) == ["call <P>, now"] * len(numbers)
    inside = [f"x{number}" for number in numbers if number[0] != "("] + [f"{number}y" for number in numbers]
    assert masked(stage, inside) == inside


def test_dates_amounts_and_versions_are_no_telephone_numbers() -> None:
    stage = Pii(international_phones=True, national_phones=tuple(FORMATS))
    texts = [
        "2024-11-24 12:30:45",
        "1,234,567.89",
        "v2.10.3",
        "ISBN 978-3-16-148410-0",
        "10 000 000",
        "3+12345678901",
    ]
    assert masked(stage, texts) == texts


def test_numbers_can_be_checked_by_the_library() -> None:
    texts = ["+49 30 12345678", "+49 1 0000000000", "212-555-1234", "212-555-9", "999-555-1234"]
    settings = {"international_phones": True, "national_phones": ["US"], "phone_mask": "<P>"}
    assert masked(Pii.model_validate(settings), texts) == ["<P>", "<P>", "<P>", "212-555-9", "<P>"]
    checked = masked(Pii.model_validate(settings | {"check_phones": True}), texts)
    assert checked == ["<P>", texts[1], "<P>", texts[3], texts[4]]


def test_counts_are_columns_of_what_is_looked_for() -> None:
    batch = pa.record_batch({"text": pa.array(["a@b.cd 8.8.8.8 e@f.gh", None, ""], TEXT.type), "pii_ips": [7, 7, 7]})
    outcome = Pii().open()(batch)
    assert outcome.batch.schema.names == ["text", "pii_emails", "pii_ips"]
    assert outcome.batch.to_pydict() == {
        "text": ["email@example.com 22.214.171.124 email@example.com", None, ""],
        "pii_emails": [2, 0, 0],
        "pii_ips": [1, 0, 0],
    }
    assert Pii(ips=False, national_phones=("US",)).output_schema(pa.schema([TEXT])).names == [
        *("text", "pii_emails", "pii_phones"),
    ]


def test_a_row_depends_on_itself_alone() -> None:
    texts = ["a@b.cd", "x", "é", "@b.cd", "1.2.3", ".4", "(212)", " 555-1234"]
    stage = Pii(national_phones=("US",))
    assert masked(stage, texts) == [masked(stage, [text])[0] for text in texts]
    sliced = pa.record_batch({"text": pa.array(texts, TEXT.type)}).slice(1, 3)
    assert stage.open()(sliced).batch.column("text").to_pylist() == texts[1:4]


def test_hostile_texts_take_linear_time() -> None:
    """A run of what could begin an address is walked once per `@`, and every `@` ends the run of the next."""
    texts = ["a" * 1_000_000 + "@", "@".join("a" * 300_000), "1." * 500_000, "(+" * 500_000, "a." * 500_000 + "@b"]
    assert masked(Pii(international_phones=True, national_phones=tuple(FORMATS)), texts) == texts


def test_what_cannot_work_is_a_problem() -> None:
    assert [problem.message for problem in Pii(emails=False, ips=False).problems(CONTEXT)] == ["nothing is replaced"]
    assert [problem.field for problem in Pii(check_phones=True).problems(CONTEXT)] == [("check_phones",)]
    assert not list(Pii(check_phones=True, international_phones=True).problems(CONTEXT))
