"""Makes tables and figures from run directories. Nothing here imports the models."""

from collab_ensembles import canvas

# This comes before every import of matplotlib.
canvas.load()
