"""Tensor: the type of the values in networks, costs and training steps. Imports nothing."""

from typing import Any

Tensor = Any
"""A tensor of TensorFlow or Keras: eager, symbolic or in a graph. Neither library has types for it."""
