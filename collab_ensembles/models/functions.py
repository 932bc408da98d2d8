"""Stores functions in the configuration of a saved model by their names in Keras' registry."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras


def to_config(function: Callable[..., Any], what: str) -> dict[str, Any]:
    """A function, or a `functools.partial` of one with named arguments, as JSON values.

    Args:
      function: registered with Keras.
      what: its name in messages.

    Raises:
      ValueError: it is not registered, or has arguments without a name.
    """
    if isinstance(function, functools.partial) and function.args:
        raise ValueError(f"the {what} has arguments without a name, which a saved model would lose; name all of them")
    function, options = (
        (function.func, function.keywords) if isinstance(function, functools.partial) else (function, {})
    )
    name = keras.saving.get_registered_name(function) if hasattr(function, "__name__") else repr(function)
    if keras.saving.get_registered_object(name) is not function:
        raise ValueError(
            f"the {what} {name} is not registered, and a saved model could not be loaded; put "
            "@keras.saving.register_keras_serializable() before it, or save only the weights (save_weights_only=True)"
        )
    return {"function": name, "options": options}


def from_config(config: Mapping[str, Any], what: str, custom_objects: Any = None) -> Callable[..., Any]:
    """The function that `to_config` named.

    Raises:
      ValueError: it is not registered.
    """
    function = keras.saving.get_registered_object(config["function"], custom_objects)
    if function is None:
        raise ValueError(f"the {what} {config['function']} is not registered; import its module first")
    return functools.partial(function, **config["options"]) if config["options"] else function
