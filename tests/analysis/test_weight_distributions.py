"""Figure 4 of Song and Chai (2018): weights as they lie in checkpoints."""

import hashlib
import io
import logging
import pathlib
import re
import zipfile
from collections.abc import Mapping

import keras
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from system_runs import constant, distilled, heads, read, write
from table_runs import cells_of

import command_runner
from analysis import figures, report, weight_distributions
from analysis.methods.multihead import song_chai_weights
from collab_ensembles.errors import DataError
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.runs import checkpoint, checkpoint_file, naming
from collab_ensembles.runs.logger import Record
from collab_ensembles.settings.config import RunConfig

_SINGLE, _TREE = heads("single", members=("resnet8",)), heads("hierarchical", members=("resnet8",))


def _kernels(seed: int, prefix: str = "") -> dict[str, np.ndarray]:
    """A convolution and a dense layer of head 1, and what else a checkpoint holds."""
    random = np.random.default_rng(seed)
    return {
        f"head1/{prefix}first_convolution/kernel": random.normal(0, 0.1 + seed, (3, 3, 1, 16)).astype(np.float32),
        f"head1/{prefix}first_normalization/gamma": np.full(16, 7.0, np.float32),
        f"head1/{prefix}logits/kernel": random.normal(0.5, 0.2 + seed, (64, 10)).astype(np.float32),
        f"head1/{prefix}logits/bias": np.full(10, 7.0, np.float32),
        "head2/head2_logits/kernel": np.full((64, 10), 7.0, np.float32),
        "optimizer/2": np.full((3, 3, 1, 16), 7.0, np.float32),
        "statistics/head1/test_errors": np.full(3, 7.0),
    }


def _save(directory: pathlib.Path, epoch: int, values: Mapping[str, np.ndarray]) -> pathlib.Path:
    """A checkpoint: an archive whose comment is the SHA-256 of all bytes before."""
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"?" * 64
    body = buffer.getvalue()[:-64]
    path = directory / "checkpoint" / f"epoch-{epoch:05d}.npz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body + hashlib.sha256(body).hexdigest().encode())
    return path


