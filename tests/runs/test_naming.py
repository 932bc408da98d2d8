"""File names, as the author's result files have them."""

import os
import pathlib

import pytest

from collab_ensembles import files
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble import grids
from collab_ensembles.runs import naming
from collab_ensembles.settings.config import RunConfig

_STEM = "MNIST_collab_shallow_and_thin_and_medium"

# Weight 0.1^k is written as k.
_THIRTEEN = [f"{_STEM}_ensemble"] + [
    f"{_STEM}_{method}_0.1x{power}" for method in ("CE", "L1", "L2") for power in (0, 1, 2, 4)
]


def test_the_13_ensembles_have_the_names_of_the_reference() -> None:
    configs = grids.noel({"dataset": "mnist"})
    assert [config.run_name() for config in configs] == _THIRTEEN


def test_of_a_long_list_of_members_names_have_the_number() -> None:
    """Names of files have 255 bytes at most, and graphs and temporary files are named after the run."""
    few, many = (RunConfig(members=("ST",) * count, method="CE", weight=0.5) for count in (8, 60))
    assert few.run_name() == "digits_collab_" + "_and_".join(["shallow_and_thin"] * 8) + "_CE_0.5"
    for count in range(2, 40):
        config = RunConfig(dataset="notmnist/small", members=("B1R1F2",) * count, method="CE", weight=0.1**7 * 3)
        temporary = "12345678.tmp"
        assert all(len(f"{stem}_error.png{temporary}") <= 255 for stem in naming.statistics_names(config).values())
    assert many.run_name() == "digits_collab_60_members_CE_0.5"
    assert naming.run_directory("runs", many).endswith(f"digits_collab_60_members_CE_0.5-seed0-{many.digest()[:8]}")


def test_a_data_set_whose_name_leaves_no_room_is_refused(tmp_path: pathlib.Path) -> None:
    """The longest name that is allowed can be made, with its graphs and temporary files."""
    rest = len("_collab_shallow_and_thin_and_medium_ensemble_Ensemble_error.png12345678.tmp")
    for length in (255 - rest, 256 - rest):
        (tmp_path / f"{'x' * length}.npz").touch()
        config = RunConfig(dataset=str(tmp_path / f"{'x' * length}.npz"))
        if length + rest > 255:
            with pytest.raises(ConfigError, match=r"--dataset=.*too long"):
                naming.run_directory(str(tmp_path), config)
        else:
            directory = naming.run_directory(str(tmp_path), config)
            files.make_directory(directory)
            for stem in naming.statistics_names(config).values():
                files.write_bytes(f"{directory}/{stem}_error.png", b"")


def test_the_statistics_of_st_m_and_the_ensemble_end_on_000_001_and_ensemble() -> None:
    for config, stem in zip(grids.noel({"dataset": "mnist"}), _THIRTEEN, strict=True):
        assert naming.statistics_names(config) == {
            "ST": f"{stem}_000",
            "M": f"{stem}_001",
            "ensemble": f"{stem}_Ensemble",
        }


@pytest.mark.parametrize(("dataset", "label"), [("mnist", "MNIST"), ("notmnist", "notMNIST"), ("cifar10", "CIFAR10")])
def test_data_sets_are_spelled_as_in_the_reference(dataset: str, label: str) -> None:
    config = RunConfig(dataset=dataset, method="L2", weight=0.01)
    assert config.run_name() == f"{label}_collab_shallow_and_thin_and_medium_L2_0.1x2"
    assert naming.run_directory("runs", config).split(os.sep)[:2] == ["runs", label]


@pytest.mark.parametrize("weight", [0.01, 0.1 * 0.1, 0.1**2])
def test_the_rounding_of_a_power_does_not_change_the_name(weight: float) -> None:
    config = RunConfig(dataset="mnist", method="L2", weight=weight)
    assert config.run_name() == f"{_STEM}_L2_0.1x2"


@pytest.mark.parametrize(
    ("members", "weight", "name"),
    [
        (("ST", "M"), 0.5, "digits_collab_shallow_and_thin_and_medium_L2_0.5"),
        (("ST", "M"), 0.001, "digits_collab_shallow_and_thin_and_medium_L2_0.001"),
        (("M", "ST"), 0.1, "digits_collab_medium_and_shallow_and_thin_L2_0.1"),
        (("ST", "ST", "M"), 1.0, "digits_collab_shallow_and_thin_and_shallow_and_thin_and_medium_L2_1.0"),
        (("ST", "B1R1F2"), 1e-4, "digits_collab_shallow_and_thin_and_B1R1F2_L2_0.0001"),
    ],
)
def test_ensembles_that_the_report_does_not_have_write_their_weight_as_a_decimal(
    members: tuple[str, ...], weight: float, name: str
) -> None:
    assert RunConfig(members=members, method="L2", weight=weight).run_name() == name


def test_repeated_members_have_files_of_their_own() -> None:
    names = naming.statistics_names(RunConfig(members=("ST", "ST", "M")))
    stem = "digits_collab_shallow_and_thin_and_shallow_and_thin_and_medium_ensemble"
    assert names == {"ST": f"{stem}_000", "ST_2": f"{stem}_001", "M": f"{stem}_002", "ensemble": f"{stem}_Ensemble"}


def test_a_member_alone_has_no_ensemble() -> None:
    config = RunConfig(members=("M",))
    assert config.run_name() == "digits_single_medium"
    assert naming.statistics_names(config) == {"M": "digits_single_medium_000"}


def test_a_run_directory_shows_seed_and_digest() -> None:
    config = RunConfig(dataset="mnist", method="L2", weight=0.01, seed=3)
    expected = f"logs/MNIST/{_STEM}_L2_0.1x2-seed3-{config.digest()[:8]}"
    assert naming.run_directory("logs", config) == expected


def test_settings_that_the_name_does_not_show_still_have_directories_of_their_own() -> None:
    configs = [RunConfig(), RunConfig(resnet="fixed"), RunConfig(epochs=2), RunConfig(seed=1), RunConfig(augment=True)]
    assert len({naming.run_directory("runs", config) for config in configs}) == len(configs)
    assert len({config.run_name() for config in configs}) == 1
