"""A run: its directory, its files, and its training from the first epoch to the last."""
