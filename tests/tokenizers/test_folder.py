"""The folder as others open it: transformers, tokenizers and sentencepiece give the ids that the shards hold."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiktoken
import tokenizers as huggingface
from samples import sample_of
from sentencepiece import SentencePieceProcessor
from tiktoken.load import load_tiktoken_bpe
from transformers import AutoTokenizer

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.encoding.encode import Tokenizer, open_tokenizer
from prep.tokenizers.saving.folder import write_folder
from prep.tokenizers.training.train import Kind, TokenizerSettings, train

from ..file_hashes import file_hashes

KINDS: tuple[Kind, ...] = ("bpe", "sentencepiece_bpe", "sentencepiece_unigram")
CONTROL_IN_TEXT = "a <|endoftext|> </s><s> <pad><unk> <|padding|> <0x41> b"


@pytest.fixture(scope="module")
def texts(sentences: list[str], pages: list[str]) -> list[str]:
    return [*sentences[4::45], *pages[::3], " two  spaces ", "\n\ttab\r\n", "a\0b", "👩‍👩‍👧", "", "xyz" * 3000]


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_gives_the_same_ids(
    kind: Kind, folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer], texts: list[str]
) -> None:
    loaded = AutoTokenizer.from_pretrained(folders[kind])
    tokenizer = tokenizers[kind]
    assert [loaded(text)["input_ids"] for text in texts] == [tokenizer.encode(text) for text in texts]
    assert loaded(CONTROL_IN_TEXT, split_special_tokens=True)["input_ids"] == tokenizer.encode(CONTROL_IN_TEXT)
    assert (len(loaded), loaded.eos_token_id, loaded.pad_token_id) == (
        tokenizer.vocabulary,
        tokenizer.separator_id,
        tokenizer.padding_id,
    )


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece_bpe"])
def test_tokenizers_gives_the_same_ids(
    kind: Kind, folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer], texts: list[str]
) -> None:
    from_file = huggingface.Tokenizer.from_file(f"{folders[kind]}/tokenizer.json")
    assert [from_file.encode(text).ids for text in texts] == [tokenizers[kind].encode(text) for text in texts]
    from_file.encode_special_tokens = True
    assert from_file.encode(CONTROL_IN_TEXT).ids == tokenizers[kind].encode(CONTROL_IN_TEXT)


@pytest.mark.parametrize("pattern", [*PATTERNS.values(), r"\p{L}{1,6}|[^\p{L}]+"])
def test_tiktoken_gives_the_same_ids(pattern: str, training_texts: list[str], texts: list[str], tmp_path: Path) -> None:
    settings = TokenizerSettings("bpe", 1500, ("<|user|>",), pattern)
    write_folder(str(tmp_path), train(sample_of(training_texts[::2]), settings).files, {})
    tokenizer = open_tokenizer(str(tmp_path))
    encoding = tiktoken.Encoding(
        "own",
        mergeable_ranks=load_tiktoken_bpe(str(tmp_path / "ranks.tiktoken")),
        **json.loads((tmp_path / "tiktoken.json").read_text()),
    )
    for text in [*texts, CONTROL_IN_TEXT, "<|user|>"]:
        ids = encoding.encode_ordinary(text)
        assert ids == tokenizer.encode(text)
        assert encoding.decode(ids) == text
    assert (encoding.eot_token, encoding.n_vocab) == (tokenizer.separator_id, tokenizer.vocabulary)
    assert encoding.encode_single_token("<|user|>") == 2


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece_bpe"])
def test_transformers_and_tokenizers_decode(
    kind: Kind, folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer], texts: list[str]
) -> None:
    loaded = AutoTokenizer.from_pretrained(folders[kind])
    from_file = huggingface.Tokenizer.from_file(f"{folders[kind]}/tokenizer.json")
    for text in texts:
        ids = tokenizers[kind].encode(text)
        assert loaded.decode(ids) == from_file.decode(ids) == text


@pytest.mark.parametrize("kind", ["sentencepiece_bpe", "sentencepiece_unigram"])
def test_sentencepiece_gives_the_same_ids(
    kind: Kind, folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer], texts: list[str]
) -> None:
    model = SentencePieceProcessor(model_file=f"{folders[kind]}/tokenizer.model")
    everything = [*texts, CONTROL_IN_TEXT]
    assert model.encode(everything) == [tokenizers[kind].encode(text) for text in everything]
    assert [model.decode(tokenizers[kind].encode(text)) for text in everything] == everything
    assert model.eos_id() == tokenizers[kind].separator_id


@pytest.mark.parametrize("kind", KINDS)
def test_token_bytes_add_up_to_the_text(
    kind: Kind, folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer], texts: list[str]
) -> None:
    sizes = np.load(f"{folders[kind]}/token_bytes.npy")
    assert sizes.dtype == np.int32
    assert sizes[[tokenizers[kind].separator_id, tokenizers[kind].padding_id]].tolist() == [0, 0]
    assert [sizes[tokenizers[kind].encode(text)].sum() for text in texts] == [len(text.encode()) for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_the_card_holds_the_files_hashes(kind: Kind, folders: dict[Kind, str]) -> None:
    folder = Path(folders[kind])
    card = json.loads((folder / "card.json").read_text())
    assert card["sha256"] == file_hashes(folder, without={"card.json"})
    assert set(card["libraries"]) == {"tokenizers", "sentencepiece", "gigatoken"}


def test_without_text_nothing_is_trained() -> None:
    with pytest.raises(RunError, match="no text to train a tokenizer on"):
        train(sample_of([]), TokenizerSettings("bpe", 300))
