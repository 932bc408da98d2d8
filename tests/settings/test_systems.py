"""RunConfig of the systems beside Noel's: published defaults, what is refused, and names."""

import pathlib
from typing import Any

import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.runs import naming
from collab_ensembles.settings.config import RunConfig

_HEADS = {"system": "multihead"}
_DISTILLED = {"system": "distillation"}
_FDL = {"system": "fdl"}
_FGE = {"system": "snapshot", "cycle": "triangular"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {},
            {"members": ("ST", "M"), "batch_size": 64, "learning_rate": 2**-10, "shuffle": "none", "augment": False},
        ),
        (_HEADS, {"batch_size": 128, "learning_rate": 0.1, "regularization_rate": 1e-4, "epochs": 200, "heads": 2}),
        (_HEADS, {"temperature": 2.0, "beta": 0.5, "shuffle": "permute", "augment": True, "rescaling": "backprop"}),
        ({**_HEADS, "graph": "hierarchical"}, {"heads": 4}),
        ({**_HEADS, "graph": "single"}, {"heads": 1}),
        ({**_HEADS, "members": ("densenet40-12",)}, {"epochs": 300}),
        (_FDL, {"members": ("vgg16", "vgg16"), "regularization_rate": 5e-4, "epochs": 250, "pretraining_epochs": 1}),
        (_FDL, {"recipe": "cifar", "bn_updates": "every_phase", "batch_size": 128, "augment": True}),
        ({**_FDL, "phases": ("cross_entropy",)}, {"bn_updates": "once", "pretraining_epochs": 1}),
        ({**_FDL, "members": ("vgg16",), "phases": ("cross_entropy",)}, {"epochs": 250, "pretraining_epochs": 0}),
        ({**_FDL, "members": ("resnet20",) * 2}, {"epochs": 400, "learning_rate": 0.1, "head_learning_rate": 0.01}),
        *(
            (
                {**_FDL, "dataset": dataset, "members": (network,) * number},
                {"feature_learning_rate": feature, "head_learning_rate": head},
            )
            for network, number, dataset, feature, head in (
                ("vgg16", 2, "cifar10", 1e-5, 0.1),
                ("vgg16", 2, "cifar100", 1e-5, 0.1),
                ("vgg16", 3, "cifar10", 1e-4, 0.1),
                ("vgg16", 3, "cifar100", 1e-5, 0.1),
                ("vgg16", 4, "cifar10", 1e-4, 0.01),
                ("vgg16", 4, "cifar100", 1e-4, 0.01),
                ("resnet20", 2, "cifar10", 1e-4, 0.01),
                ("resnet20", 3, "cifar100", 1e-5, 0.01),
                ("resnet50", 4, "cifar10", 1e-4, 0.01),
                ("resnet20", 4, "cifar100", 1e-5, 0.01),
            )
        ),
        ({**_FDL, "members": ("convnet8",) * 2, "dataset": "mnist"}, {"epochs": 30, "recipe": "cifar"}),
        (
            {**_FDL, "members": ("fdlnet8",) * 2, "dataset": "mnist"},
            {
                "recipe": "mnist",
                "epochs": 1009,
                "pretraining_epochs": 10,
                "batch_size": 256,
                "augment": False,
                "regularization_rate": 1e-4,
                "learning_rate": 0.1,
                "feature_learning_rate": 2e-4,
                "head_learning_rate": 1e-3,
            },
        ),
        (
            {**_FDL, "members": ("fdlnet8",), "phases": ("cross_entropy",)},
            {"epochs": 10, "pretraining_epochs": 10},
        ),
        ({"system": "snapshot"}, {"members": ("vgg16",), "snapshots": 5, "regularization_rate": 5e-4}),
        ({"system": "snapshot"}, {"averaging": "softmax", "learning_rate": 0.1}),
        ({**_FGE, "epochs": 200}, {"snapshots": 20, "cycle_epochs": 2, "learning_rate": 0.05, "averaging": "softmax"}),
        (_FGE, {"cycle_learning_rate": 0.01, "lowest_learning_rate": 5e-4, "epochs": 250, "snapshots": 25}),
        ({**_FGE, "members": ("resnet8",)}, {"cycle_epochs": 4, "cycle_learning_rate": 0.05, "learning_rate": 0.1}),
        ({**_FGE, "epochs": 7}, {"snapshots": 2}),
    ],
)
def test_each_system_has_the_defaults_of_its_paper(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    config = RunConfig(**settings)
    assert {name: getattr(config, name) for name in expected} == expected
    # Defaults that are spelled out are the same run.
    assert RunConfig(**{**settings, **expected}).digest() == config.digest()


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        ({"beta": 0.3}, ["--beta belongs to --system=distillation or multihead", "--system=ensemble"]),
        ({**_FDL, "heads": 3}, ["--heads belongs to --system=multihead", "--system=fdl"]),
        ({**_HEADS, "method": "CE"}, ["--method belongs to --system=ensemble"]),
        ({**_HEADS, "snapshots": 3}, ["--snapshots belongs to --system=snapshot"]),
        ({**_HEADS, "members": ("resnet20", "resnet32")}, ["--members=resnet20,resnet32", "one network", "--heads"]),
        ({**_HEADS, "members": ("ST",)}, ["--members=ST", "with split points", "--system=ensemble"]),
        ({**_HEADS, "members": ("convnet8",)}, ["convnet8", "0 split points", "needs 1"]),
        ({**_HEADS, "heads": 1}, ["--heads=1", "2 to 64", "--graph=single"]),
        ({**_HEADS, "heads": 65}, ["--heads=65", "2 to 64"]),
        ({**_HEADS, "graph": "hierarchical", "heads": 8}, ["--heads=8", "hierarchical has 4 heads"]),
        ({**_HEADS, "graph": "single", "heads": 2}, ["--heads=2", "one head"]),
        ({**_HEADS, "split_points": ("conv9",)}, ["--split_points=conv9", "takes one of: stage1, stage2"]),
        ({**_HEADS, "split_points": ("stage1", "stage2")}, ["takes one of"]),
        ({**_HEADS, "graph": "hierarchical", "split_points": ("stage2", "stage1")}, ["in this order"]),
        ({**_HEADS, "graph": "hierarchical", "split_points": ("stage1", "stage1")}, ["takes 2 of"]),
        (
            {**_HEADS, "graph": "instances", "split_points": ("stage1",)},
            ["--split_points=stage1: has no effect"],
        ),
        (
            {"system": "fdl", "dataset": "mnist", "members": ("mlp8-8", "mlp8-8")},
            ["--members=mlp8-8,mlp8-8", "outputs of convolutions"],
        ),
        ({**_HEADS, "temperature": 0.0}, ["--temperature=0.0", "above 0"]),
        ({**_HEADS, "temperature": -1.0}, ["--temperature=-1.0", "above 0"]),
        ({**_HEADS, "beta": 0.0}, ["--beta=0.0", "above 0 to 1"]),
        ({**_HEADS, "beta": 1.5}, ["--beta=1.5", "above 0 to 1"]),
        ({**_HEADS, "label_smoothing": 1.0}, ["--label_smoothing=1.0", "from 0 to below 1"]),
        ({**_HEADS, "graph": "single", "beta": 0.2}, ["--beta=0.2: has no effect with --graph=single"]),
        ({**_HEADS, "graph": "single", "temperature": 1.0}, ["--temperature=1.0: has no effect with --graph=single"]),
        ({**_HEADS, "graph": "single", "rescaling": "none"}, ["--rescaling=none: has no effect with --graph=single"]),
        (
            {**_HEADS, "graph": "instances", "rescaling": "none"},
            ["--rescaling=none: has no effect with --graph=instances"],
        ),
        ({**_HEADS, "graph": "single", "target_gradient": True}, ["--target_gradient=True", "--graph=single"]),
        ({**_HEADS, "optimization": "alternating"}, ["--optimization=alternating: has no effect with --graph=simple"]),
        ({**_DISTILLED, "teacher": ("no.h5",)}, ["no.h5", "experiments.export"]),
        ({**_HEADS, "label_noise": -0.1}, ["--label_noise=-0.1", "from 0 to 1"]),
        ({"label_noise": 1.1}, ["--label_noise=1.1", "from 0 to 1"]),
        ({**_FDL, "members": ("vgg16", "resnet20")}, ["--members=vgg16,resnet20", "identical networks"]),
        ({**_FDL, "members": ("vgg16",)}, ["one phase only", "--phases=cross_entropy"]),
        ({**_FDL, "members": ("vgg16",) * 3, "phases": ("joint",)}, ["--phases=joint", "two members"]),
        ({**_FDL, "phases": ("similarity",)}, ["--phases=similarity", "cross_entropy, then"]),
        ({**_FDL, "phases": ("head", "cross_entropy")}, ["in this order"]),
        ({**_FDL, "phases": ("cross_entropy", "joint")}, ["or joint"]),
        ({**_FDL, "phases": ()}, ["--phases=: allowed"]),
        ({**_FDL, "k": 2.0}, ["--k=2.0: has no effect with --phases=cross_entropy,similarity"]),
        ({**_FDL, "phases": ("joint",), "k1": -1.0}, ["--k1=-1.0", "from 0"]),
        (
            {**_FDL, "phases": ("cross_entropy",), "bn_updates": "every_phase"},
            ["--bn_updates=every_phase", "no effect"],
        ),
        (
            {**_FDL, "phases": ("cross_entropy",), "recipe": "0.1.0", "pretraining_epochs": 0},
            ["ing_epochs=0", "effect"],
        ),
        ({**_FDL, "recipe": "imagenet"}, ["--recipe=imagenet", "cifar, mnist, 0.1.0"]),
        ({"recipe": "cifar"}, ["--recipe", "--system=fdl"]),
        ({**_FDL, "members": ("fdlnet8",) * 2, "epochs": 10}, ["--pretraining_epochs=10", "no epoch of 10"]),
        ({**_FDL, "members": ("fdlnet8",), "phases": ("cross_entropy",), "epochs": 9}, ["--pretraining_epochs=10"]),
        ({**_FDL, "phases": ("cross_entropy", "head"), "feature_learning_rate": 1.0}, ["--feature_learning_rate=1.0"]),
        ({**_FDL, "phases": ("cross_entropy", "similarity"), "head_learning_rate": 1.0}, ["--head_learning_rate=1.0"]),
        ({**_FDL, "epochs": 1}, ["--pretraining_epochs=1", "no epoch of 1 "]),
        ({**_FDL, "pretraining_epochs": -1}, ["--pretraining_epochs=-1", "from 0"]),
        ({**_FDL, "feature_learning_rate": 0.0}, ["--feature_learning_rate=0.0", "above 0"]),
        ({"system": "snapshot", "members": ("vgg16", "vgg16")}, ["takes one network"]),
        ({"system": "snapshot", "snapshots": 1}, ["--snapshots=1", "from 2"]),
        ({"system": "snapshot", "epochs": 7, "snapshots": 5}, ["--snapshots=5", "7 epochs", "divisor"]),
        ({"system": "snapshot", "averaging": "votes"}, ["--averaging=votes", "logits, softmax"]),
        ({"system": "snapshot", "cycle_epochs": 4}, ["--cycle_epochs=4", "no effect", "--cycle=cosine"]),
        ({"system": "snapshot", "lowest_learning_rate": 0.01}, ["--lowest_learning_rate=0.01", "--cycle=cosine"]),
        ({**_FGE, "cycle_epochs": 3}, ["--cycle_epochs=3", "even"]),
        ({**_FGE, "cycle_epochs": 0}, ["--cycle_epochs=0", "from 2"]),
        ({**_FGE, "lowest_learning_rate": 0.02}, ["--lowest_learning_rate=0.02", "to 0.01"]),
        ({**_FGE, "epochs": 5, "snapshots": 3}, ["--snapshots=3", "--cycle_epochs=2", "no epoch of 5", "--epochs"]),
        ({"cycle": "triangular"}, ["--cycle belongs to --system=snapshot"]),
        ({**_FDL, "averaging": "softmax"}, ["--averaging belongs to --system=snapshot"]),
        ({**_HEADS, "resnet": "fixed"}, ["--resnet has an effect only on networks such as ST", "--members=resnet32"]),
        (
            {"members": ("mlp8-8", "mlp9-9"), "precision": "mixed_bfloat16"},
            ["--precision=mixed_bfloat16 is for convolutions", "--members=mlp8-8,mlp9-9"],
        ),
        (
            {**_FDL, "decay_scope": "all"},
            ["--decay_scope has an effect only on networks such as ST", "--members=vgg16,vgg16"],
        ),
        ({**_FDL, "members": ("ST", "ST"), "decay_scope": "all"}, ["--decay_scope=all", "no effect", "--system=fdl"]),
        ({"system": "snapshot", "members": ("ST",), "decay_scope": "all"}, ["--decay_scope=all", "--system=snapshot"]),
        ({"members": ("resnet21",)}, ["resnet21", "6n + 2"]),
        ({"members": ("densenet41-12",)}, ["densenet41-12", "3n + 4"]),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line(settings: dict[str, Any], fragments: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {**_HEADS, "beta": 1.0},
        {**_HEADS, "heads": 64, "split_points": ("stage2",)},
        {**_HEADS, "members": ("resnet50",), "graph": "hierarchical", "split_points": ("conv2_x", "conv4_x")},
        {**_HEADS, "members": ("convnet8",), "graph": "instances"},
        {**_FDL, "members": ("ST",) * 4},
        {**_FDL, "phases": ("joint", "head"), "k": 0.0},
        {"members": ("resnet20", "vgg16", "ST"), "method": "CE"},
        {"label_noise": 1.0},
    ],
)
def test_the_limits_themselves_are_allowed(settings: dict[str, Any]) -> None:
    config = RunConfig(**settings)
    assert all(getattr(config, name) == value for name, value in settings.items())


