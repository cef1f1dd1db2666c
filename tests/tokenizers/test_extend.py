"""A tokenizer with more tokens: old ids stay, and learning goes on as if it had not stopped."""

import json
from pathlib import Path

import pytest
from samples import sample_of

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.encoding.encode import Tokenizer, open_files
from prep.tokenizers.saving.folder import Files
from prep.tokenizers.training.extend import extend
from prep.tokenizers.training.train import TokenizerSettings, train


def trained(texts: list[str], vocabulary: int) -> Files:
    return train(sample_of(texts), TokenizerSettings("bpe", vocabulary, pattern=PATTERNS["llama3"])).files


@pytest.fixture(scope="module")
def english(sentences: list[str]) -> list[str]:
    return [text for text in sentences if text.isascii()][:1500]


@pytest.fixture(scope="module")
def greek(sentences: list[str]) -> list[str]:
    return [text for text in sentences if any("α" <= letter <= "ω" for letter in text)]


def test_going_on_with_the_same_text_gives_what_training_at_once_gives(english: list[str]) -> None:
    once, extended = trained(english, 1200), extend(trained(english, 800), sample_of(english), 400)
    assert json.loads(extended["tokenizer.json"]) == json.loads(once["tokenizer.json"])
    assert extended == once


def test_old_ids_stay_and_the_new_language_takes_fewer_tokens(english: list[str], greek: list[str]) -> None:
    files = trained(english, 1000)
    old, new = open_files(files), open_files(extend(files, sample_of(greek[:100]), 300))
    assert new.vocabulary == 1300
    assert new.token_bytes[:1000] == old.token_bytes
    assert (new.separator_id, new.padding_id) == (old.separator_id, old.padding_id)
    without = [text for text in english if max(new.encode(text)) < 1000]
    assert len(without) > 0.5 * len(english)
    assert [new.encode(text) for text in without] == [old.encode(text) for text in without]

    def tokens(tokenizer: Tokenizer) -> int:
        return sum(len(tokenizer.encode(text)) for text in greek[100:])

    assert tokens(new) < 0.7 * tokens(old)
    assert [new.decode(new.encode(text)) for text in greek] == greek


def test_what_cannot_be_extended_is_told(english: list[str], folders: dict[str, str]) -> None:
    with pytest.raises(RunError, match=r"too small for 5000 tokens more: it holds at most \d+"):
        extend(trained(english, 800), sample_of(english[:20]), 5000)
    config = Path(folders["sentencepiece_unigram"], "tokenizer_config.json").read_bytes()
    with pytest.raises(RunError, match="only byte-level BPE can be extended"):
        extend({"tokenizer_config.json": config}, sample_of(english), 10)
