"""Everyone who opens a tokenizer's folder gets the same ids and the same text; a difference stops the writing."""

import json
from pathlib import Path
from typing import Literal

import pytest
from samples import sample_of
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from transformers import AutoTokenizer

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.encode import open_files
from prep.tokenizers.saving.existing import existing_files
from prep.tokenizers.saving.folder import MODEL, TOKENIZER_JSON, Files, write_folder
from prep.tokenizers.saving.identity import check_identity, hostile_texts, open_with_transformers
from prep.tokenizers.saving.sentencepiece_model import SCORE_STEP, parse_model, user_symbols
from prep.tokenizers.training.train import Kind, TokenizerSettings, train

SentencePieceKind = Literal["sentencepiece_bpe", "sentencepiece_unigram"]
KINDS: tuple[Kind, ...] = ("bpe", "sentencepiece_bpe", "sentencepiece_unigram")
SYMBOLS = ("    ", "Los Angeles", "<br>", "\t\t", "a b c", "==", "  ")
TEXTS = [
    *("Los Angeles lies west of Las Vegas.", "if x:\n        return  <br>\t\ty\n\n", "a b c d == e", "x" * 50),
    *("    four", "seven       spaces", "Los  Angeles", "1,234.56 <s> </s> <0x41>", "naïve Ærø Straße"),
]
UNSPACED = ["这是一段没有空格的文字。", "ข้อความภาษาไทยที่ไม่มีช่องว่าง", "ACGTTGCAACGT"] * 60 + ["a rare space"]


def trained(kind: Kind, texts: list[str], vocabulary: int = 700, **options: object) -> Files:
    return train(sample_of(texts), TokenizerSettings(kind, vocabulary, **options)).files  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def source_texts() -> list[str]:
    root = Path(__file__).parents[2]
    return [path.read_text(encoding="utf-8")[:4000] for path in sorted((root / "corpus").rglob("*.py"))] + TEXTS


@pytest.mark.parametrize("kind", KINDS)
def test_all_libraries_give_the_same_ids_and_texts(kind: Kind, source_texts: list[str]) -> None:
    files = trained(kind, source_texts)
    found = check_identity(files, texts=TEXTS)
    expected = {"tokenizers", "transformers", "tiktoken" if kind == "bpe" else "sentencepiece"}
    assert set(found["libraries"]) == expected  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece_bpe", "spaces changed"])
def test_the_tokenizer_that_is_checked_is_the_one_that_auto_tokenizer_opens(
    kind: str, source_texts: list[str], tmp_path: Path
) -> None:
    if kind == "spaces changed":  # such a model has no tokenizer.json: sentencepiece reads it for transformers too
        SentencePieceTrainer.train(
            sentence_iterator=iter(source_texts), model_prefix=str(tmp_path / "own"), vocab_size=400, minloglevel=2
        )
        files = existing_files(str(tmp_path))
        assert TOKENIZER_JSON not in files
    else:
        files = trained("bpe" if kind == "bpe" else "sentencepiece_bpe", source_texts, control=("<|own|>",))
    folder = str(tmp_path / "folder")
    write_folder(folder, files, {})
    checked, opened = open_with_transformers(folder), AutoTokenizer.from_pretrained(folder)
    assert type(checked) is type(opened)
    assert checked.init_kwargs == opened.init_kwargs
    assert (checked.get_vocab(), checked.added_tokens_decoder) == (opened.get_vocab(), opened.added_tokens_decoder)
    if TOKENIZER_JSON in files:
        assert checked.backend_tokenizer.to_str() == opened.backend_tokenizer.to_str()
    texts = [*hostile_texts(SYMBOLS), *TEXTS]
    assert checked(texts)["input_ids"] == opened(texts)["input_ids"]


