"""Fixtures for all tests: TensorFlow started once, and small data."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import pytest

from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import parse_size
from collab_ensembles.streams import Stream, generator

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20170602)


@pytest.fixture
def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Twelve images of 8 x 8 pixels and their labels, in 5 classes."""
    return rng.integers(0, 256, (12, 8, 8, 1), np.uint8), rng.integers(0, 5, 12).astype(np.int32)


def network(size: str = "B2R1F2", member: int = 0, **options: object) -> keras.Model:
    """A small network for images of 8 x 8 pixels in 5 classes."""
    random = generator(3, Stream.INITIALISATION, member)
    return build_resnet(parse_size(size), (8, 8, 1), 5, random=random, name=f"{size}_{member}", **options)  # type: ignore[arg-type]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this suite."""
    parser.addoption("--all-faults", action="store_true", help="disturb sweeps many times, not a few (tests/faults)")
