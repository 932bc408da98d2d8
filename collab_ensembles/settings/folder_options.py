"""Settings for data sets that are folders of images. Imports nothing heavy."""

import dataclasses
import re
from typing import Any

from collab_ensembles.data.folder_reading import REFUSE, SKIP, FolderReading
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.fields import check_number, check_whole, option

FOLDER = "Folders of images"
"""Heading of these settings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """How a folder of images is read; without effect on other data."""

    image_size: str = option(
        "", "size to which images are resized (bilinear), such as 32 or 24x32 (height x width)", heading=FOLDER
    )
    test_share: float = option(
        FolderReading.test_share,
        "share of the images of each class that is for the test, if the folder has no train/ and test/",
        heading=FOLDER,
    )
    split_seed: int = option(FolderReading.split_seed, "seed of the choice of these images", heading=FOLDER)
    unreadable: str = option(
        REFUSE,
        "what to do with files that are no readable images: refuse: name the first and end; skip: leave them out",
        (REFUSE, SKIP),
        heading=FOLDER,
    )

    def folder_reading(self) -> FolderReading:
        """These settings as the data sets take them."""
        size = tuple(int(side) for side in self.image_size.split("x")) if self.image_size else None
        pair = None if size is None else (size[0], size[1])
        return FolderReading(pair, self.test_share, self.split_seed, self.unreadable)

    def folder_defaults(self) -> dict[str, Any]:
        """The only values that these settings may have with other data."""
        return {field.name: field.default for field in dataclasses.fields(FolderOptions)}

    def check_folder_options(self) -> None:
        """Raises ConfigError for a value that is not allowed."""
        check_number("test_share", self.test_share, 0, 1, above=True, below=True)
        check_whole("split_seed", self.split_seed, 0)
        if self.image_size and not re.fullmatch(r"[1-9]\d{0,3}(x[1-9]\d{0,3})?", self.image_size):
            raise ConfigError(f"--image_size={self.image_size}: needed: a size from 1 to 9999, such as 32 or 24x32")


def normal_size(text: str) -> str:
    """The size as height x width, so that equal settings have equal digests: 32 is 32x32."""
    return f"{text}x{text}" if text.isdecimal() else text
