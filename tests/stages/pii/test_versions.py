"""Which four numbers `pii` takes for IP addresses: examples of each kind, and a slow reference implementation."""

import ipaddress
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import TEXT
from prep.stages.pii.pii import Pii
from prep.stages.pii.version_kernels import FILLERS, WORDS


def masked(texts: Sequence[str], **options: bool) -> list[str]:
    batch = pa.record_batch({"text": pa.array(texts, TEXT.type)})
    stage = Pii(emails=False, ip_mask="<I>", **options)
    found: list[str] = stage.open()(batch).batch.column("text").to_pylist()
    return found


@pytest.mark.parametrize(
    "text",
    [
        *("Version 7.14.3.1 is out", "ver. 7.14.3.1", "version: '7.14.3.1'", "Firmware version no. 9.8.7.6"),
        *("VERSION=7.14.3.1", "version is 7.14.3.1", "upgraded from 7.14.3.1 to 7.14.4.0", "Versión 7.14.3.1"),
        *("最新版本9.8.7.6", "バージョン 9.8.7.6", "Версия 9.8.7.6", "§ 12.3.4.5", "See section 12.3.4.5."),
        *("releases 9.8.7.6, 9.8.7.7 and 9.8.8.0", "OIDs 1.3.6.1 and 2.5.29.9", "walk .1.3.6.1", "v9.8.7.6"),
        *("Opera/9.80.1.2 (X11)", "Mozilla/5.0 Chrome/121.0.0.0 Safari/5", "tool-9.8.7.6", "tool-9.8.7.6.tar.gz"),
        *("9.8.7.6-beta", "9.8.7.6+dfsg", "9.8.7.6~rc1", "9.8.7.6.jar", "4.3.2.1 Terms of use\nx", "a\n4.3.2.1 Terms"),
        *("trypsin (EC 3.4.21.4)", "EC:2.7.11.1", "gem >=7.14.3.1", "(>= 7.14.3.1)", "'~> 7.14.3.1'", '"^7.14.3.1"'),
        *("<version>7.14.3.1</version>", 'AssemblyVersion("7.14.3.1")', "Changes in 7.14.3.1:", "fixed since 7.14.3.1"),
        *("1.2.3.4.5", "1.2.3.4567", "1234.5.6.7", "01.2.3.4", "10.0.0.1", "3,1.2.3.4"),
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert masked([text]) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Server 8.8.8.8 is up", "Server <I> is up"),
        ("http://8.8.8.8:80/x ssh root@8.8.4.4", "http://<I>:80/x ssh root@<I>"),
        ("ping 8.8.8.8-8.8.8.9, 9.9.9.9/8.8.4.4,1.0.0.1", "ping <I>-<I>, <I>/<I>,<I>"),
        ("66.249.66.1 - - [10/Oct/2024]", "<I> - - [10/Oct/2024]"),
        ("66.249.66.1 GET /", "<I> GET /"),
        ("in 8.8.8.8 since 8.8.4.4", "in <I> since <I>"),
        ("a rule 8.8.8.8, changed 8.8.4.4", "a rule <I>, changed <I>"),
        ("ip.src==8.8.8.8 => 8.8.4.4", "ip.src==<I> => <I>"),
        ("地址8.8.8.8。", "地址<I>。"),
        ("conversion 8.8.8.8 (subversion) 8.8.4.4", "conversion <I> (subversion) <I>"),
        ("version 2 runs at 8.8.8.8.", "version 2 runs at <I>."),
        ("https://who.is/whois/8.8.8.8", "https://who.is/whois/<I>"),
        ("version 9.8.7.6\n8.8.8.8", "version 9.8.7.6\n<I>"),
    ],
)
def test_addresses_go(text: str, expected: str) -> None:
    assert masked([text]) == [expected]


def test_the_cases_are_right(test_data: Path) -> None:
    lines = (test_data / "cases" / "text" / "pii.jsonl").read_text().splitlines()
    texts = {row["id"]: row["text"] for row in map(json.loads, lines)}
    assert masked([texts["ip2"]]) == [texts["ip2"]]
    assert masked([texts["ip"]])[0].count("<I>") == 4


OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
ADDRESS = re.compile(rf"(?:{OCTET}\.){{3}}{OCTET}(?![A-Za-z0-9_])(?!\.[0-9])")
BEGINS = re.compile(r"(?<![A-Za-z0-9_])(?<![0-9][.,/-])")
BLANKS = r"[ \t.:#=(\[\"'*`>\xa0]"
LETTER = r"[^\x00-`{-\x7f]"


def slow_mask(text: str) -> str:
    written, floor, last, version = "", 0, -1, None
    for digits in re.finditer("[0-9]+", text):
        at = digits.start()
        found = ADDRESS.match(text, at)
        if at < floor or not found or not (last == at - 1 or BEGINS.match(text, at)):
            continue
        between = None if version is None else text[version:at]
        listed = between is not None and len(between.encode()) <= 8 and not re.search(r"[\n.:]", between)
        if (listed and between is not None and slow_letters(between) <= 3) or slow_version(text, at, found.end()):
            version = found.end()
        elif ipaddress.ip_address(found[0]).is_global:
            written += text[floor:at] + "<I>"
            floor = last = found.end()
    return written + text[floor:]


def slow_letters(text: str) -> int:
    return sum(byte | 0x20 >= 0x61 for byte in text.encode())


def slow_version(text: str, start: int, stop: int) -> bool:
    before, behind = text[:start], text[stop:]
    if re.match(r"\.[a-z]|[-+~][A-Za-z_]", behind) or re.search(r"(?:^|[\x00-\x20])\.\Z", before):
        return True
    if before.endswith("-") and len(before) > 1 and before[-2].encode()[-1] | 0x20 >= 0x61:
        return True
    if re.search(r"(?:[<>~]=|~>|\^) ?\Z", before):
        return True
    product = re.search(r"(?:^|[\x00-\x20(\";])([A-Za-z0-9_-]+)/\Z", before)
    if product and slow_letters(product[1]):
        return True
    title = re.match(r"[ \t]+[A-Z]", behind) and re.search(r"(?:^|\n)[ \t#]*\Z", before)
    if title and all(int(number) <= 20 for number in text[start:stop].split(".")):
        return True
    before = slow_strip(before)
    filler = slow_word(before, FILLERS)
    return bool(slow_word(slow_strip(before[: len(before) - filler]) if filler else before, WORDS))


def slow_strip(before: str) -> str:
    room = 8
    while before and re.fullmatch(BLANKS, before[-1]) and room - len(before[-1].encode()) >= 0:
        room -= len(before[-1].encode())
        before = before[:-1]
    return before


def slow_word(before: str, words: Sequence[str]) -> int:
    for word in words:
        spellings = {word.lower()} if word.isascii() else {word, word.capitalize()}
        tail = before[len(before) - len(word) :]
        folded = re.sub("[A-Z]", lambda one: one[0].lower(), tail)
        if folded in {re.sub("[A-Z]", lambda one: one[0].lower(), one) for one in spellings}:
            inside = word[0].isascii() and re.search(
                r"(?:[A-Za-z0-9_]|[^\x00-\x7f])\Z", before[: len(before) - len(word)]
            )
            if not inside:
                return len(word)
    return 0


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "8.8.8.8",
                "9.8.7.6",
                "10.1.2.3",
                "1.2.3.4",
                "300.1.1.1",
                "1.2.3",
                "5",
                ".",
                ",",
                "-",
                "/",
                " ",
                " ",
                "\n",
            ),
            *(
                "version",
                "Version",
                "version ",
                "no",
                "of",
                "版本",
                "Версия",
                "§",
                "and",
                "foo",
                "x/",
                "é",
                "#",
                "\xa0",
            ),
            *(">=", "~> ", "^", "in ", "~rc", "+b", ".tar", "_", "(", '"', ":", "Terms", "\t", ";", "é/", "to "),
        ]
    ),
    max_size=10,
).map("".join)


@settings(max_examples=800, deadline=None)
@given(st.one_of(PIECES, st.tuples(PIECES, st.sampled_from(["9.8.7.6", "8.8.8.8"]), PIECES).map("".join)))
@example("version 9.8.7.6, 9.8.7.7 oder 9.8.7.8 und 8.8.8.8")
@example("1.2.3.4 X\n\t1.2.3.4\tX\n21.2.3.4 X")
@example("8.8.8.8\nversion 8.8.8.8")
def test_addresses_are_those_of_the_slow_reference_implementation(text: str) -> None:
    assert masked([text]) == [slow_mask(text)]
