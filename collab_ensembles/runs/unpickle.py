"""Reads untrusted pickles: builtins and NumPy arrays only, without imports.

`find_class` knows a list of names, as the documentation of `pickle` advises. A name that is not on the list becomes an
inert placeholder; a file that asks to call or build it is refused. The list alone is not enough. Against the tests with
hostile files it was tried with `pickle.Unpickler`, which is written in C, and they fail:

- NumPy's own functions build arrays of objects and of any other type. Functions of this module replace them and make
  arrays from the bytes in the file.
- BUILD sets attributes of functions on the list, and so changes how later files are read. Here it is checked.
- A tuple that holds another one twice, and so on, is hashed as often as there are ways into it. Only simple values can
  be keys of dicts or members of sets.
- BYTEARRAY8, BINBYTES, BINBYTES8, FRAME and LONG_BINPUT reserve as much memory as a file claims to need. Here the
  implementation in Python reads the file: it reads only the bytes that exist, and BYTEARRAY8 is corrected.
"""

import io
import math
import os
import pickle
import struct
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from collab_ensembles.errors import DataError

_LARGEST_FILE = 64 * 2**20


class Placeholder:
    """Replaces a function or class that a pickle names; does nothing."""

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
        return _Rebuilder()(_Unpickler(io.BytesIO(content)).load())
    except Exception as error:
        # Damaged bytes can raise nearly any error; each becomes a DataError.
        raise DataError(f"{path}: not a readable pickle of statistics ({error or type(error).__name__})") from error


class _ArrayState:
    """An array before its shape, type and bytes are known."""

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
    """An array's element type before its byte order is known."""

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


class _BufferState(_ArrayState):
    """An array of protocol 5, with all its parts at once."""

    def __init__(self, content: bytes, dtype: _TypeState, shape: tuple[int, ...], order: str) -> None:
        # bytes() of a number would reserve that much memory.
        if not isinstance(content, bytes | bytearray):
            raise pickle.UnpicklingError(f"holds {type(content).__name__} where the bytes of an array should be")
        self.state = (1, shape, dtype, order == "F", bytes(content))


def _new_array(*_: object) -> _ArrayState:
    return _ArrayState()


def _no_bytes() -> bytes:
    return b""


def _encoded(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"holds bytes in the encoding {encoding!r}")
    return text.encode("latin1")


_KNOWN = {
    ("numpy", "dtype"): _TypeState,
    # Protocols up to 2 write bytes in this way.
    ("_codecs", "encode"): _encoded,
    ("__builtin__", "bytes"): _no_bytes,
}
# NumPy 2 has moved these; files of NumPy 1 have the old names.
for _package in ("numpy.core", "numpy._core"):
    _KNOWN[f"{_package}.multiarray", "_reconstruct"] = _new_array
    _KNOWN[f"{_package}.multiarray", "scalar"] = _NumberState
    _KNOWN[f"{_package}.numeric", "_frombuffer"] = _BufferState


_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):
    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get((module, name)) or Placeholder(f"{module}.{name}")

    def persistent_load(self, identifier: object) -> Any:
        raise pickle.UnpicklingError("refers to objects outside the file")

    def load_build(self) -> None:
        # Anything else could be one of the functions above, which a file must not change.
        if not isinstance(self.stack[-2], (_ArrayState, _TypeState, Placeholder)):
            raise pickle.UnpicklingError(f"asks to build a {type(self.stack[-2]).__name__}")
        super().load_build()

    def load_setitem(self) -> None:
        _check_hashed(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        _check_hashed(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        _check_hashed(self.stack[::2])
        super().load_dict()

    def load_additems(self) -> None:
        _check_hashed(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        _check_hashed(self.stack)
        super().load_frozenset()

    def load_bytearray8(self) -> None:
        # The base class reserves the size that the file claims before it reads.
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(size))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.FROZENSET[0]] = load_frozenset
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def _check_hashed(keys: Iterable[object]) -> None:
    """Refuses keys of dicts and members of sets that hold others: nested ones can take years to be hashed."""
    wrong = next((key for key in keys if key is not None and not isinstance(key, (str, bytes, int, float))), None)
    if wrong is not None:
        raise pickle.UnpicklingError(f"has a {type(wrong).__name__} as a key or in a set")


class _Rebuilder:
    """Replaces states with arrays and numbers; an object that occurs several times is replaced once."""

    def __init__(self) -> None:
        # Each result is kept with its origin: otherwise a later object could get the origin's id.
        self._results: dict[int, tuple[Any, Any]] = {}
        self._bytes = 0

    def __call__(self, value: Any) -> Any:
        if id(value) not in self._results:
            self._results[id(value)] = value, self._rebuilt(value)
        return self._results[id(value)][1]

    def _rebuilt(self, value: Any) -> Any:
        if isinstance(value, _ArrayState):
            array = value.array()
            self._bytes += array.nbytes
            if self._bytes > _LARGEST_FILE:
                raise pickle.UnpicklingError(f"holds arrays of more than {_LARGEST_FILE:,} bytes")
            return array
        if isinstance(value, _NumberState):
            return value.number()
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return type(value)(self(item) for item in value)
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, bytearray, Placeholder)):
            return value
        raise pickle.UnpicklingError("holds a part of an array by itself")
