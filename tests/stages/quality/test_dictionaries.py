"""Words of ICU's dictionaries in scripts without spaces: where they begin, and what the signals make of them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.words import words
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.quality import Quality
from prep.stages.quality.signals.signals import Signals
from prep.stages.quality.words import splitting
from prep.stages.quality.words.splitting import Words, WordSplitter, find_unspaced, words_of
from prep.stages.stage import CheckContext

from .conftest import documents, run

pytest.importorskip("icu4py")

EXPECTED = {
    "zh": ("我们在图书馆学习中文。", "我们 在 图书 馆 学习 中文 。"),
    "ja": ("東京の図書館で本を読みました。", "東京 の 図書館 で 本 を 読み ま した 。"),
    "th": ("ภาษาไทยเป็นภาษาที่สวยงาม", "ภาษา ไทย เป็น ภาษา ที่ สวยงาม"),
    "lo": ("ພາສາລາວເປັນພາສາ", "ພາສາ ລາວ ເປັນ ພາສາ"),
    "km": ("ភាសាខ្មែរជាភាសា", "ភាសាខ្មែរ ជា ភាសា"),
    "my": ("မြန်မာဘာသာစကား", "မြန်မာဘာသာ စကား"),
    "mixed": ("It's 中文版 2.0, see ไทย-ไทย!", "It 's 中文 版 2.0 , see ไทย - ไทย !"),
    "none": ("Plain words, 3 of them.", "Plain words , 3 of them ."),
}
WORDS = Words("unicode", "dictionary")
BY_LETTERS = "𠮷野家の牛丼ー々한국ກຂคก็่ကျာ ក្ខ・a1 .\n、「\u200d\u0301"


@pytest.mark.parametrize("splitter", ["spacy", "unicode"])
@pytest.mark.parametrize(("text", "expected"), EXPECTED.values(), ids=EXPECTED.keys())
def test_words_are_those_of_dictionaries(text: str, expected: str, splitter: WordSplitter) -> None:
    if splitter == "unicode":
        expected = expected.replace("It 's", "It's")
    assert words_of(text, splitter, unspaced="dictionary") == expected.split()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(BY_LETTERS), max_size=5))
def test_words_are_unicodes_put_together_where_the_dictionary_has_no_bound(texts: list[str]) -> None:
    for text in texts:
        found = words_of(text, "unicode", unspaced="dictionary")
        assert "".join(found) == "".join(words(text, "unicode"))
        bounds = np.cumsum([0, *map(len, found)])
        assert set(bounds.tolist()) <= set(np.cumsum([0, *map(len, words(text, "unicode"))]).tolist())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(BY_LETTERS), max_size=5))
def test_a_text_is_cut_alike_whatever_is_beside_it(texts: list[str]) -> None:
    together, offsets = string_buffers(pa.array(["中文", *texts, "ไทย"], pa.large_string()).slice(1, len(texts)))
    joins = find_unspaced(together, offsets, WORDS)
    for row, text in enumerate(texts):
        data = np.frombuffer(text.encode(), np.uint8)
        alone = find_unspaced(data, np.array([0, len(data)]), WORDS)
        inside = joins[offsets[row] : offsets[row + 1]] if len(joins) else joins
        assert inside.any() == alone.any()
        if alone.any():
            assert inside.tolist() == alone.tolist()


def test_signals_count_them() -> None:
    text = EXPECTED["zh"][0]
    (plain,) = run([Signals()], documents([text])).column("signals").to_pylist()
    (cut,) = run([Signals(unspaced="dictionary")], documents([text])).column("signals").to_pylist()
    (spaces,) = run([Signals(unspaced="spaces")], documents([text])).column("signals").to_pylist()
    assert (spaces["words"], plain["words"], cut["words"], cut["plain_words"]) == (2, 11, 7, 6)
    assert cut["mean_word_length"] == 10 / 6
    assert cut["alphabetic_words"] == pytest.approx(6 / 7)
    assert (plain["dclm_lexical_words"], cut["dclm_lexical_words"]) == (10, 6)
    (cleaned,) = (
        run([CleanLines(min_words_per_line=None, unspaced="dictionary")], documents([f"{text}\n{text}"]))
        .column("signals")
        .to_pylist()
    )
    assert cleaned["cleaned_newlines_per_word"] == 1 / 14


def test_what_cannot_work_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    context = CheckContext(documents([]).schema, 0, frozenset())
    (problem,) = Signals(splitter="whitespace", unspaced="dictionary").problems(context)
    assert "not cut by dictionaries" in problem.message
    assert list(Signals(unspaced="dictionary").problems(context)) == []
    monkeypatch.setattr(splitting, "PACKAGE", "no_such_package")
    for stage in (Signals(unspaced="dictionary"), CleanLines(unspaced="dictionary")):
        (problem,) = stage.problems(context)
        assert problem.hint == "pip install 'corpus-prep[dictionaries]'"


def test_the_version_of_the_dictionaries_decides() -> None:
    assert "dictionary" in Signals(unspaced="dictionary").identity()
    assert Signals(unspaced="dictionary").identity() != Signals().identity()


def test_a_recipe_for_words_of_dictionaries_asks_for_them() -> None:
    quality = Quality(recipe="fineweb2_dictionary")
    (signals, clean) = (stage.implied_by([quality]) for stage in (Signals(), CleanLines()))
    assert isinstance(signals, Signals)
    assert isinstance(clean, CleanLines)
    assert (signals.unspaced, clean.unspaced) == ("dictionary", "dictionary")
    schema = signals.output_schema(documents([]).schema)
    assert list(quality.problems(CheckContext(schema, 0, frozenset(), (signals,)))) == []
    without = Signals(recipe="fineweb2_dictionary")
    (problem,) = quality.problems(CheckContext(schema, 0, frozenset(), (without,)))
    assert "unspaced: dictionary" in str(problem.expected)
