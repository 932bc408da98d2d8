"""Collaborative ensembles (Noel 2017)."""
