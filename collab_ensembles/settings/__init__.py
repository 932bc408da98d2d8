"""The settings of runs, and the interface of systems."""
