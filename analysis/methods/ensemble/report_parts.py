"""What the report shows of collaborative ensembles alone: what their members cost in use."""

import os
from collections.abc import Sequence

import pandas as pd

from analysis import html_page
from analysis.methods.ensemble import efficiency, noel_tables
from analysis.methods.ensemble.noel_rows import is_plain
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue


def cost_in_use(runs: Sequence[Run], log_dir: str) -> list[str]:
    """Parameters and inference time against error, if experiments.measure_inference has been run.

    Raises:
      DataError: the file that it wrote is damaged.
    """
    rows = pd.DataFrame(efficiency.measured(os.path.join(log_dir, catalogue.label(runs[0].config.dataset))))
    if rows.empty:
        return []
    plain = [run for run in runs if is_plain(run)]
    if not plain or set(rows["model"]) != set(plain[0].statistics):
        return []
    finals = noel_tables.final_table(plain, "error").iloc[0]
    rows["test_error"] = [finals[model] for model in rows["model"]]
    figure = efficiency.efficiency_figure(rows)
    return [
        html_page.heading("What members cost in use", 3),
        html_page.picture(figure, "Parameters and inference time against the final test error of the plain ensemble."),
    ]
