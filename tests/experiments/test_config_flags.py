"""Flags made from RunConfig, and back."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from absl import flags
from parsed_flags import parse, undefined

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.training_control import TrainingControl
from experiments import config_flags


@pytest.fixture(autouse=True)
def _flags() -> Iterator[None]:
    with undefined():
        yield


def test_without_flags_all_is_at_its_default() -> None:
    assert parse() == RunConfig()


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--dataset=mnist", "dataset", "mnist"),
        ("--split=standard", "split", "standard"),
        ("--train_limit=500", "train_limit", 500),
        ("--members=ST,B2R1F4,M", "members", ("ST", "B2R1F4", "M")),
        ("--resnet=post2018", "resnet", "post2018"),
        ("--method=CE", "method", "CE"),
        ("--regularization_rate=0", "regularization_rate", 0.0),
        ("--decay_scope=all", "decay_scope", "all"),
        ("--epochs=3", "epochs", 3),
        ("--batch_size=10", "batch_size", 10),
        ("--learning_rate=1e-2", "learning_rate", 0.01),
        ("--shuffle=bootstrap", "shuffle", "bootstrap"),
        ("--augment", "augment", True),
        ("--seed=7", "seed", 7),
    ],
)
def test_each_flag_sets_its_field_and_no_other(argument: str, name: str, value: Any) -> None:
    config = parse(argument)
    assert getattr(config, name) == value
    # Defaults that follow from others are found anew.
    derived = {other: None for other in ("epochs", "decay_scope") if other != name}
    assert config == dataclasses.replace(RunConfig(), **{name: value, **derived})


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(dataset="mnist"),
        RunConfig(dataset="notmnist", epochs=30),
        RunConfig(
            dataset="cifar10",
            split="validation",
            train_limit=1000,
            members=("B3R5F16", "ST", "ST"),
            resnet="fixed",
            method="CE",
            weight=0.1**3,
            pairing="all",
            target_gradient=True,
            regularization_rate=1 / 3,
            decay_scope="all",
            epochs=12,
            batch_size=17,
            learning_rate=0.1 + 0.2,
            shuffle="bootstrap",
            augment=True,
            seed=123456789,
        ),
        RunConfig(method="L2", weight=1e-12),
        RunConfig(system="multihead", members=("resnet8",), graph="hierarchical", split_points=("stage1", "stage2")),
        RunConfig(system="multihead", members=("resnet8",), graph="single", label_smoothing=0.05, label_noise=0.4),
        RunConfig(system="fdl", members=("convnet4",) * 3, phases=("cross_entropy", "head"), augment=False),
        RunConfig(system="snapshot", members=("resnet8",), snapshots=10, learning_rate=2.0**-10, batch_size=64),
        RunConfig(method="L1", weight=0.0, regularization_rate=0.0),
    ],
)
def test_arguments_give_back_the_configuration_bit_for_bit(config: RunConfig) -> None:
    restored = parse(*config_flags.arguments(config))
    assert restored == config
    assert restored.digest() == config.digest()


def test_a_comma_in_a_path_does_not_end_a_member(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / 'first, "second"'
    directory.mkdir()
    (directory / "own.py").write_text("def build(image_shape, num_classes): ...")
    config = RunConfig(members=(f"{directory}/own.py:build", "ST"))
    assert parse(*config_flags.arguments(config)).members == config.members


def test_settings_at_their_default_need_no_arguments() -> None:
    assert [argument for argument in config_flags.arguments(RunConfig()) if "epochs" not in argument] == []
    assert "--weight=0.01" in config_flags.arguments(RunConfig(method="L2", weight=0.01))


def test_the_settings_are_checked_against_the_data() -> None:
    with pytest.raises(ConfigError, match="--batch_size=1438"):
        config_flags.check_data([parse("--batch_size=1438")])
    with pytest.raises(ConfigError, match="multiples of 8"):
        config_flags.check_data([parse("--dataset=mnist", "--members=B4R1F2")])


def test_an_own_file_is_named_by_its_absolute_path(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(
        tmp_path / "own.npz",
        **{key: np.zeros((99, 8, 8), np.uint8) for key in ("x_train", "x_test")},
        **{key: np.zeros(99, int) for key in ("y_train", "y_test")},
    )
    monkeypatch.chdir(tmp_path)
    config = parse("--dataset=./own.npz")
    assert config.dataset == str(tmp_path / "own.npz")
    assert config.digest() == RunConfig(dataset=f"{tmp_path}/own.npz").digest()


@pytest.mark.parametrize("system", registry.names())
def test_flags_are_those_of_the_system_with_the_help_text_of_their_fields(system: str) -> None:
    further = config_flags.of_system([f"--system={system}"])
    fields = registry.method(system).config.in_order()
    assert [name for names in further.sections.values() for name in names] == [field.name for field in fields]
    controls = {field.name for field in dataclasses.fields(TrainingControl)}
    assert {*further.hidden} == controls - {*registry.method(system).config.controls}
    for field in fields:
        assert field.metadata["help"]
        assert field.name == "system" or field.metadata["help"] in flags.FLAGS[field.name].help


@pytest.mark.parametrize("flag", ["--beta=0.3", "--nobeta", "--beta"])
def test_a_flag_of_another_system_is_named_with_its_owners(flag: str) -> None:
    further = config_flags.of_system([])
    with pytest.raises(flags.UnrecognizedFlagError) as caught:
        flags.FLAGS(["program", flag])
    assert (
        further.owner(caught.value.flagname)
        == "--beta belongs to --system=distillation or multihead; received --system=ensemble"
    )


@pytest.mark.parametrize("system", ["teaching", "distillation"])
def test_an_empty_flag_for_files_is_refused_and_does_not_mean_the_default(system: str) -> None:
    with pytest.raises(ConfigError, match=r"^--teacher is empty; name a Keras file"):
        parse(f"--system={system}", "--teacher=")
