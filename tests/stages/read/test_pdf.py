"""PDF files: paragraphs put together again, and files without a text to take."""

import bz2
from collections.abc import Sequence
from pathlib import Path

import pytest
from books import pdf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.stages.read.books.pdf import pdf_rows, reflowed
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions

PAGE = ["A Title", "The first paragraph runs over the whole of", "the width (or nearly) and ends here.", "The second."]


def row(path: Path, max_bytes: int = 1 << 20) -> Row:
    (found,) = pdf_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)))
    return found


def written(folder: Path, data: bytes, name: str = "a.pdf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.pdf", "a.pdf.bz2"])
def test_a_file_is_one_document(tmp_path: Path, name: str) -> None:
    data = pdf([PAGE, ["It goes on."]])
    found = row(written(tmp_path, bz2.compress(data) if name.endswith(".bz2") else data, name))
    assert found.id == f"{name}@0"
    assert (found.title, found.author, found.metadata, found.own) == ("A Paper", "Somebody", None, {"route": "text"})
    assert found.text == (
        "A Title\nThe first paragraph runs over the whole of the width (or nearly) and ends here.\nThe second.\n"
        "It goes on."
    )


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (pdf([PAGE]), None),
        (pdf([["words"], []]), None),
        (pdf([[], []]), "no_text_layer"),
        (pdf([["   "]]), "no_text_layer"),
        (pdf([["x" * 90] * 50]), "too_large"),
        (pdf([PAGE], encrypted=True), "!encrypted"),
        (pdf([PAGE])[:200], "!truncated"),
        (b"%PDF-1.7", "!truncated"),
        (b"", "!bad_pdf"),
    ],
)
def test_what_becomes_of_a_file(tmp_path: Path, data: bytes, verdict: str | None) -> None:
    found = row(written(tmp_path, data), 4000)
    assert (f"!{found.rule}" if found.failed else found.rule) == verdict
    assert (found.text is None) == (verdict is not None)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=20))
@example(3632, bytes(8))
def test_no_file_is_too_broken(tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes) -> None:
    data = bytearray(pdf([PAGE, PAGE]))
    place %= len(data)
    data[place : place + len(damage)] = damage
    path = written(tmp_path_factory.getbasetemp(), bytes(data), "broken.pdf")
    found, *cut = pdf_rows(Input(str(path), path.name, SourceOptions()))
    assert (found.text is None) == (found.rule is not None)
    assert [each.rule for each in cut] in ([], ["truncated"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one line", "one line"),
        ("a long line that goes\r\non to the end.\r\nShort.", "a long line that goes on to the end.\nShort."),
        ("a long line that goes\r\non and so on, to there", "a long line that goes on and so on, to there"),
        ("a word is hyphen\ufffe\r\nated and goes\r\non to here", "a word is hyphenated and goes on to here"),
        ("日本語の長い行はここで\r\n折り返される。", "日本語の長い行はここで折り返される。"),
        ("\x00 \x03", ""),
    ],
)
def test_lines_become_paragraphs(text: str, expected: str) -> None:
    assert reflowed(text) == expected


@given(st.text("ab .\r\n\ufffe日", max_size=200))
def test_no_letter_is_lost(text: str) -> None:
    kept = [letter for letter in text if letter not in " \r\n\ufffe"]
    assert [letter for letter in reflowed(text) if letter not in " \n"] == kept


# Pages whose glyphs stand anywhere.