def test_a_student_with_convolutions_has_the_teacher_without() -> None:
    settings = {"system": "teaching", "dataset": "mnist", "members": ("strided4",), "precision": "mixed_bfloat16"}
    config = RunConfig(**settings)
    assert config.description().startswith("strided4, stack 2")
    teacher = config.needed_runs()["teacher"]
    assert (teacher.members, teacher.precision) == (("mlp1200-1200",), "float32")


def test_a_teacher_is_named_by_its_absolute_path(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "head1.keras").write_bytes(b"")
    config = RunConfig(system="distillation", teacher=("./head1.keras",), beta=0.2)
    assert config.teacher == (str(tmp_path / "head1.keras"),)
    assert config.member_names() == ("student", "teacher")


def test_the_split_points_are_the_published_ones_unless_others_are_named() -> None:
    for member, points in (
        ("resnet32", ("stage1", "stage2")),
        ("densenet40-12", ("block1", "block2")),
        ("resnet50", ("conv3_x", "conv4_x")),
    ):
        for graph, count in (("instances", 0), ("simple", 1), ("hierarchical", 2)):
            config = RunConfig(system="multihead", members=(member,), graph=graph)
            assert config.split_points == points[:count]
            # Spelled out, they are the same run.
            spelled = RunConfig(system="multihead", members=(member,), graph=graph, split_points=points[:count])
            assert spelled.digest() == config.digest()
    other = RunConfig(
        system="multihead", graph="hierarchical", members=("resnet50",), split_points=("conv2_x", "conv3_x")
    )
    assert other.description() == "resnet50, 4 heads hierarchical, split_points conv2_x,conv3_x"


