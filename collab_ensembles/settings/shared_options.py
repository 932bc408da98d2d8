"""Settings of data, networks and training that all systems share. Imports nothing heavy."""

import dataclasses

from collab_ensembles.data import catalogue
from collab_ensembles.networks.own_files import OWN_FORMS
from collab_ensembles.networks.sizes import FORMS
from collab_ensembles.settings.fields import TRAINING, WHAT, check_number, check_whole, option

DEFAULT_SYSTEM = "ensemble"

_MOST_EPOCHS = 99_999
"""The names of checkpoints have five digits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedOptions:
    """What is trained, on which data, and how; `RunFields.default` has the values of those that are None."""

    system: str = option(DEFAULT_SYSTEM, "what is trained", heading=WHAT)
    dataset: str = option(
        "digits",
        f"data set: {', '.join(catalogue.CATALOGUE)}, or the path of an .npz file or a folder of images",
        heading=WHAT,
    )
    split: str = option(
        "report",
        "how to split the data into training and test parts: report: as in the published tables; standard: the "
        "official split; author: as report, with the author's own images in his order (mnist, cifar10); validation: "
        "the test part is the last tenth of the training part of report",
        catalogue.SPLITS,
        heading=WHAT,
    )
    train_limit: int | None = option(None, "use only this many training examples, from the first on", heading=WHAT)
    members: tuple[str, ...] = option(None, f"the networks: {FORMS}; or {OWN_FORMS}", heading=WHAT)
    resnet: str = option(
        "report",
        "revision of the residual block of ST, M and sizes such as B3R5F16: report: as in the published tables; fixed: "
        "without their typing error; post2018: the author's later correction",
        ("report", "fixed", "post2018"),
        heading=WHAT,
    )
    regularization_rate: float = option(
        None,
        "weight decay s: each decayed variable adds s * sum(w^2) / 2",
        heading=TRAINING,
    )
    decay_scope: str = option(
        None,
        "which kernels of ST, M and sizes such as B3R5F16 decay: report: all but those of the last brick, as in the "
        "reference code; all: every kernel; default: all with --resnet=post2018, otherwise report",
        ("report", "all"),
        heading=TRAINING,
    )
    epochs: int = option(None, "number of epochs", heading=TRAINING)
    batch_size: int = option(None, "examples in each training step", heading=TRAINING)
    learning_rate: float | str = option(
        None,
        "initial learning rate; or one for each member, such as ST:0.001,M:0.0005; all fall at the same epochs",
        heading=TRAINING,
    )
    shuffle: str = option(
        None,
        "order of the training examples: none: the same in each epoch; permute: a new permutation in each epoch; "
        "bootstrap: examples drawn with replacement",
        ("none", "permute", "bootstrap"),
        heading=TRAINING,
    )
    precision: str = option(
        "float32",
        "number format: mixed_bfloat16: convolutions in bfloat16; statistics, logits and costs in float32",
        ("float32", "mixed_bfloat16"),
        heading=TRAINING,
    )
    augment: bool = option(
        None,
        "change the training images at random in each epoch: shift them by up to 12.5 %; on CIFAR, also flip them",
        heading=TRAINING,
    )
    label_noise: float = option(
        0.0,
        "share of the training examples whose labels are replaced by random classes, drawn again in each epoch",
        heading=TRAINING,
    )
    seed: int = option(0, "seed of all random numbers", heading=TRAINING)

    def check_numbers(self) -> None:
        """Raises ConfigError for a number that is not allowed."""
        for name, least in (("batch_size", 1), ("seed", 0), ("train_limit", 1)):
            check_whole(name, getattr(self, name), least)
        check_whole("epochs", self.epochs, 1, _MOST_EPOCHS)
        check_number("regularization_rate", self.regularization_rate)
        if isinstance(self.learning_rate, float):
            check_number("learning_rate", self.learning_rate, above=True)
        check_number("label_noise", self.label_noise, 0, 1)
