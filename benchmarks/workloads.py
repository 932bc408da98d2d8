"""What is timed: whole training steps in one process, after an epoch to warm up.

Run as `python -m benchmarks.workloads '<JSON>'` it prints a line when warm, waits for a line on standard
input, so that several processes start together, measures, and prints a line of JSON.
"""

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Workload:
    """One thing to measure; a repetition is an epoch over `examples`.

    Attributes:
      kind: `stock` (Keras' own layers and optimizer, `fit` on arrays, default threads), `ours` (as a run of
        this project trains) or `torch` (PyTorch with the same networks and cost).
      threads: of the framework; None for as many as there are cores.
      precision: `float32` or `mixed_bfloat16`.
      method: collaboration method, at weight 0.01.
      members: as in RunConfig.
      image_shape: (height, width, channels).
      examples: images in memory.
      steps: training steps an epoch; None for as many as there are batches.
      memory_mapped: whether the images lie in a file, as the data of a run do.
      batch_size: images a step.
      repetitions: epochs that are timed.
      compiled: whether torch.compile is used.
    """

    kind: str = "ours"
    threads: int | None = None
    precision: str = "float32"
    method: str = "L2"
    members: tuple[str, ...] = ("ST", "M")
    image_shape: tuple[int, int, int] = (28, 28, 1)
    examples: int = 1_600
    steps: int | None = None
    memory_mapped: bool = False
    batch_size: int = 64
    repetitions: int = 5
    compiled: bool = False


class Clock:
    """Times epochs; the first one warms up."""

    def __init__(self, when_warm: Callable[[], None]) -> None:
        """Calls `when_warm` after the first epoch."""
        self.seconds: list[float] = []
        self._when_warm = when_warm
        self._is_warm = False

    def begin(self) -> None:
        """Starts an epoch."""
        self._start = time.perf_counter()

    def end(self) -> None:
        """Ends an epoch."""
        if self._is_warm:
            self.seconds.append(time.perf_counter() - self._start)
        else:
            self._is_warm = True
            self._when_warm()


def random_data(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels; speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (workload.examples, *workload.image_shape), np.uint8)
    if workload.memory_mapped:
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, images)
            file.flush()
            # The mapping outlives the name of the file.
            images = np.load(file.name, mmap_mode="r")
    return images, rng.integers(0, 10, workload.examples).astype(np.int32)


def train_with_keras(workload: Workload, clock: Clock) -> None:
    """Trains one epoch more than `workload.repetitions`, with this project or with stock Keras."""
    from experiments import runtime

    if workload.kind == "stock":
        runtime.quiet_tensorflow()
    else:
        runtime.start_tensorflow(workload.threads)
    import keras

    from collab_ensembles import collaboration, run
    from collab_ensembles.batch_manager import BatchManager
    from collab_ensembles.config import RunConfig
    from collab_ensembles.models import EnsembleModel
    from collab_ensembles.networks.exported import with_stock_layers

    weight = 1.0 if workload.method == "None" else 0.01
    config = RunConfig(members=workload.members, method=workload.method, weight=weight, precision=workload.precision)
    model = run.build_model(config, workload.image_shape, 10)
    images, labels = random_data(workload)
    options: dict[str, Any] = {"epochs": workload.repetitions + 1, "shuffle": False, "verbose": 0}
    options["callbacks"] = [
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: clock.begin(), on_epoch_end=lambda epoch, logs: clock.end()
        )
    ]
    if workload.kind == "stock":
        members = {name: with_stock_layers(member) for name, member in model.members.items()}
        model = EnsembleModel(members, collaboration.by_name(workload.method), weight)
        model.compile(optimizer=keras.optimizers.Adam(config.learning_rate, epsilon=1e-8))
        model.fit(images, labels, batch_size=workload.batch_size, **options)
    else:
        run.compile_for_training(model, config.learning_rate)
        batches = BatchManager(images, labels, workload.batch_size)
        model.fit(batches.dataset(), steps_per_epoch=workload.steps, **options)


def measure(workload: Workload, when_warm: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Images a second in each repetition, and the process's memory in bytes, files in memory aside."""
    clock = Clock(when_warm)
    if workload.kind == "torch":
        from benchmarks import torch_peer

        torch_peer.train(workload, clock)
    else:
        train_with_keras(workload, clock)
    images = workload.steps * workload.batch_size if workload.steps else workload.examples
    return {"images_per_second": [images / seconds for seconds in clock.seconds], "memory_bytes": _own_memory()}


def _own_memory() -> int:
    with open("/proc/self/status", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["RssAnon"].split()[0]) * 1024


def main() -> None:
    """Measures the workload in the first argument."""
    values = json.loads(sys.argv[1])
    for name in ("members", "image_shape"):
        values[name] = tuple(values[name])

    def when_warm() -> None:
        print("warm", flush=True)
        sys.stdin.readline()

    print(json.dumps(measure(Workload(**values), when_warm)), flush=True)


if __name__ == "__main__":
    main()
