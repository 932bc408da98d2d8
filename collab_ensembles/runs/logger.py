"""Logger: a Keras callback that keeps the statistics of each epoch in pickles and graphs."""

import dataclasses
import math
import os
import pickle
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np
from absl import logging

from collab_ensembles import files
from collab_ensembles.models.statistics import DISAGREEMENT_SERIES
from collab_ensembles.runs import epoch_graph
from collab_ensembles.runs.run_options import Options

# Keys of the pickles, and the entries of the epoch's logs that they collect. The reference code's two train keys have
# its running average; the sample-weighted means have their own keys.
_SERIES = {
    "train_errors": "{}_running_error",
    "train_costs": "{}_running_cost",
    "train_errors_mean": "{}_error",
    "train_costs_mean": "{}_cost",
    "test_errors": "val_{}_error",
    "test_costs": "val_{}_cost",
}


@dataclasses.dataclass
class Record:
    """The statistics of a training so far.

    Attributes:
      epochs_done: completed epochs.
      seconds: time of training, without pauses after a crash.
      series: the arrays of the pickle of each output, by name.
    """

    epochs_done: int
    seconds: float
    series: dict[str, dict[str, np.ndarray]]

    @classmethod
    def empty(cls, outputs: Collection[str], epochs: int, further: Mapping[str, str] | None = None) -> "Record":
        """An empty record for the given number of epochs; `further` as in `Logger`."""
        return cls(
            0, 0.0, {output: {key: np.zeros(epochs) for key in _series(output, outputs, further)} for output in outputs}
        )

    def end_early(self, best_epoch: int = 0) -> None:
        """Fills the epochs to come with the latest statistics: the training has ended, and nothing changes any more.

        If the weights of an earlier epoch, from 1, were taken back, its statistics stand from the latest epoch on: the
        last value of each series is that of the final weights.
        """
        arrays = [values for series in self.series.values() for values in series.values()]
        for values in arrays:
            values[self.epochs_done - 1 :] = values[(best_epoch or self.epochs_done) - 1]
        self.epochs_done = len(arrays[0])

    def test_errors(self) -> dict[str, float]:
        """The latest test error of each output, as a fraction; nothing before the first test."""
        latest = {output: _known(series["test_errors"][: self.epochs_done]) for output, series in self.series.items()}
        return {output: float(errors[-1]) for output, errors in latest.items() if len(errors)}


def _series(output: str, outputs: Collection[str], further: Mapping[str, str] | None) -> dict[str, str]:
    """The keys of an output's pickle, and the entries of the epoch's logs that they collect.

    Quantities of the whole group stand with the ensemble, or with the only output.
    """
    series = {key: template.format(output) for key, template in _SERIES.items()}
    if further is None:
        further = DISAGREEMENT_SERIES if "ensemble" in outputs else {}
    return {**series, **further} if output == "ensemble" or len(outputs) == 1 else series


def _known(values: np.ndarray) -> np.ndarray:
    """The values of a series without those of epochs that had no test."""
    return values[~np.isnan(values)]


Report = Callable[[Record], None]


