"""RayTeam: actors of a Ray cluster that compute one run together.

This module imports Ray: import it only after `ray_cluster.connect` has succeeded.
"""

import dataclasses
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from collab_ensembles.errors import CollabError, ConfigError
from collab_ensembles.settings.team import Mail
from experiments.launch import ray_cluster, ray_worker

_ASKED, _BESIDE = "asked", "beside"
"""The groups of an actor's threads, of one thread each."""


@dataclasses.dataclass(frozen=True)
class _Mail:
    """Calls a method of the object of an actor; can be sent to other processes.

    Attributes:
      actor: the handle.
      method: the name of the method.
      group: of the actor's threads.
    """

    actor: Any
    method: str
    group: str = _BESIDE

    def __call__(self, *arguments: Any) -> "Future[Any]":
        call = self.actor.ask.options(concurrency_group=self.group)
        future: Future[Any] = call.remote(self.method, *arguments).future()
        return future


class RayTeam:
    """See `settings.team.Team`. Each process is an actor; Ray itself starts none of them again."""

    lost: tuple[type[Exception], ...] = (RayActorError,)

    def __init__(self, facts: dict[str, str], threads: int, cpus: int, gpus: float) -> None:
        """Prepares to start actors on the cluster that this process is connected to.

        Args:
          facts: the result of `ray_cluster.connect`.
          threads: of each actor.
          cpus: that each actor takes of its machine.
          gpus: likewise; may be a fraction.
        """
        ray.cloudpickle.register_pickle_by_value(ray_worker)
        self._facts, self._threads, self._needs = facts, threads, {"CPU": cpus, "GPU": gpus}
        self._kind = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            concurrency_groups={_ASKED: 1, _BESIDE: 1},
            scheduling_strategy="SPREAD",
        )(ray_worker.Host)
        self._actors: dict[int, Any] = {}

    def start(self, number: int, maker: str, *arguments: Any) -> "Future[Any]":
        """See `Team`.

        Raises:
          ConfigError: the cluster has no room for so many.
        """
        self._check_room(number + 1)
        if number in self._actors:
            # It may live on, out of reach.
            ray.kill(self._actors[number])
        actor = self._actors[number] = self._kind.remote()
        make = actor.make.options(concurrency_group=_ASKED)
        return _ended(make.remote(self._facts, self._threads, maker, *arguments).future(), _check_made)

    def ask(self, number: int, method: str, *arguments: Any) -> "Future[Any]":
        """See `Team`."""
        return _ended(_Mail(self._actors[number], method, _ASKED)(*arguments))

    def mail(self, number: int, method: str) -> Mail:
        """See `Team`."""
        return _Mail(self._actors[number], method)

    def end(self) -> None:
        """Leaves the cluster; the actors end."""
        ray.shutdown()

    def _check_room(self, needed: int) -> None:
        needs = {kind: each for kind, each in self._needs.items() if each}
        machines = [node["Resources"] for node in ray_cluster.fit_nodes(0, 0)]
        room = sum(
            min((int(machine.get(kind, 0) / each) for kind, each in needs.items()), default=needed)
            for machine in machines
        )
        if room < needed:
            asked = " and ".join(f"{each:g} {kind}(s)" for kind, each in needs.items())
            raise ConfigError(
                f"the cluster has room for {room} process(es) of {asked} each; the run needs at least {needed}; ask "
                "for less by --threads and --gpus, or start more machines first"
            )


def _check_made(why: str) -> None:
    if why:
        raise CollabError(why)


def _ended(future: "Future[Any]", check: Any = lambda result: None) -> "Future[Any]":
    """The same future, with the error that the actor's code raised, or that `check` raises of the result."""
    outer: Future[Any] = Future()

    def end(done: "Future[Any]") -> None:
        try:
            result = done.result()
            check(result)
        except RayTaskError as error:
            outer.set_exception(error.cause or error)
        except Exception as error:
            outer.set_exception(error)
        else:
            outer.set_result(result)

    future.add_done_callback(end)
    return outer
