"""Names of networks of one's own: a function in a Python file, or a Keras file. Imports nothing heavy.

As a setting such a name has the absolute path of the file and the digest of its content, so that a run is of this
content: `/home/me/mine.py:build@0123456789abcdef`.
"""

import dataclasses
import hashlib
import os
import re
from collections.abc import Sequence

from collab_ensembles.errors import ConfigError

OWN_FORMS = (
    "of your own: mine.py:build, a function (image_shape, num_classes, seed) in a file, which is executed, or "
    "net.keras, a saved network"
)

_DIGITS = 16
_LONGEST_NAME = 40
_FORM = re.compile(rf"(?P<path>.+(\.py:(?P<function>\w+)|\.keras))(@(?P<digest>[0-9a-f]{{{_DIGITS}}}))?", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class OwnNetwork:
    """A network that a file gives; see `sizes.Size`.

    Attributes:
      path: of the file.
      function: its function that makes the network; empty for a Keras file.
      digest: the first digits of the SHA-256 of the file's content; empty if they are not known yet.
    """

    path: str
    function: str = ""
    digest: str = ""

    image_divisor = 1
    split_points = ()
    default_split_points = ()

    def __str__(self) -> str:
        return f"{self.source}@{self.digest}" if self.digest else self.source

    @property
    def source(self) -> str:
        """The path, with the name of the function."""
        return f"{self.path}:{self.function}" if self.function else self.path

    @property
    def name(self) -> str:
        """For people and file names: that of the function, or of the file if the function is called `build`."""
        stem = os.path.splitext(os.path.basename(self.path))[0]
        own = stem if self.function in ("", "build") else self.function
        return re.sub(r"[^A-Za-z0-9_-]", "_", own)[:_LONGEST_NAME]

    def content(self) -> bytes:
        """The content of the file.

        Raises:
          ConfigError: it cannot be read, or has changed since the digest was taken.
        """
        try:
            with open(self.path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise ConfigError(
                f"--members={self.source}: {(error.strerror or str(error)).lower()}; needed: a .py file with a "
                "function, or a .keras file; a run that has begun goes on with the members in its config.json"
            ) from error
        if self.digest and not self.is_of(content):
            raise ConfigError(
                f"--members={self.source}: changed while it was in use, since its digest is not {self.digest}; give "
                "the command again"
            )
        return content

    def is_of(self, content: bytes) -> bool:
        """Whether a content has the digest."""
        return hashlib.sha256(content).hexdigest().startswith(self.digest)


def parse(member: str) -> OwnNetwork | None:
    """The network of one's own with this name; None if the name has another form."""
    match = _FORM.fullmatch(member)
    if match is None:
        return None
    function = match["function"] or ""
    path = match["path"].removesuffix(f":{function}") if function else match["path"]
    return OwnNetwork(path, function, match["digest"] or "")


def sealed(member: str) -> str:
    """The name with the absolute path of its file and the digest of the content; other names as they are.

    A name that has a digest already is not looked up: its file may be gone, while runs have copies.

    Raises:
      ConfigError: the file cannot be read.
    """
    own = parse(member)
    if own is None:
        return member
    own = dataclasses.replace(own, path=os.path.abspath(os.path.expanduser(own.path)))
    if not own.digest:
        own = dataclasses.replace(own, digest=hashlib.sha256(own.content()).hexdigest()[:_DIGITS])
    return str(own)


def in_files(members: Sequence[str]) -> dict[int, OwnNetwork]:
    """Those of the members that are networks of one's own, by their place in the list."""
    return {place: own for place, own in enumerate(map(parse, members)) if own is not None}


def shortened(members: Sequence[str]) -> tuple[str, ...]:
    """The members for people, where different files must differ: `net@01234567` in place of a path."""
    own = in_files(members)
    return tuple(
        f"{own[place].name}@{own[place].digest[:8]}" if place in own else member for place, member in enumerate(members)
    )


def with_paths(members: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """The members with other paths of their files, one for each that has a file.

    Raises:
      ValueError: there are more or fewer paths.
    """
    changed = list(members)
    for (place, own), path in zip(in_files(members).items(), paths, strict=True):
        changed[place] = str(dataclasses.replace(own, path=path))
    return tuple(changed)
