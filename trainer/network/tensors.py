"""Tensors in one file, in the safetensors format: no pickle, so reading runs no code; the same content, the same bytes.

The file is the header's length (uint64, little-endian), the header (JSON: for each tensor its dtype, shape and place,
and a map of strings under `__metadata__`), then the tensors' bytes, row-major, little-endian, without gaps. The
metadata holds the SHA-256 of those bytes, which other programs leave out. Source: the safetensors README, "Format".
"""

import hashlib
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import orjson
import torch
from torch import Tensor

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.storage import atomic_output, open_input

DTYPES = {"F64": np.float64, "I64": np.int64, "F32": np.float32, "U8": np.uint8}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
ALIGNMENT = 8
CHECKSUM = "sha256"
HINT = "delete it to begin again"


def write_tensors(path: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors (float64, int64, float32 or uint8, on any device) and strings atomically.

    Raises RunError where the file cannot be written; one that stood there before stays as it was.
    """
    arrays = {name: _array(tensor) for name, tensor in tensors.items()}
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    entries: dict[str, object] = {}
    digest = hashlib.sha256()
    end = 0
    for name in names:
        array = arrays[name]
        start, end = end, end + array.nbytes
        shape = list(tensors[name].shape)
        entries[name] = {"dtype": NAMES[array.dtype], "shape": shape, "data_offsets": [start, end]}
        digest.update(array.data)
    strings = {**dict(sorted(metadata.items())), CHECKSUM: digest.hexdigest()}
    header = orjson.dumps({"__metadata__": strings, **entries})
    header += b" " * (-len(header) % ALIGNMENT)
    try:
        with atomic_output(path) as sink:
            sink.write(len(header).to_bytes(8, "little") + header)
            for name in names:
                sink.write(arrays[name].data)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error}); what stood there before is intact") from error


def read_tensors(path: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a file's tensors, on the CPU, and its metadata. Raises CorruptFileError where it is damaged."""
    with open_input(path) as source:
        content = source.read()
    try:
        length = int.from_bytes(content[:8], "little")
        header: dict[str, dict[str, object]] = orjson.loads(content[8 : 8 + length])
        metadata = {key: str(value) for key, value in header.pop("__metadata__").items()}
        entries = {name: _entry(value) for name, value in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(f"{path}: the header cannot be read ({error}); {HINT}") from error
    data = content[8 + length :]
    expected = max((start + size for _, _, start, size in entries.values()), default=0)
    if len(data) != expected:
        raise CorruptFileError(f"{path}: expected {expected} bytes of tensors, seen {len(data)}; {HINT}")
    checksum = metadata.pop(CHECKSUM, None)  # other programs write none
    if checksum is not None and hashlib.sha256(data).hexdigest() != checksum:
        raise CorruptFileError(f"{path}: the tensors do not match the checksum in the header; {HINT}")
    tensors: dict[str, Tensor] = {}
    for name, (dtype, shape, start, _) in entries.items():
        array = np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape)
        tensors[name] = torch.from_numpy(array.copy())
    return tensors, metadata


def read_metadata(path: str) -> dict[str, str]:
    """Return a file's metadata without reading its tensors. Raises CorruptFileError where the header is damaged."""
    with open_input(path) as source:
        length = int.from_bytes(source.read(8), "little")
        header = source.read(min(length, 1 << 30))
    try:
        return {key: str(value) for key, value in orjson.loads(header)["__metadata__"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(f"{path}: the header cannot be read ({error}); {HINT}") from error


def _array(tensor: Tensor) -> npt.NDArray[np.generic]:
    """Return a tensor's elements in row-major order (elements,)."""
    elements: npt.NDArray[np.generic] = tensor.detach().cpu().contiguous().reshape(-1).numpy()
    return elements


def _entry(value: Mapping[str, object]) -> tuple[np.dtype[np.generic], tuple[int, ...], int, int]:
    """Return a tensor's dtype, shape, first byte and number of bytes."""
    dtype = np.dtype(DTYPES[str(value["dtype"])])
    shape = tuple(int(side) for side in value["shape"])  # type: ignore[attr-defined]
    start, end = (int(place) for place in value["data_offsets"])  # type: ignore[attr-defined]
    if end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{end - start} bytes do not hold a tensor of shape {shape}")
    return dtype, shape, start, end - start
