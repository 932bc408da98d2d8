"""Images for prediction: from folders, files and arrays, against pixels written here."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from collab_ensembles.data import picture_files
from collab_ensembles.errors import ConfigError, DataError

_GREY = (4, 6, 1)
_COLOURED = (4, 6, 3)


@pytest.fixture
def pixels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (3, *_COLOURED)).astype(np.uint8)


def test_files_of_the_right_form_keep_their_pixels_in_the_order_of_their_names(
    tmp_path: pathlib.Path, pixels: np.ndarray
) -> None:
    for name, image in zip(("b.png", "a.PNG", "c.bmp"), pixels, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.PNG").write_bytes(b"a preview of another system")
    pictures = picture_files.read(str(tmp_path), _COLOURED)
    assert (pictures.names, pictures.changed, pictures.unreadable) == (["a.PNG", "b.png", "c.bmp"], [], [])
    assert pictures.images.tolist() == pixels[[1, 0, 2]].tolist()


def test_other_sizes_and_colours_are_fitted_and_it_is_said(tmp_path: pathlib.Path) -> None:
    """A picture of one colour keeps its brightness, by the weights of ITU-R 601."""
    Image.new("RGB", (60, 40), (200, 100, 50)).save(tmp_path / "wide.png")
    Image.new("L", (6, 4), 7).save(tmp_path / "grey.png")
    pictures = picture_files.read(str(tmp_path), _GREY)
    assert pictures.names == ["grey.png", "wide.png"]
    assert np.unique(pictures.images[0]).tolist() == [7]
    assert np.unique(pictures.images[1]).tolist() == [round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)]
    assert pictures.changed == ["1 of 2 images were resized to 4 x 6 pixels", "1 were made grey"]
    one = picture_files.read(str(tmp_path / "grey.png"), _COLOURED)
    assert np.unique(one.images).tolist() == [7]
    assert one.changed == ["1 were made coloured (RGB)"]


def test_unreadable_files_are_named_and_the_others_kept(tmp_path: pathlib.Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels[0]).save(tmp_path / "good.png")
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    pictures = picture_files.read(str(tmp_path), _COLOURED)
    assert pictures.names == ["good.png"]
    assert [line.split(":")[0] for line in pictures.unreadable] == ["cut.png", "empty.jpg"]
    assert not any("\n" in line for line in pictures.unreadable)


@pytest.mark.parametrize("name", ["a.npy", "x.npz", "x_test.npz"])
def test_arrays_are_taken_as_they_are(tmp_path: pathlib.Path, pixels: np.ndarray, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, pixels)
    else:
        np.savez(path, **{name.removesuffix(".npz"): pixels, "y_test": np.zeros(3)})
    pictures = picture_files.read(str(path), _COLOURED)
    assert pictures.names == ["0", "1", "2"]
    assert pictures.images.tolist() == pixels.tolist()
    with pytest.raises(ConfigError, match=r"shape \(4, 6, 3\); needed: \(4, 6, 1\)"):
        picture_files.read(str(path), _GREY)


def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        picture_files.read(str(tmp_path / "nowhere"), _GREY)
    with pytest.raises(ConfigError, match=r"no image in this folder; needed: files that end in \.bmp"):
        picture_files.read(str(tmp_path), _GREY)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(DataError, match="lacks x or x_test; it has images"):
        picture_files.read(str(tmp_path / "other.npz"), _GREY)
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="not a readable array"):
        picture_files.read(str(tmp_path / "bad.npy"), _GREY)
    np.save(tmp_path / "float.npy", np.zeros((2, 4, 6)))
    with pytest.raises(DataError, match=r'float\.npy is float64 .* \(255 \* x\)\.astype\("uint8"\)'):
        picture_files.read(str(tmp_path / "float.npy"), _GREY)
