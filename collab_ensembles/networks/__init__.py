"""Builders of plain Keras networks."""
