"""The flags of settings, defined and parsed within a test process."""

import contextlib
from collections.abc import Iterator

from absl import flags

from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from experiments import config_flags

FIELDS = {field.name: field for name in registry.names() for field in registry.method(name).config.in_order()}
"""Of all systems."""


@contextlib.contextmanager
def undefined() -> Iterator[None]:
    """Leaves no flag behind: absl keeps flags for the whole process."""
    yield
    _undefine()


def _undefine() -> None:
    flags.FLAGS.unparse_flags()
    for name in FIELDS.keys() & set(flags.FLAGS):
        delattr(flags.FLAGS, name)


def parse(*arguments: str) -> RunConfig:
    """The configuration that these arguments give, whatever was parsed before."""
    _undefine()
    config_flags.of_system(arguments)
    flags.FLAGS(["program", *arguments])
    return config_flags.config()
