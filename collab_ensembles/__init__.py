"""Groups of neural networks that learn from the labels and from each other."""

__version__ = "0.1.0"
