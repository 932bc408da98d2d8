"""Figures 4.2 and 4.3 of Lacaille (2018), and what the languages are like."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis import comparison, drawing, recorded_run
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.methods.language.outcomes import series
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError
from collab_ensembles.methods.language.options import LanguageConfig

_LINES = ("-", ":", "-.", "--")
"""Of rows of one level."""
_COLOURS: Mapping[str, str] = {
    "baseline": "tab:blue",
    "receive": "tab:orange",
    "feedback": "tab:green",
    "both": "tab:red",
}
"""Those of figure 4.3."""

_MEASURES = {
    "StudentInformation": "bound on I(X; S), bits",
    "StudentMessageEntropy": "entropy of messages, bits",
    "StudentTopographicSimilarity": "topographic similarity",
    "Agreement": "agreement of the agents",
}
_TEMPERATURES = (4.0, 0.25)
_LENGTH = 5
"""The message of figure 4.2."""


def validation_curves(runs: Sequence[Run], axes: Sequence[Axes]) -> None:
    """Figure 4.3: the student's validation accuracy after each epoch, at each level; means over seeds.

    Bands are intervals over seeds.

    Args:
      runs: of one data set in one setting.
      axes: one panel.

    Raises:
      DataError: a run did not record it.
    """
    (panel,) = axes
    _draw(panel, runs, "StudentValidationError", "student: validation accuracy in %")
    style.legend_below(panel)
    panel.set_title(style.title(runs, "levels of communication"), fontsize=10)


def measures(runs: Sequence[Run], axes: Sequence[Axes]) -> None:
    """What the student's language is like after each epoch, at each level; arguments as `validation_curves`.

    There are four panels: the discriminator's bound on I(X; S), the entropy of the most probable messages, their
    topographic similarity, and the share of places where both agents have one symbol.
    """
    for panel, (data, label) in zip(axes, _MEASURES.items(), strict=True):
        _draw(panel, runs, data, label)
    style.legend_below(axes[0])
    axes[0].figure.suptitle(style.title(runs, "the student's language"))


def _draw(panel: Axes, runs: Sequence[Run], data: str, label: str) -> None:
    drawn: Counter[str] = Counter()
    for name, row in comparison.rows_of(runs).items():
        config = row[0].config
        assert isinstance(config, LanguageConfig)
        values = np.stack([series(run, data) for run in row])
        values = 100 - values if data.endswith("Error") else values
        line = _LINES[drawn[config.level] % len(_LINES)]
        style.draw(panel, values, label=name, color=_COLOURS[config.level], linestyle=line, linewidth=1.8)
        drawn[config.level] += 1
    style.epoch_axis(panel, label)


def class_messages(runs: Sequence[Run], axes: Sequence[Axes]) -> None:
    """The messages that each class gets: how often the student has symbol 1 at each place after the last epoch.

    Args:
      runs: one of each arrangement, in the order of the panels.
      axes: a panel for each of them.

    Raises:
      DataError: a run did not record it.
    """
    for panel, run in zip(axes, runs, strict=True):
        shares = _shares(run)
        picture = panel.imshow(shares, cmap="gray_r", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        panel.set(xlabel="place in the message", ylabel="class", yticks=range(len(shares)))
        panel.set_title(run.config.description(), fontsize=10)
    axes[0].figure.colorbar(picture, ax=list(axes), label="share of symbol 1")
    label, setting = catalogue.label(runs[0].config.dataset), recorded_run.setting(runs[0].config)
    axes[0].figure.suptitle(f"{label}, messages of the student by class, seed {runs[0].config.seed}\n{setting}")


def _shares(run: Run) -> np.ndarray:
    """[classes, length]."""
    assert isinstance(run.config, LanguageConfig)
    recorded = run.statistics["Ens"].columns
    classes = 0
    while f"Class{classes}Symbol0" in recorded:
        classes += 1
    if not classes:
        raise DataError(f"{run.directory}: the messages of classes were not recorded")
    places = range(run.config.message_length)
    return np.array([[series(run, f"Class{label}Symbol{place}")[-1] for place in places] for label in range(classes)])


def temperatures(axes: Sequence[Axes]) -> None:
    """Figure 4.2: one message at two temperatures, of the same logits and the same noise, with numbers in the cells.

    Args:
      axes: a panel for each temperature.
    """
    random = np.random.default_rng(0)
    logits, noise = random.normal(size=(_LENGTH, 2)), random.gumbel(size=(_LENGTH, 2))
    for panel, temperature in zip(axes, _TEMPERATURES, strict=True):
        scores = np.exp((logits + noise) / temperature)
        message = (scores / scores.sum(axis=1, keepdims=True)).T
        panel.imshow(message, cmap="gray_r", vmin=0, vmax=1)
        for (symbol, place), value in np.ndenumerate(message):
            colour = "white" if value > 0.5 else "black"
            panel.text(place, symbol, f"{value:.2f}", ha="center", va="center", color=colour)
        panel.set(xlabel="place in the message", ylabel="symbol", yticks=(0, 1), title=f"temperature {temperature:g}")


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; see the functions above. The options change nothing."""
    end = drawing.ending(runs)

    def figure(
        name: str, caption: str, draw: Callable[[Sequence[Axes]], None], panels: int, size: tuple[float, float]
    ) -> Drawing:
        return Drawing(f"language_{name}", caption, functools.partial(drawing.figure, draw, panels, size))

    yield figure(
        "temperatures", "Figure 4.2: one message at a high and at a low temperature.", temperatures, 2, (9, 2.4)
    )
    caption = "Figure 4.3: the student's validation accuracy at each level of communication."
    yield figure(f"validation{end}", caption, functools.partial(validation_curves, runs), 1, (8, 5.4))
    caption = "Information, entropy, topographic similarity and agreement over the epochs."
    yield figure(f"measures{end}", caption, functools.partial(measures, runs), 4, (16, 4.9))
    first = [min(row, key=lambda run: run.config.seed) for row in comparison.rows_of(runs).values()]
    caption = "The messages that each class gets from the student."
    draw = functools.partial(class_messages, first)
    yield figure(f"messages{end}", caption, draw, len(first), (4 * len(first) + 1, 3.6))
