"""Builds a network from its name."""

import keras
import numpy as np

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks import cifar_resnet, convnet, densenet, fdlnet, mlp, resnet50, segments, strided, vgg
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.own import build_own
from collab_ensembles.networks.own_files import OwnNetwork
from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import (
    CifarResNetSize,
    ConvNetSize,
    DenseNetSize,
    FDLNetSize,
    MLPSize,
    ResNet50Size,
    ResNetSize,
    Size,
    StridedSize,
    VGG16Size,
    check_image_shape,
    parse_network,
)


def network_segments(size: Size, num_classes: int, dropout: float = 0.0) -> list[segments.Segment]:
    """The segments of a network; all but the last are named after `size.split_points`.

    Args:
      size: the network.
      num_classes: the number of logits.
      dropout: of networks such as mlp32-32 alone; see `mlp.segments`.

    Raises:
      ConfigError: it is a ResNet of Noel (2017), which is not made of segments.
    """
    match size:
        case CifarResNetSize():
            return cifar_resnet.segments(size, num_classes)
        case DenseNetSize():
            return densenet.segments(size, num_classes)
        case ResNet50Size():
            return resnet50.segments(size, num_classes)
        case VGG16Size():
            return vgg.segments(size, num_classes)
        case ConvNetSize():
            return convnet.segments(size, num_classes)
        case FDLNetSize():
            return fdlnet.segments(size, num_classes)
        case MLPSize():
            return mlp.segments(size, num_classes, dropout)
        case StridedSize():
            return strided.segments(size, num_classes)
    raise ConfigError(f"{size} has no segments and cannot be split; allowed: networks such as resnet20")


def build_network(
    member: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    revision: str = "report",
    regularization_rate: float = 1e-4,
    decay_scope: str = "report",
    precision: str = "float32",
    dropout: float = 0.0,
    pad: bool = False,
    random: np.random.Generator,
    name: str,
) -> keras.Model:
    """A network from raw pixels, float32 [batch, height, width, channels], to logits [batch, num_classes].

    A network of one's own is as its file makes it: the options between `num_classes` and `random` are of the others.

    Args:
      member: see `sizes.FORMS` and `own_files.OWN_FORMS`.
      image_shape: (height, width, channels).
      num_classes: the number of logits.
      revision: of the ResNets of Noel (2017) alone; see `build_resnet`.
      regularization_rate: s; each decayed kernel adds s * sum(w^2) / 2 to the model's losses.
      decay_scope: of the same ResNets alone; in all other networks every kernel decays.
      precision: see `LayerFactory`.
      dropout: see `network_segments`.
      pad: pad images of other sizes with zeros; see `padding`.
      random: the source of the seeds of the kernels' initial values.
      name: the model's name.

    Raises:
      ConfigError: there is no such network, it does not take images of this size unless they are padded, or a file
        does not give one.
    """
    size = parse_network(member)
    if isinstance(size, OwnNetwork):
        return build_own(size, image_shape, num_classes, seed=int(random.integers(2**31)), name=name)
    if isinstance(size, ResNetSize):
        return build_resnet(
            size,
            image_shape,
            num_classes,
            revision=revision,
            regularization_rate=regularization_rate,
            decay_scope=decay_scope,
            precision=precision,
            pad=pad,
            random=random,
            name=name,
        )
    if not pad:
        check_image_shape(member, size.image_divisor, image_shape)
    factory = LayerFactory(random, regularization_rate=regularization_rate, precision=precision)
    return segments.build(network_segments(size, num_classes, dropout), image_shape, factory, name, size.image_divisor)
