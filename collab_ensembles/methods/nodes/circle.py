"""Which examples a node has, and to which nodes it sends: Lacaille (2018), section 2.2.2. NumPy alone."""

import itertools

import numpy as np

from collab_ensembles.streams import Stream, generator


def parts(examples: int, nodes: int, seed: int) -> list[np.ndarray]:
    """The examples of each node, int64; each example is in one part, and sizes differ by at most one.

    They are drawn without a look at the classes.
    """
    return np.array_split(generator(seed, Stream.PARTS).permutation(examples), nodes)


def neighbours(node: int, nodes: int, count: int) -> list[int]:
    """The nodes to which a node sends: the closest on the circle.

    Of two at one distance, the next one comes before the one behind. So every node also hears from `count` nodes.

    Args:
      node: from 0.
      nodes: on the circle.
      count: the neighbours, less than the nodes.
    """
    steps = itertools.chain.from_iterable((distance, -distance) for distance in range(1, nodes))
    found = dict.fromkeys((node + step) % nodes for step in steps)
    return list(found)[:count]
