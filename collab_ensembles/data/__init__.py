"""Data sets as arrays: `load` finds, verifies and caches them."""

import os
from collections.abc import Callable

import numpy as np
import platformdirs

from collab_ensembles.data import author_order, catalogue, folder, npz, sources
from collab_ensembles.data.cache import ArrayCache, Part, check_digest, in_digest_order
from collab_ensembles.data.dataset import Dataset
from collab_ensembles.data.folder_reading import AS_IT_IS, FolderReading
from collab_ensembles.errors import ConfigError, UnavailableDataError

__all__ = ["Dataset", "default_data_dir", "load"]

_AUTHOR = "-author"
"""The end of the names of cached parts in the author's order."""


def default_data_dir() -> str:
    """The user's cache directory: on Linux `$XDG_CACHE_HOME/collab_ensembles`, or `~/.cache/collab_ensembles`."""
    return platformdirs.user_cache_dir("collab_ensembles", appauthor=False)


def load(
    name: str,
    data_dir: str | None = None,
    split: str = "report",
    train_limit: int | None = None,
    verify: bool = False,
    fetch: bool = True,
    reading: FolderReading = AS_IT_IS,
) -> Dataset:
    """Loads a data set; fetches it at first use.

    Args:
      name: a name of the catalogue, or the path of an .npz file or a folder of images of the user's own.
      data_dir: the directory for fetched files and decoded arrays; default: the user's cache directory.
      split: `report` (the split of the published tables), `standard` (the official one), `author` (that of the
        published tables with the author's own images in his order) or `validation` (the last tenth of the report's
        training part serves as the test part).
      train_limit: keep only this many training examples, from the first on.
      verify: first check the cached arrays against their digests; damaged ones are made again.
      fetch: fetch data that are not in `data_dir`, which may start TensorFlow; otherwise raise UnavailableDataError.
      reading: how a folder of images is read.

    Raises:
      ConfigError: an unknown name or split, or the author's order of these data is not known.
      UnavailableDataError: there is no such file, or no source could deliver the data.
      DataError: the data are not as expected, or have changed since they were first used.
      CollabError: `data_dir` cannot be written.
    """
    catalogue.check_name(name)
    catalogue.check_split(split, name)
    if train_limit is not None and train_limit < 1:
        raise ConfigError(f"train_limit={train_limit}: allowed: whole numbers from 1")
    name = catalogue.resolve(name)
    data_dir = os.path.expanduser(data_dir or default_data_dir())
    if catalogue.is_file(name):
        train, test = npz.read(name, data_dir)
        label_names = tuple(str(label) for label in range(int(max(train.labels.max(), test.labels.max())) + 1))
    elif catalogue.is_folder(name):
        train, test, label_names = folder.read(name, data_dir, reading)
    else:
        entry = catalogue.CATALOGUE[name]
        positions = author_order.positions(entry.name) if split == "author" else {}
        known = {part + _AUTHOR: digest for part, digest in entry.digests.items() if part in positions}
        orders = {part + _AUTHOR: order for part, order in positions.items()}
        cache = ArrayCache(data_dir, entry.name, verify, {**entry.digests, **known}, orders)

        def fetch_parts() -> None:
            if not fetch:
                raise UnavailableDataError(f"{name} is not in {data_dir}; fetch it with experiments.prepare")
            _fetch(entry, cache, data_dir)

        def pool(parts: tuple[str, ...]) -> Part:
            name = "+".join(parts)
            if name in positions:
                return _in_order(name, positions[name], lambda: _pool(parts, cache, fetch_parts), cache)
            return _pool(parts, cache, fetch_parts)

        train, test = _compose(entry.composition(split), pool)
        label_names = entry.label_names
    held_out = catalogue.validation_size(split, len(train.labels))
    if split == "validation":
        if held_out == 0:
            raise ConfigError(f"{name} has {len(train.labels)} training examples; split=validation takes at least 10")
        test = Part(train.images[-held_out:], train.labels[-held_out:])
        train = Part(train.images[:-held_out], train.labels[:-held_out])
    dataset = Dataset(catalogue.label(name), *train, *test, label_names, is_folder=catalogue.is_folder(name))
    return dataset.first(train_limit) if train_limit else dataset


def _compose(composition: catalogue.Composition, pool: Callable[[tuple[str, ...]], Part]) -> tuple[Part, Part]:
    train = pool(composition.train)
    if composition.test:
        return train, pool(composition.test)
    cut = len(train.labels) - composition.cut
    return Part(train.images[:cut], train.labels[:cut]), Part(train.images[cut:], train.labels[cut:])


def _pool(parts: tuple[str, ...], cache: ArrayCache, fetch: Callable[[], None]) -> Part:
    """One part, or several parts as one; the result is cached too, so that it can be memory-mapped."""
    name = "+".join(parts)
    cached = cache.read(name)
    if cached is not None:
        return cached
    if any(cache.read(part) is None for part in parts):
        fetch()
        if len(parts) == 1:
            return _required(cache, name)
    pooled, digest = in_digest_order([_required(cache, part) for part in parts])
    return cache.write(name, pooled, digest, "the cache")


def _in_order(name: str, positions: np.ndarray, pooled: Callable[[], Part], cache: ArrayCache) -> Part:
    """A part in the author's order; it is cached too, so that it can be memory-mapped."""
    cached = cache.read(name + _AUTHOR)
    if cached is not None:
        return cached
    part = pooled()
    content = Part(part.images[positions], part.labels[positions])
    return cache.write(name + _AUTHOR, content, in_digest_order([content])[1], "the cache")


def _fetch(entry: catalogue.Entry, cache: ArrayCache, data_dir: str) -> None:
    source, parts = sources.fetch(entry, data_dir)
    ordered = {part: in_digest_order([content]) for part, content in parts.items()}
    # Every part is checked before the first one is kept.
    for part, (_, digest) in ordered.items():
        check_digest(f"{part} part of {entry.name}", digest, entry.digests.get(part), source)
    for part, (content, digest) in ordered.items():
        cache.write(part, content, digest, source)


def _required(cache: ArrayCache, part: str) -> Part:
    content = cache.read(part)
    assert content is not None
    return content
