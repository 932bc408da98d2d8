"""Flags that take a path."""

import os
from typing import Any

from absl import flags

# absl then shows the flags under the modules that call `define`.
flags.disclaim_key_flags()


class _PathParser(flags.ArgumentParser[str]):
    """Expands `~`: shells do not do this after `--flag=`."""

    syntactic_help = "a path"

    def parse(self, argument: str) -> str:
        if not argument:
            raise ValueError("received an empty path; give one, or leave the flag out")
        return os.path.expanduser(argument)


def define(name: str, default: str | None, description: str, **options: Any) -> Any:
    """Defines a flag for a path and expands `~` in it; the arguments are those of `flags.DEFINE_string`."""
    return flags.DEFINE(_PathParser(), name, default, description, serializer=flags.ArgumentSerializer(), **options)


def log_dir() -> Any:
    """Defines `--log_dir`; also where another module of the same process has defined it."""
    return define("log_dir", "runs", "the directory that contains the run directories", allow_override=True)


def data_dir() -> Any:
    """Defines `--data_dir`."""
    return define("data_dir", None, "the directory for data; default: the user's cache directory")
