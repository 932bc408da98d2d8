"""Runs computed by a Ray cluster, one task each; their files come back through Ray's object store.

Imports Ray: import it late, and only when `ray_cluster.connect` has succeeded.
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
"""To wait for runs that were cancelled: more than the nodes give their processes."""
_MOST_LOSSES = 3
_PAUSE_SECONDS = 3.0
"""Before a lost run is submitted again, times the number of its losses."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all runs of a sweep have in common.

    Attributes:
      log_dir: where run directories are kept, on the driver.
      checkpoint_dir: a log directory that all nodes share, or None.
      prepare: the command that prepares the data on a node.
      cpus: of each run, which are its threads too.
      gpus: likewise; may be a fraction.
      workers: how many runs at a time; None: as many as the cluster has room for.
    """

    log_dir: str
    checkpoint_dir: str | None
    prepare: list[str]
    cpus: int
    gpus: float
    workers: int | None


class RayExecutor:
    """Tasks of the Ray cluster that this process is connected to, and which it leaves at the end."""

    def __init__(self, plan: Plan, facts: dict[str, str]) -> None:
        """Prepares to compute runs.

        Args:
          plan: how.
          facts: what `ray_cluster.connect` has given.

        Raises:
          ConfigError: no node has what each run needs.
        """
        ray_cluster.check_demand(plan.cpus, plan.gpus)
        ray.cloudpickle.register_pickle_by_value(ray_worker)
        self._plan, self._facts = plan, facts
        # Lost runs are submitted again here, not by Ray: it would not tell, and for want of memory try for ever.
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

        A run that is lost with its node or process is computed again, after a pause, up to three times; one that
        a node cannot compute goes to another node. A node on which three runs were lost in a row gets no more.

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
                # Not within Ray, which would take what a signal's handler raises for an error of its own.
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
        # If there is no other node, one of these says once more what it lacks: nobody should wait without end.
        elsewhere = {"ray.io/node-id": f"!in({unfit})"} if unfit and self._fit_nodes() else None
        work = self._work.options(name=task.name, label_selector=elsewhere)
        serial = next(self._serials)
        self._results[work.remote(order, self._facts, self._reports, serial)] = serial
        self._current[serial] = task

    def _collect(self) -> list[Task]:
        """Takes in the results that have come, and gives the runs to be submitted again."""
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
        """Writes the files of a run and notes its end, unless it should be computed by another node."""
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
        """Whether there are nodes left after this one, which gets no more runs."""
        is_known = node in self._record.unfit
        self._record.unfit.add(node)
        goes_on = bool(self._fit_nodes())
        if goes_on and not is_known:
            logging.warning("%s: %s; this node gets no more runs", self._place(node), reason)
        return goes_on

    def _fit_nodes(self) -> set[str]:
        """The ids of the living nodes on which runs have room, and that are not known to be unfit."""
        nodes = {each["NodeID"] for each in ray_cluster.fit_nodes(self._plan.cpus, self._plan.gpus)}
        return nodes - self._record.unfit

    def _read_news(self) -> None:
        """Notes what runs have reported of themselves."""
        if not ray.wait([self._news], timeout=0)[0]:
            return
        try:
            news = ray.get(self._news)
        except RayError:
            # Without it the table is less lively, and nothing else.
            news = {}
        for serial, (node, status) in news.items():
            if serial in self._current:
                self._nodes[serial] = node
                task = self._current[serial]
                task.started = task.started or time.time()
                task.running, task.place, task.status = True, self._place(node), Status(**status)
        self._news = self._reports.take.remote()

    def _place(self, node: str) -> str:
        """The name of a node; its address, if it was started without a name."""
        if node not in self._places:
            self._places = {each["NodeID"]: each["NodeName"] for each in ray.nodes()}
        return self._places.get(node, node)

    def _leave(self) -> None:
        """Cancels what is still to be computed, and leaves the cluster; a local one ends with that."""
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
