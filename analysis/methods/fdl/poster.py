"""The tables of Das and Dutta Roy (2022), from feature-difference ensembles and what they are compared with."""

import importlib.resources
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import comparison, methods, recorded_run, table_notes
from analysis.comparison import by_network, cells_of, error, mean_and_deviation
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from collab_ensembles.methods.fdl.options import FeatureDifferenceConfig
from collab_ensembles.settings.config import RunConfig

OF_MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "RIE": {"phases": ("cross_entropy",)},
    "RIE, head": {"phases": ("cross_entropy", "head")},
    "FDL": {},
}
"""Ensembles of any number of networks by the settings that are not at their default.

RIE are networks trained independently. With a trained head in place of the mean they are not on the poster, and stand
in a table only if they were trained."""

OF_ONE = ("single", "SSE", "FGE", "AE Full")
"""What the poster makes of one network; this project does not train the last."""

_ONE_LAYER = re.compile(r"(?:convnet|fdlnet)(\d+)")
_ORDER = ("single", "RIE", "RIE, head", "SSE", "FGE", "AE Full", "FDL")
_BEST_NOTE = (
    "Best epoch: the highest accuracy of any, as the published ones are; the test set itself chooses it, which "
    "flatters."
)
_METHODS_NOTE = (
    "RIE: networks trained independently; SSE: snapshots; FGE: fast geometric ensembles; AE Full is not part of this "
    "project."
)
_FILTERS_NOTE = "RIE and FDL (Nx): N networks of M / N filters each; the accuracy is the ensemble's."


