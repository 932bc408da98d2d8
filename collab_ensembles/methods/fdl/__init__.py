"""Feature-difference ensembles (Das and Dutta Roy 2022)."""
