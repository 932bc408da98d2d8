"""Runs computed by a Ray cluster, one task each; their files come back through Ray's object store.

Imports Ray: import it late, and only when `ray_cluster.connect` has succeeded.
"""

import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from absl import logging
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from collab_ensembles import run_directory
from collab_ensembles.errors import CollabError, one_line
from collab_ensembles.run_directory import Status
from experiments import ray_cluster, ray_worker, returned_files
from experiments.executors import Task
from experiments.node_run import Order, Outcome

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_MOST_LOSSES = 3


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
        self._unfit: set[str] = set()
        self._places: dict[str, str] = {}

    def compute(self, tasks: Sequence[Task], watch: Callable[[], None]) -> None:
        """Computes all tasks, whether or not some fail, and sets their exit status; then leaves the cluster.

        A run that is lost with its node or process is computed again, up to three times; one that a node
        cannot compute goes to another node.

        Args:
          tasks: in the order in which they are submitted.
          watch: called about twice a second.

        Raises:
          KeyboardInterrupt: once the runs have been cancelled.
        """
        waiting = list(tasks)
        try:
            while waiting or self._results:
                while waiting and (self._plan.workers is None or len(self._results) < self._plan.workers):
                    self._submit(waiting.pop(0))
                waiting[:0] = self._collect()
                self._read_news()
                watch()
                # Not within Ray, which would take what a signal's handler raises for an error of its own.
                time.sleep(_POLL_SECONDS)
        finally:
            self._leave()

    def _submit(self, task: Task) -> None:
        order = Order(
            name=task.name,
            command=task.command,
            run=os.path.relpath(task.directory, self._plan.log_dir),
            prepare=self._plan.prepare,
            checkpoint_dir=self._plan.checkpoint_dir,
        )
        elsewhere = {"ray.io/node-id": f"!in({','.join(sorted(self._unfit))})"} if self._unfit else None
        work = self._work.options(name=task.name, label_selector=elsewhere)
        serial = next(self._serials)
        self._results[work.remote(order, self._facts, self._reports, serial)] = serial
        self._current[serial] = task

    def _collect(self) -> list[Task]:
        """Takes in the results that have come, and gives the runs to be submitted again."""
        again = []
        ready, _ = ray.wait(list(self._results), num_returns=len(self._results), timeout=0, fetch_local=False)
        for result in ready:
            task = self._current.pop(self._results.pop(result))
            task.running, task.started, task.status = False, 0.0, None
            try:
                self._take_in(task, ray.get(result))
            except RayTaskError as error:
                _fail(task, str(error).strip().splitlines()[-1])
            except RayError as error:
                task.retries += 1
                if task.retries > _MOST_LOSSES:
                    _fail(task, f"lost {task.retries} times with its process or node: {one_line(error)[:200]}")
            if task.exit_status is None:
                task.place = ""
                again.append(task)
        return again

    def _take_in(self, task: Task, outcome: Outcome) -> None:
        """Writes the files of a run and notes its end, unless it should be computed by another node."""
        task.place = self._place(outcome["node"])
        if outcome["unfit"] and self._goes_on_without(outcome["node"], outcome["error"]):
            return
        if outcome["error"]:
            _fail(task, f"{task.place}: {outcome['error']}")
            return
        task.retries += outcome["retries"]
        try:
            returned_files.write(task.directory, outcome["files"], outcome["exit_status"] == 0)
            task.status = run_directory.read_status(task.directory)
        except CollabError as error:
            _fail(task, one_line(error))
        else:
            task.exit_status = outcome["exit_status"]

    def _goes_on_without(self, node: str, reason: str) -> bool:
        """Whether there are nodes left after this one, which gets no more runs."""
        fit = {each["NodeID"] for each in ray_cluster.fit_nodes(self._plan.cpus, self._plan.gpus)}
        is_known = node in self._unfit
        self._unfit.add(node)
        goes_on = bool(fit - self._unfit)
        if goes_on and not is_known:
            logging.warning("%s: %s; this node gets no more runs", self._place(node), reason)
        return goes_on

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
