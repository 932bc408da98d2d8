"""Measured results of a whole grid as a directory to be committed: tables, statistics, figures, claims, provenance.

All of it comes from the run directories; the same runs give the same files. A grid that is not finished is refused.

Example:
  python -m analysis.results --log_dir=runs/mnist-grid --dataset=mnist --out=results/mnist
  python -m analysis.results --log_dir=runs/fdl-grid --dataset=mnist --grid=fdl-mnist --out=results/fdl
"""

import contextlib
import io
import os
import shlex
from collections import Counter
from collections.abc import Sequence

from absl import flags
from matplotlib.figure import Figure

from analysis import (
    claims,
    figures,
    markdown_page,
    methods,
    provenance,
    statistics_csv,
    table_text,
    tables,
    uncertainty_table,
)
from analysis.claim import ClaimSet
from analysis.commands import training_commands
from analysis.methods import PublishedGrid
from analysis.published_grid import finished_runs, published
from analysis.recorded_run import Run
from collab_ensembles import files
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, DataError
from experiments import command_line, path_flags
from experiments.config_flags import DEFAULT_GRID

_DOTS_PER_INCH = 110


def contents(log_dir: str, dataset: str, out: str, grid_name: str = DEFAULT_GRID) -> dict[str, bytes]:
    """The files of the directory by name, README.md last.

    Args:
      log_dir: the log directory; runs of other data sets and systems in it do not matter.
      dataset: the name of the data set, as `--dataset` takes it.
      out: where the directory is to lie; for the command that the files name.
      grid_name: one of `published_grid.published`.

    Raises:
      DataError: as `published_grid.finished_runs` and `frame.read_runs`.
      RunDirectoryError: a run directory is damaged.
    """
    grid = published()[grid_name]
    runs = finished_runs(log_dir, dataset, grid)
    claim_set = claims.set_of(runs)
    findings = claims.findings_of(runs, claim_set) if claim_set else []
    commands = _commands(runs, log_dir, out, grid)
    texts = {
        "tables.md": _tables_page(runs),
        "tables.csv": tables.report(runs, "csv") + "\n",
        "statistics.csv": statistics_csv.text(runs),
        "environment.md": _environment_page(runs, grid, commands),
    }
    if calibration := uncertainty_table.csv(runs):
        texts["uncertainty.csv"] = calibration
    if claim_set:
        texts["claims.md"] = _claims_page(runs, claim_set, findings)
    result = {name: text.encode() for name, text in texts.items()}
    captions = {}
    for each in figures.drawings(runs):
        # What a grid has nothing for is left out.
        with contextlib.suppress(DataError):
            result[f"{each.name}.png"] = png(each.draw())
            captions[f"{each.name}.png"] = each.caption
    return result | {"README.md": _readme(runs, grid, findings, captions, commands).encode()}


def write(directory: str, content: dict[str, bytes]) -> None:
    """Writes files into a directory, each atomically.

    Raises:
      CollabError: it cannot be written.
    """
    files.make_directory(directory)
    for name, value in content.items():
        files.write_bytes(os.path.join(directory, name), value)


def _label(runs: Sequence[Run]) -> str:
    return catalogue.label(runs[0].config.dataset)


def _commands(runs: Sequence[Run], log_dir: str, out: str, grid: PublishedGrid) -> str:
    build = ["python", "-m", "analysis.results", f"--log_dir={log_dir}", f"--dataset={runs[0].config.dataset}"]
    build += [] if grid.name == DEFAULT_GRID else [f"--grid={grid.name}"]
    return markdown_page.commands(
        [
            "# train the runs again",
            training_commands(runs, log_dir),
            "# write this directory again",
            shlex.join([*build, f"--out={out}"]),
        ]
    )


def _tables_page(runs: Sequence[Run]) -> str:
    return markdown_page.page([f"# {_label(runs)}: final results", tables.report(runs, "markdown")])


def _environment_page(runs: Sequence[Run], grid: PublishedGrid, commands: str) -> str:
    heading = f"# {_label(runs)}: where, when and how the runs were computed"
    summary = f"{_size(runs, grid)}; computed {provenance.when(runs)} (UTC)."
    return markdown_page.page([heading, summary, *provenance.parts(runs), "## Commands", commands])


