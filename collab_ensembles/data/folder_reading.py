"""How a folder of images is read. Imports nothing heavy."""

import dataclasses

REFUSE, SKIP = "refuse", "skip"
"""What happens to image files that cannot be read."""


@dataclasses.dataclass(frozen=True)
class FolderReading:
    """How a folder of images is read.

    Attributes:
      image_size: (height, width) to which images are resized; None: they have one size.
      test_share: the share of each class that is for the test, where there are no folders train/ and test/.
      split_seed: of the choice of these.
      unreadable: REFUSE the folder with a file that is no readable image, or SKIP the file.
    """

    image_size: tuple[int, int] | None = None
    test_share: float = 0.2
    split_seed: int = 0
    unreadable: str = REFUSE

    def __str__(self) -> str:
        return f"{self._size}, test share {self.test_share}, split seed {self.split_seed}, unreadable {self.unreadable}"

    @property
    def of_images(self) -> str:
        """The part of it that decides what the images are, however they are split."""
        return f"{self._size}, unreadable {self.unreadable}"

    @property
    def _size(self) -> str:
        return "x".join(map(str, self.image_size or ())) or "own size"


AS_IT_IS = FolderReading()
"""The defaults."""
