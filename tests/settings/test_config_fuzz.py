"""Settings and run directories with any content: what is allowed, or an error that says so."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, RunDirectoryError
from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig

_FIELDS = {field.name: field for name in registry.names() for field in registry.method(name).config.in_order()}
# Larger numbers have tests of their own below.
_NUMBERS = st.one_of(st.booleans(), st.integers(-(2**70), 2**70), st.integers(-2, 100), st.floats())
_SCALARS = st.one_of(st.none(), _NUMBERS, st.text(max_size=8))
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
_MEMBERS = st.one_of(st.sampled_from(["ST", "M"]), st.from_regex(r"B\d{1,2}R\d{1,2}F\d{1,2}", fullmatch=True))
_DATASETS = st.one_of(
    st.sampled_from(list(catalogue.CATALOGUE)), st.text(max_size=8).map(lambda stem: f"{stem}.npz"), st.text(max_size=8)
)


def _likely(name: str) -> st.SearchStrategy[Any]:
    """Values that are often allowed for a field, and sometimes not."""
    if name == "dataset":
        return _DATASETS
    if name == "members":
        return st.lists(_MEMBERS, max_size=4)
    if _FIELDS[name].metadata["choices"]:
        return st.sampled_from([*_FIELDS[name].metadata["choices"], "other"])
    if _FIELDS[name].type is bool:
        return st.booleans()
    if _FIELDS[name].type is float:
        return st.one_of(st.floats(0, 2), st.floats(), st.integers(-1, 3))
    return st.one_of(st.none(), st.integers(-1, 10), st.integers(2**31 - 2, 2**31 + 1))


_LIKELY = st.fixed_dictionaries({}, optional={name: _likely(name) for name in _FIELDS})
_ARBITRARY = st.dictionaries(st.one_of(st.sampled_from(list(_FIELDS)), st.text(max_size=8)), _JSON, max_size=6)
_ONE_OFF = st.builds(
    lambda values, name, value: {**values, name: value}, _LIKELY, st.sampled_from(list(_FIELDS)), _JSON
)
_METHODS = st.builds(
    lambda values, method: {**values, "method": method, "members": ["ST", "M"], "dataset": "digits"},
    _LIKELY,
    st.sampled_from(["CE", "L1", "L2"]),
)


@st.composite
def _few_of_a_system(draw: st.DrawFn) -> dict[str, Any]:
    """Up to three settings of one system, on images that all networks take."""
    system = draw(st.sampled_from(registry.names()))
    own = [field.name for field in registry.method(system).config.in_order() if field.name not in ("system", "members")]
    names = draw(st.lists(st.sampled_from(own), max_size=3, unique=True))
    return {"dataset": "cifar10", "system": system} | {name: draw(_likely(name)) for name in names}


_FEW = _few_of_a_system()


@given(values=st.one_of(_LIKELY, _ARBITRARY, _ONE_OFF, _METHODS, _FEW))
def test_any_json_is_a_configuration_that_comes_back_or_a_config_error(values: dict[str, Any]) -> None:
    try:
        config = RunConfig.from_json(values)
    except ConfigError:
        return
    assert set(values) <= set(_FIELDS)
    again = RunConfig.from_json(json.loads(json.dumps(config.to_json(), allow_nan=False)))
    assert again == config
    assert again.digest() == config.digest()
    assert {name: type(value) for name, value in vars(again).items()} == {
        name: type(value) for name, value in vars(config).items()
    }
    # Spelled otherwise, the settings are the same.
    reversed_order = dict(reversed(list(config.to_json().items())))
    assert RunConfig.from_json(reversed_order).digest() == config.digest()


@given(values=_METHODS)
def test_many_of_the_likely_settings_are_allowed(values: dict[str, Any]) -> None:
    """What the tests here draw is not refused always: other errors than of the value drawn have no place."""
    allowed = {
        "weight": values.get("weight", 1.0),
        "members": ["ST", "M"],
        "method": values["method"],
        "augment": values.get("augment", False),
    }
    is_number = math.isfinite(allowed["weight"]) and allowed["weight"] >= 0
    if is_number:
        assert RunConfig.from_json(allowed).weight == float(allowed["weight"])
    else:
        with pytest.raises(ConfigError, match="--weight="):
            RunConfig.from_json(allowed)


_HUGE_NUMBER = {"method": "L2", "weight": 10**400}
_HUGE_SIZE = {"members": ["B" + "9" * 5000 + "R1F1"]}


@pytest.mark.parametrize("values", [_HUGE_NUMBER, _HUGE_SIZE], ids=["weight", "members"])
def test_numbers_beyond_all_bounds_are_a_config_error(values: dict[str, Any], tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"format_version": 1, "config": values}))
    with pytest.raises(RunDirectoryError):
        run_directory.read_config(str(tmp_path))
    with pytest.raises(ConfigError):
        RunConfig.from_json(values)


@pytest.mark.parametrize("name", ["weight", "regularization_rate"])
def test_minus_zero_and_zero_are_the_same_run(name: str) -> None:
    plus, minus = (RunConfig.from_json({"method": "L2", name: value}) for value in (0.0, -0.0))
    assert plus == minus
    assert plus.digest() == minus.digest()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("run")


_READERS: dict[str, Callable[[str], object]] = {
    "config.json": run_directory.read_config,
    "status.json": run_directory.read_status,
}


def _read(directory: pathlib.Path, name: str, content: bytes) -> object:
    (directory / name).write_bytes(content)
    try:
        return _READERS[name](str(directory))
    except RunDirectoryError:
        return None


@pytest.mark.parametrize("name", _READERS)
@given(content=st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]",:0123456789.-+eENaInfty \\u', max_size=60)))
def test_any_bytes_in_a_file_are_an_error_of_the_run_directory(
    directory: pathlib.Path, name: str, content: bytes | str
) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    received = _read(directory, name, raw)
    assert received is None or (name == "status.json" and json.loads(raw) == {} and received == Status())


@given(
    config=st.one_of(_LIKELY, _ARBITRARY, _ONE_OFF, _JSON),
    version=st.one_of(st.just(1), _JSON),
    digest=st.one_of(st.just("right"), _JSON),
)
def test_any_json_in_a_config_file_is_the_configuration_or_an_error_of_the_run_directory(
    directory: pathlib.Path, config: Any, version: Any, digest: Any
) -> None:
    try:
        expected = RunConfig.from_json(config)
        right = expected.digest()
    except Exception:  # the settings have a test of their own
        expected, right = None, ""
    content = {"format_version": version, "digest": right if digest == "right" else digest, "config": config}
    received = _read(directory, "config.json", json.dumps(content).encode())
    if received is not None:
        assert received == expected
        assert (version, digest) == (1, "right")
    elif expected is not None:
        assert version != 1 or digest != "right"


def _status_value(field: "dataclasses.Field[Any]") -> st.SearchStrategy[Any]:
    usual: dict[str, st.SearchStrategy[Any]] = {
        "state": st.sampled_from([*run_directory.STATES, "lost"]),
        "reason": st.text(max_size=8),
        "epochs_done": st.integers(0, 10),
        **dict.fromkeys(("ended_after", "best_epoch"), st.integers(-1, 10)),
        "test_errors": st.dictionaries(st.text(max_size=4), _NUMBERS, max_size=3),
        "pickles": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
        "started": _NUMBERS,
        "ended": _NUMBERS,
        "seconds": _NUMBERS,
        "training_memory": st.integers(0, 10),
        "resumed": st.lists(st.integers(0, 10), max_size=3),
        "data": st.fixed_dictionaries(
            {"name": st.text(max_size=4), "image_shape": st.lists(_NUMBERS, min_size=2, max_size=4)},
            optional={"num_classes": _NUMBERS},
        ),
        "environment": st.dictionaries(st.text(max_size=4), _JSON, max_size=3),
        "earlier_environments": st.lists(st.dictionaries(st.text(max_size=4), _JSON, max_size=2), max_size=2),
    }
    return st.one_of(usual[field.name], _JSON)


_STATUS = st.fixed_dictionaries({}, optional={field.name: _status_value(field) for field in dataclasses.fields(Status)})


@given(content=st.one_of(_STATUS, _JSON))
@settings(report_multiple_bugs=False)
def test_any_json_in_a_status_file_is_a_status_or_an_error_of_the_run_directory(
    directory: pathlib.Path, content: Any
) -> None:
    status = _read(directory, "status.json", json.dumps(content).encode())
    if status is not None:
        assert isinstance(status, Status)
        assert status.state in run_directory.STATES
        assert isinstance(status.epochs_done, int)
        assert all(isinstance(error, int | float) for error in status.test_errors.values())
        assert run_directory.changed_pickles(str(directory), status) == list(status.pickles)
        assert run_directory.is_done(str(directory)) in (False, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status.json", '{"test_errors": []}'),
        ("status.json", '{"test_errors": null}'),
        ("status.json", '{"pickles": []}'),
        ("status.json", '{"data": {"name": "digits", "image_shape": [Infinity, 8, 1], "num_classes": 10}}'),
        ("status.json", '{"data": {"name": "digits", "image_shape": [8, 8, 1], "num_classes": 1e999}}'),
        ("status.json", "[" * 100_000),
        ("config.json", "[" * 100_000),
    ],
    ids=["list of errors", "no errors", "list of pickles", "endless image", "endless classes", "deep", "deep config"],
)
def test_damage_of_every_kind_is_an_error_of_the_run_directory(tmp_path: pathlib.Path, name: str, content: str) -> None:
    assert _read(tmp_path, name, content.encode()) is None
