"""Measures steps of several nodes in one compiled program against the same network that takes all the steps alone.

Nodes send each other what each content has; the network alone takes as many steps as all nodes together. The last row
has the steps of nodes that send nothing, on stacked weights with `tf.vectorized_map`. CIFAR-10's shapes with random
pixels: the time of a step does not depend on them. CPU time is compared, which other processes on the machine disturb
least.

Example:
  python -m benchmarks.nodes_epoch --nodes=10 --network=strided8 --repeats=3
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from absl import flags

from benchmarks.cpu_time import fastest
from collab_ensembles.methods.nodes.options import CONTENTS, NodesConfig
from experiments import command_line, runtime

_SHAPE, _CLASSES, _STEPS = (32, 32, 3), 10, 10
_NODES = flags.DEFINE_integer("nodes", 10, "number of nodes", lower_bound=2)
_NETWORK = flags.DEFINE_string("network", "strided8", "the network of each node")
_REPEATS = flags.DEFINE_integer("repeats", 5, "how often each is measured; the fastest counts")
_THREADS = flags.DEFINE_integer("threads", 1, "number of TensorFlow's threads")


def main(arguments: list[str]) -> None:
    """Prints the table."""
    command_line.no_arguments(arguments)
    runtime.start_tensorflow(_THREADS.value)
    nodes = _NODES.value
    alone = fastest(epoch(1, "none", nodes * _STEPS), _REPEATS.value)
    rows = [("alone", 1, alone)]
    rows += [(each, nodes, fastest(epoch(nodes, each, _STEPS), _REPEATS.value)) for each in CONTENTS]
    rows.append(("none, stacked", nodes, fastest(stacked_epoch(nodes, _STEPS), _REPEATS.value)))
    table = [
        {
            "content": content,
            "nodes": number,
            "CPU ms a step of a node": f"{1e3 * seconds / (nodes * _STEPS):.2f}",
            "times alone": f"{seconds / alone:.2f}",
        }
        for content, number, seconds in rows
    ]
    print(pd.DataFrame(table).to_string(index=False))


def epoch(nodes: int, content: str, steps: int) -> Callable[[], object]:
    """An epoch of so many steps of each node."""
    import tensorflow as tf

    from collab_ensembles.data.batch_manager import BatchManager
    from collab_ensembles.methods.assembly import build_model, compile_for_training

    config = NodesConfig(system="nodes", nodes=nodes, content=content, steps=steps, epochs=1, members=(_NETWORK.value,))
    random = np.random.default_rng(0)
    examples = 2 * config.batch_size * nodes
    images = random.integers(256, size=(examples, *_SHAPE), dtype=np.uint8)
    labels = random.integers(_CLASSES, size=examples, dtype=np.int32)
    model = build_model(config, _SHAPE, _CLASSES)
    compile_for_training(model, config)
    pieces = model.feed(BatchManager(images, labels, config.batch_size))
    step = tf.function(model.train_step)

    def run() -> None:
        model.begin_epoch(0)
        for piece in pieces:
            step(piece)

    return run


def stacked_epoch(nodes: int, steps: int) -> Callable[[], object]:
    """The same steps, on one minibatch, of networks whose weights are stacked."""
    import tensorflow as tf

    from collab_ensembles.methods.assembly import build_model
    from collab_ensembles.models.optimizers import KERAS_EPSILON

    config = NodesConfig(system="nodes", nodes=nodes, content="none", members=(_NETWORK.value,))
    networks = list(build_model(config, _SHAPE, _CLASSES).members.values())
    trained, others = (
        [tf.Variable(np.stack([weight.numpy() for weight in own])) for own in zip(*each, strict=True)]
        for each in (
            [network.trainable_variables for network in networks],
            [network.non_trainable_variables for network in networks],
        )
    )
    moments = [(tf.Variable(tf.zeros_like(each)), tf.Variable(tf.zeros_like(each))) for each in trained]
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(256, size=(nodes, config.batch_size, *_SHAPE)), tf.float32)
    labels = tf.constant(random.integers(_CLASSES, size=(nodes, config.batch_size)), tf.int32)

    def gradients(data: Any) -> Any:
        weights, state, pixels, classes = data
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits, state = networks[0].stateless_call(weights, state, pixels, training=True)
            cost = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits))
        return tape.gradient(cost, weights), state

    @tf.function
    def run() -> None:
        for _ in tf.range(steps):
            found, state = tf.vectorized_map(gradients, (list(trained), list(others), images, labels))
            for variable, own, gradient in zip(trained, moments, found, strict=True):
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle,
                    m=own[0].handle,
                    v=own[1].handle,
                    beta1_power=0.9,
                    beta2_power=0.999,
                    lr=config.single_rate,
                    beta1=0.9,
                    beta2=0.999,
                    epsilon=KERAS_EPSILON,
                    grad=gradient,
                )
            for variable, value in zip(others, state, strict=True):
                variable.assign(value)

    return run


if __name__ == "__main__":
    command_line.launch(main)
