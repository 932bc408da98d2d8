"""Paths as a person writes them: ~ stands for the home directory, also where no shell expands it."""

import pathlib

import pytest
from absl import flags

from collab_ensembles.data import catalogue
from collab_ensembles.settings.config import RunConfig
from experiments import command_line, path_flags


@pytest.fixture(autouse=True)
def _home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_flags_and_arguments_are_expanded(tmp_path: pathlib.Path) -> None:
    values = flags.FlagValues()
    path_flags.define("log_dir", "runs", "", flag_values=values)
    path_flags.define("data_dir", None, "", flag_values=values)
    values(["command", "--log_dir=~/a/~b"])
    assert (values.log_dir, values.data_dir) == (f"{tmp_path}/a/~b", None)
    assert command_line.one_argument(["~/run"], "a run") == f"{tmp_path}/run"
    assert command_line.some_arguments(["~/run", "other"], "runs") == [f"{tmp_path}/run", "other"]


def test_an_empty_path_as_of_a_variable_that_is_not_set_is_refused() -> None:
    values = flags.FlagValues()
    path_flags.define("log_dir", "runs", "", flag_values=values)
    with pytest.raises(flags.IllegalFlagValueError, match="log_dir=: received an empty path; give one"):
        values(["command", "--log_dir="])


def test_settings_are_expanded_and_equal_to_those_with_the_whole_path(tmp_path: pathlib.Path) -> None:
    config = RunConfig(dataset="~/own.npz")
    assert config == RunConfig(dataset=str(tmp_path / "own.npz"))
    assert catalogue.is_same("~/own.npz", config.dataset)
    distilled = {"system": "distillation", "members": ("densenet7-2",)}
    assert RunConfig(**distilled, teacher=("~/t.keras",)).teacher == (f"{tmp_path}/t.keras",)  # type: ignore[arg-type]
