"""RunConfig: all settings that affect a result, in one frozen dataclass. Imports nothing heavy."""

import dataclasses
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, did_you_mean
from collab_ensembles.networks import own_files
from collab_ensembles.networks.own_files import OwnNetwork
from collab_ensembles.networks.sizes import FORMS, LONG_NAMES, MLPSize, ResNetSize, check_image_shape, parse_network
from collab_ensembles.settings import first_release, member_rates, registry
from collab_ensembles.settings.fields import as_text, check_effects, field_types, typed
from collab_ensembles.settings.folder_options import normal_size
from collab_ensembles.settings.run_fields import RunFields
from collab_ensembles.settings.shared_options import DEFAULT_SYSTEM
from collab_ensembles.settings.training_control import HELD_OUT, RATES, TrainingControl, refuse

if TYPE_CHECKING:
    import numpy as np

    from collab_ensembles.data.unlabelled import UnlabelledBatches

AVERAGES = ("logits", "softmax")
"""The prediction of an ensemble is the mean of one of these."""

SGD_DEFAULTS: Mapping[str, Any] = {
    "batch_size": 128,
    "learning_rate": 0.1,
    "regularization_rate": 1e-4,
    "shuffle": "permute",
    "augment": True,
}
"""What the papers on networks for CIFAR that are trained by SGD have in common."""

