"""Makes small archives with all the peculiarities of notMNIST.

Example:
  python tests/data/make_fake_notmnist.py DIRECTORY
"""

import dataclasses
import hashlib
import io
import pathlib
import sys
import tarfile

import numpy as np
from PIL import Image

LETTERS = "ABCDEFGHIJ"
SMALL, LARGE = "notMNIST_small", "notMNIST_large"

Example = tuple[int, bytes]
"""A label and 784 pixels."""


@dataclasses.dataclass(frozen=True)
class Fake:
    """What a fake archive holds.

    Attributes:
      path: the archive.
      examples: all readable images, in the order of the archive, repeated ones included.
      unreadable: how many files no image can be read from.
    """

    path: pathlib.Path
    examples: list[Example]
    unreadable: int

    def in_digest_order(self) -> list[Example]:
        return sorted(self.examples, key=digest)

    def content_digest(self) -> str:
        return hashlib.sha256(b"".join(sorted(map(digest, self.examples)))).hexdigest()


def digest(example: Example) -> bytes:
    return hashlib.sha256(bytes([example[0]]) + example[1]).digest()


def make_archives(directory: pathlib.Path) -> dict[str, Fake]:
    """Writes `notMNIST_small.tar.gz` and `notMNIST_large.tar.gz`.

    Each has a few images a letter, images that repeat another, an empty file, a PNG cut short, a link and
    a file outside the letters' directories; the small one has an image under two letters, too.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return {
        SMALL: _make_archive(directory, SMALL, images_a_letter=8, several_letters=True, seed=1),
        LARGE: _make_archive(directory, LARGE, images_a_letter=12, several_letters=False, seed=2),
    }


def _make_archive(directory: pathlib.Path, name: str, images_a_letter: int, several_letters: bool, seed: int) -> Fake:
    random = np.random.default_rng(seed)
    path = directory / f"{name}.tar.gz"
    examples = []
    with tarfile.open(path, "w:gz") as archive:

        def add(member: str, content: bytes) -> None:
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        def add_image(letter: str, file: str, pixels: np.ndarray) -> None:
            add(f"{letter}/{file}", _png(pixels))
            examples.append((LETTERS.index(letter), pixels.tobytes()))

        shared = random.integers(0, 256, (28, 28), dtype=np.uint8)
        for letter in LETTERS:
            folder = tarfile.TarInfo(f"{name}/{letter}")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for index in range(images_a_letter + (letter == "J")):
                pixels = random.integers(0, 256, (28, 28), dtype=np.uint8)
                add_image(letter, f"{index}.png", pixels)
                if index == 0 and letter in "AB":
                    add_image(letter, "again.png", pixels)
            if letter in "CD" and several_letters:
                add_image(letter, "shared.png", shared)
        add("A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png", b"")
        add("F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png", _png(shared)[:200])
        link = tarfile.TarInfo(f"{name}/E/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "0.png"
        archive.addfile(link)
        add("readme.png", _png(shared))
        add("K/0.png", _png(shared))
    return Fake(path, examples, unreadable=2)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    for fake in make_archives(pathlib.Path(sys.argv[1])).values():
        print(f"{fake.path}: {len(fake.examples)} images, {fake.unreadable} unreadable, {fake.content_digest()}")
