"""Encoding and decoding: every text comes back, and its ids depend on it alone."""

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from prep.corpus.arrow.columns import string_array
from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.text.utf8 import CODE_POINTS
from prep.tokenizers.encoding.encode import Tokenizer, open_tokenizer
from prep.tokenizers.encoding.engines import GigatokenEngine, SentencePieceEngine
from prep.tokenizers.encoding.exact import ByteLevelEngine, CheckedEngine
from prep.tokenizers.training.train import Kind

KINDS: tuple[Kind, ...] = ("bpe", "sentencepiece_bpe", "sentencepiece_unigram")

ODD = st.sampled_from(
    [
        *("<|endoftext|>", "<|padding|>", "</s>", "<s>", "<pad>", "<unk>", "<0x41>", "<0x", "Ġ", "▅"),
        *(
            "\0",
            "\ufffd",
            "\ufeff",
            "\u088f",
            "\U0010ffff",
            "e\u0301",
            "👩\u200d👧",
            "'s",
            "'LL",
            "the",
            "你好",
            "12345",
        ),
        *(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "A", "."),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(ODD).map("".join))


def rows(tokenizer: Tokenizer, column: pa.Array | pa.ChunkedArray) -> list[list[int]]:
    offsets, ids = tokenizer.encode_column(column)
    assert len(offsets) == len(column) + 1
    return [ids[start:end].tolist() for start, end in pairwise(offsets)]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
@example(text="a<|endoftext|>\0</s>")
def test_every_text_comes_back(kind: Kind, tokenizers: dict[Kind, Tokenizer], text: str) -> None:
    tokenizer = tokenizers[kind]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == (text if kind == "bpe" else text.replace("\u2581", " "))
    assert not {tokenizer.separator_id, tokenizer.padding_id} & set(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_every_script_comes_back(kind: Kind, tokenizers: dict[Kind, Tokenizer], sentences: list[str]) -> None:
    tokenizer = tokenizers[kind]
    encoded = rows(tokenizer, pa.array(sentences, pa.string()))
    assert [tokenizer.decode(ids) for ids in encoded] == sentences


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.none() | TEXTS, max_size=6), wide=st.booleans(), border=st.integers(0, 6))
def test_a_column_is_its_texts_whatever_its_borders(
    kind: Kind, tokenizers: dict[Kind, Tokenizer], texts: list[str | None], wide: bool, border: int
) -> None:
    tokenizer = tokenizers[kind]
    expected = [tokenizer.encode(text or "") for text in texts]
    kind_of_string = pa.large_string() if wide else pa.string()
    column = pa.array(["é", *texts, "x y"], kind_of_string).slice(1, len(texts))
    assert rows(tokenizer, column) == expected
    assert rows(tokenizer, column.slice(0, border)) + rows(tokenizer, column.slice(border)) == expected
    assert rows(tokenizer, pa.chunked_array([column.slice(0, border), column.slice(border)])) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_ids_have_the_dtype_of_the_shards(kind: Kind, tokenizers: dict[Kind, Tokenizer]) -> None:
    offsets, ids = tokenizers[kind].encode_column(pa.array(["one", None, "two"]))
    assert (str(offsets.dtype), str(ids.dtype)) == ("int64", "uint16")
    offsets, ids = tokenizers[kind].encode_column(pa.array([], pa.large_string()))
    assert (offsets.tolist(), ids.tolist(), str(ids.dtype)) == ([0], [], "uint16")
    wide = Tokenizer(0, 1, "", (b"",) * 70_000, lambda: tokenizers[kind]._engine)
    assert wide.encode_column(pa.array(["one"]))[1].dtype == np.uint32


@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_engine_encodes_where_it_can(kind: Kind, tokenizers: dict[Kind, Tokenizer]) -> None:
    tokenizers[kind].encode("load")
    engine = tokenizers[kind]._engine
    if kind == "sentencepiece_unigram":
        assert type(engine) is SentencePieceEngine
    else:
        assert isinstance(engine, CheckedEngine)
        assert type(engine.engine) is {"bpe": ByteLevelEngine, "sentencepiece_bpe": GigatokenEngine}[kind]


def test_sentencepiece_bpe_gives_the_ids_of_the_library(
    folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer]
) -> None:
    model = SentencePieceProcessor(model_file=f"{folders['sentencepiece_bpe']}/tokenizer.model")

    @settings(max_examples=300, deadline=None)
    @given(st.one_of(TEXTS, st.text("ab -="), st.text("▁ x")))
    def check(text: str) -> None:
        assert tokenizers["sentencepiece_bpe"].encode(text) == model.encode(text)

    check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", ["a", " ", "\n", "7", "-", "中", "ab", "\0", "\u0301", "👩"])
