"""The networks that `--members` can name, and their sizes. Imports nothing heavy."""

import dataclasses
import re
import reprlib
from typing import Protocol

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks import own_files
from collab_ensembles.networks.own_files import OWN_FORMS


class Size(Protocol):
    """The properties of a network that are known before it is built."""

    @property
    def image_divisor(self) -> int:
        """Height and width of the images must be multiples of this number."""

    @property
    def split_points(self) -> tuple[str, ...]:
        """The split points of the network, in order from the input; () if there are none."""

    @property
    def default_split_points(self) -> tuple[str, ...]:
        """The split points of the published training graphs, which use the first or both."""


@dataclasses.dataclass(frozen=True)
class ResNetSize:
    """The ResNets of Noel (2017), section 2: B bricks of R repetitions; the first convolution has F filters."""

    bricks: int
    repetitions: int
    filters: int

    def __str__(self) -> str:
        return f"B{self.bricks}R{self.repetitions}F{self.filters}"

    @property
    def image_divisor(self) -> int:
        """Each reduction halves height and width."""
        return int(2 ** (self.bricks - 1))

    split_points = ()
    default_split_points = ()


@dataclasses.dataclass(frozen=True)
class CifarResNetSize:
    """The ResNets of He et al. (2016), section 4.2, of 6n + 2 layers: three stages of n blocks.

    Halves of height and width are rounded up, so that images of any size do.
    """

    depth: int

    image_divisor = 1
    split_points = ("stage1", "stage2")
    default_split_points = split_points

    @property
    def blocks(self) -> int:
        """n, the residual blocks of each stage."""
        return (self.depth - 2) // 6


@dataclasses.dataclass(frozen=True)
class DenseNetSize:
    """The DenseNets of Huang et al. (2017), section 3, without bottleneck and compression: three dense blocks.

    Of depth L = 3n + 4 and growth rate k. The two transitions halve height and width.
    """

    depth: int
    growth: int

    image_divisor = 4
    split_points = ("block1", "block2")
    default_split_points = split_points

    @property
    def layers(self) -> int:
        """n, the layers of each dense block."""
        return (self.depth - 4) // 3


@dataclasses.dataclass(frozen=True)
class ResNet50Size:
    """The ResNet-50 of He et al. (2016), table 1, meant for images of about 224 x 224.

    Halves of height and width are rounded up, so that images of any size do.
    """

    image_divisor = 1
    split_points = ("conv2_x", "conv3_x", "conv4_x")
    default_split_points = ("conv3_x", "conv4_x")


@dataclasses.dataclass(frozen=True)
class VGG16Size:
    """VGG-16 with batch normalisation: the 13 convolutions of Simonyan and Zisserman (2015), one dense layer."""

    image_divisor = 32
    split_points = ("block1", "block2", "block3", "block4")
    default_split_points = ("block1", "block2")


@dataclasses.dataclass(frozen=True)
class ConvNetSize:
    """The one-layer network of Das and Dutta Roy (2022): 3x3 convolution to M filters, ReLU, 2x2 maximum, dense."""

    filters: int

    image_divisor = 2
    split_points = ()
    default_split_points = ()


@dataclasses.dataclass(frozen=True)
class FDLNetSize:
    """The one-layer network of the published MNIST scripts of Das and Dutta Roy (2022), of n filters; see `fdlnet`."""

    filters: int

    image_divisor = 4
    split_points = ()
    default_split_points = ()


@dataclasses.dataclass(frozen=True)
class MLPSize:
    """The networks of Lacaille (2018), section 3.2.2: two dense hidden layers of so many units."""

    first: int
    second: int

    image_divisor = 1
    split_points = ()
    default_split_points = ()


@dataclasses.dataclass(frozen=True)
class StridedSize:
    """The networks for Lacaille (2018), chapter 2: three pairs of convolutions, the second of which is strided.

    The first pair has so many filters. Halves of height and width are rounded up, so that images of any size do.
    """

    filters: int

    image_divisor = 1
    split_points = ()
    default_split_points = ()


NAMED_SIZES = {"ST": ResNetSize(3, 1, 8), "M": ResNetSize(3, 2, 16)}
LONG_NAMES = {"ST": "shallow_and_thin", "M": "medium"}
FORMS = (
    "ST, M, sizes such as B3R5F16, resnet20 (6n + 2 layers), densenet40-12, resnet50, vgg16, convnet8, fdlnet8, "
    "mlp32-32, strided32"
)


def parse_network(member: str) -> Size:
    """The network with the given name; see FORMS and OWN_FORMS. No file is read.

    Raises:
      ConfigError: there is no such network.
    """
    own = own_files.parse(member)
    if own is not None:
        return own
    if member in NAMED_SIZES:
        return NAMED_SIZES[member]
    for pattern, size in _PATTERNS:
        match = re.fullmatch(pattern, member)
        if match:
            return size(*map(int, match.groups()))
    raise ConfigError(
        f"unknown member {reprlib.repr(member)}; allowed: {FORMS}; bricks from 1 to 99, the rest from 1 to 9999; "
        f"or {OWN_FORMS}"
    )


def check_image_shape(network: object, divisor: int, image_shape: tuple[int, int, int], advice: str = "") -> None:
    """Raises ConfigError, with further advice, unless height and width are multiples of the network's divisor."""
    height, width, _ = image_shape
    if height % divisor or width % divisor:
        raise ConfigError(
            f"images for {network} need a height and width that are multiples of {divisor}; received {height} x "
            f"{width}; choose a network that halves them less often{advice}"
        )


def parse_size(member: str) -> ResNetSize:
    """The same, but only for the ResNets of Noel (2017).

    Raises:
      ConfigError: the network is not one of these.
    """
    size = parse_network(member)
    if not isinstance(size, ResNetSize):
        raise ConfigError(f"received the member {member}; needed: {', '.join(NAMED_SIZES)}, or a size such as B3R5F16")
    return size


def _cifar_resnet(depth: int) -> Size:
    if depth < 8 or depth % 6 != 2:
        raise ConfigError(f"unknown member resnet{depth}; allowed: 6n + 2 layers, such as resnet20, and resnet50")
    return CifarResNetSize(depth)


def _densenet(depth: int, growth: int) -> Size:
    if depth < 7 or depth % 3 != 1:
        raise ConfigError(f"unknown member densenet{depth}-{growth}; allowed: 3n + 4 layers, such as densenet40-12")
    return DenseNetSize(depth, growth)


_PATTERNS = (
    (r"B([1-9]\d?)R([1-9]\d{0,3})F([1-9]\d{0,3})", ResNetSize),
    (r"resnet50", ResNet50Size),
    (r"resnet([1-9]\d{0,3})", _cifar_resnet),
    (r"densenet([1-9]\d{0,3})-([1-9]\d{0,3})", _densenet),
    (r"vgg16", VGG16Size),
    (r"convnet([1-9]\d{0,3})", ConvNetSize),
    (r"fdlnet([1-9]\d{0,3})", FDLNetSize),
    (r"mlp([1-9]\d{0,3})-([1-9]\d{0,3})", MLPSize),
    (r"strided([1-9]\d{0,3})", StridedSize),
)