def _claims_page(runs: Sequence[Run], claim_set: ClaimSet, findings: Sequence[claims.Finding]) -> str:
    rows = claims.table_beside_paper(findings, _label(runs), claim_set)
    details = []
    for finding, margin, numbers in zip(findings, rows["margin"], rows["numbers"], strict=True):
        every = claims.margins_in_full(finding)
        more = "" if every == margin else f". Margins: {every}"
        details.append(f"{finding.claim.name} holds if {finding.claim.statement}. Here: {numbers or 'no data'}{more}")
    return markdown_page.page(
        [
            f"# {_label(runs)}: {claim_set.question}",
            f"{_tally(findings)} {claims.rule(claim_set)}",
            markdown_page.table(rows.drop(columns=["holds if", "numbers"])),
            "What is computed, and the numbers behind it (means over the seeds, of ratios geometric; errors in %):",
            markdown_page.bullets(details),
        ]
    )


def _tally(findings: Sequence[claims.Finding]) -> str:
    counts = Counter(finding.verdict for finding in findings)
    verdicts = ", ".join(f'"{verdict}" {counts[verdict]}' for verdict in claims.VERDICTS if counts[verdict])
    return f"Verdicts on {len(findings)} claims: {verdicts}."


def _size(runs: Sequence[Run], grid: PublishedGrid) -> str:
    seeds = sorted({run.config.seed for run in runs})
    analysis = methods.of(runs[0].config)
    rows = analysis.rows_of(runs)
    names = f"{seeds[0]} to {seeds[-1]}" if len(seeds) == seeds[-1] - seeds[0] + 1 > 1 else ", ".join(map(str, seeds))
    return (
        f"{len(runs)} runs ({len(rows)} {analysis.rows}; {len(seeds)} seed{'s' if len(seeds) > 1 else ''}: {names}), "
        f"{methods.epochs(runs)} epochs each, {runs[0].setting}"
    )


def _readme(
    runs: Sequence[Run],
    grid: PublishedGrid,
    findings: Sequence[claims.Finding],
    captions: dict[str, str],
    commands: str,
) -> str:
    main = grid.main(runs)
    calibrated = any(uncertainty_table.of(run).outputs for run in runs)
    found = provenance.revisions(runs)
    revisions = f"revision{'s' if len(found) > 1 else ''} {', '.join(found)}"
    listed = [
        f"[tables.md](tables.md), [tables.csv](tables.csv): {grid.tables}"
        f"{', with the published values' if _is_published(main) else ''}",
        "[statistics.csv](statistics.csv): every epoch of every run; errors and disagreement in %, test "
        "statistics with all digits",
        *(
            ["[uncertainty.csv](uncertainty.csv): measures of uncertainty of every run at its end"]
            if calibrated
            else []
        ),
        *(["[claims.md](claims.md): the paper's observations, held against these runs"] if findings else []),
        "[environment.md](environment.md): versions, interruptions, times",
        *(f"[{name}]({name}): {caption}" for name, caption in captions.items()),
    ]
    return markdown_page.page(
        [
            f"# {_label(runs)}: {grid.title}, measured",
            f"{_size(runs, grid)}; computed {provenance.when(runs)} (UTC) with {revisions}. Written by the second "
            "command below: not to be edited.",
            table_text.write(main, "markdown"),
            *([f"{_tally(findings)} ([claims.md](claims.md))"] if findings else []),
            markdown_page.bullets(listed),
            commands,
        ]
    )


def _is_published(table: table_text.Table) -> bool:
    return any(name.startswith("paper ") for name in table.header)


def png(figure: Figure) -> bytes:
    """A figure as PNG; equal figures have equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    out = flags.FLAGS.out
    if not out:
        raise ConfigError("--out: needed: the directory for the results, such as --out=results/mnist")
    catalogue.check_name(flags.FLAGS.dataset)
    content = contents(flags.FLAGS.log_dir, flags.FLAGS.dataset, out, flags.FLAGS.grid)
    write(out, content)
    size = sum(map(len, content.values())) / 1e6
    print(f"results: {len(content)} files, {size:.1f} MB, in {os.path.abspath(out)}")


if __name__ == "__main__":
    path_flags.log_dir()
    flags.DEFINE_string("dataset", "digits", "the data set of the runs to publish")
    flags.DEFINE_enum("grid", DEFAULT_GRID, list(published()), "which grid of that data set is published")
    path_flags.define("out", None, "the directory for the results, such as results/digits")
    command_line.launch(_main)
