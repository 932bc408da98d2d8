"""The commands, such as train, sweep, prepare, evaluate and export."""

from collab_ensembles import canvas

# This comes before every import of matplotlib; Keras imports it too.
canvas.load()
