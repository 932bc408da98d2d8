"""Label noise: Song and Chai (2018), section 4.1, figure 3."""

import hashlib

import numpy as np

from collab_ensembles.streams import Stream, generator


class LabelNoise:
    """Labels of which a fixed part is redrawn each epoch, uniformly over all classes, the true one included.

    Which examples are concerned is a function of the data set and the level alone, the same in every run; what their
    labels are, of the run's seed and the epoch.
    """

    def __init__(self, labels: np.ndarray, num_classes: int, level: float, dataset: str, seed: int) -> None:
        """Chooses the examples.

        Args:
          labels: int32 [examples].
          num_classes: the redrawn labels lie between 0 and this.
          level: the share of the examples concerned, 0 to 1; rounded to whole examples.
          dataset: its name.
          seed: the run's seed.

        Raises:
          ValueError: a level that is not allowed.
        """
        if not 0 <= level <= 1:
            raise ValueError(f"received the noise level {level}; allowed: 0 to 1")
        name = np.frombuffer(hashlib.sha256(dataset.encode()).digest(), dtype="<u4")
        order = np.random.Generator(np.random.PCG64(np.random.SeedSequence(name))).permutation(len(labels))
        self.examples = order[: round(level * len(labels))]
        self._labels, self._num_classes, self._seed = labels, num_classes, seed

    def __call__(self, epoch: int) -> np.ndarray:
        """The labels of an epoch, counted from 0; int32 [examples]."""
        labels = self._labels.copy()
        random = generator(self._seed, Stream.LABEL_NOISE, epoch)
        labels[self.examples] = random.integers(self._num_classes, size=len(self.examples))
        return labels
