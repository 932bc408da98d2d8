"""How far the variances of batch normalisation in training are from those that NumPy computes in float64.

Relative deviations, of raw pixels (what the input normalisation sees) and of what a first convolution makes of them,
by TensorFlow's fused operation as the networks use it and by Keras' own layer; docs/FIDELITY.md has the numbers.

Example:
  python -m benchmarks.batch_variance --dataset=mnist
"""

from typing import Any

import numpy as np
from absl import flags

from collab_ensembles import data
from experiments import command_line, runtime

_BATCHES, _FILTERS = 100, 8


def main(arguments: list[str]) -> None:
    """Prints the largest and the mean deviation over the channels of all batches."""
    command_line.no_arguments(arguments)
    runtime.start_tensorflow(flags.FLAGS.threads)

    import keras

    from collab_ensembles.networks import layers

    images = data.load(flags.FLAGS.dataset).train_images
    size, kinds = flags.FLAGS.batch_size, {"fused": layers.BatchNormalization, "Keras": keras.layers.BatchNormalization}
    convolve = keras.layers.Conv2D(_FILTERS, 3, kernel_initializer=keras.initializers.HeNormal(0))
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for batch in range(min(_BATCHES, len(images) // size)):
        pixels = np.asarray(images[batch * size : (batch + 1) * size]).astype(np.float32)
        normalized, _ = normalize(keras.layers.BatchNormalization, pixels)
        for what, inputs in (("pixels", pixels), ("features", np.asarray(convolve(normalized)))):
            exact = inputs.astype(np.float64).var(axis=(0, 1, 2))
            for name, kind in kinds.items():
                _, variance = normalize(kind, inputs)
                found.setdefault((what, name), []).append(np.abs(variance / exact - 1))
    for (what, name), deviations in found.items():
        print(f"{what}, {name}: at most {np.max(deviations):.1e}, on average {np.mean(deviations):.1e}")


def normalize(kind: Any, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a layer of this kind gives out in training, and the variances of the batch, float64 [channels].

    Args:
      kind: the layer's class.
      inputs: float32 [batch, height, width, channels].
    """
    # Without momentum, the moving averages are those of the batch.
    layer = kind(momentum=0.0, epsilon=1e-3)
    outputs = layer(inputs, training=True)
    return np.asarray(outputs), np.asarray(layer.moving_variance, np.float64)


if __name__ == "__main__":
    flags.DEFINE_string("dataset", "mnist", "whose training images, in their order")
    flags.DEFINE_integer("batch_size", 64, "images a batch")
    flags.DEFINE_integer("threads", 1, "threads of TensorFlow")
    command_line.launch(main)
