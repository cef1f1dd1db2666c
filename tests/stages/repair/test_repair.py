"""The stage `repair` against slow reference implementations, and against ftfy and Unicode's own normal forms."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import ftfy
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import TEXT
from prep.corpus.text.hashing import lower_table
from prep.stages.repair.mojibake import fixer
from prep.stages.repair.repair import Repair
from prep.stages.stage import CheckContext, RowFunction
from prep.stages.verdicts import Outcome

CONTEXT = CheckContext(pa.schema([TEXT]), 0, frozenset())
NOTHING = {
    "line_breaks": False,
    "c1_controls": "controls",
    "controls": False,
    "invisible": False,
    "normalise": "none",
    "boilerplate": (),
}


@cache
def opened(stage: Repair) -> RowFunction:
    return stage.open()


def repair(stage: Repair, texts: Sequence[str | None]) -> Outcome:
    batch = pa.record_batch({"text": pa.array(texts, TEXT.type)})
    outcome = opened(stage)(batch)
    assert outcome.batch.schema == stage.output_schema(batch.schema)
    return outcome


def repaired(options: dict[str, object], texts: Sequence[str | None]) -> list[str | None]:
    found: list[str | None] = repair(Repair.model_validate(NOTHING | options), texts).batch.column("text").to_pylist()
    return found


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "B",
                " ",
                "\n",
                "\r",
                "\r\n",
                "\x00",
                "\x0b",
                "\x0c",
                "\x1f",
                "\x7f",
                "\x85",
                "\x9f",
                "\u2028",
                "\ufeff",
            ),
            *(
                "e\u0301",
                "\u0301",
                "\u0323",
                "\u0327",
                "q\u0307\u0323",
                "\u1100\u1161\u11a8",
                "é",
                "ﬁ",
                "x²",
                "Å",
                "ｱ",
                "가",
            ),
            *("plain words here", "uses COOKIES", "Cookies", "ПОЛИТИКА", "политика", "İ", "\t"),
        ]
    ),
    max_size=12,
).map("".join)
TEXTS = st.lists(st.one_of(PIECES, st.text()), max_size=5)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(
    ["a" * 7 + "\x7f", "a" * 8 + "\r", "12345678\n\n12345\r\r\n", "\x1b[0;31mred\x1b[m", "\x1b[31", "\ufffe\U0002ffff"]
)
@example([f"{first}{chr(code)}plain words" for first in "\n a" for code in range(0x80)])
def test_control_characters_and_breaks(texts: list[str]) -> None:
    texts = [text.replace("\b", "") for text in texts]
    controls = re.compile(
        "\x1b\\[[ -?]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[(-+][0-~]"
        "|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\u206a-\u206f"
        "\ufdd0-\ufdef\ufffe\uffff\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff]"
    )
    breaks = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
    outcome = repair(Repair(boilerplate=(), normalise="none", c1_controls="controls", invisible=False), texts)
    # Controls do not part a break in two here: CR and LF with one between them are two breaks.
    assert outcome.batch.column("text").to_pylist() == [controls.sub("", breaks.sub("\n", text)) for text in texts]
    assert outcome.batch.column("repair_controls").to_pylist() == [len(controls.findall(text)) for text in texts]
    assert repaired({"line_breaks": True}, texts) == [breaks.sub("\n", text) for text in texts]
    assert repaired({"controls": True}, texts) == [controls.sub("", text) for text in texts]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(["It\x92s \x93so\x94 \x85", "one\x85two", "\x81\x8d", "\x81\x85", "a\x80\r\n\x9f"])
def test_c1_controls_are_read_as_windows_1252(texts: list[str]) -> None:
    table = dict(enumerate(bytes(range(0x80, 0xA0)).decode("windows-1252", "replace"), 0x80))
    known = {code: meant for code, meant in table.items() if meant != "\ufffd"}
    western = [any(ord(character) in known and character != "\x85" for character in text) for text in texts]
    expected = [text.translate(known) if wanted else text for text, wanted in zip(texts, western, strict=True)]
    outcome = repair(Repair.model_validate(NOTHING | {"c1_controls": "windows-1252"}), texts)
    rest = re.compile("[\x81\x8d\x8f\x90\x9d]")
    assert [rest.sub("", text) for text in outcome.batch.column("text").to_pylist()] == [
        rest.sub("", text) for text in expected
    ]
    counts = [
        sum(ord(one) in known for one in text) if wanted else 0 for text, wanted in zip(texts, western, strict=True)
    ]
    assert outcome.batch.column("repair_windows_1252").to_pylist() == counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Donau\u00addampf\u00adschiff", "Donaudampfschiff"),
        ("on\u200be w\u2060ord", "one word"),
        ("\u0e01\u0e32\u0e23\u200b\u0e28\u0e36 \u200b\u0e01", "\u0e01\u0e32\u0e23\u200b\u0e28\u0e36 \u0e01"),
        ("\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645", None),
        ("PDF\u200c\u0647\u0627", None),
        ("\u0645\u06cc\u200c\u200c\u0631 \u200c", "\u0645\u06cc\u200c\u0631 "),
        ("\u0647\u200d.", None),
        ("\u0d05\u0d35\u0d28\u0d4d\u200d \u0d05\u0d24\u0d4d\u200c", None),
        ("Auf\u200clage f\u200di \u200d", "Auflage fi "),
        ("\U0001f469\U0001f3fd\u200d\U0001f4bb \u2764\ufe0f\u200d\U0001f525", None),
        ("\U0001f469\u200d a\u200d\U0001f469", "\U0001f469 a\U0001f469"),
        (
            "\U0001f3f4\U000e0067\U000e0062\U000e007f a\U000e0068\U000e0069",
            "\U0001f3f4\U000e0067\U000e0062\U000e007f a",
        ),
    ],
)
def test_invisible_characters_stay_where_they_say_something(text: str, expected: str | None) -> None:
    assert repaired({"invisible": True}, [text]) == [text if expected is None else expected]


JOINING = re.compile(r"[\u0600-\u06ff\u0900-\u097f]")
INVISIBLE = st.lists(
    st.sampled_from(
        ["\u200b", "\u200c", "\u200d", "\u00ad", "\u2060", "a", "\u0628", "\u0915", "\u094d", "\u0e01", " ", "😀"]
    ),
    max_size=8,
).map("".join)


def slow_visible(text: str) -> str:
    written = ""
    for at, character in enumerate(text):
        before, after = written[-1:], text[at + 1 : at + 2]
        if character in "\u00ad\u2060":
            continue
        if character == "\u200b" and not (before == after == "\u0e01"):
            continue
        joins, follows = bool(JOINING.match(before)), bool(JOINING.match(after))
        if character == "\u200c" and not (
            (joins and (is_word(after) or before == "\u094d")) or (follows and is_word(before))
        ):
            continue
        if character == "\u200d" and not (joins or follows or before == after == "😀"):
            continue
        written += character
    return written


def is_word(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "LMN"


@settings(max_examples=400, deadline=None)
@given(st.lists(INVISIBLE, max_size=4))
def test_invisible_characters_go_as_by_the_slow_reference_implementation(texts: list[str]) -> None:
    outcome = repair(Repair.model_validate(NOTHING | {"invisible": True}), texts)
    expected = [slow_visible(text) for text in texts]
    assert outcome.batch.column("text").to_pylist() == expected
    gone = [len(text) - len(kept) for text, kept in zip(texts, expected, strict=True)]
    assert outcome.batch.column("repair_invisible").to_pylist() == gone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N\bNA\bAM\bME\bE  ls \b- list", "NAME  ls - list"),
        ("B\bB\bB_\bf_\bi_\bl_\be and f\b_", "Bfile and f"),
        ("é\bé_\b日", "é日"),
        ("a\bb \b\n\bx\b", "ab \nx"),
        ("\b_", "_"),
        ("\x1b]0;keeper@mill: ~\x07$ ls\x1b]8;;x\x1b\\y", "$ lsy"),
        ("\x1b(Bplain\x1b]", "plain]"),
    ],
)
def test_what_terminals_and_typewriters_write(text: str, expected: str) -> None:
    assert repaired({"controls": True}, [text]) == [expected]


def slow_overstruck(text: str) -> str:
    written, before, at = "", "", 0
    while at < len(text):
        over = text[at + 1 : at + 2]
        if text[at] != "\b":
            before = text[at]
            written += before
        elif over and before > " " and over in (before, "_"):
            at += 1
        elif over and before == "_" and over > " ":
            written, before = written[:-1], ""
        at += 1
    return written


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("ab_é日\b\b \n", max_size=12), max_size=4))
def test_letters_set_twice_are_those_of_the_slow_reference_implementation(texts: list[str]) -> None:
    assert repaired({"controls": True}, texts) == [slow_overstruck(text) for text in texts]


def test_double_encoding_is_undone_only_by_the_option() -> None:
    texts = ["d\u00c3\u00a9j\u00c3\u00a0 vu", "na\u00c3\u0192\u00c2\u00afve"]
    assert repair(Repair(), texts).batch.column("text").to_pylist() == texts
    assert repair(Repair(encoding=True), texts).batch.column("text").to_pylist() == ["déjà vu", "naïve"]


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(["12345678\u0301", "e12345678\u0301\u0323", "a\u0323\u0301"])
def test_normal_forms_are_unicode_s(form: str, texts: list[str]) -> None:
    assert repaired({"normalise": form}, texts) == pc.utf8_normalize(pa.array(texts, TEXT.type), form).to_pylist()


def test_every_character_is_normalised_as_by_python() -> None:
    assigned = [chr(code) for code in range(0xD800) if unicodedata.category(chr(code)) != "Cn"]
    pairs = ["a" + character for character in assigned] + ["\u0915" + character + "\u0301" for character in assigned]
    expected = [unicodedata.normalize("NFC", pair) for pair in pairs]
    assert repaired({"normalise": "NFC"}, pairs) == expected


def slow_lower(text: str) -> str:
    return "".join(chr(lower_table()[ord(character)]) for character in text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(["cookies\n", "\ncookies", "a\ncookies\nb", "\n\n", "", "coo\nkies"])
def test_lines_of_boilerplate_go(texts: list[str]) -> None:
    phrases = ("Cookies", "ПОЛИТИКА", "i̇")
    kept = [
        [line for line in text.split("\n") if not any(slow_lower(phrase) in slow_lower(line) for phrase in phrases)]
        for text in texts
    ]
    outcome = repair(Repair.model_validate(NOTHING | {"boilerplate": phrases}), texts)
    assert outcome.batch.column("text").to_pylist() == ["\n".join(lines) for lines in kept]
    lost = [text.count("\n") + 1 - len(lines) for text, lines in zip(texts, kept, strict=True)]
    assert outcome.batch.column("repair_lines").to_pylist() == lost
    empty = [bool(gone) and not "".join(lines).strip() for gone, lines in zip(lost, kept, strict=True)]
    rules = outcome.verdicts.rule.to_pylist() if outcome.verdicts else [None] * len(texts)
    assert [rule == "only_boilerplate" for rule in rules] == empty


def test_long_lines_of_boilerplate_stay_by_option() -> None:
    texts = ["use cookies é", "use cookies éé"]
    assert repaired({"boilerplate": ["use cookies"], "boilerplate_max_length": 13}, texts) == ["", texts[1]]


ENCODINGS = [
    "latin-1",
    "windows-1252",
    "windows-1251",
    "windows-1250",
    "windows-1253",
    "windows-1257",
    "cp437",
    "macroman",
]
WORDS = [
    "été",
    "Ça va — bien",
    "“so”",
    "naïve…",
    "привет, мир",
    "€ 5",
    "日本語",
    "ñandú",
    "🎉",
    "مرحبا",
    "voilà la",
    "œuvre",
]
GARBLED = st.tuples(st.sampled_from(WORDS), st.sampled_from(ENCODINGS)).map(
    lambda pair: pair[0].encode().decode(pair[1], "replace")
)
MIXED = st.lists(
    st.one_of(
        GARBLED, st.sampled_from(WORDS), st.text(st.characters(min_codepoint=0x80, max_codepoint=0x250), max_size=4)
    ),
    max_size=4,
)


@settings(max_examples=500, deadline=None)
@given(MIXED.map(" ".join))
@example("ÃÂ Â\n voilÃ \nà² Å’\x9d")
@example("вЂ™ Р°С‚ ГўВЂВ™a â€™ ‚Äì √± ØªØ§ à² β€™ ā€")
def test_nothing_that_ftfy_would_change_is_kept_from_it(text: str) -> None:
    assert repaired({"encoding": True}, [text]) == [fixer()(text)]


def test_encoding_is_put_right_and_nothing_else() -> None:
    texts = ["l’Ã©tÃ© &amp; ﬁn", "“so” &amp; ﬁn", "été\x00"]
    assert repaired({"encoding": True}, texts) == ["l’été &amp; ﬁn", *texts[1:]]
    outcome = repair(Repair(encoding=True), texts)
    assert outcome.batch.column("repair_encoding").to_pylist() == [True, False, False]


def test_ordinary_text_never_reaches_ftfy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise AssertionError("seen by ftfy")

    monkeypatch.setattr(ftfy, "fix_text", fail)
    texts = [
        "L’été, c’est « là » — œuvre à Paris…",
        "Привет, мир — это он.",
        "Käse: 5 € für Gäste",
        "日本語。",
        "x",
    ]
    assert repaired({"encoding": True}, texts) == texts


def test_nulls_stay_and_a_row_depends_on_itself_alone() -> None:
    texts = ["e", "\u0301", None, "a\r", "\nb", "Ã", "©", "uses cookies", ""]
    stage = Repair(encoding=True)
    assert repair(stage, texts).batch.to_pylist() == [repair(stage, [text]).batch.to_pylist()[0] for text in texts]
    assert repair(stage, texts).batch.column("text").to_pylist()[2] is None
    assert repair(stage, []).batch.num_rows == 0


def test_columns_of_what_is_not_repaired_are_not_made() -> None:
    assert Repair.model_validate(NOTHING).output_schema(pa.schema([TEXT])).names == ["text"]
    assert Repair(encoding=True).output_schema(pa.schema([TEXT])).names == [
        *("text", "repair_encoding", "repair_windows_1252", "repair_controls", "repair_invisible"),
        *("repair_normalised", "repair_lines"),
    ]


def test_phrases_of_no_line_are_problems() -> None:
    problems = Repair(boilerplate=("fine", " ", "two\nlines")).problems(CONTEXT)
    assert [problem.field for problem in problems] == [("boilerplate", 1), ("boilerplate", 2)]
