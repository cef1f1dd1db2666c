"""Arrays that kernels make from addresses, for data that lies in many mapped files.

A kernel cannot take a list of arrays without a Python object for each of them. It takes their addresses as numbers
instead, and makes an array of the one that it needs. Nothing checks an address: its owner keeps the memory mapped, and
callers of kernels check indices first.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import carray  # type: ignore[attr-defined]
from numba.core import cgutils, types
from numba.extending import intrinsic

from prep.corpus.arrow.columns import Number
from prep.corpus.kernels import inner

Addresses = npt.NDArray[np.uint64]


def address(array: npt.NDArray[Any]) -> int:
    """Return where an array's first element lies. Raises ValueError where the elements do not follow one another."""
    if not array.flags.c_contiguous:
        raise ValueError("expected a contiguous array")
    return array.ctypes.data


@intrinsic
def _pointer(_: Any, number: Any) -> Any:  # noqa: ANN401 - numba's own types, which it does not publish
    """Turn a number into a pointer."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(number), generate


@inner
def array_at(start: np.uint64, size: int, like: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return the array of `size` elements at an address, of the dtype that `like` has. For kernels."""
    found: npt.NDArray[Number] = carray(_pointer(start), (size,), like.dtype)  # type: ignore[call-arg]
    return found
