"""Distillation: a network that learns from finished teachers (Song and Chai 2018, table 4)."""
