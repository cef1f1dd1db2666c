"""Byte-level BPE against `tokenizers` called directly on the same sample."""

import json
from collections import Counter
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, trainers
from tokenizers.pre_tokenizers import ByteLevel

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.byte_level import (
    CONTROL,
    PATTERNS,
    PreTokenizerName,
    pre_tokenizer,
    to_bytes,
    to_characters,
    with_single_digits,
)
from prep.tokenizers.training.counts import CountedPretokens, PretokenCounter, count, read_pretokens, write_pretokens
from prep.tokenizers.training.train_bpe import BYTES, learn, train_bpe

SMALL = ["low lower lowest", "new newer newest", "wide wider widest", "slow and newly widened"]
FIXED = len(CONTROL) + len(BYTES)


def columns(texts: list[str]) -> list[pa.LargeStringArray]:
    return [pa.array(texts[start : start + 7], pa.large_string()) for start in range(0, len(texts), 7)]


def counted(texts: list[str], pattern: str) -> CountedPretokens:
    return count(columns(texts), pattern, 1 << 30)[0]


def trained(texts: list[str], vocabulary: int, pattern: str) -> Tokenizer:
    (tokenizer,) = train_bpe(counted(texts, pattern), [vocabulary], pattern)
    return tokenizer


def directly_trained(texts: list[str], vocabulary: int, pattern: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            min_frequency=2,
            special_tokens=list(CONTROL),
            initial_alphabet=ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


@pytest.mark.parametrize("pattern", [*get_args(PreTokenizerName), "own", "digits"])
def test_the_file_is_that_of_tokenizers(pattern: str, training_texts: list[str]) -> None:
    own = {"own": r"\p{L}{1,4}|[^\p{L}]+", "digits": with_single_digits(PATTERNS["o200k"])}
    pattern = own[pattern] if pattern in own else PATTERNS[pattern]  # type: ignore[index]
    made = trained(training_texts, 3000, pattern)
    assert made.to_str() == directly_trained(training_texts, 3000, pattern).to_str()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("aab", max_size=12) | st.text("ab c", max_size=30) | st.text(max_size=5), max_size=12))
def test_merges_are_those_of_tokenizers_whatever_repeats(texts: list[str]) -> None:
    """Runs of one letter, where pairs overlap, and merges that make a token again."""
    pattern = PATTERNS["gpt2"]
    expected = json.loads(directly_trained(texts, FIXED + 100, pattern).to_str())["model"]["merges"]
    merges = learn(counted(texts, pattern), 100)
    assert [[to_characters(left), to_characters(right)] for left, right in merges] == expected


def test_a_smaller_vocabulary_has_the_first_of_the_merges(training_texts: list[str]) -> None:
    pretokens = counted(training_texts, PATTERNS["llama3"])
    assert learn(pretokens, 500) == learn(pretokens, 1000)[:500]


def test_text_never_merges_to_a_control_token() -> None:
    texts = ["THE END", "ENDING", "THE ENDS", "an END"] * 20
    control = (*CONTROL, "END", "TH")
    pretokens = counted(texts, PATTERNS["gpt2"])
    (made,) = train_bpe(pretokens, [len(control) + len(BYTES) + 5], PATTERNS["gpt2"], control)
    assert made.get_vocab_size() == len(control) + len(BYTES) + 5
    made.encode_special_tokens = True
    for text in texts[:4]:
        assert not {made.token_to_id(token) for token in control} & set(made.encode(text).ids)


def test_documents_keep_their_borders() -> None:
    tokenizer = trained(["ab", "ab"] * 100 + ["ba x"] * 3, FIXED + 2, PATTERNS["gpt2"])
    learnt = set(tokenizer.get_vocab()) - {*CONTROL, *map(to_characters, BYTES)}
    assert sorted(learnt) == ["ab", "ba"]


@pytest.mark.parametrize("pattern", ["gpt2", "o200k"])
def test_the_largest_possible_vocabulary_is_named(pattern: PreTokenizerName) -> None:
    with pytest.raises(RunError, match=r"too small for a vocabulary of 5000: it holds at most \d+ tokens") as caught:
        trained(SMALL, 5000, PATTERNS[pattern])
    largest = int(str(caught.value).split("at most ")[1].split()[0])
    assert trained(SMALL, largest, PATTERNS[pattern]).get_vocab_size() == largest
    with pytest.raises(RunError, match=f"set vocabulary to {largest} or less"):
        trained(SMALL, largest + 1, PATTERNS[pattern])


