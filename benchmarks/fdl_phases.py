"""Shows what each phase of a feature-difference ensemble changes, and how long it takes: two VGG-16 on CIFAR-10.

One minibatch, real data, the published optimizers. Exit status 1 if a phase changes a variable that is not its own.

Example:
  python -m benchmarks.fdl_phases --data_dir=/data
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from collab_ensembles.methods.fdl.options import FeatureDifferenceConfig
from experiments import command_line, path_flags, runtime

_DATA_DIR = path_flags.data_dir()

_OWN = {
    "cross_entropy": ("networks to the last convolution", "networks after it"),
    "similarity": ("networks to the last convolution", "networks after it"),
    "feature_difference": ("networks to the last convolution",),
    "head": ("head",),
}
"""The kinds of trained variables that each phase may change."""


def main(arguments: list[str]) -> int:
    """Takes the step of each phase and prints the table; 1 if a phase changed what is not its own."""
    command_line.no_arguments(arguments)
    runtime.start_tensorflow(None)
    table, faults = measure()
    print(table.to_string(index=False))
    for fault in faults:
        print(f"not its own: {fault}")
    return 1 if faults else 0


def measure() -> tuple[pd.DataFrame, list[str]]:
    """A row a phase, and a line for each phase that changed variables of other kinds than `_OWN` says."""
    from collab_ensembles.methods.assembly import build_model, compile_for_training
    from collab_ensembles.runs import run_data

    config = FeatureDifferenceConfig(system="fdl", dataset="cifar10", pretraining_epochs=0)
    data = run_data.load(config, _DATA_DIR.value)
    model: Any = build_model(config, data.image_shape, data.num_classes)
    compile_for_training(model, config)
    images, labels = (np.asarray(part[: config.batch_size]) for part in (data.train_images, data.train_labels))
    phases: dict[str, Callable[[], object]] = {
        "cross_entropy": lambda: model.first_phase(images, labels),
        "similarity": lambda: model.similarity_phase(images, labels),
        "feature_difference": lambda: model.feature_difference_phase(images),
        "head": lambda: model.head_phase(images, labels),
    }
    kinds = _kinds(model)
    rows, faults = [], []
    for phase, step in phases.items():
        changed, seconds = _changed(kinds, step)
        rows.append({"phase": phase, **changed, "seconds": f"{seconds:.1f}"})
        faults += [f"{phase}: {kind}" for kind, count in changed.items() if count and kind not in _OWN[phase]]
        faults += [f"{phase}: {kind} (unchanged)" for kind in _OWN[phase] if not changed[kind]]
    return pd.DataFrame(rows), faults


def _kinds(model: Any) -> dict[str, list[Any]]:
    """The trained variables by kind."""
    before, after = _OWN["cross_entropy"]
    kinds: dict[str, list[Any]] = {before: [], after: []}
    for member in model.members.values():
        last = max(index for index, layer in enumerate(member.layers) if "_convolution" in layer.name)
        for index, layer in enumerate(member.layers):
            kinds[after if index > last else before] += layer.trainable_variables
    return {**kinds, "head": model.head.trainable_variables}


def _changed(kinds: dict[str, list[Any]], step: Callable[[], object]) -> tuple[dict[str, int], float]:
    """How many variables of each kind a step changes, and its seconds."""
    before = {kind: [variable.numpy() for variable in variables] for kind, variables in kinds.items()}
    start = time.monotonic()
    step()
    seconds = time.monotonic() - start
    changed = {
        kind: sum(
            not np.array_equal(variable.numpy(), old) for variable, old in zip(variables, before[kind], strict=True)
        )
        for kind, variables in kinds.items()
    }
    return changed, seconds


if __name__ == "__main__":
    command_line.launch(main)
