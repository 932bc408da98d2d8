"""Snapshot and fast geometric ensembles (Huang et al. 2017, Garipov et al. 2018)."""
