"""The settings of students whose minibatches a teacher chooses (Lacaille 2018, chapter 3)."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import MLPSize, parse_network
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

_DEFAULTS: Mapping[str, Any] = {
    "members": ("mlp32-32",),
    "epochs": 200,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "regularization_rate": 0.0,
    "shuffle": "permute",
}
"""The thesis trains until validation stops it; the number of epochs only bounds that."""

TEACHER: Mapping[str, Any] = {"members": ("mlp1200-1200",), "dropout": 0.5, "patience": 5}
"""The teacher's settings. The thesis gives its layers; it gives neither the share of dropout nor the patience."""

SCORED = ("cross_entropy", "euclidean")
DIFFICULTIES = (*SCORED, "random")
TARGETS = ("soft", "true")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeachingConfig(RunConfig):
    """A student that takes one step on the hardest examples of several minibatches; or a teacher of its own."""

    # 10,000 of MNIST's 60,000, as in the thesis.
    held_out_one_in: ClassVar[int] = 6

    stack: int = option(
        2, "minibatches of which the teacher chooses one (the teacher stack); 1: each minibatch as it comes"
    )
    difficulty: str = option(
        "cross_entropy",
        "which examples of the stack are hardest: those with the highest cross_entropy H(teacher, student), or with "
        "the highest euclidean distance of the two networks' probabilities; random: any",
        DIFFICULTIES,
    )
    targets: str = option(
        None,
        "what the student learns: soft: the teacher's probabilities; true: the labels; default: true with --stack=1, "
        "otherwise soft",
        TARGETS,
    )
    teacher: tuple[str, ...] = option(
        (),
        "Keras file of the teacher (see experiments.export); default: one is trained first, and kept in the run "
        "directory",
        kept_in="teachers",
    )
    teacher_seed: int = option(0, "seed of the teacher that is trained first; students of all seeds share it")
    dropout: float = option(0.0, "share of the units of each hidden layer that training leaves out")
    patience: int = option(20, "stop after so many epochs without a lower validation error")

    def default(self, name: str) -> Any:
        """The defaults of the thesis."""
        if name == "targets":
            return "true" if self.stack == 1 else "soft"
        return _DEFAULTS[name] if name in _DEFAULTS else super().default(name)

    @property
    def chooses(self) -> bool:
        """Whether the student first answers the whole stack, for the teacher to compare answers."""
        return self.stack > 1 and self.difficulty in SCORED

    @property
    def has_teacher(self) -> bool:
        """Whether the student learns anything from a teacher."""
        return self.chooses or self.targets == "soft"

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        if len(self.members) != 1:
            raise ConfigError(
                f"--members={','.join(self.members)}: --system=teaching takes one network, the student (or a teacher)"
            )
        check_whole("stack", self.stack, 1)
        check_whole("teacher_seed", self.teacher_seed, 0)
        check_whole("patience", self.patience, 1)
        check_number("dropout", self.dropout, 0, 1, below=True)
        if self.dropout and not isinstance(parse_network(self.members[0]), MLPSize):
            raise ConfigError(
                f"--dropout={self.dropout} has an effect only on networks such as mlp32-32; received "
                f"--members={self.members[0]}"
            )
        if len(self.teacher) > 1:
            raise ConfigError(f"--teacher={','.join(self.teacher)}: --system=teaching takes one teacher")
        for path in self.teacher:
            if not path.endswith(".keras"):
                raise ConfigError(
                    f"--teacher={path}: not the path of a Keras file; needed: a .keras file, such as those that "
                    "experiments.export writes"
                )
        given = f"--stack={self.stack}, --difficulty={self.difficulty} and --targets={self.targets}"
        check_effects(self, {"augment": False}, "--system=teaching")
        check_effects(self, self.without_effect(), f"{given}{' and a --teacher' if self.teacher else ''}")

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect with these, each with the only value that it may have."""
        idle: dict[str, Any] = {}
        if self.stack == 1:
            idle["difficulty"] = "cross_entropy"
        if not self.has_teacher:
            idle["teacher"] = ()
        if not self.has_teacher or self.teacher:
            idle["teacher_seed"] = 0
        return idle

    def check_data(self, description: catalogue.Description) -> None:
        """As `RunConfig.check_data`; a stack larger than the training examples is refused, too."""
        super().check_data(description)
        kept, validation = self.training_parts(description)
        if self.stack * self.batch_size > kept:
            raise ConfigError(
                f"--stack={self.stack}: {self.stack} minibatches of {self.batch_size} exceed the {kept} training "
                f"examples beside the {validation} for validation; allowed: stacks from 1 to "
                f"{kept // self.batch_size}"
            )

    def allowed_batches(self, kept: int) -> str:
        """As `RunConfig.allowed_batches`, of which the examples fill a stack."""
        return f"allowed with --stack={self.stack}: 1 to {max(1, kept // self.stack)}"

    def needed_runs(self) -> "dict[str, RunConfig]":
        """The teacher's training, unless there is a file of it."""
        if not self.has_teacher or self.teacher:
            return {}
        return {"teacher": self.as_teacher()}

    def after_needed_run(self, field: str, path: str) -> dict[str, Any]:
        """The teacher's file, whose seed has no further effect."""
        return {**super().after_needed_run(field, path), "teacher_seed": 0}

    def as_teacher(self) -> "TeachingConfig":
        """The training of the teacher that goes with these settings."""
        alone = {"stack": 1, "difficulty": "cross_entropy", "targets": "true", "teacher": (), "teacher_seed": 0}
        # What the teacher's network does not take: the student may be a ResNet, or have convolutions.
        network = {"resnet": "report", "decay_scope": "report", "precision": "float32"}
        return dataclasses.replace(self, **{**alone, **network, **TEACHER, "seed": self.teacher_seed})

    @property
    def is_teacher(self) -> bool:
        """Whether this is the training of the teacher of the thesis."""
        return self == dataclasses.replace(self.as_teacher(), seed=self.seed)

    def member_names(self) -> tuple[str, ...]:
        """The network whose statistics are kept."""
        return ("student",)

    def run_name(self) -> str:
        """Such as `MNIST_teaching_mlp32-32_stack2_cross_entropy_soft`."""
        chosen = [self.difficulty] if self.stack > 1 else []
        return "_".join([super().run_name(), f"stack{self.stack}", *chosen, self.targets])

    def description(self) -> str:
        """Such as `mlp32-32, stack 2, cross_entropy, soft`."""
        if self.is_teacher:
            return f"{self.network_names()[0]}, teacher"
        named = ("stack", "difficulty", "targets", "teacher")
        chosen = [self.difficulty] if self.stack > 1 else []
        arrangement = ["baseline"] if self.stack == 1 and self.targets == "true" else []
        arrangement = arrangement or [f"stack {self.stack}", *chosen, self.targets]
        return ", ".join([self.network_names()[0], *arrangement, *self.particulars(named=named)])
