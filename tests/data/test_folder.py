"""Folders of images: against Keras' reader, and what is refused."""

import dataclasses
import os
import pathlib
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from collab_ensembles import data
from collab_ensembles.data import catalogue, folder, picture_files
from collab_ensembles.data.folder_reading import AS_IT_IS, FolderReading
from collab_ensembles.errors import ConfigError, DataError, UnavailableDataError
from collab_ensembles.runs import run_data
from collab_ensembles.settings.config import RunConfig

_CLASSES = ("bee", "ant", "cat")


def _write(
    directory: pathlib.Path, random: np.random.Generator, number: int = 10, shape: tuple[int, ...] = (6, 8, 3)
) -> None:
    for name in _CLASSES:
        (directory / name).mkdir(parents=True)
        for index in random.permutation(number):
            pixels = random.integers(0, 256, shape).astype(np.uint8)
            Image.fromarray(pixels).save(directory / name / f"{index}.png")


@pytest.fixture
def images(tmp_path: pathlib.Path, rng: np.random.Generator) -> pathlib.Path:
    _write(tmp_path / "pets", rng)
    return tmp_path / "pets"


def _keras(directory: pathlib.Path, **options: object) -> tuple[np.ndarray, np.ndarray, list[str]]:
    found = keras.utils.image_dataset_from_directory(
        str(directory), shuffle=False, batch_size=None, verbose=False, **{"image_size": (6, 8), **options}
    )
    pixels, labels = zip(*found.as_numpy_iterator(), strict=True)
    return np.stack(pixels), np.stack(labels), found.class_names


def _sorted(part: data.cache.Part) -> list[tuple[int, bytes]]:
    return sorted((int(label), image.tobytes()) for image, label in zip(part.images, part.labels, strict=True))


def test_files_and_labels_are_those_of_keras(tmp_path: pathlib.Path, rng: np.random.Generator) -> None:
    _write(tmp_path / "own" / "train", rng)
    _write(tmp_path / "own" / "test", rng, 3)
    deeper = tmp_path / "own" / "train" / "ant" / "more"
    deeper.mkdir()
    Image.new("RGB", (8, 6), (1, 2, 3)).save(deeper / "0.bmp")
    (tmp_path / "own" / "train" / "ant" / "notes.txt").write_text("no image")
    found = folder.examples(str(tmp_path / "own"), AS_IT_IS)
    for part, own in (("train", found.train), ("test", found.test)):
        pixels, labels, names = _keras(tmp_path / "own" / part)
        assert list(found.names) == names == sorted(_CLASSES)
        assert own.labels.tolist() == labels.tolist()
        assert own.images.tolist() == pixels.tolist()
    assert len(found.train.labels) == 31


def test_hidden_copies_are_no_images(images: pathlib.Path) -> None:
    before = folder.examples(str(images), AS_IT_IS)
    copies = images / "ant" / ".ipynb_checkpoints"
    copies.mkdir()
    shutil.copy(images / "ant" / "1.png", copies / "1-checkpoint.png")
    (images / "ant" / "._1.png").write_bytes(b"a preview of another system")
    found = folder.examples(str(images), AS_IT_IS)
    assert found.train.images.tobytes() == before.train.images.tobytes()
    assert found.test.images.tobytes() == before.test.images.tobytes()


def test_resized_images_are_near_those_of_keras(images: pathlib.Path) -> None:
    """Both are bilinear; when it makes images smaller, Pillow takes the mean of more pixels, so here they grow."""
    found = folder.examples(str(images), FolderReading((12, 16)))
    pixels, labels, _ = _keras(images, image_size=(12, 16))
    both = {
        (int(label), image.round().astype(np.int16).tobytes()): image
        for image, label in zip(pixels, labels, strict=True)
    }
    assert len(both) == 30
    own = np.concatenate([found.train.images, found.test.images]).astype(float)
    nearest = [np.abs(pixels - image).max(axis=(1, 2, 3)).min() for image in own]
    assert max(nearest) <= 1


