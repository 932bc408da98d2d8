"""Compares Keras' backends: the same epochs of each kind of model, from the same weights on the same examples.

TensorFlow's numbers lie in benchmarks/equality.npz; with TensorFlow, this command computes and writes them again.
With JAX it computes its own and compares: the objective and the gradients of the first step within 1e-5, and the
statistics and all variables (weights, moving averages, the optimizer's) after 21 steps within 1e-4, each relative to
the largest number of its array, a gradient's at least to a tenth of the largest gradient. An error, which is a count of
answers, may differ by one answer.

Example:
  python -m benchmarks.equality --backend=jax
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from collab_ensembles import files
from collab_ensembles.errors import ConfigError
from collab_ensembles.machine import JAX
from collab_ensembles.settings.config import RunConfig
from experiments import backend_flags, command_line

Numbers = dict[str, np.ndarray]

REFERENCE = os.path.join(os.path.dirname(__file__), "equality.npz")

_EPOCHS, _EXAMPLES, _TEST, _BATCH = 7, 40, 12, 16
"""Seven epochs of two whole batches and a half one."""

_SHARED: Mapping[str, Any] = {"epochs": _EPOCHS, "batch_size": _BATCH, "shuffle": "permute", "augment": True}
_HEADS: Mapping[str, Any] = {"system": "multihead", "learning_rate": 0.01, **_SHARED}
_PAIR: Mapping[str, Any] = {"members": ("B1R1F4", "B1R1F3"), **_SHARED}
CASES: Mapping[str, Mapping[str, Any]] = {
    "L2": {"members": ("B2R1F4", "B1R1F3"), "method": "L2", "weight": 0.1, **_SHARED},
    "CE": {**_PAIR, "method": "CE", "weight": 0.5, "target_gradient": True},
    "unlabelled": {**_PAIR, "method": "CE", "weight": 0.5, "unlabelled": "gaussian", "unlabelled_every": 2},
    "pseudo-labels": {
        **_PAIR,
        "method": "CE",
        "weight": 0.5,
        "unlabelled": "uniform",
        "unlabelled_cost": "pseudo_labels",
    },
    "heads": {"members": ("densenet7-2",), "graph": "simple", "label_smoothing": 0.1, **_HEADS},
    "alternating": {"members": ("convnet4",), "graph": "instances", "optimization": "alternating", **_HEADS},
    "distillation": {"system": "distillation", "members": ("convnet4",), "learning_rate": 0.01, **_SHARED},
}
"""Networks so small that XLA compiles them in seconds on a CPU."""

_CASES_FLAG = flags.DEFINE_list("cases", list(CASES), "what is compared")

_STEP, _EPOCH, _SMALL = 1e-5, 1e-4, 0.1


def main(arguments: list[str]) -> int:
    """Writes or compares; returns 1 if a number differs."""
    command_line.no_arguments(arguments)
    backend_flags.check([], False)
    unknown = sorted(set(_CASES_FLAG.value) - set(CASES))
    if unknown or not (backend_flags.on_jax() or _CASES_FLAG.value == list(CASES)):
        raise ConfigError(f"--cases={','.join(_CASES_FLAG.value)}: allowed: {', '.join(CASES)}; with TensorFlow all")
    backend_flags.start(None)
    if not backend_flags.on_jax():
        found = numbers({})
        with tempfile.TemporaryFile() as buffer:
            np.savez_compressed(buffer, allow_pickle=False, **found)
            buffer.seek(0)
            files.write_bytes(REFERENCE, buffer.read())
        print(f"written: {REFERENCE}, {len(found)} arrays")
        return 0
    failures = 0
    for case in _CASES_FLAG.value:
        reference = of_case(case)
        found = numbers(reference, [case])
        worst, wrong = differences(reference, found)
        kinds = ", ".join(f"{name.partition('/')[2]} {value:.1e}" for name, value in worst.items())
        print(f"{case}: {len(found)} arrays, {len(wrong)} differ; largest relative differences: {kinds}", flush=True)
        for line in wrong:
            print(line, flush=True)
        failures += len(wrong)
    return 1 if failures else 0


def read() -> Numbers:
    """TensorFlow's numbers."""
    with np.load(REFERENCE, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def of_case(case: str) -> Numbers:
    """TensorFlow's numbers of one case."""
    return {name: value for name, value in read().items() if name.startswith(f"{case}/")}


def numbers(reference: Numbers, cases: Sequence[str] = tuple(CASES)) -> Numbers:
    """The numbers of cases by this process's backend, from the reference's first values where it has them."""
    with tempfile.TemporaryDirectory() as directory:
        found = [(case, _case(case, directory, reference)) for case in cases]
    return {f"{case}/{name}": value for case, own in found for name, value in own.items()}


def differences(expected: Numbers, found: Numbers) -> tuple[dict[str, float], list[str]]:
    """The largest relative difference of each kind of number, and a line for each number that differs."""
    worst: dict[str, float] = {}
    wrong = [f"{name}: only in one" for name in sorted(expected.keys() ^ found.keys())]
    for name in sorted(expected.keys() & found.keys()):
        case, kind, which = name.split("/", 2)
        a, b = (np.asarray(each[name], np.float64) for each in (expected, found))
        most, scale = _EPOCH if kind in ("log", "end") else _STEP, float(np.abs(a).max()) or 1.0
        if kind == "gradient":
            # Small ones are differences of large numbers: those that are 0 but for rounding share no digits.
            every = [value for other, value in expected.items() if other.startswith(f"{case}/gradient/")]
            scale = max(scale, _SMALL * max(float(np.abs(value).max()) for value in every))
        if kind == "log" and which.endswith(("error", "disagreement")):
            # One answer of the half batch, or of the test examples.
            most, scale = 1.01 / min(_EXAMPLES % _BATCH, _TEST), 1.0
        difference = float(np.abs(a - b).max() / scale) if a.shape == b.shape else np.inf
        worst[f"{case}/{kind}"] = max(difference if scale != 1.0 else 0.0, worst.get(f"{case}/{kind}", 0.0))
        if not difference <= most:
            wrong.append(f"{name}: differs by {difference:.1e}; allowed: {most:.1e}")
    return worst, wrong


def _case(case: str, directory: str, reference: Numbers) -> Numbers:
    import keras

    from collab_ensembles.methods.assembly import build_model, compile_for_training
    from collab_ensembles.networks import exported
    from collab_ensembles.networks.build import build_network

    settings = dict(CASES[case])
    shape, classes = (8, 8, 1), 5
    if settings.get("system") == "distillation":
        path = os.path.join(directory, f"{case}.keras")
        exported.save(build_network("convnet6", shape, classes, random=np.random.default_rng(1), name="teacher"), path)
        settings["teacher"] = (path,)
    config = RunConfig(dataset="digits", **settings)
    model = build_model(config, shape, classes)
    compile_for_training(model, config)
    variables = model.training_variables()
    weights = {name: each for name, each in variables.items() if not name.startswith("optimizer/")}
    for name, variable in weights.items():
        if f"{case}/start/{name}" in reference:
            variable.assign(reference[f"{case}/start/{name}"])
    found = {f"start/{name}": _copy(variable) for name, variable in weights.items()}
    train, test = _examples(3, _EXAMPLES, classes), _examples(4, _TEST, classes)
    compute = _by_jax if keras.config.backend() == JAX else _by_tensorflow
    found |= dict(compute(model, config, train, test))
    return found | {f"end/{name}": _copy(variable) for name, variable in variables.items()}


def _copy(value: Any) -> np.ndarray:
    return np.asarray(value).copy()


def _examples(seed: int, number: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (number, 8, 8, 1), np.uint8), random.integers(0, classes, number).astype(np.int32)


def _managers(config: RunConfig, train: Any, test: Any) -> Any:
    from collab_ensembles.data.batch_manager import BatchManager

    (images, labels), (others, their_labels) = train, test
    how: dict[str, Any] = {"shuffle": config.shuffle, "augment": config.augment, "mirror": True}
    how["unlabelled"] = config.unlabelled_batches(images)
    return BatchManager(images, labels, config.batch_size, **how), BatchManager(others, their_labels, len(others))


def _by_tensorflow(model: Any, config: RunConfig, train: Any, test: Any) -> Iterator[tuple[str, np.ndarray]]:
    import tensorflow as tf

    batches, others = _managers(config, train, test)
    objective, trained = model.turns()[0]
    kept = [_copy(each) for each in model.variables]
    images, labels = batches[0]
    with tf.GradientTape() as tape:
        total, _ = objective(tf.constant(labels), model.logits(tf.constant(images), training=True))
    gradients = tape.gradient(total, trained)
    yield from _first(total, gradients)
    for variable, value in zip(model.variables, kept, strict=True):
        variable.assign(value)
    history = model.fit(
        model.feed(batches),
        epochs=config.epochs,
        shuffle=False,
        verbose=0,
        validation_data=others.dataset(),
        callbacks=[batches.epoch_clock()],
    ).history
    yield from ((f"log/{name}", np.array(values)) for name, values in history.items())


def _by_jax(model: Any, config: RunConfig, train: Any, test: Any) -> Iterator[tuple[str, np.ndarray]]:
    import jax

    from collab_ensembles.models.compiled_epoch import Device
    from collab_ensembles.models.compiled_steps import CompiledSteps
    from collab_ensembles.runs import compiled_fit

    batches, others = _managers(config, train, test)
    objective, trained = model.turns()[0]
    steps = CompiledSteps(model)
    first = jax.jit(lambda values, *batch: steps.differentiated(values, objective, trained, *batch))
    (total, _), gradients = first(steps.values(), *batches[0])
    yield from _first(total, gradients)
    device, logs = Device(), []
    for epoch in compiled_fit.fit(model, config, batches, others, "", range(config.epochs), [batches.epoch_clock()]):
        device.compute([epoch])
        logs.append(epoch.logs)
    yield from ((f"log/{name}", np.array([each[name] for each in logs])) for name in logs[0])


def _first(total: Any, gradients: Any) -> Iterator[tuple[str, np.ndarray]]:
    yield "objective/first", _copy(total)
    yield from ((f"gradient/{number}", _copy(each)) for number, each in enumerate(gradients))


if __name__ == "__main__":
    command_line.launch(main)
