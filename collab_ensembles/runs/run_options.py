"""Options: how a run is computed. Imports nothing heavy, so that commands can check them before TensorFlow starts."""

import dataclasses
import importlib.util

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.fields import check_whole


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run is computed, which decides nothing about its results.

    Attributes:
      data_dir: see `datasets.load`.
      stop_after: end after so many epochs of the schedule that `RunConfig.epochs` lays down.
      checkpoint_every: write a checkpoint after so many epochs; there is always one at the end.
      threads: how many TensorFlow was given; recorded, since equal bits are promised at equal threads.
      tensorboard: also write what TensorBoard shows; see `tensorboard.callback`.

    Raises:
      ConfigError: a number of epochs is below 1, or TensorBoard is asked for and not installed.
    """

    data_dir: str | None = None
    stop_after: int | None = None
    checkpoint_every: int = 1
    threads: int | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        check_whole("stop_after", self.stop_after, 1)
        check_whole("checkpoint_every", self.checkpoint_every, 1)
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise ConfigError(
                "--tensorboard: TensorBoard is not installed; pip install 'collab-ensembles[tensorboard]'"
            )
