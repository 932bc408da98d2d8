"""From run directories to tables and figures. Nothing here imports the models."""
