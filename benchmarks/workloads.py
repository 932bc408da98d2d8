"""What is timed: whole training steps in one process, in one long epoch, after some to warm up.

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
    """One thing to measure.

    Attributes:
      kind: `stock` (Keras' own layers and optimizer, `fit` on arrays, default threads), `ours` (as a run of
        this project trains) or `torch` (PyTorch with the same networks and cost).
      threads: of the framework; None for as many as there are cores.
      precision: `float32` or `mixed_bfloat16`.
      method: collaboration method, at weight 0.01.
      members: as in RunConfig.
      image_shape: (height, width, channels).
      examples: images in memory; None for as many as are shown.
      memory_mapped: whether the images lie in a file, as the data of a run do.
      batch_size: images a step.
      steps: training steps a repetition.
      repetitions: how many are timed, after one to warm up.
      compiled: whether torch.compile is used.
    """

    kind: str = "ours"
    threads: int | None = None
    precision: str = "float32"
    method: str = "L2"
    members: tuple[str, ...] = ("ST", "M")
    image_shape: tuple[int, int, int] = (28, 28, 1)
    examples: int | None = None
    memory_mapped: bool = False
    batch_size: int = 64
    steps: int = 25
    repetitions: int = 5
    compiled: bool = False

    @property
    def total_steps(self) -> int:
        """Training steps in all, those that warm up included."""
        return self.steps * (self.repetitions + 1)


class Clock:
    """Times repetitions of so many steps; the first one warms up."""

    def __init__(self, steps: int, when_warm: Callable[[], None]) -> None:
        """Calls `when_warm` after the first repetition."""
        self.seconds: list[float] = []
        self._steps, self._when_warm = steps, when_warm
        self._count = 0
        self._start = 0.0

    def step(self) -> None:
        """To be called after each step."""
        self._count += 1
        if self._count == self._steps:
            self._when_warm()
        elif self._count % self._steps == 0:
            self.seconds.append(time.perf_counter() - self._start)
        else:
            return
        self._start = time.perf_counter()


def random_data(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels; speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    examples = workload.examples or workload.total_steps * workload.batch_size
    images = rng.integers(0, 256, (examples, *workload.image_shape), np.uint8)
    if workload.memory_mapped:
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, images)
            file.flush()
            # The mapping outlives the name of the file.
            images = np.load(file.name, mmap_mode="r")
    return images, rng.integers(0, 10, examples).astype(np.int32)


def train_with_keras(workload: Workload, clock: Clock) -> None:
    """Trains one epoch of all steps, with this project or with stock Keras."""
    from experiments import runtime

    if workload.kind == "stock":
        runtime.quiet_tensorflow()
    else:
        runtime.start_tensorflow(workload.threads)
    import keras

    from collab_ensembles.data.batch_manager import BatchManager
    from collab_ensembles.methods import assembly
    from collab_ensembles.methods.ensemble.options import EnsembleConfig
    from collab_ensembles.models import collaboration
    from collab_ensembles.models.ensemble import EnsembleModel
    from collab_ensembles.networks.exported import with_stock_layers

    weight = 1.0 if workload.method == "plain" else 0.01
    config = EnsembleConfig(
        members=workload.members, method=workload.method, weight=weight, precision=workload.precision
    )
    model = assembly.build_model(config, workload.image_shape, 10)
    images, labels = random_data(workload)
    options: dict[str, Any] = {"steps_per_epoch": workload.total_steps, "shuffle": False, "verbose": 0}
    options["callbacks"] = [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: clock.step())]
    if workload.kind == "stock":
        members = {name: with_stock_layers(member) for name, member in model.members.items()}
        model = EnsembleModel(members, collaboration.by_name(workload.method), weight)
        model.compile(optimizer=keras.optimizers.Adam(config.single_rate, epsilon=1e-8))
        model.fit(images, labels, batch_size=workload.batch_size, **options)
    else:
        assembly.compile_for_training(model, config)
        batches = BatchManager(images, labels, workload.batch_size)
        model.fit(batches.dataset(), **options)


def measure(workload: Workload, when_warm: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Images a second in each repetition, and the process's memory in bytes, files in memory aside."""
    clock = Clock(workload.steps, when_warm)
    if workload.kind == "torch":
        from benchmarks import torch_peer

        torch_peer.train(workload, clock)
    else:
        train_with_keras(workload, clock)
    images = workload.steps * workload.batch_size
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