def _pair(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """The directories of a single network and of hierarchical heads."""
    single = write(tmp_path, _SINGLE, constant(7))
    tree = write(tmp_path, _TREE, constant(6, 6, 6, 6, 5))
    _save(single, 3, _kernels(0))
    _save(tree, 3, _kernels(1, "head1_"))
    return [single, tree]


def _panels(number: int) -> list[Axes]:
    figure = Figure(layout="constrained")
    return [figure.add_subplot(1, number, place + 1) for place in range(number)]


def test_the_kernels_of_head_1_are_read_under_the_names_of_the_network_alone(tmp_path: pathlib.Path) -> None:
    single, tree = _pair(tmp_path)
    for directory, seed in ((single, 0), (tree, 1)):
        kernels = weight_distributions.read_kernels(str(directory))
        assert list(kernels) == ["first_convolution", "logits"]
        for layer, kernel in kernels.items():
            np.testing.assert_array_equal(kernel, _kernels(seed)[f"head1/{layer}/kernel"])


def test_the_newest_checkpoint_counts_and_a_damaged_one_is_passed_over(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = write(tmp_path, _SINGLE, constant(7))
    _save(directory, 2, _kernels(2))
    newest = _save(directory, 10, _kernels(3))
    first = weight_distributions.read_kernels(str(directory))["logits"]
    np.testing.assert_array_equal(first, _kernels(3)["head1/logits/kernel"])
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with caplog.at_level(logging.WARNING, logger="absl"):
        second = weight_distributions.read_kernels(str(directory))["logits"]
    np.testing.assert_array_equal(second, _kernels(2)["head1/logits/kernel"])
    assert "epoch-00010.npz: truncated or changed" in caplog.text
    (directory / "checkpoint" / "epoch-00002.npz").write_bytes(b"")
    with pytest.raises(DataError, match="no checkpoint to read weights from"):
        weight_distributions.read_kernels(str(directory))


def test_a_run_without_checkpoints_is_an_error(tmp_path: pathlib.Path) -> None:
    directory = write(tmp_path, _SINGLE, constant(7))
    with pytest.raises(DataError, match=re.escape(f"{directory}: no checkpoint to read weights from")):
        weight_distributions.read_kernels(str(directory))


def test_nothing_pickled_is_read(tmp_path: pathlib.Path) -> None:
    directory = write(tmp_path, _SINGLE, constant(7))
    _save(directory, 3, {"head1/logits/kernel": np.array([{}], dtype=object)})
    with pytest.raises(DataError, match="no checkpoint to read weights from"):
        weight_distributions.read_kernels(str(directory))


@pytest.mark.parametrize("config", [_SINGLE, _TREE, RunConfig(members=("B2R1F2", "B2R1F4"))])
def test_checkpoints_of_real_models_are_read(tmp_path: pathlib.Path, config: RunConfig) -> None:
    """The place of checkpoints, their seal and their names are as the library writes them."""
    outputs = len(naming.statistics_names(config))
    directory = write(tmp_path, config, constant(*[5] * outputs))
    model = build_model(config, (8, 8, 1), 10)
    checkpoint.save(str(directory / checkpoint_file.DIRECTORY), model, Record(3, 1.0, {}), config.digest())
    kernels = weight_distributions.read_kernels(str(directory))
    network = model.inference_network(config.member_names()[0])
    expected = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    assert sorted(kernels) == sorted(layer.name for layer in expected)
    for layer in expected:
        np.testing.assert_array_equal(kernels[layer.name], np.asarray(layer.kernel))


def test_standard_deviations_are_those_of_numpy_and_the_smallest_of_a_layer_is_marked(tmp_path: pathlib.Path) -> None:
    names = ("one", "two")
    runs = {
        name: weight_distributions.read_kernels(str(directory))
        for name, directory in zip(names, _pair(tmp_path), strict=True)
    }
    table = weight_distributions.standard_deviations(runs)
    for seed, name in enumerate(names):
        for layer in ("first_convolution", "logits"):
            values = _kernels(seed)[f"head1/{layer}/kernel"].astype(float).ravel()
            expected = np.sqrt(np.mean((values - values.mean()) ** 2))
            assert table.loc[layer, name] == pytest.approx(expected)
    text = weight_distributions.deviations_table(runs, "network")
    assert list(text.header) == ["layer", "one", "two"]
    assert [[cell.marked for cell in row] for row in text.rows] == [[False, True, False]] * 2


def test_weights_near_zero_are_counted_on_both_sides_and_added_up() -> None:
    edge = 0.25
    kernels = {
        "one": {"low": np.array([[-0.3, edge, -edge], [0.0, 0.2, -0.1]]), "high": np.array([[0.01], [7.0]])},
        "two": {"low": np.full((2, 3), -0.1), "high": np.array([[0.3], [-7.0]])},
    }
    table = weight_distributions.near_zero(kernels, edge)
    assert table.to_dict() == {
        "weights": {"low": 6, "high": 2},
        "one": {"low": 3, "high": 1},
        "two": {"low": 6, "high": 0},
    }
    text = weight_distributions.near_zero_table(kernels, "network", edge)
    assert list(text.header) == ["layer", "weights", "one", "two"]
    shown = [[(cell.text, cell.addition, cell.marked) for cell in row[2:]] for row in text.rows]
    assert shown == [
        [("3", "(50.0 %)", True), ("6", "(100.0 %)", False)],
        [("1", "(50.0 %)", False), ("0", "(0.0 %)", True)],
        [("4", "(50.0 %)", True), ("6", "(75.0 %)", False)],
    ]
    assert [row[0].text for row in text.rows] == ["low", "high", "all layers"]


def test_histograms_count_all_weights_and_fill_their_rows(tmp_path: pathlib.Path) -> None:
    runs = {
        name: weight_distributions.read_kernels(str(directory))
        for name, directory in zip(("one", "two"), _pair(tmp_path), strict=True)
    }
    panels = weight_distributions.distributions(runs, _panels(2), below=0.05)
    deviations = weight_distributions.standard_deviations(runs)
    limit = 3 * np.quantile(deviations.to_numpy(), 0.75)
    for place, layer in enumerate(("first_convolution", "logits")):
        peaks = []
        for panel, name in zip(panels, runs, strict=True):
            (shape,) = [shape for shape in panel.collections if shape.get_label() == layer]
            vertices = np.asarray(shape.get_paths()[0].vertices)
            peaks.append(vertices[:, 1].max() + place)
            texts = [text.get_text() for text in panel.texts]
            share = 100 * np.mean([abs(weight) < 0.05 for weight in runs[name][layer].ravel()])
            assert texts[place] == f"{deviations.loc[layer, name]:.3f}  {share:.1f} %"
            assert panel.get_xlim() == pytest.approx((-limit, limit))
        # The narrow distribution is the high one, and how much higher can be read off.
        assert max(peaks) == pytest.approx(0.95)
        bins = 2 * (min(max(int(np.sqrt(runs["one"][layer].size)), 21), 121) // 2) + 1
        counts = [np.histogram(kernels[layer], bins, (-limit, limit))[0].max() for kernels in runs.values()]
        assert peaks[0] / peaks[1] == pytest.approx(counts[0] / counts[1])


def test_runs_of_different_networks_are_not_compared(tmp_path: pathlib.Path) -> None:
    single, tree = (weight_distributions.read_kernels(str(directory)) for directory in _pair(tmp_path))
    del tree["logits"]
    with pytest.raises(DataError, match="b and a are of different networks; compare runs of one network"):
        weight_distributions.distributions({"a": single, "b": tree}, _panels(2))


def test_figure_4_takes_the_single_the_distilled_and_the_hierarchical_network(tmp_path: pathlib.Path) -> None:
    (tmp_path / "teacher.keras").touch()
    student = distilled(str(tmp_path / "teacher.keras"), members=("resnet8",))
    others = [heads("simple", members=("resnet8",)), heads("single", members=("resnet8",), label_noise=0.2)]
    for config in (_TREE, student, _SINGLE, heads("single", seed=1, members=("resnet8",)), *others):
        outputs = len(config.member_names())
        write(tmp_path, config, constant(*[5] * (outputs + (outputs > 1))))
    chosen = song_chai_weights.figure_4(read(tmp_path))
    assert {name: run.config for name, run in chosen.items()} == {
        "resnet8, single, seed 0": _SINGLE,
        "resnet8, 4 heads hierarchical, seed 0": _TREE,
        "resnet8, distilled, seed 0": student,
    }
    other = distilled(str(tmp_path / "other" / "teacher.keras"), members=("resnet8",))
    write(tmp_path, other, constant(5, 5, 5))
    runs = read(tmp_path)
    for order in (runs, runs[::-1]):
        chosen = song_chai_weights.figure_4(order)
        assert [run.config for run in chosen.values()] == [_SINGLE, _TREE, other, student]


def test_a_page_shows_the_figure_and_the_deviations_where_there_are_checkpoints(tmp_path: pathlib.Path) -> None:
    directories = _pair(tmp_path)
    assert [caption for _, caption in figures.all_figures(read(tmp_path))] == [
        "Weights of resnet8 by layer, as in figure 4 of Song and Chai (2018)."
    ]
    page = report.report(str(tmp_path))
    assert page.count("<img") == 1
    assert "resnet8: standard deviations of the weights of each layer" in page
    assert "resnet8: numbers of weights near zero, of a magnitude below 0.001" in page
    for directory in directories:
        (directory / "checkpoint" / "epoch-00003.npz").unlink()
    page = report.report(str(tmp_path))
    assert "<img" not in page
    assert "standard deviations of the weights" not in page


def test_the_command_prints_the_table_and_writes_the_figure(tmp_path: pathlib.Path) -> None:
    assert "Example:\n  python -m analysis.weight_distributions " in str(weight_distributions.__doc__)
    single, tree = _pair(tmp_path / "runs")
    flags = [f"--out={tmp_path}/out", "--near_zero=0.02"]
    result = command_runner.run("analysis.weight_distributions", str(single), str(tree), *flags)
    assert (result.exit_status, result.errors) == (0, "")
    _, table, heading, counts, _, paths = result.output.split("\n\n")
    header, *rows = cells_of(table)
    assert header == ["layer", "resnet8, single, seed 0", "resnet8, 4 heads hierarchical, seed 0"]
    assert [row[0] for row in rows] == ["first_convolution", "logits"]
    assert heading.endswith("below 0.02")
    number = sum(abs(float(weight)) < 0.02 for weight in _kernels(0)["head1/first_convolution/kernel"].ravel())
    assert cells_of(counts)[1][2].replace("*", "").split() == [str(number), f"({100 * number / 144:.1f}", "%)"]
    assert paths.splitlines() == [f"{tmp_path}/out/weights_cifar10_resnet8.{end}" for end in ("png", "svg")]
    assert (tmp_path / "out" / "weights_cifar10_resnet8.png").read_bytes().startswith(b"\x89PNG")
