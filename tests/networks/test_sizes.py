"""The names of networks, and what is known of a network before it is built."""

import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import (
    FORMS,
    CifarResNetSize,
    ConvNetSize,
    DenseNetSize,
    FDLNetSize,
    MLPSize,
    ResNet50Size,
    ResNetSize,
    Size,
    VGG16Size,
    parse_network,
    parse_size,
)


@pytest.mark.parametrize(
    ("member", "size"),
    [
        ("ST", ResNetSize(3, 1, 8)),
        ("M", ResNetSize(3, 2, 16)),
        ("B4R12F3", ResNetSize(4, 12, 3)),
        ("resnet8", CifarResNetSize(8)),
        ("resnet110", CifarResNetSize(110)),
        ("densenet7-2", DenseNetSize(7, 2)),
        ("densenet40-12", DenseNetSize(40, 12)),
        # 50 is 6n + 2 too, but the name is taken.
        ("resnet50", ResNet50Size()),
        ("vgg16", VGG16Size()),
        ("convnet8", ConvNetSize(8)),
        ("fdlnet8", FDLNetSize(8)),
        ("mlp32-16", MLPSize(32, 16)),
    ],
)
def test_networks_by_name(member: str, size: Size) -> None:
    assert parse_network(member) == size


@pytest.mark.parametrize(
    "member",
    [
        *("resnet21", "resnet2", "resnet1", "resnet0", "resnet08", "resnet-20", "resnet20 ", "ResNet20", "resnet20000"),
        *("densenet41-12", "densenet4-12", "densenet40", "densenet40-0", "densenet40-12-2", "densenet-40-12"),
        *("vgg19", "vgg", "convnet", "convnet0", "B0R1F8", "b3r1f8", "resnet\n20", "resnet20\n", "", "ST,M"),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(member: str) -> None:
    with pytest.raises(ConfigError, match=r"^unknown member [^\n]*; allowed: [^\n]+$"):
        parse_network(member)


def test_a_refusal_says_what_is_allowed() -> None:
    with pytest.raises(ConfigError, match=r"6n \+ 2 layers, such as resnet20"):
        parse_network("resnet21")
    with pytest.raises(ConfigError, match=r"densenet41-12; allowed: 3n \+ 4 layers, such as densenet40-12"):
        parse_network("densenet41-12")
    with pytest.raises(ConfigError) as refusal:
        parse_network("vgg19")
    assert FORMS in str(refusal.value)


def test_blocks_and_layers() -> None:
    assert [CifarResNetSize(depth).blocks for depth in (8, 20, 32, 110)] == [1, 3, 5, 18]
    assert [DenseNetSize(depth, 12).layers for depth in (7, 40, 100)] == [1, 12, 32]


def test_only_the_resnets_of_noel_have_a_size_of_their_kind() -> None:
    assert parse_size("B3R5F16") == ResNetSize(3, 5, 16)
    with pytest.raises(ConfigError, match=r"^received the member resnet20; needed: ST, M, or a size such as B3R5F16$"):
        parse_size("resnet20")


@pytest.mark.parametrize("member", ["ST", "resnet20", "densenet40-12", "resnet50", "vgg16", "convnet8"])
def test_the_default_split_points_are_split_points_in_order(member: str) -> None:
    size = parse_network(member)
    assert size.default_split_points == tuple(x for x in size.split_points if x in size.default_split_points)
    assert len(size.default_split_points) == (0 if member in ("ST", "convnet8") else 2)
