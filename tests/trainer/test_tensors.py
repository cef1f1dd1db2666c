"""The tensor file: read by the format's own library, the same bytes every time, damage always noticed."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from prep.corpus.errors import CorruptFileError, RunError
from prep.trainer.network.tensors import read_tensors, write_tensors

TENSORS = {
    "weights": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "step": torch.tensor(7.0),
    "history": torch.tensor([0.1, 0.2], dtype=torch.float64),
    "empty": torch.empty((0, 3), dtype=torch.float64),
    "generator": torch.arange(5, dtype=torch.uint8),
    "rows": torch.tensor([1 << 40]),
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    name = str(tmp_path / "some.safetensors")
    write_tensors(name, TENSORS, {"b": "2", "a": "1"})
    return name


def test_what_was_written_is_read(path: str) -> None:
    tensors, metadata = read_tensors(path)
    assert metadata == {"a": "1", "b": "2"}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        assert tensor.shape == TENSORS[name].shape
        assert torch.equal(tensor, TENSORS[name])


def test_the_formats_own_library_reads_it(path: str) -> None:
    tensors = safetensors.torch.load_file(path)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in tensors.items())


def test_the_order_of_the_tensors_does_not_show(path: str, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    write_tensors(str(other), dict(reversed(TENSORS.items())), {"a": "1", "b": "2"})
    assert other.read_bytes() == Path(path).read_bytes()


def test_a_view_is_written_as_it_is_seen(tmp_path: Path) -> None:
    name = str(tmp_path / "view.safetensors")
    turned = torch.arange(12.0).reshape(3, 4).T[1:]
    write_tensors(name, {"turned": turned}, {})
    assert torch.equal(read_tensors(name)[0]["turned"], turned)


@given(st.data())
def test_any_cut_or_flipped_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = tmp_path_factory.mktemp("damaged") / "some.safetensors"
    write_tensors(str(file), TENSORS, {"a": "1"})
    content = bytearray(file.read_bytes())
    tensors_start = 8 + int.from_bytes(content[:8], "little")
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(tensors_start, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(bytes(content))
    with pytest.raises(CorruptFileError, match=r"some\.safetensors.*delete it to begin again"):
        read_tensors(str(file))


def test_a_file_that_cannot_be_written_leaves_the_old_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path(path).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="No space left"):
        write_tensors(path, TENSORS, {})
    assert Path(path).read_bytes() == before
    assert [file.name for file in Path(path).parent.iterdir()] == ["some.safetensors"]
