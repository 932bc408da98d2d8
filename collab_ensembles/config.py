"""RunConfig: everything that decides a result, in one frozen dataclass. Imports nothing heavy."""

import dataclasses
import hashlib
import json
import math
import operator
import os
import reprlib
from collections.abc import Mapping
from typing import Any

from collab_ensembles.datasets import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import parse_size

FORMAT_VERSION = 1
"""Raised whenever a default changes, or the meaning of a field: old digests then stand for other runs."""


_MOST = 2**31 - 1
_MOST_EPOCHS = 100_000


def _typed(field: "dataclasses.Field[Any]", value: Any) -> Any:
    """The value in its field's type, so that equal settings have equal digests; JSON has lists only."""
    kind: Any = field.type
    try:
        if kind is float:
            # Adding 0 makes -0.0 the 0.0 that it equals.
            return float(value) + 0.0
        if kind is int or (kind == int | None and value is not None):
            return operator.index(value)
        if kind == tuple[str, ...] and not isinstance(value, str):
            return tuple(_typed_as(str, member) for member in value)
        return _typed_as(kind, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"--{field.name}={reprlib.repr(value)}: needed: {getattr(kind, '__name__', kind)}") from error


def _typed_as(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind}")
    return value


def _option(default: Any, description: str, choices: tuple[str, ...] = ()) -> Any:
    return dataclasses.field(default=default, metadata={"help": description, "choices": choices})


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """The settings of one run. Each field is a flag of `experiments.train`, with this help text.

    Raises:
      ConfigError: a value is not allowed; the message names the flag, the value and what is allowed.
    """

    dataset: str = _option("digits", f"data set: {', '.join(catalogue.CATALOGUE)}, or the path of an .npz file")
    split: str = _option(
        "report",
        "report: as in the published tables; standard: the official one; validation: "
        "the last tenth of the training part serves as test part",
        catalogue.SPLITS,
    )
    train_limit: int | None = _option(None, "use only the first so many training examples")
    members: tuple[str, ...] = _option(("ST", "M"), "the ensemble's members: ST, M, or sizes such as B3R5F16")
    resnet: str = _option(
        "report",
        "revision of the residual block: report is the one behind the published "
        "tables, fixed mends its typo, post2018 is the author's later correction",
        ("report", "fixed", "post2018"),
    )
    method: str = _option("None", "collaboration method", ("None", "CE", "L1", "L2"))
    weight: float = _option(1.0, "collaboration weight (alpha); stays at 1 where the method is None")
    pairing: str = _option(
        "chain", "which members collaborate: neighbours in the list, or all with all", ("chain", "all")
    )
    target_gradient: bool = _option(
        False, "let the gradient of CE flow into the softmax targets, as the text says and the reference code does not"
    )
    regularization_rate: float = _option(1e-4, "weight decay s: each decayed kernel adds s * sum(w^2) / 2")
    decay_scope: str = _option(
        "report",
        "which kernels decay: report: those of all bricks but the last, as in the reference code; all: every kernel",
        ("report", "all"),
    )
    epochs: int | None = _option(None, "length of training; default: 15 for notMNIST, 30 otherwise")
    batch_size: int = _option(64, "examples a step")
    learning_rate: float = _option(2.0**-10, "learning rate of Adam before it is lowered")
    shuffle: str = _option(
        "none",
        "order of the training examples: none: the same each epoch; permute: a new "
        "permutation each epoch; bootstrap: drawn with replacement",
        ("none", "permute", "bootstrap"),
    )
    precision: str = _option(
        "float32",
        "mixed_bfloat16 computes the convolutions in bfloat16, statistics, logits and costs in float32",
        ("float32", "mixed_bfloat16"),
    )
    augment: bool = _option(False, "shift images by up to 12.5 % and, on CIFAR, flip them, anew each epoch")
    seed: int = _option(0, "seed of every stream of random numbers")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _typed(field, getattr(self, field.name)))
        self._check_names()
        if catalogue.is_file(self.dataset):
            # However it is spelled, and wherever the run is evaluated later.
            object.__setattr__(self, "dataset", os.path.abspath(self.dataset))
        if self.epochs is None:
            object.__setattr__(self, "epochs", catalogue.default_epochs(self.dataset))
        self._check_numbers()
        self._check_collaboration()

    def _check_names(self) -> None:
        catalogue.check_name(self.dataset)
        for field in dataclasses.fields(self):
            choices, value = field.metadata["choices"], getattr(self, field.name)
            if choices and value not in choices:
                raise ConfigError(f"--{field.name}={value}: not known; allowed: {', '.join(choices)}")
        if not self.members:
            raise ConfigError("--members is empty; name at least one member, such as ST")
        for member in self.members:
            parse_size(member)

    def _check_numbers(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("train_limit", 1)):
            value = getattr(self, name)
            if value is not None and not least <= value <= _MOST:
                raise ConfigError(f"--{name}={value}: allowed: whole numbers from {least} to {_MOST:,}")
        for name, positive in (("weight", False), ("regularization_rate", False), ("learning_rate", True)):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0 or (positive and value == 0):
                raise ConfigError(f"--{name}={value}: allowed: finite numbers {'above' if positive else 'from'} 0")

        if self.epochs is not None and self.epochs > _MOST_EPOCHS:
            raise ConfigError(f"--epochs={self.epochs}: allowed: whole numbers from 1 to {_MOST_EPOCHS:,}")

    def _check_collaboration(self) -> None:
        if self.method == "None" and self.weight != 1.0:
            raise ConfigError(
                f"--weight={self.weight} has no effect without a collaboration method; add --method=CE, L1 or L2, "
                "or leave the weight out"
            )
        if self.method != "None" and len(self.members) < 2:
            raise ConfigError(
                f"--method={self.method} compares members, and --members={','.join(self.members)} has only one; "
                "name two or more, or use --method=None"
            )
        if self.target_gradient and self.method != "CE":
            raise ConfigError(f"--target_gradient belongs to --method=CE; received --method={self.method}")

    def check_data(self, description: catalogue.Description) -> None:
        """Checks the settings against the shape and size of the data.

        Raises:
          ConfigError: the images cannot be halved often enough, or a batch exceeds the examples.
        """
        height, width, _ = description.image_shape
        for member in self.members:
            size = parse_size(member)
            if height % size.image_divisor or width % size.image_divisor:
                raise ConfigError(
                    f"member {member} has {size.bricks} bricks, so height and width must be multiples of "
                    f"{size.image_divisor}; the images of {self.dataset} are {height} x {width}; use fewer bricks"
                )
        examples = min(description.num_train, self.train_limit or description.num_train)
        if self.batch_size > examples:
            raise ConfigError(
                f"--batch_size={self.batch_size} exceeds the {examples} training examples; allowed: 1 to {examples}"
            )

    def member_names(self) -> tuple[str, ...]:
        """Names that tell repeated members apart: ST,ST,M gives ST, ST_2, M."""
        names = []
        for index, member in enumerate(self.members):
            repeated = self.members[:index].count(member)
            names.append(f"{member}_{repeated + 1}" if repeated else member)
        return tuple(names)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {**dataclasses.asdict(self), "members": list(self.members)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RunConfig":
        """The inverse of `to_json`.

        Raises:
          ConfigError: there are unknown fields, or values that are not allowed.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ConfigError(f"unknown settings: {', '.join(unknown)}; was this written by another version?")
        return cls(**values)

    def digest(self) -> str:
        """SHA-256 in hexadecimal of the settings that differ from their defaults.

        Fields at their default are left out, so that a new field does not change old digests.
        """
        changed = {
            field.name: self.to_json()[field.name]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != self._default(field)
        }
        canonical = json.dumps({"format_version": FORMAT_VERSION, **changed}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _default(self, field: "dataclasses.Field[Any]") -> Any:
        return catalogue.default_epochs(self.dataset) if field.name == "epochs" else field.default
