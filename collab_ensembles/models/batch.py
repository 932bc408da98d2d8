"""Converts the batches that `fit` and `evaluate` give to a step to one form, by their shapes.

A step is traced once, without values; `data.arrays` checks the values. These steps are TensorFlow's, which is imported
late: the models here also train without it, see `compiled_epoch`.
"""

from typing import Any

import keras

from collab_ensembles.tensor import Tensor


def unpacked(data: Any) -> tuple[Tensor, ...]:
    """Returns images, labels int32 [batch] and, if there are any, sample weights float32 [batch].

    Args:
      data: a tuple of two or three; labels of any type of integers and weights of numbers, [batch] or [batch, 1].

    Raises:
      ValueError: there are no labels, or labels or weights have other shapes or types. Without this check, TensorFlow
        would broadcast other shapes against costs of shape [batch].
    """
    import tensorflow as tf

    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if labels is None:
        raise ValueError("received batches without labels; needed: (images, labels) or (images, labels, weights)")
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer:
        raise ValueError(
            f"received labels of type {labels.dtype.name}; needed: integers; for whole numbers in a tf.data.Dataset, "
            'dataset.map(lambda x, y: (x, tf.cast(y, "int32")))'
        )
    one_hot = "; of one-hot labels in a tf.data.Dataset, dataset.map(lambda x, y: (x, tf.argmax(y, axis=-1)))"
    labels = tf.cast(_vector(labels, "labels", one_hot), tf.int32)
    if sample_weight is None:
        return images, labels
    return images, labels, tf.cast(_vector(tf.convert_to_tensor(sample_weight), "sample weights"), tf.float32)


def unweighted(data: Any) -> tuple[Tensor, Tensor]:
    """Returns images and labels int32 [batch]; there must be nothing else; see `unpacked`.

    Raises:
      ValueError: there are sample weights.
    """
    images, labels, *weights = unpacked(data)
    refuse_weights(*weights)
    return images, labels


def refuse_weights(sample_weight: Tensor | None = None) -> None:
    """Raises ValueError if there are sample weights, for models whose losses are not sums over examples."""
    if sample_weight is not None:
        raise ValueError(
            "received sample weights or class weights; this model takes none (SingleModel and EnsembleModel do); leave "
            "out sample_weight and class_weight"
        )


def _vector(values: Tensor, name: str, remedy: str = "") -> Tensor:
    """Values of shape [batch], from shape [batch] or [batch, 1]."""
    import tensorflow as tf

    if values.shape.rank is None:
        return tf.ensure_shape(values, (None,))
    if values.shape.rank == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.shape.rank != 1:
        raise ValueError(f"received {name} of shape {values.shape}; needed: (batch,) or (batch, 1){remedy}")
    return values
