"""Published tokenizers as they are loaded from their files, through every engine that claims to serve them."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
import tiktoken
import tokenizers as huggingface
from samples import sample_of
from tiktoken.load import data_gym_to_mergeable_bpe_ranks, load_tiktoken_bpe
from transformers import AutoTokenizer

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.errors import RunError
from prep.tokenizers.encoding.bpe_engine import BPEEngine
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.encoding.encode import Tokenizer, open_files, open_tokenizer
from prep.tokenizers.encoding.engines import Engine, TokenizersEngine
from prep.tokenizers.encoding.exact import ByteLevelEngine, CheckedEngine
from prep.tokenizers.saving.existing import existing_files, find_existing, open_any
from prep.tokenizers.saving.folder import Files, write_folder
from prep.tokenizers.saving.ranks import merges_of_ranks, read_ranks
from prep.tokenizers.training.train import TokenizerSettings, train

from .conftest import Folders, gold_lines

NAMES = {"gpt2": "gpt2-encoder.json", "cl100k": "cl100k_base.tiktoken", "o200k": "o200k_base.tiktoken"}
ENDS = {"gpt2": 50256, "cl100k": 100257, "o200k": 199999}
SIZES = {"gpt2": 50257, "cl100k": 100277, "o200k": 200019}


@pytest.fixture(scope="module")
def published(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """The files of GPT-2, cl100k and o200k."""
    folder = tmp_path_factory.mktemp("gpt2")
    for name in ("encoder.json", "vocab.bpe"):
        shutil.copy(test_data / "tokenizers" / f"gpt2-{name}", folder / name)
    paths = {name: test_data / "tokenizers" / file for name, file in NAMES.items()} | {"gpt2": folder}
    return {name: existing_files(str(path)) for name, path in paths.items()}


@pytest.fixture(scope="module")
def opened(published: dict[str, Files]) -> dict[str, Tokenizer]:
    return {name: open_files(files) for name, files in published.items()}


def encoding(name: str, files: Files, folder: Path) -> tiktoken.Encoding:
    """Open ranks and options with tiktoken, as anybody would."""
    (folder / "ranks.tiktoken").write_bytes(files["ranks.tiktoken"])
    return tiktoken.Encoding(
        name, mergeable_ranks=load_tiktoken_bpe(str(folder / "ranks.tiktoken")), **json.loads(files["tiktoken.json"])
    )


def rows(engine: Engine, texts: list[str]) -> list[list[int]]:
    offsets, ids = engine.encode(*string_buffers(pa.array(texts, pa.large_string())))
    return [ids[start:end].tolist() for start, end in pairwise(offsets)]


ENGINES: dict[str, Callable[[str, Tokenizer], Engine]] = {
    "gigatoken": lambda _, tokenizer: tokenizer._engine,
    "our own": lambda content, _: BPEEngine(content),
    "tokenizers": lambda content, _: TokenizersEngine(huggingface.Tokenizer.from_str(content)),
}


@pytest.mark.parametrize("name", ["cl100k", "o200k"])
def test_every_engine_gives_the_pieces_and_counts_of_the_gold_files(
    name: str, published: dict[str, Files], opened: dict[str, Tokenizer], test_data: Path, tmp_path: Path
) -> None:
    """The ids expected are those that tiktoken gives for each piece of the gold file by itself."""
    ranks = encoding(name, published[name], tmp_path)
    assert (ranks.eot_token, ranks.n_vocab) == (ENDS[name], SIZES[name])
    lines = gold_lines(test_data / "tokenizers" / f"gold-{name}.jsonl")
    texts = [line.text for line in lines]
    expected = [[token for piece in line.pieces for token in ranks._encode_single_piece(piece)] for line in lines]
    assert [len(row) for row in expected] == [line.tokens for line in lines]
    assert [ranks.encode_ordinary(text) for text in texts] == expected
    for title, make in ENGINES.items():
        engine = make(published[name]["tokenizer.json"].decode(), opened[name])
        assert rows(engine, texts) == expected, title
    assert [opened[name].decode(row) for row in expected] == texts
    engine = opened[name]._engine
    assert isinstance(engine, CheckedEngine)
    assert isinstance(engine.engine, ByteLevelEngine)


def test_every_engine_gives_the_ids_of_gpt2(
    published: dict[str, Files], opened: dict[str, Tokenizer], test_data: Path, sentences: list[str]
) -> None:
    """There is no gold file; tiktoken reads GPT-2's own files and cuts by its own way to write the pattern."""
    merges, ids = (str(test_data / "tokenizers" / f"gpt2-{name}") for name in ("vocab.bpe", "encoder.json"))
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
    ranks = tiktoken.Encoding(
        "gpt2", pat_str=pattern, mergeable_ranks=data_gym_to_mergeable_bpe_ranks(merges, ids), special_tokens={}
    )
    texts = [line.text for line in gold_lines(test_data / "tokenizers" / "gold-cl100k.jsonl")] + sentences[::10]
    expected = [ranks.encode_ordinary(text) for text in texts]
    for title, make in ENGINES.items():
        assert rows(make(published["gpt2"]["tokenizer.json"].decode(), opened["gpt2"]), texts) == expected, title
    assert [opened["gpt2"].decode(row) for row in expected] == texts


