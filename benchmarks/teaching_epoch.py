"""Measures an epoch of a taught student in compiled loops against a plain loop of `train_on_batch`.

Both take the same steps: the student answers a stack of minibatches, the teacher's answers are at hand, the hardest
examples make one update. The plain loop is what one would write with Keras alone. MNIST's shapes with random pixels:
the time of a step does not depend on them.

Example:
  python -m benchmarks.teaching_epoch --repeats=5
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from absl import flags

from benchmarks.cpu_time import fastest
from collab_ensembles.methods.teaching.options import TeachingConfig
from experiments import command_line, runtime

_EXAMPLES, _VALIDATION, _SHAPE, _CLASSES = 50_000, 10_000, (28, 28, 1), 10
_STACKS = (1, 2, 5)
_UPDATES = 150
"""Of the plain loop, whose steps all take as long."""
_REPEATS = flags.DEFINE_integer("repeats", 3, "how often each is measured; the fastest counts")
_THREADS = flags.DEFINE_integer("threads", 1, "number of TensorFlow's threads")


def main(arguments: list[str]) -> None:
    """Prints the table."""
    command_line.no_arguments(arguments)
    runtime.start_tensorflow(_THREADS.value)
    print(pd.DataFrame([measure(stack) for stack in _STACKS]).to_string(index=False))


def measure(stack: int) -> dict[str, Any]:
    """A row of the table for a stack of so many minibatches."""
    compiled, updates = _compiled(stack)
    plain = _plain(stack)
    ours, theirs = (
        1e6 * fastest(run, _REPEATS.value) / count for run, count in ((compiled, updates), (plain, _UPDATES))
    )
    return {
        "stack": stack,
        "compiled, us an update": f"{ours:.0f}",
        "train_on_batch, us an update": f"{theirs:.0f}",
        "ratio": f"{theirs / ours:.1f}",
    }


def _data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    count = _EXAMPLES + _VALIDATION
    images = random.integers(256, size=(count, *_SHAPE), dtype=np.uint8)
    return images, random.integers(_CLASSES, size=count, dtype=np.int32)


def _compiled(stack: int) -> tuple[Callable[[], object], int]:
    """An epoch of a run with its validation, and how many updates it has."""
    import tensorflow as tf

    from collab_ensembles.data.batch_manager import BatchManager
    from collab_ensembles.methods.assembly import compile_for_training
    from collab_ensembles.methods.teaching.model import TeachingModel

    config = TeachingConfig(system="teaching", stack=stack)
    images, labels = _data()
    networks = [_network() for _ in range(3)]
    model = TeachingModel(
        *networks, stack=stack, batch_size=config.batch_size, difficulty=config.difficulty, targets=config.targets
    )
    compile_for_training(model, config)
    batches = BatchManager(images[:_EXAMPLES], labels[:_EXAMPLES], config.batch_size, shuffle="permute")
    epoch = model.feed(batches, (images[_EXAMPLES:], labels[_EXAMPLES:]))
    step = tf.function(model.train_step)

    def run() -> list[list[float]]:
        return [[float(value) for value in step(piece).values()] for piece in epoch]

    return run, _EXAMPLES // (stack * config.batch_size)


def _plain(stack: int) -> Callable[[], object]:
    """Updates of a loop in Python, without a validation."""
    import keras

    images, labels = _data()
    config = TeachingConfig(system="teaching", stack=stack)
    size = stack * config.batch_size
    student, soft = _network(), _answers(images)
    student.compile(keras.optimizers.Adam(config.single_rate), _loss(stack))

    def updates() -> None:
        for start in range(0, _UPDATES * size, size):
            chosen: Any = (np.arange(start, start + size)) % _EXAMPLES
            if stack > 1:
                logits = student.predict_on_batch(images[chosen])
                logarithms = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
                scores = -(soft[chosen] * logarithms).sum(axis=1)
                chosen = chosen[np.argsort(-scores)[: config.batch_size]]
            student.train_on_batch(images[chosen], (labels if stack == 1 else soft)[chosen])

    return updates


def _loss(stack: int) -> Any:
    import keras

    kind = keras.losses.SparseCategoricalCrossentropy if stack == 1 else keras.losses.CategoricalCrossentropy
    return kind(from_logits=True)


def _answers(images: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(_CLASSES), len(images)).astype(np.float32)


def _network() -> Any:
    from collab_ensembles.networks.build import build_network

    random = np.random.default_rng(0)
    return build_network("mlp32-32", _SHAPE, _CLASSES, regularization_rate=0.0, random=random, name="student")


if __name__ == "__main__":
    command_line.launch(main)