class Logger(keras.callbacks.Callback):
    """Writes one pickle for each output again after each epoch, and two graphs now and then and at the end.

    A pickle is a dict of builtins and NumPy arrays: for each of `train_errors`, `train_costs`, `test_errors`,
    `test_costs`, `train_errors_mean` and `train_costs_mean` a float64 array of one value an epoch (zeros for epochs to
    come, NaN for tests that were left out; errors as fractions), that of the ensemble also `disagreement` and
    `logit_distance` (see `models.statistics.DISAGREEMENT`), or what else `further` names; `start_time` and `end_time`
    in seconds since 1970 (their difference is the time of training, without pauses), and `params`.
    """

    def __init__(
        self,
        directory: str,
        stems: Mapping[str, str],
        epochs: int,
        params: Mapping[str, Any],
        report: Report = lambda record: None,
        record: Record | None = None,
        further: Mapping[str, str] | None = None,
        taken_back: Callable[[], int] = lambda: 0,
        is_tested: Callable[[int], bool] = lambda epoch: True,
        graph_seconds: float = Options.graph_seconds,
    ) -> None:
        """Prepares a training of `epochs` epochs.

        Args:
          directory: the existing directory of the files.
          stems: the file name, without ending, for each output (see `Model.statistics_names`).
          epochs: the length of the whole training.
          params: the settings as the pickles have them; builtins only.
          report: called each time the pickles have been written.
          record: the statistics of a resumed training; the pickles are written from it at once.
          further: additional series of the ensemble's pickle, or of that of the only output; see
            `Model.further_series`. Default: those of `DISAGREEMENT_SERIES` if there is an ensemble.
          taken_back: gives, after each epoch, the epoch whose weights the model got back, from 1, since training has
            ended; 0 if it goes on.
          is_tested: whether there is a test after an epoch, counted from 0.
          graph_seconds: the shortest time between two drawings of the graphs; they are always drawn at the end.
        """
        super().__init__()
        self._directory, self._stems, self._epochs = directory, stems, epochs
        self._params, self._report, self._taken_back, self._is_tested = params, report, taken_back, is_tested
        self._graph_seconds = graph_seconds
        self._record, self._further = record or Record.empty(stems, epochs, further), further

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Records the time and logs a heading for the lines that follow."""
        # A monotonic clock: a negative duration would be treated as damage.
        self._graphs_drawn = time.monotonic()
        self._started = time.monotonic() - self._record.seconds
        self._start_time = time.time() - self._record.seconds
        logging.info(
            "loss and error of each output, mean over the epoch's training examples, and on the test examples:"
        )
        if self._record.epochs_done:
            self._write_pickles()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Adds the statistics of an epoch, counted from 0, and writes the pickles; the graphs too if it is time."""
        logs = dict(logs or {})
        names = {name for output in self._stems for name in _series(output, self._stems, self._further).values()}
        if not self._is_tested(epoch):
            logs |= {name: math.nan for name in names if name.startswith("val_")}
        missing = names - set(logs)
        if missing:
            raise ValueError(
                f"the logs of the epoch have no {', '.join(sorted(missing))}; pass validation_data to fit, and one "
                "stem for each of the model's statistics_names"
            )
        for output, series in self._record.series.items():
            for key, name in _series(output, self._stems, self._further).items():
                series[key][epoch] = logs[name]
        self._record.epochs_done = epoch + 1
        self._record.seconds = time.monotonic() - self._started
        line = self._line(epoch)
        if self._taken_back():
            self._record.end_early(self._taken_back())
        elif getattr(self.model, "ended", False):
            self._record.end_early()
        self._write_pickles()
        if time.monotonic() - self._graphs_drawn >= self._graph_seconds:
            self._draw()
        logging.info("%s", line)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Draws the final graphs."""
        self._draw()

    def _write_pickles(self) -> None:
        for output, series in self._record.series.items():
            content = {
                **series,
                "start_time": self._start_time,
                "end_time": self._start_time + self._record.seconds,
                "params": {**self._params, "filename": self._stems[output]},
            }
            path = os.path.join(self._directory, f"{self._stems[output]}.pkl")
            files.write_bytes(path, pickle.dumps(content, protocol=4))
        self._report(self._record)

    def _draw(self) -> None:
        epochs_done = self._record.epochs_done
        for output, series in self._record.series.items():
            for kind in ("error", "cost"):
                # The mean over the epoch: the running average starts at 0 in each epoch and is far too low if there are
                # few batches.
                parts = {"train, mean of the epoch": f"train_{kind}s_mean", "test": f"test_{kind}s"}
                curves = {part: series[key][:epochs_done] for part, key in parts.items()}
                picture = epoch_graph.epoch_graph(f"{output}: {kind}", kind, curves)
                files.write_bytes(os.path.join(self._directory, f"{self._stems[output]}_{kind}.png"), picture)
        self._graphs_drawn = time.monotonic()

    def _line(self, epoch: int) -> str:
        parts = {"train": ("train_costs_mean", "train_errors_mean")}
        if self._is_tested(epoch):
            parts["test"] = ("test_costs", "test_errors")
        columns = []
        for output, series in self._record.series.items():
            numbers = [
                f"{part} {series[costs][epoch]:.4f} {100 * series[errors][epoch]:5.2f} %"
                for part, (costs, errors) in parts.items()
            ]
            columns.append(" ".join([output, *numbers]))
        minutes = self._record.seconds / 60
        return f"epoch {epoch + 1:3d}/{self._epochs}  {'   '.join(columns)}   {minutes:.1f} min"