def placed(*pages: Sequence[tuple[float, float, float, str]]) -> bytes:
    """Return a PDF file of texts at places: left, base, size, text."""
    return drawn(
        *("\n".join(f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET" for x, y, size, text in page) for page in pages)
    )


def drawn(*pages: str) -> bytes:
    """Return a PDF file of pages given by their operators."""
    data = pdf([["x"] for _ in pages])
    for content in pages:
        start = data.index(b"BT /F1 11 Tf 13 TL 72 740 Td (x) Tj T* ET")
        stop = data.index(b"\nendstream", start)
        head = data.rindex(b"<< /Length", 0, start)
        stream = content.encode("cp1252")
        data = data[:head] + b"<< /Length %d >>\nstream\n" % len(stream) + stream + data[stop:]
    return data  # its table of places is wrong now, which PDFium puts right


def lines(
    texts: list[str], left: float = 72, top: float = 700, size: float = 11
) -> list[tuple[float, float, float, str]]:
    return [(left, top - 13 * number, size, text) for number, text in enumerate(texts)]


def text_of(folder: Path, *pages: Sequence[tuple[float, float, float, str]]) -> str:
    return str(row(written(folder, placed(*pages))).text)


LEFT = [
    "This is the column on the left and",
    "it has some lines of its own which",
    "end where nobody expects it at all.",
]
RIGHT = [
    "On the right there is another one",
    "with other words than the first has",
    "and it is read when that one is over.",
]


def test_turned_text_is_read_for_itself(tmp_path: Path) -> None:
    body = "".join(f"BT /F1 11 Tf 72 {700 - 13 * n} Td ({line}) Tj ET\n" for n, line in enumerate(LEFT))
    stamp = "BT /F1 14 Tf 0 1 -1 0 30 650 Tm (stamp one of 2020) Tj ET\n"
    aslant = "BT /F1 40 Tf 0.7 0.7 -0.7 0.7 150 300 Tm (DRAFT) Tj ET\n"
    text = str(row(written(tmp_path, drawn(stamp + body + aslant))).text)
    assert text.partition("\n")[0] == " ".join(LEFT)
    assert sorted(text.split("\n")[1:]) == ["DRAFT", "stamp one of 2020"]
    for matrix, step in (("0 1 -1 0 {} 90", 13), ("0 -1 1 0 {} 700", -13), ("-1 0 0 -1 500 {}", 13)):
        turned = "".join(
            f"BT /F1 11 Tf {matrix.format(300 + step * n)} Tm ({line}) Tj ET\n" for n, line in enumerate(LEFT)
        )
        assert row(written(tmp_path, drawn(turned))).text == " ".join(LEFT)


def test_text_that_is_drawn_twice_is_read_once(tmp_path: Path) -> None:
    bold = [(left + 0.3, base, size, text) for left, base, size, text in lines(LEFT)]
    assert text_of(tmp_path, [*lines(LEFT), *bold]) == " ".join(LEFT)
    apart = [(72, 700, 11, "so"), (90, 700, 11, "so")]
    assert text_of(tmp_path, apart) == "so so"


def test_a_large_initial_is_the_first_letter_of_its_line(tmp_path: Path) -> None:
    beside = lines(["his is the first line beside a large", "initial letter, and the second one is"], left=100)
    page = [(72.0, 680.0, 40.0, "T"), *beside, *lines(["here, with the third below it in full."], top=674)]
    assert text_of(tmp_path, page).startswith("This is the first line beside a large")


def test_dots_before_page_numbers_go(tmp_path: Path) -> None:
    page = [
        entry
        for n in range(3)
        for entry in ((72, 700 - 13 * n, 11, f"Part {n} " + "." * 50), (480, 700 - 13 * n, 11, f"{n + 7}"))
    ]
    assert text_of(tmp_path, [(72, 700, 11, "and so on.... as before")]) == "and so on.... as before"
    assert text_of(tmp_path, page) == "Part 0 7\nPart 1 8\nPart 2 9"


def test_bullets_begin_paragraphs(tmp_path: Path) -> None:
    items = ["A line before the list that is as wide as any", "\x95 one of the items", "\x95 another item"]
    found = text_of(
        tmp_path, [(left, base, size, text.replace("\x95", "\N{BULLET}")) for left, base, size, text in lines(items)]
    )
    assert found.split("\n")[1:] == ["• one of the items", "• another item"]


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    rows = [line for pair in zip(lines(LEFT), lines(RIGHT, 320), strict=True) for line in pair]
    expected = f"{' '.join(LEFT)}\n{' '.join(RIGHT)}"
    assert text_of(tmp_path, rows) == expected
    title = (150, 740, 16, "A Title that Stands above Both of the Columns")
    below = lines(["What stands below both columns is read last, whichever column it begins in."], 72, 640)
    assert text_of(tmp_path, [*rows, title, *below]) == f"{title[3]}\n{expected}\n{below[0][3]}"


def test_the_frame_of_pages_goes(tmp_path: Path) -> None:
    pages = []
    for number in range(4):
        body = lines([f"Page {number} tells of something that", f"no other page has, and that is {'abcd'[number]}."])
        pages.append([(72, 760, 9, f"Annals {number}"), *body, (300, 40, 9, str(number + 7))])
    text = text_of(tmp_path, *pages)
    assert "Annals" not in text
    assert [line for line in text.split("\n") if len(line) < 5] == []
    assert text.count("tells of something") == 4
    equal = [
        [(72, 713, 11, "The Same on Every Page"), *lines([f"{word} is told here, and nowhere else"])] for word in LEFT
    ]
    assert "Same" not in text_of(tmp_path, *equal)
    assert "Annals" in text_of(tmp_path, *pages[:2])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("the level was reg-", "ularly read", "the level was regularly read"),
        ("a power-", "saving wheel", "a power-saving wheel"),
        ("the years 1911-", "1912 were dry", "the years 1911-1912 were dry"),
        ("an old F-", "16 stood there", "an old F-16 stood there"),
        ("they met Jean-", "Luc at noon", "they met Jean-Luc at noon"),
        ("see https://a.example/long-", "path for more", "see https://a.example/long-path for more"),
        ("a zorblat and a zor-", "blat again", "a zorblat and a zorblat again"),
    ],
)
def test_hyphens_at_line_ends(tmp_path: Path, first: str, second: str, expected: str) -> None:
    assert text_of(tmp_path, lines([first, second])).replace("\n", " ") == expected


