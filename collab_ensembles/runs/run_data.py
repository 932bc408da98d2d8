"""Loads the data of a run; compares them with its settings and with the data that it began with.

Imports nothing heavier than NumPy, so that commands can refuse data before TensorFlow starts.
"""

import dataclasses
from collections.abc import Hashable

import numpy as np
from absl import logging

from collab_ensembles import data
from collab_ensembles.data import Dataset, catalogue, overlap
from collab_ensembles.data.catalogue import Description
from collab_ensembles.errors import ConfigError, OtherDataError, UnavailableDataError
from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.settings.config import RunConfig

_MOST_NAMED = 10


def key(config: RunConfig) -> Hashable:
    """What decides the data of a run: `load` gives the same for configurations with equal ones."""
    return config.dataset, config.split, config.train_limit, config.unlabelled_data, config.folder_reading()


def load(config: RunConfig, data_dir: str | None, fetch: bool = True) -> Dataset:
    """Loads the data of a configuration and checks its settings against them; see `data.load`."""
    dataset = data.load(
        config.dataset, data_dir, config.split, config.train_limit, fetch=fetch, reading=config.folder_reading()
    )
    config.check_data(Description(dataset.image_shape, len(dataset.train_labels)))
    if config.unlabelled_data:
        dataset = dataclasses.replace(dataset, unlabelled=_unlabelled(config, dataset, data_dir, fetch))
    return dataset


def _unlabelled(config: RunConfig, dataset: Dataset, data_dir: str | None, fetch: bool) -> np.ndarray:
    """The images that the run uses without labels, uint8 [examples, height, width, channels]."""
    if config.unlabelled_data == "rest":
        whole = data.load(config.dataset, data_dir, config.split, fetch=fetch, reading=config.folder_reading())
        images = whole.train_images[config.train_limit :]
        if not len(images):
            raise ConfigError(
                f"--unlabelled=rest: --train_limit={config.train_limit} leaves out none of the "
                f"{len(dataset.train_labels)} training examples; needed: a lower limit"
            )
        return images
    images = data.load(config.unlabelled_data, data_dir, fetch=fetch).train_images
    if images.shape[1:] != dataset.image_shape:
        raise ConfigError(
            f"--unlabelled={config.unlabelled_data} has images of shape {images.shape[1:]}; needed: "
            f"{dataset.image_shape}, as {config.dataset} has"
        )
    return images


def load_again(directory: str, data_dir: str | None, fetch: bool = True) -> Dataset:
    """Loads the data that the run in a directory was trained on, also if they were moved.

    Raises:
      OtherDataError: the present data have another digest.
      CollabError: as `load`.
    """
    dataset = load(run_directory.read_located(directory), data_dir, fetch)
    _check_same(directory, run_directory.read_status(directory), facts(dataset))
    return dataset


def check_unchanged(directory: str, present: DataFacts, is_done: bool) -> None:
    """Raises OtherDataError if a directory has results or usable checkpoints of data with another digest.

    Args:
      directory: the run directory; it may be missing.
      present: the facts on the present data.
      is_done: as `run_directory.is_done` says.
    """
    status = run_directory.begun_status(directory, is_done)
    if status is not None:
        _check_same(directory, status, present)


def _check_same(directory: str, status: Status, present: DataFacts) -> None:
    if status.data is None:
        return
    for what, began, now in (
        ("data", status.data.digest, present.digest),
        ("images without labels", status.data.unlabelled, present.unlabelled),
    ):
        if began not in ("", now):
            raise OtherDataError(
                f"{directory}: received {what} with the digest {now[:8]}, but the run began with {began[:8]}; use the "
                "data that it began with (restore the file, or give their --data_dir), or remove the directory to "
                "train the run again on the present data"
            )


def warn_not_compared(what: str, error: UnavailableDataError) -> None:
    """Warns that finished runs are skipped although their data are missing here."""
    logging.warning("%s: cannot check whether the data of finished runs are still the same: %s", what, error)


def facts(dataset: Dataset) -> DataFacts:
    """The facts on the data for status.json."""
    digests = dataset.digest(), dataset.unlabelled_digest()
    return DataFacts(dataset.name, dataset.image_shape, dataset.num_classes, *digests, dataset.folder_names)


def label_names(config: RunConfig, data: DataFacts | None, classes: int) -> tuple[str, ...]:
    """The names of the classes of a run, also if its data are gone."""
    return (data.label_names if data else ()) or catalogue.label_names(config.dataset, classes)


def describe(dataset: Dataset, digest: str) -> str:
    """A description of the data in one line: examples, shape, classes, digest."""
    train, test = len(dataset.train_labels), len(dataset.test_labels)
    shape = " x ".join(map(str, dataset.image_shape))
    occurring = dataset.num_classes - len(_missing_classes(dataset))
    return (
        f"{dataset.name}: {train:,} training and {test:,} test examples of {shape}, {occurring} of "
        f"{dataset.num_classes} classes in training, digest {digest[:8]}"
    )


def announce(dataset: Dataset, digest: str) -> None:
    """Logs a description of the data; warns of classes never trained on and of test images that are trained on."""
    logging.info("%s", describe(dataset, digest))
    missing = _missing_classes(dataset)
    if missing:
        named = ", ".join([*map(str, missing[:_MOST_NAMED]), *(["..."] if len(missing) > _MOST_NAMED else [])])
        logging.warning(
            "%s: %d of %d classes have no training example: %s; number the labels from 0 without gaps, or train on "
            "more examples",
            dataset.name,
            len(missing),
            dataset.num_classes,
            named,
        )
    train, test = (dataset.train_images, dataset.train_labels), (dataset.test_images, dataset.test_labels)
    shared = overlap.count_shared(*train, *test)
    if shared:
        logging.warning(
            "%s: %d of the %d test examples are training examples too; errors on them are not test errors; remove them "
            "from one of the two parts",
            dataset.name,
            shared,
            len(dataset.test_labels),
        )
    warn_of_test_images(dataset)


def warn_of_test_images(dataset: Dataset) -> None:
    """Warns of test images that are learned from without labels."""
    shared = 0 if dataset.unlabelled is None else overlap.count_shared_images(dataset.unlabelled, dataset.test_images)
    if shared:
        logging.warning(
            "%s: %d of the %d test images are among the images without labels; errors on them are not test errors; "
            "take other images",
            dataset.name,
            shared,
            len(dataset.test_labels),
        )


def _missing_classes(dataset: Dataset) -> list[int]:
    return np.setdiff1d(np.arange(dataset.num_classes), dataset.train_labels).tolist()