def test_all_loaders_give_the_same_ids(
    published: dict[str, Files], opened: dict[str, Tokenizer], sentences: list[str], tmp_path: Path
) -> None:
    name = "gpt2"
    write_folder(str(tmp_path / "folder"), published[name], {})
    folder = str(tmp_path / "folder")
    texts = [*sentences[::150], "a <|endoftext|> b", " two  spaces\n\n\t", "12345 a\0b", "'S 'll ſ"]
    expected = [opened[name].encode(text) for text in texts]
    ranks = encoding(name, published[name], tmp_path)
    assert [ranks.encode_ordinary(text) for text in texts] == expected
    from_file = huggingface.Tokenizer.from_file(f"{folder}/tokenizer.json")
    from_file.encode_special_tokens = True
    assert [from_file.encode(text).ids for text in texts] == expected
    again = open_tokenizer(folder)
    assert [again.encode(text) for text in texts] == expected
    loaded = AutoTokenizer.from_pretrained(folder)
    assert [loaded(text, split_special_tokens=True)["input_ids"] for text in texts] == expected
    assert (opened[name].separator_id, opened[name].vocabulary) == (ENDS[name], SIZES[name])
    assert (ranks.eot_token, ranks.n_vocab, loaded.eos_token_id) == (ENDS[name], SIZES[name], ENDS[name])


def test_the_ids_of_ranks_stay(published: dict[str, Files], opened: dict[str, Tokenizer], test_data: Path) -> None:
    ranks = read_ranks((test_data / "tokenizers" / "cl100k_base.tiktoken").read_bytes())
    assert {piece: index for index, piece in enumerate(opened["cl100k"].token_bytes) if piece} == ranks
    assert read_ranks(published["cl100k"]["ranks.tiktoken"]) == ranks


def test_merges_of_ranks_are_all_cuts_by_rank() -> None:
    ranks = {b"a": 0, b"b": 1, b"ab": 2, b"abb": 3, b"bb": 4}
    assert merges_of_ranks(ranks) == [(b"a", b"b"), (b"a", b"bb"), (b"ab", b"b"), (b"b", b"b")]


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece_bpe", "sentencepiece_unigram"])
def test_what_prep_has_written_is_taken_as_it_is(kind: str, folders: Folders, sentences: list[str]) -> None:
    folder = folders[kind]  # type: ignore[index]
    tokenizer, again = open_tokenizer(folder), open_files(existing_files(folder))
    assert (again.separator_id, again.padding_id) == (tokenizer.separator_id, tokenizer.padding_id)
    assert [again.encode(text) for text in sentences[::100]] == [tokenizer.encode(text) for text in sentences[::100]]


@pytest.mark.parametrize("kind", ["sentencepiece_bpe", "sentencepiece_unigram"])
def test_user_symbols_are_taken_whole_by_all_loaders(kind: str, training_texts: list[str], tmp_path: Path) -> None:
    from sentencepiece import SentencePieceProcessor

    symbols = ("<br>", "▁▁▁▁", "C++")
    settings = TokenizerSettings(
        kind,  # type: ignore[arg-type]
        1500,
        control=("<|user|>", "<|reserved_0|>"),
        character_coverage=0.98,
        user_symbols=symbols,
        split_digits=True,
    )
    files = train(sample_of(training_texts[::2]), settings).files
    write_folder(str(tmp_path), files, {})
    tokenizer = open_tokenizer(str(tmp_path))
    texts = [*training_texts[:30], "a<br>b C++    x     y 2026 <|user|> </s>"]
    expected = [tokenizer.encode(text) for text in texts]
    model = SentencePieceProcessor(model_proto=files["tokenizer.model"])
    assert model.encode(texts) == expected
    ids = [model.piece_to_id(symbol) for symbol in symbols]
    assert set(ids) <= set(expected[-1])
    assert model.piece_to_id("<|user|>") == 4
    assert 4 not in expected[-1]
    assert not any(sum(byte in b"0123456789" for byte in piece) > 1 for piece in tokenizer.token_bytes)
    assert [tokenizer.decode(row) for row in expected] == texts
    if "tokenizer.json" in files:
        loaded = huggingface.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        loaded.encode_special_tokens = True
        assert [loaded.encode(text).ids for text in texts] == expected


def test_what_cannot_be_used_is_an_error(tmp_path: Path, test_data: Path) -> None:
    with pytest.raises(RunError, match=r"there is no tokenizer; expected tokenizer\.json"):
        find_existing(str(tmp_path))
    shutil.copy(test_data / "tokenizers" / "cl100k_base.tiktoken", tmp_path / "mine.tiktoken")
    with pytest.raises(RunError, match="ranks do not say how text is cut; set pre_tokenizer or pattern"):
        open_any(str(tmp_path))
    words = huggingface.Tokenizer(huggingface.models.WordLevel({"a": 0}, unk_token="a"))
    words.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(RunError, match="not byte-level BPE"):
        open_any(str(tmp_path / "tokenizer.json"))


def test_ranks_of_ones_own_take_a_pattern(tmp_path: Path, folders: Folders, sentences: list[str]) -> None:
    shutil.copy(Path(folders["bpe"], "ranks.tiktoken"), tmp_path / "own.tiktoken")
    own = open_any(str(tmp_path / "own.tiktoken"), PATTERNS["gpt2"], "<|end|>")
    assert own.separator_id == own.vocabulary - 1 == 4000
    trained = open_tokenizer(folders["bpe"])
    assert [own.encode(text) for text in sentences[::50]] == [trained.encode(text) for text in sentences[::50]]


def test_a_piece_of_text_with_the_name_of_a_control_token_stays_text(
    tmp_path: Path, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(Path(folders["bpe"], "ranks.tiktoken"), tmp_path / "own.tiktoken")
    for pattern in (r"\S+|\s+", PATTERNS["gpt2"]):
        own = open_any(str(tmp_path / "own.tiktoken"), pattern, "END")
        ids = own.encode("an END, END")
        assert own.separator_id not in ids
        assert own.decode(ids) == "an END, END"
    assert caplog.text == ""
