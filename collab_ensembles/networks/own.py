"""Makes networks of one's own: calls a function in a Python file, or loads a Keras file."""

import contextlib
import os
import random
import sys
import traceback
import types
from collections.abc import Iterator, Set
from typing import Any

import keras
import numpy as np

from collab_ensembles.errors import ConfigError, one_line
from collab_ensembles.networks import classifier
from collab_ensembles.networks.own_files import OwnNetwork

_ADVICE = (
    "give a functional or sequential model that begins with keras.Input(image_shape) and ends with "
    "keras.layers.Dense(num_classes)"
)

BY_PLACE = "variables_by_place"
"""The attribute of networks whose variables have no permanent paths: Keras numbers unnamed layers in each process."""


def build_own(
    own: OwnNetwork, image_shape: tuple[int, int, int], num_classes: int, *, seed: int, name: str
) -> keras.Model:
    """A network from raw pixels, float32 [batch, height, width, channels], to logits [batch, num_classes].

    The file is executed, or loaded, anew in each call. A function's network has the initial values that it makes with
    the seed, by which Python's, NumPy's and Keras' random numbers begin too. One in a Keras file begins with its saved
    weights. Frozen layers stay frozen.

    Args:
      own: the file.
      image_shape: (height, width, channels).
      num_classes: the number of logits.
      seed: for the function, below 2^31.
      name: the model's name.

    Raises:
      ConfigError: the file cannot be read, executed or loaded, or its network has other inputs or outputs, or gives
        probabilities.
    """
    with _seeded(seed):
        network = _made(own, image_shape, num_classes, seed) if own.function else _loaded(own)
    if not isinstance(network, keras.Model):
        raise ConfigError(f"{_given(own)}: gave a {type(network).__name__}; needed: a keras.Model")
    remedy = "leave out the softmax or sigmoid of the last layer"
    classifier.check(network, _given(own), image_shape, num_classes, "these data", _ADVICE, remedy)
    network.name = name
    setattr(network, BY_PLACE, True)
    return network


def _given(own: OwnNetwork) -> str:
    return f"--members={own.source}"


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers of code that does not name a seed begin with this one; afterwards Python's and NumPy's go on."""
    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def _made(own: OwnNetwork, image_shape: tuple[int, int, int], num_classes: int, seed: int) -> Any:
    """What the function returns."""
    content = own.content()
    module = types.ModuleType(f"own_network_{own.digest}")
    module.__file__ = own.path
    # Dataclasses, and layers that Keras saves, look for the module of their class.
    sys.modules[module.__name__] = module
    before = set(sys.modules)
    try:
        exec(compile(content, own.path, "exec"), vars(module))
        function = getattr(module, own.function, None)
        network = function(image_shape, num_classes, seed) if callable(function) else None
    # The code of others may raise anything, and call sys.exit.
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{_given(own)}: {_place(own, error)}{type(error).__name__}: {one_line(error)}") from error
    if not callable(function):
        raise ConfigError(
            f"{_given(own)}: no such function in the file; needed: {own.function}(image_shape, num_classes, seed)"
        )
    _refuse_files_beside(own, before)
    return network


def _refuse_files_beside(own: OwnNetwork, before: Set[str]) -> None:
    """Raises ConfigError if the file has imported another one of its folder: only its own content has a digest."""
    folder = os.path.join(os.path.dirname(os.path.realpath(own.path)), "")
    for name in sorted(sys.modules.keys() - before):
        path = os.path.realpath(getattr(sys.modules[name], "__file__", None) or os.sep)
        is_installed = not {"site-packages", "dist-packages"}.isdisjoint(path.split(os.sep))
        if "." not in name and path.startswith(folder) and not is_installed:
            raise ConfigError(
                f"{_given(own)}: imports {path}, whose changes no run would notice; put its code into the file, or "
                "into an installed package"
            )


def _place(own: OwnNetwork, error: BaseException) -> str:
    """The line of the file that raised an error."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: "
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own.path]
    return f"line {lines[-1]}: " if lines else ""


def _loaded(own: OwnNetwork) -> keras.Model:
    own.content()
    try:
        return keras.models.load_model(own.path, compile=False)
    # Damaged files can raise nearly any error.
    except Exception as error:
        raise ConfigError(f"{_given(own)}: not a Keras file that can be loaded ({one_line(error)})") from error
