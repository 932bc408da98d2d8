"""DeviceExecutor: computes the runs of a sweep in this process, so that they share compiled programs and data."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from absl import logging

from collab_ensembles.data import Dataset
from collab_ensembles.errors import CollabError, one_line
from collab_ensembles.models.compiled_epoch import Device
from collab_ensembles.runs import compiled_fit, run, run_data
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings.config import RunConfig
from experiments.launch.executors import Task


class DeviceExecutor:
    """One process, whose backend is JAX."""

    def __init__(self, configs: Mapping[str, RunConfig], options: Options, way: str, most: int) -> None:
        """Takes what is to be computed, and how.

        Args:
          configs: the settings of each run, by its directory.
          options: of all runs.
          way: how runs with equal programs go together, see `machine.WAYS`.
          most: runs that go together at a time.
        """
        self._configs, self._options = configs, options
        self._device, self._most = Device(way), most

    def compute(self, tasks: Sequence[Task], watch: Callable[[], None]) -> None:
        """Computes all tasks, whether or not some fail, and sets their exit status; see `Executor.compute`."""
        verbosity = logging.get_verbosity()
        logging.set_verbosity(logging.WARNING)
        loaded: dict[object, Dataset] = {}
        try:
            for group in self._groups(tasks):
                config = self._configs[group[0].directory]
                data = run_data.key(config)
                try:
                    if data not in loaded:
                        loaded = {data: run_data.load(config, self._options.data_dir)}
                except CollabError as error:
                    for task in group:
                        _note(task, error)
                else:
                    self._together(group, loaded[data], watch)
        finally:
            logging.set_verbosity(verbosity)

    def _groups(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Tasks that go together, in the order of the first of each group."""
        alike: dict[object, list[Task]] = {}
        for task in tasks:
            alike.setdefault(compiled_fit.program(self._configs[task.directory]), []).append(task)
        for group in alike.values():
            for first in range(0, len(group), self._most):
                yield group[first : first + self._most]

    def _together(self, tasks: list[Task], dataset: Dataset, watch: Callable[[], None]) -> None:
        for task in tasks:
            task.running, task.started = True, time.time()

        def ended(place: int, error: Exception | None) -> None:
            task = tasks[place]
            task.running, task.exit_status = False, 0
            if error is not None:
                _note(task, error)

        # While graphs are drawn, nothing is computed: of any number of runs that is the same share of the time.
        options = dataclasses.replace(self._options, graph_seconds=self._options.graph_seconds * len(tasks))
        trainings = [run.in_epochs(self._configs[task.directory], task.directory, options, dataset) for task in tasks]
        try:
            compiled_fit.together(trainings, self._device, ended, watch)
        finally:
            for task in tasks:
                task.running = False


def _note(task: Task, error: Exception) -> None:
    task.exit_status = error.exit_status if isinstance(error, CollabError) else 1
    kind = "" if isinstance(error, CollabError) else f"{type(error).__name__}: "
    task.error = f"{kind}{one_line(error)}"
