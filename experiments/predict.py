"""Predicts the classes of images with a trained run.

IMAGES is a folder of image files, one image file, or an array in an .npz file (under x or x_test) or an .npy file.
Image files are resized and made grey or coloured as the run needs it. The table has for each image the class, its name
and its probability, the entropy of the prediction in nats, the share of pairs of members that disagree, and the class
that each member answers.

Example:
  python -m experiments.predict RUN_DIRECTORY photos --out=predictions.csv
"""

import sys

from absl import flags, logging

from collab_ensembles import files
from collab_ensembles.data import picture_files
from collab_ensembles.errors import ConfigError, DataError, RunDirectoryError
from collab_ensembles.runs import run_directory
from experiments import command_line, path_flags, runtime

_OUT = path_flags.define("out", None, "the CSV file for the table; default: it is printed")
_SKIP = flags.DEFINE_bool("skip_unreadable", False, "leave out files that are no readable images; default: refuse them")
_THREADS = flags.DEFINE_integer("threads", None, "number of TensorFlow's threads; default: one for each core")


def main(arguments: list[str]) -> None:
    """Reads the images, then predicts, and writes or prints the table."""
    directory, path = command_line.two_arguments(arguments, "the directory of a run", "a folder or file of images")
    runtime.check_threads(_THREADS.value)
    if _OUT.value is not None:
        files.check_can_write(_OUT.value)
    run_directory.read_config(directory)
    data = run_directory.read_status(directory).data
    if data is None:
        raise RunDirectoryError(f"{directory}: nothing trained yet; train the run first")
    pictures = picture_files.read(path, data.image_shape)
    if pictures.unreadable and not _SKIP.value:
        others = f", and {len(pictures.unreadable) - 1} more" if len(pictures.unreadable) > 1 else ""
        raise DataError(f"{pictures.unreadable[0]}{others}; remove such files, or add --skip_unreadable")
    for line in pictures.unreadable:
        logging.warning("left out: %s", line)
    if not pictures.names:
        raise ConfigError(f"{path}: no readable image; give others")
    for line in pictures.changed:
        print(line, file=sys.stderr)
    runtime.start_tensorflow(_THREADS.value)

    from collab_ensembles.runs import prediction

    table = prediction.load(directory).predict(pictures.images).to_frame()
    table.insert(0, "image", pictures.names)
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    if _OUT.value is None:
        print(text, end="")
    else:
        files.write_bytes(_OUT.value, text.encode(errors="backslashreplace"))
        print(f"predictions of {len(table)} images: {_OUT.value}")


if __name__ == "__main__":
    command_line.launch(main)
