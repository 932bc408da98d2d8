"""Reading statistics from pickles that nobody vouches for."""

import codecs
import os
import pathlib
import pickle
import signal
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from collab_ensembles.errors import DataError
from collab_ensembles.runs.unpickle import Placeholder, read_pickle

Read = Callable[[bytes], Any]

_STATISTICS = {
    "train_errors": np.array([0.5, 0.25, 1 / 3, 0.0]),
    "start_time": 1496400000.25,
    "params": {"filename": "MNIST_é", "epochs": 30, "members": ["ST", "M"], "sizes": (3, -1, 2**70), "none": None},
    "augment": False,
}


@pytest.fixture
def read(tmp_path: pathlib.Path) -> Read:
    """Reads bytes as a pickle."""

    def write_and_read(content: bytes) -> Any:
        path = tmp_path / "statistics.pkl"
        path.write_bytes(content)
        return read_pickle(str(path))

    return write_and_read


def _assert_equal(received: Any, expected: Any) -> None:
    assert type(received) is type(expected)
    if isinstance(expected, (np.ndarray, np.generic)):
        assert received.dtype == expected.dtype
        assert received.shape == expected.shape
        assert received.tobytes() == expected.tobytes()
    elif isinstance(expected, dict):
        assert list(received) == list(expected)
        for key, value in expected.items():
            _assert_equal(received[key], value)
    elif isinstance(expected, (list, tuple)):
        assert len(received) == len(expected)
        for one, other in zip(received, expected, strict=True):
            _assert_equal(one, other)
    else:
        assert received == expected


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_statistics_are_read_from_every_protocol(read: Read, protocol: int) -> None:
    _assert_equal(read(pickle.dumps(_STATISTICS, protocol)), _STATISTICS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10.0)[::-2],
        np.zeros(0),
        np.zeros((0, 3), np.float32),
        np.array(2.5),
        np.arange(-3, 3, dtype=np.int64),
        np.array([1, 2**16 - 1], np.uint16),
        np.array([True, False]),
        np.array([1.5, -2.0], ">f8"),
        np.array([1.5, 0.1], np.float16),
    ],
    ids=lambda array: f"{array.dtype.str} {array.shape} {'F' if array.flags.f_contiguous else 'C'}",
)
def test_arrays_are_read_bit_for_bit(read: Read, protocol: int, array: np.ndarray) -> None:
    received = read(pickle.dumps({"values": array}, protocol))["values"]
    assert received.dtype == array.dtype
    assert received.shape == array.shape
    assert received.tolist() == array.tolist()
    assert received.flags.writeable


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("number", [np.float64(0.1), np.float32(0.1), np.int32(-7), np.bool_(True), np.uint8(255)])
def test_numpy_numbers_are_read_with_their_type(read: Read, protocol: int, number: np.generic) -> None:
    _assert_equal(read(pickle.dumps([number, {"key": number}], protocol)), [number, {"key": number}])