@pytest.mark.parametrize(
    ("settings", "name", "description", "members"),
    [
        (
            {**_HEADS, "dataset": "cifar10", "graph": "hierarchical"},
            "CIFAR10_multihead_resnet32_hierarchical4",
            "resnet32, 4 heads hierarchical",
            ("head1", "head2", "head3", "head4"),
        ),
        (
            {**_HEADS, "graph": "single", "label_smoothing": 0.05, "label_noise": 0.4},
            "digits_multihead_resnet32_single1",
            "resnet32, single, label_smoothing 0.05, label_noise 0.4",
            ("head1",),
        ),
        (
            {**_HEADS, "graph": "instances", "optimization": "alternating"},
            "digits_multihead_resnet32_instances2",
            "resnet32, 2 instances, optimization alternating",
            ("head1", "head2"),
        ),
        (_FDL, "digits_fdl_vgg16_and_vgg16_FDL", "vgg16, 2 x FDL", ("vgg16", "vgg16_2")),
        (
            {**_FDL, "phases": ("cross_entropy",)},
            "digits_fdl_vgg16_and_vgg16_RIE",
            "vgg16, 2 x RIE",
            ("vgg16", "vgg16_2"),
        ),
        (
            {**_FDL, "members": ("convnet8",), "phases": ("cross_entropy",)},
            "digits_fdl_convnet8_single",
            "convnet8, single",
            ("convnet8",),
        ),
        (
            {**_FDL, "phases": ("joint", "head"), "k": 0.5},
            "digits_fdl_vgg16_and_vgg16_joint_head",
            "vgg16, 2 x joint head, k 0.5",
            ("vgg16", "vgg16_2"),
        ),
        (
            {"system": "snapshot", "snapshots": 2},
            "digits_snapshot_vgg16_2",
            "vgg16, 2 snapshots",
            ("snapshot1", "snapshot2"),
        ),
        (
            {**_FGE, "snapshots": 2, "averaging": "logits"},
            "digits_FGE_vgg16_2",
            "vgg16, 2 FGE snapshots, averaging logits",
            ("snapshot1", "snapshot2"),
        ),
    ],
)
def test_names_for_files_and_for_people(
    settings: dict[str, Any], name: str, description: str, members: tuple[str, ...]
) -> None:
    config = RunConfig(**settings)
    assert config.run_name() == name
    assert config.description() == description
    assert config.member_names() == members
    ensemble = {"ensemble": f"{name}_Ensemble"} if len(members) > 1 else {}
    assert naming.statistics_names(config) == {
        **{member: f"{name}_{index:03d}" for index, member in enumerate(members)},
        **ensemble,
    }


