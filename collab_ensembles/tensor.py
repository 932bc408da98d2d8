"""Tensor: what networks, costs and training steps compute with. Imports nothing."""

from typing import Any

Tensor = Any
"""Of TensorFlow or Keras, eager, symbolic or in a graph; neither ships types."""
