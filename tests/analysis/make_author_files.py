"""Result files as the author's code wrote them in 2017 (Python 3.6, NumPy 1.12), without any code of the project."""

import io
import pathlib
import pickle
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

METHODS = {"CE": "cross_ent", "L1": "L1", "L2": "L2", "None": "None"}
POWERS = (0, 1, 2, 4)
GRID = [("None", 0), *((method, power) for method in ("CE", "L1", "L2") for power in POWERS)]
ENDS = ("000", "001", "Ensemble")
KEYS = ("train_errors", "train_costs", "test_errors", "test_costs")
ACTIVATION = ("tensorflow.contrib.nn_ops_of_2017", "relu")
"""Module and name of the activation: no TensorFlow that still runs has them."""

Statistics = Mapping[str, Mapping[str, np.ndarray]]


def relu(inputs: Any) -> Any:
    """Stands for the author's activation; its module's name is replaced when it is written."""
    return inputs


_PythonPickler: Any = pickle._Pickler


class _Pickler(_PythonPickler):
    """Writes the names of 2017."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.dtype):
            return np.dtype, (value.str[1:], 0, 1), (3, "<", None, None, None, -1, -1, 0)
        return NotImplemented

    def save_global(self, value: Any, name: str | None = None) -> None:
        module, name = (value.__module__, value.__name__) if value is not relu else ACTIVATION
        self.save(module.replace("numpy._core", "numpy.core"))
        self.save(name)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(value)

    dispatch = {**_PythonPickler.dispatch, types.FunctionType: save_global}  # noqa: RUF012


def dumps(content: Any) -> bytes:
    """A pickle of protocol 4 whose globals have the names of 2017."""
    buffer = io.BytesIO()
    _Pickler(buffer, 4).dump(content)
    return buffer.getvalue()


def stem(label: str, method: str, power: int) -> str:
    """What the names of an ensemble's files have in common; `label` as in MNIST, notMNIST, CIFAR10."""
    start = f"{label}_collab_shallow_and_thin_and_medium"
    return f"{start}_ensemble" if method == "None" else f"{start}_{method}_0.1x{power}"


def params(label: str, method: str, power: int, epochs: int) -> dict[str, Any]:
    """The settings of a published training, as its pickles tell them."""
    sizes = [
        {"start_filter": 8, "num_bricks": 3, "num_times": 1},
        {"start_filter": 16, "num_bricks": 3, "num_times": 2},
    ]
    return {
        "filename": stem(label, method, power),
        "epochs": epochs,
        "collab_method": METHODS[method],
        # A float power: 0.010000000000000002 for 2, and 0.00010000000000000002 for 4.
        "collab_weight": 0.1**power,
        "batch_size": 64,
        "learning_rate": 2.0**-10,
        "regularization_rate": 0.1**4,
        "list_of_params": sizes,
        "act": relu,
    }


def invented(number: int, epochs: int) -> dict[str, dict[str, np.ndarray]]:
    """Statistics for `write`, unlike those of any other number; errors as fractions."""
    random = np.random.default_rng([2017, number])
    return {end: {key: random.uniform(0.001, 0.999, epochs) for key in KEYS} for end in ENDS}


def write(
    directory: pathlib.Path, label: str, method: str, power: int, statistics: Statistics, **changes: Any
) -> list[pathlib.Path]:
    """Writes the three files of an ensemble.

    Args:
      directory: where; made if needed.
      label: MNIST, notMNIST or CIFAR10.
      method: None, CE, L1 or L2.
      power: the weight is 0.1 to this power.
      statistics: by the end of the file name, by key.
      changes: entries of params; None takes one away.

    Returns:
      The paths, in the order of `statistics`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for end, series in statistics.items():
        epochs = len(series["test_costs"])
        settings = {**params(label, method, power, epochs), **changes}
        content = {
            **series,
            "start_time": 1496361600.25,
            "end_time": 1496363800.5,
            "params": {name: value for name, value in settings.items() if value is not None},
        }
        paths.append(directory / f"{stem(label, method, power)}_{end}.pkl")
        paths[-1].write_bytes(dumps(content))
    return paths
