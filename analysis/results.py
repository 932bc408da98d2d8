"""Measured results of a whole grid as a directory to be committed: tables, statistics, figures, claims, provenance.

All of it comes from the run directories; the same runs give the same files. A grid that is not finished is refused.

Example:
  python -m analysis.results --log_dir=runs/mnist-grid --dataset=mnist --out=results/mnist
"""

import io
import os
import shlex
from collections import Counter
from collections.abc import Sequence

from absl import flags
from matplotlib.figure import Figure

from analysis import claims, figures, frame, markdown_page, provenance, recorded_run, statistics_csv, table_text, tables
from analysis.commands import noel_grid, training_commands
from analysis.recorded_run import Run
from collab_ensembles import files, naming
from collab_ensembles.config import RunConfig
from collab_ensembles.datasets import catalogue
from collab_ensembles.errors import ConfigError, DataError
from experiments import command_line

_DOTS_PER_INCH = 110
_MOST_NAMED = 3


def contents(log_dir: str, dataset: str, out: str) -> dict[str, bytes]:
    """The files of the directory by name, README.md last.

    Args:
      log_dir: the log directory; runs of other data sets and systems in it do not matter.
      dataset: the name of the data set, as `--dataset` takes it.
      out: where the directory is to lie; for the command that the files name.

    Raises:
      DataError: as `finished_grid` and `frame.read_runs`.
      RunDirectoryError: a run directory is damaged.
    """
    runs = finished_grid(log_dir, dataset)
    findings = claims.findings(claims.grids_of(runs))
    commands = _commands(runs, log_dir, out)
    pictures = {f"{each.name}.png": each for each in figures.drawings(runs)}
    texts = {
        "tables.md": _tables_page(runs),
        "tables.csv": tables.report(runs, "csv") + "\n",
        "statistics.csv": statistics_csv.text(runs),
        "claims.md": _claims_page(runs, findings),
        "environment.md": _environment_page(runs, commands),
    }
    result = {name: text.encode() for name, text in texts.items()}
    result |= {name: _png(each.draw()) for name, each in pictures.items()}
    captions = {name: each.caption for name, each in pictures.items()}
    return result | {"README.md": _readme(runs, findings, captions, commands).encode()}


def write(directory: str, content: dict[str, bytes]) -> None:
    """Writes files into a directory, each atomically.

    Raises:
      CollabError: it cannot be written.
    """
    files.make_directory(directory)
    for name, value in content.items():
        files.write_bytes(os.path.join(directory, name), value)


def finished_grid(log_dir: str, dataset: str) -> list[Run]:
    """The runs of the 13 ensembles, for each seed that occurs, in the order of the tables.

    Raises:
      DataError: there are none, or of several settings; some are missing or not finished; there are others besides;
        or one does not say in what environment it was computed, as the author's files.
    """
    found, left_out = frame.read_all(log_dir, dataset)
    runs = [run for run in found if run.config.system == "ensemble"]
    unfinished = [config for config in left_out if config.system == "ensemble"]
    settings = sorted({recorded_run.setting(config) for config in (*(run.config for run in runs), *unfinished)})
    if not runs:
        raise DataError(f"{log_dir}: holds no finished collaborative ensemble of {dataset}; {_how_to_train(dataset)}")
    if len(settings) > 1:
        raise DataError(
            f"{log_dir}: holds ensembles of {dataset} in {len(settings)} settings ({'; '.join(settings)}); keep each "
            "in a log directory of its own"
        )
    _check_whole(log_dir, runs, unfinished)
    for run in runs:
        if not provenance.environments(run):
            raise DataError(
                f"{run.directory}: does not say in what environment it was computed; publish what this project trained"
            )
    return [run for row in tables.rows_of(runs).values() for run in row]


def _check_whole(log_dir: str, runs: Sequence[Run], unfinished: Sequence[RunConfig]) -> None:
    finished = {run.config for run in runs}
    grid = noel_grid(runs[0].config, sorted({config.seed for config in (*finished, *unfinished)}))
    beyond = {*finished, *unfinished} - grid
    if beyond:
        raise DataError(f"{log_dir}: {_named(beyond)}: no runs of the 13 ensembles; move them out of the log directory")
    lacking = grid - finished
    if lacking:
        raise DataError(
            f"{log_dir}: {len(lacking)} of the {len(grid)} runs of the grid are missing or not finished "
            f"({_named(lacking)}); {_how_to_train(runs[0].config.dataset)}"
        )


def _named(configs: set[RunConfig]) -> str:
    names = [naming.describe(config) for config in sorted(configs, key=_place)]
    return "; ".join([*names[:_MOST_NAMED], *(["..."] if len(names) > _MOST_NAMED else [])])


