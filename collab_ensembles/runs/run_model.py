"""The model of a run: built, restored with the weights of its newest checkpoint, and scored."""

import dataclasses
import os

import numpy as np

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.models.model import Model
from collab_ensembles.runs import checkpoint, checkpoint_file, kept_files, run_directory
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.team import Team

_TEST_BATCH_SIZE = 500
"""Batch size of evaluation. Test statistics are means over samples, so it affects speed and memory only."""


def build(config: RunConfig, directory: str, data: DataFacts, team: Team | None = None) -> Model:
    """Builds the model of a run with the files that are kept in its directory; a team of processes can train it."""
    located = kept_files.located(config, directory)
    return build_model(located, data.image_shape, data.num_classes, team)


def restore(directory: str) -> tuple[Model, Status]:
    """Rebuilds the model of a run with the weights of its newest checkpoint; also returns the status at that epoch.

    Raises:
      RunDirectoryError: the directory has no run, or one that has not been trained for an epoch.
    """
    config, status = run_directory.read_config(directory), run_directory.read_status(directory)
    if status.data is None:
        raise RunDirectoryError(f"{directory}: nothing trained yet (state {status.state}); train the run first")
    model = build(config, directory, status.data)
    record = checkpoint.restore(os.path.join(directory, checkpoint_file.DIRECTORY), model, config.digest())
    if record is None:
        advice = (
            "it was not kept; train the run again in another --log_dir"
            if status.state == "done"
            else "train the run for at least one epoch"
        )
        raise RunDirectoryError(f"{directory}: no usable checkpoint; {advice}")
    then = dataclasses.replace(status, epochs_done=record.epochs_done, test_errors=record.test_errors())
    if then.epochs_done < status.epochs_done:
        # The newest checkpoint is damaged, or not every epoch has one.
        then = dataclasses.replace(then, state="stopped", best_epoch=0)
    return model, then


def evaluate(model: Model, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The sample-weighted statistics of members and ensemble, batch normalisation in inference mode.

    Args:
      model: compiled or not.
      images: uint8 [examples, height, width, channels].
      labels: integers [examples], or another form that `BatchManager` takes.

    Returns:
      `<output>_cost` and `<output>_error` (a fraction) for each of `model.statistics_names`.
    """
    if not model.compiled:
        model.compile()
    statistics: dict[str, float] = model.evaluate(
        evaluation_batches(images, labels).dataset(), verbose=0, return_dict=True
    )
    return {
        f"{name}_{kind}": float(statistics[f"{name}_{kind}"])
        for name in model.statistics_names
        for kind in ("cost", "error")
    }


def evaluation_batches(images: np.ndarray, labels: np.ndarray) -> BatchManager:
    """The batches of an evaluation; for its arguments, see `evaluate`."""
    # If there is no example, BatchManager raises the error.
    return BatchManager(images, labels, min(_TEST_BATCH_SIZE, len(labels) or 1))
