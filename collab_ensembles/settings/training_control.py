"""Settings that control a training, for the systems that obey them. Imports nothing heavy."""

import dataclasses
from typing import Any, ClassVar

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.fields import WHAT, check_whole, option

CONTROL = "Training control"
"""Heading of these settings."""

NO_WEIGHTS, BALANCED = "none", "balanced"
"""Values of `--class_weight`."""

RATES = "learning_rate"
"""Among the controls: the learning rate may be one for each member."""

HELD_OUT = 10
"""With early stopping, one training example in so many is for validation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingControl:
    """What controls a training besides its length and its learning rate. Most systems have a training of their own.

    Attributes:
      controls: the names of the settings below that the system obeys; it refuses the others.
    """

    controls: ClassVar[tuple[str, ...]] = ()

    class_weight: str = option(
        NO_WEIGHTS,
        "weights of the training examples in every member's cross-entropy: none; balanced: the number of examples / "
        "(number of classes x examples of the class), so that rare classes count as much as others",
        (NO_WEIGHTS, BALANCED),
        heading=CONTROL,
    )

    pad: bool = option(
        False,
        "let networks pad images whose sides they cannot halve as often as they need, such as 27 x 27, with zeros: on "
        "both sides alike, with an odd one below and on the right",
        heading=WHAT,
    )

    early_stopping: int | None = option(
        None,
        "hold out the last tenth of the training examples for validation, end training when the cross-entropy of the "
        "group's prediction on them was not lower for this many epochs, and take back the weights of the best epoch",
        heading=CONTROL,
    )

    continue_from: str = option(
        "",
        "begin with the weights of this finished run, the path of its directory, in place of random ones; it is a new "
        "run: optimizer, schedule of the learning rate and order of the examples begin anew",
        heading=CONTROL,
    )

    test_every: int = option(
        1,
        "test only after every so many epochs, and after the last one; the other epochs have NaN for test statistics",
        heading=CONTROL,
    )

    def check_control(self, epochs: int) -> None:
        """Raises ConfigError for a number that is not allowed, or controls that do not go together.

        Args:
          epochs: the length of the training.
        """
        check_whole("early_stopping", self.early_stopping, 1)
        check_whole("test_every", self.test_every, 1, epochs)
        if self.early_stopping is not None and self.test_every > 1:
            raise ConfigError(
                f"--test_every={self.test_every}: --early_stopping={self.early_stopping} can end training after an "
                "epoch without a test; leave one of them out"
            )

    @classmethod
    def without_control(cls) -> dict[str, Any]:
        """The controls that the system does not obey, each with the only value that it may have."""
        fields = dataclasses.fields(TrainingControl)
        return {field.name: field.default for field in fields if field.name not in cls.controls}

    def controlled_by_tensorflow(self) -> str:
        """A control that is used and needs TensorFlow, as a flag; empty: there is none."""
        if self.early_stopping is not None:
            return f"--early_stopping={self.early_stopping}"
        return "" if self.class_weight == NO_WEIGHTS else f"--class_weight={self.class_weight}"


def refuse(flag: str, system: str, able: list[str]) -> ConfigError:
    """The error for a control that a system does not obey."""
    return ConfigError(f"{flag}: --system={system} cannot; allowed with --system={' or '.join(able)}; leave it out")
