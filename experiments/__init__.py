"""The commands: train, sweep, prepare, evaluate, export."""

from collab_ensembles import canvas

# Before anything imports matplotlib, as Keras does too.
canvas.load()
