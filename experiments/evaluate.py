"""Evaluates the members and the ensemble of one trained run or several, on their own test data or on other data.

With --uncertainty it also measures how far the outputs know what they do not know: negative log-likelihood, Brier score
and calibration errors; with --unknown, how well they tell the images of another data set from those of the run. The
measures on the run's own test data are saved in its directory, for the tables.

With --mistakes it prints the error of each class, and saves what the report shows of the run: confusions, reliability,
errors when the least certain images are left out, and the worst images.

With other data, it warns if the run was trained on some of the examples. The ensemble can be averaged in another way
than in the run. With --top=5 it also computes the top-5 errors; those on the run's own test data are saved in its
directory, for the tables.

Example:
  python -m experiments.evaluate runs/MNIST/RUN_DIRECTORY --split=standard
  python -m experiments.evaluate runs/MNIST/RUN_DIRECTORY --averaging=softmax
  python -m experiments.evaluate runs/MNIST/MNIST_* --unknown=notmnist/small
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags, logging

from collab_ensembles import data
from collab_ensembles.data import catalogue, folder, npz, overlap
from collab_ensembles.errors import CollabError, ConfigError, RunDirectoryError, UnavailableDataError, one_line
from collab_ensembles.runs import mistakes, run_data, run_directory, top_errors, uncertainty
from collab_ensembles.runs.run_directory import DataFacts
from collab_ensembles.runs.uncertainty import Values
from collab_ensembles.settings.config import AVERAGES, RunConfig
from experiments import command_line, path_flags, runtime

if TYPE_CHECKING:
    from collab_ensembles.models.model import Model

_DATASET = flags.DEFINE_string("dataset", None, "evaluate on the test part of this data set; default: the run's own")
_SPLIT = flags.DEFINE_enum("split", None, list(catalogue.SPLITS), "split of the data set; default: the run's own")
_DATA_DIR = path_flags.data_dir()
_MOST_CONFUSED = 3
_TOP = flags.DEFINE_integer(
    "top", None, "K: also print the top-K errors: the share of examples whose class is not among the K best answers"
)
_AVERAGING = flags.DEFINE_enum(
    "averaging",
    None,
    list(AVERAGES),
    "the ensemble's prediction is the mean of the members' logits or of their probabilities (softmax); default: as in "
    "the run",
)
_UNCERTAINTY = flags.DEFINE_bool("uncertainty", False, "also measure how far the outputs know what they do not know")
_UNKNOWN = flags.DEFINE_string(
    "unknown", None, "measure also how well images of this data set are told from those of the run"
)
_MISTAKES = flags.DEFINE_bool(
    "mistakes", False, "also print the error of each class, and what it is taken for; analysis.report draws it"
)
_THREADS = flags.DEFINE_integer("threads", None, "number of TensorFlow's threads; default: one for each core")


def main(arguments: list[str]) -> int:
    """Restores the newest checkpoint of each run, and prints cost and error of each output.

    Returns:
      The largest exit status: if one of several runs cannot be evaluated, the others still are.
    """
    directories = command_line.some_arguments(arguments, "the directory of a run, or several")
    runtime.check_threads(_THREADS.value)
    if _TOP.value is not None:
        top_errors.check(_TOP.value)
    for name in (_DATASET.value, _UNKNOWN.value):
        if name is not None:
            catalogue.check_name(name)
    is_one = len(directories) == 1
    if is_one:
        # Local data that do not fit the run are refused before TensorFlow starts.
        with contextlib.suppress(UnavailableDataError):
            _test_data(directories[0], run_directory.read_located(directories[0]), fetch=False)
    runtime.start_tensorflow(_THREADS.value)
    unknown = data.load(_UNKNOWN.value, _DATA_DIR.value) if _UNKNOWN.value else None
    exit_status = 0
    for directory in directories:
        try:
            if not is_one:
                print(f"{directory}:", flush=True)
            _evaluate(directory, run_directory.read_located(directory), unknown)
        except CollabError as error:
            if is_one:
                raise
            logging.error("%s: %s", directory, one_line(error).removeprefix(f"{directory}: "))
            exit_status = max(exit_status, error.exit_status)
    return exit_status


def _test_source(config: RunConfig) -> tuple[str, str]:
    """The data set and the split whose test part is used."""
    return catalogue.resolve(_DATASET.value or config.dataset), _SPLIT.value or config.split


def _is_own(config: RunConfig) -> bool:
    """Whether a run is evaluated on its own test part."""
    return _test_source(config) == (config.dataset, config.split)


def _test_data(directory: str, config: RunConfig, fetch: bool) -> data.Dataset:
    dataset, split = _test_source(config)
    if _is_own(config):
        return run_data.load_again(directory, _DATA_DIR.value, fetch)
    if dataset == config.dataset or not catalogue.is_own(dataset):
        return data.load(dataset, _DATA_DIR.value, split, fetch=fetch, reading=config.folder_reading())
    if _SPLIT.value:
        raise ConfigError(f"--split={split}: all images of --dataset={_DATASET.value} are test images; leave it out")
    if catalogue.is_file(dataset):
        return _test_part(dataset)
    return _test_folder(dataset, config, run_directory.read_status(directory).data)


def _evaluate(directory: str, config: RunConfig, unknown: data.Dataset | None) -> None:
    from collab_ensembles.runs import run_model

    is_own = _is_own(config)
    if _UNKNOWN.value and catalogue.is_same(_UNKNOWN.value, _test_source(config)[0]):
        raise ConfigError(f"--unknown={_UNKNOWN.value}: its images are the test images; needed: another data set")
    model, status = run_model.restore(directory)
    if _TOP.value is not None and status.data is not None:
        top_errors.check(_TOP.value, status.data.num_classes)
    if _MISTAKES.value and status.data is not None and status.data.num_classes > mistakes.MOST_CLASSES:
        raise ConfigError(
            f"--mistakes: takes at most {mistakes.MOST_CLASSES} classes; the run has {status.data.num_classes}"
        )
    test = _test_data(directory, config, fetch=True)
    if not is_own:
        _check_fit(status.data, test)
        _warn_of_training_examples(directory, test)
    if unknown is not None and unknown.image_shape != test.image_shape:
        raise ConfigError(
            f"--unknown={_UNKNOWN.value} has images of shape {unknown.image_shape}; needed: {test.image_shape}"
        )
    # The results of a run that is still trained would replace those of its end.
    is_kept = is_own and _AVERAGING.value in (None, model.averaging) and status.state == "done"
    if _AVERAGING.value:
        _check_average(model)
        model.averaging = _AVERAGING.value
    statistics = run_model.evaluate(model, test.test_images, test.test_labels)
    top: dict[str, float] = {}
    if _TOP.value is not None:
        top = top_errors.compute(model, test.test_images, test.test_labels, _TOP.value)
    print(f"{test.name}, {len(test.test_labels)} test examples, after epoch {status.epoch_of_weights}")
    width = max(10, *map(len, model.statistics_names))
    for output in model.statistics_names:
        error, cost = statistics[f"{output}_error"], statistics[f"{output}_cost"]
        further = f"   top-{_TOP.value} error {100 * top[output]:6.2f} %" if output in top else ""
        print(f"{output:{width}s} error {100 * error:6.2f} %   cost {cost:.6f}{further}")
    is_measured = _UNCERTAINTY.value or unknown is not None
    logits = uncertainty.outputs(model, test.test_images) if is_measured or _MISTAKES.value else {}
    if is_measured:
        measures = uncertainty.measure(logits, test.test_labels)
        detection: dict[str, Values] = {}
        if unknown is not None:
            detection[unknown.name] = uncertainty.detect(logits, uncertainty.outputs(model, unknown.test_images))
        for output in measures:
            values = [item for each in (measures, *detection.values()) for item in each[output].items()]
            print(f"{output}: {', '.join(f'{name} {value:.5f}' for name, value in values)}")
        if is_kept:
            uncertainty.keep(directory, status.epochs_done, measures, detection)
    if _MISTAKES.value:
        found = mistakes.measure(logits, model.answer, test.test_images, test.test_labels)
        _print_mistakes(found["confusion"], test.label_names)
        if is_kept:
            mistakes.write(directory, status.epochs_done, found)
    if is_kept and _TOP.value is not None:
        top_errors.write(directory, status.epochs_done, _TOP.value, top)


def _print_mistakes(confusion: np.ndarray, names: Sequence[str]) -> None:
    """The error of each class, and the answers that are most often given in its place."""
    for number, counts in enumerate(confusion):
        total, name = int(counts.sum()), names[number] if number < len(names) else str(number)
        if not total:
            continue
        wrong = np.where(np.arange(len(counts)) == number, 0, counts)
        most = [place for place in np.argsort(-wrong, kind="stable")[:_MOST_CONFUSED] if wrong[place]]
        taken = ", ".join(f"{names[place] if place < len(names) else place} ({wrong[place]})" for place in most)
        print(
            f"{name:>12s} error {100 * wrong.sum() / total:6.2f} % of {total:6,d}{f'   taken for {taken}' * bool(most)}"
        )


def _check_average(model: "Model") -> None:
    if not model.averages:
        reason = "only one network" if len(model.members) == 1 else "a head or a decision that replaces the mean"
        raise ConfigError(f"--averaging={_AVERAGING.value}: the run has {reason}; leave it out")


def _warn_of_training_examples(directory: str, test: data.Dataset) -> None:
    try:
        own = run_data.load_again(directory, _DATA_DIR.value)
    except CollabError as error:
        logging.warning("cannot check whether the run was trained on some of these examples: %s", error)
        return
    known = overlap.count_shared(own.train_images, own.train_labels, test.test_images, test.test_labels)
    if own.unlabelled is not None:
        known = max(known, overlap.count_shared_images(own.unlabelled, test.test_images))
    if known:
        logging.warning(
            "the run was trained on %d of these %d examples; errors on them are not test errors",
            known,
            len(test.test_labels),
        )


def _test_part(path: str) -> data.Dataset:
    """The test examples of a file, which needs no others; as many classes as its labels tell of."""
    images, labels = npz.read_test(path)
    names = tuple(map(str, range(int(labels.max()) + 1)))
    return data.Dataset(catalogue.label(path), images[:0], labels[:0], images, labels, names)


def _test_folder(path: str, config: RunConfig, trained_on: DataFacts | None) -> data.Dataset:
    """The test images of a folder, or all if it has no test/, fitted to the run; its folders have the run's classes."""
    if trained_on is None:
        raise RunDirectoryError("nothing trained yet; train the run first")
    names = run_data.label_names(config, trained_on, trained_on.num_classes)
    images, labels = folder.read_test(path, names, trained_on.image_shape, config.unreadable)
    return data.Dataset(catalogue.label(path), images[:0], labels[:0], images, labels, names)


def _check_fit(trained_on: DataFacts | None, test: data.Dataset) -> None:
    """Refuses images of another shape and labels that the run does not know; classes may be missing in a file."""
    assert trained_on is not None
    shape, classes = trained_on.image_shape, trained_on.num_classes
    fewer = catalogue.is_file(catalogue.resolve(_DATASET.value or "")) and test.num_classes < classes
    if test.image_shape != shape or (test.num_classes != classes and not fewer):
        raise ConfigError(
            f"--dataset={_DATASET.value} has images of shape {test.image_shape} in {test.num_classes} classes; the run "
            f"was trained on {shape} in {classes}"
        )


if __name__ == "__main__":
    command_line.launch(main)
