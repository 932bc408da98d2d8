"""Grids with invented statistics and an environment, to be published."""

import dataclasses
import pathlib
import re
import shutil
from typing import Any

import numpy as np
from synthetic_runs import KEYS, OUTPUTS, write_run

from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig

DAY = 86_400.0
HERE = {"revision": "abc", "threads": 1, "keras": "3.15", "devices": ["CPU"]}
_OF_ENSEMBLE = ("disagreement", "logit_distance")

Contents = dict[str, dict[str, Any]]
Grid = dict[RunConfig, Contents]


def configs_of(seeds: tuple[int, ...], **settings: Any) -> list[RunConfig]:
    """The 13 ensembles for each seed, on MNIST unless the settings say otherwise."""
    pairs = [(method, 10.0**power) for method in ("CE", "L1", "L2") for power in (0, -1, -2, -4)]
    return [
        RunConfig(**{"dataset": "mnist", "method": method, "weight": weight, "seed": seed, **settings})
        for seed in seeds
        for method, weight in [("plain", 1.0), *pairs]
    ]


def contents_of(random: np.random.Generator, epochs: int) -> Contents:
    """Single-precision numbers, as trainings record them."""
    found = {}
    for end in OUTPUTS:
        names = [*KEYS, *(_OF_ENSEMBLE if end == "Ensemble" else ())]
        values = {name: random.uniform(0.001, 0.03, epochs).astype(np.float32).astype(float) for name in names}
        found[end] = {**values, "start_time": 1.0, "end_time": 2.0, "params": {}}
    return found


def set_status(directory: pathlib.Path, **facts: Any) -> None:
    """Changes what the status of a run says."""
    status = run_directory.read_status(str(directory))
    run_directory.write_status(str(directory), dataclasses.replace(status, **facts))


def write(log_dir: pathlib.Path, configs: list[RunConfig]) -> Grid:
    """Writes runs with an environment, in directories whose order is none of the tables'."""
    random, grid = np.random.default_rng(5), {}
    for number, config in enumerate(configs):
        assert config.epochs is not None
        grid[config] = contents_of(random, config.epochs)
        directory = write_run(log_dir, config, grid[config])
        set_status(directory, environment=HERE, seconds=60.0 + number, started=DAY * 365, ended=DAY * 366 + number)
    return grid


def with_other_digit(published: pathlib.Path, copy: pathlib.Path, name: str, pattern: str) -> pathlib.Path:
    """A copy of a published directory with another digit in a line, wherever the line is.

    Args:
      published: the directory.
      copy: where the copy goes.
      name: the file with the line.
      pattern: what the line matches first; its only group is the digit.

    Returns:
      The copy.
    """
    shutil.copytree(published, copy)
    text = (copy / name).read_text()
    match = re.search(pattern, text, re.MULTILINE)
    assert match, pattern
    first, last = text.rfind("\n", 0, match.start(1)) + 1, text.find("\n", match.start(1))
    place, line = match.start(1) - first, text[first:last]
    other = f"{line[:place]}{(int(line[place]) + 1) % 10}{line[place + 1 :]}"
    for path in copy.iterdir():
        if path.suffix in (".md", ".csv"):
            path.write_text(path.read_text().replace(line, other))
    return copy
