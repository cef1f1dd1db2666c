"""Decontamination: GSM8K's questions in disguise, clean text, reports, cutting, and what is refused."""

import gzip
import html
import json
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError
from prep.stages.decontaminate.decontaminate import Decontaminate
from prep.stages.decontaminate.evaluation_sets import EvaluationSet
from prep.stages.extract.extract import Extract
from prep.stages.results import Counts, Results, Thresholds
from prep.stages.stage import CheckContext

from .driving import Outcome, run, run_parts

QUESTIONS = [
    "Ann has 3 red marbles and twice as many blue ones. She gives half of the blue ones to Bo. How many are left?",
    "A train leaves at 9 and travels for 4 hours at 80 km/h, then 2 more at 60. How far does it go in all?",
    "What is the name of the café near the bridge?",
]
DISGUISES: dict[str, Callable[[str], str]] = {
    "40 columns": lambda text: textwrap.fill(text, 40),
    "upper case": str.upper,
    "punctuation": lambda text: " ".join(f"«{word}»{',;!?'[n % 4]} --" for n, word in enumerate(text.split())),
    "full width": lambda text: "".join(chr(ord(mark) + 0xFEE0) if "!" <= mark <= "~" else mark for mark in text),
    "HTML list": lambda text: "<ul>\n<li>" + "</li>\n<li>".join(text.split(". ")) + "</li></ul>",
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}


def stage(folder: Path, **options: object) -> Decontaminate:
    path = folder / "own.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({"question": question, "answer": "7"}) for question in QUESTIONS))
    return Decontaminate.model_validate({"sets": {"own": {"path": str(path), "columns": ["question"]}}, **options})


