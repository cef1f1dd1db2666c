"""Packing conversations: rows that say what is learnt, and each conversation in them or lost under a rule."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from prep.corpus.arrow.documents import CONVERSATION
from prep.corpus.errors import RunError
from prep.corpus.shards.loader import Loader, LoaderSettings
from prep.corpus.shards.removal import RemovedDocuments, remove_documents
from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import ShardReader
from prep.corpus.shards.verification import verify_shards
from prep.stages.pack.chat import Chat
from prep.stages.pack.mixture import Mixture, MixturePhase
from prep.stages.pack.pack import Pack
from prep.stages.results import Results, Thresholds
from prep.stages.stage import CheckContext
from prep.stages.tokenizer.tokenizer import TrainTokenizer
from prep.tokenizers.chat.encode import ChatEncoder, EncodedConversation
from prep.trainer.batches.data import Objective, batch_of

from ...chats import CHATS, Message, pack_chats, said, write_chat_tokenizer
from ...file_hashes import file_hashes

LENGTH = 96


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_chat_tokenizer(folder)
    return str(folder)


def rows_of(folder: Path, split: str = "train") -> dict[int, tuple[list[int], list[int]]]:
    """Return the ids and the mask of each document."""
    reader = ShardReader(str(folder / "shards" / split))
    mask = reader.loss_mask(np.arange(len(reader)))
    assert mask is not None
    found = {}
    for row in range(len(reader)):
        place = 0
        for document, length in zip(reader.documents(row).tolist(), reader.lengths(row).tolist(), strict=True):
            there = slice(place, place + length)
            found[document] = (reader.ids(row)[there].tolist(), mask[row, there].tolist())
            place += length
        assert not mask[row, place:].any()
    return found


def encoded(tokenizer: str, chat: Sequence[Message]) -> EncodedConversation:
    found = ChatEncoder(tokenizer).encode(json.dumps({"messages": chat}))
    assert isinstance(found, EncodedConversation)
    return found


@pytest.fixture(scope="module")
def packed(tokenizer: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    assert pack_chats(folder, tokenizer, CHATS * 4, Pack(length=LENGTH, validation=0.3, chat=Chat())) == {}
    return folder


def test_every_conversation_is_in_the_rows_with_its_mask(packed: Path, tokenizer: str) -> None:
    found = rows_of(packed) | rows_of(packed, "validation")
    assert sorted(found) == list(range(20))
    for number, (ids, mask) in found.items():
        expected = encoded(tokenizer, CHATS[number % len(CHATS)])
        assert (ids, mask) == (expected.ids.tolist(), expected.learnt.tolist())
    manifest = ShardReader(str(packed / "shards" / "train")).manifest
    assert (manifest.separator, manifest.loss_mask) == ("none", True)
    assert list(verify_shards(str(packed / "shards" / "train"))) == []


def test_the_bytes_depend_neither_on_the_parts_nor_on_a_second_run(
    packed: Path, tokenizer: str, tmp_path: Path
) -> None:
    pack_chats(tmp_path, tokenizer, CHATS * 4, Pack(length=LENGTH, validation=0.3, chat=Chat()), parts=3)
    assert file_hashes(tmp_path / "shards" / "train") == file_hashes(packed / "shards" / "train")


def test_the_loader_and_the_trainer_predict_answers_alone(packed: Path) -> None:
    reader = ShardReader(str(packed / "shards" / "train"))
    (batch,) = Loader(reader, LoaderSettings(len(reader), seed=None, epochs=1, labels=True))
    assert batch.labels is not None
    mask = reader.loss_mask(np.arange(len(reader)))
    assert mask is not None
    assert ((batch.labels != IGNORED) == (mask == 1)).all()
    assert (batch.labels[mask == 1] == batch.input_ids[mask == 1]).all()
    assert (batch_of(reader, np.arange(len(reader)), Objective()).targets == batch.labels).all()


def test_datasets_opens_the_mask(packed: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_from_disk(str(packed / "shards" / "train"))
    reader = ShardReader(str(packed / "shards" / "train"))
    mask = reader.loss_mask([0])
    assert mask is not None
    assert rows[0]["loss_mask"] == mask[0].tolist()


def test_documents_are_taken_out_with_their_mask(packed: Path, tmp_path: Path) -> None:
    before = rows_of(packed)
    gone = sorted(before)[::2]
    source = packed / "shards" / "train"
    manifest = ShardReader(str(source)).manifest
    assert set(manifest.tokens_by) == {"source"}
    sources = ["ours" if number % 2 else "theirs" for number in gone]
    removed = RemovedDocuments(np.array(gone), np.ones(len(gone), np.int64), {"source": sources})
    remove_documents(str(source), str(tmp_path / "shards" / "train"), removed)
    assert rows_of(tmp_path) == {number: rows for number, rows in before.items() if number not in gone}
    assert list(verify_shards(str(tmp_path / "shards" / "train"))) == []


LONG = said("Count.", "1 2 3 4 5 6 7 8 9 " * 20)
LATE = said("Read this: " + "word " * 200, "Done.")


def test_long_conversations_lose_their_end_and_are_counted(tokenizer: str, tmp_path: Path) -> None:
    stage = Pack(length=LENGTH, validation=0, chat=Chat())
    assert pack_chats(tmp_path, tokenizer, [*CHATS, LONG, LATE], stage) == {"chat-6": "no_answer"}
    found = rows_of(tmp_path)
    whole = encoded(tokenizer, LONG)
    assert found[5] == (whole.ids[:LENGTH].tolist(), whole.learnt[:LENGTH].tolist())
    results = Results(None, (), (), str(tmp_path / "shards"), (), (), Thresholds())  # type: ignore[arg-type]
    assert any("1 conversations are longer than 96 tokens" in warning.message for warning in stage.warnings(results))


def test_long_conversations_are_dropped_where_that_is_asked_for(tokenizer: str, tmp_path: Path) -> None:
    stage = Pack(length=LENGTH, validation=0, chat=Chat(), long_documents="drop")
    lost = pack_chats(tmp_path, tokenizer, [*CHATS, LONG, LATE], stage)
    assert lost == {"chat-5": "long_document", "chat-6": "long_document"}
    assert sorted(rows_of(tmp_path)) == list(range(5))


def test_what_cannot_be_learnt_from_is_lost_under_its_rule(tokenizer: str, tmp_path: Path) -> None:
    chats = [*CHATS, [], said("Say <|im_end|>.", "No."), said("Hello?"), said("a", "b")]
    stage = Pack(length=LENGTH, validation=0.5, chat=Chat())
    lost = pack_chats(tmp_path, tokenizer, chats, stage, texts={8: "a\n\nB"})
    rules = ["no_conversation", "control_token", "no_answer", "text_changed"]
    assert lost == {f"chat-{number}": rule for number, rule in zip(range(5, 9), rules, strict=True)}
    assert sorted(rows_of(tmp_path) | rows_of(tmp_path, "validation")) == list(range(5))


def test_a_mixture_takes_conversations_and_its_rules_stand_beside_those_of_chats(
    tokenizer: str, tmp_path: Path
) -> None:
    mixture = Mixture(phases=(MixturePhase(shares={"ours": 1}),), max_epochs=2)
    stage = Pack(length=LENGTH, validation=0, chat=Chat(), mixture=mixture)
    lost = pack_chats(tmp_path, tokenizer, [*CHATS, said("Hello?")], stage)
    assert lost == {
        "chat-0": "not_in_mixture", "chat-2": "not_in_mixture", "chat-4": "not_in_mixture", "chat-5": "no_answer"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"strategy": "concatenate"}, "best_fit or one_per_row"),
        ({"long_documents": "split"}, "crop or drop"),
        ({"separator": "before"}, "delimits conversations"),
        ({"chat": {"template": "nowhere.jinja"}}, "nowhere.jinja"),
    ],
)
def test_options_that_conversations_cannot_have(settings: dict[str, object], expected: str) -> None:
    stage = Pack.model_validate({"chat": {}, **settings})
    schema = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.large_string()), CONVERSATION])
    (problem,) = stage.problems(CheckContext(schema, 1, frozenset()))
    assert expected in str(problem)


def test_conversations_must_be_read_as_such() -> None:
    schema = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.large_string())])
    (problem,) = Pack(chat=Chat()).problems(CheckContext(schema, 1, frozenset()))
    assert "conversations: true" in str(problem)
    (remark,) = Pack().remarks(CheckContext(schema.append(CONVERSATION), 1 << 20, frozenset()))
    assert "pack.chat" in remark


def test_a_tokenizer_without_a_template_is_an_error(tmp_path: Path) -> None:
    write_chat_tokenizer(tmp_path / "tokenizer", "")
    with pytest.raises(RunError, match="no chat template"):
        pack_chats(tmp_path / "run", str(tmp_path / "tokenizer"), CHATS, Pack(chat=Chat()))


def test_a_tokenizer_without_a_template_is_found_before_the_run(tokenizer: str, tmp_path: Path) -> None:
    def problems(chat: Chat, **options: str) -> list[str]:
        upstream = (TrainTokenizer.model_validate(options),)
        context = CheckContext(pa.schema([CONVERSATION, pa.field("id", pa.string())]), 0, frozenset(), upstream)
        return [str(problem) for problem in Pack(chat=chat).problems(context)]

    bare, broken = tmp_path / "bare", tmp_path / "broken.jinja"
    bare.mkdir()
    (bare / "tokenizer.json").write_bytes(Path(tokenizer, "tokenizer.json").read_bytes())
    broken.write_text("{% for message in messages %}")
    whole = tmp_path / "whole.jinja"
    whole.write_text("{{ messages }}")
    for options in ({}, {"existing": str(bare)}, {"existing": str(bare / "tokenizer.json")}):
        (problem,) = problems(Chat(), **options)
        assert "the tokenizer has no chat template" in problem
        assert "tokenizer.chat_template or pack.chat.template" in problem
        assert problems(Chat(template=str(whole)), **options) == []
    assert problems(Chat(), existing=tokenizer) == []
    assert problems(Chat(), chat_template=str(whole)) == []
    (problem,) = problems(Chat(template=str(broken)), existing=tokenizer)
    assert "the chat template cannot be read: " in problem
    (problem,) = problems(Chat(template=str(tmp_path / "none.jinja")), existing=tokenizer)
    assert "none.jinja" in problem
