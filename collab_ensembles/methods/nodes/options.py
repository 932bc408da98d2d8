"""The settings of nodes that exchange outputs (Lacaille 2018, chapter 2), and their checks."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import StridedSize, parse_network
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

CONTENTS = ("none", "labels", "logits", "features")
LEARNING = ("supervised", "vae", "bigan")
DECISIONS = ("confidence", "as_printed", "mean")

LOAD = 0.9
"""The messages that arrive at a node for each that it wants to take, by default. With 1, queues would grow without end,
as a random walk does."""

_DEFAULTS: Mapping[str, Any] = {
    "members": ("strided32",),
    "epochs": 20,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "regularization_rate": 0.0,
    "shuffle": "permute",
}
"""The thesis has Adam with its default rate, 5,000 steps, and no minibatch or network."""

_ADVERSARIAL_RATE = 2e-4
"""Of DCGAN."""

_HELD_OUT = 10
"""One training example in so many, see `validated_one_in`."""

_MOST_NODES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodesConfig(RunConfig):
    """Nodes that have parts of the data, send each other what they make of minibatches, and decide together."""

    own_networks: ClassVar[bool] = False

    nodes: int = option(10, "number of nodes; each has a network and a part of the training examples of its own")
    learning: str = option(
        "supervised",
        "what nodes learn: supervised: the labels; vae, bigan: codes of images without labels, by a variational "
        "auto-encoder or a bidirectional generative adversarial network; linear classifiers then show what the codes "
        "are worth",
        LEARNING,
    )
    steps: int = option(5000, "training steps of each node in all; --epochs parts them, and each part ends with a test")
    content: str = option(
        None,
        "what a node sends with the images of a minibatch: none: it sends nothing; labels: the true labels; logits: "
        "its logits; features: its highest hidden layer; default: labels, with --learning=vae or bigan features, with "
        "--nodes=1 none",
        CONTENTS,
    )
    neighbours: int = option(None, "to how many nodes, the closest on a circle, each one sends; default: to all")
    consume: float = option(
        None, "probability that a step takes a received minibatch in place of an own one; default: 0.5"
    )
    broadcast: float = option(
        None,
        f"probability that a node sends the minibatch of a step; default: {LOAD} * consume / neighbours, which keeps "
        "queues short",
    )
    queue_capacity: int = option(32, "received minibatches that a node keeps; one more pushes the oldest out")
    temperature: float = option(0.5, "temperature at which received logits become soft labels")
    decision: str = option(
        "confidence",
        "how the nodes' probabilities count in the collective decision: confidence: more, the lower their entropy; "
        "as_printed: more, the higher it is, as in the thesis' algorithm 3; mean: all alike",
        DECISIONS,
    )

    free_running: bool = option(
        False,
        "a node takes the messages that have come by the moment, so that results are no function of the seed; needs "
        "experiments.train --executor=ray. Default: it takes those that come first in a simulation of equal steps",
    )

    def default(self, name: str) -> Any:
        """The defaults of the thesis, and our own where it has none."""
        if name == "content":
            return "none" if self.nodes == 1 else "labels" if self.supervised else "features"
        if name == "learning_rate" and self.learning == "bigan":
            return _ADVERSARIAL_RATE
        if name == "neighbours":
            return self.nodes - 1 if self.communicates else 0
        if name == "consume":
            return 0.5 if self.communicates else 0.0
        if name == "broadcast":
            # Other numbers of neighbours are refused later.
            sends = self.communicates and 0 < self.neighbours < _MOST_NODES
            return min(1.0, LOAD * self.consume / self.neighbours) if sends else 0.0
        return _DEFAULTS[name] if name in _DEFAULTS else super().default(name)

    @property
    def varied(self) -> tuple[str, ...]:
        """As `RunConfig.varied`; runs of one table have equal networks that learn the same in equally many steps."""
        return tuple(name for name in super().varied if name not in ("members", "steps", "learning"))

    @property
    def team_only(self) -> str:
        """Nodes that run free."""
        return "--free_running" if self.free_running else ""

    @property
    def supervised(self) -> bool:
        """Whether nodes learn labels."""
        return self.learning == "supervised"

    @property
    def validated_one_in(self) -> int:
        """A tenth is for the validation of linear classifiers, where there are any."""
        return 0 if self.supervised else _HELD_OUT

    @property
    def communicates(self) -> bool:
        """Whether nodes send anything."""
        return self.content != "none"

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        if len(self.members) != 1:
            raise ConfigError(
                f"--members={','.join(self.members)}: --system=nodes takes one network, which all nodes have; --nodes "
                "says how many there are"
            )
        check_whole("nodes", self.nodes, 1, _MOST_NODES)
        check_whole("steps", self.steps, 1)
        if self.steps % self.epochs:
            raise ConfigError(
                f"--steps={self.steps}: no multiple of --epochs={self.epochs}, which part them; needed: such as "
                f"--steps={max(1, self.steps // self.epochs) * self.epochs}"
            )
        if self.communicates and self.nodes == 1:
            raise ConfigError(
                f"--content={self.content}: a single node has nobody to send to; needed: none, or more --nodes"
            )
        if not self.supervised:
            if self.content not in ("none", "features"):
                raise ConfigError(
                    f"--content={self.content}: --learning={self.learning} has no labels to send; allowed: none, "
                    "features"
                )
            if not isinstance(parse_network(self.members[0]), StridedSize):
                raise ConfigError(
                    f"--members={self.members[0]}: --learning={self.learning} takes a network such as strided32"
                )
        if self.communicates:
            check_whole("neighbours", self.neighbours, 1, self.nodes - 1)
        check_number("consume", self.consume, 0, 1)
        check_number("broadcast", self.broadcast, 0, 1)
        check_whole("queue_capacity", self.queue_capacity, 1, 10_000)
        check_number("temperature", self.temperature, above=True)
        check_effects(self, {"augment": False, "label_noise": 0.0, "shuffle": "permute"}, "--system=nodes")
        if not self.supervised:
            only = {"regularization_rate": 0.0, "precision": "float32"}
            check_effects(self, only, f"--learning={self.learning}")
        check_effects(self, self.without_effect(), f"--nodes={self.nodes} and --content={self.content}")

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect with these, each with the only value that it may have."""
        idle: dict[str, Any] = {}
        if not self.communicates:
            idle |= {"neighbours": 0, "consume": 0.0, "broadcast": 0.0, "queue_capacity": 32, "free_running": False}
        if self.content != "logits":
            idle["temperature"] = 0.5
        if self.nodes == 1:
            idle["decision"] = "confidence"
        return idle

    def check_data(self, description: catalogue.Description) -> None:
        """As `RunConfig.check_data`; parts that are smaller than a minibatch are refused, too."""
        super().check_data(description)
        kept, _ = self.training_parts(description)
        if kept // self.nodes < self.batch_size:
            raise ConfigError(
                f"--nodes={self.nodes}: parts of {kept // self.nodes} of the {kept} training examples are smaller than "
                f"a minibatch of {self.batch_size}; allowed: 1 to {kept // self.batch_size}, or a smaller --batch_size"
            )

    def member_names(self) -> tuple[str, ...]:
        """The nodes, in the order of the circle."""
        return tuple(f"node{number}" for number in range(1, self.nodes + 1))

    def run_name(self) -> str:
        """Such as `CIFAR10_nodes_strided32_x10_labels`."""
        kind = "" if self.supervised else f"_{self.learning}"
        return f"{super().run_name()}{kind}_x{self.nodes}_{self.content}"

    def description(self) -> str:
        """Such as `strided32, 10 nodes, labels`."""
        alone = "1 node" if self.nodes == 1 else f"{self.nodes} nodes, {self.content}"
        kind = [] if self.supervised else [self.learning]
        further = self.particulars(named=("nodes", "content", "steps", "learning"))
        return ", ".join([self.members[0], *kind, alone, *further])
