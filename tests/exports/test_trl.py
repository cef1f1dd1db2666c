"""Conversations for TRL: the rows and labels that TRL's own trainer makes of the same conversations."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import datasets
import pytest

from prep.corpus.errors import ConfigurationError
from prep.corpus.shards.shards import ShardReader
from prep.exports.format import ExportSettings
from prep.exports.formats.catalogue import FORMATS
from prep.exports.job import Export
from prep.stages.pack.chat import Chat
from prep.stages.pack.pack import Pack

from ..chats import CHATS, MARKED, PLAIN, pack_chats, write_chat_tokenizer
from .conftest import run

Rows = list[tuple[list[int], list[int]]]


def exported(folder: Path, template: str) -> Rows:
    """Return the ids and labels of conversations, one in a row, without the rest of a chat whose answer it is."""
    write_chat_tokenizer(folder / "tokenizer", template)
    stage = Pack(length=128, validation=0, chat=Chat(), strategy="one_per_row")
    assert pack_chats(folder, str(folder / "tokenizer"), CHATS, stage) == {}
    run(Export(str(folder / "shards" / "train"), "trl", str(folder / "out")))
    rows = datasets.load_from_disk(str(folder / "out"))["train"]
    assert all(sum(row["seq_lengths"]) == len(row["input_ids"]) == len(row["labels"]) for row in rows)
    return sorted((row["input_ids"], row["labels"]) for row in rows)


def made_by_trl(folder: Path, rows: list[dict[str, object]], **settings: Any) -> Any:  # noqa: ANN401 - has no types
    """Return TRL's trainer, which has made its labels."""
    transformers = pytest.importorskip("transformers")
    try:
        trl: Any = import_module("trl")
        config, trainer = trl.SFTConfig, trl.SFTTrainer
    except Exception as error:
        pytest.skip(f"TRL cannot be imported: {error}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder / "tokenizer"))
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=len(tokenizer), **shape))
    options: dict[str, Any] = {
        "use_cpu": True,
        "bf16": False,
        "report_to": [],
        "max_length": None,
        "disable_tqdm": True,
    }
    arguments = config(output_dir=str(folder / "trl"), **options, **settings)
    data = datasets.Dataset.from_list(rows)
    return trainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer)


def test_the_labels_of_chats_are_those_of_trl(tmp_path: Path) -> None:
    trainer = made_by_trl_of_chats(tmp_path)
    expected = sorted((row["input_ids"], row["labels"]) for row in trainer.train_dataset)
    seen = exported(tmp_path, MARKED)
    assert seen == expected
    batch = trainer.data_collator([{"input_ids": ids, "labels": labels} for ids, labels in seen[:1]])
    assert batch["labels"][0].tolist() == seen[0][1]


def made_by_trl_of_chats(folder: Path) -> Any:  # noqa: ANN401 - has no types
    write_chat_tokenizer(folder / "tokenizer", MARKED)
    return made_by_trl(folder, [{"messages": chat} for chat in CHATS], assistant_only_loss=True)


def test_the_labels_of_prompts_and_completions_are_those_of_trl(tmp_path: Path) -> None:
    """Without marks, of a conversation whose last answer alone is to be learnt."""
    write_chat_tokenizer(tmp_path / "tokenizer", PLAIN)
    rows: list[dict[str, object]] = [{"prompt": chat[:-1], "completion": chat[-1:]} for chat in CHATS]
    expected = sorted((row["input_ids"], row["labels"]) for row in made_by_trl(tmp_path, rows).train_dataset)
    chats = [
        [
            {**message, **({"weight": 0} if message["role"] == "assistant" and message is not chat[-1] else {})}
            for message in chat
        ]
        for chat in CHATS
    ]
    stage = Pack(length=128, validation=0, chat=Chat(), strategy="one_per_row")
    pack_chats(tmp_path, str(tmp_path / "tokenizer"), chats, stage)  # type: ignore[arg-type]
    run(Export(str(tmp_path / "shards" / "train"), "trl", str(tmp_path / "out")))
    seen = datasets.load_from_disk(str(tmp_path / "out"))["train"]
    assert sorted((row["input_ids"], row["labels"]) for row in seen) == expected


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"trl"}))
def test_a_format_without_a_mask_refuses_conversations(tmp_path: Path, name: str) -> None:
    write_chat_tokenizer(tmp_path / "tokenizer")
    stage = Pack(length=128, validation=0, chat=Chat())
    pack_chats(tmp_path, str(tmp_path / "tokenizer"), CHATS, stage)
    settings = ExportSettings(tokenizer=str(tmp_path / "tokenizer"))
    with pytest.raises(ConfigurationError, match="would learn the questions too; export to trl"):
        Export(str(tmp_path / "shards" / "train"), name, str(tmp_path / "out"), settings).check()
    assert ShardReader(str(tmp_path / "shards" / "train")).manifest.loss_mask
    assert not (tmp_path / "out").exists()


def test_a_note_says_what_labels_are(tmp_path: Path) -> None:
    exported(tmp_path, MARKED)
    assert "labels are -100" in (tmp_path / "out" / "NOTE.txt").read_text(encoding="utf-8")
    assert "labels" in json.loads((tmp_path / "out" / "train" / "dataset_info.json").read_text())["features"]
