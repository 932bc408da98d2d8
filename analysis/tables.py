"""Final test errors and costs, laid out as in figures A.7 to A.12 of Noel (2017).

Example:
  python -m analysis.tables --log_dir=runs --dataset=mnist --format=markdown
"""

import importlib.resources
from collections.abc import Sequence

import pandas as pd
from absl import flags

from analysis import frame
from analysis.frame import Run
from collab_ensembles.datasets import catalogue
from experiments import command_line

METHODS = ("CE", "L1", "L2", "Single")
FORMATS = ("markdown", "latex", "csv")
_QUANTITIES = {"error": ("TestError", "test error in %", 2), "cost": ("TestCost", "test cost", 6)}


def final_table(runs: Sequence[Run], quantity: str) -> pd.DataFrame:
    """The test error in percent, or the test cost, after the last epoch; the mean over seeds.

    Args:
      runs: finished runs of one data set in one setting.
      quantity: `error` or `cost`.

    Returns:
      A row for each (Method, Weight), in the order of the paper's tables; a column for each model,
      `Seeds`, and `paper <model>` where the paper has the same ensembles, trained as these were.
    """
    data = _QUANTITIES[quantity][0]
    last = frame.to_frame(runs).iloc[-1].xs(data, level="Data")
    by_model = last.groupby(level=["Method", "Weight", "Model"], sort=False).mean().unstack("Model")
    models = list(runs[0].statistics)
    table = by_model[models]
    table["Seeds"] = last.groupby(level=["Method", "Weight", "Model"]).count().unstack("Model")[models[0]]
    for model, values in _paper(runs[0], quantity).items():
        # 0.1**2 is the paper's 0.01 too.
        index = [(method, round(weight, 10)) for method, weight in table.index]
        table[f"paper {model}"] = values.reindex(pd.MultiIndex.from_tuples(index)).to_numpy()
    order = sorted(table.index, key=lambda row: (METHODS.index(row[0]), -row[1]))
    return table.loc[order]


def render(table: pd.DataFrame, quantity: str, style: str) -> str:
    """A final table as text; the best of each column is marked.

    Args:
      table: from `final_table`.
      quantity: `error` or `cost`.
      style: `markdown` or `latex` (needs the package booktabs).
    """
    digits = _QUANTITIES[quantity][2]
    emphasis = "**{}**" if style == "markdown" else "\\textbf{{{}}}"
    columns = [name for name in table.columns if name != "Seeds" or table["Seeds"].max() > 1]
    cells = {name: _cells(table[name], 0 if name == "Seeds" else digits) for name in columns}
    for name in columns:
        if name != "Seeds":
            # By what is shown, so that equal numbers are marked together.
            best = min(filter(None, cells[name]), key=float, default="")
            cells[name] = [emphasis.format(text) if text and text == best else text for text in cells[name]]
    header = ["method", "weight", *columns]
    rows = [
        [method, f"{weight:g}", *texts]
        for (method, weight), *texts in zip(table.index, *(cells[name] for name in columns), strict=True)
    ]
    return _markdown(header, rows) if style == "markdown" else _latex(header, rows)


def _cells(values: pd.Series, digits: int) -> list[str]:
    return ["" if pd.isna(value) else f"{value:.{digits}f}" for value in values]


def report(runs: Sequence[Run], style: str) -> str:
    """The final results of runs of one data set, apart for each setting they were trained in.

    Args:
      runs: finished runs of one data set.
      style: `markdown` or `latex` for a table of errors and one of costs, `csv` for `long_table`.
    """
    if style == "csv":
        return long_table(runs).to_csv(index=False, lineterminator="\n", float_format="%.8g").rstrip()
    texts = []
    for setting, group in frame.by_setting(runs).items():
        for quantity, (_, title, _) in _QUANTITIES.items():
            label, epochs = catalogue.label(group[0].config.dataset), group[0].config.epochs
            heading = f"{label}, final {title} after {epochs} epochs ({setting})"
            comment = {"markdown": f"{heading}\n", "latex": f"% {heading}"}[style]
            texts.append(f"{comment}\n{render(final_table(group, quantity), quantity, style)}")
    return "\n\n".join(texts)


def long_table(runs: Sequence[Run]) -> pd.DataFrame:
    """The final results with a row for each setting, method, weight and model; means over seeds.

    Columns: setting, method, weight, model, seeds, test_error_percent, test_cost, and
    paper_test_error_percent and paper_test_cost, empty where the paper has nothing to compare.
    """
    rows = []
    for setting, group in frame.by_setting(runs).items():
        errors, costs = (final_table(group, quantity) for quantity in _QUANTITIES)
        for index in errors.index:
            for model in group[0].statistics:
                error, cost, paper = errors.loc[index], costs.loc[index], f"paper {model}"
                ours = (setting, *index, model, int(error["Seeds"]), error[model], cost[model])
                rows.append((*ours, error.get(paper), cost.get(paper)))
    columns = ["setting", "method", "weight", "model", "seeds", "test_error_percent", "test_cost"]
    return pd.DataFrame(rows, columns=[*columns, "paper_test_error_percent", "paper_test_cost"])


def paper_results() -> pd.DataFrame:
    """The published final results: figures A.7 to A.12 of Noel (2017) as one long table."""
    path = importlib.resources.files("analysis").joinpath("reference/noel_2017.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _paper(run: Run, quantity: str) -> dict[str, pd.Series]:
    if frame.setting(run.config) != frame.DEFAULT_SETTINGS:
        return {}
    results = paper_results()
    results = results[results["dataset"] == catalogue.label(run.config.dataset)]
    value = "test_error_percent" if quantity == "error" else "test_cost"
    return {
        str(model): rows.set_index(["method", "weight"])[value] for model, rows in results.groupby("model", sort=False)
    }


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, *rows)
    ]
    rule = "|" + "|".join("-" * (width + 1) + ":" if index else "-" * (width + 2) for index, width in enumerate(widths))
    return "\n".join([lines[0], f"{rule}|", *lines[1:]])


def _latex(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"\toprule",
            " & ".join(header).replace("_", r"\_") + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    catalogue.check_name(flags.FLAGS.dataset)
    print(report(frame.read_runs(flags.FLAGS.log_dir, flags.FLAGS.dataset), flags.FLAGS.format))


if __name__ == "__main__":
    flags.DEFINE_string("log_dir", "runs", "where run directories are kept", allow_override=True)
    flags.DEFINE_string("dataset", "digits", "the data set whose runs are shown")
    flags.DEFINE_enum("format", "markdown", list(FORMATS), "how the tables are written")
    command_line.launch(_main)
