"""The grids of the papers."""

import dataclasses
import pathlib
from typing import Any

import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble.grids import noel
from collab_ensembles.settings import grid, registry
from collab_ensembles.settings.config import RunConfig


def test_the_paper_has_thirteen_ensembles() -> None:
    """Section 5.2: three methods with four weights each, and the plain ensemble."""
    configs = noel({"dataset": "mnist"})
    assert [(config.method, config.weight) for config in configs] == [
        ("plain", 1.0),
        *((method, weight) for method in ("CE", "L1", "L2") for weight in (1.0, 0.1, 0.01, 0.0001)),
    ]
    assert len({config.digest() for config in configs}) == len(configs) == 13


def test_a_grid_keeps_all_other_settings() -> None:
    settings: dict[str, Any] = {"dataset": "mnist", "members": ("ST", "ST", "M"), "resnet": "fixed", "augment": True}
    base = RunConfig(**settings, seed=3)
    for config in grid.plan("noel", settings, [3]):
        same = {**config.to_json(), "method": "plain", "weight": 1.0}
        assert same == base.to_json()


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("noel", {"target_gradient": True}, "this grid trains others; leave it out"),
        ("fdl-mnist", {"k": 5}, "--k=5 has no effect in --grid=fdl-mnist; leave it out"),
        ("song-chai-table3", {"optimization": "alternating"}, "has no effect in --grid=song-chai-table3; leave it out"),
    ],
)
def test_what_would_change_no_run_or_not_all_is_refused(name: str, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        grid.plan(name, settings, [0])


def test_a_grid_is_repeated_for_each_seed_one_after_the_other() -> None:
    configs = grid.plan("noel", {}, [5, 0])
    assert [config.seed for config in configs] == [5] * 13 + [0] * 13
    assert len({config.digest() for config in configs}) == 26
    assert [config.method for config in configs[:13]] == [config.method for config in configs[13:]]


@pytest.mark.parametrize("name", registry.grids())
def test_every_named_grid_has_distinct_configurations(name: str) -> None:
    configs = grid.plan(name, {"train_limit": 100} if name == "question-7" else {}, [0, 1])
    assert configs
    assert len(set(configs)) == len(configs)
    # In tables rows are told apart by their names, and seeds share a row. What all seeds share is planned once.
    shared = {needed for config in configs for needed in config.needed_runs().values()}
    rows = {name.rpartition(", seed ")[0] for name in grid.names(configs)}
    assert len(rows) == (len(configs) + len(shared)) / 2


def test_table_1_has_its_six_rows() -> None:
    """Song and Chai (2018): single, label smoothing 0.05, 2 and 4 instances, 2 heads simple, 4 heads hierarchical."""
    rows = [
        (config.graph, config.heads, config.label_smoothing, config.members)
        for config in grid.plan("song-chai-table1", {"members": ["densenet40-12"]}, [0])
    ]
    assert rows == [
        ("single", 1, 0.0, ("densenet40-12",)),
        ("single", 1, 0.05, ("densenet40-12",)),
        ("instances", 2, 0.0, ("densenet40-12",)),
        ("instances", 4, 0.0, ("densenet40-12",)),
        ("simple", 2, 0.0, ("densenet40-12",)),
        ("hierarchical", 4, 0.0, ("densenet40-12",)),
    ]


def test_table_2_has_one_network_and_two_instances_in_three_ways() -> None:
    """Song and Chai (2018): Zhang et al.'s steps in turn with T = 1, and steps at once with T = 1 and T = 2."""
    configs = grid.plan("song-chai-table2", {"dataset": "cifar100"}, [0])
    assert {(config.members, config.dataset, config.beta) for config in configs} == {(("resnet32",), "cifar100", 0.5)}
    assert [(config.graph, config.heads) for config in configs] == [("single", 1)] + [("instances", 2)] * 3
    assert [(config.optimization, config.temperature) for config in configs[1:]] == [
        ("alternating", 1.0),
        ("simultaneous", 1.0),
        ("simultaneous", 2.0),
    ]


@pytest.mark.parametrize(("name", "usual"), [("temperature", 2.0), ("beta", 0.5)])
def test_sweeps_vary_one_setting_alone_on_both_sides_of_the_papers_value(name: str, usual: float) -> None:
    settings: dict[str, Any] = {"dataset": "cifar10", "graph": "hierarchical", "rescaling": "loss", "epochs": 4}
    configs = grid.plan(f"song-chai-{name}", settings, [3])
    usual_run = RunConfig(**settings, system="multihead", seed=3)
    values = [getattr(config, name) for config in configs]
    assert min(values) < usual < max(values)
    assert [dataclasses.replace(usual_run, **{name: value}) for value in values] == configs
    assert {config.graph for config in grid.plan(f"song-chai-{name}", {}, [0])} == {"simple"}


def test_every_split_point_is_tried_and_sharing_nothing() -> None:
    configs = grid.plan("song-chai-split-points", {"members": ["resnet50"], "heads": 3, "beta": 0.7}, [0])
    assert {(config.heads, config.beta, config.members) for config in configs} == {(3, 0.7, ("resnet50",))}
    assert [(config.graph, config.split_points) for config in configs] == [
        ("instances", ()),
        ("simple", ("conv2_x",)),
        ("simple", ("conv3_x",)),
        ("simple", ("conv4_x",)),
    ]
    usual = grid.plan("song-chai-split-points", {}, [0])
    assert [config.split_points for config in usual] == [(), ("stage1",), ("stage2",)]
    with pytest.raises(ConfigError, match="convnet8: this network has 0 split points"):
        grid.plan("song-chai-split-points", {"members": ["convnet8"]}, [0])


def test_table_3_has_four_heads_on_one_trunk_and_three_rescalings() -> None:
    configs = grid.plan("song-chai-table3", {}, [0])
    assert {(config.graph, config.heads, config.members) for config in configs} == {("simple", 4, ("resnet32",))}
    assert [config.rescaling for config in configs] == ["none", "loss", "backprop"]


def test_figure_3_takes_its_noise_level_from_the_settings() -> None:
    configs = grid.plan("song-chai-figure3", {"label_noise": 0.4}, [0])
    assert [(config.graph, config.heads, config.label_noise) for config in configs] == [
        ("single", 1, 0.4),
        ("instances", 2, 0.4),
        ("simple", 2, 0.4),
        ("hierarchical", 4, 0.4),
    ]


def test_the_mnist_experiment_compares_m_filters_with_twice_half_of_them() -> None:
    configs = grid.plan("fdl-mnist", {"dataset": "mnist"}, [0])
    assert [(config.members, config.phases[1:]) for config in configs[:3]] == [
        (("fdlnet2",), ()),
        (("fdlnet1", "fdlnet1"), ()),
        (("fdlnet1", "fdlnet1"), ("similarity", "feature_difference", "head")),
    ]
    assert [config.members[0] for config in configs[::3]] == [f"fdlnet{m}" for m in (2, 4, 8, 16, 32, 64, 128, 256)]
    assert {(config.recipe, config.epochs, config.pretraining_epochs) for config in configs} == {("mnist", 20, 10)}
    longer = grid.plan("fdl-mnist", {"epochs": 1009}, [0])
    assert {config.epochs for config in longer} == {1009}


def test_the_posters_table_has_two_systems_and_one_network() -> None:
    """Das and Dutta Roy (2022): 1x, RIE, SSE, FGE and FDL, for as many epochs each."""
    configs = grid.plan("das-table", {"dataset": "digits", "members": ["resnet8"], "epochs": 40}, [2])
    assert [(config.system, config.members, config.epochs, config.seed) for config in configs] == [
        (system, ("resnet8",) * count, 40, 2)
        for system, count in (("fdl", 1), ("fdl", 2), ("snapshot", 1), ("snapshot", 1), ("fdl", 2))
    ]
    assert [config.phases for config in configs if config.system == "fdl"] == [
        ("cross_entropy",),
        ("cross_entropy",),
        ("cross_entropy", "similarity", "feature_difference", "head"),
    ]
    assert [config.cycle for config in configs if config.system == "snapshot"] == ["cosine", "triangular"]
    assert {config.members[0] for config in grid.plan("das-table", {}, [0])} == {"vgg16"}
    for settings, reason in (
        ({"members": ["resnet8", "resnet8"]}, "--members=resnet8,resnet8: --grid=das-table takes one network"),
        ({"members": []}, "--members=: --grid=das-table takes one network"),
        ({"members": ["fdlnet8"], "dataset": "mnist"}, "--members=fdlnet8: .* use --grid=fdl-mnist"),
        ({"recipe": "0.1.0"}, "--recipe: the rows of --grid=das-table have values of their own"),
        # That of VGG-16 depends on the method.
        ({"learning_rate": 0.1}, "--learning_rate: the rows of --grid=das-table have values of their own"),
    ):
        with pytest.raises(ConfigError, match=reason):
            grid.plan("das-table", settings, [0])


def test_rows_that_a_setting_does_not_concern_are_trained_without_it() -> None:
    settings = {"temperature": 3.0, "split_points": ["stage2"], "target_gradient": True, "epochs": 4}
    figure = {config.graph: config for config in grid.plan("song-chai-figure3", {"temperature": 3.0}, [0])}
    assert {graph: config.temperature for graph, config in figure.items()} == {
        "single": 2.0,
        "instances": 3.0,
        "simple": 3.0,
        "hierarchical": 3.0,
    }
    rescalings = grid.plan("song-chai-table3", settings, [0])
    assert all(config.split_points == ("stage2",) and config.target_gradient for config in rescalings)
    phases = grid.plan("fdl-mnist", {"head_learning_rate": 0.5, "feature_learning_rate": 0.1}, [0])[:3]
    assert [config.head_learning_rate for config in phases] == [1e-3, 1e-3, 0.5]
    assert [config.feature_learning_rate for config in phases] == [2e-4, 2e-4, 0.1]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("fdl-mnist", {"members": ["vgg16", "vgg16"]}),
        # Some of its rows have these networks.
        ("question-4", {"members": ["ST", "ST", "ST"]}),
        ("question-4", {"members": ["ST"]}),
        ("song-chai-table1", {"heads": 3}),
        ("song-chai-table2", {"temperature": 2.0}),
        ("song-chai-table3", {"rescaling": "loss"}),
        ("song-chai-temperature", {"temperature": 2.0}),
        ("song-chai-beta", {"beta": 0.5}),
        ("song-chai-split-points", {"graph": "simple"}),
    ],
)
def test_what_a_grid_sets_itself_cannot_be_set(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"--grid={name} sets this itself; leave it out"):
        grid.plan(name, settings, [0])


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"learning_rate": "0.0005"}, "learning_rate", 0.0005),
        ({"learning_rate": "M:0.001,ST:0.0005"}, "learning_rate", "ST:0.0005,M:0.001"),
        ({"continue_from": "other"}, "continue_from", str(pathlib.Path("other").absolute())),
    ],
)
def test_a_setting_may_be_written_in_another_way_than_runs_have_it(
    settings: dict[str, Any], field: str, value: object
) -> None:
    """As flags give it: numbers as text, rates in any order, relative paths."""
    assert {getattr(config, field) for config in grid.plan("noel", settings, [0])} == {value}


def test_a_folder_of_images_in_one_number_of_pixels_is_planned(tmp_path: pathlib.Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
    configs = grid.plan("noel", {"dataset": str(tmp_path), "image_size": "32"}, [0])
    assert {config.image_size for config in configs} == {"32x32"}
