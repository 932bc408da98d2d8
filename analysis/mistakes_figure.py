"""Where a run errs: confusions, reliability, errors without the least certain images, and the worst images."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import methods
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.runs import mistakes, naming, run_data
from collab_ensembles.runs.mistakes import SHARES, WORST, Arrays

_MOST_NUMBERS = 20
"""Classes up to which a confusion matrix has room for counts."""


def best(runs: Sequence[Run]) -> Run | None:
    """The run with the lowest final error of the whole group, of those that recorded their mistakes; None if none did.

    Of several, the first. The choice is for a picture; it says nothing of methods.
    """
    recorded = [run for run in runs if not run.origin and of(run)]
    return min(recorded, key=_error, default=None)


def _error(run: Run) -> float:
    whole = methods.of(run.config).whole
    statistics = run.statistics.get(whole) if whole else None
    if statistics is None:
        statistics = next(iter(run.statistics.values()))
    return float(statistics["TestError"].iloc[-1])


def of(run: Run) -> Arrays:
    """What a run recorded; see `mistakes.measure`. Empty if nothing."""
    return mistakes.read(run.directory, run.config.epochs or 0)


def figure(run: Run) -> Figure:
    """Four panels; needs a run that recorded its mistakes."""
    arrays = of(run)
    classes = run.status.data.num_classes if run.status.data else len(arrays["confusion"])
    names = run_data.label_names(run.config, run.status.data, classes)
    result = Figure(figsize=(11, 10), layout="constrained")
    (upper_left, upper_right), (lower_left, lower_right) = np.asarray(result.subfigures(2, 2))
    confusion(upper_left.subplots(), arrays["confusion"], names)
    reliability(upper_right.subplots(), arrays)
    rejection(lower_left.subplots(), arrays)
    lower_right.suptitle(f"the {len(arrays['worst'])} worst images: label, answer", fontsize=10)
    for place, panel in enumerate(lower_right.subplots(5, WORST // 5).flat):
        if place >= len(arrays["worst"]):
            panel.axis("off")
            continue
        _image(panel, arrays["worst_images"][place])
        label, answer = (names[int(arrays[key][place])] for key in ("worst_labels", "worst_answers"))
        panel.set_title(f"{label}, {answer}", fontsize=7, pad=2)
    result.suptitle(f"{catalogue.label(run.config.dataset)}, {naming.describe(run.config)}: where it errs", fontsize=11)
    return result


def confusion(panel: Axes, counts: np.ndarray, names: Sequence[str]) -> None:
    """Counts by class and answer, [classes, classes]; errors are coloured, right answers are grey.

    Of data with too many classes, [0, 0], it says so.
    """
    if not len(counts):
        panel.axis("off")
        panel.set_title(f"more than {mistakes.MOST_CLASSES:,} classes: no confusions", fontsize=10)
        return
    wrong = counts.astype(float)
    np.fill_diagonal(wrong, 0)
    panel.imshow(wrong, cmap="Reds", vmin=0, vmax=max(wrong.max(), 1))
    if len(counts) <= _MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                dark = wrong[row, column] > 0.6 * max(wrong.max(), 1)
                colour = "0.45" if row == column else "white" if dark else "black"
                panel.text(column, row, str(count), ha="center", va="center", fontsize=7.5, color=colour)
        longest = max(map(len, names))
        panel.set_xticks(range(len(names)), names, fontsize=8, rotation=0 if longest < 3 else 45)
        panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.set(xlabel="answer", ylabel="label")
    panel.set_title(f"{int(wrong.sum()):,} errors on {int(counts.sum()):,} test images", fontsize=10)


def reliability(panel: Axes, arrays: Arrays) -> None:
    """Accuracy over confidence, bin by bin, with the share of predictions in each bin."""
    counts = arrays["bin_counts"]
    filled = counts > 0
    gap = np.abs(arrays["bin_accuracy"] - arrays["bin_confidence"])
    error = float((gap * counts).sum() / counts.sum())
    edges = (np.arange(len(counts)) + 0.5) / len(counts)
    panel.bar(edges, counts / counts.sum(), width=1 / len(counts), color="0.88", label="share of predictions")
    panel.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle="--", label="calibrated")
    panel.plot(
        arrays["bin_confidence"][filled], arrays["bin_accuracy"][filled], "o-", color="tab:blue", label="accuracy"
    )
    panel.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    panel.legend(fontsize=8, loc="upper left")
    panel.set_title(f"reliability; expected calibration error {100 * error:.2f} %", fontsize=10)


def rejection(panel: Axes, arrays: Arrays) -> None:
    """The error on the images that are answered, when the least certain ones are left out."""
    # Where both are equal, the second line lets the first one be seen.
    for key, name, style in (("error_by_entropy", "entropy", "-"), ("error_by_disagreement", "disagreement", "--")):
        panel.plot(100 * SHARES, 100 * arrays[key], style, label=f"by {name}")
    panel.set(xlabel="images answered in %", ylabel="error on them in %", ylim=(0, None))
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    panel.set_title("error when the least certain images are left out", fontsize=10)


def _image(panel: Axes, image: np.ndarray) -> None:
    if image.shape[-1] == 1:
        panel.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=max(int(image.max()), 1))
    else:
        panel.imshow(image)
    panel.set_xticks([])
    panel.set_yticks([])