@pytest.mark.parametrize(
    ("settings", "digest"),
    [
        (_FDL, "1ffce0a55fecf8a03e5221100ebac03f86f1cb29456c6c44243832f0b1fc1a1b"),
        (
            {**_FDL, "dataset": "cifar100", "members": ("vgg16",) * 3, "bn_updates": "every_phase"},
            "31f19ae35e58a3da2a36bc4b53f09f4269f16b5d7ff1ebab39ae6676e598a5ef",
        ),
        (
            {
                **_FDL,
                "members": ("convnet8",) * 2,
                "phases": ("cross_entropy",),
                "dataset": "mnist",
                "augment": False,
                "learning_rate": 0.01,
            },
            "1d640423d3ee0f2e3b48b76f61a864237aba98420daa2416148625c1fe65b8c4",
        ),
        (
            {
                **_FDL,
                "dataset": "cifar10",
                "members": ("resnet20",) * 4,
                "head_learning_rate": 0.01,
                "feature_learning_rate": 1e-4,
            },
            "a213971bd5b7024439246ac5eca1224f0e52b40c266f335cb021fb924ec31254",
        ),
        (
            {"decay_scope": "report", "resnet": "post2018"},
            "ef4e03c64669ed2d8b6f66cd67138ce04418ff7f41ed47eea9f7ae3741c12254",
        ),
        (
            {"decay_scope": "all", "resnet": "post2018"},
            "35bf2f204f73718875039053b4acbf452c308fceac7854d13fcfb43528493adc",
        ),
    ],
)
def test_runs_of_the_first_release_are_read_as_what_they_were(settings: dict[str, Any], digest: str) -> None:
    """The digests are those that 0.1.0 wrote beside these settings, without the fields that came later."""
    old = RunConfig.from_json(settings)
    assert old.digest() == digest
    written = {name: value for name, value in old.to_json().items() if name != "recipe"}
    assert RunConfig.from_json(written) == old
    if settings.get("system") == "fdl":
        assert old.recipe == "0.1.0"
        assert RunConfig(**settings).digest() != digest
    else:
        assert RunConfig(resnet="post2018").decay_scope == "all"
