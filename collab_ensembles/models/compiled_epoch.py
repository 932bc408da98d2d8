"""Epochs as compiled programs, for Keras' JAX backend: a loop over steps, with the data on the device.

A program trains one run, or several that differ in values alone: in their seed, in the learning rate, in the order of
their examples, and in the weights of costs. How several go together is the program's way:

  serial: one run after another, with one program.
  unrolled: each step of the program has the steps of all runs, one after another.
  vmap: the runs' values are stacked, and operations take them all at once; convolutions become grouped ones.

In every way a run has its own numbers, and infinite or undefined ones stay its own.
"""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from collab_ensembles.models.compiled_steps import CompiledSteps, Values
from collab_ensembles.tensor import Tensor


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples in the order of an epoch.

    Attributes:
      images: uint8 [number, height, width, channels], in the data's order.
      order: int32 [examples], the image of each example.
      labels: int32 [examples], in the order of the epoch.
      shifts: of each example, the source row of each row and the source column of each column, int32 [examples, height]
        and [examples, width]; see `data.batch_manager.Augmentation`. None: images stay as they are.
      batch_size: of all batches but the last, which has the rest.
      black_border: whether the row and the column after the last ones are black.
      name: of the images, by which they are sent to the device only once.
      of_steps: arrays that hold something for each step, [steps, ...]: the arguments of `Model.cost_apart`, if the
        model learns from images without labels.
    """

    images: np.ndarray
    order: np.ndarray
    labels: np.ndarray
    shifts: tuple[np.ndarray, np.ndarray] | None
    batch_size: int
    black_border: bool
    name: Hashable
    of_steps: tuple[np.ndarray, ...] = ()

    def arrays(self) -> list[np.ndarray]:
        """What differs between epochs, for each example."""
        return [self.order, self.labels, *(self.shifts or ())]


@dataclasses.dataclass
class Epoch:
    """An epoch of one run that is to be computed.

    Attributes:
      steps: of the run's model.
      program: settings on which the program depends: epochs for which they are equal can share one.
      training: the training examples.
      test: the test examples.
      is_tested: whether the epoch ends with a test.
      logs: afterwards, the statistics of the epoch by name, those of the test with `val_` before it.
      test_logits: afterwards, of each member for the test examples, float32 [examples, classes]; on the device.
    """

    steps: CompiledSteps
    program: Hashable
    training: Examples
    test: Examples
    is_tested: bool = True
    logs: dict[str, float] = dataclasses.field(default_factory=dict)
    test_logits: list[Tensor] = dataclasses.field(default_factory=list)


class Device:
    """What the runs of one process share: compiled programs, and data on the device.

    Attributes:
      programs: the compiled programs, by part of an epoch, settings and number of runs.
      compilations: how many were compiled.
    """

    def __init__(self, way: str = "serial") -> None:
        """Takes one of `machine.WAYS`."""
        self.way, self.compilations = way, 0
        self.programs: dict[Hashable, Any] = {}
        self._images: dict[Hashable, Tensor] = {}

    def compute(self, epochs: Sequence[Epoch]) -> None:
        """Trains each model for its epoch, and tests those to be tested; the programs of several must be equal."""
        import jax

        states = [epoch.steps.values() for epoch in epochs]
        states, training, _ = self._run("train", epochs, states)
        test: list[dict[str, Tensor]] = [{} for _ in epochs]
        logits: list[list[Tensor]] = [[] for _ in epochs]
        if any(epoch.is_tested for epoch in epochs):
            # One program does it for all, whether they asked for it or not.
            _, test, logits = self._run("test", epochs, states)
        for epoch, state, before, after, own in zip(
            epochs, states, *jax.device_get((training, test)), logits, strict=True
        ):
            epoch.steps.assign(state)
            epoch.logs = {name: float(value) for name, value in before.items()}
            if epoch.is_tested:
                epoch.test_logits = own
                epoch.logs |= {f"val_{name}": float(value) for name, value in after.items()}

    def _run(
        self, part: str, epochs: Sequence[Epoch], states: list[Values]
    ) -> tuple[list[Values], list[dict[str, Tensor]], list[list[Tensor]]]:
        """Runs the program of a part of each epoch, compiled when it is first needed; see `_program`."""
        import jax

        examples = [epoch.training if part == "train" else epoch.test for epoch in epochs]
        first, steps = examples[0], epochs[0].steps
        if first.name not in self._images:
            self._images[first.name] = jax.device_put(np.asarray(first.images))
        orders, of_steps = [each.arrays() for each in examples], [list(each.of_steps) for each in examples]
        arguments = states, self._images[first.name], orders, of_steps
        key = part, epochs[0].program, len(epochs)
        if key not in self.programs:
            program = _program(steps.train if part == "train" else steps.test, first, steps, self.way)
            self.programs[key] = jax.jit(program).lower(*arguments).compile()
            self.compilations += 1
        result: tuple[list[Values], list[dict[str, Tensor]], list[list[Tensor]]] = self.programs[key](*arguments)
        return result


def _program(
    step: Callable[..., tuple[Values, list[Tensor]]], examples: Examples, steps: CompiledSteps, way: str
) -> Callable[..., Any]:
    """A function of states, images, and arrays of examples and steps, that takes all steps.

    Of each run it gives the state, the statistics, and what `step` gives for each example beside the state.
    """

    def program(states: list[Values], images: Tensor, orders: list[list[Tensor]], of_steps: list[list[Tensor]]) -> Any:
        import jax
        import jax.numpy as jnp

        def one(values: Values, batch: list[Tensor]) -> tuple[Values, list[Tensor]]:
            (chosen, labels, *shifts), apart = batch[:of_examples], batch[of_examples:]
            return step(values, _shifted(images[chosen], shifts, examples.black_border), labels, *apart)

        def together(values: Any, batches: Any) -> tuple[Any, Any]:
            if way == "vmap":
                stacked: tuple[Any, Any] = jax.vmap(one)(values, batches)
                return stacked
            found = [one(*each) for each in zip(values, batches, strict=True)]
            return [values for values, _ in found], [outputs for _, outputs in found]

        states = [steps.without_statistics(values) for values in states]
        number, size = len(examples.order), examples.batch_size
        full, of_examples = number // size, len(orders[0])
        whole = full * size
        batches = [
            [each[:whole].reshape(-1, size, *each.shape[1:]) for each in order] + [each[:full] for each in apart]
            for order, apart in zip(orders, of_steps, strict=True)
        ]
        rest = [
            [each[whole:] for each in order] + [each[-1] for each in apart]
            for order, apart in zip(orders, of_steps, strict=True)
        ]
        values: Any = states
        if way == "vmap":
            values, batches, rest = _stacked(states, 0), _stacked(batches, 1), _stacked(rest, 0)
        runs, parts = range(len(orders)), []
        if whole:
            values, outputs = jax.lax.scan(together, values, batches)
            if way == "vmap":
                outputs = [[each[:, run] for each in outputs] for run in runs]
            parts.append([[each.reshape(whole, *each.shape[2:]) for each in of_run] for of_run in outputs])
        if whole < number:
            values, outputs = together(values, rest)
            parts.append([[each[run] for each in outputs] for run in runs] if way == "vmap" else outputs)
        if way == "vmap":
            values = [[each[run] for each in values] for run in runs]
        joined = [[jnp.concatenate(each) for each in zip(*of_run, strict=True)] for of_run in zip(*parts, strict=True)]
        return values, [steps.statistics(each) for each in values], joined

    return program


def _stacked(runs: list[list[Tensor]], axis: int) -> list[Tensor]:
    """The arrays of several runs as one array each."""
    import jax.numpy as jnp

    return [jnp.stack(each, axis) for each in zip(*runs, strict=True)]


def _shifted(images: Tensor, shifts: list[Tensor], black_border: bool) -> Tensor:
    """As `data.batch_manager.Augmentation` does it."""
    import jax.numpy as jnp

    if not shifts:
        return images
    rows, columns = shifts
    batch = jnp.arange(len(images))
    if black_border:
        images = jnp.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)))
    return images[batch[:, None, None], rows[:, :, None], columns[:, None, :]]
