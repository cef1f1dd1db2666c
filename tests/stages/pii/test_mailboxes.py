"""Which e-mail addresses `pii` finds by default: examples of each kind, and a slow reference implementation."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import TEXT
from prep.corpus.kernels import entry
from prep.stages.pii.email_kernels import literal_end
from prep.stages.pii.mailbox_kernels import mailboxes
from prep.stages.pii.pii import Pii
from prep.stages.pii.top_level_domains import ALL

GROUPS = mailboxes(ALL).groups
SIGN, DIGIT, LATIN, HANGUL, LAST_UNSPACED = 1, 2, 3, 4, 9


def masked(texts: Sequence[str]) -> list[str]:
    batch = pa.record_batch({"text": pa.array(texts, TEXT.type)})
    found: list[str] = Pii(ips=False, email_mask="<E>").open()(batch).batch.column("text").to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("请写信到anna.b@mail.cn，谢谢", "请写信到<E>，谢谢"),
        ("お問い合わせanna@mail.jpまで", "お問い合わせ<E>まで"),
        ("문의anna@mail.kr로", "문의<E>로"),
        ("почтаanna@mail.ruили", "почта<E>или"),
        ("à:anna@mail.frà", "à:<E>à"),
        ("björn@mail.se", "<E>"),
        ("анна@почта.рф, ἄννα@mail.gr", "<E>, <E>"),
        ("电邮：安娜@网络.中国谢谢", "电邮：<E>谢谢"),
        ("anna@xn--e1afmkfd.xn--p1ai", "<E>"),
        ("邮箱12345@qq.com。", "邮箱<E>。"),
        ("ａｎｎａ＠mail.jp", "<E>"),
        ("an\u200bna@ma\u00adil.org", "<E>"),
        ("{anna, ben.c}@dept.univ.edu", "<E>"),
        ("to=anna@mail.org&x list+anna=mail.org@lists.org", "to=<E>&x <E>"),
        ("a..b@docomo.ne.jp and anna@[8.8.8.8]", "<E> and <E>"),
        ("anna@srv.corp.local", "<E>"),
        ("to@anna@mail.org or digit@mail.org, x@ ben@mail.org", "to@<E> or <E>, x@ <E>"),
        ("end anna@mail.org.Then", "end <E>.Then"),
    ],
)
def test_addresses_are_found_beside_any_script(text: str, expected: str) -> None:
    assert masked([text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        *("hero@2x.webp", "icon@1.5x.svg", "bg@3x.min.css", "vue@3.4.0", "left-pad@v1.3.0.js", "vue@3.4.0-beta.1"),
        *("core@7.22.co", "@scope/pkg@10.2.1", "h@W.T", "x@y.c", "@app.route", "https://blog.org/@anna.net/post"),
        *("@anna@mill.social", "see @anna@mill.social!", "https://mill.social/@anna@other.org", "git@mill.org:a/b.git"),
        *("ssh://git@mill.org/a", "anna@localhost", "f!@#$.com", "a @ b.com", "anna@.com", "anna@-.com", "@", "＠"),
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert masked([text]) == [text]


def slow_mask(text: str) -> str:
    written, floor, at = "", 0, 0
    while at < len(text):
        if text[at] in "@＠":
            start, stop = slow_mailbox(text, at, floor)
            if start < stop:
                written += text[floor:start] + "<E>"
                floor = at = stop
                continue
            written += text[floor : at + 1]
            floor = at + 1
        at += 1
    return written + text[floor:]


def slow_mailbox(text: str, at: int, floor: int) -> tuple[int, int]:
    stop = slow_domain_end(text, at + 1)
    if stop == at + 1:
        return at, at
    before = text[floor:at]
    if before.endswith("}"):
        inside = before[:-1].rpartition("{")[2]
        fits = len(inside.encode()) <= 254 and all(group(one) or one in " ,;|." for one in inside)
        start = at - len(inside) - 2 if "{" in before and inside and fits else at
    else:
        start = at - len(slow_name(before, text[at + 1 : stop].isascii()))
    handle = start == floor and re.search(r"(?:\A|[^A-Za-z0-9_])@\Z", text[:start])
    return (at, at) if handle or text[start:at] == "git" or start == at else (start, stop)


def slow_name(before: str, plain: bool) -> str:
    script, name = 0, ""
    for character in reversed(before):
        kind = group(character)
        if (not kind and character != ".") or (character == "." and name.startswith("..")):
            break
        if kind == DIGIT and not script and plain and character.isascii():
            script = LATIN
        if kind > DIGIT:
            script = script or kind
            if kind != script:
                break
        name = character + name
    head, _, rest = name.rpartition("=")
    if "=" in name and "+" not in head:
        name = rest
    while name and group(name[0]) <= SIGN and name[0] != "_":
        name = name[1:]
    return name


def slow_domain_end(text: str, at: int) -> int:
    if text[at : at + 1] == "[":
        data = np.frombuffer(text.encode(), np.uint8)
        start = len(text[:at].encode())
        return at + entry(literal_end)(data, start, len(data)) - start
    limit = at + len(text[at:].encode()[:253].decode(errors="ignore"))
    begin, stop, labels = at, at, list[bool]()
    while at < limit:
        end, script, closed = at, 0, False
        while end < limit:
            kind = group(text[end])
            if (
                not kind
                or (text[end].isascii() and kind == SIGN and text[end] != "-")
                or (end == at and text[end] == "-")
            ):
                break
            if kind > DIGIT:
                script = script or kind
                closed = kind != script
                if closed:
                    break
            end += 1
        label = text[at:end].rstrip("-")
        if not label:
            break
        letters = [place for place, one in enumerate(label) if group(one) > DIGIT]
        labels.append(not closed and (not letters or (letters == [0] and label[0] in "vV")))
        if labels == [True, True]:
            return begin
        if len(labels) > 1:
            stop = at + slow_top_level(label) if slow_top_level(label) else stop
        at += len(label)
        if closed or text[at : at + 1] != ".":
            break
        at += 1
    return stop


def slow_top_level(label: str) -> int:
    if label[0].isascii():
        head = "".join(one if one.isascii() else " " for one in label).partition(" ")[0]
        return next((len(part) for part in (head, head.partition("-")[0]) if is_domain(part)), 0)
    sizes = range(len(label), 0, -1) if HANGUL <= group(label[0]) <= LAST_UNSPACED else [len(label)]
    return next((size for size in sizes if label[:size] in ALL), 0)


def is_domain(part: str) -> bool:
    return part.lower() in ALL or part.lower().startswith("xn--")


def group(character: str) -> int:
    return int(GROUPS[ord(character)])


PIECES = st.lists(
    st.sampled_from(
        [
            *("@", "@", "@", "＠", ".", ".", "..", "-", "_", "+", "=", "'", "{", "}", ",", " ", "[", "]", "1.2.3.4]"),
            *("anna", "é", "com", "co", "uk", "x", "v1", "2", "4.17", "xn--p1ai", "COM", "zone", "\u00ad", "\u0301"),
            *("почта", "рф", "公司", "谢谢", "みんな", "한국", "메일", "ไทย", "भारत", "α", "٣", "３", "ｘ"),
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=800, deadline=None)
@given(st.one_of(PIECES, st.text(), st.tuples(PIECES, PIECES).map("@mail.org".join)))
@example("a@b.com-x a@b.com_x ..a@b.com a=b+c=d@e.org +a=b@c.de")
@example("谢" * 100 + "@例子.公司谢谢")
def test_addresses_are_those_of_the_slow_reference_implementation(text: str) -> None:
    assert masked([text]) == [slow_mask(text)]
