"""Words as spaCy's rules cut them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.stages.quality.words.splitting import words_of

from .slow_tokens import slow_tokens

EXPECTED = [
    ("(Well, well...)", "( Well , well ... )"),
    (
        "See https://ex.org/a?b=1, www.ex.org/x and me@ex.org.",
        "See https://ex.org/a?b=1 , www.ex.org/x and me@ex.org .",
    ),
    ("It's 70mm, isn't it? Mr. Smith e.g. 24/7", "It 's 70 mm , is n't it ? Mr. Smith e.g. 24/7"),
    (
        "and/or he/she well-known--thing 3-4 5% $5 10,000.5",
        "and/or he / she well - known -- thing 3 - 4 5 % $ 5 10,000.5",
    ),
    ("U.S. end.Next a.b --- Jan. dec. 9am 9a.m.", "U.S. end . Next a.b --- Jan. dec . 9 am 9 a.m."),
    ("You cannot, dont they'll learn'd I'm 3-fold", "You can not , do nt they 'll learn'd I 'm 3 - fold"),
    ("Gonna theyre whos, itll (im) cannots", "Gon na they re who s , it ll ( i m ) cannots"),
    ("main(): x = f('') :) «Ça va?»", "main ( ): x = f ( '' ) :) « Ça va ? »"),
    ("東京、大阪。 中,文 ไทย-ไทย", "東京、大阪 。 中 , 文 ไทย-ไทย"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "tokens"), EXPECTED)
def test_tokens_are_those_of_spacy(text: str, tokens: str) -> None:
    assert words_of(text, "spacy", "spaces") == tokens.split()
    assert slow_tokens(text) == tokens.split()


@pytest.mark.parametrize("text", [text for text, _ in EXPECTED])
def test_the_expected_tokens_are_what_spacy_gives(text: str) -> None:
    spacy = pytest.importorskip("spacy")
    tokens = [token.text for piece in text.split() for token in spacy.blank("en").tokenizer(piece)]
    assert words_of(text, "spacy", "spaces") == tokens


WORDS_AND_MARKS = (
    "a B ß 中 ж ก 7 ٣ . .. , - -- ' ’ s n't / : :// @ _ km mm Mr e.g com www. % $ + * ( ) … ★ = ~ ; "
    "cannot they ll don t am and/or"
)
PIECES = st.lists(st.sampled_from([*WORDS_AND_MARKS.split(), " ", "\n"]), max_size=9).map("".join)


@settings(max_examples=1500, deadline=None)
@given(st.one_of(PIECES, st.text()))
@example("a@b.com/x a.b@ @a.com a..com x://y ://y .com a.com:")
def test_tokens_are_those_of_the_slow_reference_implementation(text: str) -> None:
    assert words_of(text, "spacy", "spaces") == slow_tokens(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=4))
def test_a_text_is_cut_alike_wherever_it_lies(texts: list[str]) -> None:
    joined = words_of("\n".join(texts), "spacy", "spaces")
    assert joined == [word for text in texts for word in words_of(text, "spacy", "spaces")]
    assert "".join(joined) == "".join("".join(texts).split())
