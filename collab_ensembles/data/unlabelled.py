"""Batches of images without labels, as a pure function of (seed, epoch, step)."""

import numpy as np

from collab_ensembles.streams import Stream, generator


class UnlabelledBatches:
    """Draws images, or noise in their place.

    Every `every`-th step of the training, from the first on, has a batch; the others have one without images.
    """

    def __init__(self, kind: str, images: np.ndarray, batch_size: int, every: int, seed: int) -> None:
        """Takes what the batches are drawn from.

        Args:
          kind: `uniform`: each pixel is uniform from 0 to 255; `gaussian`: normal with mean and variance of each
            channel of `images`, rounded and cut off; otherwise images are drawn with replacement.
          images: uint8 [examples, height, width, channels]; of noise, those that give the shape and the moments.
          batch_size: images in a batch.
          every: see above.
          seed: the run's seed.
        """
        self._kind, self._images, self._size, self._every, self._seed = kind, images, batch_size, every, seed
        self._moments = _moments(images) if kind == "gaussian" else None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self._images.shape[1:]
        return height, width, channels

    def of_epoch(self, epoch: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The batches of all steps at once, those without images black.

        Args:
          epoch: counted from 0.
          steps: in an epoch.

        Returns:
          Images, uint8 [steps, batch_size, height, width, channels]; whether each step has some, bool [steps].
        """
        images = np.zeros((steps, self._size, *self._images.shape[1:]), np.uint8)
        present = np.zeros(steps, bool)
        for step in range(steps):
            drawn = self.draw(epoch, step, steps)
            if len(drawn):
                images[step], present[step] = drawn, True
        return images, present

    def draw(self, epoch: int, step: int, steps: int) -> np.ndarray:
        """The batch of a step, uint8 [batch_size or 0, height, width, channels].

        Args:
          epoch: counted from 0.
          step: of the epoch, counted from 0.
          steps: in an epoch.
        """
        shape = self._images.shape[1:]
        if (epoch * steps + step) % self._every:
            return np.zeros((0, *shape), np.uint8)
        random = generator(self._seed, Stream.UNLABELLED, epoch, step)
        if self._kind == "uniform":
            return random.integers(256, size=(self._size, *shape), dtype=np.uint8)
        if self._moments is not None:
            mean, deviation = self._moments
            return np.clip(np.rint(random.normal(mean, deviation, (self._size, *shape))), 0, 255).astype(np.uint8)
        drawn: np.ndarray = self._images[random.integers(len(self._images), size=self._size)]
        return drawn


def _moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, float64 [channels]."""
    values = np.arange(256.0)
    counts = np.stack([np.bincount(images[..., channel].ravel(), minlength=256) for channel in range(images.shape[-1])])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    return mean, np.sqrt(np.maximum(shares @ values**2 - mean**2, 0))
