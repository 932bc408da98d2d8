"""The settings of multi-head collaborative learning (Song and Chai 2018).

The paper's supplement is not available: the lengths of training and the rates are choices of this project.
"""

import dataclasses
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import DenseNetSize, ResNetSize, parse_network
from collab_ensembles.settings.config import SGD_DEFAULTS, RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, option

GRAPHS = ("single", "instances", "simple", "hierarchical")

_HEADS = {"single": 1, "instances": 2, "simple": 2, "hierarchical": 4}
_BRANCHINGS = {"single": 0, "instances": 0, "simple": 1, "hierarchical": 2}
"""After how many segments of the network a training graph branches."""

_DEFAULTS = {**SGD_DEFAULTS, "members": ("resnet32",)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiheadConfig(RunConfig):
    """Heads of one network that learn from the labels and from the consensus of the others."""

    controls: ClassVar[tuple[str, ...]] = ("early_stopping", "continue_from")
    own_networks: ClassVar[bool] = False

    graph: str = option(
        "simple",
        "training graph: single: one network (the baselines); instances: separate networks; simple: heads that share "
        "the layers up to a split point; hierarchical: four heads in a binary tree with two split points",
        GRAPHS,
    )
    heads: int = option(
        None, "number of heads; default: 1 with --graph=single, 4 with --graph=hierarchical, otherwise 2"
    )
    split_points: tuple[str, ...] = option(
        None,
        "where the graph branches; default: after the network's first block; for hierarchical, after the first and the "
        "second",
    )
    temperature: float = option(2.0, "temperature T of the soft labels")
    beta: float = option(0.5, "share of the labels in a head's loss; the soft labels have the rest")
    rescaling: str = option(
        "backprop",
        "backprop: the gradient is divided by the number of branches at each branching; loss: each head's loss is "
        "divided by the number of heads; none: neither",
        ("backprop", "loss", "none"),
    )
    optimization: str = option(
        "simultaneous",
        "simultaneous: one step on the sum of the heads' losses; alternating: one instance after the other",
        ("simultaneous", "alternating"),
    )
    label_smoothing: float = option(0.0, "share of the labels that is spread over all classes")
    target_gradient: bool = option(False, "let the gradient flow into the soft labels; the paper does not mention this")

    def default(self, name: str) -> Any:
        """The defaults of the paper, as far as they are known."""
        if name == "epochs":
            return 300 if isinstance(parse_network(self.members[0]), DenseNetSize) else 200
        if name == "heads":
            return _HEADS[self.graph]
        if name == "split_points":
            return parse_network(self.members[0]).default_split_points[: _BRANCHINGS[self.graph]]
        return _DEFAULTS[name] if name in _DEFAULTS else super().default(name)

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        if len(self.members) != 1:
            raise ConfigError(
                f"--members={','.join(self.members)}: --system=multihead takes one network; set the number of its "
                "heads or instances with --heads"
            )
        check_number("temperature", self.temperature, above=True)
        check_number("beta", self.beta, 0, 1, above=True)
        check_number("label_smoothing", self.label_smoothing, 0, 1, below=True)
        # Heads are never networks such as ST or M.
        check_effects(self, {"decay_scope": "report"}, "--system=multihead")
        self._check_heads()
        self._check_split_points()
        check_effects(self, self.without_effect(), f"--graph={self.graph}")
        if (self.graph, self.rescaling) == ("instances", "none"):
            raise ConfigError(
                "--rescaling=none: has no effect with --graph=instances, which share no layer; leave it out"
            )

    def _check_heads(self) -> None:
        if self.graph == "single" and self.heads != 1:
            raise ConfigError(f"--heads={self.heads}: --graph=single has one head; choose another graph")
        if self.graph == "hierarchical" and self.heads != 4:
            raise ConfigError(f"--heads={self.heads}: --graph=hierarchical has 4 heads; leave --heads out")
        if self.graph in ("instances", "simple") and not 2 <= self.heads <= 64:
            raise ConfigError(
                f"--heads={self.heads}: allowed for --graph={self.graph}: 2 to 64; for one head use --graph=single"
            )

    def _check_split_points(self) -> None:
        (member,) = self.members
        network = parse_network(member)
        if isinstance(network, ResNetSize):
            raise ConfigError(
                f"--members={member}: --system=multihead takes networks with split points, such as resnet32; for "
                "separate networks of this kind use --system=ensemble"
            )
        allowed, needed = network.split_points, _BRANCHINGS[self.graph]
        if needed > len(allowed):
            raise ConfigError(
                f"--members={member}: this network has {len(allowed)} split points, but --graph={self.graph} needs "
                f"{needed}; choose resnet32, densenet40-12, resnet50 or vgg16, or --graph=instances"
            )
        if not needed:
            return
        order = [allowed.index(point) for point in self.split_points if point in allowed]
        if len(order) != len(self.split_points) or len(order) != needed or order != sorted(set(order)):
            raise ConfigError(
                f"--split_points={','.join(self.split_points)}: --graph={self.graph} of {member} takes "
                + (
                    f"one of: {', '.join(allowed)}"
                    if needed == 1
                    else f"{needed} of, in this order: {', '.join(allowed)}"
                )
            )

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect here, each with the only value that it may have."""
        is_single = self.graph == "single"
        only = {
            "optimization": ("simultaneous", self.graph != "instances"),
            "rescaling": ("backprop", is_single),
            "split_points": ((), _BRANCHINGS[self.graph] == 0),
            "temperature": (2.0, is_single),
            "beta": (0.5, is_single),
            "target_gradient": (False, is_single),
        }
        return {name: value for name, (value, applies) in only.items() if applies}

    def member_names(self) -> tuple[str, ...]:
        """Heads by number: head1, head2."""
        return tuple(f"head{number + 1}" for number in range(self.heads))

    def run_name(self) -> str:
        """Such as `CIFAR10_multihead_resnet32_simple2`."""
        return f"{catalogue.label(self.dataset)}_multihead_{self.members_name()}_{self.graph}{self.heads}"

    def description(self) -> str:
        """Such as `resnet32, 4 heads hierarchical`."""
        arrangements = {"single": "single", "instances": f"{self.heads} instances"}
        arrangement = arrangements.get(self.graph, f"{self.heads} heads {self.graph}")
        return ", ".join([self.members[0], arrangement, *self.particulars(named=("graph", "heads"))])
