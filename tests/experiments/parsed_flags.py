"""The flags of all fields of RunConfig, defined and parsed within a test process."""

import contextlib
import dataclasses
from collections.abc import Iterator

from absl import flags

from collab_ensembles.settings.config import RunConfig
from experiments import config_flags

FIELDS = {field.name: field for field in dataclasses.fields(RunConfig)}


@contextlib.contextmanager
def defined() -> Iterator[None]:
    """Defines the flags for the block alone: absl keeps flags for the whole process."""
    config_flags.define()
    yield
    for name in FIELDS:
        delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()


def parse(*arguments: str) -> RunConfig:
    """The configuration that these arguments give, whatever was parsed before."""
    flags.FLAGS.unparse_flags()
    for name in FIELDS.keys() & set(flags.FLAGS):
        flags.FLAGS[name].unparse()
    flags.FLAGS(["program", *arguments])
    return config_flags.config()
