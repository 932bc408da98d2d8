"""What collaboration does to the members of an ensemble and to the ensemble, over the runs of all open questions."""

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from analysis.methods.ensemble.question_claims import Answered
from analysis.recorded_run import Run
from collab_ensembles.methods.ensemble.options import PLAIN, EnsembleConfig
from collab_ensembles.settings.config import RunConfig

HEADING = "What collaboration does to members and ensemble"

CAPTION = (
    "Change in test error of the members (open; their mean) and of the ensemble (filled) by collaboration, over the "
    "change of the members' disagreement. Two joined points are a row; means over seeds, in points of per cent of the "
    "test examples."
)

_DISAGREEMENT = "Disagreement"
"""Runs of release 0.1.0 have none."""
_MEASURED = ("members", "ensemble", "disagreement")


def changes(answered: Mapping[int, Answered]) -> pd.DataFrame:
    """What each row that collaborates changes, against the plain runs that differ in nothing else.

    Rows of question 7 also differ in the images on which members collaborate.

    Args:
      answered: the runs of the questions, by number.

    Returns:
      A line for each row, with the number of seeds and mean changes in points of per cent of the test examples, after
      the last epoch: of the members' mean error, of the ensemble's error, and of the members' disagreement. A run that
      stands in several rows counts in the first one. Rows without plain runs of their settings are left out.
    """
    rows: dict[str, tuple[int, str, Run]] = {}
    for number, own in answered.items():
        for name, run in own.runs:
            rows.setdefault(run.config.digest(), (number, name, run))
    measured = {
        digest: _measured(run) for digest, (_, _, run) in rows.items() if _DISAGREEMENT in run.statistics.get("Ens", ())
    }
    lines = []
    for digest, values in measured.items():
        number, name, run = rows[digest]
        if _collaborates(run.config) and (plain := measured.get(_without_collaboration(run.config).digest())):
            lines.append((number, name, *(own - other for own, other in zip(values, plain, strict=True))))
    by_row = pd.DataFrame(lines, columns=["question", "row", *_MEASURED]).groupby(["question", "row"], sort=False)
    # Errors are float32: equal ones differ in digits that mean nothing. There is no -0.
    means = by_row.mean().round(5) + 0.0
    means.insert(0, "seeds", by_row.size())
    return means.reset_index()


def summary(table: pd.DataFrame) -> str:
    """How often members, averaging and ensembles gain, and how that goes with disagreement."""
    counts = {name: int((table[name] < 0).sum()) for name in _MEASURED}
    less = int((table["members"] < table["ensemble"]).sum())
    apart = panels(table)
    averaging = [f"{_together(rows, rows['members'] - rows['ensemble'])} ({name})" for name, rows in apart]
    ensemble = [f"{_together(rows, -rows['ensemble'])} ({name})" for name, rows in apart]
    other = ", but in question 7 in the images without labels" * (7 in set(table["question"]))
    return (
        f"{len(table)} rows collaborate and have a plain row that differs in nothing else{other}. In "
        f"{counts['disagreement']} of them the members disagree less than in the plain row, in {counts['members']} "
        f"their mean error is lower, and in {counts['ensemble']} that of the ensemble is. In "
        f"{less} averaging gains less: the members' mean error less the ensemble's. Spearman's rank correlation of the "
        f"change of disagreement with that of what averaging gains: {', '.join(averaging)}; with the gain of the "
        f"ensemble: {', '.join(ensemble)}. Means over seeds, looked at without a claim made beforehand; rows of a "
        "question share their plain runs."
    )


def _together(rows: pd.DataFrame, gains: "pd.Series[float]") -> str:
    """The rank correlation of the change of disagreement with that of something else; none if one is constant."""
    if rows["disagreement"].nunique() < 2 or gains.nunique() < 2:
        return "none"
    return f"{stats.spearmanr(rows['disagreement'], gains).statistic:+.2f}"


def panels(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows that a panel shows, with its title.

    Those of question 7 stand apart, since its few labels make all changes larger.
    """
    is_seven = table["question"] == 7
    found = []
    for rows in (table[~is_seven], table[is_seven]):
        numbers = ", ".join(map(str, dict.fromkeys(rows["question"])))
        if numbers:
            found.append((f"question{'s' * (',' in numbers)} {numbers}", rows))
    return found


def draw(table: pd.DataFrame, axes: Sequence[Axes]) -> None:
    """The changes of all rows.

    Args:
      table: see `changes`.
      axes: as many as `panels`.
    """
    for panel, (title, shown) in zip(axes, panels(table), strict=True):
        panel.axhline(0, color="black", linewidth=0.8)
        panel.axvline(0, color="black", linewidth=0.8)
        for number, rows in shown.groupby("question", sort=False):
            places, colour = rows["disagreement"], f"C{number}"
            panel.vlines(places, rows["members"], rows["ensemble"], color=colour, alpha=0.4, linewidth=1)
            panel.plot(places, rows["members"], "o", color=colour, markerfacecolor="white", markersize=5)
            panel.plot(places, rows["ensemble"], "o", color=colour, markersize=5, label=f"question {number}")
        panel.set_xlabel("change of disagreement, points of %")
        panel.set_title(title, fontsize=10)
        panel.grid(alpha=0.3)
        if shown["question"].nunique() > 1:
            panel.legend(fontsize=8)
    axes[0].set_ylabel("change of test error, points of %")
    axes[0].figure.suptitle(HEADING, fontsize=10)


def _measured(run: Run) -> tuple[float, float, float]:
    """The members' mean error, the ensemble's, and the members' disagreement, in percent after the last epoch."""
    last = {output: curve.iloc[-1] for output, curve in run.statistics.items()}
    ensemble = last.pop("Ens")
    members = sum(float(each["TestError"]) for each in last.values()) / len(last)
    return members, float(ensemble["TestError"]), float(ensemble[_DISAGREEMENT])


def _collaborates(config: RunConfig) -> bool:
    return isinstance(config, EnsembleConfig) and config.method != PLAIN


def _without_collaboration(config: RunConfig) -> RunConfig:
    """The settings of the ensemble that differs in nothing but collaboration; equal initial values stay equal."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    for field in config.own_fields():
        if field.name != "shared_initialisation":
            del values[field.name]
    return RunConfig(**values)
