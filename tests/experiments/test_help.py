"""--help: every flag, with an example."""

import pytest

from collab_ensembles.settings import registry
from command_runner import run

_FIELDS = [field.name for field in registry.method("ensemble").config.in_order()]


@pytest.mark.parametrize(
    ("module", "flags"),
    [
        ("experiments.train", [*_FIELDS, "log_dir", "data_dir", "stop_after", "checkpoint_every", "threads", "debug"]),
        (
            "experiments.sweep",
            ["grid", "seeds", "checkpoint_every", "workers", "threads", "dry_run", "log_dir", "data_dir", "members"],
        ),
        (
            "experiments.evaluate",
            ["dataset", "split", "data_dir", "top", "uncertainty", "unknown", "mistakes", "threads"],
        ),
        ("experiments.predict", ["out", "skip_unreadable", "threads"]),
        ("experiments.export", ["member", "out"]),
        ("experiments.verify", ["data_dir", "debug"]),
        ("experiments.measure_inference", ["log_dir", "dataset"]),
        ("experiments.feature_maps", ["image", "layer", "out", "data_dir"]),
        ("analysis.claims", ["log_dir", "dataset", "paper"]),
        ("benchmarks.precision", ["log_dir", "data_dir", "out"]),
        ("benchmarks.fdl_phases", ["data_dir"]),
        ("benchmarks.fdl_torch", ["filters", "train_limit", "joint_epochs", "seed", "data_dir"]),
        ("benchmarks.ray_overhead", ["runs", "dataset"]),
        ("benchmarks.teaching_epoch", ["repeats", "threads"]),
        ("benchmarks.language_epoch", ["repeats", "threads"]),
        ("benchmarks.nodes_epoch", ["nodes", "network", "repeats", "threads"]),
        ("analysis.methods.language.views", ["dataset", "seed", "data_dir", "out"]),
        ("experiments.prepare", ["dataset", "split", "data_dir"]),
        ("analysis.tables", ["log_dir", "dataset", "format"]),
    ],
)
def test_help_shows_an_example_and_every_flag_without_tensorflow(
    module: str, flags: list[str], no_tensorflow: dict[str, str]
) -> None:
    result = run(module, "--help", preloaded="little", **no_tensorflow)
    assert (result.exit_status, result.errors) == (0, "")
    assert "Example:\n" in result.output
    assert f"  python -m {module} " in result.output
    for name in flags:
        assert result.output.count(f"\n  --{name}: ") == 1, name


@pytest.mark.parametrize("system", ["ensemble", "teaching"])
def test_the_whole_help_gives_the_text_and_default_of_every_setting_of_every_system(system: str) -> None:
    result = run("experiments.train", f"--system={system}", "--epochs=0", "--helpfull")
    assert result.exit_status == 0
    for field in (field for name in registry.names() for field in registry.method(name).config.in_order()):
        assert f"\n  --{field.name}: " in result.output
        assert field.name == "system" or field.metadata["help"] in result.output
    assert "share of the labels in a head's loss; the soft labels have the rest (default: 0.5)" in result.output


@pytest.mark.parametrize(
    "command", [("experiments.train", "--system=multihead"), ("experiments.sweep", "--grid=song-chai-beta")]
)
def test_help_shows_the_settings_of_the_system_and_of_no_other(command: tuple[str, str]) -> None:
    result = run(*command, "--help")
    # What the system refuses, and what the grid sets.
    refused = ("class_weight", "pad", "test_every")
    hidden = {*refused, *(("system", "seed", "beta") if "--grid" in command[1] else ())}
    for field in registry.method("multihead").config.in_order():
        assert result.output.count(f"\n  --{field.name}: ") == (field.name not in hidden), field.name
    for name in ("method", "phases", "snapshots", "teacher"):
        assert f"--{name}:" not in result.output
    assert "--test_every=2: --system=multihead cannot" in run(*command, "--test_every=2", "--dry_run").errors


def test_help_shows_the_defaults_for_members_however_they_are_written() -> None:
    for members in ("ST,M", '"ST",M'):
        result = run("experiments.train", "--dataset=notmnist", f"--members={members}", "--help")
        assert "--epochs: number of epochs (default: 15)" in " ".join(result.output.split())


def test_a_sweep_offers_no_flag_for_what_its_grid_varies() -> None:
    result = run("experiments.sweep", "--help")
    for name in ("method", "weight", "seed"):
        assert f"--{name}:" not in result.output