def context() -> CheckContext:
    return CheckContext(pa.schema({"id": pa.string(), "text": pa.large_string()}), 0, frozenset())


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_question_in_disguise_is_found_with_its_place(disguise: Callable[[str], str], tmp_path: Path) -> None:
    texts = [f"It was a fine day.\n\n{disguise(question)}\nAnd so it went." for question in QUESTIONS]
    _, verdicts, findings = run(
        stage(tmp_path), "Clean.", *texts, "Clean as well, and a little longer than that.", None
    )
    assert verdicts.rule.to_pylist() == [None, *["contaminated_own"] * 3, None, None]
    assert verdicts.detail is not None
    assert verdicts.detail.to_pylist() == [None, "own 0", "own 1", "own 2", None, None]
    assert [(row["id"], row["set"], row["item"]) for row in findings] == [(f"d{n + 1}", "own", n) for n in range(3)]
    for row, text in zip(findings, texts, strict=True):
        start, end = row["start"], row["end"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        found = text.encode()[start:end].decode()
        assert row["text"] == found
        assert disguise("Ann")[:1] in found or found[0] in "AＡWＷ"
        assert "day" not in found
        assert row["ngrams"] == row["item_ngrams"]


def test_every_gsm8k_question_is_found_in_five_disguises_and_none_in_clean_text(test_data: Path) -> None:
    path = test_data / "decontamination" / "gsm8k-test.jsonl"
    questions = [orjson.loads(line)["question"] for line in path.read_bytes().splitlines()]
    own = Decontaminate(sets={"gsm8k": EvaluationSet(path=str(path), columns=("question",))})
    books = [book.read_text("utf-8", errors="replace") for book in sorted((test_data / "books").glob("*.txt"))]

    def rejected(texts: list[str]) -> list[bool]:
        return [rule is not None for rule in run(own, *texts)[1].rule.to_pylist()]

    for name in ("40 columns", "upper case", "punctuation", "full width", "HTML list"):
        texts = [f"{books[0][900:1300]}\n{DISGUISES[name](question)}\n{books[1][900:1300]}" for question in questions]
        assert all(rejected(texts)), name
    assert not any(rejected(books))


def test_items_of_an_html_list_are_found_after_extraction(tmp_path: Path) -> None:
    prose = "".join(f"<p>Paragraph {n} tells at some length what happened on the {n}th day.</p>" for n in range(9))
    page = f"<html><body><article>{prose}{DISGUISES['HTML list'](QUESTIONS[0])}</article></body></html>"
    columns = {
        "id": ["p"],
        "html": pa.array([page.encode()], pa.large_binary()),
        "charset": ["utf-8"],
        "url": ["http://a"],
    }
    text = Extract(main_content=False).open()(pa.record_batch(columns)).batch.column("text")[0].as_py()
    assert "Bo" in text
    _, verdicts, _ = run(stage(tmp_path), text)
    assert verdicts.rule.to_pylist() == ["contaminated_own"]


def test_the_words_covered_must_be_a_share_of_the_item(tmp_path: Path) -> None:
    part = "She said: twice as many blue ones. She gives half of the blue ones to Bo! Well."
    _, verdicts, findings = run(stage(tmp_path), part)
    assert verdicts.value is not None
    assert verdicts.value.to_pylist() == [2.0]
    assert findings[0]["text"] == "twice as many blue ones. She gives half of the blue ones to Bo"
    assert (findings[0]["item_ngrams"], findings[0]["verdict"]) == (12, "reject")
    assert findings[0]["share"] == pytest.approx(14 / 24)
    kept = run(stage(tmp_path, min_share=0.6), part)
    assert (kept[1].rule.to_pylist(), kept[2][0]["verdict"]) == ([None], "keep")
    assert not run(stage(tmp_path), "twice as many blue ones. She gives half of the blue")[2]


LICENCE = """Permission is granted to any person who obtains a copy of this program to use it, to change it and to pass
it on, provided that this notice stays in all copies, and that nobody is held liable for any damage it does."""


def code(number: int) -> str:
    names = [f"name{number}{letter}" for letter in "abcdef"]
    return f"def {names[0]}(" + ", ".join(names[1:]) + "):\n    return " + " + ".join(reversed(names))


def licensed(folder: Path, **options: object) -> Decontaminate:
    """Return the stage with three items: functions below a licence that is longer than they are."""
    rows = [orjson.dumps({"text": f"{LICENCE}\n\n{code(number)}"}) for number in range(3)]
    (folder / "items.jsonl").write_bytes(b"\n".join(rows))
    return Decontaminate.model_validate({"sets": {"own": str(folder / "items.jsonl")}, **options})


def test_what_many_items_or_documents_of_a_reference_share_finds_nothing(tmp_path: Path) -> None:
    rows = [orjson.dumps({"text": f"{LICENCE}\n\n{code(number)}"}) for number in range(100, 120)]
    (tmp_path / "reference.jsonl").write_bytes(b"\n".join(rows))
    clean, contaminated = f"{LICENCE}\n\n{code(50)}", f"{LICENCE}\n\nx = 1\n{code(1)}"
    assert run(licensed(tmp_path), clean, contaminated)[1].rule.null_count == 0
    for options in ({"reference": {"path": str(tmp_path / "reference.jsonl")}}, {"common": 2}):
        _, verdicts, _ = run(licensed(tmp_path, **options), clean, contaminated, LICENCE)
        assert verdicts.rule.to_pylist() == [None, "contaminated_own", None]
        assert verdicts.detail is not None
        assert verdicts.detail.to_pylist() == [None, "own 1", None]


def test_what_is_common_in_the_corpus_rejects_nothing_and_copies_are_not_common(tmp_path: Path) -> None:
    """The licence stands in 110 documents without an item; one item stands in 30, in half of them without it."""
    clean = [f"{LICENCE}\n\n{code(number)}" for number in range(50, 160)]
    copies = [f"{'' if number % 2 else LICENCE}\n\nx{number} = 1\n{code(1)}" for number in range(30)]
    own = licensed(tmp_path)
    _, verdicts, findings = run_parts(own, [clean[:7], [*clean[7:], *copies]], tmp_path)
    assert verdicts.rule.to_pylist() == [None] * 110 + ["contaminated_own"] * 30
    assert {(row["item"], row["verdict"]) for row in findings} == {(1, "reject")}
    items = pq.read_table(tmp_path / "output" / "audit" / "items.parquet").to_pylist()
    counts = [(row["item"], row["contaminated"], row["near"], row["common"]) for row in items]
    assert counts == [(0, 0, 0, 125), (1, 30, 0, 110), (2, 0, 0, 125)]
    results = Results(Counts(), (), (), str(tmp_path / "output"), (), (), Thresholds())
    (warning,) = own.warnings(results)
    assert "one of 3 items are kept" in warning.message
    assert "own 0 (125 documents)" in warning.message

    _, verdicts, _ = run_parts(own, [clean[:6]], tmp_path / "few", lost=["d0"])
    assert verdicts.rule.to_pylist() == [None, *["contaminated_own"] * 5]


def test_a_sentence_that_one_in_a_hundred_documents_has_rejects_nothing(tmp_path: Path) -> None:
    rows = [orjson.dumps({"question": question}) for question in (QUESTIONS[0], QUESTIONS[2])]
    (tmp_path / "set.jsonl").write_bytes(b"\n".join(rows))
    own = Decontaminate.model_validate({"sets": {"gsm8k": str(tmp_path / "set.jsonl")}, "common": 1})
    texts = [f"{QUESTIONS[2]} {number}" for number in range(11)] + [QUESTIONS[0]] * 10 + ["Clean."] * 100
    _, verdicts, _ = run(own, *texts)
    assert verdicts.rule.to_pylist() == [None] * 11 + ["contaminated_gsm8k"] * 10 + [None] * 100
    assert run(own, *texts[:10])[1].rule.null_count == 0


CHOICES = ["the mean is moved to the right", "a value lies far away", "half of them are equal", "none of these holds"]


@pytest.mark.parametrize(
    ("question", "choices", "text", "found"),
    [
        (
            "Why is the mean of a sample larger than its median, although most of its values are small?",
            CHOICES[:0],
            "{q} Say why.",
            True,
        ),
        (
            "Why is the mean of a sample larger than its median, although most of its values are small?",
            CHOICES,
            "{q}\n(1) {3}\n(2) {2}\n(3) {1}\n(4) {0}",
            True,
        ),
        ("Why is the mean larger than the median?", CHOICES, "{q}\n{0}\n{1}\n{2}\n{3}", True),
        ("Why is the mean larger than the median?", CHOICES, "{q}\nA. {0}\nB. {1}\nC. {2}\nD. {3}", True),
        (
            "Why is the mean larger than the median?",
            {"text": CHOICES, "label": list("1234")},
            "{q}\n1) {0}\n2) {1}\n3) {2}\n4) {3}",
            True,
        ),
        ("Why is the mean larger than the median?", CHOICES, "{q} It is not.", False),
    ],
)
def test_a_question_is_found_alone_or_with_its_choices(
    question: str, choices: list[str] | dict[str, list[str]], text: str, found: bool, tmp_path: Path
) -> None:
    (tmp_path / "set.jsonl").write_bytes(orjson.dumps({"question": question, "choices": choices}))
    own = Decontaminate.model_validate({"sets": {"mmlu": str(tmp_path / "set.jsonl")}})
    _, verdicts, findings = run(own, "Well: " + text.format(*CHOICES, q=question))
    assert (verdicts.rule.null_count == 0) == found
    assert [row["item"] for row in findings] == [0] * found


@pytest.mark.parametrize(("name", "field"), [("gsm8k", "question"), ("HumanEval", "prompt"), ("math_test", "problem")])
def test_usual_benchmarks_need_no_columns(name: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({field: question, "other": 1}) for question in QUESTIONS))
    known = Decontaminate.model_validate({"sets": {name: str(path)}})
    assert list(known.problems(context())) == []
    assert run(known, QUESTIONS[0])[1].rule.to_pylist() == [f"contaminated_{name}"]
    (problem,) = Decontaminate.model_validate({"sets": {"own": str(path)}}).problems(context())
    assert "no field 'text'" in str(problem)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(mark):04x}" for mark in text)


