"""Groups of neural networks that learn from the labels and from each other."""

from collab_ensembles import canvas

__version__ = "0.1.0"

# Before anything imports matplotlib, as Keras does too.
canvas.load()