@pytest.mark.parametrize("kind", ["sentencepiece_bpe", "sentencepiece_unigram"])
def test_user_symbols_with_spaces_are_the_same_for_all(
    kind: SentencePieceKind, source_texts: list[str], tmp_path: Path
) -> None:
    files = trained(kind, source_texts, 800, user_symbols=SYMBOLS)
    check_identity(files, SYMBOLS, TEXTS)
    write_folder(str(tmp_path), files, {})
    tokenizer, loaded = open_files(files), AutoTokenizer.from_pretrained(str(tmp_path))
    model = SentencePieceProcessor(model_proto=files[MODEL])
    for symbol in SYMBOLS:
        number = model.piece_to_id(symbol.replace(" ", "\u2581"))
        assert model.id_to_piece(number) == symbol.replace(" ", "\u2581")
        assert number in tokenizer.encode(f"({symbol})")
        assert tokenizer.encode(f"({symbol})") == model.encode(f"({symbol})") == loaded(f"({symbol})")["input_ids"]


@pytest.mark.parametrize("kind", ["sentencepiece_bpe", "sentencepiece_unigram"])
def test_a_rare_space_comes_back_as_a_space(kind: SentencePieceKind, tmp_path: Path) -> None:
    vocabulary = 320 if kind == "sentencepiece_bpe" else 318
    files = trained(kind, UNSPACED, vocabulary, character_coverage=0.98)
    check_identity(files, texts=UNSPACED)
    write_folder(str(tmp_path), files, {})
    text = " 文 字 \n a  b "
    ids = open_files(files).encode(text)
    loaded = AutoTokenizer.from_pretrained(str(tmp_path))
    assert open_files(files).decode(ids) == text
    assert SentencePieceProcessor(model_proto=files[MODEL]).decode(ids) == text
    assert loaded.decode(ids) == text


def test_unigram_scores_add_up_without_rounding(source_texts: list[str]) -> None:
    files = trained("sentencepiece_unigram", source_texts, 800, user_symbols=SYMBOLS)
    assert all((piece.score / SCORE_STEP).is_integer() for piece in parse_model(files[MODEL]).pieces)
    assert user_symbols(files[MODEL]) == ()
    long = "".join(source_texts) * 8
    assert len(long) > 500_000
    check_identity(files, texts=[long, "5" * 999, "ab" * 5000, " " * 777])


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_is_an_error_that_shows_the_text(kind: Kind, source_texts: list[str]) -> None:
    files = trained(kind, source_texts)
    content = json.loads(files[TOKENIZER_JSON])
    if kind == "bpe":
        content["model"]["merges"] = content["model"]["merges"][::-1]
    else:
        content["normalizer"] = {"type": "Strip", "strip_left": True, "strip_right": True}
    changed = {**files, TOKENIZER_JSON: json.dumps(content).encode()}
    with pytest.raises(RunError, match=r"(gives other ids than|does not come back).*character \d+"):
        check_identity(changed)


def test_texts_hold_every_symbol_and_all_scripts() -> None:
    texts = list(hostile_texts(SYMBOLS))
    whole = "\n".join(texts)
    assert all(symbol in texts for symbol in SYMBOLS)
    scripts = "\u0416\u05d0\u0915\u0e01\u10a0\u1200\u3042\ud780\U00010400"
    assert set(scripts) <= set(whole)
    assert {"\r\n", "\x85", "\u2028", "\u3000", "\ufeff", "\x00"} <= {
        mark for mark in ("\r\n", "\x85", "\u2028", "\u3000", "\ufeff", "\x00") if mark in whole
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_cases_of_white_space_are_the_same_for_all(kind: Kind, test_data: Path) -> None:
    folder = test_data / "cases" / "tokenizing"
    lines = (folder / "ws.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    symbols = () if kind == "bpe" else ("    ", "return\t")
    files = trained(kind, texts, 600, user_symbols=symbols)
    special = json.loads((folder / "ws_special.json").read_text(encoding="utf-8"))
    check_identity(files, symbols, [*texts, *special])