_LONGEST_LIST = 170
"""Most characters of the members' part of a file name, so that the whole name has at most 255 bytes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(RunFields):
    """The settings of one run. This class has the settings that all systems share; subclasses add those of one system.

    `RunConfig(system="multihead", heads=4)` is an object of that system's class. Each field is a flag of
    `experiments.train`, with the same help text. A system that sets no defaults has those of Noel (2017).

    Attributes:
      decisive: the fields on which the defaults of other fields depend, in order.
      black_border: whether randomly shifted images get a black border; otherwise their edge pixels are repeated.
      own_networks: whether members may be networks of the user's own, which files give.
      held_out_one_in: one training example in so many is for validation, also without early stopping; 0: none is.

    Raises:
      ConfigError: a value is not allowed; the message names the flag, the value and what is allowed.
    """

    decisive: ClassVar[tuple[str, ...]] = ("members",)
    black_border: ClassVar[bool] = True
    own_networks: ClassVar[bool] = True
    held_out_one_in: ClassVar[int] = 0

    def __new__(cls, **settings: Any) -> Self:
        """Makes an object of the system's class if RunConfig itself is called."""
        system = settings.get("system", DEFAULT_SYSTEM)
        kind = registry.method(system).config if cls is RunConfig else cls
        for name in settings.keys() - {field.name for field in dataclasses.fields(kind)}:
            raise ConfigError(registry.misplaced(name, system) or f"--{name}: not known; see --help")
        return cast(Self, object.__new__(kind))

    def __post_init__(self) -> None:
        fields, types = dataclasses.fields(self), field_types(type(self))
        for field in fields:
            if getattr(self, field.name) is not None or field.default is not None:
                self._set(field.name, typed(field.name, types[field.name], getattr(self, field.name)))
        if registry.method(self.system).config is not type(self):
            raise ConfigError(
                f"--system={self.system}: its settings have another class than {type(self).__name__}; call RunConfig"
            )
        self._check_names()
        # Absolute paths: equal files give equal settings, and the run can be evaluated from any directory.
        self._set("dataset", catalogue.resolve(self.dataset))
        self._set("image_size", normal_size(self.image_size))
        if self.continue_from:
            self._set("continue_from", os.path.abspath(os.path.expanduser(self.continue_from)))
        for name in self.kept_files():
            self._set(name, tuple(os.path.abspath(os.path.expanduser(path)) for path in getattr(self, name)))
        for name in (*self.decisive, *(field.name for field in fields)):
            if getattr(self, name) is None:
                self._set(name, self.default(name))
            if name == "members":
                self._check_members()
        self.check_folder_options()
        if not catalogue.is_folder(self.dataset):
            check_effects(self, self.folder_defaults(), f"--dataset={self.dataset}")
        self._check_controls()
        if isinstance(self.learning_rate, str):
            self._set("learning_rate", member_rates.normal(self.learning_rate, self.member_names()))
        self.check_numbers()
        self.check_control(self.epochs)
        self.check()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_names(self) -> None:
        catalogue.check_name(self.dataset)
        for field in dataclasses.fields(self):
            choices, value = field.metadata["choices"], getattr(self, field.name)
            if choices and value is not None and value not in choices:
                meant = did_you_mean(value, choices)
                raise ConfigError(f"--{field.name}={value}: not known; allowed: {', '.join(choices)}{meant}")
        catalogue.check_split(self.split, self.dataset)

    def _check_members(self) -> None:
        if not self.members:
            raise ConfigError("--members is empty; name at least one member, such as ST")
        # Before files are read.
        networks = [parse_network(member) for member in self.members]
        own = [network for network in networks if isinstance(network, OwnNetwork)]
        if own and not self.own_networks:
            raise ConfigError(
                f"--members={own[0]}: --system={self.system} takes only networks of this package; allowed: {FORMS}"
            )
        if self.precision != "float32" and all(isinstance(network, OwnNetwork | MLPSize) for network in networks):
            raise ConfigError(
                f"--precision={self.precision} is for convolutions of this package's networks, and "
                f"--members={','.join(self.members)} has none; leave it out"
            )
        self._set("members", tuple(own_files.sealed(member) for member in self.members))
        if not any(isinstance(network, ResNetSize) for network in networks):
            for name in ("resnet", "decay_scope"):
                if getattr(self, name) not in (None, "report"):
                    raise ConfigError(
                        f"--{name} has an effect only on networks such as ST, M or B3R5F16; received "
                        f"--members={','.join(self.members)}"
                    )

    def _check_controls(self) -> None:
        given = {name: getattr(self, name) for name in self.without_control()}
        unheeded = {name: value for name, value in given.items() if value != self.without_control()[name]}
        if isinstance(self.learning_rate, str) and RATES not in self.controls:
            unheeded[RATES] = self.learning_rate
        for name, value in unheeded.items():
            able = [each for each in registry.usable() if name in registry.method(each).config.controls]
            raise refuse(f"--{name}={as_text(value)}", self.system, able)

    def check(self) -> None:
        """Raises ConfigError if a setting of the system, or a combination of settings, is not allowed."""

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect here, each with the only value that it may have."""
        return {}

    def check_data(self, description: catalogue.Description) -> None:
        """Checks the settings against the shape and size of the data.

        Raises:
          ConfigError: the images cannot be halved often enough, or a batch is larger than the training set.
        """
        divisors = {member: parse_network(member).image_divisor for member in self.members}
        if not self.pad:
            for member, divisor in divisors.items():
                advice = "; add --pad" * ("pad" in self.controls)
                check_image_shape(f"member {member} on {self.dataset}", divisor, description.image_shape, advice)
        elif not any(side % divisor for divisor in divisors.values() for side in description.image_shape[:2]):
            height, width, _ = description.image_shape
            raise ConfigError(
                f"--pad: images of {height} x {width} fit {', '.join(divisors)} as they are; leave it out"
            )
        if self.train_limit and self.train_limit > description.num_train:
            raise ConfigError(
                f"--train_limit={self.train_limit}: {self.dataset} has {description.num_train} training examples; "
                f"allowed: 1 to {description.num_train}"
            )
        kept, validation = self.training_parts(description)
        if self.validated_one_in and not validation:
            stopping = "" if self.early_stopping is None else f"--early_stopping={self.early_stopping}: "
            raise ConfigError(
                f"{stopping}{kept} training examples leave none for validation; needed: at least "
                f"{self.validated_one_in}"
            )
        if self.batch_size > kept:
            beside = f" beside the {validation} for validation" if validation else ""
            raise ConfigError(
                f"--batch_size={self.batch_size} exceeds the {kept} training examples{beside}; "
                f"{self.allowed_batches(kept)}"
            )

    def allowed_batches(self, kept: int) -> str:
        """The sizes of minibatches that go with so many training examples, for a message."""
        return f"allowed: 1 to {kept}"

    def training_parts(self, description: catalogue.Description) -> tuple[int, int]:
        """How many training examples steps see, and how many are for validation."""
        examples = min(description.num_train, self.train_limit or description.num_train)
        validation = self.held_out(examples)
        return examples - validation, validation

    def held_out(self, num_train: int) -> int:
        """How many of the training examples, the last ones, no step sees, so that a model can choose by them."""
        return num_train // self.validated_one_in if self.validated_one_in else 0

    @property
    def validated_one_in(self) -> int:
        """One training example in so many is for validation; 0: none is."""
        return self.held_out_one_in if self.early_stopping is None else HELD_OUT

    def is_tested(self, epoch: int) -> bool:
        """Whether there is a test after an epoch, counted from 0."""
        return (epoch + 1) % self.test_every == 0 or epoch + 1 == self.epochs

    def needed_runs(self) -> "dict[str, RunConfig]":
        """Runs to be trained first, by the field of Keras files (see `kept_files`) that names their network."""
        return {}

    def after_needed_run(self, field: str, path: str) -> dict[str, Any]:
        """The settings that change once such a run is trained and its network is in a file."""
        return {field: (path,)}

    @property
    def unlabelled_data(self) -> str:
        """Images that the run uses without labels: `rest`: those that `train_limit` leaves out; or a data set's name.

        Empty: none.
        """
        return ""

    def unlabelled_batches(self, images: "np.ndarray") -> "UnlabelledBatches | None":
        """The batches without labels of the training, drawn from images or as noise that resembles them; here none."""
        return None

    def initialised_as(self, index: int) -> int:
        """The index of the member whose random numbers give a member its initial values; here each has its own."""
        return index

    @property
    def tensorflow_only(self) -> str:
        """A setting, as text for people, by which only TensorFlow can train these runs; empty: there is none."""
        return self.controlled_by_tensorflow()

    @property
    def single_rate(self) -> float:
        """The initial learning rate of all members, for systems that do not have one for each; see `rates`."""
        assert isinstance(self.learning_rate, float)
        return self.learning_rate

    def rates(self) -> dict[str, float]:
        """The initial learning rate of each member; empty if all have the `single_rate`."""
        if isinstance(self.learning_rate, float):
            return {}
        return member_rates.parse(self.learning_rate, self.member_names())

    @property
    def team_only(self) -> str:
        """A setting, as text for people, by which only several processes can train these runs; empty: there is none."""
        return ""

    @property
    def together(self) -> str:
        """The systems that share tables, as text for people: this one, unless it is compared with others."""
        return self.system

    @property
    def varied(self) -> tuple[str, ...]:
        """The settings in which runs of one table may differ; the description of a row names their values."""
        return ("system", "dataset", "members", "label_noise", "seed", *(field.name for field in self.own_fields()))

    def member_names(self) -> tuple[str, ...]:
        """Unique names of the members: ST,ST,M gives ST, ST_2, M."""
        names: list[str] = []
        labels = self.network_names()
        for index, label in enumerate(labels):
            number = labels[:index].count(label) + 1
            name = label if number == 1 else f"{label}_{number}"
            # A file may have the name that another repeated member got, or that of the ensemble.
            while name in (*names, "ensemble"):
                number += 1
                name = f"{label}_{number}"
            names.append(name)
        return tuple(names)

    def network_names(self) -> tuple[str, ...]:
        """The members as in the settings, but those of the user's own by short names; see `OwnNetwork.name`."""
        own = own_files.in_files(self.members)
        return tuple(own[place].name if place in own else member for place, member in enumerate(self.members))

    def run_name(self) -> str:
        """The name of the run's files, without seed and digest, such as `CIFAR10_multihead_resnet32_simple2`."""
        return f"{catalogue.label(self.dataset)}_{self.system}_{self.members_name()}"

    def members_name(self) -> str:
        """The members as part of a file name; only their number if the list is long."""
        members = "_and_".join(LONG_NAMES.get(member, member) for member in self.network_names())
        return members if len(members) <= _LONGEST_LIST else f"{len(self.members)}_members"

    def description(self) -> str:
        """The name of the run's row in tables, for people: `plain`, `L2 0.01` or `resnet32, 4 heads hierarchical`."""
        return ", ".join([*self.network_names(), self.system, *self.particulars()])

    def particulars(self, named: tuple[str, ...] = ()) -> list[str]:
        """The settings that differ from their defaults, such as `label_noise 0.4`, without the fields in `named`."""
        # How often a run is tested changes no weight.
        named = (*named, "test_every", *([] if isinstance(self.learning_rate, str) else [RATES]))
        further = ("label_noise", RATES, *(field.name for field in dataclasses.fields(TrainingControl)))
        shown = [*self.own_fields(), *(field for field in dataclasses.fields(RunConfig) if field.name in further)]
        changed = {name: value for name, value in self.changed().items() if name not in named}
        return [f"{field.name} {as_text(changed[field.name])}" for field in shown if field.name in changed]

    def remedies(self) -> str:
        """The settings to lower if a training diverges."""
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

    @classmethod
    def modernised(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Translates settings of this system that earlier releases wrote in another way."""
        return values

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "RunConfig":
        """The inverse of `to_json`; also reads the settings of earlier releases.

        Raises:
          ConfigError: there are unknown fields, or values that are not allowed.
        """
        for name in (*registry.folders(), str(values.get("system", DEFAULT_SYSTEM))):
            values = registry.method(name).config.modernised(values)
        kind = registry.method(str(values.get("system", DEFAULT_SYSTEM))).config
        known = {field.name for field in dataclasses.fields(kind)}
        idle = {name for name in values.keys() - known if first_release.is_idle(name, values[name])}
        own = {name: value for name, value in values.items() if name not in idle}
        unknown = [name for name in sorted(own.keys() - known) if not registry.owners(name)]
        if unknown:
            raise ConfigError(f"unknown settings: {', '.join(unknown)}; was this written by another version?")
        return kind(**{**kind.younger, **own})
