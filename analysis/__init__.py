"""From run directories to tables and figures. Nothing here imports the models."""

# First of all, since it has to come before matplotlib.
import collab_ensembles  # noqa: F401
