"""RunConfig: everything that decides a result, in one frozen dataclass. Imports nothing heavy."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

from collab_ensembles import methods
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import FORMS, LONG_NAMES, ResNetSize, check_image_shape, parse_network
from collab_ensembles.settings import first_release
from collab_ensembles.settings.fields import check_number, check_whole, field_types, option, typed

FORMAT_VERSION = 1
"""Raised when the meaning of a field changes; a new default has its old value in `RunConfig.first_default` instead."""

DEFAULT_SYSTEM = "ensemble"

AVERAGES = ("logits", "softmax")
"""What the prediction of an ensemble can be the mean of."""

WHAT, TRAINING = "Data and networks", "Training"
"""Headings of the shared settings."""

_MOST_EPOCHS = 99_999
"""Names of checkpoints have five digits."""

_LONGEST_LIST = 170
"""Characters of the members in a name: with all that stands around them a name of a file has 255 bytes at most."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings of one run: here those that all systems share, in a subclass those of one system.

    `RunConfig(system="multihead", heads=4)` is an object of that system's class. Each field is a flag of
    `experiments.train`, with this help text. A system without a word of its own has the defaults of Noel (2017).

    Attributes:
      decisive: the fields that defaults of others depend on, in order.
      younger: fields that earlier releases did not have, and the values that describe what those did.
      black_border: whether images that are shifted at random have a black border; otherwise theirs is repeated.

    Raises:
      ConfigError: a value is not allowed; the message names the flag, the value and what is allowed.
    """

    decisive: ClassVar[tuple[str, ...]] = ("members",)
    younger: ClassVar[Mapping[str, Any]] = {}
    black_border: ClassVar[bool] = True

    system: str = option(DEFAULT_SYSTEM, "what is trained", heading=WHAT)
    dataset: str = option(
        "digits", f"data set: {', '.join(catalogue.CATALOGUE)}, or the path of an .npz file", heading=WHAT
    )
    split: str = option(
        "report",
        "report: as in the published tables; standard: the official one; validation: "
        "the last tenth of the training part serves as test part",
        catalogue.SPLITS,
        heading=WHAT,
    )
    train_limit: int | None = option(None, "use only the first so many training examples", heading=WHAT)
    members: tuple[str, ...] = option(None, f"the networks: {FORMS}", heading=WHAT)
    resnet: str = option(
        "report",
        "revision of the residual block of ST, M and their like: report is the one behind the published tables, fixed "
        "mends its typo, post2018 is the author's later correction",
        ("report", "fixed", "post2018"),
        heading=WHAT,
    )
    regularization_rate: float = option(
        None,
        "weight decay s: each decayed variable adds s * sum(w^2) / 2",
        heading=TRAINING,
    )
    decay_scope: str = option(
        None,
        "which kernels of ST, M and their like decay: report: those of all bricks but the last, as in the reference "
        "code; all: every kernel; default: report, for --resnet=post2018 all",
        ("report", "all"),
        heading=TRAINING,
    )
    epochs: int = option(None, "length of training", heading=TRAINING)
    batch_size: int = option(None, "examples a step", heading=TRAINING)
    learning_rate: float = option(None, "learning rate before it is lowered", heading=TRAINING)
    shuffle: str = option(
        None,
        "order of the training examples: none: the same each epoch; permute: a new permutation each epoch; bootstrap: "
        "drawn with replacement",
        ("none", "permute", "bootstrap"),
        heading=TRAINING,
    )
    precision: str = option(
        "float32",
        "mixed_bfloat16 computes the convolutions in bfloat16, statistics, logits and costs in float32",
        ("float32", "mixed_bfloat16"),
        heading=TRAINING,
    )
    augment: bool = option(
        None,
        "shift images by up to 12.5 % and, on CIFAR, flip them, anew each epoch",
        heading=TRAINING,
    )
    label_noise: float = option(
        0.0, "share of the training examples whose labels are redrawn from all classes each epoch", heading=TRAINING
    )
    seed: int = option(0, "seed of every stream of random numbers", heading=TRAINING)

    def __new__(cls, **settings: Any) -> Self:
        """An object of the system's class, if it is this class that is called."""
        system = settings.get("system", DEFAULT_SYSTEM)
        kind = methods.method(system).config if cls is RunConfig else cls
        for name in settings.keys() - {field.name for field in dataclasses.fields(kind)}:
            owners = methods.owners(name)
            if owners:
                raise ConfigError(f"--{name} belongs to --system={' or '.join(owners)}; received --system={system}")
            raise ConfigError(f"--{name}: not known; see --help")
        return cast(Self, object.__new__(kind))

    def __post_init__(self) -> None:
        fields, types = dataclasses.fields(self), field_types(type(self))
        for field in fields:
            if getattr(self, field.name) is not None or field.default is not None:
                self._set(field.name, typed(field.name, types[field.name], getattr(self, field.name)))
        if methods.method(self.system).config is not type(self):
            raise ConfigError(f"--system={self.system}: its settings are no {type(self).__name__}; call RunConfig")
        self._check_names()
        # However paths are spelled, and wherever the run is evaluated later.
        self._set("dataset", catalogue.resolve(self.dataset))
        for name in self.kept_files():
            self._set(name, tuple(os.path.abspath(os.path.expanduser(path)) for path in getattr(self, name)))
        for name in (*self.decisive, *(field.name for field in fields)):
            if getattr(self, name) is None:
                self._set(name, self.default(name))
            if name == "members":
                self._check_members()
        self._check_numbers()
        self.check()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_names(self) -> None:
        catalogue.check_name(self.dataset)
        for field in dataclasses.fields(self):
            choices, value = field.metadata["choices"], getattr(self, field.name)
            if choices and value is not None and value not in choices:
                raise ConfigError(f"--{field.name}={value}: not known; allowed: {', '.join(choices)}")

    def _check_members(self) -> None:
        if not self.members:
            raise ConfigError("--members is empty; name at least one member, such as ST")
        networks = [parse_network(member) for member in self.members]
        if not any(isinstance(network, ResNetSize) for network in networks):
            for name in ("resnet", "decay_scope"):
                if getattr(self, name) not in (None, "report"):
                    raise ConfigError(
                        f"--{name} concerns ST, M and their like; received --members={','.join(self.members)}"
                    )

    def _check_numbers(self) -> None:
        for name, least in (("batch_size", 1), ("seed", 0), ("train_limit", 1)):
            check_whole(name, getattr(self, name), least)
        check_whole("epochs", self.epochs, 1, _MOST_EPOCHS)
        check_number("regularization_rate", self.regularization_rate)
        check_number("learning_rate", self.learning_rate, above=True)
        check_number("label_noise", self.label_noise, 0, 1)

    def check(self) -> None:
        """Raises ConfigError if settings of the system are not allowed, by themselves or together."""

    def without_effect(self) -> dict[str, Any]:
        """The only values of settings that would change nothing beside the others."""
        return {}

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

    @property
    def together(self) -> str:
        """The systems whose runs stand in the same tables, for people: this one, unless it is compared with others."""
        return self.system

    @property
    def varied(self) -> tuple[str, ...]:
        """The settings in which runs of one table may differ: a row's description says which they have."""
        return ("system", "dataset", "members", "label_noise", "seed", *(field.name for field in self.own_fields()))

    def default(self, name: str) -> Any:
        """The default of a field that has none of its own; None where there is nothing to decide.

        Data set and members stand already, or are asked for first.
        """
        return {
            "members": ("ST", "M"),
            "epochs": catalogue.default_epochs(self.dataset),
            "batch_size": 64,
            "learning_rate": 2.0**-10,
            "regularization_rate": 1e-4,
            "decay_scope": "report",
            "shuffle": "none",
            "augment": False,
        }.get(name)

    def first_default(self, name: str) -> Any:
        """What all runs had in such a field before its default changed, or before there was the field.

        Digests are taken over what differs from it: run directories of that time stay what they are.
        """
        return self.younger.get(name, self.default(name))

    def default_of(self, field: "dataclasses.Field[Any]") -> Any:
        """The default of any field, given the data set and the members."""
        return self.default(field.name) if field.default is None else field.default

    @classmethod
    def own_fields(cls) -> list["dataclasses.Field[Any]"]:
        """The fields of the system alone."""
        shared = {field.name for field in dataclasses.fields(RunConfig)}
        return [field for field in dataclasses.fields(cls) if field.name not in shared]

    @classmethod
    def in_order(cls) -> list["dataclasses.Field[Any]"]:
        """All fields as people see them: data and networks, what belongs to the system, training."""
        shared = dataclasses.fields(RunConfig)
        first = [field for field in shared if field.metadata["heading"] == WHAT]
        return [*first, *cls.own_fields(), *(field for field in shared if field not in first)]

    def kept_files(self) -> dict[str, str]:
        """The fields that name Keras files, and the directory in a run directory where their copies are kept."""
        kept = {field.name: str(field.metadata["kept_in"]) for field in dataclasses.fields(self)}
        return {name: directory for name, directory in kept.items() if directory}

    def member_names(self) -> tuple[str, ...]:
        """Names that tell members apart: ST,ST,M gives ST, ST_2, M."""
        names = []
        for index, member in enumerate(self.members):
            repeated = self.members[:index].count(member)
            names.append(f"{member}_{repeated + 1}" if repeated else member)
        return tuple(names)

    def run_name(self) -> str:
        """The name of the run's files, without seed and digest, such as `CIFAR10_multihead_resnet32_simple2`."""
        return f"{catalogue.label(self.dataset)}_{self.system}_{self.members_name()}"

    def members_name(self) -> str:
        """The members in names of files; of a long list their number only."""
        members = "_and_".join(LONG_NAMES.get(member, member) for member in self.members)
        return members if len(members) <= _LONGEST_LIST else f"{len(self.members)}_members"

    def description(self) -> str:
        """The run among those of its table, for people: `plain`, `L2 0.01` or `resnet32, 4 heads hierarchical`."""
        return ", ".join([*self.members, self.system, *self.particulars()])

    def particulars(self, named: tuple[str, ...] = ()) -> list[str]:
        """What else makes the run differ from the published way, such as `label_noise 0.4`; `named` fields left out."""
        noise = [field for field in dataclasses.fields(self) if field.name == "label_noise"]
        values = {field.name: (getattr(self, field.name), field) for field in (*self.own_fields(), *noise)}
        return [
            f"{name} {','.join(value) if isinstance(value, tuple) else value}"
            for name, (value, field) in values.items()
            if name not in named and value != self.default_of(field)
        ]

    def remedies(self) -> str:
        """What to try, with a smaller value, where a training diverges."""
        return "--learning_rate"

    def reference_params(self) -> dict[str, Any]:
        """The settings under the names that the reference code's pickles give them."""
        sizes = [size for size in map(parse_network, self.members) if isinstance(size, ResNetSize)]
        return {
            **self.to_json(),
            "list_of_params": [
                {"start_filter": size.filters, "num_bricks": size.bricks, "num_times": size.repetitions}
                for size in sizes
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def modernised(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings in today's spelling, where earlier releases spelled those of this system otherwise."""
        return values

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "RunConfig":
        """The inverse of `to_json`; takes what earlier releases wrote too.

        Raises:
          ConfigError: there are unknown fields, or values that are not allowed.
        """
        for name in methods.usable():
            values = methods.method(name).config.modernised(values)
        kind = methods.method(str(values.get("system", DEFAULT_SYSTEM))).config
        known = {field.name for field in dataclasses.fields(kind)}
        idle = {name for name in values.keys() - known if first_release.is_idle(name, values[name])}
        own = {name: value for name, value in values.items() if name not in idle}
        unknown = [name for name in sorted(own.keys() - known) if not methods.owners(name)]
        if unknown:
            raise ConfigError(f"unknown settings: {', '.join(unknown)}; was this written by another version?")
        return kind(**{**kind.younger, **own})

    def identity(self) -> dict[str, Any]:
        """The settings that differ from their first defaults, as JSON values: what the digest is taken over."""
        values = self.to_json()
        first = {
            field.name: self.first_default(field.name) if field.default is None else field.default
            for field in dataclasses.fields(self)
        }
        return {name: values[name] for name in values if getattr(self, name) != first[name]}

    def digest(self) -> str:
        """SHA-256 in hexadecimal of the `identity`.

        Fields at their first default are left out, so that neither a new field nor a new default changes old digests.
        """
        content = {"format_version": FORMAT_VERSION, **self.identity()}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
