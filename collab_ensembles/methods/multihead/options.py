"""The settings of multi-head collaborative learning (Song and Chai 2018) and their checks."""

import dataclasses
from typing import Any

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import ResNetSize, parse_network
from collab_ensembles.settings.defaults import SPLIT_POINTS
from collab_ensembles.settings.fields import check_effects, check_number, option

_SYSTEMS = ("multihead",)


@dataclasses.dataclass(frozen=True)
class MultiheadOptions:
    """Fields of `RunConfig`; those without a default of their own find it in `collab_ensembles.settings.defaults`."""

    graph: str = option(
        "simple",
        "training graph: single: one network (the baselines); instances: separate networks; simple: heads that share "
        "the layers up to a split point; hierarchical: four heads in a binary tree with two split points",
        tuple(SPLIT_POINTS),
        _SYSTEMS,
    )
    heads: int = option(None, "number of heads; default: 4 where the graph is hierarchical, otherwise 2", (), _SYSTEMS)
    split_points: tuple[str, ...] = option(
        None, "where the graph branches; default: after the network's first block, and the second", (), _SYSTEMS
    )
    temperature: float = option(2.0, "temperature T of the soft labels", (), _SYSTEMS)
    beta: float = option(0.5, "share of the labels in a head's loss; the rest is the soft labels'", (), _SYSTEMS)
    rescaling: str = option(
        "backprop",
        "backprop: the gradient is divided by the number of branches at each branching; loss: each head's loss is "
        "divided by the number of heads; none: neither",
        ("backprop", "loss", "none"),
        _SYSTEMS,
    )
    optimization: str = option(
        "simultaneous",
        "simultaneous: one step on the sum of the heads' losses; alternating: one instance after the other",
        ("simultaneous", "alternating"),
        _SYSTEMS,
    )
    label_smoothing: float = option(0.0, "share of the labels that is spread over all classes", (), _SYSTEMS)
    teacher: tuple[str, ...] = option(
        (), "Keras files (see experiments.export) whose mean logits a single network learns from", (), _SYSTEMS
    )

    def check_multihead(self, members: tuple[str, ...]) -> None:
        """Raises ConfigError if settings are not allowed, by themselves or together."""
        if len(members) != 1:
            raise ConfigError(
                f"--members={','.join(members)}: --system=multihead takes one network; --heads says how many heads "
                "or instances of it there are"
            )
        check_number("temperature", self.temperature, above=True)
        check_number("beta", self.beta, 0, 1, above=True)
        check_number("label_smoothing", self.label_smoothing, 0, 1, below=True)
        self._check_heads()
        self._check_split_points(members[0])
        self._check_teacher()
        given = f"--graph={self.graph}" + (" with --teacher" if self.teacher else "")
        check_effects(self, self.multihead_without_effect(), given)
        if (self.graph, self.rescaling) == ("instances", "none"):
            raise ConfigError("--rescaling=none: the same as backprop for --graph=instances, which share no layer")

    def _check_heads(self) -> None:
        if self.graph == "single" and self.heads != 1:
            raise ConfigError(f"--heads={self.heads}: --graph=single has one head; choose another graph")
        if self.graph == "hierarchical" and self.heads != 4:
            raise ConfigError(f"--heads={self.heads}: --graph=hierarchical has 4 heads; leave --heads out")
        if self.graph in ("instances", "simple") and not 2 <= self.heads <= 64:
            raise ConfigError(
                f"--heads={self.heads}: allowed for --graph={self.graph}: 2 to 64; one head alone is --graph=single"
            )

    def _check_split_points(self, member: str) -> None:
        network = parse_network(member)
        if isinstance(network, ResNetSize):
            raise ConfigError(
                f"--members={member}: --system=multihead takes networks that can be cut, such as resnet32; separate "
                "networks of this kind are --system=ensemble"
            )
        allowed, needed = network.split_points, SPLIT_POINTS[self.graph]
        if needed > len(allowed):
            raise ConfigError(
                f"--members={member}: this network names {len(allowed)} split points and --graph={self.graph} needs "
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

    def _check_teacher(self) -> None:
        if self.teacher and self.graph != "single":
            raise ConfigError(f"--teacher belongs to --graph=single; received --graph={self.graph}")
        for path in self.teacher:
            if not path.endswith(".keras"):
                raise ConfigError(
                    f"--teacher={path}: not the path of a Keras file; needed: .keras files such as experiments.export "
                    "writes"
                )

    def multihead_without_effect(self) -> dict[str, Any]:
        """The only values of settings that would change nothing beside the others, or that nobody has defined."""
        is_single, learns_alone = self.graph == "single", self.graph == "single" and not self.teacher
        only = {
            "optimization": ("simultaneous", self.graph != "instances"),
            "rescaling": ("backprop", is_single),
            "split_points": ((), SPLIT_POINTS[self.graph] == 0),
            "temperature": (2.0, learns_alone),
            "beta": (0.5, learns_alone),
            "label_smoothing": (0.0, bool(self.teacher)),
            "target_gradient": (False, is_single),
        }
        return {name: value for name, (value, applies) in only.items() if applies}
