"""RunConfig: everything that decides a result, in one frozen dataclass. Imports nothing heavy."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl.options import FeatureDifferenceOptions
from collab_ensembles.methods.multihead.options import MultiheadOptions
from collab_ensembles.methods.snapshot.options import SnapshotOptions
from collab_ensembles.networks.sizes import FORMS, ResNetSize, check_image_shape, parse_network
from collab_ensembles.settings.defaults import SYSTEMS, default, first_default, younger_fields
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, field_types, option, typed

FORMAT_VERSION = 1
"""Raised when the meaning of a field changes; a new default has its old value in `defaults.first_default` instead."""


_MOST_EPOCHS = 99_999
"""Names of checkpoints have five digits."""


@dataclasses.dataclass(frozen=True)
class RunConfig(MultiheadOptions, FeatureDifferenceOptions, SnapshotOptions):
    """The settings of one run. Each field is a flag of `experiments.train`, with this help text.

    Raises:
      ConfigError: a value is not allowed; the message names the flag, the value and what is allowed.
    """

    system: str = option(
        "ensemble",
        "ensemble: collaborative ensembles (Noel 2017); multihead: multi-head collaborative learning (Song and Chai "
        "2018); fdl: feature-difference ensembles (Das and Dutta Roy 2022); snapshot: the snapshot and fast geometric "
        "ensembles these are compared with",
        SYSTEMS,
    )
    dataset: str = option("digits", f"data set: {', '.join(catalogue.CATALOGUE)}, or the path of an .npz file")
    split: str = option(
        "report",
        "report: as in the published tables; standard: the official one; validation: "
        "the last tenth of the training part serves as test part",
        catalogue.SPLITS,
    )
    train_limit: int | None = option(None, "use only the first so many training examples")
    members: tuple[str, ...] = option(None, f"the networks: {FORMS}; default: ST,M, resnet32, or vgg16,vgg16")
    resnet: str = option(
        "report",
        "revision of the residual block: report is the one behind the published "
        "tables, fixed mends its typo, post2018 is the author's later correction",
        ("report", "fixed", "post2018"),
    )
    method: str = option("None", "collaboration method", ("None", "CE", "L1", "L2"), ("ensemble",))
    weight: float = option(1.0, "collaboration weight (alpha); stays at 1 where the method is None", (), ("ensemble",))
    pairing: str = option(
        "chain",
        "which of three or more members collaborate: neighbours in the list, or all with all",
        ("chain", "all"),
        ("ensemble",),
    )
    target_gradient: bool = option(
        False,
        "let the gradient flow into softmax targets: of CE, as the text says and the reference code does not; of the "
        "soft labels, where the text says nothing",
        (),
        ("ensemble", "multihead"),
    )
    regularization_rate: float = option(
        None, "weight decay s: each decayed kernel adds s * sum(w^2) / 2; default: 1e-4, for fdl 5e-4 on all variables"
    )
    decay_scope: str = option(
        None,
        "which kernels decay: report: those of all bricks but the last, as in the reference code; all: every kernel; "
        "default: report, for --resnet=post2018 all",
        ("report", "all"),
    )
    epochs: int = option(
        None,
        "length of training; default: 15 for notMNIST, 30 otherwise; for multihead 200 (DenseNet 300), for fdl 250 "
        "(VGG) or 400 (ResNet)",
    )
    batch_size: int = option(None, "examples a step; default: 64 for ensemble, otherwise 128")
    learning_rate: float = option(
        None, "learning rate before it is lowered, of Adam for ensemble (default: 2^-10), otherwise of SGD (0.1)"
    )
    shuffle: str = option(
        None,
        "order of the training examples: none: the same each epoch (default for ensemble); permute: a new "
        "permutation each epoch (otherwise); bootstrap: drawn with replacement",
        ("none", "permute", "bootstrap"),
    )
    precision: str = option(
        "float32",
        "mixed_bfloat16 computes the convolutions in bfloat16, statistics, logits and costs in float32",
        ("float32", "mixed_bfloat16"),
    )
    augment: bool = option(
        None,
        "shift images by up to 12.5 % (ensemble: the border repeated, otherwise black) and, on CIFAR, flip them, anew "
        "each epoch; default: false for ensemble, otherwise true",
    )
    label_noise: float = option(
        0.0, "share of the training examples whose labels are redrawn from all classes each epoch"
    )
    seed: int = option(0, "seed of every stream of random numbers")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is not None or field.default is not None:
                value = typed(field.name, field_types(RunConfig)[field.name], getattr(self, field.name))
                object.__setattr__(self, field.name, value)
        self._check_names()
        # However paths are spelled, and wherever the run is evaluated later.
        object.__setattr__(self, "dataset", catalogue.resolve(self.dataset))
        teachers = (os.path.abspath(os.path.expanduser(path)) for path in self.teacher)
        object.__setattr__(self, "teacher", tuple(teachers))
        # In this order: other defaults depend on the members, and on the recipe that follows from them.
        for name in ("members", "recipe", *(field.name for field in dataclasses.fields(self))):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default(name, self))
            if name == "members":
                self._check_members()
        self._check_belongings()
        self._check_numbers()
        self._check_system()

    def _check_names(self) -> None:
        catalogue.check_name(self.dataset)
        for field in dataclasses.fields(self):
            choices, value = field.metadata["choices"], getattr(self, field.name)
            if choices and value is not None and value not in choices:
                raise ConfigError(f"--{field.name}={value}: not known; allowed: {', '.join(choices)}")

    def _check_members(self) -> None:
        if not self.members:
            raise ConfigError("--members is empty; name at least one member, such as ST")
        for member in self.members:
            parse_network(member)

    def _check_belongings(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) != self.default_of(field):
                self.check_belongs(field.name)
        if not any(isinstance(parse_network(member), ResNetSize) for member in self.members):
            for name in ("resnet", "decay_scope"):
                if getattr(self, name) != "report":
                    raise ConfigError(
                        f"--{name} concerns ST, M and their like; received --members={','.join(self.members)}"
                    )

    def check_belongs(self, name: str) -> None:
        """Raises ConfigError if a field belongs to other systems than this one."""
        (systems,) = (field.metadata["systems"] for field in dataclasses.fields(self) if field.name == name)
        if systems and self.system not in systems:
            raise ConfigError(f"--{name} belongs to --system={' or '.join(systems)}; received --system={self.system}")

    def _check_numbers(self) -> None:
        for name, least in (("batch_size", 1), ("seed", 0), ("train_limit", 1)):
            check_whole(name, getattr(self, name), least)
        check_whole("epochs", self.epochs, 1, _MOST_EPOCHS)
        check_number("weight", self.weight)
        check_number("regularization_rate", self.regularization_rate)
        check_number("learning_rate", self.learning_rate, above=True)
        check_number("label_noise", self.label_noise, 0, 1)

    def _check_system(self) -> None:
        if self.system != "ensemble":
            # Heads are not of ST, M and their like, and in the other systems all variables decay, in the optimizer.
            check_effects(self, {"decay_scope": "report"}, f"--system={self.system}")
        if self.system == "ensemble":
            self._check_collaboration()
        elif self.system == "multihead":
            self.check_multihead(self.members)
        elif self.system == "fdl":
            self.check_feature_difference(self.members)
            self.check_pretraining(self.epochs)
        else:
            self.check_snapshots(self.members, self.epochs)

    def without_effect(self) -> dict[str, Any]:
        """The only values of settings of other systems than `ensemble` that would change nothing beside the others."""
        if self.system == "multihead":
            return self.multihead_without_effect()
        if self.system == "snapshot":
            return self.snapshot_without_effect()
        return self.feature_difference_without_effect() if self.system == "fdl" else {}

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
        if len(self.members) < 3:
            check_effects(self, {"pairing": "chain"}, f"--members={','.join(self.members)}")
        if self.target_gradient and self.method != "CE":
            raise ConfigError(f"--target_gradient belongs to --method=CE; received --method={self.method}")

    def check_data(self, description: catalogue.Description) -> None:
        """Checks the settings against the shape and size of the data.

        Raises:
          ConfigError: the images cannot be halved often enough, or a batch exceeds the examples.
        """
        for member in self.members:
            divisor = parse_network(member).image_divisor
            check_image_shape(f"member {member} on {self.dataset}", divisor, description.image_shape)
        examples = min(description.num_train, self.train_limit or description.num_train)
        if self.batch_size > examples:
            raise ConfigError(
                f"--batch_size={self.batch_size} exceeds the {examples} training examples; allowed: 1 to {examples}"
            )

    def member_names(self) -> tuple[str, ...]:
        """Names that tell members apart: ST,ST,M gives ST, ST_2, M; heads and snapshots are numbered."""
        if self.system == "multihead":
            return ("student", "teacher") if self.teacher else tuple(f"head{i + 1}" for i in range(self.heads))
        if self.system == "snapshot":
            return tuple(f"snapshot{i + 1}" for i in range(self.snapshots))
        names = []
        for index, member in enumerate(self.members):
            repeated = self.members[:index].count(member)
            names.append(f"{member}_{repeated + 1}" if repeated else member)
        return tuple(names)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RunConfig":
        """The inverse of `to_json`.

        Raises:
          ConfigError: there are unknown fields, or values that are not allowed.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ConfigError(f"unknown settings: {', '.join(unknown)}; was this written by another version?")
        return cls(**{**younger_fields(str(values.get("system"))), **values})

    def digest(self) -> str:
        """SHA-256 in hexadecimal of the settings that differ from their first defaults.

        Fields at their first default are left out, so that neither a new field nor a new default changes old digests.
        """
        values = self.to_json()
        changed = {
            field.name: values[field.name]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != self._first_default_of(field)
        }
        canonical = json.dumps({"format_version": FORMAT_VERSION, **changed}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def default_of(self, field: "dataclasses.Field[Any]") -> Any:
        """The default of a field, given the system, the data set and the members."""
        return default(field.name, self) if field.default is None else field.default

    def _first_default_of(self, field: "dataclasses.Field[Any]") -> Any:
        """What the default was in the release that brought the field, or what all runs did before there was one."""
        return first_default(field.name, self) if field.default is None else field.default
