"""Figure 4.1 of Lacaille (2018): images as they are, and as each of the two agents sees them.

Example:
  python -m analysis.methods.language.views --dataset=mnist --out=figures
"""

from collections.abc import Sequence

import numpy as np
from absl import flags
from matplotlib.axes import Axes

from analysis import drawing, figure_style
from collab_ensembles import data
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError
from collab_ensembles.methods.language.options import LanguageConfig
from collab_ensembles.settings.config import RunConfig
from experiments import command_line, path_flags, runtime

_ROWS, _COLUMNS = 4, 4


def views(images: np.ndarray, config: LanguageConfig, axes: Sequence[Axes]) -> None:
    """A square of images in each of three panels: original, and with the pixels inverted that each agent's mask has.

    Args:
      images: uint8 [16, height, width, channels].
      config: whose seed and noise decide the masks.
      axes: three panels.

    Raises:
      DataError: there are fewer images.
    """
    if len(images) < _ROWS * _COLUMNS:
        raise DataError(f"{config.dataset}: {len(images)} training images; needed: at least {_ROWS * _COLUMNS}")
    masks = [np.zeros(images.shape[1:], bool), *(config.inverted(agent, images.shape[1:]) for agent in (0, 1))]
    names = ["original", *(f"seen by the {name}" for name in config.member_names())]
    for panel, mask, name in zip(axes, masks, names, strict=True):
        seen = np.where(mask, 255 - images, images)
        rows = [np.concatenate(list(row), axis=1) for row in np.split(seen, _ROWS)]
        panel.imshow(np.concatenate(rows).squeeze(-1) if seen.shape[-1] == 1 else np.concatenate(rows), cmap="gray")
        panel.set(xticks=[], yticks=[], title=name)


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    catalogue.check_name(flags.FLAGS.dataset)
    config = RunConfig(system="language", dataset=flags.FLAGS.dataset, seed=flags.FLAGS.seed)
    assert isinstance(config, LanguageConfig)
    runtime.quiet_tensorflow()
    dataset = data.load(flags.FLAGS.dataset, flags.FLAGS.data_dir, "standard")
    images = dataset.train_images[: _ROWS * _COLUMNS]
    figure = drawing.figure(lambda axes: views(images, config, axes), 3, (9, 3.2))
    name = f"language_views_{catalogue.label(flags.FLAGS.dataset).lower()}"
    print(*figure_style.save(figure, flags.FLAGS.out, name), sep="\n")


if __name__ == "__main__":
    flags.DEFINE_string("dataset", "mnist", "the data set of the images")
    flags.DEFINE_integer("seed", 0, "the seed of the masks, as of a run", lower_bound=0)
    path_flags.data_dir()
    path_flags.define("out", "figures", "the directory for the figure")
    command_line.launch(_main)
