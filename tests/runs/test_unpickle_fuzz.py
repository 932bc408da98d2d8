"""Pickles that nobody would write: they give plain values or an error of the data, and nothing else."""

import pathlib
import pickle
import struct
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_ensembles.errors import DataError
from collab_ensembles.runs.unpickle import Placeholder, read_pickle

Read = Callable[[bytes], Any]

_PROTOCOLS = (2, 3, 4, 5)
_MOST_MEMORY = 16 * 2**20
"""Of a file of a few kilobytes."""

_STATISTICS = {
    "train_errors": np.array([0.5, 0.25, 1 / 3, 0.0]),
    "counts": np.arange(6, dtype=np.int32).reshape(2, 3),
    "number": np.float64(0.1),
    "start_time": 1496400000.25,
    "params": {"filename": "MNIST_é", "epochs": 30, "members": ["ST", "M"], "sizes": (3, -1, 2**70), "none": None},
    "augment": False,
    "raw": b"bytes",
}
_PICKLES = [pickle.dumps(_STATISTICS, protocol) for protocol in _PROTOCOLS]
_PLAIN = (type(None), bool, int, float, str, bytes, bytearray, Placeholder)

# The same examples each time, and none kept from one time to the next.


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Reads bytes as a pickle, with an eye on what that does to this process."""
    path: pathlib.Path = tmp_path_factory.mktemp("pickles") / "statistics.pkl"

    def write_and_read(content: bytes) -> Any:
        path.write_bytes(content)
        modules = set(sys.modules)
        tracemalloc.start()
        try:
            return read_pickle(str(path))
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert most < _MOST_MEMORY
            assert set(sys.modules) == modules

    return write_and_read


def _assert_plain(value: Any, seen: dict[int, Any], may_be_inner: bool) -> None:
    if id(value) in seen:
        return
    seen[id(value)] = value
    if type(value) is np.ndarray or isinstance(value, np.generic):
        assert value.dtype.kind in "biuf"
    elif type(value) is dict:
        for key, item in value.items():
            _assert_plain(key, seen, may_be_inner)
            _assert_plain(item, seen, may_be_inner)
    elif type(value) in (list, tuple, set, frozenset):
        for item in value:
            _assert_plain(item, seen, may_be_inner)
    else:
        # The reader's own stand-ins have a test of their own below.
        kind = value if callable(value) else type(value)
        assert type(value) in _PLAIN or (may_be_inner and kind.__module__ == "collab_ensembles.runs.unpickle")


def _check(read: Read, content: bytes, may_be_inner: bool = True) -> bool:
    """Reads the content, and gives whether it was taken for a pickle."""
    try:
        value = read(content)
    except DataError:
        return False
    _assert_plain(value, {}, may_be_inner)
    return True


@given(content=st.binary(max_size=300))
def test_any_bytes_give_plain_values_or_a_data_error(read: Read, content: bytes) -> None:
    _check(read, content)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(_PICKLES)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content) - 1))
        kind = draw(st.sampled_from(("change", "delete", "insert", "repeat", "flip")))
        if kind == "change":
            content[place] = draw(st.integers(0, 255))
        elif kind == "flip":
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "delete":
            del content[place : place + draw(st.integers(1, 8))]
        elif kind == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=8))
        else:
            content[place:place] = content[place : place + draw(st.integers(1, 40))]
    return bytes(content)


@given(content=_mutated())
def test_damaged_statistics_give_plain_values_or_a_data_error(read: Read, content: bytes) -> None:
    _check(read, content)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


_INSTRUCTIONS = [
    *(b"(", b"0", b"1", b"2", b"}", b"]", b")", b"N", b"\x88", b"\x89", b"a", b"e", b"l", b"d", b"t", b"s", b"u"),
    *(b"b", b"R", b"\x81", b"\x92", b"o", b"\x93", b"\x94", b"\x85", b"\x86", b"\x87", b"\x8f", b"\x90", b"\x91"),
    *(b"q\x00", b"h\x00", b"q\x01", b"h\x01", b"K\x00", b"K\x02", b"J\xff\xff\xff\xff", b"M\x10\x00", b"\x8a\x01\xff"),
    *(b"C\x00", b"C\x08" + bytes(8), b"C\x10" + bytes(16), b"\x96" + struct.pack("<Q", 4) + b"four", b"\x97", b"\x98"),
    *(b"G" + struct.pack(">d", 0.5), b"Q", b"P0\n", b"\x82\x01", b"\x95" + struct.pack("<Q", 2)),
    *(_text(text) for text in ("f8", "i4", "O", "<", ">", "C", "b", "latin1", "numpy", "dtype", "os", "system", "é")),
    *(_global(f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *(_global("numpy._core.numeric", "_frombuffer"), _global("numpy", "dtype"), _global("numpy", "ndarray")),
    *(
        _global("_codecs", "encode"),
        _global("__builtin__", "bytes"),
        _global("builtins", "eval"),
        _global("os", "mkdir"),
    ),
]


@given(program=st.lists(st.sampled_from(_INSTRUCTIONS), min_size=1, max_size=24))
def test_any_instructions_give_plain_values_or_a_data_error(read: Read, program: list[bytes]) -> None:
    _check(read, b"\x80\x05" + b"".join(program) + b".")


def test_what_is_fuzzed_is_read_where_it_is_undamaged(read: Read) -> None:
    assert all(_check(read, content) for content in _PICKLES)


_NUMPY_TYPE = _global("numpy", "dtype") + _text("f8") + b"\x85R"


@pytest.mark.parametrize(
    "content",
    [
        _global("numpy", "dtype"),
        _global("_codecs", "encode"),
        _NUMPY_TYPE,
        b"](" + _NUMPY_TYPE + b"e",
        b"(" + _global("numpy._core.multiarray", "scalar") + _NUMPY_TYPE + b"C\x08" + bytes(8) + b"\x86R\x91",
    ],
    ids=["type", "function", "element type", "in a list", "number in a frozenset"],
)
def test_no_inner_object_of_the_reader_is_handed_out(read: Read, content: bytes) -> None:
    _check(read, b"\x80\x04" + content + b".", may_be_inner=False)


def test_a_number_in_the_place_of_an_arrays_bytes_reserves_no_memory(read: Read) -> None:
    size = b"J" + struct.pack("<i", 2**25)
    arguments = b"(" + size + _NUMPY_TYPE + size + b"\x85" + _text("C") + b"t"
    with pytest.raises(DataError):
        read(b"\x80\x05" + _global("numpy._core.numeric", "_frombuffer") + arguments + b"R.")


_HUGE = struct.pack("<Q", 2**28)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x05\x96" + _HUGE + b"short.",
        b"\x80\x04\x8e" + _HUGE + b"short.",
        b"\x80\x04\x8d" + _HUGE + b"short.",
        b"\x80\x04\x95" + _HUGE + b"N.",
        b"\x80\x03B" + _HUGE[:4] + b"short.",
        b"\x80\x02X" + _HUGE[:4] + b"short.",
        b"\x80\x02\x8b" + _HUGE[:4] + b"short.",
        b"\x80\x02Nr" + _HUGE[:4] + b".",
    ],
    ids=["BYTEARRAY8", "BINBYTES8", "BINUNICODE8", "FRAME", "BINBYTES", "BINUNICODE", "LONG4", "LONG_BINPUT"],
)
def test_a_claimed_size_reserves_no_memory(read: Read, content: bytes) -> None:
    if content[3:4] == b"r" or content[2:3] == b"\x95":  # these claim more than they need
        assert read(content) is None
    else:
        with pytest.raises(DataError):
            read(content)
