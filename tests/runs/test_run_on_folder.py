"""A run on a folder of images, whose classes it knows for good."""

import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from collab_ensembles.runs import prediction, run_directory
from collab_ensembles.settings.config import RunConfig
from trainings import train


@pytest.mark.usefixtures("eager")
def test_predictions_name_the_classes_when_the_folder_is_gone(tmp_path: pathlib.Path, rng: np.random.Generator) -> None:
    for name, brightest in (("day", 256), ("night", 40)):
        (tmp_path / "sky" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, brightest, (4, 6)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "sky" / name / f"{number}.png")
    config = RunConfig(dataset=str(tmp_path / "sky"), members=("mlp4-4",), batch_size=8, epochs=1)
    train(config, tmp_path / "run", str(tmp_path / "data"))
    shutil.rmtree(tmp_path / "sky")
    group = prediction.load(str(tmp_path / "run"))
    assert (group.label_names, group.image_shape) == (("day", "night"), (4, 6, 1))
    names = group.predict(rng.integers(0, 256, (3, 4, 6, 1)).astype(np.uint8)).to_frame()["name"]
    assert set(names) <= {"day", "night"}
    assert run_directory.read_status(str(tmp_path / "run")).test_errors.keys() == {"mlp4-4"}
