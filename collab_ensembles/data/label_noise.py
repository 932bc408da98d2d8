"""Label noise: Song and Chai (2018), section 4.1, figure 3."""

import hashlib

import numpy as np

from collab_ensembles.streams import Stream, generator


class LabelNoise:
    """Labels of which a fixed part is drawn again in each epoch, uniformly from all classes, including the true one.

    The noisy examples depend only on the data set and the level, and are the same in every run. Their labels depend on
    the run's seed and the epoch. Both are decided for the whole training part: if only its first examples are used,
    they have the same noise.

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
          num_classes: the number of classes to draw from.
          level: the share of noisy examples in the training part, 0 to 1; rounded to whole examples.
          dataset: the name of the data set.
          seed: the run's seed.
          num_train: the number of examples in the whole training part; default: the number of labels.

        Raises:
          ValueError: the level is not allowed, or there are more labels than examples in the training part.
        """
        if not 0 <= level <= 1:
            raise ValueError(f"received the noise level {level}; allowed: 0 to 1")
        num_train = len(labels) if num_train is None else num_train
        if num_train < len(labels):
            raise ValueError(
                f"received {len(labels)} labels of a training part of {num_train}; allowed: at most {num_train}"
            )
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
