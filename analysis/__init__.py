"""From run directories to tables and figures. Nothing here imports the models."""

from collab_ensembles import canvas

# Before anything imports matplotlib.
canvas.load()
