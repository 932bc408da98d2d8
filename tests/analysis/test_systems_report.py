"""The page, the commands and the claims of log directories that hold runs of several systems."""

import pathlib
import re
import shlex

from synthetic_runs import invented, write_run
from system_runs import constant, heads, networks, read, snapshots, write

import command_runner
from analysis import commands, figures, report
from collab_ensembles.methods.fdl.grids import fdl_mnist
from collab_ensembles.methods.multihead import grids as heads_grids
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import plan


def _heads_grid(tmp_path: pathlib.Path, seeds: int = 1) -> None:
    for seed in range(seeds):
        for config in heads_grids.song_chai_table1({"dataset": "cifar10", "epochs": 3, "seed": seed}):
            write(tmp_path, config, constant(*[6] * (config.heads + (config.heads > 1))), seconds=90)


def test_a_page_of_heads_alone_has_their_tables_and_claims(tmp_path: pathlib.Path) -> None:
    _heads_grid(tmp_path)
    page = report.report(str(tmp_path))
    assert "CIFAR10: system=multihead, epochs=3" in page
    assert "6 arrangements, 1 seed (0), 3 epochs." in page
    assert "table 1 of Song and Chai (2018)" in page
    assert "<td>4 heads hierarchical</td>" in page
    assert re.search(
        r'<td>2 instances</td>\s*<td class="number best">6.00</td><td class="number">6.19 ± 0.17</td>', page
    )
    assert "time and memory of training" in page
    # All errors are equal; the paper's are not.
    assert re.search(r"<td>table 1 \(2\) .*?</td>\s*<td[^>]*>not seen in one seed</td>\s*<td[^>]*>seen in one", page)
    assert "<h3>Figures</h3>" not in page
    assert re.search(r"<td>resnet32, 4 instances</td><td>1</td><td>1.50</td>", page)


def test_a_page_of_feature_differences_has_their_figures(tmp_path: pathlib.Path) -> None:
    # Of 4 and of 8 filters.
    for config in fdl_mnist({"dataset": "mnist", "epochs": 15, "seed": 0})[:6]:
        pair = len(config.members) > 1
        losses = {"similarity_loss": [1.0] * 15, "feature_difference": [1.0] * 15} if pair else {}
        write(tmp_path, config, constant(*[6] * (3 if pair else 1), epochs=15), **losses)
    page = report.report(str(tmp_path))
    assert "6 arrangements" in page
    assert page.count("<img") == 1 + 2


def test_a_page_of_several_systems_shows_each(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path, RunConfig(dataset="cifar10", epochs=4), invented(0, 4))
    write(tmp_path, heads("simple"), constant(5, 6, 4))
    write(tmp_path, networks(2), constant(5, 6, 4))
    write(tmp_path, snapshots(), constant(5, 6, 7, 4))
    write(tmp_path, heads("instances"), constant(5, 6, 4), state="failed")
    page = report.report(str(tmp_path))
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert sorted(headings) == sorted(
        [
            "Faults",
            "CIFAR10: epochs=4",
            "CIFAR10: system=multihead, epochs=3",
            "CIFAR10: system=fdl or snapshot, epochs=3",
            "Environment",
        ]
    )
    assert "CIFAR10 resnet32, 2 instances, seed 0: failed" in page
    # Noel's of the ensembles, Song and Chai's of heads, and the poster's of networks that learn to differ.
    assert page.count("<h3>Claims</h3>") == 3
    for name in ("plain", "resnet32, 2 heads simple", "vgg16, 2 x FDL", "vgg16, 3 snapshots"):
        assert f"<td>{name}</td>" in page
    assert "as in Das and Dutta Roy (2022): accuracy in %" in page


def _lines(tmp_path: pathlib.Path, dataset: str = "cifar10") -> list[list[str]]:
    text = commands.training_commands(read(tmp_path, dataset), "logs")
    return [shlex.split(line)[2:] for line in text.splitlines()]


def test_a_grid_is_one_command_for_all_its_seeds(tmp_path: pathlib.Path) -> None:
    _heads_grid(tmp_path, seeds=2)
    flags = ["--grid=song-chai-table1", "--dataset=cifar10", "--epochs=3", "--seeds=0,1", "--log_dir=logs"]
    assert _lines(tmp_path) == [["experiments.sweep", *flags]]


