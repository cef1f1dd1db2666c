"""An existing tokenizer keeps its own fields and tokens; the token between documents is chosen by name, and said."""

import json
from pathlib import Path

import pytest
from samples import sample_of
from tokenizers import AddedToken
from tokenizers import Tokenizer as HuggingFaceTokenizer
from transformers import AutoTokenizer

from prep.corpus.errors import RunError
from prep.tokenizers.encoding.encode import open_files
from prep.tokenizers.saving.config import choose_separator, separator_warning
from prep.tokenizers.saving.existing import existing_files
from prep.tokenizers.saving.folder import MODEL, TOKENIZER_JSON, write_folder
from prep.tokenizers.saving.identity import check_identity
from prep.tokenizers.training.train import TokenizerSettings, train

TEXTS = ["the quick brown fox jumps over the lazy dog, then sleeps"] * 20 + ["fn main() { println!(); }"] * 20
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def token(content: str) -> dict[str, object]:
    flags = dict.fromkeys(("lstrip", "rstrip", "normalized", "single_word"), False)
    return {"__type": "AddedToken", "content": content, "special": True, **flags}


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """A byte-level tokenizer of a chat model: eos ends a turn, and its configuration adds a token to the file's."""
    files = train(sample_of(TEXTS), TokenizerSettings("bpe", 300)).files
    tokenizer = HuggingFaceTokenizer.from_str(files[TOKENIZER_JSON].decode())
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ("<|im_start|>", "<|im_end|>")])
    folder = tmp_path / "chat"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": token("<|im_end|>"),
        "pad_token": "<|padding|>",
        "model_max_length": 4096,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "added_tokens_decoder": {"302": token("<|tool|>")},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def test_an_existing_tokenizer_keeps_its_fields(chat: Path, tmp_path: Path) -> None:
    files = existing_files(str(chat))
    check_identity(files)
    write_folder(str(tmp_path / "out"), files, {})
    before, after = (AutoTokenizer.from_pretrained(str(folder)) for folder in (chat, tmp_path / "out"))
    for field in ("bos_token", "eos_token", "pad_token", "chat_template", "all_special_tokens", "model_max_length"):
        assert getattr(after, field) == getattr(before, field), field
    messages = [{"role": "user", "content": "hello"}]
    assert after.apply_chat_template(messages, tokenize=False) == before.apply_chat_template(messages, tokenize=False)
    assert (len(after), after.convert_tokens_to_ids("<|tool|>")) == (len(before), 302)
    opened = open_files(files)
    assert (opened.separator_id, opened.begin_id, opened.padding_id, opened.vocabulary) == (0, 300, 1, 303)


def test_a_separator_of_ones_choice_is_taken(chat: Path) -> None:
    assert open_files(existing_files(str(chat), separator="<|im_end|>")).separator_id == 301
    with pytest.raises(RunError, match=r"separator: expected one of .*seen '<\|nothing\|>'"):
        existing_files(str(chat), separator="<|nothing|>")


def test_a_sentencepiece_model_keeps_its_fields(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    files = train(sample_of(TEXTS), TokenizerSettings("sentencepiece_bpe", 330)).files
    (folder / "tokenizer.model").write_bytes(files[MODEL])
    config = {"eos_token": "<|end|>", "chat_template": TEMPLATE, "added_tokens_decoder": {"330": token("<|end|>")}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    found = existing_files(str(folder))
    check_identity(found)
    write_folder(str(tmp_path / "out"), found, {})
    loaded = AutoTokenizer.from_pretrained(str(tmp_path / "out"))
    assert (loaded.eos_token, loaded.eos_token_id, loaded.chat_template) == ("<|end|>", 330, TEMPLATE)
    opened = open_files(found)
    assert (opened.token_bytes[opened.separator_id], opened.separator_id, opened.vocabulary) == (b"", 2, 331)
    gap = {**config, "added_tokens_decoder": {"335": token("<|end|>")}}
    (folder / "tokenizer_config.json").write_text(json.dumps(gap))
    with pytest.raises(RunError, match=r"adds '<\|end\|>' with the id 335; expected 330"):
        existing_files(str(folder))


@pytest.mark.parametrize(
    ("control", "eos", "chosen", "said"),
    [
        (("<s>", "</s>"), "</s>", "</s>", None),
        (
            ("<|endoftext|>", "<|im_end|>"),
            "<|im_end|>",
            "<|endoftext|>",
            "not by the tokenizer's eos_token '<|im_end|>'",
        ),
        (("<|end_of_text|>", "<|eot_id|>"), "<|eot_id|>", "<|end_of_text|>", "not by the tokenizer's eos_token"),
        (("<bos>", "<end_of_turn>"), "<end_of_turn>", "<end_of_turn>", "none of the usual"),
        (("<|endoftext|>", "<|im_end|>"), "", "<|endoftext|>", None),
    ],
)
def test_the_separator_is_chosen_by_name(control: tuple[str, ...], eos: str, chosen: str, said: str | None) -> None:
    assert choose_separator("file", control, eos, "") == chosen
    warning = separator_warning(chosen, eos)
    assert warning is None if said is None else said in str(warning)


def test_a_broken_configuration_is_an_error(chat: Path) -> None:
    (chat / "tokenizer_config.json").write_text("{")
    with pytest.raises(RunError, match=r"tokenizer_config\.json: expected JSON"):
        existing_files(str(chat))
