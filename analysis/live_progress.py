"""What the page shows of a sweep while it runs: its progress, the time left, and the curves so far."""

import dataclasses
import json
import os
import time
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import drawing, html_page
from analysis import figure_style as style
from collab_ensembles.errors import CollabError, DataError
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.runs.unpickle import read_pickle

_MOST_NAMED = 10
"""Lines that have a colour and a name of their own, those of runs that are being computed first."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a sweep knows of its runs.

    Attributes:
      times: the time used and left, for people.
      runs: of each run `run` (its name), `directory`, `state`, `epoch` and `test errors`, for people.
    """

    times: str
    runs: Sequence[dict[str, str]]


def read(file: IO[str]) -> Progress:
    """What `experiments.live_report` writes.

    Raises:
      DataError: it is something else.
    """
    try:
        content: Any = json.load(file)
        return Progress(str(content["times"]), [{str(key): str(run[key]) for key in run} for run in content["runs"]])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"--live: no progress of a sweep on standard input ({error}); the sweep gives the flag"
        ) from error


def parts(progress: Progress) -> list[str]:
    """The parts of the page."""
    states = pd.Series([run["state"] for run in progress.runs]).value_counts()
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    rows = pd.DataFrame(progress.runs).drop(columns="directory")
    curves = {run["run"]: _test_errors(run["directory"]) for run in progress.runs if run["state"] != "waiting"}
    curves = {name: errors for name, errors in curves.items() if not np.isnan(errors).all()}
    running = [run["run"] for run in progress.runs if run["state"] == "running"]
    return [
        html_page.heading("Progress of the sweep"),
        html_page.paragraph(
            f"{counted}. {progress.times}. As of {time.strftime('%H:%M:%S')}; the page is written after each run that "
            "ends, and loads itself again every minute."
        ),
        html_page.table(rows),
        *([_picture(curves, running)] if curves else []),
    ]


def _test_errors(directory: str) -> np.ndarray:
    """The test error of a run's last output, of the ensemble if there is one, in percent after each epoch so far.

    NaN for epochs without a test.
    """
    try:
        config, status = run_directory.read_config(directory), run_directory.read_status(directory)
        stem = list(naming.statistics_names(config).values())[-1]
        content: Any = read_pickle(os.path.join(directory, f"{stem}.pkl"))
        return 100 * np.asarray(content["test_errors"], dtype=float)[: status.epochs_done]
    # A run that has just begun has none, and a damaged one is for the report to tell.
    except (CollabError, KeyError, TypeError, ValueError):
        return np.zeros(0)


def _picture(curves: dict[str, np.ndarray], running: Sequence[str]) -> str:
    named = [*(name for name in running if name in curves), *reversed([name for name in curves if name not in running])]
    named = named[:_MOST_NAMED]

    def draw(panels: Sequence[Axes]) -> None:
        (axes,) = panels
        for name, errors in sorted(curves.items(), key=lambda curve: curve[0] in named):
            look: dict[str, Any] = {"color": "0.8"}
            if name in named:
                look = {"color": f"C{named.index(name)}", "label": name}
            tested = np.flatnonzero(~np.isnan(errors))
            axes.plot(tested + 1, errors[tested], "-" if len(tested) > 1 else ".", **look)
        style.epoch_axis(axes, "test error in %")
        style.legend_below(axes)

    caption = "Test error after each epoch, of the ensemble or the only network; grey: further runs that have ended."
    return html_page.picture(drawing.figure(draw, 1, (8, 5.5)), caption)