def test_raised_numbers_are_exponents(tmp_path: Path) -> None:
    power = [(72, 700, 11, "It took 10"), (117.5, 705, 7, "5"), (125, 700, 11, "litres")]
    assert text_of(tmp_path, power) == "It took 10^5 litres"


def test_rows_of_tables_are_lines(tmp_path: Path) -> None:
    cells = [(72 + 120 * x, 700 - 13 * y, 11, f"c{x}{y}") for y in range(3) for x in range(3)]
    assert text_of(tmp_path, cells) == "c00 | c10 | c20\nc01 | c11 | c21\nc02 | c12 | c22"


def test_gaps_and_indents_begin_paragraphs(tmp_path: Path) -> None:
    first = ["The first paragraph runs from edge to", "edge and ends just at the right edge o"]
    text = text_of(tmp_path, [*lines(first), *lines(["The second one comes behind a wide gap"], top=640)])
    assert text.split("\n") == [" ".join(first), "The second one comes behind a wide gap"]
    indented = [
        *lines(first),
        *lines(["The next one is set in by some points,"], 86, 674),
        *lines(["as usual."], 72, 661),
    ]
    assert text_of(tmp_path, indented).split("\n")[1] == "The next one is set in by some points, as usual."


def test_files_that_need_character_recognition(tmp_path: Path) -> None:
    mixed = row(written(tmp_path, pdf([["words"], []])))
    assert (mixed.text, mixed.own, mixed.metadata) == ("words", {"route": "text+ocr"}, '{"pages_without_text":[2]}')
    scanned = row(written(tmp_path, pdf([[], []])))
    assert (scanned.rule, scanned.own) == ("no_text_layer", {"route": "ocr"})
    assert "2 pages are pictures of text" in str(scanned.detail)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo words of {file}", (None, "words of ", {"route": "ocr"})),
        ("true", ("no_text_layer", None, {"route": "ocr"})),
        ("sh -c 'echo broken >&2; exit 3'", ("ocr_failed", None, None)),
        ("/no/such/program", ("ocr_failed", None, None)),
    ],
)
def test_a_command_that_recognises_characters(
    tmp_path: Path, command: str, expected: tuple[str | None, str | None, dict[str, str] | None]
) -> None:
    path = written(tmp_path, pdf([[]]))
    (found,) = pdf_rows(Input(str(path), path.name, SourceOptions(ocr=command)))
    text = found.text[:9] if found.text else None
    assert (found.rule, text, found.own) == expected
    if found.rule == "ocr_failed":
        assert "status 3: broken" in str(found.detail) or "No such file" in str(found.detail)
    words = written(tmp_path, pdf([["a text layer"]]), "b.pdf")
    (found,) = pdf_rows(Input(str(words), words.name, SourceOptions(ocr=command)))
    assert (found.text, found.own) == ("a text layer", {"route": "text"})


def test_the_shared_papers(test_data: Path) -> None:
    def text(name: str) -> str:
        path = test_data / "cases" / "pdf" / f"{name}.pdf"
        return str(row(path).text)

    assert "belong to the left story.\nRight one is the second" in text("cols")
    assert "Annals" not in text("heads")
    assert text("heads").count("Body line") == 15
    assert "power-enhancing wheels" in text("hyphen")
    assert "1911-1912 was seen by all. See https://ex.org/long-path and F-16 and" in text("hyphen")
    assert text("lig") == "The official field report was flawed; the efficient keeper differs from the affluent."
    assert text("nospace") == "The level was 3.2 m 10^5 litres a day, x"
    assert "under control and wrote" in text("softhy")
