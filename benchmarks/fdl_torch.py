"""One network of the published MNIST experiment of Das and Dutta Roy (2022), written again in PyTorch.

The same data, network, initial values and optimizers as `--system=fdl --members=fdlnet<n> --phases=cross_entropy`:
Adadelta, then SGD that is made anew in each joint epoch. Other random numbers, so that curves are alike, not equal.
Needs PyTorch (the extra `[bench]`).

Example:
  python -m benchmarks.fdl_torch --filters=32 --train_limit=6000 --joint_epochs=10
"""

import math
from typing import Any

import numpy as np
from absl import flags

from collab_ensembles import data
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl.recipes import ADADELTA_FACTOR, ADADELTA_RATE, RECIPES
from experiments import command_line, path_flags

_FILTERS = flags.DEFINE_integer("filters", 32, "filters of the network", lower_bound=1)
_TRAIN_LIMIT = flags.DEFINE_integer("train_limit", None, "use only the first so many training examples", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("joint_epochs", 10, "epochs of SGD after the 10 of Adadelta", lower_bound=0)
_SEED = flags.DEFINE_integer("seed", 0, "of PyTorch's random numbers", lower_bound=0)
_DATA_DIR = path_flags.data_dir()

_BATCH = 256


def main(arguments: list[str]) -> None:
    """Trains and prints a line an epoch."""
    command_line.no_arguments(arguments)
    try:
        import torch
    except ImportError as missing:
        raise ConfigError("PyTorch is not installed; pip install -e '.[bench]'") from missing
    dataset = data.load("mnist", _DATA_DIR.value, "standard", _TRAIN_LIMIT.value)
    train = _tensors(dataset.train_images, dataset.train_labels)
    test = _tensors(dataset.test_images, dataset.test_labels)
    torch.manual_seed(_SEED.value)
    network = _network(_FILTERS.value)
    adadelta = torch.optim.Adadelta(network.parameters(), lr=ADADELTA_RATE)
    momentum = RECIPES["mnist"].momenta["cross_entropy"].momentum
    for epoch in range(10 + _EPOCHS.value):
        optimizer: Any = adadelta
        if epoch < 10:
            adadelta.param_groups[0]["lr"] = ADADELTA_RATE * ADADELTA_FACTOR**epoch
        else:
            optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=momentum, weight_decay=1e-4)
        cost, error = _train(network, optimizer, *train)
        print(
            f"epoch {epoch + 1:2d} ({type(optimizer).__name__}): training cost {cost:.3f}, error {100 * error:.2f} %, "
            f"test error {100 * _test_error(network, *test):.2f} %",
            flush=True,
        )


def _tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
    """Standardised pixels, float32 [examples, 1, height, width], and labels, int64 [examples]."""
    import torch

    pixels = (np.asarray(images, np.float32) / 255 - 0.1307) / 0.3081
    return torch.from_numpy(np.moveaxis(pixels, -1, 1).copy()), torch.from_numpy(np.asarray(labels, np.int64))


def _network(filters: int) -> Any:
    from torch import nn

    convolution = nn.Conv2d(1, filters, 3, stride=2, padding=1)
    nn.init.normal_(convolution.weight, 0.0, math.sqrt(2 / (9 * filters)))
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(
        convolution,
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(49 * filters, 10),
    )


def _train(network: Any, optimizer: Any, images: Any, labels: Any) -> tuple[float, float]:
    """One epoch in a new order; gives the means of cost and error over it."""
    import torch

    network.train()
    order, cost, wrong = torch.randperm(len(labels)), 0.0, 0
    for indices in order.split(_BATCH):
        optimizer.zero_grad()
        logits = network(images[indices])
        loss = torch.nn.functional.cross_entropy(logits, labels[indices])
        loss.backward()
        optimizer.step()
        cost += float(loss.detach()) * len(indices)
        wrong += int((logits.argmax(1) != labels[indices]).sum())
    return cost / len(labels), wrong / len(labels)


def _test_error(network: Any, images: Any, labels: Any) -> float:
    import torch

    network.eval()
    with torch.no_grad():
        parts = zip(images.split(1000), labels.split(1000), strict=True)
        wrong = sum(int((network(x).argmax(1) != y).sum()) for x, y in parts)
    return wrong / len(labels)


if __name__ == "__main__":
    command_line.launch(main)
