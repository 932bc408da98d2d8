"""The flag that spreads a single run over the processes of a Ray cluster."""

import contextlib
from collections.abc import Iterator

from absl import flags

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.team import Team
from experiments import backend_flags
from experiments.launch import ray_flags

_EXECUTOR = flags.DEFINE_enum(
    "executor",
    "local",
    ["local", "ray"],
    "where the run is computed: local: by this process; ray: by processes of a Ray cluster, for systems with parts "
    "that learn by themselves (docs/COMMUNICATION.md)",
)


def on_ray() -> bool:
    """Whether a Ray cluster computes the run."""
    return bool(_EXECUTOR.value == "ray")


def check(config: RunConfig) -> None:
    """Raises ConfigError for flags that are not allowed, and for a run that cannot be computed so."""
    if on_ray() and backend_flags.on_jax():
        raise ConfigError("--executor=ray with --backend=jax: allowed: tensorflow; leave one of them out")
    ray_flags.check(on_ray())
    registry.check_team(config, on_ray())


@contextlib.contextmanager
def team(threads: int | None) -> Iterator[Team | None]:
    """The processes that compute the run, of so many threads each; None: this one does."""
    if not on_ray():
        yield None
        return
    assert threads is not None
    facts = ray_flags.connect()

    from experiments.launch.ray_team import RayTeam

    # On one machine parts may share cores, otherwise there could be no more parts than cores.
    processes = RayTeam(facts, threads, 0 if ray_flags.on_this_machine() else threads, ray_flags.gpus())
    try:
        yield processes
    finally:
        processes.end()
