"""Options: how a run is computed. Imports nothing heavy, so that commands can check them before TensorFlow starts."""

import dataclasses
import importlib.util

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.fields import check_whole
from collab_ensembles.settings.team import Team


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run is computed; these options do not affect its results.

    Attributes:
      data_dir: see `data.load`.
      stop_after: stop after this many epochs, with the learning rates of a training of `RunConfig.epochs` epochs.
      checkpoint_every: the number of epochs between two checkpoints; there is always one at the end.
      threads: the number of threads of TensorFlow or JAX; recorded, since equal bits need equal numbers of threads.
      tensorboard: also write logs for TensorBoard; see `tensorboard.callback`.
      team: the processes that train the run; default: this one. See `registry.check_team`.
      graph_seconds: the shortest time between two drawings of a run's graphs; they are always drawn at the end.
      change_backend: go on from checkpoints that another of Keras' backends wrote; see `backends`.

    Raises:
      ConfigError: a number of epochs is below 1, or TensorBoard is not installed.
    """

    data_dir: str | None = None
    stop_after: int | None = None
    checkpoint_every: int = 1
    threads: int | None = None
    tensorboard: bool = False
    graph_seconds: float = 30.0
    change_backend: bool = False
    team: Team | None = None

    def __post_init__(self) -> None:
        check_whole("stop_after", self.stop_after, 1)
        check_whole("checkpoint_every", self.checkpoint_every, 1)
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise ConfigError(
                "--tensorboard: TensorBoard is not installed; pip install 'collab-ensembles[tensorboard]'"
            )
