"""The commands that train given runs again."""

import contextlib
import functools
import itertools
import shlex
from collections.abc import Sequence
from typing import Any

from analysis import methods
from analysis.recorded_run import Run
from collab_ensembles import methods as systems
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings import grid as grids
from collab_ensembles.settings.config import RunConfig
from experiments import config_flags

# Grids name their members or take them.
_WITHOUT = (("members",), ())


def training_commands(runs: Sequence[Run], log_dir: str) -> str:
    """A line for each grid that the runs fill, and for each run that belongs to none.

    Args:
      runs: of one data set in one setting.
      log_dir: where they are to be kept.
    """
    sweeps, others = _sweeps(runs)
    lines = [shlex.join(["python", "-m", "experiments.sweep", *sweep, f"--log_dir={log_dir}"]) for sweep in sweeps]
    lines += [
        shlex.join(["python", "-m", "experiments.train", *config_flags.arguments(run.config), f"--log_dir={log_dir}"])
        for run in others
    ]
    return "\n".join(lines)


def grid_of(name: str, config: RunConfig, seeds: Sequence[int]) -> set[RunConfig]:
    """All runs, for each of these seeds, of the grid of this name that a run belongs to; none if it is in none."""
    for without in _WITHOUT:
        configs = _planned(name, _settings(config, without), seeds)
        if config in configs:
            return configs
    return set()


def _sweeps(runs: Sequence[Run]) -> tuple[list[list[str]], Sequence[Run]]:
    """The flags of sweeps, and the runs that these do not train; several grids may lie in one directory."""
    seeds = sorted({run.config.seed for run in runs})
    rows = methods.of(runs[0].config).rows_of(runs)
    left = {run.config: run for row in rows.values() for run in row}
    planned = functools.cache(lambda grid, settings: _planned(grid, dict(settings), seeds))
    # Grids share rows; a sweep skips those that another has trained.
    every = set(left)
    sweeps = []
    for base in list(left):
        for grid, without in itertools.product(systems.method(base.system).grids, _WITHOUT):
            settings = _settings(base, without)
            configs = planned(grid, tuple(settings.items())) if base in left else set()
            if base in configs and configs <= every:
                sweeps.append(_flags(grid, [f"--{name}={_text(value)}" for name, value in settings.items()], seeds))
                left = {config: run for config, run in left.items() if config not in configs}
    return sweeps, list(left.values())


def _settings(config: RunConfig, without: Sequence[str]) -> dict[str, Any]:
    """What a run has in common with the others of its grid, as a sweep's flags give it."""
    own = {field.name for field in config.own_fields()}
    varied = {"system", "seed", *without, *(own & {*config.varied})}
    values = {field.name: (getattr(config, field.name), config.default_of(field)) for field in config.in_order()}
    return {name: value for name, (value, usual) in values.items() if name not in varied and value != usual}


def _planned(grid: str, settings: dict[str, Any], seeds: Sequence[int]) -> set[RunConfig]:
    with contextlib.suppress(ConfigError):
        return set(grids.plan(grid, settings, seeds))
    return set()


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _flags(grid: str, arguments: Sequence[str], seeds: Sequence[int]) -> list[str]:
    return [f"--grid={grid}", *arguments, f"--seeds={','.join(map(str, seeds))}"]
