"""Method: what a system offers the rest of the project. Imports nothing heavy."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from collab_ensembles.machine import TENSORFLOW

if TYPE_CHECKING:
    import keras

    from collab_ensembles.models.model import Model
    from collab_ensembles.models.schedules import Rate
    from collab_ensembles.settings.config import RunConfig
    from collab_ensembles.settings.team import Team

Shape = tuple[int, int, int]
Settings = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Grid:
    """What a sweep trains.

    Attributes:
      plan: from the settings that all its runs have in common, fields of RunConfig, to the runs. The first line of its
        docstring says which they are.
      sets: the fields that it lays down itself.
    """

    plan: Callable[[Settings], list["RunConfig"]]
    sets: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Which runs they are, in one line; empty where the function has no docstring."""
        return (self.plan.__doc__ or "").strip().partition("\n")[0]


@dataclasses.dataclass(frozen=True)
class Method:
    """A system: `collab_ensembles/methods/<name>` or, through the entry points of a package, somebody else's.

    Attributes:
      name: what `--system` takes.
      summary: what it is, in one line.
      config: the class of its settings.
      training: the name of the module that has the functions of `Training`; it is imported when a run begins.
      grids: what sweeps can train, by name.
      backends: Keras' backends that its runs can be trained with.
      inputs: settings that are variables of the model with JAX, so that runs with other values share programs.
      spread: the name of the module that has the function of `Spread`; empty: one process trains a run.
    """

    name: str
    summary: str
    config: type["RunConfig"]
    training: str
    grids: Mapping[str, Grid] = dataclasses.field(default_factory=dict)
    backends: tuple[str, ...] = (TENSORFLOW,)
    inputs: tuple[str, ...] = ()
    spread: str = ""


class Training(Protocol):
    """The functions that turn settings into something that trains. They may import TensorFlow."""

    def build(self, config: Any, image_shape: Shape, num_classes: int) -> "Model":
        """The networks of a configuration, initialised from its seed, as one model, not compiled.

        Raises:
          ConfigError: files that the settings name do not go with the data.
        """

    def optimizer(self, config: Any) -> "keras.Optimizer | dict[str, keras.Optimizer]":
        """What the model is compiled with."""

    def learning_rates(self, config: Any) -> "dict[str, Rate]":
        """The learning rate of each of the model's `optimizers()`, or of members; see `Model.learning_rates`."""


class Spread(Protocol):
    """The function of a system whose runs can be trained by several processes."""

    def build(self, config: Any, image_shape: Shape, num_classes: int, team: "Team") -> "Model":
        """As `Training.build`; the model trains with these processes, and has the same variables."""