def test_files_of_numpy_1_are_read(read: Read) -> None:
    array = np.array([0.25, 0.5])
    content = pickle.dumps({"values": array, "number": np.float64(2.0)}, 2)
    assert b"numpy._core.multiarray" in content
    received = read(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    _assert_equal(received, {"values": array, "number": np.float64(2.0)})


class _Calls:
    """A pickle of this asks for a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, os.mkdir, eval])
def test_a_call_is_refused_and_not_executed(
    read: Read, tmp_path: pathlib.Path, protocol: int, function: Callable[..., Any]
) -> None:
    target = tmp_path / "executed"
    argument = {"system": f"mkdir {target}", "mkdir": str(target), "eval": f"__import__('os').mkdir('{target}')"}
    content = pickle.dumps({"values": _Calls(function, argument[function.__name__])}, protocol)
    pickle.loads(content)
    assert target.exists()  # the pickle does what it is here for
    target.rmdir()
    with pytest.raises(DataError, match="asks to call ") as caught:
        read(content)
    assert function.__name__ in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02cos\nsystem\n(S'echo'\ntR.",
        b"(S'echo'\nios\nsystem\n.",
        b"(cos\nsystem\nS'echo'\no.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85\x81.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85R.",
        b"\x80\x04cos\nsystem\n)}\x92.",
    ],
    ids=["REDUCE", "INST", "OBJ", "NEWOBJ", "STACK_GLOBAL", "NEWOBJ_EX"],
)
def test_every_way_to_ask_for_a_call_is_refused(read: Read, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(os, "system", calls.append)
    with pytest.raises(DataError):
        read(content)
    assert calls == []


def test_a_function_that_is_only_named_becomes_a_placeholder(read: Read) -> None:
    """The author's own pickles name an activation function of a TensorFlow that no longer exists."""
    content = b"\x80\x02}(X\x03\x00\x00\x00actctensorflow.python.ops.gen_nn_ops\nrelu\nX\x06\x00\x00\x00epochsK\x1eu."
    params = read(content)
    assert params["epochs"] == 30
    assert isinstance(params["act"], Placeholder)
    assert params["act"].name == "tensorflow.python.ops.gen_nn_ops.relu"
    assert "relu" in repr(params["act"])


def test_naming_a_module_does_not_import_it(
    read: Read, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trap_of_a_pickle.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(read(b"ctrap_of_a_pickle\nanything\n."), Placeholder)
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("state", [b"}S'name'\nS'x'\ns", b"N}S'name'\nS'x'\ns\x86", b"K\x01"])
def test_building_an_unknown_object_is_refused(read: Read, state: bytes) -> None:
    with pytest.raises(DataError, match=r"asks to build os\.environ"):
        read(b"\x80\x02cos\nenviron\n" + state + b"b.")


@pytest.mark.parametrize(
    "known", ["numpy.core.multiarray\nscalar", "numpy.core.multiarray\n_reconstruct", "numpy\ndtype", "_codecs\nencode"]
)
def test_a_file_cannot_change_how_later_files_are_read(read: Read, known: str) -> None:
    statistics = {"values": np.array([0.5]), "number": np.float64(0.25)}
    content = pickle.dumps(statistics, 2)
    for name in ("number", "dtype", "array", "__init__", "__kwdefaults__", "__doc__"):
        for state in (f"N}}S'{name}'\nNs\x86", f"}}S'{name}'\nNs"):
            with pytest.raises(DataError):
                read(b"\x80\x02c" + known.encode() + b"\n" + state.encode("latin1") + b"b.")
    _assert_equal(read(content), statistics)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_objects_are_refused(read: Read, tmp_path: pathlib.Path, protocol: int) -> None:
    harmless = np.array([None, "text"], object)
    harmful = np.empty(1, object)
    harmful[0] = _Calls(os.mkdir, str(tmp_path / "executed"))
    for array in (harmless, harmful):
        with pytest.raises(DataError):
            read(pickle.dumps(array, protocol))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("dtype", ["datetime64[s]", "S3", "U3", "c16", "f8,i4"])
def test_arrays_of_other_types_are_refused(read: Read, dtype: str) -> None:
    with pytest.raises(DataError, match="holds an array of type"):
        read(pickle.dumps(np.zeros(2, dtype), 4))


def test_a_wrong_number_of_bytes_is_refused(read: Read) -> None:
    content = pickle.dumps(np.array([1.0, 2.0]), 4)
    sixteen = b"C\x10" + np.array([1.0, 2.0]).tobytes()
    assert sixteen in content
    for size in (0, 8, 15, 17, 24):
        changed = content.replace(sixteen, b"C" + bytes([size]) + bytes(size))
        # The frame's length is at 3 to 10.
        frame = struct.pack("<Q", len(changed) - 11)
        with pytest.raises(DataError, match=f"holds {size} bytes for an array of float64"):
            read(changed[:3] + frame + changed[11:])


@pytest.mark.parametrize("shape", ["(-1,)", "(2.0,)", "(1 << 62, 1 << 62)", "'ab'", "2"])
def test_a_shape_that_is_none_is_refused(read: Read, shape: str) -> None:
    class Array:
        def __reduce__(self) -> tuple[Any, ...]:
            reconstruct = np.zeros(0).__reduce__()[0]
            state = (1, eval(shape), np.dtype("f8"), False, bytes(16))
            return reconstruct, (np.ndarray, (0,), b"b"), state

    with pytest.raises(DataError):
        read(pickle.dumps(Array(), 4))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_stream_cut_short_anywhere_is_a_data_error(read: Read, protocol: int) -> None:
    content = pickle.dumps(_STATISTICS, protocol)
    for kept in range(len(content)):
        with pytest.raises(DataError, match=r"statistics\.pkl: not a readable pickle of statistics"):
            read(content[:kept])


def test_the_error_is_one_line_that_names_the_file(read: Read, tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError) as caught:
        read(b"no pickle\nat all")
    assert str(caught.value).startswith(f"{tmp_path}/statistics.pkl: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("around", [b"})%sNs", b"})(%sNu", b"(%sNd", b"\x8f(%s\x90", b"(%s\x91"])
def test_tuples_within_tuples_cannot_be_hashed(read: Read, around: bytes) -> None:
    """Each holds the one before twice, so that 2**60 would be hashed."""
    with pytest.raises(DataError, match="has a tuple as a key or in a set"):
        read(b"\x80\x04" + around.replace(b"})", b"}") % (b")" + 60 * b"2\x86") + b".")


def test_sets_and_keys_of_simple_values_are_read(read: Read) -> None:
    content = {"set": {1, "a", b"b", None, 2.5}, "frozen": frozenset({True}), 3: {None: 4}}
    assert read(pickle.dumps(content, 4)) == content


def test_lists_within_lists_cannot_make_a_small_file_large(read: Read) -> None:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    content = pickle.dumps(value, 4)

    def give_up(number: int, frame: object) -> None:
        raise TimeoutError("a list is looked at once for each of the 2**60 ways to it")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    try:
        read(content)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_lists_too_deep_or_without_end_are_a_data_error(read: Read) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(DataError):
        read(pickle.dumps(endless, 4))
    with pytest.raises(DataError):
        read(b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".")


def test_bytes_in_another_encoding_are_refused(read: Read) -> None:
    with pytest.raises(DataError, match="rot13"):
        read(pickle.dumps(_Calls(codecs.encode, "text", "rot13"), 2))


def test_objects_outside_the_file_are_refused(read: Read) -> None:
    with pytest.raises(DataError, match="refers to objects outside the file"):
        read(b"Psomewhere\n.")


def test_a_missing_file_and_a_file_of_unlikely_size_are_data_errors(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match=r"none\.pkl: cannot be read \(No such file or directory\)"):
        read_pickle(str(tmp_path / "none.pkl"))
    with (tmp_path / "large.pkl").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(DataError, match=r"large\.pkl: 67,108,865 bytes"):
        read_pickle(str(tmp_path / "large.pkl"))
