"""Reading pickles without trusting them: builtins and NumPy arrays only, nothing is imported.

Whatever else a pickle names becomes an inert placeholder; one that asks to call or build it is
refused. Arrays are rebuilt by the functions below, from the bytes in the file.
"""

import io
import math
import os
import pickle
from typing import Any

import numpy as np

from collab_ensembles.errors import DataError

_LARGEST_FILE = 64 * 2**20


class Placeholder:
    """Stands for a function or class that a pickle names; does nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> None:
        """Refused."""
        raise pickle.UnpicklingError(f"asks to call {self.name}")

    def __setstate__(self, state: object) -> None:
        """Refused."""
        raise pickle.UnpicklingError(f"asks to build {self.name}")

    def __repr__(self) -> str:
        return f"<{self.name}, not loaded>"


def read_pickle(path: str) -> Any:
    """The content of a pickle.

    Raises:
      DataError: the file is missing, too large, truncated, or asks for more than builtins and arrays.
    """
    try:
        if os.path.getsize(path) > _LARGEST_FILE:
            raise DataError(f"{path}: {os.path.getsize(path):,} bytes; statistics have at most {_LARGEST_FILE:,}")
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return _finished(_Unpickler(io.BytesIO(content)).load())
    except Exception as error:
        # A damaged stream can raise nearly anything; none of it may pass for a result.
        raise DataError(f"{path}: not a readable pickle of statistics ({error or type(error).__name__})") from error


class _ArrayState:
    """An array whose shape, type and bytes are still to come."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        _, shape, dtype, column_major, content = self.state
        if not isinstance(dtype, _TypeState) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("holds an array of objects")
        item = dtype.dtype()
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise pickle.UnpicklingError(f"holds an array of shape {shape}")
        if math.prod(shape) * item.itemsize != len(content):
            raise pickle.UnpicklingError(f"holds {len(content)} bytes for an array of {item} {shape}")
        return np.frombuffer(content, item).reshape(shape, order="F" if column_major else "C").copy()


class _TypeState:
    """An array's element type; its byte order is still to come."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or code[:1] not in tuple("biuf") or not code[1:].isdigit():
            raise pickle.UnpicklingError(f"holds an array of type {code!r}")
        self._code, self._order = code, "="

    def __setstate__(self, state: Any) -> None:
        self._order = state[1]

    def dtype(self) -> np.dtype:
        order = self._order if self._order in ("<", ">", "=", "|") else "="
        return np.dtype(f"{order}{self._code}")


class _NumberState:
    """A NumPy number."""

    def __init__(self, dtype: _TypeState, content: bytes) -> None:
        self._dtype, self._content = dtype, content

    def number(self) -> Any:
        return np.frombuffer(self._content, self._dtype.dtype(), count=1)[0]


def _new_array(*_: object) -> _ArrayState:
    return _ArrayState()


def _encoded(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"holds bytes in the encoding {encoding!r}")
    return text.encode("latin1")


_KNOWN = {
    # NumPy 2 moved these; files of NumPy 1 name the old place.
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy.core.multiarray", "scalar"): _NumberState,
    ("numpy._core.multiarray", "scalar"): _NumberState,
    ("numpy", "dtype"): _TypeState,
    # How protocols up to 2 spell bytes.
    ("_codecs", "encode"): _encoded,
}


# The implementation in Python: the one in C reserves memory for whatever index a file claims.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get((module, name)) or Placeholder(f"{module}.{name}")

    def persistent_load(self, identifier: object) -> Any:
        raise pickle.UnpicklingError("refers to objects outside the file")


def _finished(value: Any) -> Any:
    """The value with arrays and numbers in the place of their states."""
    if isinstance(value, _ArrayState):
        return value.array()
    if isinstance(value, _NumberState):
        return value.number()
    if isinstance(value, dict):
        return {_finished(key): _finished(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_finished(item) for item in value)
    return value
