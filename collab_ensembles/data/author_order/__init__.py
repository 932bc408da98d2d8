"""The order of the author's own images (Noel 2017), as positions in digest order, so that every source gives it.

MNIST: the author's code seeds NumPy with 912 and permutes the 70,000 images of the official files; the last 10,000 are
his test images. CIFAR-10: the official files from beginning to end. `experiments.author_order` wrote the positions.
"""

import importlib.resources
from collections.abc import Mapping

import numpy as np


def positions(dataset: str) -> Mapping[str, np.ndarray]:
    """For each pool of a data set with such an order, the position in digest order of each example, [examples].

    Pools are named after their parts, such as `train+test`. Of equal examples the first in the one order is the first
    in the other.
    """
    with (
        (importlib.resources.files("collab_ensembles.data.author_order") / f"{dataset}.npz").open("rb") as file,
        np.load(file) as archive,
    ):
        return {name: archive[name] for name in archive.files}