def test_the_split_takes_the_share_of_each_class_and_depends_on_its_seed_alone(
    images: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folder.examples(str(images), FolderReading(test_share=0.3))
    assert np.bincount(first.test.labels).tolist() == [3, 3, 3]
    pixels, labels, _ = _keras(images)
    both = sorted((int(label), image.astype(np.uint8).tobytes()) for image, label in zip(pixels, labels, strict=True))
    assert sorted(_sorted(first.train) + _sorted(first.test)) == both
    listdir, walk = os.listdir, os.walk
    monkeypatch.setattr(os, "listdir", lambda path: listdir(path)[::-1])
    monkeypatch.setattr(os, "walk", lambda path: [(root, dirs, files[::-1]) for root, dirs, files in walk(path)][::-1])
    again = folder.examples(str(images), FolderReading(test_share=0.3))
    assert all(
        np.array_equal(a, b)
        for one, other in zip(first[:2], again[:2], strict=True)
        for a, b in zip(one, other, strict=True)
    )
    other = folder.examples(str(images), FolderReading(test_share=0.3, split_seed=1))
    assert _sorted(other.test) != _sorted(first.test)


def test_images_are_grey_if_all_files_are(tmp_path: pathlib.Path, rng: np.random.Generator) -> None:
    _write(tmp_path / "grey", rng, shape=(6, 8))
    assert folder.examples(str(tmp_path / "grey"), AS_IT_IS).train.images.shape == (24, 6, 8, 1)
    Image.new("RGB", (8, 6), (1, 2, 3)).save(tmp_path / "grey" / "ant" / "coloured.png")
    found = folder.examples(str(tmp_path / "grey"), AS_IT_IS)
    assert found.train.images.shape[1:] == (6, 8, 3)
    others = [image for image in (*found.train.images, *found.test.images) if tuple(image[0, 0]) != (1, 2, 3)]
    assert len(others) == 30
    assert all(np.array_equal(image[..., 0], image[..., channel]) for image in others for channel in (1, 2))


def test_unreadable_files_are_refused_or_left_out(images: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    complete = folder.examples(str(images), AS_IT_IS)
    (images / "ant" / "0cut.png").write_bytes((images / "ant" / "0.png").read_bytes()[:60])
    (images / "bee" / "empty.jpg").write_bytes(b"")
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(images / "cat" / "deep.png")
    with pytest.raises(DataError, match=r"ant/0cut\.png: not a readable image .*--unreadable=skip"):
        folder.examples(str(images), AS_IT_IS)
    skipping = folder.examples(str(images), FolderReading(unreadable="skip"))
    assert _sorted(skipping.train) == _sorted(complete.train)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"][-1].startswith(
        "left out 3 of 33 files"
    )


def test_other_layouts_and_sizes_are_refused_in_one_line(images: pathlib.Path) -> None:
    def refusal(reading: FolderReading = AS_IT_IS) -> str:
        with pytest.raises(DataError) as caught:
            folder.examples(str(images), reading)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    Image.new("RGB", (5, 5)).save(images / "ant" / "small.png")
    assert "6 x 8" in refusal()
    assert "--image_size=6x8" in refusal()
    (images / "ant" / "small.png").unlink()
    assert "--test_share" in refusal(FolderReading(test_share=0.01))
    assert "no readable training image of ant, bee, cat" in refusal(FolderReading(test_share=0.99))
    (images / "dog").mkdir()
    assert "dog: no image in this folder" in refusal()
    (images / "dog").rmdir()
    (images / "train").mkdir()
    for name in ("ant", "bee", "cat"):
        (images / name).rename(images / "train" / name)
    assert "train/ and test/" in refusal()
    (images / "test" / "cow").mkdir(parents=True)
    assert "test/cow: no such class; the classes are ant, bee, cat" in refusal()
    (images / "test" / "cow").rename(images / "test" / "cat")
    Image.new("RGB", (8, 6)).save(images / "test" / "cat" / "0.png")
    assert "leave out --test_share" in refusal(FolderReading(split_seed=4))
    assert len(folder.examples(str(images), AS_IT_IS).test.labels) == 1
    with pytest.raises(UnavailableDataError):
        folder.examples(str(images / "nowhere"), AS_IT_IS)


def test_a_folder_that_changed_after_its_first_use_is_refused(images: pathlib.Path, tmp_path: pathlib.Path) -> None:
    config = RunConfig(dataset=str(images), batch_size=4, members=("B1R1F2",), test_share=0.4)
    first = run_data.load(config, str(tmp_path / "data"))
    assert (first.name, first.label_names, first.num_classes) == ("pets", ("ant", "bee", "cat"), 3)
    assert run_data.load(config, str(tmp_path / "data")).digest() == first.digest()
    described = catalogue.describe(config.dataset, config.split, config.folder_reading())
    assert (described.image_shape, described.num_train) == ((6, 8, 3), 18)
    Image.new("RGB", (8, 6)).save(images / "ant" / "0.png")
    for own in (config, dataclasses.replace(config, split_seed=1), dataclasses.replace(config, test_share=0.3)):
        with pytest.raises(DataError, match="have changed since the folder was first used"):
            run_data.load(own, str(tmp_path / "data"))


def test_settings_of_folders_are_spelled_in_one_way_and_refused_elsewhere(
    images: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images.parent)
    spellings = ("pets", "pets/", "./pets", str(images))
    assert len({RunConfig(dataset=spelling, image_size="28").digest() for spelling in spellings}) == 1
    assert RunConfig(dataset="pets", image_size="28").folder_reading().image_size == (28, 28)
    for change in ({"image_size": "24x32"}, {"test_share": 0.5}, {"split_seed": 3}, {"unreadable": "skip"}):
        with pytest.raises(ConfigError, match=f"--{next(iter(change))}=.*has no effect with --dataset=digits"):
            RunConfig(**change)
    for wrong in ({"image_size": "0"}, {"image_size": "3x"}, {"test_share": 1.0}, {"test_share": 0.0}):
        with pytest.raises(ConfigError, match=f"--{next(iter(wrong))}="):
            RunConfig(dataset="pets", **wrong)
    with pytest.raises(ConfigError, match="unknown data set 'dogs'"):
        RunConfig(dataset="dogs")


def test_sixteen_bits_are_no_readable_image_for_predictions_either(tmp_path: pathlib.Path) -> None:
    Image.fromarray(np.full((6, 8), 300, np.uint16)).save(tmp_path / "deep.png")
    assert picture_files.read(str(tmp_path), (6, 8, 1)).names == []