def test_counts_have_64_bits() -> None:
    pretokens = counted(["ab"] * 3 + ["cd"] * 2, PATTERNS["gpt2"])
    pretokens.counts[:] = [3 << 31, 2 << 31]
    assert [left + right for left, right in learn(pretokens, 2)] == [b"ab", b"cd"]


def table(pretokens: CountedPretokens) -> dict[bytes, int]:
    starts, ends = pretokens.offsets[:-1].tolist(), pretokens.offsets[1:].tolist()
    return {
        pretokens.data[start:end].tobytes(): count
        for start, end, count in zip(starts, ends, pretokens.counts.tolist(), strict=True)
    }


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab 'é1\n") | st.text(), max_size=8))
def test_pretokens_are_counted(texts: list[str]) -> None:
    pattern = PATTERNS["gpt2"]
    cuts = (pretoken for text in texts for pretoken, _ in pre_tokenizer(pattern).pre_tokenize_str(text))
    assert table(counted(texts, pattern)) == Counter(map(to_bytes, cuts))


def test_the_rarest_pretokens_are_dropped_at_the_memory_limit(sentences: list[str]) -> None:
    words = [word for sentence in sentences for word in regex.findall(r" ?\p{L}+| ?[^\s\p{L}]+|\s+", sentence)]
    true = Counter(word.encode() for word in words)
    counter = PretokenCounter(r" ?\p{L}+| ?[^\s\p{L}]+|\s+", 200_000)
    for column in columns(sentences):
        counter.add(column)
    held = table(counter.pretokens())
    assert sum(map(len, held)) <= 200_000
    assert sum(held.values()) + counter.dropped == sum(true.values())
    assert counter.dropped > 0
    assert [pretoken for pretoken, _ in true.most_common(50) if held.get(pretoken) != true[pretoken]] == []
    again = PretokenCounter(r" ?\p{L}+| ?[^\s\p{L}]+|\s+", 200_000)
    again.add(pa.array(sentences, pa.large_string()))
    assert table(again.pretokens()) == held


@pytest.mark.parametrize("stretches", [1, 2, 7])
def test_stretches_counted_apart_give_the_same_pretokens_in_the_same_order(
    sentences: list[str], tmp_path: Path, stretches: int
) -> None:
    pattern = r" ?\p{L}+| ?[^\s\p{L}]+|\s+"
    whole, _ = count([pa.array(sentences, pa.large_string())], pattern, 1 << 24)
    paths = [str(tmp_path / f"{number}.arrow") for number in range(stretches)]
    for number, path in enumerate(paths):
        first, stop = (len(sentences) * each // stretches for each in (number, number + 1))
        part, _ = count([pa.array(sentences[first:stop], pa.large_string())], pattern, 1 << 24)
        write_pretokens(path, part)
    together = read_pretokens(paths, 1 << 24)
    assert together is not None
    assert together.data.tobytes() == whole.data.tobytes()
    assert together.offsets.tolist() == whole.offsets.tolist()
    assert together.counts.tolist() == whole.counts.tolist()
    assert read_pretokens(paths, len(whole.data)) is not None, "it just fits"
    assert read_pretokens(paths, len(whole.data) - 1) is None, "some would be dropped"
    assert read_pretokens([*paths, str(tmp_path / "missing.arrow")], 1 << 24) is None
    assert read_pretokens([], 1 << 24) is None


def test_an_empty_stretch_has_no_pretokens(tmp_path: Path) -> None:
    write_pretokens(str(tmp_path / "0.arrow"), count([], r"\S+", 1 << 20)[0])
    found = read_pretokens([str(tmp_path / "0.arrow")], 1 << 20)
    assert found is not None
    assert len(found.counts) == 0


def test_bytes_are_written_as_gpt2_writes_them() -> None:
    assert to_characters(b" \n\0Az\xff\xad") == "ĠĊĀAzÿŃ"
    assert {to_bytes(character) for character in ByteLevel.alphabet()} == {bytes([byte]) for byte in range(256)}
    assert all(to_bytes(to_characters(bytes([byte]))) == bytes([byte]) for byte in range(256))