def _place(config: RunConfig) -> tuple[int, str, float]:
    return config.seed, config.method, -config.weight


def _how_to_train(dataset: str) -> str:
    return f"experiments.sweep --grid=noel --dataset={dataset} trains what is missing"


def _label(runs: Sequence[Run]) -> str:
    return catalogue.label(runs[0].config.dataset)


def _commands(runs: Sequence[Run], log_dir: str, out: str) -> str:
    build = ["python", "-m", "analysis.results", f"--log_dir={log_dir}", f"--dataset={runs[0].config.dataset}"]
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


def _environment_page(runs: Sequence[Run], commands: str) -> str:
    heading = f"# {_label(runs)}: where, when and how the runs were computed"
    summary = f"{_size(runs)}; computed {provenance.when(runs)} (UTC)."
    return markdown_page.page([heading, summary, *provenance.parts(runs), "## Commands", commands])


def _claims_page(runs: Sequence[Run], findings: Sequence[claims.Finding]) -> str:
    rows = claims.table_beside_paper(findings, _label(runs))
    details = [
        f"{finding.claim.name} holds if {finding.claim.statement}. Here: {numbers or 'no data'}"
        for finding, numbers in zip(findings, rows["numbers"], strict=True)
    ]
    return markdown_page.page(
        [
            f"# {_label(runs)}: which observations of Noel (2017), section 6.1, hold",
            f"{_tally(findings)} {claims.RULE}",
            markdown_page.table(rows.drop(columns=["holds if", "numbers"])),
            "What is computed, and the numbers behind it (means over the seeds; errors in %):",
            markdown_page.bullets(details),
        ]
    )


def _tally(findings: Sequence[claims.Finding]) -> str:
    counts = Counter(finding.verdict for finding in findings)
    verdicts = ", ".join(f'"{verdict}" {counts[verdict]}' for verdict in claims.VERDICTS if counts[verdict])
    return f"Verdicts on {len(findings)} claims: {verdicts}."


def _size(runs: Sequence[Run]) -> str:
    seeds = sorted({run.config.seed for run in runs})
    ensembles = len({(run.method, run.config.weight) for run in runs})
    names = f"{seeds[0]} to {seeds[-1]}" if len(seeds) == seeds[-1] - seeds[0] + 1 > 1 else ", ".join(map(str, seeds))
    return (
        f"{len(runs)} runs ({ensembles} ensembles; {len(seeds)} seed{'s' if len(seeds) > 1 else ''}: {names}), "
        f"{runs[0].config.epochs} epochs each, {recorded_run.setting(runs[0].config)}"
    )


def _readme(runs: Sequence[Run], findings: Sequence[claims.Finding], captions: dict[str, str], commands: str) -> str:
    main = tables.text_tables(runs)[0]
    revisions = provenance.revisions(runs)
    listed = [
        "[tables.md](tables.md), [tables.csv](tables.csv): final and best test error, final test cost"
        f"{', with the published values' if _is_published(main) else ''}",
        "[statistics.csv](statistics.csv): every epoch of every run; errors and disagreement in %, test "
        "statistics with all digits",
        "[claims.md](claims.md): the paper's observations, held against these runs",
        "[environment.md](environment.md): versions, interruptions, times",
        *(f"[{name}]({name}): {caption}" for name, caption in captions.items()),
    ]
    return markdown_page.page(
        [
            f"# {_label(runs)}: the 13 ensembles of Noel (2017), measured",
            f"{_size(runs)}; computed {provenance.when(runs)} (UTC) with revision{'s' if len(revisions) > 1 else ''} "
            f"{', '.join(revisions)}. Written by the second command below: not to be edited.",
            table_text.write(main, "markdown"),
            f"{_tally(findings)} ([claims.md](claims.md))",
            markdown_page.bullets(listed),
            commands,
        ]
    )


def _is_published(table: table_text.Table) -> bool:
    return any(name.startswith("paper ") for name in table.header)


def _png(figure: Figure) -> bytes:
    """A figure as PNG; equal figures have equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    out = flags.FLAGS.out
    if not out:
        raise ConfigError("--out: needed: the directory that is written, such as --out=results/mnist")
    catalogue.check_name(flags.FLAGS.dataset)
    content = contents(flags.FLAGS.log_dir, flags.FLAGS.dataset, out)
    write(out, content)
    size = sum(map(len, content.values())) / 1e6
    print(f"results: {len(content)} files, {size:.1f} MB, in {os.path.abspath(out)}")


if __name__ == "__main__":
    flags.DEFINE_string("log_dir", "runs", "where run directories are kept", allow_override=True)
    flags.DEFINE_string("dataset", "digits", "the data set whose runs are published")
    flags.DEFINE_string("out", None, "the directory that is written, such as results/digits")
    command_line.launch(_main)