def test_grids_of_several_networks_and_levels_of_noise_and_what_is_in_none(tmp_path: pathlib.Path) -> None:
    settings = {"dataset": "cifar10", "epochs": 3, "seed": 0}
    configs = heads_grids.song_chai_table1(settings)
    configs += heads_grids.song_chai_table3({**settings, "members": ("resnet20",)})
    configs += heads_grids.song_chai_figure3({**settings, "label_noise": 0.4})
    configs.append(heads("simple", temperature=4.0))
    for config in configs:
        write(tmp_path, config, constant(*[6] * (config.heads + (config.heads > 1))))
    common = ["--dataset=cifar10", "--epochs=3"]
    log_dir = "--log_dir=logs"
    *sweeps, train = _lines(tmp_path)
    assert sorted(sorted(line) for line in sweeps) == sorted(
        sorted(["experiments.sweep", *line, "--seeds=0", log_dir])
        for line in (
            ["--grid=song-chai-table3", "--members=resnet20", *common],
            ["--grid=song-chai-table1", *common],
            ["--grid=song-chai-figure3", "--label_noise=0.4", *common],
        )
    )
    assert train[0] == "experiments.train"
    assert {"--system=multihead", "--temperature=4.0", "--epochs=3", log_dir} < set(train)


def test_grids_that_share_a_run_are_a_command_each(tmp_path: pathlib.Path) -> None:
    settings = {"dataset": "cifar10", "epochs": 3, "seed": 0}
    configs = [*heads_grids.song_chai_temperature(settings), *heads_grids.song_chai_beta(settings)]
    assert len(set(configs)) == len(configs) - 1
    for config in set(configs):
        write(tmp_path, config, constant(6, 6, 6))
    assert sorted(line[1] for line in _lines(tmp_path)) == ["--grid=song-chai-beta", "--grid=song-chai-temperature"]


def test_a_grid_that_lays_down_its_members_is_one_command_too(tmp_path: pathlib.Path) -> None:
    for config in fdl_mnist({"dataset": "mnist", "epochs": 15, "seed": 0}):
        write(tmp_path, config, constant(*[6] * (3 if len(config.members) > 1 else 1), epochs=15))
    ((command, grid, *_),) = _lines(tmp_path, "mnist")
    assert (command, grid) == ("experiments.sweep", "--grid=fdl-mnist")


def test_the_posters_table_is_trained_by_one_command(tmp_path: pathlib.Path) -> None:
    """It has runs of two systems."""
    for config in plan("das-table", {"dataset": "cifar10", "members": ["resnet8"], "epochs": 20}, [0, 1]):
        outputs = len(config.member_names())
        write(tmp_path, config, constant(*[6] * (outputs + (outputs > 1)), epochs=20))
    flags = ["--grid=das-table", "--dataset=cifar10", "--members=resnet8", "--epochs=20", "--seeds=0,1"]
    assert _lines(tmp_path) == [["experiments.sweep", *flags, "--log_dir=logs"]]


def test_the_commands_give_the_same_runs_again(tmp_path: pathlib.Path) -> None:
    """A sweep's commands, as it would run them, against the settings that were written."""
    _heads_grid(tmp_path, seeds=2)
    ((_, *flags),) = _lines(tmp_path)
    options = dict(flag.removeprefix("--").split("=") for flag in flags)
    settings = {"dataset": options["dataset"], "epochs": int(options["epochs"])}
    seeds = [int(seed) for seed in options["seeds"].split(",")]
    assert set(plan(options["grid"], settings, seeds)) == {run.config for run in read(tmp_path)}


def test_an_incomplete_grid_is_trained_run_by_run(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("single"), constant(6))
    write(tmp_path, heads("hierarchical"), constant(6, 6, 6, 6, 5))
    assert [line[0] for line in _lines(tmp_path)] == ["experiments.train"] * 2


def test_claims_are_those_of_the_system_of_the_runs(tmp_path: pathlib.Path) -> None:
    for graph, error in (("single", 6), ("simple", 5)):
        write(tmp_path, heads(graph), constant(error, *[7] * (2 * (graph != "single"))))
    result = command_runner.run("analysis.claims", f"--log_dir={tmp_path}")
    assert (result.exit_status, result.errors) == (0, "")
    assert "SEEN IN ONE SEED: table 1 (1)" in result.output
    assert "6.1" not in result.output


def test_the_papers_axes_are_no_matter_to_other_systems(tmp_path: pathlib.Path) -> None:
    for level in (0.0, 0.4):
        write(tmp_path, heads("single", label_noise=level), constant(6))
    names = [drawing.name for drawing in figures.drawings(read(tmp_path), paper_axes=True)]
    kinds = ["label_noise", "temperature", "beta", "split_point", "weights"]
    assert names == [f"{kind}_resnet32_cifar10_epochs=3" for kind in kinds]
