"""Label noise: Song and Chai (2018), section 4.1, figure 3."""

import hashlib

import numpy as np

from collab_ensembles.streams import Stream, generator


class LabelNoise:
    """Labels of which a fixed part is redrawn each epoch, uniformly over all classes, the true one included.

    Which examples are concerned is a function of the data set and the level alone, the same in every run; what their
    labels are, of the run's seed and the epoch. Both are decided for the whole training part: of its first examples
    alone, those are noisy that are so among all, with the same labels.

    Attributes:
      examples: the indices of the noisy examples, int64.
    """

    def __init__(
        self,
        labels: np.ndarray,
        num_classes: int,
        level: float,
        dataset: str,
        seed: int,
        num_train: int | None = None,
    ) -> None:
        """Chooses the examples.

        Args:
          labels: int32 [examples], the first ones of the training part.
          num_classes: the redrawn labels lie between 0 and this.
          level: the share of the training part's examples concerned, 0 to 1; rounded to whole examples.
          dataset: its name.
          seed: the run's seed.
          num_train: how many examples the whole training part has; default: as many as there are labels.

        Raises:
          ValueError: a level that is not allowed, or a training part smaller than what is taken from it.
        """
        if not 0 <= level <= 1:
            raise ValueError(f"received the noise level {level}; allowed: 0 to 1")
        num_train = len(labels) if num_train is None else num_train
        if num_train < len(labels):
            raise ValueError(f"received {len(labels)} labels of a training part of {num_train}; allowed: up to those")
        name = np.frombuffer(hashlib.sha256(dataset.encode()).digest(), dtype="<u4")
        order = np.random.Generator(np.random.PCG64(np.random.SeedSequence(name))).permutation(num_train)
        noisy = order[: round(level * num_train)]
        self._taken = noisy < len(labels)
        self.examples = noisy[self._taken]
        self._labels, self._num_classes, self._seed = labels, num_classes, seed

    def __call__(self, epoch: int) -> np.ndarray:
        """The labels of an epoch, counted from 0; int32 [examples]."""
        labels = self._labels.copy()
        drawn = generator(self._seed, Stream.LABEL_NOISE, epoch).integers(self._num_classes, size=len(self._taken))
        labels[self.examples] = drawn[self._taken]
        return labels
