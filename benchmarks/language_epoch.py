"""Measures an epoch of two agents in compiled loops against a plain loop of `train_on_batch`.

Both take the same steps of the same model; the plain loop gathers each minibatch and calls the compiled step, as one
would write it with Keras alone. MNIST's shapes with random pixels: the time of a step does not depend on them. CPU
time is compared, which other processes on the machine disturb least.

Example:
  python -m benchmarks.language_epoch --repeats=5
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from absl import flags

from benchmarks.cpu_time import fastest
from collab_ensembles.methods.language.options import LEVELS, LanguageConfig
from experiments import command_line, runtime

_EXAMPLES, _SHAPE, _CLASSES = 10_000, (28, 28, 1), 10
_REPEATS = flags.DEFINE_integer("repeats", 5, "how often each is measured; the fastest counts")
_THREADS = flags.DEFINE_integer("threads", 1, "number of TensorFlow's threads")
_BATCHES = (10, 100)


def main(arguments: list[str]) -> None:
    """Prints the table."""
    command_line.no_arguments(arguments)
    runtime.start_tensorflow(_THREADS.value)
    rows = [measure(level, size) for level in (LEVELS[0], LEVELS[-1]) for size in _BATCHES]
    print(pd.DataFrame(rows).to_string(index=False))


def measure(level: str, batch_size: int) -> dict[str, object]:
    """A row of the table."""
    steps = _EXAMPLES // batch_size
    ours, theirs = (1e6 * fastest(run, _REPEATS.value) / steps for run in _both(level, batch_size))
    return {
        "level": level,
        "batch": batch_size,
        "compiled, CPU us a step": f"{ours:.0f}",
        "train_on_batch, CPU us a step": f"{theirs:.0f}",
        "ratio": f"{theirs / ours:.2f}",
    }


def _both(level: str, batch_size: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """An epoch in compiled loops, and the same in a loop of Python."""
    import tensorflow as tf

    from collab_ensembles.data.batch_manager import BatchManager
    from collab_ensembles.methods.assembly import build_model, compile_for_training

    config = LanguageConfig(system="language", level=level, batch_size=batch_size)
    random = np.random.default_rng(0)
    images = random.integers(256, size=(_EXAMPLES, *_SHAPE), dtype=np.uint8)
    labels = random.integers(_CLASSES, size=_EXAMPLES, dtype=np.int32)
    compiled, plain = (build_model(config, _SHAPE, _CLASSES) for _ in range(2))
    for model in (compiled, plain):
        compile_for_training(model, config)
    batches = BatchManager(images, labels, batch_size, shuffle="permute")
    epoch = compiled.feed(batches, (images, labels))
    step = tf.function(compiled.train_step)
    order, _ = batches.order_and_labels()

    def loop() -> None:
        for start in range(0, _EXAMPLES, batch_size):
            chosen = order[start : start + batch_size]
            plain.train_on_batch(images[chosen], labels[chosen])

    return lambda: [float(step(piece)["loss"]) for piece in epoch], loop


if __name__ == "__main__":
    command_line.launch(main)
