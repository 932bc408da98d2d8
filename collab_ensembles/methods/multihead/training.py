"""Builds the heads of Song and Chai (2018), and chooses their optimizer and learning rate."""

from collab_ensembles.methods.assembly import build_member
from collab_ensembles.methods.multihead.head_graph import build_head_graph, head_groups
from collab_ensembles.methods.multihead.model import MultiheadModel
from collab_ensembles.methods.multihead.options import MultiheadConfig
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import SGD
from collab_ensembles.models.schedules import Rate, step
from collab_ensembles.networks.build import network_segments
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.sizes import parse_network
from collab_ensembles.settings.method import Shape
from collab_ensembles.streams import Stream, generator


def build(config: MultiheadConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    (member,) = config.members
    segments = network_segments(parse_network(member), num_classes)
    names = [segment.name for segment in segments]
    graph = build_head_graph(
        segments,
        image_shape,
        head_groups(config.graph, config.heads, names, config.split_points),
        lambda head, prefix: LayerFactory(
            generator(config.seed, Stream.INITIALISATION, head),
            regularization_rate=config.regularization_rate,
            precision=config.precision,
            prefix=prefix,
        ),
        rescale=config.rescaling == "backprop",
        target=lambda: build_member(config, image_shape, num_classes, 0, member),
    )
    return MultiheadModel(
        graph,
        temperature=config.temperature,
        beta=config.beta,
        rescale_losses=config.rescaling == "loss",
        alternating=config.optimization == "alternating",
        target_gradient=config.target_gradient,
        label_smoothing=config.label_smoothing,
    )


def optimizer(config: MultiheadConfig) -> SGD:
    """SGD with Nesterov's momentum; the losses of the networks include the weight decay."""
    return SGD(config.single_rate, momentum=0.9, nesterov=True)


def learning_rates(config: MultiheadConfig) -> dict[str, Rate]:
    """The learning rate is divided by 10 twice."""
    return {"optimizer": Rate(lambda epoch: step(config.single_rate, epoch, config.epochs))}
