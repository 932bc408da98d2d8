"""run with networks of one's own: trained from their files, and later from the copies in the run directory."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError, RunDirectoryError
from collab_ensembles.methods import assembly
from collab_ensembles.runs import kept_files, naming, prediction, run, run_directory, run_model
from collab_ensembles.settings.config import RunConfig
from trainings import series, train

pytestmark = [pytest.mark.usefixtures("eager"), pytest.mark.filterwarnings("ignore:__array__ implementation")]

_FILE = """
import keras

def build(shape, classes, seed):
    return keras.Sequential([
        keras.Input(shape), keras.layers.Rescaling(1 / 16), keras.layers.Flatten(),
        keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(classes),
    ])
"""


def _files(folder: Path) -> None:
    """A function, and a network of which only the last layer learns."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(_FILE)
    keras.utils.set_random_seed(3)
    frozen = keras.layers.Dense(5, "relu")
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), frozen, keras.layers.Dense(10)])
    frozen.trainable = False
    network.save(folder / "net.keras")


def _config(folder: Path, **changes: object) -> RunConfig:
    members = (f"{folder}/mine.py:build", f"{folder}/net.keras")
    settings = {"method": "L2", "weight": 0.01, "train_limit": 96, "batch_size": 32, "epochs": 2, "members": members}
    return RunConfig(**{**settings, **changes})  # type: ignore[arg-type]


def test_a_run_goes_on_and_is_used_without_the_files_and_elsewhere(tmp_path: Path, data_dir: str) -> None:
    folder = tmp_path / "mine"
    _files(folder)
    saved = keras.models.load_model(folder / "net.keras", compile=False)
    config = _config(folder)
    whole = series(train(config, tmp_path / "whole", data_dir))
    directory = Path(naming.run_directory(str(tmp_path / "runs"), config))
    run.run(config, str(directory), run.Options(data_dir, stop_after=1))
    assert config.member_names() == ("mine", "net")
    for path in folder.iterdir():
        path.unlink()
    moved = tmp_path / "moved"
    directory.rename(moved)
    recorded = run_directory.read_config(str(moved))
    assert recorded == config
    assert json.loads((moved / "config.json").read_text())["digest"] == config.digest()
    assert series(train(recorded, moved, data_dir)) == whole
    model, status = run_model.restore(str(moved))
    assert status.epochs_done == 2
    # Frozen is frozen; the rest has learned.
    then, now = saved.get_weights(), model.members["net"].get_weights()
    assert [np.array_equal(*pair) for pair in zip(then, now, strict=True)] == [True, True, False, False]
    images = np.zeros((2, 8, 8, 1), np.uint8)
    assert prediction.load(str(moved)).predict(images).probabilities.shape == (2, 10)
    # As experiments.verify trains it again.
    assert series(train(kept_files.located(recorded, str(moved)), tmp_path / "again", data_dir)) == whole


def test_a_missing_file_and_a_damaged_copy_are_refused(tmp_path: Path, data_dir: str) -> None:
    folder = tmp_path / "mine"
    _files(folder)
    config, directory = _config(folder, epochs=1), tmp_path / "run"
    (folder / "mine.py").write_text(_FILE + "# another\n")
    with pytest.raises(ConfigError, match="changed while it was in use"):
        run.run(config, str(directory), run.Options(data_dir))
    with pytest.raises(ConfigError, match="changed while it was in use"):
        kept_files.check(config, str(directory))
    assert not directory.exists()
    config = _config(folder, epochs=1)
    run.run(config, str(directory), run.Options(data_dir))
    (folder / "mine.py").unlink()
    kept_files.check(config, str(directory))
    with pytest.raises(ConfigError, match=r"mine\.py:build: no such file"):
        kept_files.check(config, str(tmp_path / "another"))
    copy = directory / "members" / "1" / "mine.py"
    copy.write_text("raise SystemExit\n")
    with pytest.raises(RunDirectoryError, match="changed"):
        run_model.restore(str(directory))


def test_equal_members_begin_differently_or_alike_as_the_settings_say(tmp_path: Path) -> None:
    _files(tmp_path / "mine")
    twice = (f"{tmp_path}/mine/mine.py:build",) * 2

    def kernels(**changes: object) -> list[np.ndarray]:
        config = _config(tmp_path / "mine", members=twice, **changes)
        assert config.member_names() == ("mine", "mine_2")
        return [each.get_weights()[0] for each in assembly.build_model(config, (8, 8, 1), 10).members.values()]

    one, other = kernels()
    assert not np.array_equal(one, other)
    assert np.array_equal(one, kernels(seed=0)[0])
    assert not np.array_equal(one, kernels(seed=1)[0])
    one, other = kernels(shared_initialisation=True)
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "settings", [{"system": "snapshot", "snapshots": 2, "epochs": 2}, {"system": "teaching", "epochs": 1, "stack": 1}]
)
def test_systems_of_one_network_take_one(settings: dict[str, object], tmp_path: Path, data_dir: str) -> None:
    _files(tmp_path / "mine")
    config = RunConfig(members=(f"{tmp_path}/mine/mine.py:build",), train_limit=96, batch_size=32, **settings)
    run.run(config, str(tmp_path / "run"), run.Options(data_dir))
    _, status = run_model.restore(str(tmp_path / "run"))
    assert status.epochs_done == config.epochs
    assert "mine" in config.description()