def published() -> pd.DataFrame:
    """The accuracies on the poster: columns dataset (as file names spell it), network, row, accuracy_percent."""
    path = importlib.resources.files("analysis").joinpath("reference/das_2022.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def row_name(method: str, count: int) -> str:
    """The row of an ensemble of so many networks: `FDL (2x)`, `RIE (3x), head`."""
    kind, *rest = method.split(", ")
    return ", ".join([f"{kind} ({count}x)", *rest])


def row_of(config: RunConfig) -> str | None:
    """The row of the poster's tables that a run belongs to, or would if it had so many networks; None if to none."""
    return methods.of(config).paper_row(config)


def place(row: str) -> tuple[int, int]:
    """Where a row stands: methods in the poster's order, then by the number of networks."""
    count = re.search(r" \((\d+)x\)", row)
    return (_ORDER.index(row.replace(count[0], "")), int(count[1])) if count else (_ORDER.index(row), 1)


def published_accuracy(dataset: str, network: str, row: str | None) -> float:
    """In percent; NaN where the poster has nothing. The data set is named as `--dataset` takes it."""
    return _published_rows(dataset, network).get(row or "", math.nan)


def _published_rows(dataset: str, network: str) -> dict[str, float]:
    every = published()
    own = every[(every["dataset"] == catalogue.label(dataset)) & (every["network"] == network)]
    return dict(zip(own["row"], own["accuracy_percent"].astype(float), strict=True))


def published_error(config: RunConfig, output: str) -> tuple[float, float, float]:
    """What the poster has for an output of such a run, see `methods.Published`: of the best epoch alone."""
    whole = "Ens" if len(config.member_names()) > 1 else config.member_names()[0]
    best = published_accuracy(config.dataset, config.members[0], row_of(config)) if output == whole else math.nan
    return math.nan, math.nan, 100 - best


def whole_output(run: Run) -> str:
    """The output that a row of the poster stands for: the ensemble, or the network that is alone."""
    return "Ens" if "Ens" in run.statistics else next(iter(run.statistics))


def accuracy(run: Run, best_epoch: bool = False) -> float:
    """The test accuracy in percent, after the last epoch or the highest of any, of what the run's row stands for."""
    return 100 - error(run, whole_output(run), best_epoch)


def pretraining_epochs(run: Run) -> int:
    """The epochs of plain training at the beginning of a feature-difference run."""
    assert isinstance(run.config, FeatureDifferenceConfig)
    return run.config.pretraining_epochs


def filters_of(network: str) -> int | None:
    """The filters of a network of one layer; None for other networks."""
    match = _ONE_LAYER.fullmatch(network)
    return int(match[1]) if match else None


def kind_of(network: str) -> str:
    """A network's name without its size: `convnet` for `convnet8`."""
    return re.sub(r"\d+$", "", network)


def accuracies(runs: Sequence[Run], network: str) -> pd.DataFrame:
    """The poster's table for one network, in percent.

    Args:
      runs: finished runs of feature-difference ensembles and snapshots, of one data set in one setting.
      network: such as `vgg16`.

    Returns:
      A row for each method that was published or trained. Columns: `runs`, their number; `epochs`, of each; `last` and
      `best`, accuracy after the last epoch and the highest of any, means over seeds; `last sd` and `best sd`, standard
      deviations; `paper`. NaN where there is none.
    """
    paper = _published_rows(runs[0].config.dataset, network)
    trained: dict[str, list[Run]] = {}
    for run in runs:
        row = row_of(run.config)
        if run.config.members[0] == network and row:
            trained.setdefault(row, []).append(run)
    rows = {}
    for name in sorted({*paper, *trained}, key=place):
        own = trained.get(name, [])
        last, best = (mean_and_deviation([accuracy(run, best_epoch) for run in own]) for best_epoch in (False, True))
        epochs = own[0].config.epochs if own else math.nan
        rows[name] = (len(own), epochs, *last, *best, paper.get(name, math.nan))
    columns = ["runs", "epochs", "last", "last sd", "best", "best sd", "paper"]
    return pd.DataFrame(rows.values(), index=pd.Index(rows, name="method"), columns=columns)


def by_filters(runs: Sequence[Run]) -> dict[str, dict[str, dict[int, list[Run]]]]:
    """Runs of networks of one layer: by kind of network, row, and the number of filters M of all networks together.

    Rows are in the order of tables, M rises, and the runs of each are in the order of their seeds.
    """
    found: dict[str, dict[str, dict[int, list[Run]]]] = {}
    for run in sorted(runs, key=lambda run: run.config.seed):
        network, row = run.config.members[0], row_of(run.config)
        filters = filters_of(network)
        if filters and row:
            rows = found.setdefault(kind_of(network), {})
            rows.setdefault(row, {}).setdefault(filters * len(run.config.members), []).append(run)
    return {
        kind: {row: dict(sorted(rows[row].items())) for row in sorted(rows, key=place)} for kind, rows in found.items()
    }


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """The comparison of all arrangements, then the poster's tables."""
    return [*comparison.text_tables(runs, unfinished), *poster_tables(runs)]


def poster_tables(runs: Sequence[Run]) -> list[Table]:
    """The poster's tables: one for each network, and accuracy by the number of filters for those of one layer."""
    tables = []
    for kind, rows in by_filters(runs).items():
        if len({filters for line in rows.values() for filters in line}) > 1:
            tables += [_filters_table(runs, kind, rows, best_epoch) for best_epoch in (False, True)]
    for network in by_network([run for run in runs if row_of(run.config)]):
        table = accuracies(runs, network)
        # A row alone compares nothing.
        if filters_of(network) is None and len(table) > 1:
            tables.append(_network_table(runs, network, table))
    return tables


def _network_table(runs: Sequence[Run], network: str, table: pd.DataFrame) -> Table:
    columns = {
        "last epoch": cells_of(table["last"], table["last sd"]),
        "best epoch": cells_of(table["best"], table["best sd"]),
    }
    if table["epochs"].nunique() > 1:
        columns = {"epochs": [Cell("" if math.isnan(count) else f"{count:g}") for count in table["epochs"]], **columns}
    if table["paper"].notna().any():
        columns["paper"] = cells_of(table["paper"], [math.nan] * len(table))
    heading = f"{_label(runs)}, ensembles of {network} as in Das and Dutta Roy (2022): accuracy in % ({_setting(runs)})"
    rows = [[Cell(str(name)), *cells] for name, *cells in zip(table.index, *columns.values(), strict=True)]
    notes = [_BEST_NOTE, _METHODS_NOTE, *([table_notes.DEVIATION] if table["runs"].max() > 1 else [])]
    return Table(heading, ["method", *columns], rows, notes)


def _filters_table(
    runs: Sequence[Run], kind: str, rows: Mapping[str, Mapping[int, Sequence[Run]]], best_epoch: bool
) -> Table:
    """Accuracy by the number of filters, as in the poster's figure, which has no numbers."""
    when = "best epoch" if best_epoch else "last epoch"
    heading = (
        f"{_label(runs)}, {kind}: test accuracy in %, {when}, of M filters in all as in the figure of Das and Dutta "
        f"Roy (2022) ({_setting(runs)})"
    )
    places = sorted({filters for line in rows.values() for filters in line})
    columns = []
    for line in rows.values():
        values = [[accuracy(run, best_epoch) for run in line.get(filters, [])] for filters in places]
        columns.append(cells_of(*zip(*map(mean_and_deviation, values), strict=True)))
    notes = [_FILTERS_NOTE, *([_BEST_NOTE] if best_epoch else []), *_epochs_note(rows)]
    if any(len(own) > 1 for line in rows.values() for own in line.values()):
        notes.append(table_notes.DEVIATION)
    lines = [[Cell(str(filters)), *cells] for filters, *cells in zip(places, *columns, strict=True)]
    return Table(heading, ["M", *rows], lines, notes)


def _epochs_note(rows: Mapping[str, Mapping[int, Sequence[Run]]]) -> list[str]:
    """How long the rows were trained, where they differ: the highest of more epochs is higher by chance alone."""
    lengths = {row: sorted({run.config.epochs for own in line.values() for run in own}) for row, line in rows.items()}
    if len({length for own in lengths.values() for length in own}) == 1:
        return []
    texts = [f"{row} {', '.join(map(str, own))}" for row, own in lengths.items()]
    return [f"Epochs: {'; '.join(texts)}."]


def _label(runs: Sequence[Run]) -> str:
    return catalogue.label(runs[0].config.dataset)


def _setting(runs: Sequence[Run]) -> str:
    return recorded_run.setting(runs[0].config)