def test_a_million_equal_characters_come_back(kind: Kind, tokenizers: dict[Kind, Tokenizer], unit: str) -> None:
    text = unit * (1_000_000 // len(unit.encode()))
    ids = tokenizers[kind].encode(text)
    assert tokenizers[kind].decode(ids) == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_code_point_comes_back(kind: Kind, tokenizers: dict[Kind, Tokenizer]) -> None:
    points = [code for code in range(0, CODE_POINTS, 7) if not 0xD800 <= code < 0xE000 and code != 0x2581]
    texts = ["".join(map(chr, points[start : start + 1000])) for start in range(0, len(points), 1000)]
    assert [tokenizers[kind].decode(ids) for ids in rows(tokenizers[kind], pa.array(texts))] == texts


def test_ten_megabytes_without_a_space_come_back(tokenizers: dict[Kind, Tokenizer]) -> None:
    text = "abcdefghij" * 1_000_000
    assert tokenizers["bpe"].decode(tokenizers["bpe"].encode(text)) == text


def test_bytes_that_are_no_utf8_have_tokens_in_byte_level_modes(tokenizers: dict[Kind, Tokenizer]) -> None:
    tokenizer = tokenizers["bpe"]
    single = {piece: token for token, piece in enumerate(tokenizer.token_bytes) if len(piece) == 1}
    assert len(single) == 256
    assert tokenizer.decode([single[bytes([byte])] for byte in "é".encode()]) == "é"
    assert tokenizer.decode([single[b"\xff"]]) == "\ufffd"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damaged", [b"ab\xff", b"\xed\xa0\x80", b"\xf0\x9f", b"\xc0\x80"])
def test_what_is_no_utf8_is_told_and_crashes_no_engine(
    kind: Kind, damaged: bytes, tokenizers: dict[Kind, Tokenizer]
) -> None:
    column = string_array(np.frombuffer(b"good" + damaged, np.uint8), np.array([0, 4, 4 + len(damaged)], np.int64))
    with pytest.raises(RunError, match="only text in UTF-8 can be encoded"):
        tokenizers[kind].encode_column(column)
    with pytest.raises(UnicodeEncodeError):
        tokenizers[kind].encode("a lone surrogate: \ud800")


@pytest.mark.parametrize("kind", KINDS)
def test_control_tokens_have_no_text(kind: Kind, tokenizers: dict[Kind, Tokenizer]) -> None:
    tokenizer = tokenizers[kind]
    ids = tokenizer.encode("one")
    assert tokenizer.decode([tokenizer.separator_id, *ids, tokenizer.padding_id, *ids]) == "oneone"
    assert tokenizer.decode(tokenizer.encode("é")[:1]) in ("\ufffd", "é")


@pytest.mark.parametrize("kind", KINDS)
def test_the_hash_is_that_of_the_file_that_defines_the_tokenizer(
    kind: Kind, folders: dict[Kind, str], tokenizers: dict[Kind, Tokenizer], tmp_path: Path
) -> None:
    shutil.copytree(folders[kind], tmp_path / "copy")
    assert open_tokenizer(str(tmp_path / "copy")).sha256 == tokenizers[kind].sha256
    assert len({tokenizer.sha256 for tokenizer in tokenizers.values()}) == 3


@pytest.mark.parametrize("damage", ["tokenizer_config.json", "tokenizer.json", "tokenizer.model"])
def test_a_damaged_folder_is_told(damage: str, folders: dict[Kind, str], tmp_path: Path) -> None:
    kind: Kind = "sentencepiece_unigram" if damage == "tokenizer.model" else "bpe"
    folder = shutil.copytree(folders[kind], tmp_path / "copy")
    (folder / damage).write_bytes((folder / damage).read_bytes()[:-9])
    with pytest.raises(CorruptFileError, match="cannot be opened as a tokenizer"):
        open_tokenizer(str(folder))


def test_a_folder_without_a_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"FileNotFoundError.*tokenizer_config\.json"):
        open_tokenizer(str(tmp_path))


def test_a_lone_surrogate_is_refused(tokenizers: dict[Kind, Tokenizer]) -> None:
    with pytest.raises(UnicodeEncodeError):
        tokenizers["bpe"].encode("\ud800")
