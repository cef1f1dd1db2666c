"""How many floating point operations a step needs, and what share of the device's peak that is: MFU.

    operations = 6 · M · places + 12 · layers · width · pairs
    MFU        = operations / seconds / peak

M is the number of weights that places are multiplied with: all but the norms' and an embedding that is only looked up.
Each costs a multiplication and an addition forward and twice that backward. A pair is a place and one that it sees,
itself among them: a query times a key and a weight times a value, again forward and twice backward. This is the formula
of Chowdhery et al. 2022 (arXiv 2204.02311, appendix B), 6N + 12·L·H·Q·T per token, but for what the masks hide: there
every place sees the T of its row, here only what stands before it in its piece of a document. What is computed twice to
save memory counts once.
"""

import numpy as np
import numpy.typing as npt
import torch

from prep.trainer.network.model import ModelSettings

PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "GH200": 989e12,
    "H20": 148e12,
    "H800": 989e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A40": 150e12,
    "A30": 165e12,
    "A10G": 70e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}
"""Peak of dense products in bfloat16, operations per second, by what the device's name contains; the first that does.
Source: NVIDIA's data sheets."""


def peak(device: torch.device) -> float | None:
    """Return the most operations per second of a device; None where it is not known, as for processors."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((operations for part, operations in PEAKS.items() if part in name), None)


def multiplied_weights(model: ModelSettings) -> int:
    """Return the number of weights that every place is multiplied with."""
    attention = (2 * model.heads + 2 * model.groups) * model.head_width * model.width
    return model.layers * (attention + 3 * model.width * model.hidden) + model.vocabulary * model.width


def pairs_seen(pieces: npt.NDArray[np.int32], causal: bool) -> int:
    """Return the pairs of places in rows that see each other, from the number of each place's piece (rows, length)."""
    begins = np.flatnonzero(np.diff(pieces, axis=1, prepend=pieces[:, :1] - 1))
    lengths = np.diff(begins, append=pieces.size)
    return int((lengths * (lengths + 1) // 2 if causal else lengths**2).sum())


def operations(model: ModelSettings, places: int, pairs: int) -> int:
    """Return the operations to learn from so many places, forward and backward."""
    return 6 * multiplied_weights(model) * places + 12 * model.layers * model.width * pairs
