"""The commands that train given runs again."""

import contextlib
import dataclasses
import itertools
import shlex
from collections.abc import Sequence
from typing import Any

from analysis.comparison import rows_of
from analysis.recorded_run import Run
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.config import RunConfig
from experiments import config_flags
from experiments.grids import GRIDS, plan

_OF_ENSEMBLE = "noel"
_OTHER_GRIDS = [name for name in GRIDS if name != _OF_ENSEMBLE]
# Grids name their members or take them.
_WITHOUT = (("members",), ())


def training_commands(runs: Sequence[Run], log_dir: str) -> str:
    """A line for each grid that the runs fill, and for each run that belongs to none.

    Args:
      runs: of one data set in one setting.
      log_dir: where they are to be kept.
    """
    if runs[0].config.system == "ensemble":
        sweeps, others = _noel_sweep(runs)
    else:
        sweeps, others = _sweeps(runs)
    lines = [shlex.join(["python", "-m", "experiments.sweep", *sweep, f"--log_dir={log_dir}"]) for sweep in sweeps]
    lines += [
        shlex.join(["python", "-m", "experiments.train", *config_flags.arguments(run.config), f"--log_dir={log_dir}"])
        for run in others
    ]
    return "\n".join(lines)


def _noel_sweep(runs: Sequence[Run]) -> tuple[list[list[str]], Sequence[Run]]:
    """The flags of sweeps, and the runs that these do not train."""
    seeds = sorted({run.config.seed for run in runs})
    base = dataclasses.replace(runs[0].config, method="None", weight=1.0, seed=0)
    is_grid = len(base.members) > 1 and {run.config for run in runs} == noel_grid(base, seeds)
    return ([_flags(_OF_ENSEMBLE, config_flags.arguments(base), seeds)], []) if is_grid else ([], runs)


def noel_grid(config: RunConfig, seeds: Sequence[int]) -> set[RunConfig]:
    """The 13 ensembles of each seed, in the setting of a run of two members or more."""
    names = [field.name for field in dataclasses.fields(config) if field.name not in ("method", "weight", "seed")]
    return set(plan(_OF_ENSEMBLE, {name: getattr(config, name) for name in names}, seeds))


def grid_of(name: str, config: RunConfig, seeds: Sequence[int]) -> set[RunConfig]:
    """All runs, for each of these seeds, of the grid of this name that a run belongs to; none if it is in none."""
    if name == _OF_ENSEMBLE:
        return noel_grid(config, seeds)
    for without in _WITHOUT:
        configs = _planned(name, _settings(config, without), seeds)
        if config in configs:
            return configs
    return set()


def _sweeps(runs: Sequence[Run]) -> tuple[list[list[str]], Sequence[Run]]:
    """The same for runs of other systems, of which several grids may lie in one directory."""
    seeds = sorted({run.config.seed for run in runs})
    left = {run.config: run for row in rows_of(runs).values() for run in row}
    # Grids share rows; a sweep skips those that another has trained.
    every = set(left)
    sweeps = []
    for base in list(left):
        for grid, without in itertools.product(_OTHER_GRIDS, _WITHOUT):
            settings = _settings(base, without)
            configs = _planned(grid, settings, seeds) if base in left else set()
            if base in configs and configs <= every:
                sweeps.append(_flags(grid, [f"--{name}={_text(value)}" for name, value in settings.items()], seeds))
                left = {config: run for config, run in left.items() if config not in configs}
    return sweeps, list(left.values())


def _settings(config: RunConfig, without: Sequence[str]) -> dict[str, Any]:
    """What a run has in common with the others of its grid, as a sweep's flags give it."""
    result = {}
    for field in dataclasses.fields(config):
        varied = field.name in ("system", "seed", *without) or config.system in field.metadata["systems"]
        value = getattr(config, field.name)
        if not varied and value != config.default_of(field):
            result[field.name] = value
    return result


def _planned(grid: str, settings: dict[str, Any], seeds: Sequence[int]) -> set[RunConfig]:
    with contextlib.suppress(ConfigError):
        return set(plan(grid, settings, seeds))
    return set()


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _flags(grid: str, arguments: Sequence[str], seeds: Sequence[int]) -> list[str]:
    return [f"--grid={grid}", *arguments, f"--seeds={','.join(map(str, seeds))}"]
