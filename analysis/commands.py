"""Makes the commands that train given runs again."""

import contextlib
import functools
import itertools
import shlex
from collections.abc import Sequence
from typing import Any

from analysis import methods
from analysis.recorded_run import Run
from collab_ensembles.errors import ConfigError
from collab_ensembles.machine import TENSORFLOW
from collab_ensembles.runs import backends
from collab_ensembles.settings import grid as grids
from collab_ensembles.settings import registry as systems
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text
from experiments import config_flags

# A grid sets its members or takes them from the settings.
_WITHOUT = (("members",), ())


def training_commands(runs: Sequence[Run], log_dir: str) -> str:
    """One line for each grid that the runs complete, and for each run that belongs to no grid.

    Args:
      runs: of one data set in one setting.
      log_dir: the directory for the run directories.
    """
    sweeps, others = _sweeps(runs)
    backend = backends.of(runs[0].status)
    end = [*([] if backend in ("", TENSORFLOW) else [f"--backend={backend}"]), f"--log_dir={log_dir}"]
    lines = [shlex.join(["python", "-m", "experiments.sweep", *sweep, *end]) for sweep in sweeps]
    lines += [
        shlex.join(["python", "-m", "experiments.train", *config_flags.arguments(run.config), *end]) for run in others
    ]
    return "\n".join(lines)


def grid_of(name: str, config: RunConfig, seeds: Sequence[int]) -> set[RunConfig]:
    """All runs, for these seeds, of the named grid; empty if the given run does not belong to it."""
    _, chosen = grids.find(name)
    for without in _WITHOUT:
        configs = _planned(name, _settings(config, (*without, *chosen.sets)), seeds)
        if config in configs:
            return configs
    return set()


def _sweeps(runs: Sequence[Run]) -> tuple[list[list[str]], Sequence[Run]]:
    """The flags of sweeps, and the runs that these do not train; a directory may have several grids."""
    seeds = sorted({run.config.seed for run in runs})
    rows = methods.of(runs[0].config).rows_of(runs)
    left = {run.config: run for row in rows.values() for run in row}
    planned = functools.cache(lambda grid, settings: _planned(grid, dict(settings), seeds))
    # Grids share runs; a sweep skips those that another sweep has trained.
    every = set(left)
    sweeps = []
    for base in list(left):
        for (grid, each), without in itertools.product(systems.method(base.system).grids.items(), _WITHOUT):
            settings = _settings(base, (*without, *each.sets))
            configs = planned(grid, tuple(settings.items())) if base in left else set()
            if base in configs and configs <= every:
                sweeps.append(_flags(grid, [f"--{name}={as_text(value)}" for name, value in settings.items()], seeds))
                left = {config: run for config, run in left.items() if config not in configs}
    return sweeps, list(left.values())


def _settings(config: RunConfig, without: Sequence[str]) -> dict[str, Any]:
    """The settings that a run shares with its grid, as flags of a sweep."""
    own = {field.name for field in config.own_fields()}
    varied = {"system", "seed", *without, *(own & {*config.varied})}
    values = {field.name: (getattr(config, field.name), config.default_of(field)) for field in config.in_order()}
    return {name: value for name, (value, usual) in values.items() if name not in varied and value != usual}


def _planned(grid: str, settings: dict[str, Any], seeds: Sequence[int]) -> set[RunConfig]:
    with contextlib.suppress(ConfigError):
        return set(grids.plan(grid, settings, seeds))
    return set()


def _flags(grid: str, arguments: Sequence[str], seeds: Sequence[int]) -> list[str]:
    return [f"--grid={grid}", *arguments, f"--seeds={','.join(map(str, seeds))}"]
