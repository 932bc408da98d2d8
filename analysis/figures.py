"""Figures of runs: those of the papers of their systems, and further ones.

With several seeds lines are means, and bands and bars their intervals (`analysis.intervals`).

Example:
  python -m analysis.figures --log_dir=runs --dataset=mnist --out=figures --paper_axes
"""

import contextlib
from collections.abc import Iterator, Sequence

from absl import flags
from matplotlib.figure import Figure

from analysis import figure_style, frame, methods
from analysis.drawing import Drawing
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError
from experiments import command_line, path_flags


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; the options are those of `methods.Drawings`."""
    return methods.of(runs[0].config).drawings(runs, paper_axes, epoch_means)


def all_figures(runs: Sequence[Run]) -> Iterator[tuple[Figure, str]]:
    """Those figures that can be drawn from runs of one data set in one setting, with their captions.

    Of training they show means over each epoch, not the running averages of a paper's figures.
    """
    for each in drawings(runs, epoch_means=True):
        with contextlib.suppress(DataError):
            yield each.draw(), each.caption


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    catalogue.check_name(flags.FLAGS.dataset)
    runs = frame.read_runs(flags.FLAGS.log_dir, flags.FLAGS.dataset)
    groups = frame.by_setting(runs).values()
    # All are drawn before the first is written: after an error, no file is written.
    for each in [drawing for group in groups for drawing in drawings(group, flags.FLAGS.paper_axes)]:
        try:
            figure = each.draw()
        except DataError as error:
            print(f"skipped {each.name}: {error}")
        else:
            print(*figure_style.save(figure, flags.FLAGS.out, each.name), sep="\n")


if __name__ == "__main__":
    path_flags.log_dir()
    flags.DEFINE_string("dataset", "digits", "the data set of the runs to show")
    path_flags.define("out", "figures", "the directory for the figures")
    flags.DEFINE_bool("paper_axes", False, "use the y-limits of the paper's figures; default: limits from the data")
    command_line.launch(_main)
