"""The settings of two agents that share a discrete language (Lacaille 2018, chapter 4), and their checks."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import MLPSize, parse_network
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option
from collab_ensembles.settings.method import Shape

if TYPE_CHECKING:
    import numpy as np

LEVELS = ("baseline", "receive", "feedback", "both")

_WEIGHTS: Mapping[str, float] = {"baseline": 0.0, "receive": 0.01, "feedback": 0.005, "both": 0.005}
"""Of the likelihood. The caption of figure 4.3 calls `feedback` two-way and gives it the weight of `both`."""

_DEFAULTS: Mapping[str, Any] = {
    "members": ("mlp64-64", "mlp64-64"),
    "epochs": 10,
    "batch_size": 100,
    "learning_rate": 1e-3,
    "regularization_rate": 0.0,
    "shuffle": "permute",
}
"""The thesis gives none of these. 10 epochs of MNIST are 5,000 steps, of which 2,000 cool."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageConfig(RunConfig):
    """A teacher and a student that see the same image through masks of their own, and send each other messages."""

    # 10,000 of MNIST's 60,000, as in the thesis.
    held_out_one_in: ClassVar[int] = 6
    own_networks: ClassVar[bool] = False

    level: str = option(
        "both",
        "who learns from whose messages: baseline: neither agent; receive: the student learns to predict the teacher's "
        "message; feedback: the teacher learns, too, to send what the student can predict; both: each agent also does "
        "what the other one does",
        LEVELS,
    )
    likelihood_weight: float = option(
        None,
        "weight of the likelihood of received messages beside the mutual information; default: 0.01 with "
        "--level=receive, 0.005 with feedback and both",
    )
    message_length: int = option(32, "symbols of a message; each is one of two")
    noise: float = option(0.1, "probability of each pixel to be inverted in an agent's view, the same in all images")
    temperature: float = option(4.0, "temperature of the Gumbel-softmax at the beginning")
    annealing: float = option(0.9, "factor of the temperature after each 100 steps; 1: it does not change")
    lowest_temperature: float = option(0.5, "temperature below which it does not fall")

    def default(self, name: str) -> Any:
        """The defaults of the thesis, and our own where it has none."""
        if name == "likelihood_weight":
            return _WEIGHTS[self.level]
        return _DEFAULTS[name] if name in _DEFAULTS else super().default(name)

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        if len(self.members) != 2 or not all(isinstance(parse_network(member), MLPSize) for member in self.members):
            raise ConfigError(
                f"--members={','.join(self.members)}: --system=language takes two networks such as mlp64-64, the "
                "teacher and the student"
            )
        check_number("likelihood_weight", self.likelihood_weight)
        check_whole("message_length", self.message_length, 1, 1000)
        check_number("noise", self.noise, 0, 1)
        check_number("temperature", self.temperature, above=True)
        check_number("annealing", self.annealing, 0, 1, above=True)
        check_number("lowest_temperature", self.lowest_temperature, above=True)
        if self.lowest_temperature > self.temperature:
            raise ConfigError(
                f"--lowest_temperature={self.lowest_temperature} exceeds --temperature={self.temperature}; needed: a "
                f"--lowest_temperature above 0, up to {self.temperature:g}, or a higher --temperature"
            )
        check_whole("batch_size", self.batch_size, 2)
        only = {"augment": False, "regularization_rate": 0.0}
        check_effects(self, only, "--system=language")
        check_effects(self, self.without_effect(), f"--level={self.level} and --annealing={self.annealing:g}")

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect with these, each with the only value that it may have."""
        idle: dict[str, Any] = {}
        if self.level == "baseline":
            idle["likelihood_weight"] = 0.0
        if self.annealing == 1 and self.temperature >= 0.5:
            idle["lowest_temperature"] = 0.5
        return idle

    def check_data(self, description: catalogue.Description) -> None:
        """As `RunConfig.check_data`, for the training examples beside those for validation."""
        kept, validation = self.training_parts(description)
        if validation < 2:
            raise ConfigError(
                f"{kept + validation} training examples leave {validation} for validation; needed: at least "
                f"{2 * self.held_out_one_in}"
            )
        super().check_data(description)

    def allowed_batches(self, kept: int) -> str:
        """As `RunConfig.allowed_batches`, from the smallest one that `check` allows."""
        return f"allowed: 2 to {kept}"

    def inverted(self, agent: int, image_shape: Shape) -> "np.ndarray":
        """The pixels that an agent sees inverted, bool [height, width, channels]; algorithm 4, line 1.

        They depend on the seed, the agent (0: the teacher) and the noise, and are the same at all levels.
        """
        from collab_ensembles.streams import Stream, generator

        return generator(self.seed, Stream.MASKS, agent).random(image_shape) < self.noise

    def member_names(self) -> tuple[str, ...]:
        """The two agents; A and B in the thesis."""
        return ("teacher", "student")

    def run_name(self) -> str:
        """Such as `MNIST_language_mlp64-64_and_mlp64-64_both`."""
        return f"{super().run_name()}_{self.level}"

    def description(self) -> str:
        """Such as `mlp64-64, both`."""
        networks = self.members[:1] if len(set(self.members)) == 1 else self.members
        return ", ".join([*networks, self.level, *self.particulars(named=("level",))])
