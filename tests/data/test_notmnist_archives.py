"""Reading the archives of notMNIST, fake and, where it lies beside the repository, real."""

import contextlib
import hashlib
import io
import pathlib
import tarfile

import numpy as np
import pytest
from etils import epath
from make_fake_notmnist import LARGE, LETTERS, SMALL, Fake, make_archives
from PIL import Image

from collab_ensembles.data.cache import Part
from collab_ensembles.data.notmnist import read_archive, without_duplicates
from collab_ensembles.errors import DataError

_REAL = pathlib.Path(__file__).resolve().parents[2].parent / "shared/data/notMNIST_small.tar.gz"


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fake]:
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.mark.parametrize("name", [SMALL, LARGE])
def test_readable_images_are_labelled_by_their_directory_and_the_others_counted(
    fakes: dict[str, Fake], name: str
) -> None:
    part, unreadable = read_archive(epath.Path(fakes[name].path))
    received = [(label, image.tobytes()) for image, label in zip(part.images, part.labels.tolist(), strict=True)]
    assert received == fakes[name].examples
    assert unreadable == 2
    assert part.images.shape[1:] == (28, 28, 1)
    assert part.images.dtype == np.uint8


def test_nothing_is_extracted_to_the_disk(
    fakes: dict[str, Fake], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read_archive(epath.Path(fakes[SMALL].path))
    assert list(tmp_path.iterdir()) == []


def _is_accepted(path: pathlib.Path) -> bool:
    with contextlib.suppress(DataError):
        read_archive(epath.Path(path))
        return True
    return False


def test_an_archive_cut_short_anywhere_is_a_data_error(fakes: dict[str, Fake], tmp_path: pathlib.Path) -> None:
    content = fakes[SMALL].path.read_bytes()
    path = tmp_path / "notMNIST_large.tar.gz"
    accepted = []
    for kept in range(0, len(content), 211):
        path.write_bytes(content[:kept])
        if _is_accepted(path):
            accepted.append(kept)
    assert accepted == []


def test_the_error_of_an_archive_cut_short_is_one_line(fakes: dict[str, Fake], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "notMNIST_large.tar.gz"
    path.write_bytes(fakes[SMALL].path.read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"^[^\n]*notMNIST_large\.tar\.gz: truncated[^\n]*; fetch it again$"):
        read_archive(epath.Path(path))


def test_an_archive_of_damaged_bytes_is_a_data_error(fakes: dict[str, Fake], tmp_path: pathlib.Path) -> None:
    content = bytearray(fakes[SMALL].path.read_bytes())
    # A changed pixel leaves a readable archive: only gzip's checksum can tell.
    content[len(content) // 2] ^= 1
    path = tmp_path / "damaged.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.tar\.gz: truncated"):
        read_archive(epath.Path(path))


@pytest.mark.parametrize("content", [b"", b"rubbish" * 100])
def test_a_file_that_is_no_archive_is_a_data_error(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / "other.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"other\.tar\.gz: truncated or not a \.tar\.gz archive"):
        read_archive(epath.Path(path))


def _archive_of(path: pathlib.Path, name: str, image: Image.Image) -> epath.Path:
    file = io.BytesIO()
    image.save(file, "PNG")
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(file.getvalue())
        archive.addfile(member, io.BytesIO(file.getvalue()))
    return epath.Path(path)


@pytest.mark.parametrize("image", [Image.new("L", (28, 27)), Image.new("RGB", (28, 28)), Image.new("I;16", (28, 28))])
def test_an_archive_of_other_images_alone_is_a_data_error(tmp_path: pathlib.Path, image: Image.Image) -> None:
    with pytest.raises(DataError, match="no readable image in directories named A to J"):
        read_archive(_archive_of(tmp_path / "other.tar.gz", "small/A/0.png", image))


def test_the_letter_is_the_last_directory_of_a_name(tmp_path: pathlib.Path) -> None:
    part, _ = read_archive(_archive_of(tmp_path / "one.tar.gz", "A/letters/C/0.png", Image.new("L", (28, 28), 7)))
    assert part.labels.tolist() == [LETTERS.index("C")]
    assert np.all(part.images == 7)


def test_duplicates_leave_their_first_example_and_contradictions_none() -> None:
    pixels = [5, 2, 5, 3, 4, 3, 2, 1, 5]
    labels = [0, 1, 0, 2, 3, 9, 1, 4, 0]  # 3 stands under the labels 2 and 9
    images = np.array(pixels, np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 28, 28, 1), np.uint8)
    kept = without_duplicates(Part(images, np.array(labels, np.int32)))
    assert kept.images[:, 0, 0, 0].tolist() == [5, 2, 4, 1]
    assert kept.labels.tolist() == [0, 1, 3, 4]


def test_images_that_differ_in_one_pixel_are_no_duplicates() -> None:
    images = np.zeros((3, 28, 28, 1), np.uint8)
    images[1, 27, 27, 0] = images[2, 0, 0, 0] = 1
    assert len(without_duplicates(Part(images, np.zeros(3, np.int32))).labels) == 3


@pytest.mark.skipif(not _REAL.exists(), reason=f"no {_REAL}")
def test_the_real_small_archive_has_the_published_content() -> None:
    part, _ = read_archive(epath.Path(_REAL))
    assert len(part.labels) == 18_724
    digests = sorted(
        hashlib.sha256(bytes([label]) + image.tobytes()).digest()
        for image, label in zip(part.images, part.labels.tolist(), strict=True)
    )
    expected = "efaff5ed43131789b4df845bd4f89b583902d6abf597159e5352091dd2469239"
    assert hashlib.sha256(b"".join(digests)).hexdigest() == expected
    distinct = without_duplicates(part)
    assert len(distinct.labels) == 18_230
    assert len({image.tobytes() for image in distinct.images}) == 18_230
