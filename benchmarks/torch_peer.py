"""The same networks, cost and optimizer in PyTorch, as fast as its usual means make them.

Channels-last memory, the fused Adam, bfloat16 by autocast, and torch.compile where asked for. Strided
convolutions are padded on both sides, where TensorFlow pads below and to the right, and all convolutions decay, where
ours spare the first and those of the last brick: as much work, or nearly.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads import Clock, Workload, random_data
from collab_ensembles.networks.sizes import ResNetSize, parse_size


def _norm(filters: int, affine: bool = True) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01, affine=affine)
    if affine:
        norm.weight.requires_grad_(False)
    return norm


class Block(nn.Module):
    """BN, ReLU, convolution, twice, plus the input."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([_norm(filters), _norm(filters)])
        self.first = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.second = nn.Conv2d(filters, filters, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, filters, height, width] to the same shape."""
        y = self.first(functional.relu(self.norms[0](x)))
        return x + self.second(functional.relu(self.norms[1](y)))


class Reduction(nn.Module):
    """Half the height and width, twice the filters."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(filters, 2 * filters, 3, stride=2, padding=1, bias=False)
        self.norm = _norm(2 * filters)
        self.second = nn.Conv2d(2 * filters, 2 * filters, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(filters, 2 * filters, 2, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, filters, height, width] to [batch, 2 filters, height / 2, width / 2]."""
        return self.shortcut(x) + self.second(functional.relu(self.norm(self.first(x))))


class ResNet(nn.Module):
    """The network of `collab_ensembles.networks.resnet`, revision `report`."""

    def __init__(self, size: ResNetSize, channels: int) -> None:
        super().__init__()
        filters = size.filters
        bricks: list[nn.Module] = []
        for brick in range(size.bricks):
            bricks += [Block(filters) for _ in range(size.repetitions)]
            if brick < size.bricks - 1:
                bricks.append(Reduction(filters))
                filters *= 2
        self.input_norm = _norm(channels, affine=False)
        self.first = nn.Conv2d(channels, size.filters, 3, padding=1)
        self.bricks = nn.Sequential(*bricks)
        self.logits = nn.Linear(filters, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps pixels [batch, channels, height, width] to logits [batch, 10]."""
        x = self.bricks(self.first(self.input_norm(x)))
        return self.logits(x.mean(dim=(2, 3)))


def train(workload: Workload, clock: Clock) -> None:
    """Trains one epoch of all steps."""
    if workload.threads is not None:
        torch.set_num_threads(workload.threads)
    sizes = [parse_size(member) for member in workload.members]
    members = nn.ModuleList(ResNet(size, workload.image_shape[2]) for size in sizes)
    members = members.to(memory_format=torch.channels_last)
    decayed = [weight for weight in members.parameters() if weight.ndim == 4]
    optimizer = torch.optim.Adam(members.parameters(), lr=2.0**-10, fused=True)

    def cost(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=workload.precision == "mixed_bfloat16"):
            logits = [member(images).float() for member in members]
        total = sum(functional.cross_entropy(each, labels) for each in logits)
        if workload.method == "L2":
            total = total + 0.01 * (logits[0] - logits[1]).square().sum(dim=1).mean()
        return total + 5e-5 * sum(weight.square().sum() for weight in decayed)

    step = torch.compile(cost) if workload.compiled else cost
    arrays = random_data(workload)
    pixels, labels = torch.from_numpy(arrays[0]), torch.from_numpy(arrays[1]).long()
    for start in range(0, workload.total_steps * workload.batch_size, workload.batch_size):
        rows = slice(start, start + workload.batch_size)
        images = pixels[rows].permute(0, 3, 1, 2).float()
        optimizer.zero_grad()
        step(images, labels[rows]).backward()
        optimizer.step()
        clock.step()
