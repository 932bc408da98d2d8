"""The flags that say which Ray cluster computes, for the commands that can use one."""

from typing import Any

from absl import flags

from collab_ensembles.errors import ConfigError
from experiments.launch import ray_cluster

_ADDRESS = flags.DEFINE_string(
    "address",
    ray_cluster.LOCAL,
    "with --executor=ray: HOST:PORT of the cluster's head; local: a cluster of this machine only",
)
_GPUS = flags.DEFINE_float(
    "gpus", 0.0, "with --executor=ray: number of GPUs for each run, or each part of a spread one, such as 1 or 0.5"
)
_SEND_PACKAGE = flags.DEFINE_bool(
    "send_package",
    True,
    "with --executor=ray: send this project's code to the nodes; otherwise it must be installed there",
)


def check(on_ray: bool, *further: "flags.FlagHolder[Any]") -> None:
    """Raises ConfigError for values that are not allowed, and for any, also of further flags, without Ray."""
    if not on_ray:
        for flag in (_ADDRESS, _GPUS, _SEND_PACKAGE, *further):
            if flag.value != flag.default:
                raise ConfigError(
                    f"--{flag.name}={flag.value} belongs to --executor=ray; leave it out, or add --executor=ray"
                )
        return
    ray_cluster.check_address(_ADDRESS.value)
    if not (0 <= gpus() <= 1 or (gpus() > 1 and gpus().is_integer())):
        raise ConfigError(f"--gpus={gpus():g}: allowed: whole numbers from 0, or a fraction of one, such as 0.5")


def gpus() -> float:
    """The GPUs of each run or part."""
    return float(_GPUS.value)


def on_this_machine() -> bool:
    """Whether the cluster is one of this machine only."""
    return bool(_ADDRESS.value == ray_cluster.LOCAL)


def connect() -> dict[str, str]:
    """See `ray_cluster.connect`."""
    return ray_cluster.connect(_ADDRESS.value, _SEND_PACKAGE.value)