FORMS: dict[str, Callable[[str], str]] = {
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"messages": [{"content": text}]})),
    "Python": lambda text: f"q = {text!r}",
    "escapes": escaped,
    "comment": lambda text: "\n".join(f"    # {line}" for line in textwrap.wrap(text, 30)),
    "references": lambda text: "".join(f"&#{ord(mark)};" for mark in text),
    "blanks": lambda text: f"<p>{html.escape(text).replace(' ', '&nbsp;')}</p>",
    "URL": lambda text: f"https://example.org/ask?q={quote(text)}&lang=en",
    "form": lambda text: f"q={quote_plus(text)}",
    "numbered": lambda text: "\n".join(f"{n:4}: {line}" for n, line in enumerate(textwrap.wrap(text, 20), start=98)),
    "quotation": lambda text: "\n".join(f"> > {line}" for line in textwrap.wrap(text, 30)).replace('"', "„"),
    "emphasis": lambda text: " ".join(f"**{word}**" for word in text.split(" ")),
    "LaTeX": lambda text: "\\begin{quote}" + text.replace("80", "$80\\,$").replace("é", "\\xe9") + "\\end{quote}",
    "hyphens": lambda text: (
        text.replace("marb", "mar-\n  b").replace("trav", "tra\u00ad\nv").replace("brid", "bri-\r\nd")
    ),
}
MORE = [
    'def turn(values: list[int], places: int) -> list[int]:\n    """Turn \\"values\\" by places;\n\treturn them."""\n',
    "一只兔子每天吃三根胡萝卜，四只兔子一个星期一共吃多少根胡萝卜？",
    "A shop sells 1,250 pens at $0.75 each and 12,000 more at half of that price. What does it take in all?",
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_items_are_found_in_encoded_forms(form: Callable[[str], str], tmp_path: Path) -> None:
    own = stage(tmp_path)
    rows = [orjson.dumps({"question": item}) for item in (*QUESTIONS, *MORE)]
    (tmp_path / "own.jsonl").write_bytes(b"\n".join(rows))
    texts = [f"It was a fine day at C:\\new. {form(item)} And so it went." for item in (*QUESTIONS, *MORE)]
    _, verdicts, findings = run(own, *texts, "It was a fine day at C:\\new. " + form("And so it went, on and on."))
    assert verdicts.rule.to_pylist() == ["contaminated_own"] * 6 + [None]
    for row in findings:
        start, end = row["start"], row["end"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        assert row["text"] == texts[int(str(row["id"])[1:])].encode()[start:end].decode()


def test_numbers_are_the_same_with_and_without_groups(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_bytes(orjson.dumps({"question": MORE[2]}))
    own = Decontaminate.model_validate({"sets": {"gsm8k": str(tmp_path / "set.jsonl")}, "min_share": 1.0})
    forms = [MORE[2].replace(",", ""), MORE[2].replace(",", "\u202f"), MORE[2].replace("1,250", "1251")]
    assert run(own, *forms)[1].rule.to_pylist() == ["contaminated_gsm8k"] * 2 + [None]


def test_the_cases_are_found_in_every_form(test_data: Path) -> None:
    folder = test_data / "cases" / "text"
    path = {"path": str(folder / "evaluation.jsonl"), "columns": ["question"]}
    documents = [orjson.loads(line) for line in (folder / "contaminated.jsonl").read_bytes().splitlines()]
    _, verdicts, _ = run(Decontaminate.model_validate({"sets": {"own": path}}), *(row["text"] for row in documents))
    found = {row["id"]: rule for row, rule in zip(documents, verdicts.rule.to_pylist(), strict=True)}
    assert {name for name, rule in found.items() if (rule is None) != name.startswith("clean")} == set()


def test_a_short_item_is_found_as_a_whole(tmp_path: Path) -> None:
    assert run(stage(tmp_path), "“What is the name of the cafe near the bridge”")[1].rule.null_count == 0
    assert run(stage(tmp_path), "What is the name of the café near the")[1].rule.null_count == 1


def test_rows_of_the_same_few_words_are_no_item(tmp_path: Path) -> None:
    """The rows of zeros in an item say nothing; its words do."""
    grid = "[" + "[0, 0, 0, 1, 0], " * 6 + "]"
    rows = [orjson.dumps({"question": text}) for text in (f"{QUESTIONS[0]} {grid}", grid)]
    (tmp_path / "set.jsonl").write_bytes(b"\n".join(rows))
    own = Decontaminate.model_validate({"sets": {"gsm8k": str(tmp_path / "set.jsonl")}})
    _, verdicts, _ = run(own, f"A grid: {grid}", f"{QUESTIONS[0]} {grid}", QUESTIONS[0])
    assert verdicts.rule.to_pylist() == [None, "contaminated_gsm8k", "contaminated_gsm8k"]
    assert "; 1 of fewer than 8 words" in next(own.remarks(context()))


def test_cutting_takes_out_the_spans_and_keeps_the_rest(tmp_path: Path) -> None:
    kept = "It was a fine day,\n«{}» and so on.\n\nThe end ({})."
    text = kept.format(QUESTIONS[0][:-1], QUESTIONS[2][:-1].upper())
    batch, verdicts, findings = run(stage(tmp_path, action="cut"), text, "Clean.", f" {QUESTIONS[1]}\n…", None)
    assert batch.column("text").to_pylist()[:2] == ["It was a fine day,\n and so on.\n\nThe end ", "Clean."]
    assert verdicts.rule.to_pylist() == [None, None, "contaminated_own", None]
    assert [(row["id"], row["item"]) for row in findings] == [("d0", 0), ("d0", 2), ("d2", 1)]


def test_the_outcome_does_not_depend_on_parts_and_batches(tmp_path: Path) -> None:
    texts = ["Clean.", QUESTIONS[2], f"{QUESTIONS[0]} {QUESTIONS[1]}", "", QUESTIONS[1].lower(), QUESTIONS[0][:80]] * 3
    own = stage(tmp_path, common=2)

    def decisions(outcome: Outcome) -> list[object]:
        _, verdicts, findings = outcome
        assert verdicts.detail is not None
        return [verdicts.rule.to_pylist(), verdicts.detail.to_pylist(), findings]

    whole = decisions(run_parts(own, [texts], tmp_path / "whole"))
    cut = [texts[:5], [], texts[5:6], texts[6:]]
    assert decisions(run_parts(own, cut, tmp_path / "cut", rows=1)) == whole


def test_sets_are_read_from_json_lines_and_parquet(tmp_path: Path) -> None:
    rows = [
        {"q": "one", "choices": {"text": ["a", 2], "right": True}},
        {"q": "two", "choices": {"text": [], "right": None}},
    ]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n\n".join(map(orjson.dumps, rows))))
    table = pa.table({"choices": [["x", "y"], None], "q": ["three", "four"], "unused": [1, 2]})
    pq.write_table(table, tmp_path / "b.parquet")
    evaluation_set = EvaluationSet(path=f"{tmp_path}/*", columns=("q", "choices"))
    assert evaluation_set.items() == ["one\na\n2", "two", "three\nx\ny", "four"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"question": 1}\n[1]', "own.jsonl:2: expected a JSON object, seen list"),
        (b'{"question"', "own.jsonl:1: expected a JSON object, seen unexpected end"),
        (b'{"text": "a", "id": 1}', "record 0 has no field 'question'; it has text, id"),
    ],
)
def test_a_set_that_cannot_be_read_is_a_problem(content: bytes, message: str, tmp_path: Path) -> None:
    broken = stage(tmp_path)
    (tmp_path / "own.jsonl").write_bytes(content)
    (problem,) = broken.problems(context())
    assert message in str(problem)
    assert problem.field == ("sets", "own")


def test_items_too_short_to_be_looked_for_are_named_unless_they_may_be_left_out(tmp_path: Path) -> None:
    assert list(stage(tmp_path).problems(context())) == []
    (problem,) = stage(tmp_path, shortest=11).problems(context())
    assert "1 of 3 items have fewer than 11 words and would be found in clean text, such as item 2" in str(problem)
    lenient = stage(tmp_path, shortest=11, skip_short=True)
    assert list(lenient.problems(context())) == []
    assert list(lenient.remarks(context())) == [
        "own: 3 items; 1 of fewer than 11 words, or of few again and again, are left out"
    ]
    assert list(stage(tmp_path).remarks(context())) == ["own: 3 items"]
    assert run(lenient, QUESTIONS[2], QUESTIONS[1])[1].rule.to_pylist() == [None, "contaminated_own"]
    (problem,) = stage(tmp_path, shortest=100, skip_short=True).problems(context())
    assert "no item has 100 words" in str(problem)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    lost = Decontaminate(sets={"own": EvaluationSet(path=str(tmp_path / "none.jsonl"))})
    (problem,) = lost.problems(context())
    assert "no file matches" in str(problem)
    with pytest.raises(ConfigurationError):
        lost.files()


def test_the_place_of_a_set_does_not_decide_the_result(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = stage(tmp_path), stage(tmp_path / "other")
    assert first.identity() == second.identity()
    assert first.files().keys() == second.files().keys()
