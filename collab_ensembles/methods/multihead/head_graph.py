"""Training graphs of several heads on one network: Song and Chai (2018), section 3.1 and figure 1."""

import dataclasses
from collections.abc import Callable, Sequence

import keras

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.layers import GradientScale
from collab_ensembles.networks.segments import Segment, target_layer

Groups = Sequence[Sequence[int]]
"""Which heads share a segment: each head is in one group; a group has the name of its first head."""


def head_groups(graph: str, heads: int, segments: Sequence[str], split_points: Sequence[str]) -> list[Groups]:
    """Which heads share each segment of the network.

    Args:
      graph: `single`, `instances` (figure 1b), `simple` (1c) or `hierarchical` (1d), a binary tree.
      heads: the number of heads.
      segments: the names of the segments, from the input on.
      split_points: the segments after which the graph branches: one for `simple`, two for `hierarchical`.

    Raises:
      ValueError: the graph is unknown, or its split points are not among the segments.
    """
    apart = [[head] for head in range(heads)]
    shared = {
        "single": [],
        "instances": [],
        "simple": [[list(range(heads))]],
        "hierarchical": [[list(range(heads))], [list(range(heads // 2)), list(range(heads // 2, heads))]],
    }.get(graph)
    if shared is None or len(shared) != len(split_points) or not set(split_points) < set(segments):
        raise ValueError(f"received the graph {graph} with split points {list(split_points)} of {list(segments)}")
    groups: list[Groups] = []
    for segment in segments:
        groups.append(shared[0] if shared else apart)
        if shared and segment == split_points[-len(shared)]:
            shared = shared[1:]
    return groups


@dataclasses.dataclass(frozen=True)
class HeadGraph:
    """Heads as one network, so that what they share is computed once.

    Attributes:
      network: from images [batch, height, width, channels] to the logits [batch, classes] of the heads, by name.
      heads: by name, each head's own path from the images to its logits; the layers are those of `network`.
      target: builds the network that the heads are instances of, with other initial values.
    """

    network: keras.Model
    heads: dict[str, keras.Model]
    target: Callable[[], keras.Model]

    def export(self, head: int = 0) -> keras.Model:
        """One head, counted from 0, as the target network: with its weights, without the training graph."""
        path = list(self.heads.values())[head]
        layers = {target_layer(layer.name): layer for layer in path.layers}
        target = self.target()
        for layer in target.layers:
            layer.set_weights(layers[layer.name].get_weights())
        return target


def build_head_graph(
    segments: Sequence[Segment],
    image_shape: tuple[int, int, int],
    groups: Sequence[Groups],
    factory: Callable[[int, str], LayerFactory],
    *,
    rescale: bool,
    target: Callable[[], keras.Model],
) -> HeadGraph:
    """Puts the segments together, one copy for each group of heads.

    Args:
      segments: of the target network.
      image_shape: (height, width, channels).
      groups: for each segment; each group is part of one of the segment before.
      factory: makes the layers of the groups that the given head leads, with the given prefix; called once for
        each head.
      rescale: divide the gradient by the number of branches at each branching (section 3.3, equations 5 and 6).
      target: see `HeadGraph`.
    """
    heads = sum(len(group) for group in groups[0])
    factories = [factory(head, f"head{head + 1}_" if heads > 1 else "") for head in range(heads)]
    inputs = keras.Input(image_shape, dtype=factories[0].exact, name="images")
    # For each head, the output of its path so far.
    ends = [inputs] * heads
    for segment, these, following in zip(segments, groups, [*groups[1:], groups[-1]], strict=True):
        for group in these:
            x = segment.build(factories[group[0]], ends[group[0]])
            branches = sum(set(branch) <= set(group) for branch in following)
            if rescale and branches > 1:
                x = GradientScale(1 / branches, name=f"{factories[group[0]].prefix}{segment.name}_rescaling")(x)
            for head in group:
                ends[head] = x
    names = [f"head{head + 1}" for head in range(heads)]
    paths = {name: keras.Model(inputs, end, name=name) for name, end in zip(names, ends, strict=True)}
    return HeadGraph(keras.Model(inputs, dict(zip(names, ends, strict=True)), name="heads"), paths, target)
