"""Computes runs on a Ray cluster, one task for each; their files return through Ray's object store.

This module imports Ray: import it only after `ray_cluster.connect` has succeeded.
"""

import dataclasses
import itertools
import os
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import ray
from absl import logging
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from collab_ensembles.errors import CollabError, RunDirectoryError, one_line
from collab_ensembles.runs.run_directory import Status
from experiments.launch import ray_cluster, ray_worker, returned_files
from experiments.launch.executors import Task
from experiments.launch.node_record import NodeRecord
from experiments.launch.node_run import Order, Outcome

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 20.0
"""Longest wait for cancelled runs; longer than the nodes wait for their processes."""
_MOST_LOSSES = 3
_PAUSE_SECONDS = 3.0
"""Pause before a lost run is submitted again; it is multiplied by the number of losses."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """The common values of all runs of a sweep.

    Attributes:
      log_dir: the directory of the run directories, on the driver.
      checkpoint_dir: a log directory that all nodes share, or None.
      prepare: the commands that prepare the data on a node; empty if there is nothing to prepare.
      cpus: the CPUs of each run; it has as many threads.
      gpus: the GPUs of each run; may be a fraction.
      workers: the number of runs at a time; None: as many as fit on the cluster.
    """

    log_dir: str
    checkpoint_dir: str | None
    prepare: list[list[str]]
    cpus: int
    gpus: float
    workers: int | None


class RayExecutor:
    """Computes runs as tasks of the Ray cluster that this process is connected to; disconnects at the end."""

    def __init__(self, plan: Plan, facts: dict[str, str]) -> None:
        """Prepares to compute runs.

        Args:
          plan: the common values of the runs.
          facts: the result of `ray_cluster.connect`.

        Raises:
          ConfigError: no node has what each run needs.
        """
        ray_cluster.check_demand(plan.cpus, plan.gpus)
        ray.cloudpickle.register_pickle_by_value(ray_worker)
        self._plan, self._facts = plan, facts
        # Lost runs are submitted again here, not by Ray: Ray would not report it, and without enough memory retry
        # forever.
        self._work = ray.remote(
            num_cpus=plan.cpus, num_gpus=plan.gpus, max_calls=1, max_retries=0, scheduling_strategy="SPREAD"
        )(ray_worker.work)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._reports = ray.remote(num_cpus=0, scheduling_strategy=here)(ray_worker.Reports).remote()
        self._news = self._reports.take.remote()
        self._serials = itertools.count()
        self._current: dict[int, Task] = {}
        self._results: dict[Any, int] = {}
        self._record = NodeRecord()
        self._not_before: dict[int, float] = {}
        self._nodes: dict[int, str] = {}
        self._sweep = uuid.uuid4().hex
        self._places: dict[str, str] = {}

    def compute(self, tasks: Sequence[Task], watch: Callable[[], None]) -> None:
        """Computes all tasks, whether or not some fail, and sets their exit status; then leaves the cluster.

        A run that is lost with its node or process is computed again, after a pause, up to three times. A run that a
        node cannot compute goes to another node. A node that loses three runs in a row gets no more.

        Args:
          tasks: in the order in which they are submitted.
          watch: called about twice a second.

        Raises:
          KeyboardInterrupt: once the runs have been cancelled.
        """
        waiting = list(tasks)
        try:
            while waiting or self._results:
                for task in [task for task in waiting if self._is_due(task)]:
                    if self._plan.workers is None or len(self._results) < self._plan.workers:
                        self._submit(task)
                        waiting.remove(task)
                waiting[:0] = self._collect()
                self._read_news()
                watch()
                # Not inside a call of Ray: Ray would treat the exception of a signal handler as its own error.
                time.sleep(_POLL_SECONDS)
        finally:
            self._leave()

    def _is_due(self, task: Task) -> bool:
        return time.monotonic() >= self._not_before.get(id(task), 0)

    def _submit(self, task: Task) -> None:
        order = Order(
            sweep=self._sweep,
            name=task.name,
            command=task.command,
            run=os.path.relpath(task.directory, self._plan.log_dir),
            prepare=self._plan.prepare,
            checkpoint_dir=self._plan.checkpoint_dir,
        )
        unfit = ",".join(sorted(self._record.unfit))
        # If there is no other node, a node of these reports its error once more, so that the sweep does not wait
        # forever.
        elsewhere = {"ray.io/node-id": f"!in({unfit})"} if unfit and self._fit_nodes() else None
        work = self._work.options(name=task.name, label_selector=elsewhere)
        serial = next(self._serials)
        self._results[work.remote(order, self._facts, self._reports, serial)] = serial
        self._current[serial] = task

    def _collect(self) -> list[Task]:
        """Handles the results that have arrived, and returns the runs to submit again."""
        if not self._results:
            return []
        again = []
        ready, _ = ray.wait(list(self._results), num_returns=len(self._results), timeout=0, fetch_local=False)
        for result in ready:
            serial = self._results.pop(result)
            task, node = self._current.pop(serial), self._nodes.pop(serial, "")
            task.running, task.started, task.status = False, 0.0, None
            try:
                self._take_in(task, ray.get(result))
            except RayTaskError as error:
                _fail(task, str(error).strip().splitlines()[-1])
            except RayError as error:
                self._note_loss(task, node, one_line(error)[:200])
            if task.exit_status is None:
                task.place = ""
                again.append(task)
        return again

    def _note_loss(self, task: Task, node: str, reason: str) -> None:
        task.retries += 1
        self._not_before[id(task)] = time.monotonic() + _PAUSE_SECONDS * task.retries
        if task.retries > _MOST_LOSSES:
            _fail(task, f"lost {task.retries} times with its process or node: {reason}")
        unfit = self._record.lost(node) if node else ""
        if unfit:
            self._goes_on_without(node, unfit)

    def _take_in(self, task: Task, outcome: Outcome) -> None:
        """Writes the files of a run and records its end, unless another node should compute it."""
        task.place = self._place(outcome["node"])
        if outcome["unfit"] and self._goes_on_without(outcome["node"], outcome["error"]):
            return
        if outcome["error"]:
            _fail(task, f"{task.place}: {outcome['error']}")
            return
        task.retries += outcome["retries"]
        self._record.came_back(outcome["node"])
        try:
            different = self._record.other_data(outcome["data"], task.place)
            if different and self._goes_on_without(outcome["node"], different):
                return
            if different:
                raise RunDirectoryError(different)
            returned_files.write(task.directory, outcome["files"], outcome["exit_status"] == 0)
            task.exit_status = outcome["exit_status"]
        except (CollabError, OSError) as error:
            _fail(task, one_line(error))

    def _goes_on_without(self, node: str, reason: str) -> bool:
        """Excludes a node from further runs; returns whether other nodes are left."""
        is_known = node in self._record.unfit
        self._record.unfit.add(node)
        goes_on = bool(self._fit_nodes())
        if goes_on and not is_known:
            logging.warning("%s: %s; this node gets no more runs", self._place(node), reason)
        return goes_on

    def _fit_nodes(self) -> set[str]:
        """The ids of the living nodes that are large enough for the runs and not excluded."""
        nodes = {each["NodeID"] for each in ray_cluster.fit_nodes(self._plan.cpus, self._plan.gpus)}
        return nodes - self._record.unfit

    def _read_news(self) -> None:
        """Records the reports of the runs."""
        if not ray.wait([self._news], timeout=0)[0]:
            return
        try:
            news = ray.get(self._news)
        except RayError:
            # Without the reports the table is updated less often; nothing else depends on them.
            news = {}
        for serial, (node, status) in news.items():
            if serial in self._current:
                self._nodes[serial] = node
                task = self._current[serial]
                task.started = task.started or time.time()
                task.running, task.place, task.status = True, self._place(node), Status(**status)
        self._news = self._reports.take.remote()

    def _place(self, node: str) -> str:
        """The name of a node, or its address if it has no name."""
        if node not in self._places:
            self._places = {each["NodeID"]: each["NodeName"] for each in ray.nodes()}
        return self._places.get(node, node)

    def _leave(self) -> None:
        """Cancels the runs that are left, and disconnects; a local cluster then ends."""
        results = list(self._results)
        for result in results:
            ray.cancel(result)
        if results:
            _, stubborn = ray.wait(results, num_returns=len(results), timeout=_PATIENCE_SECONDS)
            for result in stubborn:
                ray.cancel(result, force=True)
        for task in self._current.values():
            task.running = False
        ray.shutdown()


def _fail(task: Task, error: str) -> None:
    task.error, task.exit_status = error, 1
